"""Small water boxes with known molecules."""

import numpy as np
from scipy.spatial.transform import Rotation

MOLECULE = np.array([[0.0, 0.0, 0.0], [0.9572, 0.0, 0.0], [-0.239987, 0.926627, 0.0]])


def water_box(n_side, length, seed=1, noise=0.03, shuffle=True):
    """`n_side`^3 waters on a cubic lattice, turned at random.

    Returns
    -------
    types : (n_atoms,) int
        0 for O, 1 for H.
    coords : (n_atoms, 3) float
        Angstrom; not wrapped.
    molecules : (n_molecules, 3) int
        Indices of O, H, H.
    """
    rng = np.random.default_rng(seed)
    grid = (np.arange(n_side) + 0.5) * length / n_side
    centres = np.array(np.meshgrid(grid, grid, grid, indexing="ij")).reshape(3, -1).T
    turns = Rotation.random(len(centres), random_state=seed).as_matrix()
    coords = (centres[:, None] + np.einsum("nij,kj->nki", turns, MOLECULE)).reshape(-1, 3)
    coords += rng.normal(scale=noise, size=coords.shape)
    types = np.tile([0, 1, 1], len(centres))
    order = rng.permutation(len(types)) if shuffle else np.arange(len(types))
    place = np.argsort(order)
    return types[order], coords[order], place.reshape(-1, 3)
