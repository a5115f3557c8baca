"""Distances, angles and torsions in MD, and how far two distributions of one are apart.

The distance of two distributions is Kuiper's: the largest difference of their probabilities of any
interval, or of any arc of a circle (N. H. Kuiper, Proc. K. Ned. Akad. Wet. A 63, 38, 1960).  It has
no bins, and a torsion may be cut anywhere.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wtemlp.analysis.energy import FEWEST, moments

#: Mean of Kuiper's distance of n values from their distribution, times sqrt(n).
KUIPER_MEAN = math.sqrt(math.pi / 2)
BINS = 36  #: of a histogram


@dataclass(frozen=True)
class Apart:
    """How far the distributions of two correlated series are apart."""

    value: float  #: largest difference of the probabilities of an interval
    error: float  #: standard error of `value`; NaN where either is worth too few values
    noise: float  #: expected of two such series of one distribution
    independent: float  #: values that the shorter one is worth, by their being in the interval


def variable(atoms: Sequence[int], coords: ArrayLike, cells: ArrayLike) -> NDArray[np.float64]:
    """A distance (Angstrom), an angle (rad, 0 to pi) or a torsion (rad, -pi to pi) in frames.

    Parameters
    ----------
    atoms : sequence of int
        2, 3 or 4 places in `coords`, from 0: of a distance, an angle, a torsion.
    coords : array_like, shape (n_frames, n_atoms, 3)
        Positions, Angstrom, wrapped or not: from each atom to the next by the nearest image.
    cells : array_like, shape (n_frames, 3, 3)
        Cell vectors in rows, Angstrom.

    Returns
    -------
    (n_frames,) float
        Of PLUMED's sign.
    """
    chain = np.asarray(coords)[:, list(atoms)].astype(float)
    cells = np.asarray(cells, dtype=float)
    steps = chain[:, 1:] - chain[:, :-1]
    images = np.rint(np.einsum("fai,fij->faj", steps, np.linalg.inv(cells)))
    steps -= np.einsum("fai,fij->faj", images, cells)
    if len(atoms) == 2:
        return np.asarray(np.linalg.norm(steps[:, 0], axis=-1))
    if len(atoms) == 3:
        back, on = -steps[:, 0], steps[:, 1]
        normal = np.linalg.norm(np.cross(back, on), axis=-1)
        return np.asarray(np.arctan2(normal, (back * on).sum(-1)))
    first, middle, last = steps[:, 0], steps[:, 1], steps[:, 2]
    normal, other = np.cross(first, middle), np.cross(middle, last)
    across = np.linalg.norm(middle, axis=-1) * (first * other).sum(-1)
    return np.asarray(np.arctan2(across, (normal * other).sum(-1)))


def apart(found: ArrayLike, reference: ArrayLike) -> Apart:
    """How far two correlated series of a variable are apart.

    The error is that of the two probabilities of the interval in which they differ most, by the
    statistical inefficiency of being in it: two wells between which a run changes seldom are
    worth as many values as it has changed.  Where one series is always inside or always outside,
    it has the inefficiency of the other.

    Parameters
    ----------
    found, reference : array_like, shapes (n,) and (m,)
        Values at equal intervals of time; n and m are 2 or more.
    """
    one, other = np.asarray(found, dtype=float), np.asarray(reference, dtype=float)
    at = np.unique(np.concatenate([one, other]))
    ahead = _cumulative(one, at) - _cumulative(other, at)
    ahead, at = np.concatenate([[0.0], ahead]), np.concatenate([[-np.inf], at])
    ends = sorted((int(ahead.argmin()), int(ahead.argmax())))
    inside = [moments((x > at[ends[0]]) & (x <= at[ends[1]])) for x in (one, other)]
    # A series that never enters or leaves the interval does not tell how seldom it would.
    slow = max((of.inefficiency for of in inside if of.std > 0), default=math.inf)
    worth = [of.independent if of.std > 0 else max(of.n / slow, 1.0) for of in inside]
    errors = [of.mean_error if of.std > 0 else 1 / n for of, n in zip(inside, worth, strict=True)]
    return Apart(
        value=float(np.ptp(ahead)),
        error=math.hypot(*errors) if min(worth) >= FEWEST else math.nan,
        noise=KUIPER_MEAN * math.sqrt(sum(1 / n for n in worth)),
        independent=min(worth),
    )


def of_one_run(found: Mapping[str, Apart]) -> dict[str, Apart]:
    """What several variables of one run are apart, none of them known better than their wells.

    Variables of a molecule depend on each other: where one has hardly changed its well, another
    that moves fast inside of it is that well's alone, and of the other wells nothing is known.  So
    where one is worth too few values for an error, none has one, and all are worth as few.

    Parameters
    ----------
    found : mapping of str to Apart
        By the variables' names.
    """
    least = min((one.independent for one in found.values()), default=math.inf)
    if least >= FEWEST:
        return dict(found)
    return {name: replace(one, error=math.nan, independent=least) for name, one in found.items()}


def _cumulative(values: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.searchsorted(np.sort(values), at, side="right") / len(values)


@dataclass(frozen=True)
class Histogram:
    """A distribution; arrays of shape (n_bins,)."""

    x: NDArray[np.float64]  #: centres of the bins
    density: NDArray[np.float64]
    error: NDArray[np.float64]  #: standard error


def histogram(values: ArrayLike, torsion: bool) -> Histogram:
    """The distribution of a variable, of a torsion over the whole circle."""
    x = np.asarray(values, dtype=float)
    whole = (-np.pi, np.pi) if torsion else None
    counts, edges = np.histogram(x, bins=BINS, range=whole)
    width = edges[1] - edges[0]
    slow = moments(np.cos(x)), moments(np.sin(x))
    worth = min(of.independent for of in slow) if torsion else moments(x).independent
    p = counts / len(x)
    error = np.sqrt(p * (1 - p) / worth)
    return Histogram((edges[1:] + edges[:-1]) / 2, p / width, error / width)
