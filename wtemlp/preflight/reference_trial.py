"""The labelling method of ``fp_style: ase``, tried before a run where its command runs here.

A calculator that cannot be made, does not know an element, or is no method for these frames is
otherwise found out after hours of training and exploration, or never: a calculator that is blind
to the cell gives labels, and wrong ones.  Where the command runs on another machine, the first
labelling job tries the same on its first frame (:mod:`wtemlp.reference.styles`).
"""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from wtemlp.config.by_system import KEY as BY_SYSTEM
from wtemlp.config.keys.labels import AseMethod
from wtemlp.config.records import Machines, MachineSection, Params
from wtemlp.config.schema.dpgen_schema import ASE
from wtemlp.core.errors import InputError
from wtemlp.dispatch.cancel import discard_stage
from wtemlp.dispatch.dispatcher import Stopped, run_tasks
from wtemlp.dispatch.staging import with_user_files
from wtemlp.dispatch.tasks import Task
from wtemlp.md.systems import ase_program as program
from wtemlp.md.topology import whole_cluster
from wtemlp.preflight.installed_engines import is_local
from wtemlp.reference.ase_calculator import (
    AseCalculator,
    ase_calculator,
    first_structures,
    trial_of,
)
from wtemlp.reference.base import Frames

PATIENCE_S = 600.0  #: how long all trials together may take, seconds
SPACING_A = 3.0  #: between the atoms of a made-up frame
LARGEST_SHARE = 0.5  #: of a cell, that a molecule in vacuum may reach over


def is_tried_here(params: Params, machines: Machines) -> bool:
    """Whether the method is one that :func:`try_reference` can try."""
    return params.fp_style == ASE and is_local(machines.fp)


def try_reference(
    params: Params, machines: Machines, root: Path, patience_s: float = PATIENCE_S
) -> list[str]:
    """Make the calculator and try it on the first structure of each system, where it runs here.

    Parameters
    ----------
    params : Params
    machines : Machines
    root : Path
        The run's folder; nothing is left in it.
    patience_s : float
        How long it may take, seconds.

    Returns
    -------
    list of str
        What its user should know of the method.

    Raises
    ------
    InputError
        If the calculator cannot be made, or its labels would be good for nothing.
    """
    if not is_tried_here(params, machines):
        return []
    frames, calculators = _first_frames(params, root)
    if lacking := _elements_without(params, frames):
        names = ", ".join(params.type_map[kind] for kind in lacking.types)
        made_up = f"a made-up frame of {names}, which no structure that was tried has"
        frames[made_up] = lacking
        calculators[made_up] = replace(ase_calculator(params), task=program.TRY_ELEMENTS)
    section = replace(machines.fp, machine={**machines.fp.machine, "retry_count": 0})
    method = params.reference
    in_vacuum = isinstance(method, AseMethod) and not method.periodic
    notes = _too_large(frames) if in_vacuum else []
    # With real paths: the jobs are told them.
    with tempfile.TemporaryDirectory(prefix="wtemlp.") as place:
        work_dir = Path(place).resolve() / "trial"
        tasks = [
            calculators[name].prepare(work_dir / f"{number:03d}", frames[name], section.command)
            for number, name in enumerate(frames)
        ]
        late = _run(with_user_files(tasks, section, root), work_dir, section, root, patience_s)
        for name, task in zip(frames, tasks, strict=True):
            notes += _found(params, name, calculators[name], task, late)
    return notes


def _first_frames(params: Params, root: Path) -> tuple[dict[str, Frames], dict[str, AseCalculator]]:
    """The first structure of each system that is explored, by its file, and what tries it."""
    frames, calculators = {}, {}
    for (system, file), one in first_structures(params, root).items():
        name = f"{file}, {BY_SYSTEM}.{system}" if system in params.by_system else file
        frames[name] = Frames(one.coords[None], one.cell[None], one.types, (one.file.name,))
        calculators[name] = replace(ase_calculator(params.labels_of(system)), task=program.TRY)
    return frames, calculators


def _too_large(frames: Mapping[str, Frames]) -> list[str]:
    """A line for each molecule that is put together wrongly if its cell gets any smaller."""
    found = []
    for name, one in frames.items():
        whole = whole_cluster(one.coords[0], one.cells[0]) @ np.linalg.inv(one.cells[0])
        if (share := float(np.ptp(whole, axis=0).max())) >= LARGEST_SHARE:
            found.append(
                f"{name}: the atoms reach over {share:.0%} of the cell, in which "
                '"periodic": false looks for them: give it a cell of more than twice their extent'
            )
    return found


def _elements_without(params: Params, frames: Mapping[str, Frames]) -> Frames | None:
    """A frame of the elements of ``type_map`` that no frame has."""
    there = {int(kind) for one in frames.values() for kind in one.types}
    types = np.array(sorted(set(range(len(params.type_map))) - there))
    if not len(types):
        return None
    n = len(types)
    coords = np.column_stack([SPACING_A * (np.arange(n) + 0.5), np.full((n, 2), SPACING_A)])
    cell = np.diag([SPACING_A * max(n, 3), 3 * SPACING_A, 3 * SPACING_A])
    return Frames(coords[None], cell[None], types, ("elements",))


def _run(
    tasks: list[Task], work_dir: Path, section: MachineSection, root: Path, patience_s: float
) -> bool:
    """Run the trials; whether they took too long."""
    begin, done = time.monotonic(), False
    try:
        run_tasks(
            tasks,
            work_dir=work_dir,
            common_files=(),
            section=section,
            root=root,
            should_stop=lambda: time.monotonic() - begin > patience_s,
        )
        done = True
    except Stopped:
        return True
    finally:
        if not done:
            discard_stage(work_dir, section, root)
    return False


def _found(
    params: Params, name: str, calculator: AseCalculator, task: Task, late: bool
) -> list[str]:
    """What a trial says.

    Raises
    ------
    InputError
        If it stands against all labels.
    """
    where, file = f"{params.source.name}: fp_params.calculator", task.folder / program.LABELS
    if refused := calculator.refused(file):
        if calculator.task == program.TRY_ELEMENTS:
            return [f"{where}: {refused[0]} ({name})"]
        raise InputError(where, f"{refused[0]} ({name})", refused[1])
    said = trial_of(file)
    if said:
        return [f"{where}: the calculator {note} ({name})" for note in said["notes"]]
    if late:
        return [f"{where}: is not tried on {name}: it takes longer than {PATIENCE_S / 60:.0f} min"]
    log = task.folder / task.logs[0]
    words = log.read_text(errors="replace").strip().splitlines() if log.is_file() else []
    raise InputError(
        where,
        f"the command of the labels did not try it ({name}): {(words or ['no word'])[-1]}",
        "the command must be a Python that has NumPy and ASE",
    )
