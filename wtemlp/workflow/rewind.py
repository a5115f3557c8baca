"""A run taken back to the beginning of a stage; nothing is deleted.

What comes after that point is moved to ``rewound/NNN`` in the run's folder, with the state, the
record and the summary as they were.  The moves are written down before the first of them, so that
one that was killed is finished by the next ``wtemlp run`` or ``wtemlp rewind``.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from wtemlp.config.records import Machines
from wtemlp.core import shell_hints
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch.cancel import cancel_tasks, has_jobs
from wtemlp.records import inputs, validation_record
from wtemlp.records import state as states
from wtemlp.records.rewinds import FOLDER, INTENT, Rewind, intend, unfinished
from wtemlp.records.state import Done, RunState, Step
from wtemlp.records.summary import Summary, read_summary, save_summary
from wtemlp.session.lock import locked
from wtemlp.session.session import run_log
from wtemlp.session.told import Told
from wtemlp.stages import retraining, train

STAGES = {"train": Step.MAKE_TRAIN, "explore": Step.MAKE_EXPLORE, "label": Step.MAKE_LABEL}
#: What a summary has of each stage: fields that are not known again.
_FIELDS = {
    "train": (
        "n_train_frames",
        "energy_rmse_meV_atom",
        "force_rmse_meV_A",
        "energy_rmse_models",
        "energy_shifted_models",
        "energy_one_minus_r_models",
        "energy_offset_models",
        "force_rmse_models",
        "force_rmse_trained",
    ),
    "explore": ("explored", "walkers", "lowered"),
    "label": (
        "accurate",
        "candidate",
        "failed",
        "selected",
        "labelled",
        "label_failures",
        "disk_MB",
        "new_labels",
        "trust",
        "trust_ratio",
        "trust_power",
        "selection",
    ),
}


def target(text: str, current: RunState) -> tuple[int, Step]:
    """The iteration and step of ``ITERATION[.STEP]``.

    Parameters
    ----------
    text : str
        As ``"2"``, ``"2.explore"`` or ``"2.3"``.
    current : RunState

    Raises
    ------
    InputError
        If it says nothing, or the run has not come so far.
    """
    number, _, stage = text.partition(".")
    by_number = {str(int(step)): step for step in STAGES.values()}
    step = (STAGES | by_number | {"": Step.MAKE_TRAIN}).get(stage)
    if not number.isdecimal() or step is None:
        raise InputError(
            "rewind",
            f'"{text}" is no iteration and stage',
            "give ITERATION, or ITERATION.STAGE with train, explore or label (0, 3, 6), as 2.label",
        )
    iteration = int(number)
    here = (current.iteration, current.step)
    if current.finished:
        here = (current.iteration, Step.MAKE_EXPLORE)
    if (iteration, step) > here or (
        current.finished and (iteration, step) == here and iteration >= current.n_iterations
    ):
        raise InputError(
            "rewind",
            f"{text} is beyond iteration {current.iteration}, {current.step.words}",
            "the run has come no further",
        )
    return iteration, step


def target_of_model(paths: RunPaths, text: str, current: RunState, model: int) -> tuple[int, Step]:
    """The iteration and step of which one model is trained again.

    Raises
    ------
    InputError
        If there is no such model, or no training of it that is done.
    """
    iteration, step = target(text, current)
    done = (iteration, Step.MAKE_EXPLORE) <= (current.iteration, current.step)
    if step is not Step.MAKE_TRAIN or not (done or current.finished):
        raise InputError(
            "rewind",
            f"--model goes with a training that is done, not with {text}",
            "give ITERATION.train of one whose models are there",
        )
    if model >= current.numb_models or (paths.train(iteration) / train.COPIED).exists():
        raise InputError(
            "rewind",
            f"iteration {iteration} has trained no model {model}",
            f"give one of 0 to {current.numb_models - 1}, in the iteration that trained it",
        )
    return iteration, Step.RUN_TRAIN


def plan(paths: RunPaths, iteration: int, step: Step) -> Rewind:
    """What is moved to have a run go on with a step."""
    found = [paths.iteration(index) for index in states.iterations(paths) if index > iteration]
    own = (paths.train(iteration), paths.explore(iteration), paths.label(iteration))
    first = step // 3 + (step % 3 != 0)
    if step is Step.MAKE_TRAIN:
        found += [paths.iteration(iteration)] * paths.iteration(iteration).exists()
    else:
        found += [folder for folder in own[first:] if folder.exists()]
    validated = paths.root / validation_record.FOLDER
    if validated.exists() and _validated(validated) >= iteration:
        found.append(validated)
    moved = tuple(str(folder.relative_to(paths.root)) for folder in sorted(found))
    taken = [int(one.name) for one in (paths.root / FOLDER).glob("[0-9]*") if one.name.isdecimal()]
    return Rewind(iteration, step, Path(FOLDER) / f"{max(taken, default=-1) + 1:03d}", moved)


def _validated(folder: Path) -> int:
    try:
        return validation_record.load(folder / validation_record.FILE).iteration
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return -1


def apply(paths: RunPaths, rewind: Rewind) -> RunState:
    """Move what comes after, and save the state; the run's lock is held.

    Returns
    -------
    RunState
    """
    aside = paths.root / rewind.aside
    aside.mkdir(parents=True, exist_ok=True)
    for file in (paths.state, paths.record, paths.summary(rewind.iteration)):
        if file.exists():
            shutil.copy2(file, aside / file.name)
    intend(paths, rewind)
    return _finish(paths, rewind)


def rewind_run(
    root: Path, to: str, machines: Callable[[], Machines], dry: bool, model: int | None = None
) -> Told:
    """Do ``wtemlp rewind``, or say what it would do.

    Parameters
    ----------
    root : Path
        The run's folder, absolute.
    to : str
        ``ITERATION[.STAGE]``.
    machines : callable
        Gives the run's machine file, for its jobs.
    dry : bool
        Whether nothing is done.
    model : int, optional
        The model that is trained again with another seed, while its siblings stay.

    Returns
    -------
    Told

    Raises
    ------
    InputError
        If there is no run, or it has not come so far.
    WtemlpError
        If another wtemlp is at work on it.
    TransportError
        If jobs are to be ended and their host or queue does not answer; nothing is moved then.
    """
    paths = RunPaths(root)
    if dry:
        rewind = _planned(paths, to, model)
        more = [] if model is None else ["--model", str(model)]
        again = shell_hints.there("rewind", root, to, *more, "--yes")
        lines = [*describe(paths, rewind), f"nothing is done yet; do it with: {again}"]
        return Told(lines, {"done": False, **_facts(rewind)})
    said: list[str] = []
    with locked(paths), run_log(paths, said.append):
        finish(paths, said.append)
        rewind = _planned(paths, to, model)
        end_jobs(paths, rewind, machines)
        state = apply(paths, rewind)
    again = shell_hints.command("run", root, state.params, state.machine)
    lines = [*said, *describe(paths, rewind), f"go on with: {again}"]
    return Told(lines, {"done": True, **_facts(rewind)})


def _facts(rewind: Rewind) -> dict[str, object]:
    known = {key: value for key, value in vars(rewind).items() if key != "times"}
    return {**known, "step": rewind.step.name.lower(), "aside": str(rewind.aside)}


def _planned(paths: RunPaths, to: str, model: int | None) -> Rewind:
    state = states.of_run(paths)
    if model is None:
        return plan(paths, *target(to, state))
    iteration, step = target_of_model(paths, to, state, model)
    times = state.retrained.count((iteration, model)) + 1
    return replace(plan(paths, iteration, step), model=model, times=times)


def end_jobs(paths: RunPaths, rewind: Rewind, machines: Callable[[], Machines]) -> None:
    """End the jobs of the stages that are moved; the machine file is read if there may be some."""
    folders = [(folder, of) for folder, of in stage_folders(paths, rewind) if has_jobs(folder)]
    if folders:
        known = machines()
        for folder, section in folders:
            cancel_tasks(folder, getattr(known, section), paths.root)


def finish(paths: RunPaths, say: Callable[[str], object]) -> None:
    """Finish a rewind that was killed; the run's lock is held."""
    rewind = unfinished(paths)
    if rewind is not None:
        _finish(paths, rewind)
        say(f"a rewind to {rewind.where} had been interrupted: it is finished now")


def _finish(paths: RunPaths, rewind: Rewind) -> RunState:
    for name in rewind.moved:
        source, goal = paths.root / name, paths.root / rewind.aside / name
        if source.exists() and not goal.exists():
            goal.parent.mkdir(parents=True, exist_ok=True)
            source.rename(goal)
    _forget(paths, rewind)
    old = states.load(paths)
    assert old is not None
    here = (rewind.iteration, rewind.step)
    retrained = tuple(one for one in old.retrained if (one[0], Step.MAKE_TRAIN) < here)
    if rewind.model is not None:
        own = (rewind.iteration, rewind.model)
        folder = paths.model(*own)
        kept = paths.root / rewind.aside / folder.relative_to(paths.root)
        if not kept.exists():
            retraining.keep(folder, kept)
        retraining.train_again(paths, *own, old.seed, rewind.times)
        retrained = (*(one for one in retrained if one != own), *[own] * rewind.times)
    final = old.final if (old.final, Step.MAKE_TRAIN) == (rewind.iteration, rewind.step) else None
    back = replace(
        old,
        iteration=rewind.iteration,
        step=rewind.step,
        finished="",
        final=final,
        references=tuple(one for one in old.references if one[0] < max(rewind.iteration, 1)),
        taken_over=tuple(one for one in old.taken_over if one[0] < rewind.iteration),
        retrained=retrained,
        accepted=tuple(one for one in old.accepted if one[1] < rewind.iteration),
    )
    states.record_cut(paths, back)
    states.save(paths, back)
    (paths.root / INTENT).unlink()
    return back


def _forget(paths: RunPaths, rewind: Rewind) -> None:
    """Have the summary and the kept input know nothing of stages that are done again."""
    row = read_summary(paths.summary(rewind.iteration))
    if row is None:
        return
    fresh = Summary(rewind.iteration)
    gone = list(STAGES)[rewind.step // 3 + (rewind.step % 3 != 0) :]
    fields = [name for stage in gone for name in _FIELDS[stage]]
    if rewind.model is not None:
        fields += [name for name in _FIELDS["train"] if name != "n_train_frames"]
    for name in fields:
        setattr(row, name, getattr(fresh, name))
    for stage in gone:
        for spent in (row.seconds, row.waited, row.core_hours, row.gpu_hours):
            spent.pop(stage, None)
    save_summary(paths.summary(rewind.iteration), row)
    inputs.forget(paths, rewind.iteration, gone)


def by_hand(paths: RunPaths, current: RunState) -> tuple[Rewind, str] | None:
    """Where a run goes on whose user has removed an iteration or cut ``record.dpgen``.

    Returns
    -------
    Rewind and str, or None
        And why; None: nothing of the kind.
    """
    begun = current.iteration + (current.step > Step.MAKE_TRAIN or bool(current.finished))
    for index in range(begun):
        folder = paths.iteration(index)
        if not folder.is_dir() or not any(folder.iterdir()):
            return plan(paths, index, Step.MAKE_TRAIN), f"{folder.name} has gone"
    if current.finished and not paths.train(current.iteration).exists():
        step = Step.MAKE_TRAIN
        gone = paths.train(current.iteration).relative_to(paths.root)
        return plan(paths, current.iteration, step), f"{gone} has gone"
    last, known = states.read_recorded(paths), states.done(current)
    if last is None or known is None or states.record_is_damaged(paths):
        return None
    # The state is saved first, so a run that was killed in between has a record that is one behind.
    if _count(known) - _count(last) < 2:
        return None
    iteration, step = last.next()
    why = f"{paths.record.name} ends with iteration {last.iteration}, {last.step.words}"
    return plan(paths, iteration, step), why


def _count(done: Done) -> int:
    return len(Step) * done.iteration + done.step


def stage_folders(paths: RunPaths, rewind: Rewind) -> Iterator[tuple[Path, str]]:
    """The folders of stages that are moved, whose jobs are to be ended, and their sections."""
    sections = {"00.train": "train", "01.model_devi": "model_devi", "02.fp": "fp"}
    for name in rewind.moved:
        folder = paths.root / name
        inside = [folder] if folder.name in sections else sorted(folder.iterdir())
        for one in inside:
            if one.name in sections:
                yield one, sections[one.name]


def describe(paths: RunPaths, rewind: Rewind) -> list[str]:
    """What a rewind does, for people, a line each."""
    lines = [f"back to {rewind.where}"]
    lines += [f"  {name} is moved to {rewind.aside / name}" for name in rewind.moved]
    if rewind.model is not None:
        folder = paths.model(rewind.iteration, rewind.model).relative_to(paths.root)
        lines.append(
            f"  {folder} is trained again with another seed; what it has now is kept in "
            f"{rewind.aside / folder}"
        )
    return lines
