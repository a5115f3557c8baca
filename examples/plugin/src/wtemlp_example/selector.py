"""``"selection": {"method": "hottest"}``: the candidates of the highest energies."""

import numpy as np

from wtemlp.stages.selectors import ByDeviation


class Hottest(ByDeviation):
    """Takes the frames of the highest energies; those without one come last."""

    def pick(self, frames, n, rng, read):
        """Rows of the n frames of the highest energies."""
        return np.argsort(-np.nan_to_num(frames.energy_eV, nan=-np.inf), kind="stable")[:n]
