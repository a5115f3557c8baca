"""Displacements in periodic boxes: unwrapping, drift, and the mean square displacement.

The mean square displacement is averaged over all time origins by the fast correlation algorithm
(Kneller et al., Comput. Phys. Commun. 91, 191, 1995; Calandrini et al., Collection SFN 12, 201,
2011), of which tidynamics (de Buyl, J. Open Source Softw. 3, 877, 2018) has the implementation.
MDAnalysis's ``EinsteinMSD`` calls the same function, but wants a Universe and keeps the
displacements of all atoms and lags in memory.
"""

from dataclasses import dataclass

import numpy as np
import tidynamics
from numpy.typing import ArrayLike, NDArray

LARGEST_STEP = 0.4  #: of a cell vector: beyond it the nearest image may be the wrong one
BLOCKS = 5  #: parts of the trajectory that the errors of the mean square displacement come from
LONGEST_LAG = 0.1  #: of the trajectory: half of a part


FEWEST_LAGS = 8  #: in a tenth of the trajectory
BOUNDED, LEVEL = 0.2, 0.05  #: growth over the last octave; of a diffusing particle 0.5


@dataclass(frozen=True)
class MeanSquareDisplacement:
    """Mean square displacement; the arrays have shape (n_lags,), one lag a frame, from 0."""

    lag_ps: NDArray[np.float64]
    msd_A2: NDArray[np.float64]  #: mean over atoms and time origins, Angstrom^2
    n_atoms: int  #: that were followed
    n_frames: int
    parts_A2: NDArray[np.float64]
    """The same in parts of the trajectory, (n_parts, n_short): lags up to a tenth of it."""

    @property
    def error_A2(self) -> NDArray[np.float64]:
        """Standard error, (n_lags,), from the parts; NaN at lags above a tenth of the run."""
        error = np.full(self.n_frames, np.nan)
        n_parts, n_short = self.parts_A2.shape
        error[:n_short] = self.parts_A2.std(axis=0, ddof=1) / np.sqrt(n_parts)
        return error


def unwrap(coords: ArrayLike, cells: ArrayLike) -> NDArray[np.float64]:
    """Make paths of atoms in a fixed cell continuous: each goes to the nearest image each time.

    Parameters
    ----------
    coords : array_like, shape (n_frames, n_atoms, 3)
        Positions, Angstrom, wrapped or not, of frames in the order of time.
    cells : array_like, shape (3, 3) or (n_frames, 3, 3)
        Cell vectors in rows, Angstrom.

    Returns
    -------
    ndarray, shape (n_frames, n_atoms, 3)
        Positions, Angstrom; the first frame is as it was.

    Raises
    ------
    ValueError
        If the cell changes (a box that breathes has no displacements free of its own), a position
        is not finite, or an atom moves by more than 0.4 of a cell vector between two frames, so
        that its nearest image may be the wrong one.
    """
    positions = np.asarray(coords, dtype=float)
    cells = np.asarray(cells, dtype=float)
    if positions.ndim != 3 or positions.shape[-1] != 3:
        raise ValueError(f"coords of shape {positions.shape}; (n_frames, n_atoms, 3) is expected")
    if cells.shape not in ((3, 3), (len(positions), 3, 3)):
        raise ValueError(f"cells of shape {cells.shape} for {len(positions)} frames")
    cell = cells if cells.ndim == 2 else cells[0]
    if not np.allclose(cells, cell, rtol=1e-6, atol=0):
        raise ValueError("unwrap: the cell changes; only a fixed one can be unwrapped")
    if not np.isfinite(positions).all():
        raise ValueError("unwrap: positions that are not finite")
    steps = np.diff(positions @ np.linalg.inv(cell), axis=0)
    steps -= np.rint(steps)
    largest = float(np.abs(steps).max(initial=0.0))
    if largest > LARGEST_STEP:
        raise ValueError(
            f"unwrap: an atom moves by {largest:.2f} of a cell vector between two frames; "
            "frames at shorter intervals are needed"
        )
    return np.concatenate([positions[:1], positions[0] + np.cumsum(steps, axis=0) @ cell])


def without_drift(values: ArrayLike, masses: ArrayLike) -> NDArray[np.float64]:
    """Positions relative to the centre of mass, or velocities relative to its velocity.

    Parameters
    ----------
    values : array_like, shape (n_frames, n_atoms, 3)
        Unwrapped positions, or velocities, of *all* atoms.
    masses : array_like, shape (n_atoms,)
        Of any unit, positive.

    Returns
    -------
    ndarray, shape (n_frames, n_atoms, 3)
    """
    vectors, weights = np.asarray(values, dtype=float), np.asarray(masses, dtype=float)
    if weights.shape != vectors.shape[1:2] or not (weights > 0).all():
        raise ValueError(f"{vectors.shape[1]} atoms need as many masses, all positive")
    centre = np.einsum("fad,a->fd", vectors, weights / weights.sum())
    return np.asarray(vectors - centre[:, None])


def followed(
    values: ArrayLike, masses: ArrayLike | None, atoms: ArrayLike | None
) -> NDArray[np.float64]:
    """The vectors of chosen atoms, the drift of all of them removed first.

    Parameters
    ----------
    values : array_like, shape (n_frames, n_atoms, 3)
        Unwrapped positions, or velocities.
    masses : array_like, shape (n_atoms,), or None
        None: there is no drift to be removed.
    atoms : array_like, shape (n_chosen,) of indices or (n_atoms,) of bool, or None
        None: all.

    Returns
    -------
    ndarray, shape (n_frames, n_chosen, 3)

    Raises
    ------
    ValueError
        For other shapes, values that are not finite, or no atom.
    """
    vectors = np.asarray(values, dtype=float)
    if vectors.ndim != 3 or vectors.shape[-1] != 3:
        raise ValueError(f"an array of shape {vectors.shape}; (n_frames, n_atoms, 3) is expected")
    if not np.isfinite(vectors).all():
        raise ValueError("positions or velocities that are not finite")
    if masses is not None:
        vectors = without_drift(vectors, masses)
    if atoms is not None:
        vectors = vectors[:, np.asarray(atoms)]
    if not vectors.shape[1]:
        raise ValueError("no atom to follow")
    return vectors


def segments(n_frames: int, n_blocks: int) -> list[slice]:
    """Equal parts of a trajectory, each from the frame at which the one before ends."""
    length = (n_frames - 1) // n_blocks
    return [slice(b * length, (b + 1) * length + 1) for b in range(n_blocks)]


def mean_square(positions: NDArray[np.float64], n_lags: int) -> NDArray[np.float64]:
    """Mean square displacement at the first lags, Angstrom^2, shape (n_lags,).

    Parameters
    ----------
    positions : ndarray, shape (n_frames, n_atoms, 3)
        Unwrapped, Angstrom.
    n_lags : int
        At most ``n_frames``.
    """
    # the algorithm takes differences of large sums: numbers about zero keep its digits
    paths = (positions - positions.mean(axis=0)).reshape(len(positions), -1)
    total = tidynamics.msd(paths)[:n_lags]  # summed over the columns
    total[0] = 0.0
    return np.asarray(total / positions.shape[1])


def msd(
    positions: ArrayLike,
    spacing_ps: float,
    *,
    masses: ArrayLike | None,
    atoms: ArrayLike | None = None,
) -> MeanSquareDisplacement:
    """Mean square displacement of atoms, over all time origins.

    Parameters
    ----------
    positions : array_like, shape (n_frames, n_atoms, 3)
        Unwrapped positions of all atoms, Angstrom, at equal intervals; :func:`unwrap` makes them.
    spacing_ps : float
        The interval.
    masses : array_like, shape (n_atoms,), or None
        Of any unit: the drift of the centre of mass is removed.  None: there is none to remove.
    atoms : array_like, optional
        The atoms to follow, indices or a mask; all if left out.

    Returns
    -------
    MeanSquareDisplacement

    Raises
    ------
    ValueError
        For other shapes, values that are not finite, no atom, or an interval that is not positive.
    """
    if not spacing_ps > 0:
        raise ValueError(f"spacing_ps = {spacing_ps}: must be above 0")
    paths = followed(positions, masses, atoms)
    n_frames = len(paths)
    n_short = int(LONGEST_LAG * (n_frames - 1) + 1e-9) + 1
    return MeanSquareDisplacement(
        lag_ps=np.arange(n_frames, dtype=float) * spacing_ps,
        msd_A2=mean_square(paths, n_frames),
        n_atoms=paths.shape[1],
        n_frames=n_frames,
        parts_A2=np.array([mean_square(paths[p], n_short) for p in segments(n_frames, BLOCKS)]),
    )


@dataclass(frozen=True)
class BoundedDisplacement:
    """Atoms that stay near their places: what their mean square displacement levels off at."""

    msd_A2: float
    error_A2: float  #: standard error, from the parts of the trajectory
    lags_ps: tuple[float, float]  #: that it is the mean of


def bounded_displacement(whole: MeanSquareDisplacement) -> BoundedDisplacement | None:
    """The displacement of atoms that do not diffuse, as of a solid's; None: they may.

    Between the last two octaves of lags a line through the origin doubles; here it grows by less
    than :data:`BOUNDED`, with two standard errors of the growth, and by no more than :data:`LEVEL`
    within these: a cage that atoms leave slowly is no solid.

    Parameters
    ----------
    whole : MeanSquareDisplacement
    """
    longest = whole.parts_A2.shape[1] - 1
    half, quarter = longest // 2, longest // 4
    if longest < FEWEST_LAGS:
        return None
    curves = [whole.msd_A2[: longest + 1], *whole.parts_A2]
    late = np.array([curve[half + 1 :].mean() for curve in curves])
    early = np.array([curve[quarter + 1 : half + 1].mean() for curve in curves])
    if not (late > 0).all():
        return None
    growth, roots = (late - early) / late, np.sqrt(len(curves) - 1)
    doubt = 2 * float(growth[1:].std(ddof=1)) / roots
    if float(growth[0]) + doubt > BOUNDED or float(growth[0]) - doubt > LEVEL:
        return None
    error = float(late[1:].std(ddof=1)) / roots
    ends = whole.lag_ps[half + 1], whole.lag_ps[longest]
    return BoundedDisplacement(float(late[0]), float(error), (float(ends[0]), float(ends[1])))
