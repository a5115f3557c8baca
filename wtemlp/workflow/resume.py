"""Where a run can go on: what is skipped must still be there.

A file that an earlier step made and that has gone since (a clean-up, a full disk) makes the steps
that need it invalid; the run goes back to the step that makes it, in the same iteration.
"""

import os
from pathlib import Path

from wtemlp.core import paths as names
from wtemlp.core.paths import RunPaths
from wtemlp.records.state import RunState, Step
from wtemlp.stages import label_frames, train
from wtemlp.stages.context import RunContext
from wtemlp.stages.dpgen import explore as through_dpgen
from wtemlp.stages.exploration import explore

#: For each step, the step that makes what it needs.
MAKER = {
    Step.RUN_TRAIN: Step.MAKE_TRAIN,
    Step.POST_TRAIN: Step.MAKE_TRAIN,
    Step.MAKE_EXPLORE: Step.MAKE_TRAIN,
    Step.RUN_EXPLORE: Step.MAKE_EXPLORE,
    Step.POST_EXPLORE: Step.MAKE_EXPLORE,
    Step.MAKE_LABEL: Step.MAKE_EXPLORE,
    Step.RUN_LABEL: Step.MAKE_LABEL,
    Step.POST_LABEL: Step.MAKE_LABEL,
}

#: Links of a frame to label that tell where it is from: nothing needs them.
ORIGINS = (names.DPGEN_DUMP, names.JOB)


def sound_step(paths: RunPaths, state: RunState) -> tuple[Step, Path | None]:
    """The step at which a run can go on.

    Returns
    -------
    Step, Path or None
        The state's own step and None; or an earlier one, and the first missing file.
    """
    step, first = state.step, None
    while missing := _missing(paths, state, step):
        first, step = missing, MAKER[step]
    return step, first


def made_otherwise(context: RunContext, state: RunState) -> bool:
    """Whether DP-GEN prepared the walkers of an iteration and wtemlp is to go on, or conversely."""
    if state.finished or not Step.RUN_EXPLORE <= state.step <= Step.MAKE_LABEL:
        return False
    made = context.paths.explore(state.iteration) / explore.WALKERS
    foreign = through_dpgen.is_foreign(context.paths, state.iteration)
    return made.exists() and foreign != context.params.by_dpgen


def _missing(paths: RunPaths, state: RunState, step: Step) -> Path | None:
    """A file that a step needs and that is not there."""
    for file in _needed(paths, state, step):
        if not file.exists():
            return file
    return None


def _needed(paths: RunPaths, state: RunState, step: Step) -> list[Path]:
    iteration = state.iteration
    if step > Step.MAKE_EXPLORE and through_dpgen.is_foreign(paths, iteration):
        return through_dpgen.needed(
            paths, iteration, explored=step > Step.RUN_EXPLORE, chosen=step > Step.MAKE_LABEL
        )
    models = range(state.numb_models)
    folders = [paths.model(iteration, model) for model in models]
    if step is Step.RUN_TRAIN:
        data = [paths.train(iteration) / name for name in train.DATA]
        return [folder / names.TRAIN_INPUT for folder in folders] + _links(*data)
    if step is Step.POST_TRAIN:
        return [_model(folder, "frozen_model*") for folder in folders]
    if step is Step.MAKE_EXPLORE:
        return [_model(paths.train(iteration), f"graph.{model:03d}") for model in models]
    if step in (Step.RUN_EXPLORE, Step.POST_EXPLORE, Step.MAKE_LABEL):
        listed = paths.explore(iteration) / explore.WALKERS
        if not listed.exists():
            return [listed]
        tasks = explore.task_folders(paths, iteration)
        inputs = [task / names.LMP_INPUT for task in tasks]
        if step is Step.RUN_EXPLORE:
            inputs += [task / names.CONF for task in tasks]
            inputs += paths.explore(iteration).glob("graph.*")
        if step is not Step.RUN_EXPLORE:
            # The beads of a path integral have their deviations joined later.
            recorded = [task for task in tasks if not (task / "model_devi1.out").exists()]
            inputs += [task / names.MODEL_DEVI for task in recorded]
            inputs += [explore.frames_of(task) for task in tasks]
        return inputs
    if step in (Step.RUN_LABEL, Step.POST_LABEL):
        explored = paths.explored(iteration)
        if not explored.exists():
            return [explored]
        frames = label_frames.frame_folders(paths, iteration)
        inputs = [frame / names.FRAME_DUMP for frame in frames]
        return inputs + (_links(*frames) if step is Step.RUN_LABEL else [])
    return []


def _links(*folders: Path) -> list[Path]:
    """All links in some folders, but those that only say where something is from."""
    found = [folder for folder in folders if folder.is_symlink()]
    return found + [
        Path(parent) / name
        for folder in folders
        if folder not in found
        for parent, subfolders, files in os.walk(folder)
        for name in (*subfolders, *files)
        if name not in ORIGINS and (Path(parent) / name).is_symlink()
    ]


def _model(folder: Path, name: str) -> Path:
    """A model's file, whatever its format."""
    return next(folder.glob(f"{name}.*"), folder / f"{name.rstrip('*')}.pb")
