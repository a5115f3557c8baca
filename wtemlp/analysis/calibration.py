"""What a committee's deviation says of its error, frame by frame.

Both are of the force on the atom where it is largest.  The frames that are labelled are chosen by
their deviation, so the error is told from the deviation and never the other way round: a choice by
the deviation then biases nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

FEWEST = 8  #: frames without which nothing is said


@dataclass(frozen=True)
class DeviationCalibration:
    """How errors go with deviations."""

    n: int  #: frames
    ratio: float  #: median of error over deviation
    scatter: (
        float  #: factor within which two thirds of the ratios are of it, one standard deviation
    )
    rank_correlation: float  #: Spearman's; NaN where all deviations are alike


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
    x, y = np.asarray(deviation, dtype=float), np.asarray(error, dtype=float)
    good = np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)
    if good.sum() < FEWEST:
        return None
    x, y = x[good], y[good]
    logs = np.log(y / x)
    middle = float(np.median(logs))
    spread = 1.4826 * float(np.median(np.abs(logs - middle)))
    rank = float(stats.spearmanr(x, y).statistic) if np.ptp(x) > 0 and np.ptp(y) > 0 else np.nan
    return DeviationCalibration(len(x), float(np.exp(middle)), float(np.exp(spread)), rank)


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
