"""Radial distributions with errors, how far apart two of them are, and the first shell.

Errors come from blocks of successive frames, which are nearly independent when they are longer
than the structure's memory (a few ps in a liquid).  The mean of absolute differences is never
zero: two runs of the same potential differ by their noise.  So a distance comes with the one
that is expected of noise alone, ``sqrt(2/pi)`` times the standard error of the difference where
it is normal, and :func:`half_distance` tells what two halves of one run differ by.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks, savgol_filter

from wtemlp.analysis.rdf import RadialDistribution, rdf

BLOCKS, MOST_BLOCKS = 5, 10  #: of few frames, and of :data:`MANY_FRAMES` or more
MANY_FRAMES = 200
PROMINENCE = 0.2  #: of a maximum of g that counts as a peak
ERRORS = 5.0  #: standard errors that it must be, too
DEPTH = 0.05  #: by which g rises again after a minimum
SMOOTHING_A = 0.25  #: width of the parabolas that g is smoothed with before peaks are looked for


@dataclass(frozen=True)
class BlockedRdf:
    """A radial distribution with its errors; arrays of shape (n_bins,) but for `blocks`."""

    r_A: NDArray[np.float64]  #: centres of the bins, Angstrom
    g: NDArray[np.float64]
    error: NDArray[np.float64]  #: standard error of g
    coordination: NDArray[np.float64]  #: mean number of the second type within the bin's end
    blocks: tuple[RadialDistribution, ...]  #: of each block of frames, in the order of time
    weights: NDArray[np.float64]  #: of the blocks, (n_blocks,), sum 1
    n_frames: int


@dataclass(frozen=True)
class RdfDistance:
    """Mean absolute difference of two radial distributions."""

    value: float  #: mean of ``|g - g_ref|`` over the range
    error: float  #: standard error of `value`, by the jackknife over the blocks of both
    noise: float  #: expected of two runs as these that differ by their noise alone
    range_A: tuple[float, float]


@dataclass(frozen=True)
class FirstShell:
    """The first peak of a radial distribution and the minimum after it."""

    peak_A: float
    peak_height: float
    minimum_A: float | None  #: None: g has no minimum within its range
    minimum_height: float | None
    coordination: float | None  #: atoms up to the minimum


def rdf_with_errors(
    coords: ArrayLike,
    cells: ArrayLike,
    types: ArrayLike,
    pair: tuple[object, object],
    r_max: float,
    n_bins: int,
    n_blocks: int = BLOCKS,
) -> BlockedRdf:
    """Radial distribution of all frames, and standard errors from blocks of them.

    Parameters
    ----------
    coords : array_like, shape (n_frames, n_atoms, 3)
        Positions, Angstrom, of frames in the order of time.
    cells : array_like, shape (n_frames, 3, 3)
        Cell vectors in rows, Angstrom.
    types : array_like, shape (n_atoms,)
        Type of each atom: indices or names.
    pair : tuple
        The two types, as they are in ``types``.
    r_max : float
        Largest distance, Angstrom.
    n_bins : int
        Number of bins from 0 to ``r_max``.
    n_blocks : int
        Blocks of as many frames each, or one less; 2 or more.

    Returns
    -------
    BlockedRdf
        ``g`` is what :func:`~wtemlp.analysis.rdf.rdf` gives for all frames.

    Raises
    ------
    ValueError
        What :func:`~wtemlp.analysis.rdf.rdf` refuses; fewer frames than blocks.
    """
    cells = np.asarray(cells, dtype=float)
    n_frames = len(cells)
    if not 2 <= n_blocks <= n_frames:
        raise ValueError(f"{n_blocks} blocks of {n_frames} frames")
    coords, cells = np.asarray(coords), np.asarray(cells)
    edges = np.linspace(0, n_frames, n_blocks + 1).round().astype(int)
    parts = [slice(a, b) for a, b in pairwise(edges)]
    blocks = tuple(rdf(coords[p], cells[p], types, pair, r_max, n_bins) for p in parts)
    inverse = 1 / np.abs(np.linalg.det(cells))
    weights = np.array([inverse[p].sum() for p in parts]) / inverse.sum()
    frames = np.diff(edges) / n_frames
    return BlockedRdf(
        r_A=blocks[0].r_A,
        g=weights @ [b.g for b in blocks],
        error=np.std([b.g for b in blocks], axis=0, ddof=1) / np.sqrt(n_blocks),
        coordination=frames @ [b.coordination for b in blocks],
        blocks=blocks,
        weights=weights,
        n_frames=n_frames,
    )


def rdf_distance(
    found: BlockedRdf, reference: BlockedRdf, range_A: tuple[float, float] | None = None
) -> RdfDistance:
    """Mean of ``|g - g_ref|`` over the bins in a range of distances.

    Parameters
    ----------
    found, reference : BlockedRdf
        With the same bins.
    range_A : tuple of float, optional
        The range; from the first bin in which either has pairs to the last bin if left out, so
        that the empty core does not make it smaller.

    Returns
    -------
    RdfDistance

    Raises
    ------
    ValueError
        For other bins, or no bin in the range.
    """
    if found.r_A.shape != reference.r_A.shape or not np.allclose(found.r_A, reference.r_A):
        raise ValueError("radial distributions with different bins")
    low, high = _range(found, reference) if range_A is None else range_A
    kept = (found.r_A >= low) & (found.r_A <= high)
    if not kept.any():
        raise ValueError(f"no bin of the radial distributions between {low:g} and {high:g} A")
    value = _mean_difference(found.g, reference.g, kept)
    variance = sum(
        _jackknife_variance(
            [_mean_difference(left_out, other.g, kept) for left_out in _leave_one_out(one)]
        )
        for one, other in ((found, reference), (reference, found))
    )
    spread = np.hypot(found.error, reference.error)[kept]
    return RdfDistance(
        value=value,
        error=float(np.sqrt(variance)),
        noise=float(np.sqrt(2 / np.pi) * spread.mean()),
        range_A=(float(low), float(high)),
    )


def half_distance(found: BlockedRdf, range_A: tuple[float, float] | None = None) -> float:
    """Mean absolute difference of the two halves of a run, for runs as long as the whole.

    The difference of two halves has twice the variance of that of two runs of full length: it is
    divided by ``sqrt(2)``.  Of an odd number of blocks the middle one is left out.
    """
    low, high = _range(found, found) if range_A is None else range_A
    kept = (found.r_A >= low) & (found.r_A <= high)
    half = len(found.blocks) // 2
    first = _average(found, np.arange(half))
    second = _average(found, np.arange(len(found.blocks) - half, len(found.blocks)))
    scale = np.sqrt(2 * half / len(found.blocks))  # of the halves' length to half of the run
    return float(_mean_difference(first, second, kept) / np.sqrt(2) * scale)


def _range(one: BlockedRdf, other: BlockedRdf) -> tuple[float, float]:
    filled = np.flatnonzero((one.g > 0) | (other.g > 0))
    if not len(filled):
        raise ValueError("radial distributions without a pair")
    return float(one.r_A[filled[0]]), float(one.r_A[-1])


def _mean_difference(
    g: NDArray[np.float64], other: NDArray[np.float64], kept: NDArray[np.bool_]
) -> float:
    return float(np.abs(g - other)[kept].mean())


def _average(found: BlockedRdf, chosen: NDArray[np.int_]) -> NDArray[np.float64]:
    weights = found.weights[chosen]
    return np.asarray(weights @ [found.blocks[b].g for b in chosen] / weights.sum())


def _leave_one_out(found: BlockedRdf) -> list[NDArray[np.float64]]:
    everything = np.arange(len(found.blocks))
    return [_average(found, everything[everything != b]) for b in everything]


def _jackknife_variance(values: list[float]) -> float:
    return float((len(values) - 1) * np.var(values))


def first_shell(found: RadialDistribution | BlockedRdf, r_min_A: float = 0.0) -> FirstShell | None:
    """First peak, the minimum after it, and the coordination number up to there.

    Parameters
    ----------
    found : RadialDistribution or BlockedRdf
        With bins of 0.05 Angstrom or less; from 0.09 on there is no smoothing.
    r_min_A : float
        Where to begin: beyond the bonds of a molecule, if they are among the pairs.

    Returns
    -------
    FirstShell or None
        None where no maximum of ``g`` above 1 stands out by 0.2, and by five standard errors
        where they are known.  Peak and minimum are looked for in ``g`` smoothed by parabolas over
        0.25 Angstrom (Savitzky and Golay, Anal. Chem. 36, 1627, 1964), and placed by a parabola
        through the highest (lowest) bin and its neighbours; heights are those of the smoothed g.
    """
    width = float(found.r_A[1] - found.r_A[0])
    size = 2 * round(SMOOTHING_A / width / 2) + 1
    smooth = savgol_filter(found.g, size, 2, mode="nearest") if size >= 5 else found.g
    smooth = np.maximum(smooth, 0.0)
    peaks, shape = find_peaks(smooth, prominence=PROMINENCE, height=1.0)
    clear = found.r_A[peaks] >= r_min_A
    if isinstance(found, BlockedRdf):
        around = np.sqrt(uniform_filter1d(found.error**2, max(size, 5)))
        clear &= shape["prominences"] >= ERRORS * around[peaks]
    peaks = peaks[clear]
    if not len(peaks):
        return None
    peak = int(peaks[0])
    shell = FirstShell(*_vertex(found.r_A, smooth, peak), None, None, None)
    end = int(peaks[1]) if len(peaks) > 1 else len(smooth)
    valley = smooth[peak:end]
    flat = np.flatnonzero(valley <= valley.min())  # several bins where it is empty
    lowest = peak + int(flat[len(flat) // 2])
    if smooth[lowest:].max() - smooth[lowest] < DEPTH:
        return shell
    place, height = _vertex(found.r_A, smooth, lowest)
    inside = float(np.interp(place, found.r_A + width / 2, found.coordination))
    return replace(shell, minimum_A=place, minimum_height=height, coordination=inside)


def _vertex(r: NDArray[np.float64], g: NDArray[np.float64], place: int) -> tuple[float, float]:
    """Extremum of the parabola through a bin and its neighbours."""
    if not 0 < place < len(g) - 1:
        return float(r[place]), float(g[place])
    left, middle, right = g[place - 1 : place + 2]
    curvature = left - 2 * middle + right
    if curvature == 0:
        return float(r[place]), float(middle)
    shift = 0.5 * (left - right) / curvature
    return float(r[place] + shift * (r[1] - r[0])), float(middle - 0.25 * (left - right) * shift)
