"""Decisions on frames: as DP-GEN's own functions make them of the same files, but for its bugs."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wtemlp.analysis.deviation import classify, classify_adaptive
from wtemlp.analysis.frames import Decision, FrameTable, load_frames, save_frames
from wtemlp.config.records import Adaptive, Criteria
from wtemlp.dpgen import adapter
from wtemlp.stages.classification import sort_frames, task_limit
from wtemlp.stages.exploration.walker_results import read_rows

LEVELS = Criteria(
    f_lo=(0.1, 9.0),
    f_hi=(0.3, 9.9),
    v_lo=(np.inf,) * 2,
    v_hi=(np.inf,) * 2,
    task_max=10,
    task_min=1,
)
VIRIAL = replace(LEVELS, v_lo=(0.02, 0.0), v_hi=(0.06, 0.0))
#: Of a table, that do not matter here.
COLUMNS = ("system", "walker", "biasfactor", "temperature_K", "phase", "energy_eV", "bias_eV")
DEFAULT = 1e10  #: DP-GEN's, where a level is infinite here


def write_tasks(root: Path, n_tasks: int = 4, n_frames: int = 60, ties: bool = False) -> None:
    """Deviation files, in which frames of all kinds are."""
    rng = np.random.default_rng(11)
    for task in range(n_tasks):
        folder = root / f"task.000.{task:06d}"
        folder.mkdir(parents=True)
        table = np.abs(rng.normal(scale=0.2, size=(n_frames, 7)))
        table[:, 1] *= 0.2
        if ties:
            table = np.ceil(table * 20) / 20
        table[:, 0] = 10 * np.arange(n_frames)
        np.savetxt(
            folder / "model_devi.out",
            table,
            fmt=["%12d"] + ["%19.6e"] * 6,
            header="step max_devi_v min_devi_v avg_devi_v max_devi_f min avg",
        )


def frames(root: Path) -> FrameTable:
    found = []
    for task, folder in enumerate(sorted(root.glob("task.*"))):
        steps, virials, forces, _ = read_rows(folder / "model_devi.out")
        zeros = np.zeros(len(steps))
        columns = dict.fromkeys(COLUMNS, zeros) | {
            "task": zeros.astype(int) + task,
            "step": steps,
            "max_devi_f": forces,
            "max_devi_v": virials,
            "decision": zeros.astype(int),
        }
        found.append(FrameTable(**columns))
    return FrameTable.concatenate(found)


def of_dpgen(root: Path, criteria: Criteria, **more: object) -> dict[str, set]:
    """DP-GEN's sets of (task, step)."""
    tasks = sorted(str(folder) for folder in root.glob("task.*"))
    f_lo, f_hi, v_lo, v_hi = (
        min(level[0], DEFAULT)
        for level in (criteria.f_lo, criteria.f_hi, criteria.v_lo, criteria.v_hi)
    )
    with adapter.run_folder(root, 0) as generator:
        if criteria.adaptive is None:
            found = generator._select_by_model_devi_standard(
                tasks, f_lo, f_hi, v_lo, v_hi, None, "lammps", **more
            )
        else:
            many = criteria.adaptive
            found = generator._select_by_model_devi_adaptive_trust_low(
                tasks, f_hi, many.numb_f, many.perc_f, v_hi, many.numb_v, many.perc_v, **more
            )
    sets = dict(zip(("accurate", "candidate", "failed"), found[:3], strict=True))
    return {
        name: {(int(task.split(".")[-1]), step) for task, step in rows}
        for name, rows in sets.items()
    }


def ours(table: FrameTable, criteria: Criteria) -> dict[str, set]:
    decision = sort_frames(criteria, 0, table)
    kinds = {
        "accurate": Decision.ACCURATE,
        "candidate": Decision.CANDIDATE,
        "failed": Decision.FAILED,
    }
    return {
        name: {
            (int(table.task[row]), int(table.step[row]))
            for row in np.flatnonzero(decision == int(kind))
        }
        for name, kind in kinds.items()
    }


def test_by_forces_as_dpgen(tmp_path):
    write_tasks(tmp_path)
    expected = of_dpgen(tmp_path, LEVELS)
    assert all(len(rows) > 10 for rows in expected.values())
    assert ours(frames(tmp_path), LEVELS) == expected
    skipped = frames(tmp_path).where(frames(tmp_path).step >= 55)
    assert ours(skipped, LEVELS) == of_dpgen(tmp_path, LEVELS, model_devi_skip=55)


def test_by_forces_and_virials_as_dpgen_but_for_its_bug(tmp_path):
    """A frame beyond an upper level has failed, also where its other deviation is in between."""
    write_tasks(tmp_path)
    table, expected = frames(tmp_path), of_dpgen(tmp_path, VIRIAL)
    found = ours(table, VIRIAL)
    beyond = {
        (int(table.task[row]), int(table.step[row]))
        for row in np.flatnonzero((table.max_devi_f >= 0.3) | (table.max_devi_v >= 0.06))
    }
    wrong = expected["candidate"] & beyond
    assert len(wrong) > 10  # what the bug makes of these files
    assert found["candidate"] == expected["candidate"] - wrong
    assert found["failed"] == expected["failed"] | wrong == beyond
    assert found["accurate"] == expected["accurate"]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(
    "many",
    [
        Adaptive(),
        Adaptive(numb_f=30, numb_v=20),
        Adaptive(0, 25.0, 3, 12.5),
        Adaptive(10_000, 0, 5),
    ],
)
def test_adaptive_as_dpgen(tmp_path, many, ties):
    write_tasks(tmp_path, ties=ties)
    criteria = replace(VIRIAL, adaptive=many)
    expected = of_dpgen(tmp_path, criteria)
    assert expected["candidate"] and expected["failed"]
    assert ours(frames(tmp_path), criteria) == expected


def test_not_a_number_has_failed():
    forces, virials = [0.2, np.nan, 0.2, np.inf], [0.01, 0.01, np.nan, 0.01]
    failed, candidate = int(Decision.FAILED), int(Decision.CANDIDATE)
    found = classify(forces, 0.1, 0.3, virials, 0.02, 0.06)
    assert found.tolist() == [candidate, failed, failed, failed]
    # Where the virial does not count, it may be anything.
    found = classify(forces, 0.1, np.inf, virials)
    assert found.tolist() == [candidate, failed, candidate, failed]
    found = classify_adaptive(forces, virials, 0.3, np.inf, (9, 0), (0, 0), range(4))
    assert found.tolist() == [candidate, failed, candidate, failed]
    assert not len(classify_adaptive([], [], 0.3, 1.0, (9, 0), (0, 0), []))


def dpgens_limit(ratio: float, hard: float, soft: float, most: int) -> int:
    """How many labels DP-GEN allows, read from what it does with a system of a thousand frames."""
    if ratio < soft:
        return most
    return int(most * (ratio - hard) / (soft - hard)) if ratio < hard else 0


@pytest.mark.parametrize(("soft", "hard"), [(1.0, 1.0), (0.9, 0.95), (0.9, 0.9), (0.0, 1.0)])
def test_fewer_labels_as_the_models_learn(soft, hard):
    criteria = replace(LEVELS, accurate=hard, accurate_soft=soft, task_max=300)
    limits = []
    for accurate in range(0, 1001, 5):
        decision = np.array([Decision.ACCURATE] * accurate + [Decision.FAILED] * (1000 - accurate))
        limits.append(task_limit(criteria, decision))
        assert limits[-1] == dpgens_limit(accurate / 1000, hard, soft, 300)
    assert limits[0] == 300 and limits[-1] == 0 and limits == sorted(limits, reverse=True)


def test_rows_that_go_back_are_those_of_the_later_attempt(tmp_path):
    """As a loop over the rows has it."""
    rng = np.random.default_rng(2)
    lines, expected, step = [], [], 0
    for number in range(400):
        step = max(0, step - 10 * int(rng.integers(1, 6))) if rng.random() < 0.1 else step + 10
        lines.append(f"{step} {number} 0 0 {number + 0.5} 0 0")
        while expected and expected[-1][0] >= step:
            expected.pop()
        expected.append((step, number))
    text = "# step\n" + "\n".join(lines) + "\n# again\n" + "9999 1 0 0 2"
    (tmp_path / "model_devi.out").write_text(text)
    steps, virials, forces, _ = read_rows(tmp_path / "model_devi.out")
    assert list(zip(steps, virials, strict=True)) == expected
    np.testing.assert_array_equal(forces, virials + 0.5)
    (tmp_path / "model_devi.out").write_text("# step\n")
    assert [len(column) for column in read_rows(tmp_path / "model_devi.out")] == [0, 0, 0, 0]


def test_per_atom_columns_are_borne(tmp_path):
    (tmp_path / "model_devi.out").write_text("# s\n10 1 2 3 4 5 6 7 8 9\n20 1 2 3 nan 5 6 7 8 9\n")
    steps, virials, forces, _ = read_rows(tmp_path / "model_devi.out")
    assert steps.tolist() == [10, 20] and virials.tolist() == [1, 1]
    assert forces[0] == 4 and np.isnan(forces[1])


def test_tables_of_former_versions_are_read(tmp_path):
    write_tasks(tmp_path, 1)
    table = frames(tmp_path)
    save_frames(tmp_path / "new.npz", table)
    np.testing.assert_array_equal(load_frames(tmp_path / "new.npz").max_devi_v, table.max_devi_v)
    with np.load(tmp_path / "new.npz") as columns:
        kept = {name: columns[name] for name in columns.files if name != "max_devi_v"}
    np.savez(tmp_path / "old.npz", **kept)
    assert np.isnan(load_frames(tmp_path / "old.npz").max_devi_v).all()


def criteria_of(tmp_path: Path, **changes: object) -> tuple[Criteria, ...]:
    from tests.support.dpgen_files import CARBIDE, changed
    from wtemlp.config.params import load_params

    file = tmp_path / "param.json"
    file.write_text(json.dumps(changed(CARBIDE, changes)))
    return load_params(file, tmp_path, check_files=False).criteria


def test_levels_of_an_entry_go_before_those_of_the_file(tmp_path):
    from tests.support.dpgen_files import JOB

    first = JOB | {
        "model_devi_f_trust_lo": {"0": 0.1, "1": 0.2},
        "model_devi_f_trust_hi": 0.5,
        "model_devi_v_trust_hi": [0.3, 0.4],
        "task_min": 7,
    }
    jobs = [first, JOB | {"sys_idx": [1], "model_devi_f_trust_lo": {"1": 0.01}}]
    one, two = criteria_of(
        tmp_path,
        model_devi_jobs=jobs,
        model_devi_v_trust_lo=0.1,
        model_devi_v_trust_hi=0.2,
        model_devi_skip=30,
        fp_accurate_threshold=0.99,
    )
    assert (one.f_lo, one.f_hi) == ((0.1, 0.2), (0.5, 0.5))
    assert (one.v_lo, one.v_hi) == ((0.1, 0.1), (0.3, 0.4))
    assert (one.task_min, one.skip, one.accurate_soft) == (7, 30, 0.99)
    assert two.f_lo[1] == 0.01 and two.f_hi == (0.2, 0.2) and two.v_hi == (0.2, 0.2)
    assert (two.task_min, two.adaptive) == (5, None)


@pytest.mark.parametrize(
    ("job", "changes", "words"),
    [
        (
            {"model_devi_f_trust_lo": 0.3},
            {},
            "model_devi_jobs[0].model_devi_f_trust_lo = 0.3; must be below "
            "model_devi_f_trust_hi (0.2",
        ),
        (
            {"model_devi_f_trust_hi": 0.01},
            {},
            "model_devi_jobs[0].model_devi_f_trust_hi = 0.01; must be above "
            "model_devi_f_trust_lo (0.05",
        ),
        (
            {"model_devi_f_trust_hi": {"0": 1.0}},
            {},
            'one number per system of sys_configs, "0" to "1"',
        ),
        ({"task_min": 21}, {}, "task_min = 21; must not be above fp_task_max (20)"),
        (
            {},
            {"model_devi_v_trust_lo": 0.3, "model_devi_v_trust_hi": 0.3},
            "model_devi_v_trust_lo = 0",
        ),
        ({}, {"fp_accurate_threshold": 0.5, "fp_accurate_soft_threshold": 0.6}, "(0.5)"),
        (
            {},
            {"model_devi_adapt_trust_lo": True, "model_devi_perc_candi_f": 101.0},
            "0 and 100 (%)",
        ),
        (
            {},
            {"model_devi_adapt_trust_lo": True, "model_devi_numb_candi_f": 0},
            "without a candidate",
        ),
        ({}, {"fp_cluster_vacuum": -1.0}, "fp_cluster_vacuum = -1.0; must be a positive number"),
        ({}, {"model_devi_skip": -1}, "model_devi_skip = -1; must be 0 or more"),
    ],
)
def test_nonsense_is_told_in_a_line(tmp_path, job, changes, words):
    from tests.support.dpgen_files import JOB
    from wtemlp.core.errors import InputError

    with pytest.raises(InputError) as caught:
        criteria_of(tmp_path, model_devi_jobs=[JOB | job], **changes)
    assert words in str(caught.value) and "\n" not in str(caught.value)
