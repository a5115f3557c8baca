"""Where a run can go on: what is skipped must still be there.

A file that an earlier step made and that has gone since (a clean-up, a full disk) makes the steps
that need it invalid; the run goes back to the step that makes it, in the same iteration.
"""

from pathlib import Path

from wtemlp import paths as names
from wtemlp.paths import RunPaths
from wtemlp.state import RunState, Step

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


def _missing(paths: RunPaths, state: RunState, step: Step) -> Path | None:
    """A file that a step needs and that is not there."""
    for file in _needed(paths, state, step):
        if not file.exists():
            return file
    return None


def _needed(paths: RunPaths, state: RunState, step: Step) -> list[Path]:
    iteration = state.iteration
    models = range(state.numb_models)
    if step in (Step.RUN_TRAIN, Step.POST_TRAIN):
        return [paths.model(iteration, model) / names.TRAIN_INPUT for model in models]
    if step is Step.MAKE_EXPLORE:
        return [paths.train(iteration) / f"graph.{model:03d}.pb" for model in models]
    if step in (Step.RUN_EXPLORE, Step.POST_EXPLORE, Step.MAKE_LABEL):
        tasks = sorted(paths.explore(iteration).glob("task.*"))
        inputs = [task / names.LMP_INPUT for task in tasks]
        if step is not Step.RUN_EXPLORE:
            inputs += [task / names.MODEL_DEVI for task in tasks]
        return inputs or [paths.explore(iteration)]
    if step in (Step.RUN_LABEL, Step.POST_LABEL):
        frames = sorted(paths.label(iteration).glob("task.*"))
        return [paths.explored(iteration), *(frame / names.FRAME_DUMP for frame in frames)]
    return []
