"""The built-in ways to choose the frames that are labelled."""

import numpy as np
from numpy.typing import NDArray

from wtemlp.analysis.frames import Decision, FrameTable
from wtemlp.analysis.picking import draw, energy_bin
from wtemlp.config.keys.labels import Selection
from wtemlp.config.records import Params
from wtemlp.stages.protocols import ReadFrames


class Draw:
    """Draws at random: evenly over bins of energy and apart in time, if asked.

    Parameters
    ----------
    how : Selection
    """

    def __init__(self, how: Selection) -> None:
        self.how = how

    @classmethod
    def of(cls, params: Params) -> "Draw":
        """That of a run."""
        return cls(params.selection)

    def pick(
        self, frames: FrameTable, n: int, rng: np.random.Generator, read: ReadFrames
    ) -> NDArray[np.int_]:
        """Draw from the eligible frames of a system."""
        if self.how.energy_bins is None and self.how.min_steps_apart == 1:
            return rng.choice(len(frames), min(n, len(frames)), replace=False)
        bins = energy_bin(frames.energy_eV, self.how.energy_bins or 1)
        if self.how.energy_bins is None:
            bins[:] = 0
        return draw(rng, n, bins, frames.task, frames.step, self.how.min_steps_apart)


class ByDeviation(Draw):
    """``selection.method: deviation``: from the frames between the trust levels."""

    candidates_only = True

    def eligible(self, frames: FrameTable) -> NDArray[np.bool_]:
        """The candidates."""
        return np.asarray(frames.verdict == Decision.CANDIDATE)


class AtRandom(Draw):
    """``selection.method: random``: from all frames, whatever their deviation."""

    candidates_only = False

    def eligible(self, frames: FrameTable) -> NDArray[np.bool_]:
        """All of which a deviation is known."""
        return np.asarray(np.isfinite(frames.max_devi_f))
