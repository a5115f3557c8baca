"""An unfinished ``dpgen run`` taken over: its folder becomes that of a run of wtemlp.

Where it stands ``record.dpgen`` tells.  What it has made stays and is used as it is; what wtemlp
keeps beside it (tables of frames, where each label is from, summaries) is made up as far as
DP-GEN's files allow.  Nothing of it is needed to go on, but for what the current iteration is
waiting for: where that is not there, the run goes back to the step that makes it.
"""

from collections.abc import Callable
from dataclasses import replace

from wtemlp.analysis.frames import Decision
from wtemlp.config.schema.dpgen_schema import ENGINE
from wtemlp.records import state as states
from wtemlp.records.compatibility import moved_to
from wtemlp.records.labels import write_outcomes
from wtemlp.records.state import Done, RunState, Step
from wtemlp.records.summary import Summary, read_summary, save_summary
from wtemlp.stages import train
from wtemlp.stages.context import RunContext
from wtemlp.stages.dpgen import explore as through_dpgen
from wtemlp.stages.dpgen import import_labels, import_walkers
from wtemlp.stages.exploration import explore

Say = Callable[[str], object]


def take_over(context: RunContext, current: RunState, came: Done, say: Say) -> RunState:
    """Go on with what ``dpgen run`` has done.

    Parameters
    ----------
    context : RunContext
    current : RunState
        Where wtemlp has come to in this folder; the beginning, if it has never been here.
    came : Done
        The last step that DP-GEN has done (:func:`wtemlp.records.compatibility.dpgen_came_to`).
    say : callable
        Takes a line for the user.

    Returns
    -------
    RunState
        Saved; its step may be an earlier one of the same iteration.
    """
    moved = moved_to(current, came, len(context.params.jobs))
    say(
        f"taken over from dpgen run, which came to iteration {came.iteration}, "
        f"step {int(came.step)} ({came.step.words})"
    )
    for iteration in range(current.iteration, moved.iteration):
        _adopt_finished(context, iteration, say)
    if not moved.finished:
        moved = replace(moved, step=_adopt_current(context, moved, say))
    taken = (*moved.taken_over, (came.iteration, int(came.step)))
    moved = replace(moved, taken_over=taken)
    states.record_back(context.paths, moved)  # and without what is damaged in it
    states.save(context.paths, moved)
    return moved


def _adopt_finished(context: RunContext, iteration: int, say: Say) -> None:
    """Make up what wtemlp keeps of an iteration; what cannot be is left out."""
    if context.params.by_dpgen:
        _adopt_foreign(context, iteration, say)
        return
    why = import_walkers.adopt(context, iteration, done=True, stored=False)
    why = why or import_labels.adopt(context, iteration)
    labelled = None
    try:
        if not why:
            labelled = import_labels.adopt_outcomes(context, iteration)
    except (OSError, ValueError) as error:
        why = str(error)
    if why:
        say(f"iteration {iteration} is left out of tables and report: {why}")
        if context.paths.label(iteration).is_dir():
            write_outcomes(context.paths.label(iteration), [])
        return
    _summarise(context, iteration, labelled)


def _adopt_current(context: RunContext, moved: RunState, say: Say) -> Step:
    """Make up what the next step needs; the step, or an earlier one if that cannot be."""
    iteration, step = moved.iteration, moved.step
    if step in (Step.RUN_TRAIN, Step.POST_TRAIN):
        return _adopt_training(context, iteration, step, say)
    if step < Step.RUN_EXPLORE:
        return step
    if context.params.by_dpgen:
        through_dpgen.adopt(context, iteration)
        good = step <= Step.MAKE_LABEL or _adopt_foreign(context, iteration, say)
        return step if good else Step.MAKE_LABEL
    if step is Step.RUN_EXPLORE and context.params.engine == ENGINE:
        say(f'iteration {iteration} explores anew: "model_devi_engine" is "{ENGINE}" now')
        return Step.MAKE_EXPLORE
    why = import_walkers.adopt(
        context,
        iteration,
        done=step > Step.RUN_EXPLORE,
        stored=step in (Step.POST_EXPLORE, Step.MAKE_LABEL),
    )
    if why:
        say(f"{why}: going back to {Step.MAKE_EXPLORE.words}")
        return Step.MAKE_EXPLORE
    if step > Step.MAKE_LABEL:
        return _adopt_labelling(context, iteration, step, say)
    if step is Step.MAKE_LABEL:
        frames, walkers = explore.collect(context, iteration)
        row = read_summary(context.paths.summary(iteration)) or Summary(iteration)
        row.explored, row.walkers = len(frames), walkers
        save_summary(context.paths.summary(iteration), row)
    return step


def _adopt_foreign(context: RunContext, iteration: int, say: Say) -> bool:
    """Read what DP-GEN has chosen of an exploration by an engine that only DP-GEN knows."""
    try:
        table = through_dpgen.adopt_choice(context, iteration)
    except (OSError, ValueError, KeyError) as error:
        say(f"iteration {iteration}: what DP-GEN has chosen cannot be read: {error}")
        return False
    row = read_summary(context.paths.summary(iteration)) or Summary(iteration)
    row.explored = len(table)
    row.accurate, row.candidate, row.failed = (
        table.judged(kind) for kind in (Decision.ACCURATE, Decision.CANDIDATE, Decision.FAILED)
    )
    row.selected = table.count(Decision.SELECTED)
    row.walkers = through_dpgen.walkers(context, iteration)
    save_summary(context.paths.summary(iteration), row)
    return True


def _adopt_labelling(context: RunContext, iteration: int, step: Step, say: Say) -> Step:
    why = import_labels.adopt(context, iteration)
    if not why and step is Step.RUN_LABEL:
        missing = import_labels.missing_input(context, iteration)
        why = f"{missing} is not there" if missing else ""
    if why:
        say(f"{why}: going back to {Step.MAKE_LABEL.words}")
        return Step.MAKE_LABEL
    if step is Step.POST_LABEL:
        import_labels.note_results(context, iteration)
    _summarise(context, iteration, None)
    return step


def _adopt_training(context: RunContext, iteration: int, step: Step, say: Say) -> Step:
    """Add the validation data to a training that has not begun."""
    if step is Step.RUN_TRAIN:
        try:
            train.complete(context, iteration)
        except (OSError, ValueError, KeyError) as error:
            say(f"a training is not whole ({error}): going back to {Step.MAKE_TRAIN.words}")
            return Step.MAKE_TRAIN
    return step


def _summarise(context: RunContext, iteration: int, labelled: int | None) -> None:
    """The row of the final table, as far as DP-GEN's files tell it."""
    file = context.paths.summary(iteration)
    row = read_summary(file) or Summary(iteration)
    for name, value in import_labels.counts(context, iteration).items():
        setattr(row, name, value)
    if not row.walkers:
        _, row.walkers = import_walkers.everything(context, iteration)
    if row.n_train_frames is None:
        row.n_train_frames = train.frames_before(context, iteration)
    if labelled is not None:
        row.labelled = labelled
        row.label_failures = (row.selected or 0) - labelled
    save_summary(file, row)
