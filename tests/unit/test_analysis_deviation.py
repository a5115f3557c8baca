"""Sorting frames by their deviation."""

import numpy as np
import pytest

from wtemlp.analysis.deviation import classify, log_bins, log_histogram
from wtemlp.analysis.frames import Decision


def test_the_trust_levels_divide_as_in_dpgen():
    deviation = [1e-6, 0.049999, 0.05, 0.1, 0.199999, 0.2, 5.0]
    expected = ["ACCURATE"] * 2 + ["CANDIDATE"] * 3 + ["FAILED"] * 2
    assert [Decision(d).name for d in classify(deviation, 0.05, 0.2)] == expected


def test_what_is_not_finite_has_failed():
    decision = classify(np.array([np.nan, np.inf, -np.inf]), 0.05, 0.2)
    assert (decision == Decision.FAILED).all()
    assert np.issubdtype(decision.dtype, np.integer)


def test_no_frames():
    assert classify([], 0.05, 0.2).shape == (0,)


def test_log_bins_cover_and_lie_on_fixed_points():
    narrow, wide = log_bins(0.02, 0.3), log_bins(0.001, 7.0)
    assert narrow[0] <= 0.02 and narrow[-1] > 0.3
    assert np.allclose(np.diff(np.log10(wide)), 1 / 16)
    assert all(np.isclose(wide, edge).any() for edge in narrow)


@pytest.mark.parametrize(("lo", "hi"), [(0.0, 1.0), (2.0, 1.0), (-1.0, 1.0)])
def test_log_bins_refuse_what_has_no_logarithm(lo, hi):
    with pytest.raises(ValueError, match="positive and in order"):
        log_bins(lo, hi)


def test_log_histogram_counts_every_frame_in_its_denominator():
    fractions = log_histogram([0.05, 0.05, np.nan, 1e9], log_bins(0.01, 0.1))
    assert fractions.sum() == pytest.approx(0.5)
    assert fractions.max() == pytest.approx(0.5)
