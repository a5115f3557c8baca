"""Comparisons of runs whose differences can be counted by hand, and what is recommended."""

import math
import runpy
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.support.comparison_runs import LAW, arm, run, scatter, seeds, walker
from wtemlp.comparison.compute import compare_runs
from wtemlp.comparison.records import ComparedBin, Validated
from wtemlp.comparison.result import BETTER, MODELS, ONE_SEED, SEEDS, UNEQUAL, UNTOLD, WORSE
from wtemlp.comparison.table import describe, main_table

G1, G4, G16 = arm("g1", 1), arm("g4", 4), arm("g16", 16)
R16 = arm("g16-random", 16, "random")


def validated(forces: dict[tuple[float, float], tuple[float, ...]], ok: bool = True) -> Validated:
    bins = tuple(
        ComparedBin("held", low, high, 10, tuple(v / 10 for v in values), values)
        for (low, high), values in forces.items()
    )
    return Validated(2, ok, "all is well" if ok else "it explodes", {}, {}, bins)


def test_intervals_are_over_seeds_where_there_are_several():
    found = compare_runs(seeds(G1, [60, 62]) + seeds(G16, [40]))
    several, one = found.of("g1"), found.of("g16")
    assert several.force.source == SEEDS and several.force.samples == (60, 62)
    assert several.force.interval.mean == 61
    # s = sqrt(2), n = 2: half = 12.7062 * sqrt(2) / sqrt(2)
    assert several.force.interval.half == pytest.approx(12.7062, rel=1e-4)
    assert one.force.source == MODELS and one.force.samples == (39, 41)
    assert several.energy.interval.mean == pytest.approx(6.1)


def test_runs_of_one_seed_are_one_value():
    twice = [run(G4, [(50.0,)], seed=3, name="a"), run(G4, [(52.0,)], seed=3, name="b")]
    found = compare_runs(twice).of("g4")
    assert found.force.source == MODELS and found.force.interval.half is None
    assert any("same seed" in flag for flag in found.flags)


def test_errors_are_compared_at_the_labels_that_all_reach():
    short = run(G1, [(100.0,), (70.0,)])  # 0, 30
    long = run(G16, [(100.0,), (60.0,), (40.0,), (30.0,)])  # 0, 30, 60, 90
    found = compare_runs([short, long])
    assert found.budget.labels == 30 and found.budget.equal
    assert found.budget.limited_by == "g1, seed 1"
    assert found.of("g16").force.interval.mean == 60 and found.of("g16").labels == (30,)
    assert any("g1, seed 1 has fewest labels" in note for note in found.notes)
    # What was spent by then: two trainings, one exploration with its labels.
    assert found.of("g16").spending.core_hours == 2 * 2 + 1.5


def test_labels_that_differ_too_much_are_told():
    found = compare_runs(
        [
            run(arm, [(90.0, 91), (70.0 - labels, 71)], per_iteration=labels, seed=seed)
            for arm, labels in ((G1, 40), (G16, 30))
            for seed in (1, 2)
        ]
    )
    assert found.budget.labels == 30 and not found.budget.equal
    assert found.of("g1").labels == (40, 40)
    assert {one.verdict for one in found.differences} == {UNEQUAL}
    assert found.recommendation.biasfactor is None
    assert "no number of labels in common" in found.recommendation.sentence


def test_nine_and_ten_labels_are_alike():
    found = compare_runs(
        [
            run(G1, [(90.0, 91), (70.0, 71)], per_iteration=10),
            run(G16, [(90.0, 91), (60.0, 61)], per_iteration=9),
        ]
    )
    assert found.budget.equal and found.budget.labels == 9


def test_arms_are_held_against_their_baselines():
    runs = seeds(G1, [60, 61, 62]) + seeds(G16, [40, 41.1, 42]) + seeds(R16, [41, 42, 40])
    found = compare_runs(runs)
    assert [one.arm.key for one in found.arms] == ["g1", "g16", "g16-random"]
    verdicts = {(d.arm, d.other, d.quantity): d for d in found.differences}
    assert set(verdicts) == {
        ("g16", other, quantity)
        for other in ("g1", "g16-random")
        for quantity in ("force", "energy")
    }
    against = verdicts[("g16", "g1", "force")]
    assert against.interval.mean == pytest.approx(-20 + 0.1 / 3) and against.verdict == BETTER
    # Pairs of a seed: -20, -19.9, -20; four tests, of which this is among the clearest.
    assert against.p_value == pytest.approx(
        4 * stats.ttest_rel([40, 41.1, 42], [60, 61, 62]).pvalue, rel=1e-6
    )
    assert against.labels == against.other_labels == (60, 60, 60)
    assert verdicts[("g16", "g16-random", "force")].verdict == UNTOLD
    assert (
        "g16 against g1: -20 +- 0.14 meV/A, labels 60 vs 60: better (p < 0.001 of 4 tests)"
        in describe(found)
    )


def test_a_worse_arm_and_one_without_an_interval():
    found = compare_runs(
        seeds(G1, [40, 41, 42]) + seeds(G16, [60, 61, 62]) + [run(G4, [(90.0,), (80.0,), (50.0,)])]
    )
    verdicts = {(d.arm, d.other): d.verdict for d in found.differences if d.quantity == "force"}
    assert verdicts == {("g16", "g1"): WORSE, ("g4", "g1"): ONE_SEED}


def test_a_clear_winner():
    found = compare_runs(
        seeds(G1, [60, 61, 62]) + seeds(G4, [55, 56, 57.1]) + seeds(G16, [40, 41.1, 42])
    ).recommendation
    assert found.biasfactor == 16 and found.clear
    assert found.sentence == "Recommended: g16."
    assert found.reasons[0] == "g16: force RMSE 41.0 ± 2.5 meV/Å at 60 labels."
    assert (
        "g1: 61.0 ± 2.5 meV/Å at 60 labels, +20 ± 0.14 meV/Å against g16: worse "
        "(p < 0.001 of 5 tests)." in found.reasons
    )
    assert found.next_step == ""


def test_an_overlap_is_no_difference():
    found = compare_runs(
        seeds(G1, [260, 261, 262]) + seeds(G4, [40, 44, 48]) + seeds(G16, [47, 39, 43])
    ).recommendation
    assert found.biasfactor == 4 and not found.clear  # 43 is not told from 44: the smaller one
    assert found.sentence.startswith("No difference can be told between g4 and g16; of these, g4")
    assert "More seeds" in found.next_step


def test_one_seed_an_arm_gets_no_verdict_whatever_the_difference():
    """The models of a run share its data: they are no replicates of it."""
    good = validated({(-1.0, -0.9): (40.0, 41.0), (-0.9, -0.8): (20.0, 21.0)})
    poor = validated({(-1.0, -0.9): (40.0, 41.0), (-0.9, -0.8): (90.0, 91.0)})
    found = compare_runs(seeds(G1, [60], validated=poor) + seeds(G16, [30], validated=good))
    assert {one.verdict for one in found.differences} == {ONE_SEED}
    assert found.differences[0].interval.mean == -30 and found.differences[0].interval.half is None
    assert "-30 meV/A, labels 60 vs 60: no verdict (one seed)" in describe(found)
    assert not found.recommendation.clear
    assert found.recommendation.sentence.startswith("No verdict, for want of seeds")
    assert "share its data" in found.recommendation.next_step


def test_every_look_is_within_one_budget_of_error():
    """A difference that is significant alone is not among as many as are looked at."""
    pair = seeds(G1, [50, 52, 54]) + seeds(G16, [45, 46.5, 50])
    few = compare_runs(pair).differences[0]
    rest = [arm(f"g{n}", n) for n in (2, 4, 8, 32)]
    many = compare_runs(pair + [r for one in rest for r in seeds(one, [51, 49, 55])])
    same = next(d for d in many.differences if (d.arm, d.quantity) == ("g16", "force"))
    assert few.verdict == BETTER and same.verdict == UNTOLD
    assert same.interval == few.interval and same.tests > few.tests


def test_an_offset_of_the_energy_decides_nothing():
    alike = seeds(G1, [60, 61, 62]) + seeds(G16, [60.5, 60.4, 62.5])
    moved = [
        replace(
            one,
            trainings=tuple(
                replace(t, offset_models=(9.0 * (one.arm is G16),) * 2) for t in one.trainings
            ),
        )
        for one in alike
    ]
    assert compare_runs(moved).differences == compare_runs(alike).differences
    assert compare_runs(moved).of("g16").offset.interval.mean == 9


def test_energies_differ_where_error_and_correlation_agree():
    runs = seeds(G1, [60, 61, 62]) + seeds(G16, [40, 41.1, 42])
    energy = {d.quantity: d.verdict for d in compare_runs(runs).differences}["energy"]
    against = [
        replace(
            one,
            trainings=tuple(
                replace(t, correlation_models=(9.0 * (one.arm is G16),) * 2) for t in one.trainings
            ),
        )
        for one in runs
    ]
    found = {d.quantity: d.verdict for d in compare_runs(against).differences}
    assert energy == BETTER and found == {"force": BETTER, "energy": UNTOLD}


@pytest.mark.parametrize(("arms", "n_seeds"), [(2, 1), (3, 1), (2, 2), (3, 3)])
def test_no_difference_is_no_verdict_in_19_of_20_sweeps(arms, n_seeds):
    """`benchmarks/false_verdicts.py` does a thousand of each kind."""
    program = runpy.run_path("benchmarks/false_verdicts.py")
    rng = np.random.default_rng([7, arms, n_seeds])
    for spread in (0.0, 2.0):
        simulated = (program["sweep"](rng, arms, n_seeds, spread) for _ in range(40))
        wrong = sum(program["verdicts"](compare_runs(one)) for one in simulated)
        assert not program["too_many"](wrong, 40) and (n_seeds > 1 or wrong == 0)


def test_stopped_walkers_pass_an_arm_over():
    ended = (walker(4, 2.0), walker(4, 2.0, stopped=True))
    found = compare_runs(seeds(G4, [40, 44, 48], walkers=ended) + seeds(G16, [47, 39, 43]))
    assert found.of("g4").stopped == 6 * 2 / 2 and found.of("g4").walkers == 12
    assert found.recommendation.biasfactor == 16
    assert "g4: the guard stopped 6 of its 12 walkers." in found.recommendation.reasons
    assert "the smaller ones are in doubt" in found.recommendation.sentence


def test_a_bias_that_has_not_converged_is_named():
    slow = (walker(16, 2.0), walker(16, 2.2))
    found = compare_runs(seeds(G1, [60, 61, 62]) + seeds(G16, [40, 41, 42], walkers=slow))
    flags = found.of("g16").flags
    assert flags == (
        "its bias has not converged: σ WTE / σ NVT is 2.10 ± 0.06, by the law 4.08 ± 0.003",
    )  # 200 energies of NVT and of WTE a run, three runs: 2.1 sqrt(2 / 400 / 3)
    assert f"g16: {flags[0]}." in found.recommendation.reasons
    assert found.of("g1").flags == ()


def test_a_bias_of_which_too_little_is_known_is_not_called_unconverged():
    one = walker(16, 2.0)
    short = replace(one, row=replace(one.row, wte=scatter(1.0, independent=5)))
    found = compare_runs(seeds(G1, [60, 61]) + seeds(G16, [40, 41], walkers=(short,)))
    assert found.of("g16").flags == () and "2.00 ± ?" in main_table(found).rows[1][-4]


def test_one_run_alone_is_compared_with_nothing():
    found = compare_runs(seeds(G16, [40]))
    assert found.recommendation.biasfactor is None and not found.differences
    assert "from one alone (g16)" in found.recommendation.sentence
    assert len(main_table(found).rows) == 1


def test_a_run_without_models_is_left_out_and_named():
    young = run(G4, [()], status="in iteration 0 of 2, train", finished=False)
    found = compare_runs([young, *seeds(G1, [60, 61]), *seeds(G16, [30, 31.01])])
    assert found.recommendation.biasfactor == 16
    assert any("g4, seed 1 (in iteration 0 of 2, train) has no tested" in n for n in found.notes)
    assert found.of("g4").force is None and main_table(found).rows[1][3] == "-"


def test_nothing_was_tested():
    found = compare_runs([run(G4, [(), ()]), run(G16, [(), ()])])
    assert found.budget.labels is None
    assert "no model was tested" in found.recommendation.sentence
    assert "No bias factor can be recommended" in describe(found)


def test_runs_that_have_only_trained_are_told_so():
    arms = [replace(arm, biasfactors=()) for arm in (G1, G16)]
    found = compare_runs([run(arm, [(60.0, 61.0)], walkers=()) for arm in arms])
    assert "none of these runs has explored" in found.recommendation.sentence


def test_nothing_is_labelled_yet():
    found = compare_runs([run(G4, [(60.0, 61.0)]), run(G16, [(40.0, 41.0)])]).recommendation
    assert found.biasfactor is None and "has labelled nothing" in found.sentence


@pytest.mark.parametrize(
    ("change", "word"),
    [({"system": "H64 O32"}, "different systems"), ({"tested_on": "xyz"}, "validation data")],
)
def test_what_differs_in_kind_is_not_compared(change, word):
    found = compare_runs(seeds(G1, [60]) + seeds(G16, [30], **change))
    assert found.differences == () and found.recommendation.biasfactor is None
    assert any(word in note for note in found.notes)
    assert word in found.recommendation.sentence


def test_what_cannot_be_seen_does_not_forbid():
    found = compare_runs(seeds(G1, [60, 61]) + seeds(G16, [30, 31.01], system="", tested_on=""))
    assert found.recommendation.biasfactor == 16


def test_high_energies_decide_where_the_rest_cannot():
    low, high = (-1.0, -0.9), (-0.9, -0.8)
    runs = []
    for place, high_error in enumerate((90.0, 91.0, 91.1)):
        poor = validated({low: (40.0, 41.0), high: (high_error, high_error + 2)})
        good = validated({low: (40.0, 41.0), high: (high_error - 40.1 + place / 10, 50.0)})
        runs += [run(G4, [(50, 50), (50, 50), (40, 44)], seed=place, validated=poor)]
        runs += [run(G16, [(50, 50), (50, 50), (41 - place, 43)], seed=place, validated=good)]
    found = compare_runs(runs)
    assert found.of("g4").high_energy_force.interval.mean == pytest.approx(91.7, abs=0.01)
    assert found.recommendation.biasfactor == 16 and found.recommendation.clear
    assert any("upper half of the bins" in reason for reason in found.recommendation.reasons)


def test_a_failed_validation_passes_an_arm_over():
    bad = seeds(G4, [40, 44, 48], validated=validated({}, ok=False))
    found = compare_runs(bad + seeds(G16, [47, 39, 43])).recommendation
    assert found.biasfactor == 16
    assert any("it explodes" in reason for reason in found.reasons)


def test_windows_follow_from_widths():
    one = compare_runs(seeds(G16, [40])).of("g16")
    assert one.ratio.value == pytest.approx(4) and one.law.value == pytest.approx(LAW, rel=1e-4)
    assert one.reached.value == pytest.approx(4 / LAW, rel=1e-4)
    # 200 energies each; the law falls with sigma_NVT, by 15 / (374.1 + 15) of it
    relative = (0.25 / 200) ** 0.5
    assert one.ratio.error == pytest.approx(4 * relative * 2**0.5, rel=1e-3)
    falls = 15 / (374.1 + 15)
    assert one.reached.error == pytest.approx(
        4 / LAW * relative * math.hypot(1, 1 - falls), rel=1e-3
    )
    assert one.spread_eV.value == pytest.approx(2.0)  # 4 x 0.5 eV
    # C = sigma^2 / (k T^2); dT = sigma_WTE / C = 2.0 * 8.617e-5 * 300^2 / 0.25 K
    assert one.window_K.value == pytest.approx(2.0 * 8.617333e-5 * 9e4 / 0.25, rel=1e-5)
    assert one.window_expected_K.value == pytest.approx(one.window_K.value * LAW / 4, rel=1e-4)
    assert one.window_K.error == pytest.approx(one.window_K.value * relative * 5**0.5, rel=1e-3)
    assert one.candidates.value == pytest.approx(0.2) and one.failed.value == pytest.approx(0.05)


def test_nan_is_no_value():
    sick = run(
        G16, [(90.0, 92.0), (math.nan, 70.0)], walkers=(walker(16, math.nan), walker(16, 4.0))
    )
    found = compare_runs([sick, *seeds(G1, [60])])
    assert found.of("g16").force.samples == (70.0,)
    assert "nan" not in describe(found).lower()


def test_random_picks_that_do_as_well_are_named():
    runs = seeds(G1, [60, 61, 62]) + seeds(G16, [40, 41.1, 42]) + seeds(R16, [41, 42, 40])
    found = compare_runs(runs).recommendation
    assert found.biasfactor == 16 and found.clear
    assert any(
        "g16 is not shown to be better than g16-random" in reason
        and "its choice of frames has not earned anything yet" in reason
        for reason in found.reasons
    )
    better = compare_runs(runs[:6] + seeds(R16, [50, 51, 52])).recommendation
    assert not any("not shown to be better" in reason for reason in better.reasons)
