"""Confidence intervals of means and of differences of means, of few independent values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95  #: of every interval


@dataclass(frozen=True)
class Interval:
    """A mean, or a difference of means, and how well it is known."""

    mean: float
    half: float | None  #: half of the confidence interval's width; None: from a single value
    n: int  #: independent values; of a difference, those of the smaller sample

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
    kept = _finite(values)
    if not len(kept):
        return None
    mean = float(kept.mean())
    if len(kept) == 1:
        return Interval(mean, None, 1)
    error = float(kept.std(ddof=1)) / math.sqrt(len(kept))
    return Interval(mean, error * _quantile(level, len(kept) - 1), len(kept))


def difference_interval(
    first: Sequence[float], second: Sequence[float], level: float = LEVEL
) -> Interval | None:
    """Mean of the first sample minus that of the second, with Welch's confidence interval.

    The samples are independent, and their variances may differ (Welch, Biometrika 34, 28, 1947).

    Parameters
    ----------
    first, second : sequence of float
        Independent values; those that are not finite are left out.
    level : float
        As for :func:`mean_interval`.

    Returns
    -------
    Interval or None
        None where one sample is empty; without a width where one has a single value.
    """
    samples = [_finite(first), _finite(second)]
    counts = [len(sample) for sample in samples]
    if not min(counts):
        return None
    mean = float(samples[0].mean() - samples[1].mean())
    if min(counts) < 2:
        return Interval(mean, None, min(counts))
    parts = [float(sample.var(ddof=1)) / len(sample) for sample in samples]
    total = sum(parts)
    if total == 0:
        return Interval(mean, 0.0, min(counts))
    weights = sum(p**2 / (n - 1) for p, n in zip(parts, counts, strict=True))
    freedom = total**2 / weights
    return Interval(mean, math.sqrt(total) * _quantile(level, freedom), min(counts))


def _quantile(level: float, freedom: float) -> float:
    return float(stats.t.ppf(0.5 + level / 2, freedom))


def _finite(values: Sequence[float]) -> np.ndarray:
    array = np.asarray(list(values), dtype=float)
    return np.asarray(array[np.isfinite(array)])
