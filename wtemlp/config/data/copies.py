"""Marks of labelled frames: a copy of a frame has the same, whatever the order of its atoms."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wtemlp.config.data.systems import SetOfFrames, chunks

DECIMALS = 5  #: eV, eV/Angstrom, Angstrom: no label is better
_ENERGY, _BOX, _FORCES, _COORDS = 1, slice(2, 11), slice(11, 17), slice(17, 23)


def marks(sets: Sequence[SetOfFrames]) -> NDArray[np.uint64]:
    """Of each frame a number that a copy has, too.

    It is made of the number of atoms, the energy, the box and the extremes of the forces, in single
    precision: atoms may be in another order, at another image or all moved, and numbers rounded.
    Where no atom has a force, the coordinates' extremes tell the frames apart.  A copy that is
    turned, has another zero of energy or other labels is another frame.

    Returns
    -------
    ndarray of uint64, shape (n_frames,)
        In the order of the sets.
    """
    rows = [np.zeros((0, _COORDS.stop), dtype=np.float32), *map(_rows, sets)]
    bits = np.concatenate(rows).view(np.uint32).astype(np.uint64)
    factors = np.random.default_rng(0).integers(2**63, size=bits.shape[1], dtype=np.uint64)
    found: NDArray[np.uint64] = np.sum(bits * (2 * factors + np.uint64(1)), axis=1)
    return found


def _rows(one: SetOfFrames) -> NDArray[np.float32]:
    row = np.zeros((len(one.energies), _COORDS.stop), dtype=np.float32)
    row[:, 0], row[:, _ENERGY] = np.sum(one.types >= 0, axis=-1), one.energies
    if one.boxes is not None:
        row[:, _BOX] = one.boxes.reshape(-1, 9)
    row[:, _FORCES] = _extremes(one.forces)
    at_rest = ~np.round(row[:, _FORCES], DECIMALS).any(axis=1)
    if at_rest.any():
        row[at_rest, _COORDS] = _extremes(one.coords)[at_rest]
    return np.round(row, DECIMALS) + np.float32(0)  # no negative zeros: the bits are compared


def _extremes(array: np.ndarray) -> NDArray[np.float32]:
    """Smallest and largest x, y and z of all atoms, of each frame.

    Parameters
    ----------
    array : ndarray, shape (n_frames, 3 n_atoms) or (n_frames, n_atoms, 3)
        Perhaps not in memory.

    Returns
    -------
    ndarray of float32, shape (n_frames, 6)
        The same for a copy in single precision: rounding keeps the order.
    """
    found = np.empty((len(array), 6), dtype=np.float32)
    for first, rows in chunks(array):
        here = found[first : first + len(rows)]
        for axis in range(3):
            along = rows.reshape(len(rows), -1)[:, axis::3]
            here[:, axis], here[:, 3 + axis] = along.min(axis=1), along.max(axis=1)
    return found
