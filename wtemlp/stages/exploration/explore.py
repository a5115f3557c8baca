"""Exploration: models in, trajectories out, each frame stamped with who made it."""

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from wtemlp.analysis.frames import FrameTable, Phase
from wtemlp.config.keys.wte import Guard, Method, OldHills
from wtemlp.config.records import OWN, ExploreJob
from wtemlp.core import paths, plugins
from wtemlp.core.atomic_io import last_line, leading_int, read_json, reading, write_json, write_text
from wtemlp.core.formatting import some
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch.task_status import has_finished
from wtemlp.dispatch.tasks import NAMED, Task, TaskResult
from wtemlp.md import wte_script
from wtemlp.md.trajectory import root_mean_square_force, stored_in, trajectory
from wtemlp.md.walker import SharedHills, Walker
from wtemlp.md.walker_record import TEMPLATE, WalkerRecord, as_json, read_record, write_record
from wtemlp.records.summary import Summary
from wtemlp.records.walkers import LoweredBias, WalkerSummary, with_scatters
from wtemlp.stages.context import RunContext
from wtemlp.stages.exploration import dpgen_scripts
from wtemlp.stages.exploration import walker_results as one
from wtemlp.stages.exploration.conditions import Combination, ceilings_of, combinations, lowered
from wtemlp.stages.exploration.data_volumes import DataVolumes
from wtemlp.stages.exploration.previous_hills import PreviousHills, PreviousWalkers
from wtemlp.stages.exploration.scripts import ToWrite, scripts_of, scripts_that_made
from wtemlp.stages.exploration.starting_structures import write_structures

log = logging.getLogger("wtemlp.stages")  # whose warnings are said

CONFS = "confs"
CUR_JOB = "cur_job.json"  #: the job as DP-GEN has it
#: Fields of a job that came later.
_LATER = ("template", "script", "timestep_ps", "thermostat_ps", "neigh_delay", "n_beads")
#: What to do about damaged files of an exploration.
EXPLORE_AGAIN = "put it back, or move its 01.model_devi away: the same command explores again"
WALKERS = "walkers.json"  #: the task folders and their job; written when all are there


def prepare(
    context: RunContext, iteration: int, before: Sequence[Summary] = ()
) -> list[LoweredBias]:
    """Make the exploration folders of an iteration.  What is there is made anew.

    Parameters
    ----------
    context : RunContext
    iteration : int
    before : sequence of Summary, optional
        The iterations before, which have shown how far the bias may go at a system and temperature
        (:func:`wtemlp.stages.exploration.biasfactor_limits.ceilings`).

    Returns
    -------
    list of LoweredBias
        A note for each place where a bias factor is lower than asked for
        (:func:`wtemlp.stages.exploration.biasfactor_limits.note`).
    """
    folder = context.paths.explore(iteration)
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    job = context.params.jobs[iteration]
    graphs = _link_models(context, iteration)
    write_json(folder / CUR_JOB, context.params.jdata["model_devi_jobs"][iteration])
    starts = write_structures(context, iteration, job, folder / CONFS)
    held = ceilings_of(job, before)
    walkers = combinations(job, starts, held)
    previous = _previous_walkers(context, iteration, job)
    volumes = DataVolumes(context, iteration) if job.press_bar and job.script == OWN else None
    for walker in walkers:
        _prepare_task(context, iteration, job, walker, graphs, previous, volumes)
    names = [context.paths.explore_task(iteration, c.system, c.task).name for c in walkers]
    list_walkers(context, iteration, names)
    return lowered(job, held)


def list_walkers(context: RunContext, iteration: int, names: Sequence[str]) -> None:
    """Write the list of an iteration's walkers: their folders, and the job that they are of."""
    job = _job_as_json(context.params.jobs[iteration])
    content: dict[str, Any] = {"tasks": list(names), "job": job}
    if context.params.engine in plugins.added(plugins.EXPLORERS):
        content["explorer"] = context.params.engine
    write_json(context.paths.explore(iteration) / WALKERS, content)


def _job_as_json(job: ExploreJob) -> dict[str, Any]:
    found = as_json(job)
    if job.template is not None and not job.template.plm_path:
        del found["template"]["plm_path"]
    for key in _LATER:  # the first versions have not written them
        if getattr(job, key) == getattr(ExploreJob, key):
            del found[key]
    if job.wte.guard.volume_factor == Guard.volume_factor:
        del found["wte"]["guard"]["volume_factor"]
    return found


def changed_job(context: RunContext, iteration: int) -> str:
    """How the parameter file differs from what the walkers were prepared with; "": not."""
    listed = context.paths.explore(iteration) / WALKERS
    if read_json(listed, EXPLORE_AGAIN).get("job") == _job_as_json(context.params.jobs[iteration]):
        return ""
    return (
        f"model_devi_jobs[{iteration}] has changed, but its walkers go on as they were "
        f"prepared; to explore anew, remove {listed.parent} and give the command again"
    )


def _link_models(context: RunContext, iteration: int) -> list[str]:
    models = sorted(context.paths.train(iteration).glob("graph.*"))
    for model in models:
        link = context.paths.explore(iteration) / model.name
        link.symlink_to(f"../{context.paths.train(iteration).name}/{model.name}")
    return [model.name for model in models]


def _provenance(context: RunContext, job: ExploreJob, c: Combination) -> WalkerRecord:
    """What identifies a walker's conditions, for its ``job.json``."""
    return WalkerRecord(
        ensemble=job.ensemble,
        temperature_K=c.temperature_K,
        pressure_bar=c.pressure_bar,
        timestep_ps=job.timestep_ps or context.params.timestep_ps,
        system=c.system,
        structure=c.start.structure,
        origin=c.start.origin,
        method=job.wte.method,
        biasfactor=c.biasfactor,
        biasfactor_asked=c.asked,
        biasfactor_cap=c.cap,
        window_K=job.wte.window_K,
        walker=c.walker,
        share_hills=job.wte.share_hills,
        variables=tuple(variable.name for variable in job.wte.extra.variables),
        nvt_steps=job.wte.nvt_steps,
        nsteps=job.nsteps,
        own=job.wte.extra if job.wte.extra.lines else None,
    )


def _previous_walkers(context: RunContext, iteration: int, job: ExploreJob) -> PreviousWalkers:
    """The walkers whose hills may be taken over."""
    if job.wte.hills != OldHills.SHIFT or iteration == 0:
        return PreviousWalkers(())
    try:
        return PreviousWalkers(task_folders(context.paths, iteration - 1))
    except FileNotFoundError:
        return PreviousWalkers(())  # the exploration before has been cleared away


def _shared_hills(job: ExploreJob, c: Combination) -> SharedHills | None:
    """Where the walkers of a combination share their hills, called after the first of them."""
    if not job.wte.share_hills or c.biasfactor == 1:
        return None
    folder = f"../hills.{c.system:03d}.{c.task - c.walker:06d}"
    return SharedHills(folder, job.wte.walkers, c.walker)


def _prepare_task(
    context: RunContext,
    iteration: int,
    job: ExploreJob,
    c: Combination,
    graphs: list[str],
    before: PreviousWalkers,
    volumes: DataVolumes | None,
) -> None:
    made = _provenance(context, job, c)
    previous = before.hills(made) if made.biasfactor != 1 else None
    folder = context.paths.explore_task(iteration, c.system, c.task)
    folder.mkdir()
    if not context.params.md.merge_traj:
        (folder / paths.TRAJ).mkdir()
    (folder / paths.CONF).symlink_to(f"../{CONFS}/{c.start.conf}")
    models = tuple(f"../{graph}" for graph in graphs)
    walker = None
    if c.temperature_K is not None and job.script == OWN:
        walker = _walker(context, iteration, job, c, c.temperature_K, models, previous)
        if volumes is not None:
            walker = replace(walker, data_volumes_A3=volumes.of(c.start))
    files, made = scripts_of(job).write(ToWrite(context, iteration, c, models, walker, made))
    for name, text in files.items():
        write_text(folder / name, text)
    if previous:
        write_text(folder / wte_script.PREVIOUS_HILLS, previous.text)
        if previous.left_out:
            log.warning(
                "%s: %d rows are cut or damaged; %s begins with the others",
                previous.file,
                previous.left_out,
                folder.name,
            )
        made = replace(made, hills_from=str(previous.file.relative_to(context.paths.root)))
    write_record(folder, made)


def _walker(
    context: RunContext,
    iteration: int,
    job: ExploreJob,
    c: Combination,
    temperature_K: float,
    models: tuple[str, ...],
    previous: PreviousHills | None,
) -> Walker:
    params, purpose = context.params, ("explore", iteration, c.system, c.task)
    return Walker(
        graphs=models,
        type_map=params.type_map,
        mass_map=params.mass_map,
        temperature_K=temperature_K,
        biasfactor=c.biasfactor,
        biasfactor_cap=c.cap,
        sigma_eV=job.wte.sigma_eV,
        height_kT=job.wte.height_kT,
        pace=job.wte.pace,
        nvt_steps=job.wte.nvt_steps,
        nsteps=job.nsteps,
        trj_freq=job.trj_freq,
        timestep_ps=job.timestep_ps or params.timestep_ps,
        trust_hi=params.criteria[iteration].f_hi[c.system],
        devi_words=params.md.devi_words,
        d3=params.md.d3,
        neigh=dpgen_scripts.neigh_modify(params, job),
        thermostat_ps=job.thermostat_ps,
        guard=job.wte.guard,
        checkpoint=job.wte.checkpoint,
        merged=params.md.merge_traj,
        method=job.wte.method if c.biasfactor != 1 else Method.WTE,
        window_K=job.wte.window_K if c.biasfactor is None else None,
        pressure_bar=c.pressure_bar,
        barostat=job.barostat,
        barostat_ps=job.barostat_ps,
        extra=job.wte.extra,
        shared=_shared_hills(job, c),
        previous_mean_eV=previous.mean_eV if previous else None,
        velocity_seed=context.seed(*purpose, "velocity"),
        thermostat_seed=context.seed(*purpose, "thermostat"),
    )


def task_folders(run: RunPaths, iteration: int) -> list[Path]:
    """The folders of an iteration's walkers, as they were prepared.

    Raises
    ------
    FileNotFoundError
        If the exploration has not been prepared to its end.
    """
    folder = run.explore(iteration)
    with reading(folder / WALKERS, EXPLORE_AGAIN):
        return [folder / name for name in read_json(folder / WALKERS, EXPLORE_AGAIN)["tasks"]]


def finished_of(tasks: Sequence[Path]) -> list[Path]:
    """Those of an iteration's walkers that have finished, of whichever program."""
    tagged = [task for task in tasks if has_finished(task)]
    return tagged or [task for task in tasks if (task / paths.MODEL_DEVI).exists()]


def frames_of(task: Path) -> Path:
    """The file or folder of a walker's frames."""
    return trajectory(task)


def leave_out(context: RunContext, iteration: int, failed: Sequence[TaskResult]) -> None:
    """Have the iteration go on without walkers that failed; they stay named in the list."""
    listed = context.paths.explore(iteration) / WALKERS
    content = read_json(listed, EXPLORE_AGAIN)
    known = content.setdefault("failed", {})
    known |= {result.name: result.message.splitlines()[0] for result in failed}
    content["tasks"] = [name for name in content["tasks"] if name not in known]
    if failed:
        write_json(listed, content)


def tasks(context: RunContext, iteration: int) -> tuple[list[Task], list[str]]:
    """The exploration tasks and the files that they share (the models)."""
    folder = context.paths.explore(iteration)
    common = sorted(path.name for path in folder.glob("graph.*"))
    job = context.params.jobs[iteration]
    # As they were prepared: the parameter file may have changed since.
    prepared = read_json(folder / WALKERS, EXPLORE_AGAIN).get("job") or {}
    every = max(1, int(prepared.get("trj_freq") or job.trj_freq or 1))
    found = []
    for task in task_folders(context.paths, iteration):
        made = read_record(task)
        scripts = scripts_that_made(made)
        last = made.nvt_steps + made.nsteps if made.method != TEMPLATE else 0
        last -= last % every
        frames = stored_in((task / paths.LMP_INPUT).read_text(errors="replace"))
        found.append(
            Task(
                name=task.name,
                folder=task,
                command=scripts.command(context.machines.model_devi.command, made, last, frames),
                forward=scripts.inputs(made, frames),
                backward=scripts.results(made, frames),
                logs=(paths.LMP_LOG, scripts.plumed_log),
                steps=job.nsteps and made.nvt_steps + job.nsteps,
            )
        )
    return found, common


def goes_on(context: RunContext, iteration: int) -> bool:
    """Whether walkers whose jobs were killed may go on from where they were, or begin anew."""
    folders = task_folders(context.paths, iteration)
    return all(scripts_that_made(read_record(folder)).goes_on for folder in folders)


def done_steps(folder: Path) -> int:
    """MD steps that a task has behind it, from its deviation file."""
    return leading_int(last_line(folder / paths.MODEL_DEVI))


def collect(
    context: RunContext, iteration: int, also: Callable[[Path], object] | None = None
) -> tuple[FrameTable, list[WalkerSummary]]:
    """Read what the walkers left: every frame, and one summary a walker.

    Parameters
    ----------
    context : RunContext
    iteration : int
    also : callable, optional
        Called with the folder of each walker that has just been read.

    Returns
    -------
    FrameTable, list of WalkerSummary
        All frames, with the decision still to be made (ACCURATE, or FAILED where a stopped
        walker had left the physical world); and how each fared.

    Raises
    ------
    CalculationError
        If a walker's trajectory is not whole.
    """
    folders = task_folders(context.paths, iteration)
    checks = context.params.jobs[iteration].wte.guard.devi_checks
    timestep_ps = context.params.timestep_ps
    skip = context.params.criteria[iteration].skip
    tables, walkers, energies = [], [], {}
    for folder in folders:
        table, walker, counted = one.read_walker(folder, checks, timestep_ps)
        if context.params.md.f_average:
            table = replace(table, max_devi_f=table.max_devi_f / root_mean_square_force(folder))
        tables.append(table.where(table.step >= skip))
        walkers.append(walker)
        energies[walker.name] = counted
        if also is not None:
            also(folder)
    return FrameTable.concatenate(tables), with_scatters(walkers, energies)


def frames_asked(context: RunContext, iteration: int) -> dict[Phase, int]:
    """Frames of each part of a walker that comes through, as far as its entry says."""
    job = context.params.jobs[iteration]
    skip = context.params.criteria[iteration].skip
    ends = (-1, job.wte.nvt_steps, job.wte.nvt_steps + job.nsteps)
    counts = [
        sum(step >= skip for step in range(0, end + 1, job.trj_freq)) if end >= 0 else 0
        for end in ends
    ]
    return {Phase.NVT: counts[1] - counts[0], Phase.WTE: counts[2] - counts[1]}


class Remarks:
    """What PLUMED warned of or is left out of records, with the walkers that it is said of."""

    def __init__(self) -> None:
        self._walkers: dict[str, list[str]] = {}

    def add(self, folder: Path) -> None:
        """Look at a walker's files."""
        for what in one.remarks(folder):
            self._walkers.setdefault(what, []).append(folder.name)

    def lines(self) -> list[str]:
        """A line for each kind."""
        return [f"{some(names, NAMED)}: {what}" for what, names in self._walkers.items()]
