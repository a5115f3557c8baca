"""Bonds by covalent radii, the molecules that they make, and the torsions about them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

REACH = 1.15  #: times the sum of two covalent radii: atoms that are nearer are bonded
STRAIGHT = 0.985  #: cosine of 10 degrees: about such a line nothing turns


def bonds(
    symbols: Sequence[str], coords: ArrayLike, cell: ArrayLike, periodic: bool
) -> NDArray[np.int_]:
    """Bonded pairs of atoms, each once in both directions.

    Parameters
    ----------
    symbols : sequence of str
    coords : array_like, shape (n_atoms, 3)
        Angstrom.
    cell : array_like, shape (3, 3)
        Cell vectors in rows, Angstrom.
    periodic : bool
        Whether there are bonds across the faces.

    Returns
    -------
    (n_bonds, 2) int
    """
    from ase import Atoms
    from ase.neighborlist import natural_cutoffs, neighbor_list

    atoms = Atoms(list(symbols), np.asarray(coords), cell=np.asarray(cell), pbc=periodic)
    first, second = neighbor_list("ij", atoms, natural_cutoffs(atoms, mult=REACH))
    return np.column_stack([first, second])


def molecules(n_atoms: int, bonded: NDArray[np.int_]) -> list[NDArray[np.int_]]:
    """The atoms that bonds hold together, in the order of their first ones."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(bonded))
    graph = coo_matrix((ones, (bonded[:, 0], bonded[:, 1])), shape=(n_atoms, n_atoms))
    count, labels = connected_components(graph, directed=False)
    return [np.flatnonzero(labels == k) for k in range(count)]


def torsions(
    symbols: Sequence[str], coords: ArrayLike, cell: ArrayLike
) -> list[tuple[int, int, int, int]]:
    """A torsion about each bond that a molecule can turn about: none of a ring.

    Its ends are, of the neighbours of either atom, the first of the heaviest element.

    Parameters
    ----------
    symbols : sequence of str
    coords : array_like, shape (n_atoms, 3)
        Angstrom.
    cell : array_like, shape (3, 3)
        Cell vectors in rows, Angstrom; the molecule may be cut by its faces.

    Returns
    -------
    list of tuple of int
        Places of the atoms, from 0.
    """
    from ase.data import atomic_numbers

    bonded, n_atoms = bonds(symbols, coords, cell, periodic=True), len(symbols)
    n_molecules = len(molecules(n_atoms, bonded))
    places, frame = np.asarray(coords, dtype=float), np.asarray(cell, dtype=float)

    def end(of: int, other: int) -> int | None:
        near = [int(b) for a, b in bonded if a == of and b != other]
        near.sort(key=lambda atom: (-atomic_numbers[symbols[atom]], atom))
        arms = places[[other, *near]] - places[of]
        arms -= np.rint(arms @ np.linalg.inv(frame)) @ frame
        arms /= np.linalg.norm(arms, axis=1, keepdims=True)
        bent = np.abs(arms[1:] @ arms[0]) < STRAIGHT
        return next((atom for atom, turns in zip(near, bent, strict=True) if turns), None)

    found = []
    for one, other in bonded[bonded[:, 0] < bonded[:, 1]]:
        ends = end(int(one), int(other)), end(int(other), int(one))
        rest = bonded[~(np.isin(bonded, (one, other)).all(axis=1))]
        in_a_ring = len(molecules(n_atoms, rest)) == n_molecules
        if ends[0] is not None and ends[1] is not None and not in_a_ring:
            found.append((ends[0], int(one), int(other), ends[1]))
    return found
