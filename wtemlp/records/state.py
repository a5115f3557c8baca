"""Where a run stands: a small typed record, saved atomically after every step.

The steps are DP-GEN's nine, with its numbers, so that ``record.dpgen`` can be kept beside the
state and DP-GEN's own tools understand the folder.
"""

import re
from dataclasses import asdict, dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

from wtemlp.core import shell_hints
from wtemlp.core.atomic_io import UNREADABLE, read_record, write_json, write_text
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths

FORMAT = 1  #: version of the state file
EXHAUSTED = "end of model_devi_jobs"  #: why most runs end
#: How such a run explores further.
FURTHER = "to explore further, append an entry to model_devi_jobs and give the same command"


class Step(IntEnum):
    """The steps of an iteration, in their order."""

    MAKE_TRAIN = 0
    RUN_TRAIN = 1
    POST_TRAIN = 2
    MAKE_EXPLORE = 3
    RUN_EXPLORE = 4
    POST_EXPLORE = 5
    MAKE_LABEL = 6
    RUN_LABEL = 7
    POST_LABEL = 8

    @property
    def stage(self) -> str:
        """The stage that the step belongs to."""
        return ("train", "explore", "label")[self // 3]

    @property
    def words(self) -> str:
        """Its name, for people."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True)
class RunState:
    """What a run has behind it, and what must not change while it goes on."""

    seed: int
    type_map: tuple[str, ...]
    numb_models: int
    trust: tuple[tuple[float, float], ...]  #: lower and upper trust level of each system
    params: str  #: the parameter file, as the user named it
    machine: str  #: the machine file, likewise
    n_iterations: int  #: iterations that explore; one more training follows them
    init_data: tuple[str, ...] = ()  #: the initial data, as the parameter file has it
    versions: dict[str, str] = field(default_factory=dict)  #: of the programs, when it began
    iteration: int = 0
    step: Step = Step.MAKE_TRAIN  #: the next to do
    final: int | None = None  #: iteration of the last training, once that is known
    finished: str = ""  #: why the run ended; "" while it has not
    began: str = ""  #: date and time
    platform: str = ""  #: operating system, machine and Python of the computer that it began on
    taken_over: tuple[tuple[int, int], ...] = ()
    """Iteration and step of each time that this run was taken over from ``dpgen run``: what comes
    before is DP-GEN's work."""
    references: tuple[tuple[int, dict[str, str]], ...] = ()
    """The references that label (:mod:`wtemlp.records.pins`), each from an iteration on; one but
    where another was accepted in mid-run, none in runs of earlier versions."""
    accepted: tuple[tuple[str, int], ...] = ()
    """Code and iteration of findings that ``stop_on`` stops at, and the user has gone on with."""
    retrained: tuple[tuple[int, int], ...] = ()
    """Iteration and model of each training that is done again with another seed, in their order."""

    def next(self) -> "RunState":
        """The state after the current step is done."""
        if self.step is Step.POST_LABEL:
            return replace(self, iteration=self.iteration + 1, step=Step.MAKE_TRAIN)
        return replace(self, step=Step(self.step + 1))


def save(paths: RunPaths, state: RunState) -> None:
    """Write the state so that a reader sees the old one or the new one."""
    content = {"format": FORMAT, **asdict(state)}
    write_json(paths.state, content)


def load(paths: RunPaths) -> RunState | None:
    """Read the state of a run, None where there is no run.

    Raises
    ------
    InputError
        If the file is not one that this version of wtemlp reads.
    """
    if not paths.state.exists():
        return None
    content = read_record(paths.state, _instead(paths))
    version = content.pop("format", None)
    try:
        if version != FORMAT:
            raise ValueError(f"its format is {version!r}")
        content["step"] = Step(content["step"])
        for key in ("type_map", "init_data"):
            content[key] = tuple(content[key])
        for key in ("taken_over", "accepted", "retrained"):
            content[key] = tuple(map(tuple, content.get(key, ())))
        content["references"] = tuple(
            (int(since), dict(pins)) for since, pins in content.get("references", ())
        )
        content["trust"] = tuple((float(low), float(high)) for low, high in _pairs(content))
        state = RunState(**content)
        if not isinstance(state.iteration, int) or state.iteration < 0:
            raise ValueError("no iteration")
        return state
    except UNREADABLE as error:
        raise InputError(
            str(paths.state),
            f"not a state file of this version ({error})",
            "run in another folder, or with the version of wtemlp that began this run",
        ) from error


def of_run(paths: RunPaths) -> RunState:
    """Read the state of a folder that must hold a run.

    Raises
    ------
    InputError
        If there is no run in it, or the file is not one that this version of wtemlp reads.
    """
    state = load(paths)
    if state is None:
        raise no_run(paths.root)
    return state


def no_run(root: Path) -> InputError:
    """Say that a folder holds no run, and how one is started."""
    start = shell_hints.command("run", root)
    return InputError(str(root), "there is no run here", f"start one with: {start}")


def _instead(paths: RunPaths) -> str:
    """What a run whose state is damaged can go on with."""
    recorded = read_recorded(paths)
    if recorded is not None:
        return (
            f"move it away, and the same command, with the same files, goes on from "
            f"{paths.record.name}, which says that iteration {recorded.iteration}, "
            f"{recorded.step.words}, is done"
        )
    if iterations(paths):
        return (
            f"put it back from a backup, or {paths.record.name}, which says the same; what the "
            "run has made is not touched"
        )
    return "remove it: nothing is done yet"


def _pairs(content: dict[str, Any]) -> list[Any]:
    """The trust levels; the first runs kept those of one system only."""
    levels = content["trust"]
    return [levels] if levels and not isinstance(levels[0], list) else levels


def iterations(paths: RunPaths) -> list[int]:
    """The iterations that have a folder with something in it."""
    found = []
    for folder in paths.root.glob("iter.*"):
        number = re.fullmatch(r"iter\.(\d{6,})", folder.name)
        if number and folder.is_dir() and any(folder.iterdir()):
            found.append(int(number[1]))
    return sorted(found)


def check_recorded(paths: RunPaths, current: RunState | None) -> None:
    """Refuse to go on by ``record.dpgen`` alone where more is in the folder: it would be lost.

    Parameters
    ----------
    paths : RunPaths
    current : RunState or None
        Where the run goes on by the record; None: nothing says that there is a run.

    Raises
    ------
    InputError
        If there are iterations, or tasks of a stage, that come after that.
    """
    known = -1 if current is None else current.iteration
    beyond = [paths.iteration(index) for index in iterations(paths) if index > known]
    if current is not None and not current.finished:
        beyond += _work_beyond(paths, current)
    if not beyond:
        return
    what = f"{beyond[0].relative_to(paths.root)} is here, but"
    if current is not None and (last := done(current)) is not None:
        problem = (
            f"{what} {paths.record.name} says that only iteration {last.iteration}, "
            f"{last.step.words}, is done"
        )
    elif paths.record.exists():
        problem = f"{what} {paths.record.name} is damaged: it holds no step that is done"
    else:
        problem = (
            f"{what} {paths.state.name} and {paths.record.name}, which say how far the run "
            "has come, are missing"
        )
    raise InputError(
        str(paths.root),
        problem,
        f"nothing is changed; put one of {paths.state.name} and {paths.record.name} back (the last "
        'line of the latter: iteration and step that are done, as "0 8"); or, to make again what '
        "comes after that, move it away first; or run in another folder (-C DIR)",
    )


#: What the tasks of a stage leave, by the stage's folder: patterns of which one is enough.
_RESULTS = {
    "00.train": ("[0-9]*/lcurve.out", "[0-9]*/frozen_model*"),
    "01.model_devi": (
        "task.*/model_devi*.out",
        "task.*/rc.mdout",
        "task.*/all.lammpstrj",
        "task.*/traj/*",
    ),
    "02.fp": (
        "data.*",
        "task.*/*task_tag_finished",
        "task.*/OUTCAR",
        "task.*/output",
        "task.*/fp.log",
        "task.*/labeled",
        "task.*/task.out",
    ),
}


def _work_beyond(paths: RunPaths, current: RunState) -> list[Path]:
    """Folders of the stages that come later in an iteration and have tasks, or, where a stage is
    to be prepared, have results."""
    stages = [
        paths.train(current.iteration),
        paths.explore(current.iteration),
        paths.label(current.iteration),
    ]
    now = current.step // 3
    found = [folder for folder in stages[now + 1 :] if any(folder.glob("task.*"))]
    if current.step % 3 == 0:
        results = _RESULTS[stages[now].name]
        if any(next(stages[now].glob(pattern), None) for pattern in results):
            found.insert(0, stages[now])
    return found


@dataclass(frozen=True, order=True)
class Done:
    """The last step that a run has behind it."""

    iteration: int
    step: Step

    def next(self) -> tuple[int, Step]:
        """Iteration and step of what comes after it."""
        if self.step is Step.POST_LABEL:
            return self.iteration + 1, Step.MAKE_TRAIN
        return self.iteration, Step(self.step + 1)


def done(state: RunState) -> Done | None:
    """The last step that a state has behind it; None if there is none."""
    if state.finished:
        return Done(state.iteration, state.step)
    if state.step is not Step.MAKE_TRAIN:
        return Done(state.iteration, Step(state.step - 1))
    return Done(state.iteration - 1, Step.POST_LABEL) if state.iteration else None


def read_recorded(paths: RunPaths) -> Done | None:
    """The last step in ``record.dpgen``; None where there is no file, or no step in it.

    Its last line counts, as for DP-GEN; a line that is blank, cut or damaged does not.
    """
    last = None
    for line in _recorded_lines(paths):
        last = _step_of(line) or last
    return last


def record(paths: RunPaths, iteration: int, step: Step) -> None:
    """Note a completed step in ``record.dpgen``, once.

    A line that is blank or damaged is left out: DP-GEN ends at it.
    """
    kept = [line for line in _recorded_lines(paths) if _step_of(line)]
    line = f"{iteration} {int(step)}"
    if kept[-1:] != [line]:
        kept.append(line)
    write_text(paths.record, "".join(f"{line}\n" for line in kept))


def record_cut(paths: RunPaths, state: RunState) -> None:
    """Cut ``record.dpgen`` to what a state has behind it."""
    last = done(state)
    kept = [
        line
        for line in _recorded_lines(paths)
        if (step := _step_of(line)) and last is not None and step <= last
    ]
    if kept:
        write_text(paths.record, "".join(f"{line}\n" for line in kept))
    else:
        paths.record.unlink(missing_ok=True)


def record_is_damaged(paths: RunPaths) -> bool:
    """Whether ``record.dpgen`` has a line that is no step and not blank."""
    return any(line and not _step_of(line) for line in _recorded_lines(paths))


def record_back(paths: RunPaths, state: RunState) -> None:
    """Have ``record.dpgen`` go back to where a state is: its last line counts."""
    last = done(state)
    if last is None:
        paths.record.unlink(missing_ok=True)
    else:
        record(paths, last.iteration, last.step)


def _recorded_lines(paths: RunPaths) -> list[str]:
    if not paths.record.exists():
        return []
    return [" ".join(line.split()) for line in paths.record.read_text(errors="replace").split("\n")]


def _step_of(line: str) -> Done | None:
    words = line.split()
    if len(words) != 2 or not all(re.fullmatch(r"[0-9]{1,9}", word) for word in words):
        return None
    iteration, step = map(int, words)
    return Done(iteration, Step(step)) if step <= max(Step) else None


def dpgen_came_to(paths: RunPaths, old: RunState | None) -> Done | None:
    """The last step that ``dpgen run`` has done in a folder; None if wtemlp has done it.

    The state is saved before the step is recorded, so a record that is ahead is DP-GEN's.

    Parameters
    ----------
    paths : RunPaths
    old : RunState or None
        The run's state, if it has one.
    """
    recorded = read_recorded(paths)
    known = None if old is None else done(old)
    if recorded is None or (known is not None and recorded <= known):
        return None
    return recorded
