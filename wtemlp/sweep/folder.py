"""The folder of a sweep: its records, its starts and its arms, each a run's folder of its own.

::

    sweep.json         the arms
    given.json         the parameter file that they are made from, and how the sweep was asked for
    unbiased.json      the fluctuation of the energy, where a temperature was taken from it
    start/             the first training, done once for all arms of a seed
    g1/ g16/ ...       an ordinary run each
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.core import shell_hints
from wtemlp.core.atomic_io import read_record, write_json
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.records import data_check, sweep_record
from wtemlp.records import state as states
from wtemlp.records.compatibility import first_state
from wtemlp.records.state import RunState, Step
from wtemlp.records.sweep_record import Arm, Sweep, load_sweep
from wtemlp.sweep.arm_input import arm_param, start_param
from wtemlp.sweep.arms import folder_of

FOLDER = "sweep"  #: in the run's folder
GIVEN = "given.json"
PARAM = "param.json"  #: in the folder of each run
START = "start"
OUTPUT = "wtemlp.out"  #: what the run of an arm says
#: Of the dispatcher of the start, whose jobs are not those of an arm.
NOT_TAKEN = ("dispatch.json", "dispatch.log", "*.tmp", ".wtemlp.lock")
LINKED_BYTES = 100_000  #: larger files are not copied, where the file system has links
OTHER = "keep it, or take another folder for another sweep (-o OUT)"


@dataclass(frozen=True)
class Given:
    """What the sweep is made from."""

    param: Mapping[str, Any]  #: the content of the parameter file
    root: Path  #: folder that its paths are relative to, absolute
    options: tuple[str, ...]  #: of the command line

    def save(self, folder: Path) -> None:
        """Keep it in the sweep's folder."""
        content = {"root": os.path.relpath(self.root, folder), "options": list(self.options)}
        write_json(folder / GIVEN, {**content, "param": self.param})


def load_given(folder: Path) -> Given:
    """Read what :meth:`Given.save` wrote.

    Raises
    ------
    InputError
        If it is not there, or damaged.
    """
    remedy = "take another folder (-o OUT)"
    content = read_record(folder / GIVEN, remedy)
    try:
        root = (folder / content["root"]).resolve()
        return Given(dict(content["param"]), root, tuple(map(str, content["options"])))
    except (KeyError, TypeError, ValueError):
        raise InputError(str(folder / GIVEN), "is damaged", remedy) from None


def check_folder(folder: Path, given: Given, name: str) -> None:
    """Refuse another sweep than the one that is in the folder, before anything is written.

    Parameters
    ----------
    folder : Path
    given : Given
        What this sweep is made from.
    name : str
        Of the parameter file.

    Raises
    ------
    InputError
    """
    if states.load(RunPaths(folder)) is not None:
        raise InputError(str(folder), "is the folder of a run", "take another one (-o OUT)")
    states.check_recorded(RunPaths(folder), None)
    if not (folder / GIVEN).exists():
        if load_sweep(folder) is not None:
            raise InputError(
                str(folder / GIVEN), "has gone", "put it back, or take another folder (-o OUT)"
            )
        _refuse_unrecorded(folder)
        return
    load_sweep(folder)
    old = load_given(folder)
    for key in sorted(old.param.keys() | given.param.keys()):
        if old.param.get(key) != given.param.get(key):
            raise InputError(
                f"{name}: {key}", f"is not that of the sweep in {shell_hints.shown(folder)}", OTHER
            )
    if old.root != given.root:
        raise InputError(
            str(given.root), f"the sweep in {shell_hints.shown(folder)} is of {old.root}", OTHER
        )


def _refuse_unrecorded(folder: Path) -> None:
    """Refuse a folder with runs in it that no record of a sweep names."""
    for run in sorted(set(folder.glob("*")) - {folder / data_check.FOLDER}):
        paths = RunPaths(run)
        if run.is_dir() and (paths.state.exists() or states.iterations(paths)):
            raise InputError(
                str(folder),
                f"the run {run.name} is in it, but {GIVEN} and {sweep_record.FILE} are missing",
                f"nothing is changed; put them back, or {OTHER.split(', or ')[1]}",
            )


def merged(old: Sweep | None, new: Sweep) -> Sweep:
    """The record of the arms that were there, followed by the new ones."""
    known = old.arms if old else ()
    folders = {arm.folder for arm in known}
    return replace(new, arms=(*known, *(arm for arm in new.arms if arm.folder not in folders)))


def start_folder(folder: Path, seed: int, first: int) -> Path:
    """The folder of a seed's first training."""
    return folder / folder_of(START, seed, first)


def make_start(folder: Path, given: Given, seed: int) -> None:
    """Make the run of a first training, unless it is there."""
    _write_param(folder, start_param(given.param, seed, given.root, folder))


def make_arm(folder: Path, start: Path, given: Given, arm: Arm, machine: Path) -> None:
    """Make the run of an arm, which goes on from the first training; unless it is there.

    Parameters
    ----------
    folder, start : Path
        The arm's folder, and that of the first training, which is finished.
    given : Given
    arm : Arm
    machine : Path
        The machine file.
    """
    paths = RunPaths(folder)
    if states.load(paths) is not None:
        return
    _write_param(folder, arm_param(given.param, arm, given.root, folder))
    state = first_state(
        load_params(folder / PARAM, folder, check_files=False),  # its `wtemlp run` checks them
        load_machines(machine, folder),
        paths,
    )
    _take_over(RunPaths(start), paths, state)


def _write_param(folder: Path, param: Mapping[str, Any]) -> None:
    """Write a run's parameter file, unless it is there: the user may have mended it."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / PARAM).exists():
        write_json(folder / PARAM, param)


def _take_over(start: RunPaths, arm: RunPaths, fresh: RunState) -> None:
    """Have a run begin after the first training of another, with its very models.

    The state is written last: a call that was killed before that does all of it again.
    """
    trained = states.load(start)
    # What it has of the start may be the half of a copy; what comes after that is its own work.
    begun = replace(fresh, iteration=0, step=Step.MAKE_TRAIN)
    states.check_recorded(arm, begun)
    shutil.rmtree(arm.iteration(0), ignore_errors=True)
    shutil.copytree(
        start.iteration(0),
        arm.iteration(0),
        symlinks=True,
        copy_function=_link_or_copy,
        ignore=shutil.ignore_patterns(*NOT_TAKEN),
    )
    arm.record.unlink(missing_ok=True)
    for step in (Step.MAKE_TRAIN, Step.RUN_TRAIN, Step.POST_TRAIN):
        states.record(arm, 0, step)
    versions = trained.versions if trained else fresh.versions
    states.save(arm, replace(fresh, versions=versions, step=Step.MAKE_EXPLORE))


def _link_or_copy(source: str, target: str) -> str:
    """A hard link for what is large and never changed, else a copy."""
    if Path(source).stat().st_size > LINKED_BYTES:
        try:
            Path(target).hardlink_to(source)
        except OSError:  # another file system, or one without links
            return shutil.copy2(source, target)
        return target
    return shutil.copy2(source, target)


def link_user_files(folder: Path, root: Path, names: Sequence[str]) -> None:
    """Have files that a machine file names by relative paths be found from a run's folder, too.

    Parameters
    ----------
    folder : Path
        The run's.
    root : Path
        The folder that the paths are relative to.
    names : sequence of str
        Relative paths of files.
    """
    for name in names:
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(os.path.relpath((root / name).resolve(), link.parent))
