"""Explorations that ``dpgen run`` has prepared or done, as walkers of wtemlp.

Their scripts are run as they are.  DP-GEN's ``job.json`` gets what wtemlp writes there of a walker,
beside what it has.
"""

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from wtemlp.analysis.frames import Decision, FrameTable
from wtemlp.config.structures import starting_structure
from wtemlp.config.templates.plumed_output import energy_file, written_files
from wtemlp.config.templates.plumed_text import effective
from wtemlp.core import paths
from wtemlp.core.atomic_io import write_json
from wtemlp.core.errors import InputError
from wtemlp.md.trajectory import trajectory
from wtemlp.md.walker_record import DPGEN, TEMPLATE, as_json
from wtemlp.records.walkers import WalkerSummary, with_scatters
from wtemlp.stages.context import RunContext
from wtemlp.stages.exploration import explore, template_scripts
from wtemlp.stages.exploration import walker_results as one
from wtemlp.structures.lammps_data import read_data
from wtemlp.structures.text import Unreadable, read_lines


def adopt(context: RunContext, iteration: int, done: bool, stored: bool) -> str:
    """Make walkers of the tasks in an iteration's ``01.model_devi``.

    What is there stays, but for links to models in a folder that has been moved, and ``job.json``.
    Can be repeated.

    Parameters
    ----------
    context : RunContext
    iteration : int
    done : bool
        Whether they have run: what the models said of their frames must be there.
    stored : bool
        Whether the frames must be there, too.

    Returns
    -------
    str
        Why it cannot be done; "" if it has been.
    """
    folder = context.paths.explore(iteration)
    if (folder / explore.WALKERS).exists():
        return ""  # wtemlp's own: dpgen run makes the folder anew
    tasks = sorted(task for task in folder.glob("task.*.*") if task.is_dir())
    if not tasks:
        return f"{folder} has no tasks"
    _mend_links(context, iteration)
    for task in tasks:
        if why := _unfit(task, done, stored) or _other_elements(context, task):
            return why
    for task in tasks:
        content = _job_file(task)
        if "system" not in content:
            write_json(task / paths.JOB, _adopted(context, iteration, task, content))
    explore.list_walkers(context, iteration, [task.name for task in tasks])
    return ""


def _unfit(task: Path, done: bool, stored: bool) -> str:
    """Why a task cannot be a walker; "" if it can."""
    for name in (paths.CONF, paths.LMP_INPUT, paths.JOB):
        if not (task / name).exists():
            return f"{task / name} is not there"
    try:
        _temperature(_job_file(task))
    except (ValueError, TypeError, AttributeError) as error:
        return f"{task / paths.JOB} is damaged ({error})"
    if done and not (task / paths.MODEL_DEVI).exists():
        return f"{task / paths.MODEL_DEVI} is not there"
    if stored and not _has_frames(task):
        return f"{task / paths.TRAJ} has no frames"
    return ""


def _other_elements(context: RunContext, task: Path) -> str:
    """Whether DP-GEN has taken the numbers of types for others than their file tells; "" if not."""
    conf, source = task / paths.CONF, _source(task)
    try:
        meant = starting_structure(context.params, source)
        types = read_data(read_lines(conf)).types
    except (InputError, Unreadable):
        return ""  # gone, or changed since: nothing can be told
    if sorted(types - 1) == sorted(meant.types):
        return ""
    return f"{conf} has other elements than {source} tells: DP-GEN takes the numbers of its types"


def _has_frames(task: Path) -> bool:
    frames = trajectory(task)
    return frames.is_file() or next(frames.glob("*.lammpstrj*"), None) is not None


def _job_file(task: Path) -> dict[str, Any]:
    return dict(json.loads((task / paths.JOB).read_text()))


def _temperature(content: dict[str, Any]) -> float | None:
    """DP-GEN's: a number, a list with the electrons' beside it, or a word of a template."""
    given = content.get("temps", content.get(template_scripts.TEMPERATURE))
    if isinstance(given, list):
        given = given[0]
    value = math.nan if given is None else float(given)
    return value if math.isfinite(value) else None


def _adopted(
    context: RunContext, iteration: int, task: Path, content: dict[str, Any]
) -> dict[str, Any]:
    """``job.json`` of a task of DP-GEN's with what wtemlp writes there."""
    plumed = task / paths.PLUMED_INPUT
    inputs = effective(plumed.read_text(errors="replace")) if plumed.exists() else ()
    ensemble = str(content.get("ensemble", ""))
    native = "temps" in content
    known = {
        "ensemble": ensemble,
        "system": int(task.name.split(".")[1]),
        "temps": _temperature(content),
        "model_devi_dt": content.get(
            "model_devi_dt",
            template_scripts.timestep_ps((task / paths.LMP_INPUT).read_text(errors="replace")),
        ),
        "structure": _structure(context, task),
        "method": DPGEN if native else TEMPLATE,
        "n_beads": context.params.jobs[iteration].n_beads or None,
        "biasfactor": None if plumed.exists() else 1.0,
        "inputs": [paths.LMP_INPUT, *([paths.PLUMED_INPUT] if plumed.exists() else [])],
        "made_by": "dpgen run",
    }
    if not native:
        known["revised"] = {key: str(value) for key, value in content.items()}
    if inputs:
        energies = energy_file(inputs)
        known["energies"] = None if energies is None else as_json(energies)
        known["written"] = list(written_files(inputs))
    if not ensemble.startswith("npt"):
        content.pop("press", None)  # DP-GEN writes -1 where there is no pressure
    return {
        **content,
        **{key: value for key, value in known.items() if value is not None},
        "temps": known["temps"],
    }


def _source(task: Path) -> Path:
    """The file that a task's structure is of."""
    return (task / paths.CONF).resolve().with_suffix(".poscar").resolve()


def _structure(context: RunContext, task: Path) -> str:
    """What a task started from, as the parameter file names it."""
    found = _source(task)
    root = context.paths.root.resolve()
    return str(found.relative_to(root) if found.is_relative_to(root) else found)


def _mend_links(context: RunContext, iteration: int) -> None:
    """Have the models' links go to this run's models: DP-GEN's hold the path that it once had."""
    for model in context.paths.train(iteration).glob("graph.*"):
        link = context.paths.explore(iteration) / model.name
        if link.is_symlink() and not link.exists():
            link.unlink()
            link.symlink_to(os.path.relpath(model, link.parent))


def everything(context: RunContext, iteration: int) -> tuple[FrameTable, list[WalkerSummary]]:
    """All frames of an iteration's walkers, stored or not, decided on by their deviation.

    DP-GEN removes trajectories once their frames are labelled (``model_devi_clean_traj``); what
    the models said of them is still in ``model_devi.out``.

    Returns
    -------
    FrameTable, list of WalkerSummary
        Frames that are accurate, candidates or failed; and how each walker fared.
    """
    checks = context.params.jobs[iteration].wte.guard.devi_checks
    read = [
        one.read_walker(folder, checks, context.params.timestep_ps, stored=False)
        for folder in explore.task_folders(context.paths, iteration)
    ]
    frames = FrameTable.concatenate([table for table, _, _ in read])
    skip = context.params.criteria[iteration].skip
    walkers = [walker for _, walker, _ in read]
    energies = {walker.name: counted for _, walker, counted in read}
    return frames.where(frames.step >= skip), with_scatters(walkers, energies)


def with_unknown(table: FrameTable, system: int, task: int, step: int) -> FrameTable:
    """The table and one more frame, of which nothing is known but where it is from."""
    row: dict[str, Any] = {
        "system": system,
        "task": task,
        "walker": 0,
        "step": step,
        "phase": 1,
        "decision": int(Decision.CANDIDATE),
        "verdict": int(Decision.CANDIDATE),
    }
    columns = {}
    for name, values in vars(table).items():
        value = row.get(name, math.nan if values.dtype.kind == "f" else 0)
        columns[name] = np.append(values, np.array(value, dtype=values.dtype))
    return FrameTable(**columns)
