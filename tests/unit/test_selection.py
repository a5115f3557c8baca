"""Selection, countable by hand: which frames can be picked, and which are."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from wtemlp.analysis.frames import Decision, FrameTable, Phase, load_frames, save_frames
from wtemlp.analysis.picking import draw, energy_bin
from wtemlp.config.keys.labels import Picking, Selection
from wtemlp.config.records import Criteria
from wtemlp.core.paths import RunPaths
from wtemlp.core.seeds import derive_seed
from wtemlp.records.walkers import WalkerSummary
from wtemlp.stages import select

A, C, F, S = Decision.ACCURATE, Decision.CANDIDATE, Decision.FAILED, Decision.SELECTED


def frames(deviation, *, out=(), energy=None, task=None, step=None) -> FrameTable:
    n = len(deviation)
    decision = np.full(n, int(A))
    decision[list(out)] = int(F)
    zeros = np.zeros(n)
    return FrameTable(
        system=zeros.astype(int),
        walker=zeros.astype(int),
        phase=zeros.astype(int),
        task=zeros.astype(int) if task is None else np.array(task),
        step=10 * np.arange(n) if step is None else np.array(step),
        biasfactor=zeros + 16,
        temperature_K=zeros + 300,
        bias_eV=zeros,
        energy_eV=zeros if energy is None else np.array(energy, dtype=float),
        max_devi_f=np.array(deviation, dtype=float),
        decision=decision,
    )


def context(task_max=2, task_min=1, seed=1, **selection):
    params = SimpleNamespace(
        trust=None,
        criteria=(Criteria((0.2,), (0.8,), (np.inf,), (np.inf,), task_max, task_min),),
        selection=Selection(**selection),
        jdata={},
    )
    return SimpleNamespace(
        params=params, seed=lambda *purpose: derive_seed(seed, *purpose), paths=None
    )


#: Two accurate, three candidates, two above the level, one not finite, one of a stopped walker.
DEVIATIONS = [0.1, 0.1, 0.3, 0.4, 0.5, 0.9, 2.0, np.nan, 0.3]
STOPPED = [8]


def test_by_deviation_only_candidates_are_picked():
    for seed in range(20):
        decided = select.decide(context(seed=seed), 0, frames(DEVIATIONS, out=STOPPED))
        chosen = np.flatnonzero(decided.decision == S)
        assert len(chosen) == 2 and set(chosen) <= {2, 3, 4}


def test_at_random_all_finite_frames_of_the_physical_world_are_picked_alike():
    counts = np.zeros(9)
    for seed in range(700):
        decided = select.decide(
            context(seed=seed, method=Picking.RANDOM), 0, frames(DEVIATIONS, out=STOPPED)
        )
        chosen = decided.decision == S
        assert chosen.sum() == 2
        counts += chosen
    assert counts[7] == counts[8] == 0
    # 1400 picks of seven frames: 200 each, with a standard deviation of 12.
    assert np.abs(counts[:7] - 200).max() < 60


@pytest.mark.parametrize("method", ["deviation", Picking.RANDOM])
def test_counts_are_the_classification_whatever_was_picked(method):
    decided = select.decide(context(task_max=5, method=method), 0, frames(DEVIATIONS, out=STOPPED))
    assert [decided.judged(one) for one in (A, C, F)] == [2, 3, 4]
    assert decided.count(S) == (3 if method == "deviation" else 5)
    assert select.accurate_ratio(decided) == pytest.approx(2 / 9)


def test_too_few_are_none():
    few = frames([0.1, 0.3, 0.4])
    assert select.decide(context(5, 3), 0, few).count(S) == 0
    assert select.decide(context(5, 3, method=Picking.RANDOM), 0, few).count(S) == 3
    assert select.decide(context(5, 4, method=Picking.RANDOM), 0, few).count(S) == 0
    # Five candidates of which no more than two are apart.
    near = frames([0.5] * 5, step=[0, 1, 2, 3, 4])
    assert select.decide(context(5, 3, min_steps_apart=4), 0, near).count(S) == 0
    assert select.decide(context(5, 1, min_steps_apart=4), 0, near).count(S) in (1, 2)


def test_no_frame_at_all():
    empty = frames([])
    for how in ({}, {"method": Picking.RANDOM}, {"energy_bins": 3}):
        assert len(select.decide(context(**how), 0, empty)) == 0


def test_lists_hold_each_frame_once_by_its_verdict(tmp_path):
    one = context(task_max=7, method=Picking.RANDOM)
    one.paths = RunPaths(tmp_path)
    decided = select.decide(one, 0, frames(DEVIATIONS, out=STOPPED))
    assert decided.count(S) == 7
    for folder in (one.paths.label(0), one.paths.explore(0)):
        folder.mkdir(parents=True)
    select.record(one, 0, decided)
    steps = {
        name: {
            int(line.split()[1])
            for line in (one.paths.label(0) / f"{name}.shuffled.000.out").read_text().splitlines()
        }
        for name in ("candidate", "rest_accurate", "rest_failed")
    }
    assert steps == {
        "candidate": {20, 30, 40},
        "rest_accurate": {0, 10},
        "rest_failed": {50, 60, 70, 80},
    }
    kept = load_frames(one.paths.explored(0))
    np.testing.assert_array_equal(kept.verdict, decided.verdict)
    np.testing.assert_array_equal(kept.decision, decided.decision)


def test_a_table_of_the_first_versions_has_verdicts(tmp_path):
    table = frames(DEVIATIONS)
    table = FrameTable(**{**vars(table), "decision": np.array([A, A, S, C, C, F, F, F, F])})
    content = {name: value for name, value in vars(table).items() if name != "verdict"}
    np.savez(tmp_path / "explored.npz", **content)
    assert list(load_frames(tmp_path / "explored.npz").verdict) == [A, A, C, C, C, F, F, F, F]
    save_frames(tmp_path / "new.npz", table)
    assert len(load_frames(Path(tmp_path / "new.npz"))) == 9


def test_energy_bins_are_of_equal_width():
    bins = energy_bin([0.0, 0.9, 1.0, 2.5, 4.0, np.nan], 4)
    assert list(bins) == [0, 0, 1, 2, 3, 4]
    assert list(energy_bin([2.0, 2.0], 3)) == [0, 0]
    assert list(energy_bin([np.nan, np.inf], 3)) == [3, 3]


def test_frames_are_spread_over_the_energies():
    # 90 frames near 0 eV, 6 near 1 and 4 near 2: four of each, and the rest of the last turn.
    energy = np.concatenate([np.zeros(90), np.ones(6), np.full(4, 2.0)])
    energy[0], energy[-1] = -0.4, 2.4
    table = frames([0.5] * 100, energy=energy)
    for seed in range(5):
        decided = select.decide(context(12, seed=seed, energy_bins=3), 0, table)
        chosen = energy[decided.decision == S].round()
        assert [int((chosen == level).sum()) for level in (0, 1, 2)] == [4, 4, 4]
    decided = select.decide(context(30, energy_bins=3), 0, table)
    chosen = np.abs(energy[decided.decision == S].round())
    assert [int((chosen == level).sum()) for level in (0, 1, 2)] == [20, 6, 4]


def test_the_last_turn_favours_no_bin():
    counts = np.zeros(3)
    for seed in range(300):
        drawn = draw(np.random.default_rng(seed), 1, [0, 1, 2] * 5, range(15), range(15))
        counts[drawn % 3] += 1
    assert np.abs(counts - 100).max() < 45


def test_frames_of_a_walker_are_apart_and_those_of_another_do_not_count():
    step = [0, 10, 20, 30, 40] * 2
    table = frames([0.5] * 10, task=[0] * 5 + [1] * 5, step=step)
    for seed in range(20):
        decided = select.decide(context(10, seed=seed, min_steps_apart=20), 0, table)
        chosen = np.flatnonzero(decided.decision == S)
        for task in (0, 1):
            steps = sorted(step[row] for row in chosen if row // 5 == task)
            assert 2 <= len(steps) <= 3 and min(np.diff(steps)) >= 20


def test_a_draw_is_of_its_seed_alone():
    table = frames([0.5] * 50, energy=np.arange(50))
    for how in ({}, {"method": Picking.RANDOM}, {"energy_bins": 4, "min_steps_apart": 30}):
        first, again, other = (
            select.decide(context(8, seed=seed, **how), 0, table).decision for seed in (1, 1, 2)
        )
        assert (first == again).all() and (first != other).any()


def walker_row(task, biasfactor, stopped="", **more):
    return WalkerSummary(
        name=f"task.000.{task:06d}",
        temperature_K=300.0,
        biasfactor=biasfactor,
        stopped=stopped,
        **more,
    )


def explored_by(*walkers):
    """Ten frames of NVT and so many biased ones of each walker, so many of these accurate."""
    parts = []
    for task, (biasfactor, biased, accurate) in enumerate(walkers):
        deviations = [0.1] * 10 + [0.1] * accurate + [0.5] * (biased - accurate)
        one = select.decide(context(), 0, frames(deviations, step=list(range(len(deviations)))))
        n = len(deviations)
        parts.append(
            FrameTable(
                **{
                    **vars(one),
                    "task": np.full(n, task),
                    "biasfactor": np.full(n, float(biasfactor)),
                    "temperature_K": np.full(n, 300.0),
                    "phase": np.where(np.arange(n) < 10, int(Phase.NVT), int(Phase.WTE)),
                }
            )
        )
    return FrameTable.concatenate(parts)


def test_the_worst_part_of_an_exploration_counts_and_not_the_pool():
    table = explored_by((4, 20, 20), (64, 20, 8))
    rows = [walker_row(0, 4.0), walker_row(1, 64.0)]
    assert table.judged(A) / len(table) == pytest.approx(48 / 60)
    assert select.accurate_ratio(table, rows) == pytest.approx(8 / 20)
    # Walkers of one window have each a bias factor of their own, and are one part.
    window = [walker_row(0, 4.0, window_K=(250, 350)), walker_row(1, 64.0, window_K=(250, 350))]
    assert select.accurate_ratio(table, window) == pytest.approx(28 / 40)


def test_what_a_stopped_walker_did_not_deliver_has_failed():
    table = explored_by((16, 20, 20), (16, 5, 5))
    rows = [walker_row(0, 16.0), walker_row(1, 16.0, "too hot")]
    assert select.accurate_ratio(table, rows) == pytest.approx(25 / 40)
    left = [walker_row(0, 16.0), walker_row(1, 16.0, "left its grid", left_grid=True)]
    assert select.accurate_ratio(table, left) == 1
    # All were stopped: the input says how long they were to be; one never came to the bias.
    early = explored_by((16, 5, 5), (16, 0, 0))
    both = [walker_row(0, 16.0, "too hot"), walker_row(1, 16.0, "too hot")]
    whole = {Phase.NVT: 10, Phase.WTE: 20}
    assert select.accurate_ratio(early, both, whole) == pytest.approx(5 / 40)
