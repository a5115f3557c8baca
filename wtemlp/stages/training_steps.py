"""How far trainings have come: those that run, those that failed, those that ended too early."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from wtemlp.core import paths
from wtemlp.core.atomic_io import last_line, leading_int, read_json, reading
from wtemlp.core.errors import CalculationError
from wtemlp.dispatch.task_status import forget_finished
from wtemlp.dispatch.tasks import Task, TaskResult

#: What to do about a damaged training input.
TRAIN_AGAIN = "put it back, or move its iteration's 00.train away: the same command trains again"
DISP_FREQ = 1000  #: of DeePMD-kit, where an input has none


def done_steps(folder: Path) -> int:
    """Training steps that a model has behind it, from its learning curve."""
    return leading_int(last_line(folder / paths.LCURVE))


def all_steps(folder: Path) -> int:
    """The length of a training, in steps; 0 if its input does not say."""
    training = _training(folder)
    return int(training.get("numb_steps") or training.get("stop_batch") or 0)


def _training(folder: Path) -> dict[str, Any]:
    file = folder / paths.TRAIN_INPUT
    with reading(file, TRAIN_AGAIN):
        return dict(read_json(file, TRAIN_AGAIN)["training"])


def how_far(failed: TaskResult, tasks: Sequence[Task]) -> TaskResult:
    """The end of a training that failed, with the step that it came to."""
    task = next(one for one in tasks if one.name == failed.name)
    first, *quoted = failed.message.split("\n")
    came = (
        f"{first}\n  it came to step {done_steps(task.folder)} of {task.steps}; where its job was "
        "killed (a time limit?), the same command goes on from its last checkpoint (every "
        "save_freq steps), if it has one; else it begins again"
    )
    return replace(failed, message="\n".join([came, *quoted]))


def require_whole(folders: Sequence[Path]) -> None:
    """See that trainings which have finished came to their last step.

    A program that ends too early, as with a wrapper that hides its exit status, leaves a model
    all the same: that of its last checkpoint.  Its learning curve tells.

    Parameters
    ----------
    folders : sequence of Path
        Those of the trainings of a stage.

    Raises
    ------
    CalculationError
        If one did not; it is then no longer finished: it can be run again.
    """
    short = {folder: done_steps(folder) for folder in folders if _ended_early(folder)}
    if not short:
        return
    for folder in short:
        forget_finished(folder)
    folder, step = next(iter(short.items()))
    others = f" ({len(short)} models did)" if len(short) > 1 else ""
    raise CalculationError(
        f"{folder}: the training ended at step {step} of {all_steps(folder)}, though its command "
        f"said that all went well (exit status 0){others}: see {paths.TRAIN_LOG} there; the same "
        "command trains it again"
    )


def _ended_early(folder: Path) -> bool:
    """Whether the last row of a learning curve is more than a row before its end."""
    curve = folder / paths.LCURVE
    if not curve.is_file() or not (folder / paths.TRAIN_INPUT).is_file():
        return False
    every, done = leading_int(str(_training(folder).get("disp_freq") or "")), done_steps(folder)
    return done > 0 and done + (every or DISP_FREQ) < all_steps(folder)
