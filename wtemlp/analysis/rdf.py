"""Radial distribution functions in periodic boxes, triclinic ones included."""

from dataclasses import dataclass

import numpy as np
from MDAnalysis.lib.distances import capped_distance, self_capped_distance
from MDAnalysis.lib.mdamath import triclinic_box, triclinic_vectors
from numpy.typing import ArrayLike, NDArray

ROUNDING = 1e-6  #: relative; MDAnalysis's cells are in single precision


@dataclass(frozen=True)
class RadialDistribution:
    """A radial distribution function; the arrays have shape (n_bins,)."""

    r_A: NDArray[np.float64]  #: centres of the bins, Angstrom
    g: NDArray[np.float64]  #: 1 in an ideal gas
    coordination: NDArray[np.float64]  #: mean number of the second type closer than the bin's end
    pairs: NDArray[np.float64]  #: number of pairs counted, all frames together
    n_frames: int


def half_width(cells: ArrayLike) -> float:
    """Half of the smallest perpendicular width of the cells, Angstrom.

    Parameters
    ----------
    cells : array_like, shape (n_frames, 3, 3)
        Cell vectors in rows, Angstrom.

    Returns
    -------
    float
        The largest distance at which each pair has at most one image.
    """
    inverse = np.linalg.inv(np.asarray(cells, dtype=float))
    return float(0.5 / np.linalg.norm(inverse, axis=-2).max())


def rdf(
    coords: ArrayLike,
    cells: ArrayLike,
    types: ArrayLike,
    pair: tuple[object, object],
    r_max: float,
    n_bins: int,
) -> RadialDistribution:
    """Radial distribution of the atoms of one type around those of another.

    Each frame is normalised by its own volume and by the number of distinct pairs,
    ``N_a N_b`` or ``N_a (N_a - 1)``, so an ideal gas of any size gives 1.  Frames are taken one at
    a time: memory does not grow with their number, and ``coords`` may be memory-mapped.

    Parameters
    ----------
    coords : array_like, shape (n_frames, n_atoms, 3)
        Positions, Angstrom, wrapped or not.
    cells : array_like, shape (n_frames, 3, 3)
        Cell vectors in rows, Angstrom.
    types : array_like, shape (n_atoms,)
        Type of each atom: indices or names.
    pair : tuple
        The two types, as they are in ``types``.
    r_max : float
        Largest distance, Angstrom; at most :func:`half_width` of the cells.
    n_bins : int
        Number of bins from 0 to ``r_max``.

    Returns
    -------
    RadialDistribution

    Raises
    ------
    ValueError
        When ``r_max`` exceeds half of the smallest perpendicular width, or a type has too few
        atoms to make a pair.
    """
    cells = np.asarray(cells, dtype=float)
    limit = half_width(cells)
    if not 0 < r_max <= limit * (1 + 1e-6):
        raise ValueError(f"r_max = {r_max:g} A: must be above 0 and at most {limit:g} A (half box)")
    names = np.asarray(types)
    first, second = np.flatnonzero(names == pair[0]), np.flatnonzero(names == pair[1])
    same = pair[0] == pair[1]
    ordered_pairs = len(first) * (len(second) - (1 if same else 0))
    if ordered_pairs <= 0:
        raise ValueError(f"no pair {pair[0]}-{pair[1]}: {len(first)} and {len(second)} atoms")

    edges = np.linspace(0.0, r_max, n_bins + 1)
    counts, inverse_volume, n_frames = _count_pairs(coords, cells, first, second, same, edges)
    ordered_counts = counts * (2 if same else 1)
    shells = 4.0 / 3.0 * np.pi * np.diff(edges**3)
    return RadialDistribution(
        r_A=0.5 * (edges[1:] + edges[:-1]),
        g=ordered_counts / (ordered_pairs * inverse_volume * shells),
        coordination=np.cumsum(ordered_counts) / (len(first) * n_frames),
        pairs=counts,
        n_frames=n_frames,
    )


def _count_pairs(
    coords: ArrayLike,
    cells: NDArray[np.float64],
    first: NDArray[np.int_],
    second: NDArray[np.int_],
    same: bool,
    edges: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float, int]:
    """Distinct pairs in each bin, sum of the inverse volumes (1/Angstrom^3), number of frames."""
    counts = np.zeros(len(edges) - 1)
    inverse_volume, n_frames = 0.0, 0
    for positions, cell in zip(np.asarray(coords, dtype=float), np.asarray(cells), strict=True):
        distances = _distances(positions, cell, first, second, same, float(edges[-1]))
        counts += np.histogram(distances, bins=edges)[0]
        inverse_volume += 1.0 / abs(np.linalg.det(cell))
        n_frames += 1
    return counts, inverse_volume, n_frames


def _distances(
    frame: NDArray[np.float64],
    cell: NDArray[np.float64],
    first: NDArray[np.int_],
    second: NDArray[np.int_],
    same: bool,
    r_max: float,
) -> NDArray[np.float64]:
    """Minimum-image distances below ``r_max`` of the distinct pairs of a frame."""
    box = triclinic_box(*cell)
    # MDAnalysis knows a cell by lengths and angles alone: positions go into its orientation.
    wrapped = (frame @ np.linalg.inv(cell)) % 1.0
    positions = (wrapped @ triclinic_vectors(box)).astype(np.float32)
    r_max *= 1 - ROUNDING  # of half a box, which it keeps in single precision and looks at
    if same:
        found = self_capped_distance(positions[first], r_max, box=box)
    else:
        found = capped_distance(positions[first], positions[second], r_max, box=box)
    return np.asarray(found[1])
