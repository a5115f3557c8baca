"""What explores, selects and labels: the parts of an iteration that have several ways to be done.

The loop knows these protocols alone; :mod:`wtemlp.stages.registry` says which object does it in a
run.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wtemlp.analysis.frames import FrameTable
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch.tasks import StageTasks, TaskResult
from wtemlp.md.dump import DumpFrame
from wtemlp.records.state import Step
from wtemlp.records.summary import Summary
from wtemlp.records.walkers import LoweredBias, WalkerSummary
from wtemlp.stages.context import RunContext

Say = Callable[[str], object]  #: takes a line for the user
ReadFrames = Callable[[Sequence[int]], list[DumpFrame]]  #: the frames of some rows


class Submit(Protocol):
    """Runs the tasks of a stage to their ends."""

    def __call__(self, stage: StageTasks, allowed: int = 0) -> list[TaskResult]:
        """Run them; those that failed.

        Raises
        ------
        CalculationError
            If more than `allowed` failed.
        """


class Labelling(Protocol):
    """Chooses frames of an exploration and has them labelled."""

    def choose(self, context: RunContext, iteration: int) -> FrameTable:
        """Decide on every frame, and write the inputs of the labels, in place of what is there."""

    def choose_again(self, context: RunContext, iteration: int) -> FrameTable | None:
        """Make the table of frames again, whose file is damaged; None: that cannot be done.

        Raises
        ------
        CalculationError, OSError
            If what it is made of is missing, or other frames would be chosen.
        """

    def by_hand(self, context: RunContext, iteration: int) -> list[str]:
        """Take outputs that a user has put into the folders of frames; a line for each."""

    def remarks(self, context: RunContext, iteration: int) -> list[str]:
        """What a user should know of the labels that :meth:`collect` has read, a line each."""

    def run(self, context: RunContext, iteration: int, submit: Submit) -> list[TaskResult]:
        """Label the chosen frames; the failed tasks that ``ratio_failed`` allows.

        Raises
        ------
        CalculationError
            If there are more.
        """

    def collect(self, context: RunContext, iteration: int) -> tuple[int, dict[str, str]]:
        """Read the labels: how many there are, and why a frame has none.

        Raises
        ------
        CalculationError
            If more have none than ``ratio_failed`` allows.
        """

    def needed(self, paths: RunPaths, iteration: int, step: Step) -> list[Path]:
        """The files that a step needs of what the steps before have made."""


class Explorer(Protocol):
    """Turns the models of an iteration into frames, each with the deviation of the models."""

    kind: str  #: those of one kind go on with what another has prepared

    @property
    def labelling(self) -> Labelling:
        """What chooses from its frames."""

    def prepare(
        self, context: RunContext, iteration: int, before: Sequence[Summary]
    ) -> list[LoweredBias]:
        """Make the exploration folder; what is there is replaced.

        Parameters
        ----------
        context : RunContext
        iteration : int
        before : sequence of Summary
            What the iterations before have done.

        Returns
        -------
        list of LoweredBias
            Where a bias is lower than asked for.
        """

    def changed(self, context: RunContext, iteration: int) -> str:
        """How the parameter file differs from what an exploration was prepared with; "": not."""

    def run(self, context: RunContext, iteration: int, submit: Submit) -> list[TaskResult]:
        """Explore; the failed walkers that are left out.

        Raises
        ------
        CalculationError
            If more failed than may.
        """

    def collect(
        self, context: RunContext, iteration: int
    ) -> tuple[FrameTable | None, list[WalkerSummary]]:
        """Read what the walkers left: their frames, and how each fared.

        The frames are None where only :attr:`labelling` reads them.
        """

    def remarks(self, context: RunContext, iteration: int) -> list[str]:
        """What a user should know of what the walkers left, a line each."""

    def list_again(self, context: RunContext, iteration: int, explored: bool) -> None:
        """Make the list of walkers again, which is damaged, from their folders.

        Parameters
        ----------
        context : RunContext
        iteration : int
        explored : bool
            Whether they have run.
        """

    def needed(self, paths: RunPaths, iteration: int, step: Step) -> list[Path]:
        """The files that a step up to the choice needs of what the steps before have made."""

    def adopt_finished(self, context: RunContext, iteration: int, say: Say) -> None:
        """Make up what wtemlp keeps of an iteration that ``dpgen run`` has finished."""

    def adopt_current(self, context: RunContext, iteration: int, step: Step, say: Say) -> Step:
        """Make up what a step needs of the iteration that ``dpgen run`` was in.

        Returns
        -------
        Step
            The step; an earlier one if that cannot be.
        """


class Selector(Protocol):
    """Chooses the frames to label, of all that were explored."""

    candidates_only: bool  #: whether it takes frames between the trust levels alone

    def eligible(self, frames: FrameTable) -> NDArray[np.bool_]:
        """Which frames may be labelled, by their verdicts; shape (n_frames,).

        Frames of walkers that had left the physical world are never labelled, whatever it says.
        """

    def pick(
        self, frames: FrameTable, n: int, rng: np.random.Generator, read: ReadFrames
    ) -> NDArray[np.int_]:
        """Choose from the eligible frames of a system.

        Parameters
        ----------
        frames : FrameTable
            The eligible ones.
        n : int
            How many to choose at most.
        rng : Generator
            Where every random number is from: the same one gives the same choice.
        read : callable
            Gives the frames of some rows: positions, cells and types.

        Returns
        -------
        ndarray of int, shape (n_chosen,)
            Rows of `frames`, each once.
        """
