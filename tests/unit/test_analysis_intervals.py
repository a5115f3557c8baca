"""Intervals of few values, and epochs."""

import numpy as np
import pytest
from scipy import stats

from wtemlp.analysis.epochs import reaches, steps_per_epoch, value_at
from wtemlp.analysis.intervals import difference_interval, holm, mean_interval


def test_students_interval_of_three_values():
    found = mean_interval([1.0, 2.0, 3.0])
    # s = 1, t(0.975, 2) = 4.3027, half = 4.3027 / sqrt(3)
    assert found.mean == 2
    assert found.half == pytest.approx(4.302653 / np.sqrt(3), rel=1e-6)
    assert (found.low, found.high) == (found.mean - found.half, found.mean + found.half)
    assert found.n == 3


@pytest.mark.parametrize(("values", "n"), [([5.0], 1), ([5.0, np.nan], 1)])
def test_one_value_has_no_interval(values, n):
    found = mean_interval(values)
    assert (found.mean, found.half, found.n) == (5.0, None, n)
    assert found.low == -np.inf and found.high == np.inf


def numbered(values, first=0):
    return dict(enumerate(values, first))


def test_no_value_is_no_mean():
    assert mean_interval([np.nan]) is None
    assert difference_interval({1: 1.0}, {}) is None


def test_runs_of_other_seeds_are_compared_as_welch_does():
    rng = np.random.default_rng(3)
    first, second = rng.normal(10, 1, 5), rng.normal(9, 4, 8)
    test = stats.ttest_ind(first, second, equal_var=False)
    expected = test.confidence_interval(0.95)
    found = difference_interval(numbered(first), numbered(second, 10))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.n == 5 and found.p_value == pytest.approx(test.pvalue)


def test_runs_of_the_same_seeds_are_pairs():
    rng = np.random.default_rng(4)
    common = rng.normal(0, 5, 6)
    first, second = common + rng.normal(1, 0.1, 6), common + rng.normal(0, 0.1, 6)
    found = difference_interval(numbered(first), numbered(second) | {9: 3.0, 2: second[2]})
    assert found.p_value == pytest.approx(stats.ttest_rel(first, second).pvalue)
    assert found.half < 0.3 and found.n == 6


@pytest.mark.parametrize("first", [0, 10])
def test_intervals_hold_the_truth_as_often_as_they_say(first):
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(1000):
        found = difference_interval(
            numbered(rng.normal(3, 1, 4)), numbered(rng.normal(1, 2, 3), first)
        )
        held += found.low <= 2 <= found.high
    assert held / 1000 == pytest.approx(0.95, abs=0.025)


def test_differences_of_constants_are_exact():
    exact = difference_interval({1: 2.0, 2: 2.0}, {1: 1.0, 2: 1.0})
    assert (exact.mean, exact.half, exact.p_value) == (1, 0, 0)
    assert difference_interval({1: 2.0, 2: 2.0}, {1: 2.0, 2: 2.0}).p_value == 1
    assert difference_interval({1: 2.0}, {1: 1.0, 2: 1.5}).half is None


def test_holm_is_what_he_says():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == [] and holm([0.9, 0.8]) == [1, 1]


@pytest.mark.parametrize(
    ("sets", "atoms", "size", "steps"),
    [
        ([[80]], [96], 1, 80),
        ([[80]], [96], [2], 40),
        ([[80]], [10], "auto", 20),  # 4 frames have 40 atoms
        ([[80]], [10], "auto:64", 11),
        ([[80]], [96], "mixed:4", 20),
        ([[80]], [10], "max:64", 13),
        ([[80], [9]], [10, 90], "filter:64", 13),  # the second is left out
        ([[5, 5]], [96], 4, 2),  # a batch lies within a set
        ([[1] * 20], [96], 8, 20),  # a set is a batch at least
        ([[30], [10]], [96, 96], [1, 2], 35),
    ],
)
def test_an_epoch_is_the_whole_batches_of_all_sets(sets, atoms, size, steps):
    assert steps_per_epoch(sets, atoms, size) == steps


@pytest.mark.parametrize(
    "size", [1, [2, 3, 1, 5], "auto", "auto:64", "max:64", "filter:20", "mixed:4"]
)
@pytest.mark.parametrize(
    "probs",
    [
        {},
        {"auto_prob": "prob_uniform"},
        {"auto_prob": "prob_sys_size; 0:1:0.3; 1:3:0.7"},
        {"sys_probs": [0.1, 0.2, 0.3, 0.4]},
        {"sys_probs": [0.1, -1, -1, 0.2]},
        {"sys_probs": [0, 1, 0, 0]},
    ],
)
def test_an_epoch_is_deepmd_kits(tmp_path, size, probs):
    from deepmd.dpmodel.utils import compute_total_numb_batch
    from deepmd.utils.data_system import DeepmdDataSystem

    sets, atoms = [[7, 4], [30], [1, 1, 1], [12, 5]], [3, 10, 7, 20]
    for number, (one, n) in enumerate(zip(sets, atoms, strict=True)):
        folder = tmp_path / str(number)
        for index, frames in enumerate(one):
            (folder / f"set.{index:03d}").mkdir(parents=True)
            np.save(folder / f"set.{index:03d}/coord.npy", np.zeros((frames, 3 * n)))
        (folder / "type.raw").write_text("0 " * n)
        (folder / "nopbc").touch()
    theirs = DeepmdDataSystem(
        [str(tmp_path / str(number)) for number in range(4)],
        size,
        1,
        trn_all_set=True,
        sys_probs=probs.get("sys_probs"),
        auto_prob_style=probs.get("auto_prob", "prob_sys_size"),
    )
    epoch = compute_total_numb_batch(theirs.nbatches, theirs.sys_probs)
    assert steps_per_epoch(sets, atoms, size, **probs) == epoch


def test_a_curve_at_an_epoch_is_averaged_around_it():
    epochs = np.array([1, 4.5, 5, 5.5, 10, 20])
    values = np.array([9, 1, 2, 4, 50, np.nan])
    assert value_at(epochs, values, 5) == pytest.approx(2.0)  # geometric mean of 1, 2, 4
    assert np.isnan(value_at(epochs, values, 25))  # beyond the end
    assert np.isnan(value_at(epochs, values, 20))  # a NaN is no value
    assert np.isnan(value_at([], [], 5))


def test_a_training_is_as_long_as_its_last_row_and_what_is_left_to_the_next():
    rows = 100 / 190 * np.arange(1, 10)  # 950 steps are five epochs; a row every 100
    assert reaches(rows, 5) and not reaches(rows[:-1], 5)
    assert value_at(rows, np.ones(9), 5) == 1
    assert not reaches([1, 4], 5)  # less than a row short, but more than a tenth
    assert reaches([5], 5) and not reaches([], 5) and not reaches([np.nan], 5)
