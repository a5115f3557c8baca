"""``"fp_style": "soft-spheres"``: atoms that repel each other where they overlap."""

import numpy as np
from dargs import Argument

from wtemlp.reference.python_labeller import PythonLabeller


class SoftSpheres(PythonLabeller):
    """U = sum over pairs of k (d - r)^2 / 2 where r < d."""

    arguments = (
        Argument("k", float, optional=True, default=2.0, doc="Stiffness, eV/Angstrom^2."),
        Argument("d", float, optional=True, default=2.0, doc="Diameter, Angstrom."),
    )

    def label(self, coords, cell, symbols):
        """Energy (eV), forces (eV/Angstrom) and virial (eV) of a frame."""
        k, d = self.parameters["k"], self.parameters["d"]
        vectors = coords[None] - coords[:, None]  # from the first to the second
        vectors -= np.rint(vectors @ np.linalg.inv(cell)) @ cell
        r = np.linalg.norm(vectors, axis=2) + np.where(np.eye(len(coords)), np.inf, 0.0)
        overlap = np.clip(d - r, 0.0, None)
        pairs = -(k * overlap / r)[..., None] * vectors  # on the first of each pair
        virial = -np.einsum("ijx,ijy->xy", pairs, vectors) / 2
        return k * (overlap**2).sum() / 4, pairs.sum(axis=1), virial
