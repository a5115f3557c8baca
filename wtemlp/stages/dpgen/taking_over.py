"""Iterations by LAMMPS that ``dpgen run`` has finished or begun, with what wtemlp keeps of them.

Tables of frames, where each label is from, and summaries are made up as far as DP-GEN's files
allow.
"""

from wtemlp.config.schema.dpgen_schema import ENGINE
from wtemlp.records.labels import write_outcomes
from wtemlp.records.state import Step
from wtemlp.records.summary import Summary, read_summary, save_summary
from wtemlp.stages import train
from wtemlp.stages.context import RunContext
from wtemlp.stages.dpgen import import_labels, import_walkers
from wtemlp.stages.exploration import explore
from wtemlp.stages.protocols import Say


def adopt_finished(context: RunContext, iteration: int, say: Say) -> None:
    """Make up what wtemlp keeps of an iteration; what cannot be is left out."""
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
    summarise(context, iteration, labelled)


def adopt_current(context: RunContext, iteration: int, step: Step, say: Say) -> Step:
    """Make up what a step needs; the step, or an earlier one if that cannot be."""
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
    summarise(context, iteration, None)
    return step


def summarise(context: RunContext, iteration: int, labelled: int | None) -> None:
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
