"""Where a run can go on: what is skipped must still be there.

A file that an earlier step made and that has gone since (a clean-up, a full disk) makes the steps
that need it invalid; the run goes back to the step that makes it, in the same iteration.
"""

from dataclasses import replace
from pathlib import Path

from wtemlp.core import paths as names
from wtemlp.core import shell_hints
from wtemlp.core.formatting import some
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch.cancel import discard_stage
from wtemlp.records import inputs
from wtemlp.records import state as states
from wtemlp.records.compatibility import (
    check_iterations,
    check_reference,
    check_same,
    check_whole,
    first_state,
    reference_changes,
    with_reference,
)
from wtemlp.records.pins import in_words
from wtemlp.records.state import EXHAUSTED, RunState, Step, dpgen_came_to
from wtemlp.stages import train
from wtemlp.stages.context import RunContext, links_in
from wtemlp.stages.exploration.explore import WALKERS
from wtemlp.stages.protocols import Say
from wtemlp.stages.registry import explorer_of, explorer_that_made
from wtemlp.workflow import rewind
from wtemlp.workflow.import_dpgen import take_over
from wtemlp.workflow.repair import repair

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


def begin(context: RunContext, say: Say, new_reference: bool = False) -> RunState:
    """Where a run begins, or goes on; its state is saved.

    Parameters
    ----------
    context : RunContext
    say : callable
        Told where it goes on, and why at an earlier step than it had come to.
    new_reference : bool
        Whether another reference than that of the run is accepted.

    Raises
    ------
    InputError
        If the parameters are not those of the run in the folder.
    """
    paths = context.paths
    rewind.finish(paths, say)
    fresh = first_state(context.params, context.machines, paths)
    old = states.load(paths)
    came = dpgen_came_to(paths, old)
    check_whole(paths, old, came, fresh)
    if old is not None:
        check_same(paths, old, fresh)
        if not new_reference:
            check_reference(paths, old, fresh)
    if came is not None:
        old = take_over(context, old or fresh, came, say)
    elif old is not None:
        old = _as_left(context, old, say)
    if old is None:
        states.save(paths, fresh)
        return fresh
    old = _with_reference(context, old, fresh, say)
    current = replace(
        old,
        trust=fresh.trust,
        n_iterations=fresh.n_iterations,
        params=fresh.params,
        machine=fresh.machine,
        init_data=fresh.init_data,
    )
    if old.finished == EXHAUSTED and fresh.n_iterations > old.iteration:
        # The parameter file got more jobs: the last training is that of a new iteration.
        current = replace(current, finished="", step=Step.MAKE_EXPLORE, final=None)
    states.record_back(paths, current)  # the last call may have been killed before it
    _offer_training(context, current, say)
    _tell_late_edits(context, current, say)
    if current.finished:
        return current
    check_iterations(paths, current)
    repair(context, current, say)
    if made_otherwise(context, current):
        say(
            f"iteration {current.iteration} explores anew: whether DP-GEN "
            "chooses has changed in the parameter file"
        )
        current = replace(current, step=Step.MAKE_EXPLORE)
    step, missing = sound_step(paths, current)
    if missing is not None:
        say(f"{missing} has gone: going back")
        current = replace(current, step=step)
    say(f"going on in iteration {current.iteration} with step {current.step.words}")
    return current


def _as_left(context: RunContext, old: RunState, say: Say) -> RunState:
    """The state of a run whose user has removed an iteration, or cut the record."""
    found = rewind.by_hand(context.paths, old)
    if found is None:
        return old
    back, why = found
    rewind.end_jobs(context.paths, back, lambda: context.machines)
    changed = rewind.apply(context.paths, back)
    moved = f"; what comes after is in {back.aside}" if back.moved else ""
    say(f"{why}: the run goes back to {back.where}{moved}")
    return changed


def _offer_training(context: RunContext, current: RunState, say: Say) -> None:
    """Say that data or keys have changed since the models that are there were trained."""
    if current.step is Step.MAKE_TRAIN and not current.finished:
        return
    kept = inputs.read(context.paths, current.iteration).get("train")
    if kept is None:
        return
    now = inputs.StageInput(
        inputs.written(context.params), inputs.data_pins(context.params, context.paths)
    )
    if changes := inputs.training_changes(kept, now):
        again = shell_hints.there("rewind", context.paths.root, f"{current.iteration}.train")
        say(
            f"the models of iteration {current.iteration} know nothing of what has changed since "
            f"({some(changes)}); to train them again, before this command: {again}"
        )


def _tell_late_edits(context: RunContext, current: RunState, say: Say) -> None:
    """Say that entries of ``model_devi_jobs`` have changed whose exploration is done."""
    now = inputs.StageInput(inputs.written(context.params))
    done = current.iteration + (current.step > Step.POST_EXPLORE and not current.finished)
    for iteration in range(done):
        kept = inputs.read(context.paths, iteration).get("explore")
        if kept is not None and inputs.changed_job(kept, now, iteration):
            again = shell_hints.there("rewind", context.paths.root, f"{iteration}.explore")
            say(
                f"model_devi_jobs[{iteration}] has changed since iteration {iteration} explored "
                f"with it, which changes nothing now; to explore anew, before this command: {again}"
            )


def _with_reference(context: RunContext, old: RunState, fresh: RunState, say: Say) -> RunState:
    """The state with the reference that labels from now on; saved if that is another."""
    changed = with_reference(old, fresh)
    if changed.references == old.references:
        return old
    if len(changed.references) > 1:
        words = in_words(reference_changes(old, fresh))
        say(
            f"labels from iteration {old.iteration} on are of another reference than those before "
            f"({words}): the models are trained on both"
        )
    if changed.step is not old.step:
        discard_stage(context.paths.label(old.iteration), context.machines.fp, context.paths.root)
        say(f"iteration {old.iteration}: its frames are labelled anew, by the new reference")
    states.record_back(context.paths, changed)
    states.save(context.paths, changed)
    return changed


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
    """Whether the walkers were prepared by another kind of explorer than is to go on with them."""
    if state.finished or not Step.RUN_EXPLORE <= state.step <= Step.MAKE_LABEL:
        return False
    made = explorer_that_made(context.paths, state.iteration)
    return made is not None and made.kind != explorer_of(context.params).kind


def _missing(paths: RunPaths, state: RunState, step: Step) -> Path | None:
    """A file that a step needs and that is not there."""
    for file in _needed(paths, state, step):
        if not file.exists():
            return file
    return None


def _needed(paths: RunPaths, state: RunState, step: Step) -> list[Path]:
    iteration = state.iteration
    if step > Step.MAKE_EXPLORE:
        explorer = explorer_that_made(paths, iteration)
        if explorer is None:
            return [paths.explore(iteration) / WALKERS]
        doer = explorer.labelling if step > Step.MAKE_LABEL else explorer
        return doer.needed(paths, iteration, step)
    models = range(state.numb_models)
    folders = [paths.model(iteration, model) for model in models]
    if step is Step.RUN_TRAIN:
        data = [paths.train(iteration) / name for name in train.DATA]
        return [folder / names.TRAIN_INPUT for folder in folders] + links_in(*data)
    if step is Step.POST_TRAIN:
        return [_model(folder, "frozen_model*") for folder in folders]
    if step is Step.MAKE_EXPLORE:
        return [_model(paths.train(iteration), f"graph.{model:03d}") for model in models]
    return []


def _model(folder: Path, name: str) -> Path:
    """A model's file, whatever its format."""
    return next(folder.glob(f"{name}.*"), folder / f"{name.rstrip('*')}.pb")
