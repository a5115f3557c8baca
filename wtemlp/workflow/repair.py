"""Records of a run that are damaged or have lost something, made again from what there is.

What a power failure, a full disk or a clean-up has done to a file is said in a line, with what it
is made again from.  What cannot be made again ends the call, before anything else is touched.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wtemlp.analysis.frames import load_frames, save_frames
from wtemlp.core import paths as names
from wtemlp.core.atomic_io import read_json, what_is_wrong
from wtemlp.core.errors import CalculationError, DamagedFile
from wtemlp.records.label_errors import read_errors, summed_up
from wtemlp.records.state import RunState, Step
from wtemlp.records.summary import Summary, load_summary, read_summary, save_summary
from wtemlp.stages import train
from wtemlp.stages.context import RunContext
from wtemlp.stages.dpgen.taking_over import summarise
from wtemlp.stages.exploration.conditions import ceilings_of, lowered
from wtemlp.stages.exploration.explore import WALKERS
from wtemlp.stages.label_frames import neighbours_beyond_sel
from wtemlp.stages.protocols import Say
from wtemlp.stages.registry import explorer_of, explorer_that_made
from wtemlp.stages.trust import note_levels


def repair(context: RunContext, state: RunState, say: Say) -> None:
    """See that the records of a run can be read; make damaged ones again.

    Parameters
    ----------
    context : RunContext
    state : RunState
        Where the run goes on.
    say : callable
        Told what was damaged, and what has become of it.

    Raises
    ------
    DamagedFile
        If the table of the frames that are being labelled is damaged and cannot be made again.
    CalculationError
        If labelled frames have gone, and the results of the jobs that made them, too.
    """
    for index in range(state.iteration + 1):
        current = index == state.iteration
        step = state.step if current else None
        _restore_list(context, index, step, say)
        _restore_table(context, index, step, say)
        _restore_summary(context, index, step, say)
        if not current:
            _restore_labels(context, index, say)


def _damage(file: Path, read: Callable[[Path], object]) -> str:
    """What is wrong with a file; "" if nothing is, or if it is missing."""
    if not file.exists():
        return ""
    try:
        read(file)
    except DamagedFile as error:
        return what_is_wrong(file, error.__cause__ or error)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return what_is_wrong(file, error)
    return ""


def _restore_list(context: RunContext, iteration: int, step: Step | None, say: Say) -> None:
    """The list of walkers, from their folders: it is written when all of them are there."""
    folder = context.paths.explore(iteration)
    file = folder / WALKERS
    why = _damage(file, lambda path: read_json(path, "")["tasks"])
    if not why:
        return
    say(f"{file} is damaged ({why}): it is made again from the walkers' folders")
    explored = step is None or step > Step.RUN_EXPLORE
    explorer_of(context.params).list_again(context, iteration, explored)


def _restore_table(context: RunContext, iteration: int, step: Step | None, say: Say) -> None:
    """The table of explored frames: it is a function of the exploration and the seed."""
    file = context.paths.explored(iteration)
    why = _damage(file, load_frames)
    if not why:
        return
    if step is not None and step <= Step.MAKE_LABEL:
        say(f"{file} is damaged ({why}): it will be made again")
        return
    try:
        table = explorer_of(context.params).labelling.choose_again(context, iteration)
    except (CalculationError, OSError) as error:
        problem = f"{file} is damaged ({why}), and cannot be made again: {error}"
        if step is None:
            say(f"{problem}; its iteration is left out of tables and report")
            return
        raise DamagedFile(
            f"{problem}; put it back from a backup, or move the folder "
            f"{context.paths.label(iteration)} away and remove the file: the same command then "
            "chooses frames again"
        ) from error
    if table is None:
        return
    save_frames(file, table)
    say(f"{file} is damaged ({why}): it is made again from the exploration")


def _restore_summary(context: RunContext, iteration: int, step: Step | None, say: Say) -> None:
    """The row of the final table, as far as the files of the iteration tell it."""
    file = context.paths.summary(iteration)
    why = _damage(file, load_summary)
    if not why:
        return
    say(
        f"{file} is damaged ({why}): it is made again from the files of its iteration, without "
        "its times; the damaged one is kept as summary.damaged"
    )
    file.replace(file.with_suffix(".damaged"))
    row = Summary(iteration)
    if step is None or step > Step.MAKE_TRAIN:
        with suppress(OSError, ValueError):
            row.n_train_frames = train.frames_before(context, iteration)
    if step is None or step > Step.POST_TRAIN:
        with suppress(OSError, CalculationError):
            row.add_errors(train.read_errors(context, iteration))
            row.force_rmse_trained = train.trained_errors(context, iteration)
    if (step is None or step > Step.MAKE_EXPLORE) and iteration < len(context.params.jobs):
        job = context.params.jobs[iteration]
        before = [read_summary(context.paths.summary(index)) for index in range(iteration)]
        row.lowered = lowered(job, ceilings_of(job, [one for one in before if one is not None]))
    if step is None or step > Step.POST_EXPLORE:
        with suppress(OSError, ValueError, CalculationError):
            _add_walkers(context, row)
    if step is None or step > Step.MAKE_LABEL:
        row.selection = context.params.selection.method
        with suppress(OSError, ValueError, CalculationError):
            row.beyond_sel = neighbours_beyond_sel(context, iteration)
        note_levels(context, row)
    if errors := read_errors(context.paths.label(iteration)):
        row.new_labels = summed_up(errors)
    save_summary(file, row)
    if step is None or step > Step.MAKE_LABEL:
        with suppress(OSError, ValueError, CalculationError):
            done = None if step else train.count_labelled(context.paths, iteration)
            summarise(context, iteration, done)


def _add_walkers(context: RunContext, row: Summary) -> None:
    """The walkers as their stage reads them; without their trajectories it cannot."""
    made = explorer_that_made(context.paths, row.iteration) or explorer_of(context.params)
    needed = made.needed(context.paths, row.iteration, Step.POST_EXPLORE)
    if all(file.exists() for file in needed):
        frames, row.walkers = made.collect(context, row.iteration)
        row.explored = None if frames is None else len(frames)


def _restore_labels(context: RunContext, iteration: int, say: Say) -> None:
    """The labelled frames and what became of each chosen one, from the results of the jobs."""
    row = read_summary(context.paths.summary(iteration))
    if row is None or row.labelled is None:
        return
    folder = context.paths.label(iteration)
    if bad := train.damaged_array(context.paths, iteration):
        what = f"{bad} is damaged"
    elif (found := train.count_labelled(context.paths, iteration)) != row.labelled:
        what = f"{folder}: labelled frames have gone"
    elif why := _damage(folder / names.LABELS, lambda path: read_json(path, "", list)):
        what = f"{folder / names.LABELS} is damaged ({why})"
    elif _lost_energies(context, iteration):
        what = f"{folder}: energies of labelled frames are damaged (zeros)"
    else:
        return
    say(f"{what}: reading them anew")
    with _kept(folder):
        with suppress(CalculationError, FileNotFoundError):
            explorer = explorer_that_made(context.paths, iteration) or explorer_of(context.params)
            explorer.labelling.collect(context, iteration)
        bad = train.damaged_array(context.paths, iteration)
        found = 0 if bad else train.count_labelled(context.paths, iteration)
        if found != row.labelled:
            raise CalculationError(
                f"{what}; the results of the jobs give {found} labelled frames, but the run has "
                f"made {row.labelled}; put its data.* folders and {names.LABELS} back, or start in "
                "another folder"
            )


def _lost_energies(context: RunContext, iteration: int) -> bool:
    """Whether energies are 0 in the labelled data, but not in what became of each frame."""
    file = context.paths.label(iteration) / names.LABELS
    if not file.exists():  # who needs it says so
        return False
    outcomes = read_json(file, "", list)
    known = [one.get("label_eV") for one in outcomes if one.get("labelled")]
    return None not in known and known.count(0.0) < train.zero_energies(context.paths, iteration)


@contextmanager
def _kept(folder: Path) -> Iterator[None]:
    """Put the labelled frames of an iteration back as they were, if they cannot be read again."""
    file, aside = folder / names.LABELS, folder / "before.repair"
    outcomes = file.read_bytes() if file.exists() else None
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    for data in folder.glob("data.*"):
        shutil.copytree(data, aside / data.name)
    try:
        yield
    except BaseException:
        for data in folder.glob("data.*"):
            shutil.rmtree(data)
        for data in aside.glob("data.*"):
            data.replace(folder / data.name)
        if outcomes is not None:
            file.write_bytes(outcomes)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
