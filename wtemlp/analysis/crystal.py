"""Whether a structure is a crystal: whether it scatters as one."""

import numpy as np
from numpy.typing import NDArray

K_MIN, K_MAX = 0.8, 3.5  #: 1/Angstrom; first peaks of crystals lie there
FEWEST = 27  #: atoms; of fewer, a liquid's strongest peak is no weaker than a warm crystal's
CRYSTAL = 0.5
_CHUNK = 1_000_000  #: phases at a time


def strongest_peak(coords: NDArray[np.float64], cell: NDArray[np.float64]) -> float:
    """The intensity of the strongest Bragg peak of some atoms, of 1 for a perfect lattice.

    ``|sum_j exp(i k r_j)|^2 / n^2``, the largest over the vectors k that fit the cell and are
    between :data:`K_MIN` and :data:`K_MAX` long.  A crystal at half of its melting temperature has
    0.8 or more; a liquid of n atoms about ``3 ln(n_k) / n``.

    Parameters
    ----------
    coords : ndarray, shape (n, 3)
        Angstrom.
    cell : ndarray, shape (3, 3)
        Cell vectors, one a row, Angstrom.

    Returns
    -------
    float
        0 where no vector fits.
    """
    reciprocal = 2 * np.pi * np.linalg.inv(cell).T
    most = np.floor(K_MAX * np.linalg.norm(cell, axis=1) / (2 * np.pi)).astype(int)
    ranges = [np.arange(-n, n + 1) for n in most]
    ranges[0] = ranges[0][ranges[0] >= 0]  # k and -k are one
    k = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3) @ reciprocal
    length = np.linalg.norm(k, axis=1)
    k = k[(length > K_MIN) & (length < K_MAX)]
    strongest = 0.0
    for part in np.array_split(k, max(1, len(k) * len(coords) // _CHUNK)):
        if len(part):
            sums = np.exp(1j * (part @ coords.T)).sum(axis=1)
            strongest = max(strongest, float((np.abs(sums) ** 2).max()))
    return strongest / len(coords) ** 2


def is_crystal(
    coords: NDArray[np.float64], cell: NDArray[np.float64], types: NDArray[np.int_]
) -> bool:
    """Whether the atoms of some type lie on a lattice; False where they are too few to tell.

    Parameters
    ----------
    coords : ndarray, shape (n, 3)
        Angstrom.
    cell : ndarray, shape (3, 3)
        Angstrom, a vector a row.
    types : ndarray, shape (n,)
    """
    alike = [coords[types == kind] for kind in np.unique(types)]
    return any(len(one) >= FEWEST and strongest_peak(one, cell) > CRYSTAL for one in alike)
