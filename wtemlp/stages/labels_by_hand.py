"""Outputs that a user has made by hand in the folders of frames: taken as labels, or left alone."""

import fnmatch
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from wtemlp.core import paths
from wtemlp.core.atomic_io import write_json
from wtemlp.core.errors import CalculationError
from wtemlp.dispatch.script import declared
from wtemlp.dispatch.task_status import has_finished, have_begun, is_mark, keep_files, note_finished
from wtemlp.dispatch.tasks import Task
from wtemlp.reference.base import Frames, Labeller

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


def take(labeller: Labeller, jobs: Sequence[tuple[Task, Frames]]) -> list[str]:
    """Have outputs of the user's own count as finished, where they are labels of their frames.

    Other files of the user's are kept by the next attempt.

    Parameters
    ----------
    labeller : Labeller
    jobs : sequence of (Task, Frames)
        Those of an iteration.

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
        folder = task.folder
        left = left_in[folder.parent].get(folder.name)
        theirs = labeller.together or folder.name in begun[folder.parent]  # of an attempt
        if has_finished(folder) or (left is None and theirs):
            continue
        now = _listing(folder)
        mine = [
            name for name in now if now[name] != (left or {}).get(name) and name not in task.forward
        ]
        if not labeller.together and any(_is_result(name, task) for name in mine):
            labels = labeller.collect(folder, frames)
            if labels.ok.all() or labels.refused.all():
                for name in declared(task):
                    if not (folder / name).exists():
                        (folder / name).touch()
                note_finished(folder, "user")
                said.append(f"{folder.name}: the output that is there is taken as its label")
                continue
            if left is None:
                said.append(
                    f"{folder.name}: the output that is there is no label ({labels.reasons[0]}): "
                    "it is calculated"
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


def _left(stage: Path) -> dict[str, Listing]:
    """What the failed calculations of a stage's jobs have left, by the names of their folders."""
    file = stage / paths.LEFT
    return dict(json.loads(file.read_text())) if file.exists() else {}


def _is_result(name: str, task: Task) -> bool:
    return any(
        fnmatch.fnmatch(name, pattern) or name.startswith(f"{pattern}/")
        for pattern in task.backward
        if pattern not in task.logs or pattern == "output"
    )
