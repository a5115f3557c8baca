"""An unfinished ``dpgen run`` taken over: its folder becomes that of a run of wtemlp.

Where it stands ``record.dpgen`` tells.  What it has made stays and is used as it is; what wtemlp
keeps beside it (tables of frames, where each label is from, summaries) is made up as far as
DP-GEN's files allow.  Nothing of it is needed to go on, but for what the current iteration is
waiting for: where that is not there, the run goes back to the step that makes it.
"""

from dataclasses import replace

from wtemlp.records import state as states
from wtemlp.records.compatibility import moved_to
from wtemlp.records.state import Done, RunState, Step
from wtemlp.stages import train
from wtemlp.stages.context import RunContext
from wtemlp.stages.protocols import Say
from wtemlp.stages.registry import explorer_of


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
        explorer_of(context.params).adopt_finished(context, iteration, say)
    if not moved.finished:
        moved = replace(moved, step=_adopt_current(context, moved, say))
    taken = (*moved.taken_over, (came.iteration, int(came.step)))
    moved = replace(moved, taken_over=taken)
    states.record_back(context.paths, moved)  # and without what is damaged in it
    states.save(context.paths, moved)
    return moved


def _adopt_current(context: RunContext, moved: RunState, say: Say) -> Step:
    """Make up what the next step needs; the step, or an earlier one if that cannot be."""
    iteration, step = moved.iteration, moved.step
    if step in (Step.RUN_TRAIN, Step.POST_TRAIN):
        return _adopt_training(context, iteration, step, say)
    if step < Step.RUN_EXPLORE:
        return step
    return explorer_of(context.params).adopt_current(context, iteration, step, say)


def _adopt_training(context: RunContext, iteration: int, step: Step, say: Say) -> Step:
    """Add the validation data to a training that has not begun."""
    if step is Step.RUN_TRAIN:
        try:
            train.complete(context, iteration)
        except (OSError, ValueError, KeyError) as error:
            say(f"a training is not whole ({error}): going back to {Step.MAKE_TRAIN.words}")
            return Step.MAKE_TRAIN
    return step
