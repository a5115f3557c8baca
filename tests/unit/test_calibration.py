"""Deviations and errors: the ratio that trust levels given as errors are made with."""

from types import SimpleNamespace

import numpy as np
import pytest

from wtemlp.analysis.deviation import FEWEST, calibrate, largest_force_errors
from wtemlp.records.label_errors import LabelErrors
from wtemlp.records.summary import Summary, save_summary
from wtemlp.stages.trust import error_levels


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("ratio", "scatter"), [(1.6, 1.4), (4.0, 1.8)])
def test_levels_made_of_errors_choose_frames_with_these_errors(seed, ratio, scatter):
    """Two kinds of committee, and labels of an iteration for the choice in the next."""
    rng = np.random.default_rng(seed)

    def explored(n):
        deviation = np.exp(rng.normal(-2, 0.8, n))
        return deviation, ratio * deviation * np.exp(rng.normal(0, np.log(scatter), n))

    deviation, error = explored(400)
    window = (deviation > 0.05) & (deviation < 0.4)  # those that were labelled
    found = calibrate(deviation[window][:40], error[window][:40])
    assert found.n == 40 and found.rank_correlation > 0.3
    low, high = 0.2, 0.6  # asked for, eV/A
    deviation, error = explored(4000)
    chosen = (deviation > low / found.ratio) & (deviation < high / found.ratio)
    expected = np.median(ratio * deviation[(ratio * deviation > low) & (ratio * deviation < high)])
    assert np.median(error[chosen]) == pytest.approx(expected, rel=0.3)
    assert found.scatter == pytest.approx(scatter, rel=0.35)


@pytest.mark.parametrize("seed", range(6))
def test_errors_that_grow_faster_than_the_deviation(seed, tmp_path):
    """Levels of half the deviation: a constant ratio would ask for errors that are not there."""
    rng = np.random.default_rng(seed)
    deviation = 0.32 * np.exp(rng.normal(0, 0.3, 30))
    error = 3.5 * 0.32 * (deviation / 0.32) ** 2 * np.exp(rng.normal(0, 0.25, 30))
    found = calibrate(deviation, error)
    assert 1.2 < found.power <= 2
    summary = Summary(0)
    summary.new_labels = LabelErrors(
        frames=30,
        ratio=found.ratio,
        deviation_meV_A=1e3 * np.median(deviation),
        power=found.power,
    )
    save_summary(tmp_path / "summary.json", summary)
    asked = SimpleNamespace(trust=SimpleNamespace(error_meV_A=(100.0, 1000.0)))
    paths = SimpleNamespace(summary=lambda index: tmp_path / "summary.json")
    levels = error_levels(SimpleNamespace(params=asked, paths=paths), 1)
    for level, error in ((levels.lo_eV_A, 0.1), (levels.hi_eV_A, 1.0)):
        true = 3.5 * 0.32 * (level / 0.32) ** 2
        constant = 3.5 * 0.32 * (error / found.ratio / 0.32) ** 2
        assert abs(np.log(true / error)) < abs(np.log(constant / error)) + 1e-3
    assert levels.ratio == pytest.approx(1.0 / levels.hi_eV_A)


def test_errors_in_proportion_have_the_power_one():
    rng = np.random.default_rng(3)
    powers = []
    for _ in range(20):
        deviation = np.exp(rng.normal(-2, 0.4, 30))
        powers.append(calibrate(deviation, 2 * deviation * np.exp(rng.normal(0, 0.4, 30))).power)
    assert np.median(powers) == 1 and max(powers) < 1.5


def test_too_few_frames_say_nothing():
    ones = np.ones(FEWEST - 1)
    assert calibrate(ones, ones) is None
    assert calibrate(np.r_[ones, np.nan], np.r_[ones, 1.0]) is None


def test_the_worst_atom_of_a_model():
    models = np.zeros((2, 1, 3, 3))
    models[0, 0, 1] = [3.0, 4.0, 0.0]  # one model is 5 off on one atom, the other is right
    (found,) = largest_force_errors(models, np.zeros((1, 3, 3)))
    assert found == pytest.approx(5 / np.sqrt(2))
