"""Deviation of a model ensemble: what a frame's force deviation decides, and how it is spread.

The force deviation of a frame is DP-GEN's: the largest, over the atoms, of the standard deviation
over the models of the force on the atom (Zhang et al., Phys. Rev. Materials 3, 023804, 2019).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wtemlp.analysis.frames import Decision


def classify(max_devi_f: ArrayLike, trust_lo: float, trust_hi: float) -> NDArray[np.int_]:
    """Sort frames by their force deviation.

    Parameters
    ----------
    max_devi_f : array_like, shape (n_frames,)
        Largest force deviation of each frame, eV/Angstrom; may hold NaN and infinity.
    trust_lo, trust_hi : float
        Trust levels, eV/Angstrom.

    Returns
    -------
    ndarray of int, shape (n_frames,)
        :class:`~wtemlp.analysis.frames.Decision`: accurate below ``trust_lo``, candidate from
        ``trust_lo`` up to, not including, ``trust_hi``, and failed for all else: at or above
        ``trust_hi``, or not finite.  Never selected.
    """
    deviation = np.asarray(max_devi_f, dtype=float)
    decision = np.full(deviation.shape, int(Decision.FAILED))
    decision[deviation < trust_hi] = int(Decision.CANDIDATE)
    decision[deviation < trust_lo] = int(Decision.ACCURATE)
    decision[~np.isfinite(deviation)] = int(Decision.FAILED)
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
