"""What the stages hand to the dispatcher and what they get back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wtemlp.core.errors import CalculationError
from wtemlp.core.formatting import some


@dataclass(frozen=True)
class Task:
    """One piece of work in a folder of its own."""

    name: str  #: unique in its stage: the folder's path below the stage's folder
    folder: Path  #: where its inputs are and where its results land
    command: str  #: shell command line, run in the folder
    forward: tuple[str, ...]  #: inputs, relative to the folder
    backward: tuple[str, ...]  #: results, relative to the folder; globs allowed
    logs: tuple[str, ...] = ()  #: engine logs to quote from when the task fails
    checkpoint: str = ""
    """Shell command that prints how far the checkpoint is that an attempt can go on from, and
    nothing where there is none; "": each attempt begins again."""
    beside: str = ""
    """Command, a program and its arguments, that is started once beside the tasks of a job that has
    several.  Its standard input ends with the last of them, and then it must end.  "": none."""
    steps: int = 0  #: length in MD or training steps, for the progress display; 0: not known


def no_steps(folder: Path) -> int:
    """Steps of a task that nobody counts."""
    return 0


@dataclass(frozen=True)
class StageTasks:
    """The tasks of a stage, and what they have in common."""

    tasks: Sequence[Task]
    folder: Path  #: the stage's, absolute
    common: Sequence[str] = ()  #: files that they share, relative to the folder
    done_steps: Callable[[Path], int] = no_steps  #: engine steps that a task has behind it
    clean: bool = True  #: whether another attempt begins with the files from before the first


@dataclass(frozen=True)
class TaskResult:
    """How a task ended."""

    name: str
    ok: bool
    attempts: int
    message: str = ""  #: for a failed one: the engine's last meaningful lines, one paragraph
    seconds: float = 0.0  #: its own run time, all attempts together; 0: not known


@dataclass(frozen=True)
class Progress:
    """A stage's tasks, counted."""

    waiting: int
    running: int
    finished: int
    failed: int
    active: Sequence[str] = field(default=(), compare=False)  #: names of those that may be running
    ended: Sequence[str] = field(default=(), compare=False)
    """Names of those that have ended, in that order; the list grows as more do."""

    @property
    def counts(self) -> dict[str, int]:
        """The numbers by name."""
        names = ("waiting", "running", "finished", "failed")
        return {name: getattr(self, name) for name in names}

    @property
    def total(self) -> int:
        """All tasks of the stage."""
        return self.waiting + self.running + self.finished + self.failed


NAMED = 10  #: failed tasks that are named in one line


def failure_of(folder: Path, failed: Sequence[TaskResult], total: int) -> CalculationError:
    """The end of a stage: what the first of its failed tasks said, and the names of all.

    Parameters
    ----------
    folder : Path
        The stage's.
    failed : sequence of TaskResult
    total : int
        Tasks of the stage.
    """
    names = some([result.name for result in failed], NAMED)
    others = f"\n  {len(failed)} of {total} tasks failed: {names}" if failed[1:] else ""
    return CalculationError(f"{folder}/{failed[0].message}{others}")


OnProgress = Callable[[Progress], None]
