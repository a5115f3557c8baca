"""Confidence intervals and tests of means and differences, of few independent values: scipy's."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95  #: of every interval


@dataclass(frozen=True)
class Interval:
    """A mean, or a difference of means, and how well it is known."""

    mean: float
    half: float | None  #: half of the confidence interval's width; None: from a single value
    n: int  #: independent values; of a difference pairs, or those of the smaller sample
    p_value: float | None = None  #: of a difference: that it is zero, two-sided, for itself

    @property
    def low(self) -> float:
        """Lower end; minus infinity where nothing is known of the width."""
        return -math.inf if self.half is None else self.mean - self.half

    @property
    def high(self) -> float:
        """Upper end."""
        return math.inf if self.half is None else self.mean + self.half


def mean_interval(values: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Mean of independent values with Student's confidence interval.

    Parameters
    ----------
    values : sequence of float
        Those that are not finite are left out.
    level : float
        Probability with which the interval holds the true mean, for Gaussian values.

    Returns
    -------
    Interval or None
        None where there is no value.
    """
    from scipy import stats  # SciPy takes its time

    array = np.asarray(list(values), dtype=float)
    kept = array[np.isfinite(array)]
    if not len(kept):
        return None
    if len(kept) == 1:
        return Interval(float(kept[0]), None, 1)
    half = float(stats.sem(kept) * stats.t.ppf(0.5 + level / 2, len(kept) - 1))
    return Interval(float(kept.mean()), half, len(kept))


def difference_interval(
    first: Mapping[int, float], second: Mapping[int, float], level: float = LEVEL
) -> Interval | None:
    """Mean of the first runs minus that of the second, with its interval and p value.

    Runs of the same seed are pairs where two seeds or more are in both (what they have in common,
    as the initial data, then cancels); else the samples are independent and their variances may
    differ (Welch, Biometrika 34, 28, 1947).

    Parameters
    ----------
    first, second : mapping of int to float
        A value a seed; those that are not finite are left out.
    level : float
        As for :func:`mean_interval`.

    Returns
    -------
    Interval or None
        None where one sample is empty; without a width where one has a single value.
    """
    from scipy import stats

    one, other = (
        {seed: value for seed, value in given.items() if math.isfinite(value)}
        for given in (first, second)
    )
    if not one or not other:
        return None
    common = sorted(one.keys() & other.keys())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # constant values, which are exact
        if len(common) > 1:
            pairs = [[given[seed] for seed in common] for given in (one, other)]
            mean = float(np.mean(pairs[0]) - np.mean(pairs[1]))
            n, found = len(common), stats.ttest_rel(*pairs)
        else:
            mean = float(np.mean(list(one.values())) - np.mean(list(other.values())))
            n = min(len(one), len(other))
            if n < 2:
                return Interval(mean, None, n)
            found = stats.ttest_ind(list(one.values()), list(other.values()), equal_var=False)
        ends = found.confidence_interval(level)
    half, p_value = float(ends.high - ends.low) / 2, float(found.pvalue)
    exact = not math.isfinite(half) or math.isnan(p_value)
    if exact:
        return Interval(mean, 0.0, n, 0.0 if mean else 1.0)
    return Interval(mean, half, n, p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjustment (Scand. J. Stat. 6, 65, 1979): the family's error rate holds.

    Parameters
    ----------
    p_values : sequence of float

    Returns
    -------
    list of float
        In the same order: what is below 0.05 is significant, with a chance of 5 % at most that
        any of those is so without a difference, whatever they have in common.
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda k: p_values[k])):
        largest = max(largest, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = largest
    return adjusted
