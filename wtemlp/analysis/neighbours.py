"""Distances between atoms with their periodic images, for many frames at once."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def heights(cells: ArrayLike) -> NDArray[np.float64]:
    """Distances between opposite faces of cells.

    Parameters
    ----------
    cells : array_like, shape (n_frames, 3, 3)
        Rows are the cell's vectors, Angstrom.

    Returns
    -------
    ndarray, shape (n_frames, 3)
        Angstrom; 0 where a cell has no volume.
    """
    cells = np.asarray(cells, dtype=float)
    faces = np.cross(np.roll(cells, -1, axis=1), np.roll(cells, -2, axis=1))
    areas = np.linalg.norm(faces, axis=2)
    volumes = np.abs(np.einsum("ij,ij->i", cells[:, 0], faces[:, 0]))
    found: NDArray[np.float64] = np.divide(
        volumes[:, None], areas, out=np.zeros_like(areas), where=areas > 0
    )
    return found


def closest_pairs(
    coords: ArrayLike,
    cells: ArrayLike | None,
    below_A: float,
    real: ArrayLike | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The shortest distance between two atoms of each frame, where it is short.

    All frames are in one tree, as layers that are far from each other.

    Parameters
    ----------
    coords : array_like, shape (n_frames, n_atoms, 3)
        Angstrom; finite.
    cells : array_like, shape (n_frames, 3, 3), or None
        Rows are the cell's vectors, Angstrom, heights above twice `below_A`; None: no images.
    below_A : float
        Longer distances are not looked for.
    real : array_like of bool, shape (n_frames, n_atoms), optional
        False: a place that stands for no atom.

    Returns
    -------
    distances : ndarray, shape (n_frames,)
        Angstrom; infinite where no two atoms are closer than `below_A`.
    pairs : ndarray, shape (n_frames, 2)
        Indices of the two atoms; -1 where there are none.
    """
    at = np.asarray(coords, dtype=float)
    n_frames, n_atoms = at.shape[:2]
    distances, pairs = np.full(n_frames, np.inf), np.full((n_frames, 2), -1)
    if n_frames == 0 or n_atoms < 2:
        return distances, pairs
    from scipy.spatial import cKDTree  # SciPy takes its time

    radius, period = below_A, 0.0
    box = None if cells is None else np.asarray(cells, dtype=float)
    if box is not None:
        at = at @ np.linalg.inv(box)
        at -= np.floor(at)
        at[at >= 1] = 0.0  # what rounding made of a number just below 0
        radius, period = below_A * float(np.max(np.sum(heights(box) ** -2.0, axis=1)) ** 0.5), 1.0
    layer = 10 * (1 + radius) * np.arange(n_frames)
    points = np.column_stack([at.reshape(-1, 3), np.repeat(layer, n_atoms)])
    atoms = np.arange(len(points))
    if real is not None:
        atoms = np.flatnonzero(np.asarray(real).reshape(-1))
    tree = cKDTree(points[atoms], boxsize=[period] * 3 + [0.0])
    found = atoms[tree.query_pairs(radius, output_type="ndarray")].reshape(-1, 2)
    apart, frame = points[found[:, 0], :3] - points[found[:, 1], :3], found[:, 0] // n_atoms
    if box is not None:
        apart = np.einsum("ij,ijk->ik", apart - np.round(apart), box[frame])
    length = np.linalg.norm(apart, axis=1)
    for row in np.argsort(-length, kind="stable"):  # the shortest of a frame is written last
        if length[row] < below_A:
            distances[frame[row]], pairs[frame[row]] = length[row], np.sort(found[row] % n_atoms)
    return distances, pairs


def most_neighbours(
    coords: ArrayLike, cell: ArrayLike | None, types: ArrayLike, n_types: int, rcut_A: float
) -> NDArray[np.int64]:
    """The most neighbours of each type that an atom of a frame has within a cut-off.

    Parameters
    ----------
    coords : array_like, shape (n_atoms, 3)
        Angstrom.
    cell : array_like, shape (3, 3), or None
        Rows are the cell's vectors, Angstrom; None: no images.
    types : array_like of int, shape (n_atoms,)
        Below `n_types`; negative: no atom.
    n_types : int
    rcut_A : float
        Angstrom.

    Returns
    -------
    ndarray of int, shape (n_types + 1,)
        Images count; the last number is the most of all types together.
    """
    from scipy.spatial import cKDTree

    types = np.asarray(types)
    at, kinds = np.asarray(coords, dtype=float)[types >= 0], types[types >= 0]
    ghosts, ghost_kinds = at, kinds
    if cell is not None:
        cell = np.asarray(cell, dtype=float)
        margin = rcut_A / heights(cell[None])[0]
        inside = at @ np.linalg.inv(cell)
        inside -= np.floor(inside)
        at = inside @ cell
        reach = [np.arange(-n, n + 1) for n in np.ceil(margin).astype(int)]
        shifts = np.stack(np.meshgrid(*reach, indexing="ij"), axis=-1).reshape(-1, 1, 3)
        images = (inside + shifts).reshape(-1, 3)
        near = np.all((images >= -margin) & (images <= 1 + margin), axis=1)
        ghosts, ghost_kinds = images[near] @ cell, np.tile(kinds, len(shifts))[near]
    counts = np.zeros((len(at), n_types + 1), dtype=np.int64)
    for kind in np.unique(kinds):
        tree = cKDTree(ghosts[ghost_kinds == kind])
        counts[:, kind] = tree.query_ball_point(at, rcut_A, return_length=True)
        counts[kinds == kind, kind] -= 1  # itself
    counts[:, -1] = counts[:, :-1].sum(axis=1)
    most: NDArray[np.int64] = counts.max(axis=0, initial=0)
    return most
