"""The user's own files that go with every task of a stage, and the extra results that come home.

``user_forward_files`` and ``user_backward_files`` of the machine file mean what they mean to
DP-GEN: a forwarded file, named relative to the run's folder, is linked into each task's folder
under its own name; a result is named relative to the task's folder.  Both may have wildcards.
"""

import fnmatch
import glob
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from wtemlp.config.records import Machines, MachineSection, Params
from wtemlp.config.templates.includes import included, path_of
from wtemlp.core import paths
from wtemlp.core.errors import CalculationError, InputError
from wtemlp.dispatch.tasks import Task

#: What the stages write into a task's folder themselves.
RESERVED = (
    paths.TRAIN_INPUT,
    paths.CONF,
    paths.LMP_INPUT,
    paths.PLUMED_INPUT,
    paths.PLUMED_PATH,
    paths.JOB,
    paths.FRAME_DUMP,
    paths.FRAME,
)

#: What a walker's job makes, and takes away when it begins anew.
MADE = (
    paths.MODEL_DEVI,
    paths.TRAJ,
    paths.LMP_LOG,
    paths.COLVAR_NVT,
    paths.COLVAR_WTE,
    paths.HILLS,
    paths.DELTAFS,
    paths.SIGMA,
    paths.STOPPED,
    paths.CHECKPOINT,
    paths.ALL_FRAMES,
)


def check_user_files(machines: Machines, root: Path) -> None:
    """Look at the lists of all stages, before anything is written.

    Parameters
    ----------
    machines : Machines
    root : Path
        The run's folder.

    Raises
    ------
    InputError
        If a file is not there, or would take the place of another.
    """
    for section in (machines.train, machines.model_devi, machines.fp):
        where = f"{machines.source.name}: {section.stage}.user_"
        seen: dict[str, Path] = {}
        for pattern in section.user_forward_files:
            files = _matches(root, pattern)
            if not files:
                raise InputError(
                    f"{where}forward_files",
                    f"there is no {pattern} in {root}",
                    "name files relative to the run's folder",
                )
            for file in files:
                if file.name in RESERVED + MADE:
                    raise InputError(
                        f"{where}forward_files",
                        f"{pattern} is {file.name}",
                        "that name is a task's own: rename the file",
                    )
                if seen.setdefault(file.name, file) != file:
                    raise InputError(
                        f"{where}forward_files",
                        f"two files are named {file.name}",
                        "rename one: they go into one folder",
                    )
        for pattern in section.user_backward_files:
            way = PurePosixPath(pattern)
            if not pattern.strip() or way.is_absolute() or ".." in way.parts:
                raise InputError(
                    f"{where}backward_files", f'"{pattern}"', "must be relative to a task's folder"
                )
            taken = next((name for name in RESERVED if fnmatch.fnmatch(name, pattern)), None)
            if taken is not None:
                raise InputError(
                    f"{where}backward_files",
                    f'"{pattern}" is also {taken}',
                    "that is an input of a task: be more exact",
                )


def check_included(params: Params, machines: Machines, root: Path) -> None:
    """See that a file that scripts include is not another one that travels under its name.

    Parameters
    ----------
    params : Params
    machines : Machines
    root : Path
        The run's folder.

    Raises
    ------
    InputError
        If it is: the one is in the script, the other beside it.
    """
    travel = {file.name: file for file in forwarded(machines.model_devi, root)}
    scripts = [job.wte.extra.lines for job in params.jobs]
    scripts += [
        text for job in params.jobs if job.template for text in (job.template.lmp, job.template.plm)
    ]
    for name in sorted(set().union(*map(included, scripts))):
        file, other = path_of(name, root), travel.get(Path(name).name)
        if other is not None and other.read_bytes() != file.read_bytes():
            raise InputError(
                f"{machines.source.name}: model_devi.user_forward_files",
                f"{other} is not the file {name} that a script includes, and has its name",
                f"remove it, or include it as {os.path.relpath(other, root)}",
            )


def with_user_files(tasks: Sequence[Task], section: MachineSection, root: Path) -> list[Task]:
    """Link the user's files into the tasks' folders, and have them sent and brought home.

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
    return tuple(file for pattern in section.user_forward_files for file in _matches(root, pattern))


def _matches(root: Path, pattern: str) -> list[Path]:
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
