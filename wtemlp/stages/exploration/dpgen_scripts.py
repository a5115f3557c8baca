"""Walkers whose script DP-GEN writes, and what DP-GEN's keys add to a generated script."""

from dataclasses import replace

from wtemlp.config.records import ExploreJob, Params
from wtemlp.core import paths
from wtemlp.dpgen import exploration
from wtemlp.md.walker_record import DPGEN, WalkerRecord
from wtemlp.stages.context import RunContext
from wtemlp.stages.exploration.conditions import Combination


def script(
    context: RunContext,
    iteration: int,
    c: Combination,
    models: tuple[str, ...],
    made: WalkerRecord,
) -> tuple[dict[str, str], WalkerRecord]:
    """A walker with DP-GEN's script: its files by name, and its provenance.

    Parameters
    ----------
    context : RunContext
    iteration : int
    c : Combination
        What it is run with; ``conf.lmp`` is in its folder.
    models : tuple of str
        Model files, relative to the task's folder.
    made : WalkerRecord
        What would be said of a generated walker.
    """
    params, job = context.params, context.params.jobs[iteration]
    seed = context.seed("explore", iteration, c.system, c.task, "velocity")
    text = exploration.native_script(
        context.paths.explore_task(iteration, c.system, c.task),
        params.jdata["model_devi_jobs"][iteration],
        params.jdata,
        context.machines.deepmd_version,
        models,
        (c.temperature_K, c.pressure_bar),
        seed,
    )
    made = replace(
        made,
        method=DPGEN,
        velocity_seed=seed,
        inputs=(paths.LMP_INPUT,),
        n_beads=job.n_beads or None,
    )
    return {paths.LMP_INPUT: text}, made


def neigh_modify(params: Params, job: ExploreJob) -> str:
    """Arguments of ``neigh_modify``, as DP-GEN has them."""
    one, delay = params.md.neigh_one, job.neigh_delay
    words = [f"delay {delay}"] if delay is not None else []
    return " ".join([*words, f"one {one}"] if one is not None else words)
