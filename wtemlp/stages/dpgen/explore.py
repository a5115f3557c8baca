"""Explorations in which DP-GEN prepares, chooses and reads, and wtemlp runs.

By GROMACS, Amber and CALYPSO; and by LAMMPS, where atoms are chosen instead of frames, or where
labels have an electron temperature.

DP-GEN's own functions write the inputs, know the commands, choose the frames and make the inputs
of their labels.  Its jobs are done by wtemlp's dispatcher, its random numbers come from the
run's seed, and each label is read alone, so that one output that is broken costs one frame.
"""

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wtemlp.analysis.frames import Decision, FrameTable, load_frames, save_frames
from wtemlp.config.schema.dpgen_schema import AMBER, CALYPSO
from wtemlp.core import paths
from wtemlp.core.atomic_io import read_json, write_json
from wtemlp.core.errors import CalculationError
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch.task_status import forget_finished
from wtemlp.dispatch.tasks import Task
from wtemlp.dpgen import exploration
from wtemlp.dpgen.adapter import DpgenJob
from wtemlp.dpgen.labelling import label_job
from wtemlp.records.labels import FrameRecord, LabelOutcome, write_outcomes
from wtemlp.records.walkers import WalkerSummary
from wtemlp.reference import outputs
from wtemlp.reference.base import Frames, refusal
from wtemlp.reference.dataset import write_systems
from wtemlp.reference.dpgen_style import take_sent
from wtemlp.stages.context import RunContext
from wtemlp.stages.dpgen import frames as foreign_frames
from wtemlp.stages.exploration.starting_structures import given_structure
from wtemlp.stages.select import LISTS

if TYPE_CHECKING:
    import dpdata

WALKERS = "walkers.json"  #: as of wtemlp's own explorations
#: What to do about damaged files.
EXPLORE_AGAIN = "put it back, or move its folder away, and the same command explores again"
CHOOSE_AGAIN = "put it back, or move the folder 02.fp away, and the same command chooses again"
RECORD = "record.calypso"  #: DP-GEN's: how far CALYPSO has come
#: Results without which a walker has failed; what else DP-GEN names may be missing.
NEEDED = (
    "model_devi.out",
    "traj",
    paths.ALL_FRAMES,
    "rc.mdout",
    "rc.nc",
    "OUTCAR",
    "CONTCAR",
    "traj.traj",
    "dataset",
)


def prepare(context: RunContext, iteration: int) -> None:
    """Make the exploration folder of an iteration.  What is there is made anew."""
    folder = context.paths.explore(iteration)
    if folder.exists():
        shutil.rmtree(folder)
    params = context.params
    exploration.make_exploration(
        context.paths.root,
        iteration,
        foreign_frames.absolute(params.jdata, context.paths.root),
        context.machines.mdata,
        context.seed("explore", iteration),
        lambda file: given_structure(context.params, file).system(),
    )
    for script in folder.glob("task.*/input.lammps") if params.by_atoms else ():
        if not re.search(r"^pair_style +deepmd\b.*\batomic\b", script.read_text(), re.M):
            raise CalculationError(
                f"{script}: its pair_style deepmd is not `atomic`, and use_clusters needs the "
                "deviation of each atom: mend the template, or leave DP-GEN to write the line"
            )
    adopt(context, iteration)


def adopt(context: RunContext, iteration: int) -> None:
    """List the tasks that DP-GEN has made."""
    folder = context.paths.explore(iteration)
    names = sorted(task.name for task in folder.glob("task.*"))
    write_json(folder / WALKERS, {"engine": context.params.engine, "tasks": names})


def adopt_choice(context: RunContext, iteration: int) -> FrameTable:
    """All frames, as DP-GEN's lists and the folders of its labels say; kept.

    Raises
    ------
    OSError, ValueError, KeyError
        If they cannot be read.
    """
    table = foreign_frames.decided(context, iteration)
    save_frames(context.paths.explored(iteration), table)
    return table


def tasks(context: RunContext, iteration: int) -> tuple[list[Task], list[str]]:
    """The tasks of an engine that has nothing of its own, and the files that they share."""
    job = exploration.exploration_job(
        context.paths.root,
        iteration,
        foreign_frames.absolute(context.params.jdata, context.paths.root),
        context.machines.mdata,
    )
    return as_tasks(job)


def as_tasks(job: DpgenJob) -> tuple[list[Task], list[str]]:
    """A job of DP-GEN's as tasks of wtemlp's dispatcher."""
    command = " && ".join(job.commands).rstrip("; ")
    found = []
    for name in job.run_tasks:
        folder = job.work_path / name
        found.append(
            Task(
                name=name,
                folder=folder,
                command=f"{{ {command}; }} > {job.outlog} 2>&1",
                forward=tuple(file for file in job.forward if (folder / file).exists()),
                backward=tuple(file if file in NEEDED else f"{file}*" for file in job.backward),
                logs=(job.outlog,),
            )
        )
    shared = {
        str(file.relative_to(job.work_path))
        for pattern in job.forward_common
        for file in job.work_path.glob(pattern)
    }
    return found, sorted(shared)


def run_calypso(
    context: RunContext, iteration: int, submit: Callable[[list[Task], list[str], Path], None]
) -> None:
    """Have CALYPSO make structures, and wtemlp's dispatcher relax them.

    Parameters
    ----------
    context : RunContext
    iteration : int
    submit : callable
        Runs tasks in a folder, with the files that they share.

    Raises
    ------
    CalculationError
        If a program fails.
    """
    folder = context.paths.explore(iteration)
    record = folder / RECORD
    if record.exists() and record.read_text().splitlines()[-1:] not in (["2"], ["3"], ["4"]):
        prepare(context, iteration)  # DP-GEN cannot go on in the middle of a generation
    try:
        exploration.run_calypso(
            context.paths.root,
            iteration,
            context.params.jdata,
            context.machines.mdata,
            lambda job: submit(*as_tasks(job), job.work_path),
            context.seed("calypso", iteration),
        )
    except ValueError as error:
        raise CalculationError(f"{folder}: CALYPSO's exploration ended: {error}") from error


def walkers(context: RunContext, iteration: int) -> list[WalkerSummary]:
    """How each task fared."""
    results = foreign_frames.results(context.paths, iteration, context.params.engine)
    return [
        WalkerSummary(
            name=task.name,
            system=int(task.name.split(".")[1]),
            method=context.params.engine,
            biasfactor=1.0,
            biases_energy=False,
            temperature_K=foreign_frames.temperatures(task)[0],
        )
        for task in results
    ]


def choose(context: RunContext, iteration: int) -> FrameTable:
    """Have DP-GEN choose frames and make the inputs of their labels; all frames, decided on.

    Raises
    ------
    CalculationError
        If DP-GEN cannot read what the exploration has left.
    """
    folder = context.paths.label(iteration)
    if folder.exists():
        shutil.rmtree(folder)
    jdata = foreign_frames.absolute(context.params.jdata, context.paths.root)
    seed = context.seed("select", iteration)
    try:
        exploration.choose(context.paths.root, iteration, jdata, seed)
    except ValueError as error:
        raise CalculationError(
            f"{context.paths.explore(iteration)}: DP-GEN cannot choose frames: {error}"
        ) from error
    try:
        table = adopt_choice(context, iteration)
    except ValueError as error:
        raise CalculationError(f"what DP-GEN has chosen cannot be read: {error}") from error
    if not context.params.criteria[iteration].lists:
        for name in LISTS:
            for file in folder.glob(f"{name}.shuffled.*.out"):
                file.unlink()
    return table


def label_tasks(context: RunContext, iteration: int) -> tuple[list[Task], list[str]]:
    """The labelling tasks, and the files that they share."""
    jdata = foreign_frames.absolute(context.params.jdata, context.paths.root)
    job = label_job(context.paths.root, iteration, jdata, context.machines.mdata)
    return ([], []) if job is None else as_tasks(job)


def label_folders(run: RunPaths, iteration: int) -> list[Path]:
    """The folders of the labels."""
    return sorted(run.label(iteration).glob("task.*"))


def collect(context: RunContext, iteration: int) -> tuple[int, dict[str, str]]:
    """Read the labels and write the labelled frames as DeePMD data, as DP-GEN does.

    Returns
    -------
    int, dict[str, str]
        Number of labelled frames, and the reason of each frame that has no label.

    Raises
    ------
    CalculationError
        If more than ``ratio_failed`` of the frames have none.
    """
    kept: dict[str, list[dpdata.LabeledSystem]] = {}
    reasons, outcomes = {}, []
    folders = label_folders(context.paths, iteration)
    for folder in folders:
        made = FrameRecord.from_json(read_json(folder / paths.FRAME, CHOOSE_AGAIN))
        label, reason, notes = _read(folder, context.params.jdata)
        if (
            label is not None
            and made.electron_temperature_K is not None
            and not ({"fparam", "aparam"} & label.data.keys())
        ):
            label, reason = None, "its job.json has gone, and the electron temperature with it"
        noted = () if reason else tuple(notes)
        outcomes.append(LabelOutcome(folder.name, not reason, reason, made, notes=noted))
        if label is None:
            reasons[folder.name] = reason
        else:
            kept.setdefault(folder.name.split(".")[1], []).append(label)
    _write(context, iteration, kept)
    write_outcomes(context.paths.label(iteration), outcomes)
    if len(reasons) > context.params.ratio_failed * len(folders):
        for name in reasons:
            forget_finished(context.paths.label(iteration) / name)
        first = next(iter(reasons))
        raise CalculationError(
            f"{context.paths.label(iteration)}: no label for {len(reasons)} of {len(folders)} "
            f"frames, more than ratio_failed = {context.params.ratio_failed} allows; "
            f"{first}: {reasons[first]}"
        )
    return len(folders) - len(reasons), reasons


def _read(
    folder: Path, jdata: Mapping[str, Any]
) -> "tuple[dpdata.LabeledSystem | None, str, list[str]]":
    """A label, or why there is none; and what a user should know of it."""
    import dpdata  # takes a second

    label, reason, notes = outputs.read(folder, jdata)
    if label is None:
        return None, reason, notes
    if not (np.isfinite(label["energies"]).all() and np.isfinite(label["forces"]).all()):
        return None, "the energy or a force is not a finite number", notes
    if (folder / paths.POSCAR).exists():
        type_map = jdata["type_map"]
        sent = dpdata.System(str(folder / paths.POSCAR), fmt="vasp/poscar", type_map=type_map)
        frames = Frames(sent["coords"], sent["cells"], sent["atom_types"], (folder.name,))
        if reason := take_sent(label, frames, type_map, notes):
            return None, reason, notes
    reason = refusal(label["forces"][0])
    return (None if reason else label), reason, notes


def _write(
    context: RunContext, iteration: int, kept: "Mapping[str, list[dpdata.LabeledSystem]]"
) -> None:
    for old in context.paths.label(iteration).glob("data.*"):
        shutil.rmtree(old)
    # Differences of energies are small beside them.
    precise = {"prec": np.float64} if context.params.engine == AMBER else {}
    for system, labels in kept.items():
        folder = context.paths.label_data(iteration, int(system))
        write_systems(folder, labels, context.params.type_map, **precise)


def needed(run: RunPaths, iteration: int, *, explored: bool, chosen: bool) -> list[Path]:
    """What a step from the exploration on needs, for :func:`wtemlp.workflow.resume.sound_step`.

    Parameters
    ----------
    run : RunPaths
    iteration : int
    explored, chosen : bool
        Whether the exploration has been done, and whether frames have been chosen.
    """
    listed = run.explore(iteration) / WALKERS
    if chosen:
        table = run.explored(iteration)
        if not table.exists():
            return [table]
        n = load_frames(table).count(Decision.SELECTED)
        found = [folder / paths.FRAME for folder in label_folders(run, iteration)]
        return found if len(found) >= n else [*found, run.label(iteration) / f"task.* ({n})"]
    if not listed.exists():
        return [listed]
    content = read_json(listed, EXPLORE_AGAIN)
    folders = [run.explore(iteration) / name for name in content["tasks"]]
    if not explored:
        return folders
    if content["engine"] == CALYPSO:
        return [run.explore(iteration) / foreign_frames.CALYPSO_RESULTS / "Model_Devi.out"]
    return [folder / foreign_frames.DEVIATIONS[content["engine"]] for folder in folders]
