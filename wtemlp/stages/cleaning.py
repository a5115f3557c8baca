"""Trajectories that ``model_devi_clean_traj`` gives up."""

import shutil
from pathlib import Path

from wtemlp.md.trajectory import trajectory
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
            stored = trajectory(task)
            if stored.is_dir():
                shutil.rmtree(stored)
            elif stored.exists():
                stored.unlink()
            else:
                continue
            found.append(task)
    return found
