"""Deviation of a model ensemble: what a frame's force deviation decides, and how it is spread.

The force deviation of a frame is DP-GEN's: the largest, over the atoms, of the standard deviation
over the models of the force on the atom (Zhang et al., Phys. Rev. Materials 3, 023804, 2019).

What it says of the error is of the force on the atom where that is largest, too.  The frames that
are labelled are chosen by their deviation, so the error is told from the deviation and never the
other way round: a choice by the deviation then biases nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wtemlp.analysis.frames import Decision

FEWEST = 8  #: frames without which nothing is said
SURE = 0.9  #: of the interval whose lower end the power is
STEEPEST = 2.0  #: power that is taken at most


def classify(
    max_devi_f: ArrayLike,
    trust_lo: float,
    trust_hi: float,
    max_devi_v: ArrayLike = 0.0,
    v_lo: float = np.inf,
    v_hi: float = np.inf,
) -> NDArray[np.int_]:
    """Sort frames by their force deviation, and by their virial deviation if it has levels.

    Parameters
    ----------
    max_devi_f : array_like, shape (n_frames,)
        Largest force deviation of each frame, eV/Angstrom; may hold NaN and infinity.
    trust_lo, trust_hi : float
        Trust levels, eV/Angstrom.
    max_devi_v : array_like, shape (n_frames,)
        Largest virial deviation of each frame, eV/atom.
    v_lo, v_hi : float
        Its trust levels; infinite: it does not count.

    Returns
    -------
    ndarray of int, shape (n_frames,)
        :class:`~wtemlp.analysis.frames.Decision`: failed where a deviation is at or above its
        upper level, or not finite, or that of the forces exactly 0 (models that say the same to the
        last digit know nothing: no atom has neighbours); else candidate where one is at or above
        its lower level; else accurate.  Never selected.
    """
    force = np.asarray(max_devi_f, dtype=float)
    virial = np.broadcast_to(np.asarray(max_devi_v, dtype=float), force.shape)
    decision = np.full(force.shape, int(Decision.ACCURATE))
    decision[(force >= trust_lo) | (virial >= v_lo)] = int(Decision.CANDIDATE)
    sound = np.isfinite(force) & (force < trust_hi) & (force != 0) & _sound(virial, v_hi, np.less)
    decision[~sound] = int(Decision.FAILED)
    return decision


def _sound(deviation: NDArray[np.float64], highest: float, below: np.ufunc) -> NDArray[np.bool_]:
    """Which deviations are finite and below the upper level; all of them if there is none."""
    if np.isinf(highest):
        return np.ones(deviation.shape, dtype=bool)
    return np.asarray(np.isfinite(deviation) & below(deviation, highest))


def classify_adaptive(
    max_devi_f: ArrayLike,
    max_devi_v: ArrayLike,
    trust_hi: float,
    v_hi: float,
    numbers: tuple[int, int],
    percentages: tuple[float, float],
    order: ArrayLike,
) -> NDArray[np.int_]:
    """Sort frames where numbers of candidates are wanted, in the place of lower trust levels.

    Of the frames that have not failed, those of the largest force deviations are candidates, and
    those of the largest virial deviations: of each kind its number, or its percentage of these
    frames if that is more.  As DP-GEN's adaptive lower trust level has it.

    Parameters
    ----------
    max_devi_f, max_devi_v : array_like, shape (n_frames,)
        Largest deviations of each frame, eV/Angstrom and eV/atom.
    trust_hi, v_hi : float
        Upper trust levels; a frame above one has failed.
    numbers : tuple of int
        Candidates at least, by their forces and by their virials.
    percentages : tuple of float
        The same, in percent of the frames that have not failed.
    order : array_like, shape (n_frames,)
        Which of equal deviations counts as larger.

    Returns
    -------
    ndarray of int, shape (n_frames,)
        As of :func:`classify`.
    """
    both = [np.asarray(one, dtype=float) for one in (max_devi_f, max_devi_v)]
    decision = np.full(both[0].shape, int(Decision.ACCURATE))
    sound = np.isfinite(both[0]) & (both[0] != 0)
    for deviation, highest in zip(both, (trust_hi, v_hi), strict=True):
        sound &= _sound(deviation, highest, np.less_equal)
    decision[~sound] = int(Decision.FAILED)
    rows = np.flatnonzero(sound)
    for deviation, number, percent in zip(both, numbers, percentages, strict=True):
        count = min(max(number, int(percent * 0.01 * len(rows))), len(rows))
        ranked = rows[np.lexsort((np.asarray(order)[rows], deviation[rows]))]
        decision[ranked[len(rows) - count :]] = int(Decision.CANDIDATE)
    return decision


def log_bins(lo: float, hi: float, per_decade: int = 16) -> NDArray[np.float64]:
    """Edges of bins of equal width on a logarithmic axis.

    The edges lie on fixed points (powers of ``10 ** (1 / per_decade)``), so that the histograms
    of different runs can be compared bin by bin.

    Parameters
    ----------
    lo, hi : float
        Smallest and largest value to cover, positive.
    per_decade : int
        Number of bins per decade.

    Returns
    -------
    ndarray, shape (n_bins + 1,)
        Ascending edges; the first is at most ``lo``, the last above ``hi``.
    """
    if not 0 < lo <= hi:
        raise ValueError(f"bins from {lo} to {hi}: both must be positive and in order")
    first = np.floor(np.log10(lo) * per_decade)
    last = np.floor(np.log10(hi) * per_decade) + 1
    return np.asarray(10 ** (np.arange(first, last + 1) / per_decade), dtype=float)


def log_histogram(max_devi_f: ArrayLike, edges: ArrayLike) -> NDArray[np.float64]:
    """Fraction of frames in each bin.

    Parameters
    ----------
    max_devi_f : array_like, shape (n_frames,)
        Force deviations, eV/Angstrom.
    edges : array_like, shape (n_bins + 1,)
        Edges of the bins, as :func:`log_bins` gives them.

    Returns
    -------
    ndarray, shape (n_bins,)
        Fractions of all frames, those outside the bins and those that are not finite included:
        the sum is below 1 when there are such frames.
    """
    deviation = np.asarray(max_devi_f, dtype=float)
    counts, _ = np.histogram(deviation[np.isfinite(deviation)], bins=np.asarray(edges))
    return counts / max(len(deviation), 1)


@dataclass(frozen=True)
class DeviationCalibration:
    """How errors go with deviations."""

    n: int  #: frames
    ratio: float  #: median of error over deviation
    scatter: (
        float  #: factor within which two thirds of the ratios are of it, one standard deviation
    )
    rank_correlation: float  #: Spearman's; NaN where all deviations are alike
    power: float = 1.0
    """Of the deviation, with which errors grow: models that know little share their errors, which
    their deviation does not see. As far as it is known to be above 1."""


def calibrate(deviation: ArrayLike, error: ArrayLike) -> DeviationCalibration | None:
    """The ratio of errors to deviations, and what is left beside it.

    Parameters
    ----------
    deviation, error : array_like, shape (n_frames,)
        In one unit; frames in which one of them is no positive number are left out.

    Returns
    -------
    DeviationCalibration or None
        None: there are fewer than :data:`FEWEST` frames.
    """
    from scipy import stats  # SciPy takes its time

    x, y = np.asarray(deviation, dtype=float), np.asarray(error, dtype=float)
    good = np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)
    if good.sum() < FEWEST:
        return None
    x, y = x[good], y[good]
    logs = np.log(y / x)
    middle = float(np.median(logs))
    spread = 1.4826 * float(np.median(np.abs(logs - middle)))
    rank = float(stats.spearmanr(x, y).statistic) if np.ptp(x) > 0 and np.ptp(y) > 0 else np.nan
    return DeviationCalibration(
        len(x), float(np.exp(middle)), float(np.exp(spread)), rank, _power(np.log(x), np.log(y))
    )


def _power(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """The lower end of the interval of Theil's and Sen's slope, between 1 and the steepest."""
    from scipy import stats

    if not np.ptp(x) > 0:
        return 1.0
    return float(np.clip(stats.theilslopes(y, x, alpha=SURE).low_slope, 1.0, STEEPEST))


def largest_force_errors(
    models: NDArray[np.float64], reference: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Of each frame the error of the force on the atom where it is largest.

    Parameters
    ----------
    models : ndarray, shape (n_models, n_frames, n_atoms, 3)
        Forces by each model.
    reference : ndarray, shape (n_frames, n_atoms, 3)

    Returns
    -------
    ndarray, shape (n_frames,)
        The largest over atoms of the root mean square over models of the error's length: what is
        to be expected of one model, as the one that explores is.
    """
    squares = np.square(models - reference).sum(axis=-1).mean(axis=0)
    found: NDArray[np.float64] = np.sqrt(squares).max(axis=-1)
    return found
