"""Trajectories that ``model_devi_clean_traj`` gives up."""

import shutil
from pathlib import Path

from wtemlp.core import paths
from wtemlp.stages.context import RunContext


def clean(context: RunContext, iteration: int) -> list[Path]:
    """Remove trajectories of this iteration and of those before.

    Called when the iteration's labels are there: the frames that were chosen are kept beside
    their labels, and no later step reads the others.

    Parameters
    ----------
    context : RunContext
    iteration : int
        The last that has labels.

    Returns
    -------
    list of Path
        The walkers' folders that have lost theirs.
    """
    keep = context.params.md.keep_iterations
    found = []
    for index in range(iteration + 1 - keep if keep is not None else 0):
        for task in sorted(context.paths.explore(index).glob("task.*")):
            whole, frames = task / paths.ALL_FRAMES, task / paths.TRAJ
            if whole.exists() or frames.exists():
                found.append(task)
            whole.unlink(missing_ok=True)
            if frames.exists():
                shutil.rmtree(frames)
    return found
