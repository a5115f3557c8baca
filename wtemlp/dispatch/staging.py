"""A stage's files, there and back."""

import glob
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from wtemlp.config.records import MachineSection
from wtemlp.core.atomic_io import write_text
from wtemlp.core.errors import CalculationError, InputError
from wtemlp.dispatch import script
from wtemlp.dispatch.settings import Settings
from wtemlp.dispatch.tasks import Task
from wtemlp.dispatch.times import merged
from wtemlp.dispatch.units import UnitTask, View


def expand(folder: Path, patterns: Iterable[str]) -> list[str]:
    """Names of what is there, wildcards expanded, relative to the folder, sorted."""
    names = set()
    for pattern in patterns:
        matches = list(folder.glob(pattern.rstrip("/")))
        if not matches:
            raise InputError(
                str(folder / pattern), "this input of a task is missing", "prepare the stage again"
            )
        names |= {match.relative_to(folder).as_posix() for match in matches}
    return sorted(names)


def expand_to_files(folder: Path, patterns: Iterable[str]) -> list[str]:
    """As :func:`expand`, with the files below a folder instead of the folder."""
    names: set[str] = set()
    for name in expand(folder, patterns):
        path = folder / name
        if not path.is_dir():
            names.add(name)
            continue
        for parent, _, files in os.walk(path, followlinks=True):
            names |= {(Path(parent) / file).relative_to(folder).as_posix() for file in files}
    return sorted(names)


def _times(task: Task) -> Path:
    return task.folder / script.TIMES


def remove_results(task: Task) -> None:
    """Remove what an earlier attempt at a task has left on this side."""
    inputs = set(expand(task.folder, task.forward))
    for pattern in (*task.backward, script.OUT, script.ERR, script.DONE):
        for match in list(task.folder.glob(pattern.rstrip("/"))):
            if match.relative_to(task.folder).as_posix() in inputs:
                continue
            if match.is_dir() and not match.is_symlink():
                shutil.rmtree(match)
            else:
                match.unlink(missing_ok=True)


class StageFiles:
    """Moves a stage's files through a dpdispatcher context.

    Parameters
    ----------
    context : dpdispatcher context
        Bound to `stage`.
    stage : View
        The stage.
    work_dir : Path
        The stage's folder on this side.
    settings : Settings
        The machine section.
    """

    def __init__(self, context: Any, stage: View, work_dir: Path, settings: Settings) -> None:
        self.context, self.stage, self.work_dir = context, stage, work_dir
        self.local = settings.local

    def path(self, task: Task) -> str:
        """A task's folder, relative to the stage's."""
        return task.folder.relative_to(self.work_dir).as_posix()

    def folder(self, task: Task) -> Path:
        """A task's folder where the job runs, for contexts on this machine."""
        return Path(self.context.remote_root) / self.path(task)

    def upload_common(self, names: Sequence[str], again: bool) -> None:
        """Send the common files."""
        if not names:
            return
        view = self._view((), self._inputs(self.work_dir, names))
        view.preserve_existing_forward_common_files = again
        if self.local:
            for name in view.forward_common_files:
                link = Path(self.context.remote_root) / name
                if link.is_symlink() and not link.exists():  # the run's folder was moved
                    link.unlink()
        self.context.upload(view)

    def upload(self, tasks: Sequence[Task]) -> None:
        """Send the tasks' inputs; results of an earlier attempt on this side are removed."""
        for task in tasks:
            remove_results(task)
        units = [
            UnitTask("", self.path(task), self._inputs(task.folder, task.forward)) for task in tasks
        ]
        self.context.upload(self._view(units))

    def download(self, tasks: Sequence[Task]) -> None:
        """Bring home what there is of the tasks' results and logs."""
        units = []
        for task in tasks:
            names = dict.fromkeys(
                (*task.backward, *task.logs, script.OUT, script.ERR, script.TIMES)
            )
            wanted = self._moved(task, list(names)) if self.local else list(names)
            units.append(UnitTask("", self.path(task), (), wanted))
        noted = [(file, file.read_text()) for file in map(_times, tasks) if file.exists()]
        self.context.download(self._view(units), check_exists=True, mark_failure=False)
        for file, earlier in noted:
            write_text(file, merged(earlier, file.read_text()))

    def _moved(self, task: Task, patterns: Sequence[str]) -> list[str]:
        """Files to move home.

        One by one, because dpdispatcher moves and does not copy: a folder that is moved halfway
        to another file system, and then again, would lose its first half.
        """
        source, names = self.folder(task), []
        for pattern in patterns:
            for match in source.glob(pattern.rstrip("/")):
                name = match.relative_to(source).as_posix()
                if match.is_dir() and not match.is_symlink():
                    (task.folder / name).mkdir(parents=True, exist_ok=True)
                    files = [path for path in match.rglob("*") if not path.is_dir()]
                    names += [path.relative_to(source).as_posix() for path in files]
                else:
                    names.append(name)
        return sorted(set(names))

    def _inputs(self, folder: Path, patterns: Sequence[str]) -> list[str]:
        # SSHContext cannot compare a folder with what is there already, only files.
        return expand(folder, patterns) if self.local else expand_to_files(folder, patterns)

    def _view(self, units: Sequence[UnitTask], common: Sequence[str] = ()) -> View:
        return View(self.stage.identity, self.work_dir, self.stage.resources, units, common)


def with_user_files(tasks: Sequence[Task], section: MachineSection, root: Path) -> list[Task]:
    """Link the user's files into the tasks' folders, and have them sent and brought home.

    ``user_forward_files`` and ``user_backward_files`` of the machine file mean what they mean to
    DP-GEN: a forwarded file, named relative to the run's folder, is linked into each task's folder
    under its own name; a result is named relative to the task's folder.  Both may have wildcards.

    Parameters
    ----------
    tasks : sequence of Task
    section : MachineSection
        Of their stage.
    root : Path
        The run's folder.

    Returns
    -------
    list of Task
        The same tasks, with more inputs and results.
    """
    files = forwarded(section, root)
    names = tuple(dict.fromkeys(file.name for file in files))
    for task in tasks:
        for file in files:
            _link(task, file, root)
    return [
        replace(
            task,
            forward=tuple(dict.fromkeys((*task.forward, *names))),
            backward=tuple(dict.fromkeys((*task.backward, *section.user_backward_files))),
        )
        for task in tasks
    ]


def forwarded(section: MachineSection, root: Path) -> tuple[Path, ...]:
    """The user's own files that go into the folder of each task of a section."""
    return tuple(file for pattern in section.user_forward_files for file in files_of(root, pattern))


def files_of(root: Path, pattern: str) -> list[Path]:
    """The files of a name or pattern that is relative to the run's folder."""
    found = glob.glob(str(root / pattern))  # noqa: PTH207 (the pattern may be absolute)
    return sorted(Path(os.path.normpath(name)) for name in found if Path(name).is_file())


def _link(task: Task, file: Path, root: Path) -> None:
    """A link that stays right when the run's folder is moved with the file in it."""
    link = task.folder / file.name
    target = os.path.relpath(file, task.folder) if file.is_relative_to(root) else str(file)
    if link.is_symlink():
        if str(link.readlink()) == target:
            return
        link.unlink()
    elif link.exists():
        raise CalculationError(f"{link} is a task's own file, and a user_forward_file as well")
    link.symlink_to(target)
