"""The user's own files that go with every task of a stage, looked at before anything is written.

What they mean is said where they are linked (:func:`wtemlp.dispatch.staging.with_user_files`).
"""

import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from wtemlp.config.records import Machines, Params
from wtemlp.config.templates.includes import included, path_of
from wtemlp.config.templates.plumed_text import effective
from wtemlp.core import paths
from wtemlp.core.errors import InputError
from wtemlp.dispatch.staging import files_of, forwarded

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
#: Actions of PLUMED whose FILE is read, and keywords that name a file that is.
_READERS = ("EXTERNAL", "LOAD", "READ")
_PLUMED_READS = ("REFERENCE", "STRUCTURE")


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
            files = files_of(root, pattern)
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


def _read_by_plumed(text: str) -> Iterator[str]:
    """Names of files that actions of a PLUMED input read."""
    for action in effective(text):
        for key, value in action.keywords.items():
            if key in _PLUMED_READS or (key == "FILE" and action.name in _READERS):
                yield value


def check_included(params: Params, machines: Machines, root: Path) -> None:
    """See that the files that scripts name are those that travel under their names.

    Parameters
    ----------
    params : Params
    machines : Machines
    root : Path
        The run's folder.

    Raises
    ------
    InputError
        If one that is included is another; if one that PLUMED reads is here, and does not travel.
    """
    travel = {file.name: file for file in forwarded(machines.model_devi, root)}
    scripts = [job.wte.extra.lines for job in params.jobs]
    scripts += [
        text for job in params.jobs if job.template for text in (job.template.lmp, job.template.plm)
    ]
    where = f"{machines.source.name}: model_devi.user_forward_files"
    inputs = [job.wte.extra.lines for job in params.jobs]
    inputs += [job.template.plm for job in params.jobs if job.template]
    for name in dict.fromkeys(name for text in inputs for name in _read_by_plumed(text or "")):
        file = path_of(name, root)
        if not Path(name).is_absolute() and file.is_file() and file.name not in travel:
            remedy = f"add {os.path.relpath(file, root)}, and name it {file.name} there"
            raise InputError(where, f"{name}, which PLUMED is to read, is not in it", remedy)
    for name in sorted(set().union(*map(included, scripts))):
        file, other = path_of(name, root), travel.get(Path(name).name)
        if other is not None and other.read_bytes() != file.read_bytes():
            raise InputError(
                where,
                f"{other} is not the file {name} that a script includes, and has its name",
                f"remove it, or include it as {os.path.relpath(other, root)}",
            )
