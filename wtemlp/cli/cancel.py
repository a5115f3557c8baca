"""What ``wtemlp cancel`` does."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from wtemlp.config.machine.sections import load_machines
from wtemlp.config.records import Machines
from wtemlp.core import shell_hints
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch.cancel import cancel_tasks
from wtemlp.dispatch.journal import JOURNAL
from wtemlp.records import state as states
from wtemlp.session.lock import locked
from wtemlp.session.session import run_folder, run_log
from wtemlp.session.told import Told
from wtemlp.validation import folders

#: Sections of the machine file, by the stage's folder; `wtemlp init` runs all with the last.
_SECTIONS = {
    "00.train": "train",
    "01.model_devi": "model_devi",
    "02.fp": "fp",
    **folders.SECTIONS,
}


def cancel_command(root: Path, machine: Path | None, say: Callable[[str], object]) -> Told:
    """Do ``wtemlp cancel``.

    Parameters
    ----------
    root : Path
        The run's folder.
    machine : Path, optional
        The machine file; by default the one that the run was last given.
    say : callable
        Takes a line for the user.

    Returns
    -------
    Told
        What was done; its fact: how many jobs were ended.

    Raises
    ------
    InputError
        There is no run in the folder, or no machine file.
    WtemlpError
        Another wtemlp is at work on the run: it would take the jobs for failed.
    TransportError
        The host or the queue did not answer.
    """
    root = run_folder(root)
    paths = RunPaths(root)
    state, journals = states.load(paths), list(_journals(root))
    if state is None and not journals:
        raise states.no_run(root)
    machines = load_machines(machine or _recorded_machine(state, root), root)
    with locked(paths), run_log(paths, say):
        ended = sum(
            cancel_tasks(folder, getattr(machines, _SECTIONS.get(folder.name, "fp")), root)
            for folder in journals
        )
    jobs = {0: "this run had no jobs", 1: "1 job was ended"}.get(ended, f"{ended} jobs were ended")
    files = (state.params, state.machine) if state else ()
    again = f"; go on with: {shell_hints.command('run', root, *files)}" if state else ""
    return Told([jobs + again], {"jobs_ended": ended})


def _journals(root: Path) -> Iterator[Path]:
    """The folders of a run in which jobs were dispatched."""
    for folder, subfolders, files in os.walk(root):
        if JOURNAL in files:
            subfolders.clear()  # only tasks are below
            yield Path(folder)


def recorded_machines(root: Path, machine: Path | None) -> Machines:
    """The machine file that is given, or that a run was last given.

    Raises
    ------
    InputError
        If there is none.
    """
    state = states.load(RunPaths(root))
    return load_machines(machine or _recorded_machine(state, root), root)


def _recorded_machine(state: states.RunState | None, root: Path) -> Path:
    if state is None:
        raise InputError(str(root), "no machine file is recorded", "give it with --machine FILE")
    file = root / state.machine
    if not file.is_file():
        raise InputError(
            str(file), "the machine file of this run is not there", "give it with --machine FILE"
        )
    return file
