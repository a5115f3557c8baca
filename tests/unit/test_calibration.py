"""Deviations and errors: the ratio that trust levels given as errors are made with."""

import numpy as np
import pytest

from wtemlp.analysis.deviation import FEWEST, calibrate, largest_force_errors


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


def test_too_few_frames_say_nothing():
    ones = np.ones(FEWEST - 1)
    assert calibrate(ones, ones) is None
    assert calibrate(np.r_[ones, np.nan], np.r_[ones, 1.0]) is None


def test_the_worst_atom_of_a_model():
    models = np.zeros((2, 1, 3, 3))
    models[0, 0, 1] = [3.0, 4.0, 0.0]  # one model is 5 off on one atom, the other is right
    (found,) = largest_force_errors(models, np.zeros((1, 3, 3)))
    assert found == pytest.approx(5 / np.sqrt(2))
