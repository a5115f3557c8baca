"""Which atoms of a water box are one molecule, and molecules kept whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

SHORTEST_BOND_A = 0.6  #: outside of these bounds a structure is no longer water
LONGEST_BOND_A = 1.6
MARGIN_A = 1.0  #: at least, between atoms and a face that is not periodic, Angstrom


@dataclass(frozen=True)
class WaterTopology:
    """The molecules of a water box, as indices of atoms from 0, in the order of the oxygens."""

    oxygens: np.ndarray  #: (n_molecules,)
    hydrogens: np.ndarray  #: (n_molecules, 2), ascending in each row

    @property
    def n_molecules(self) -> int:
        """Number of molecules."""
        return len(self.oxygens)

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return 3 * len(self.oxygens)


def water_topology(
    types: np.ndarray, coords: np.ndarray, cell: np.ndarray, type_map: Sequence[str]
) -> WaterTopology:
    """Find the molecules of a water box: each hydrogen belongs to its nearest oxygen.

    Parameters
    ----------
    types : (n_atoms,) int
        Index of each atom's element in `type_map`; any order of atoms.
    coords : (n_atoms, 3) float
        Positions, Angstrom, wrapped or not.
    cell : (3, 3) float
        Cell vectors as rows, Angstrom; periodic in all three.
    type_map : sequence of str
        Names of the elements.

    Returns
    -------
    WaterTopology

    Raises
    ------
    ValueError
        If the structure is not made of water molecules: it says which atom shows it, counted
        from 1 as in LAMMPS.
    """
    oxygens, hydrogens = _elements(types, type_map)
    if not np.isfinite(coords).all():
        raise ValueError("not water: a position is not a finite number")
    nearest, distance = _nearest_image(coords[hydrogens], coords[oxygens], cell)
    for wrong, what in (
        (distance > LONGEST_BOND_A, f"more than {LONGEST_BOND_A}"),
        (distance < SHORTEST_BOND_A, f"less than {SHORTEST_BOND_A}"),
    ):
        if wrong.any():
            h = int(np.flatnonzero(wrong)[0])
            raise ValueError(
                f"not water: H atom {hydrogens[h] + 1} is {distance[h]:.3f} Angstrom from"
                f" O atom {oxygens[nearest[h]] + 1}, the nearest oxygen: {what} Angstrom"
            )
    counts = np.bincount(nearest, minlength=len(oxygens))
    if (counts != 2).any():
        o = int(np.flatnonzero(counts != 2)[0])
        raise ValueError(f"not water: O atom {oxygens[o] + 1} has {counts[o]} H atoms, not 2")
    # Sorted by oxygen, and stably, so ascending among the hydrogens of one.
    pairs = hydrogens[np.argsort(nearest, kind="stable")].reshape(-1, 2)
    return WaterTopology(oxygens, pairs)


def bond_lengths(coords: np.ndarray, cells: np.ndarray, topology: WaterTopology) -> np.ndarray:
    """The O-H bond lengths of frames, minimum image.

    Parameters
    ----------
    coords : (n_frames, n_atoms, 3) float
        Positions, Angstrom.
    cells : (n_frames, 3, 3) float
        Cell vectors as rows, Angstrom.
    topology : WaterTopology

    Returns
    -------
    (n_frames, n_molecules, 2) float
        Angstrom.
    """
    return np.asarray(np.linalg.norm(_bonds(coords, cells, topology), axis=-1))


def make_whole(coords: np.ndarray, cells: np.ndarray, topology: WaterTopology) -> np.ndarray:
    """Positions with every hydrogen at the image nearest to its oxygen.

    The oxygens are wrapped into the cell; hydrogens may stick out of it.

    Parameters
    ----------
    coords : (n_frames, n_atoms, 3) float
        Positions, Angstrom.
    cells : (n_frames, 3, 3) float
        Cell vectors as rows, Angstrom.
    topology : WaterTopology

    Returns
    -------
    (n_frames, n_atoms, 3) float
        Angstrom.
    """
    whole = np.array(coords, dtype=float)
    inverse = np.linalg.inv(cells)
    oxygens = whole[:, topology.oxygens]
    oxygens -= np.floor(oxygens @ inverse) @ cells
    whole[:, topology.oxygens] = oxygens
    bonds = _bonds(whole, cells, topology)
    whole[:, topology.hydrogens] = oxygens[:, :, None] + bonds
    return whole


def minimum_image(vectors: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Vectors reduced by cell vectors to the image nearest to zero.

    Exact for images shorter than half the smallest height of the cell, so for bonds.

    Parameters
    ----------
    vectors : (n_frames, n, 3) float
        Angstrom.
    cells : (n_frames, 3, 3) float
        Cell vectors as rows, Angstrom.

    Returns
    -------
    (n_frames, n, 3) float
        Angstrom.
    """
    return np.asarray(vectors - np.rint(vectors @ np.linalg.inv(cells)) @ cells)


def stand_alone(coords: np.ndarray, cell: np.ndarray, periodic: np.ndarray) -> None:
    """Put atoms into one piece where a direction is not periodic; both arrays are changed.

    The piece begins behind the widest gap along the direction, and comes into the middle of the
    cell, whose vector stands upright on the others and is as long as it must be.

    Parameters
    ----------
    coords : (n_atoms, 3) float
        Angstrom.
    cell : (3, 3) float
        Cell vectors as rows, lower triangular, Angstrom.
    periodic : (3,) bool
    """
    for axis in np.flatnonzero(~periodic):
        at = coords @ np.linalg.inv(cell)[:, axis]
        inside = at - np.floor(at)
        ordered = np.sort(inside)
        gaps = np.diff(np.append(ordered, ordered[0] + 1.0))
        begin = ordered[(int(np.argmax(gaps)) + 1) % len(ordered)]
        coords += np.outer((inside - begin) % 1.0 + begin - at, cell[axis])
    for axis in np.flatnonzero(~periodic):
        cell[axis, :axis] = 0.0
        low, high = coords[:, axis].min(), coords[:, axis].max()
        cell[axis, axis] = max(cell[axis, axis], high - low + 2 * MARGIN_A)
        coords[:, axis] += (cell[axis, axis] - low - high) / 2


def whole_cluster(coords: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Positions of a cluster in one piece, none of it on the other side of a face.

    Atom by atom, the one that is nearest to those placed so far is placed at its nearest image.

    Parameters
    ----------
    coords : (n_atoms, 3) float
        Wrapped or not, Angstrom.
    cell : (3, 3) float
        Cell vectors as rows, Angstrom; the cluster is smaller than half of it.

    Returns
    -------
    (n_atoms, 3) float
        Angstrom; the first atom is where it was.
    """
    placed = np.array(coords, dtype=float)
    distances = np.full(len(placed), np.inf)
    images = np.zeros_like(placed)
    left, newest = np.ones(len(placed), bool), 0
    for _ in range(len(placed) - 1):
        left[newest] = False
        vectors = minimum_image((placed - placed[newest])[None], cell[None])[0]
        nearer = left & (np.linalg.norm(vectors, axis=1) < distances)
        distances[nearer] = np.linalg.norm(vectors[nearer], axis=1)
        images[nearer] = placed[newest] + vectors[nearer]
        newest = int(np.argmin(np.where(left, distances, np.inf)))
        placed[newest] = images[newest]
    return placed


def _bonds(coords: np.ndarray, cells: np.ndarray, topology: WaterTopology) -> np.ndarray:
    """O to H vectors, (n_frames, n_molecules, 2, 3), Angstrom."""
    vectors = coords[:, topology.hydrogens] - coords[:, topology.oxygens][:, :, None]
    shape = vectors.shape
    return minimum_image(vectors.reshape(shape[0], -1, 3), cells).reshape(shape)


def _elements(types: np.ndarray, type_map: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the oxygens and of the hydrogens, of which there are twice as many."""
    names = np.asarray(type_map)[np.asarray(types, dtype=int)]
    others = sorted(set(names.tolist()) - {"O", "H"})
    if others:
        raise ValueError(f"not water: it contains {', '.join(others)}")
    oxygens, hydrogens = np.flatnonzero(names == "O"), np.flatnonzero(names == "H")
    if len(oxygens) == 0 or len(hydrogens) != 2 * len(oxygens):
        raise ValueError(f"not water: {len(oxygens)} O and {len(hydrogens)} H atoms")
    return oxygens, hydrogens


def _nearest_image(
    points: np.ndarray, others: np.ndarray, cell: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each point the index of the nearest of the others under periodicity, and how far."""
    from scipy.spatial import cKDTree  # SciPy takes its time

    inverse = np.linalg.inv(cell)
    points = points @ inverse
    others = others @ inverse
    shifts = np.array(list(product((-1, 0, 1), repeat=3)))
    images = (others - np.floor(others))[None] + shifts[:, None]
    tree = cKDTree(images.reshape(-1, 3) @ cell)
    distance, index = tree.query((points - np.floor(points)) @ cell)
    return index % len(others), distance
