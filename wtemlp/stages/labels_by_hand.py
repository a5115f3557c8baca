"""Labels that a user makes by hand: outputs in the folders of frames are taken, or left alone.

Where all labels are made elsewhere (``labels_by_hand``), the run waits for them here.
"""

import fnmatch
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from wtemlp.core import paths, shell_hints
from wtemlp.core.atomic_io import write_json
from wtemlp.core.errors import CalculationError
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch.script import declared
from wtemlp.dispatch.task_status import (
    finished_by,
    has_finished,
    have_begun,
    is_mark,
    keep_files,
    note_finished,
)
from wtemlp.dispatch.tasks import Task
from wtemlp.reference import by_hand
from wtemlp.reference.base import Frames, Labeller, Labels

USER = "user"  #: who has finished a task whose outputs are the user's own
Listing = dict[str, list[int]]  #: by file: bytes, and when it changed (ns)


def note_left(place: Path, folders: Iterable[Path]) -> None:
    """Note what failed calculations have left: what is there beside it later is the user's.

    Parameters
    ----------
    place : Path
        ``02.fp`` of an iteration.
    folders : iterable of Path
        Those of the failed jobs.
    """
    write_json(place / paths.LEFT, {folder.name: _listing(folder) for folder in sorted(folders)})


def _listing(folder: Path) -> Listing:
    found: Listing = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink() and not is_mark(file.name):
            status = file.stat()
            found[str(file.relative_to(folder))] = [status.st_size, status.st_mtime_ns]
    return found


def take(
    labeller_of: Callable[[Path], Labeller],
    jobs: Sequence[tuple[Task, Frames]],
    otherwise: str = "it is calculated",
) -> list[str]:
    """Have outputs of the user's own count as finished, where they are labels of their frames.

    Other files of the user's are kept by the next attempt.

    Parameters
    ----------
    labeller_of : callable
        Gives what labels in a folder.
    jobs : sequence of (Task, Frames)
        Those of an iteration.
    otherwise : str, optional
        What becomes of a frame whose output is no label, for people.

    Returns
    -------
    list of str
        What is done with them, a line each.

    Raises
    ------
    CalculationError
        If one is no label, after the calculation there has failed; it stays.
    """
    said, refused = [], []
    stages = {task.folder.parent for task, _ in jobs}
    left_in = {stage: _left(stage) for stage in stages}
    begun = {stage: have_begun(stage) for stage in stages}
    for task, frames in jobs:
        folder, labeller = task.folder, labeller_of(task.folder)
        left = left_in[folder.parent].get(folder.name)
        theirs = labeller.together or folder.name in begun[folder.parent]  # of an attempt
        if has_finished(folder) or (left is None and theirs):
            continue
        now = _listing(folder)
        mine = [
            name for name in now if now[name] != (left or {}).get(name) and name not in task.forward
        ]
        if not labeller.together and any(is_result(name, task) for name in mine):
            labels = labeller.collect(folder, frames)
            if labels.ok.all() or labels.refused.all():
                accept(task)
                said.append(f"{folder.name}: the output that is there is taken as its label")
                continue
            if left is None:
                said.append(
                    f"{folder.name}: the output that is there is no label ({labels.reasons[0]}): "
                    f"{otherwise}"
                )
                continue
            refused.append(f"{folder.name}: {labels.reasons[0]}")
        elif left is not None:
            keep_files(folder, mine)
    if refused:
        more = "".join(f"\n  {line}" for line in refused[1:])
        raise CalculationError(
            f"{jobs[0][0].folder.parent}: the output that was put there by hand is no label: "
            f"{refused[0]}; correct it, or remove it to have the frame calculated{more}"
        )
    for stage in stages:
        (stage / paths.LEFT).unlink(missing_ok=True)  # what the next attempts leave is not theirs
    return said


def accept(task: Task, source: str = "", remark: str = "") -> None:
    """Have the outputs of the user's own in a task's folder count as those of its job.

    Parameters
    ----------
    task : Task
    source, remark : str, optional
        Where they are from, and what their user says of them.
    """
    for name in declared(task):
        if not (task.folder / name).exists():
            (task.folder / name).touch()
    by_hand.note(task.folder, source, remark)
    note_finished(task.folder, USER)


def labels_of_user(labels: Labels, folder: Path) -> Labels:
    """The labels of a job, with the note that they were made by hand, if they were."""
    if finished_by(folder) != USER:
        return labels
    return by_hand.with_note(labels, by_hand.origin(folder))


class LabelsAreMissing(CalculationError):
    """The frames of an iteration wait for labels that are made by hand."""


def require_all(run: RunPaths, iteration: int, jobs: Sequence[tuple[Task, Frames]]) -> None:
    """Go on only if all labels have come back.

    Parameters
    ----------
    run : RunPaths
    iteration : int
    jobs : sequence of (Task, Frames)
        Those of the frames that have no label of :mod:`wtemlp.reference.by_hand`.

    Raises
    ------
    LabelsAreMissing
        With the commands that write the frames out and take the labels in.
    """
    missing = sum(len(frames) for task, frames in jobs if not has_finished(task.folder))
    if not missing:
        return
    total = len(list(run.label(iteration).glob("task.*")))
    raise LabelsAreMissing(
        f"labels are made by hand, and {missing} of {total} frames wait for theirs; write them "
        f"out with: {shell_hints.labels('export', run.root)}; take labels in with: "
        f"{shell_hints.labels('import', run.root)}"
    )


def _left(stage: Path) -> dict[str, Listing]:
    """What the failed calculations of a stage's jobs have left, by the names of their folders."""
    file = stage / paths.LEFT
    return dict(json.loads(file.read_text())) if file.exists() else {}


def is_result(name: str, task: Task) -> bool:
    """Whether a file, named relative to a task's folder, is one of its results."""
    return any(
        fnmatch.fnmatch(name, pattern) or name.startswith(f"{pattern}/")
        for pattern in task.backward
        if pattern not in task.logs or pattern == "output"
    )
