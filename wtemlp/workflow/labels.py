"""Labels that are made elsewhere: what a run waits for, written out."""

import logging
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.core import shell_hints
from wtemlp.core.atomic_io import write_text
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch.cancel import has_jobs
from wtemlp.dispatch.staging import with_user_files
from wtemlp.dispatch.task_status import has_finished
from wtemlp.dispatch.tasks import Task
from wtemlp.preflight import data_trial
from wtemlp.records import data_check
from wtemlp.records import state as states
from wtemlp.records.pins import reference_pins
from wtemlp.records.state import Step
from wtemlp.reference import by_hand
from wtemlp.reference.base import Frames, Labeller
from wtemlp.session.lock import locked
from wtemlp.session.session import run_log
from wtemlp.session.told import Told
from wtemlp.stages import label, label_frames
from wtemlp.stages.context import RunContext

log = logging.getLogger("wtemlp.run")
FRAMES, SCRIPT, README = "frames.extxyz", "run.sh", "README.md"


@dataclass(frozen=True)
class LabelJob:
    """A job of the reference, as its folder is called in an export."""

    name: str  #: as ``iter.000001/task.000.000002``, ``initial/task.000.000000``
    task: Task
    frames: Frames
    stored: data_trial.Stored | None = None  #: what is known of a frame of the initial data


@dataclass(frozen=True)
class WantedFrame:
    """A frame whose label is wanted."""

    folder: Path  #: where the label goes
    frames: Frames  #: it alone
    stored: data_trial.Stored | None = None


class WaitingRun:
    """What a run waits for whose labels are made by hand.

    Parameters
    ----------
    root : Path
        The run's folder, absolute; this process holds its lock.

    Raises
    ------
    InputError
        If it does not wait for labels.
    """

    def __init__(self, root: Path) -> None:
        self.context, self.iteration, self.files = _open(root)
        self.params, self.root = self.context.params, root
        self.held = root / data_check.FOLDER
        self.labellers = label.labellers(self.context, self.iteration)
        self.jobs = [
            LabelJob(self._name(task.folder), task, frames)
            for task, frames in label.jobs(self.context, self.iteration)
        ]
        self.initial = list(self._initial())

    def _name(self, folder: Path) -> str:
        return f"{self.context.paths.iteration(self.iteration).name}/{folder.name}"

    def _initial(self) -> Iterator[LabelJob]:
        """Frames of the initial data, whose labels say that both are of one reference."""
        params, machines = self.params, self.context.machines
        if not data_trial.is_held(params):
            return
        stage = data_trial.prepare(params, machines, self.root, self.held)
        if (self.held / data_check.RESULT).exists():
            return
        stored = data_trial.frames_to_hold(params, self.root)
        for task, one in zip(stage.tasks, stored, strict=True):
            own = data_trial.params_of(one, params, self.root)
            if one.frames.periodic == by_hand.has_cell(own):
                yield LabelJob(f"initial/{task.name}", task, one.frames, one)

    def labeller_of(self, job: LabelJob) -> Labeller:
        """What reads the outputs of a job."""
        if job.stored is None:
            return self.labellers(job.task.folder)
        return data_trial.labeller_for(
            data_trial.params_of(job.stored, self.params, self.root),
            self.context.machines,
            self.root,
            self.held,
        )

    def frames(self) -> dict[str, WantedFrame]:
        """The frames by name, those that have a label in an extended XYZ file, too."""
        run = self.context.paths
        done = {
            name for job in self.jobs if has_finished(job.task.folder) for name in job.frames.names
        }
        found = {}
        for folder in label_frames.frame_folders(run, self.iteration):
            if folder.name not in done:
                dump = label_frames.chosen_frame(self.context, self.iteration, folder)
                of = self.params.labels_of(label_frames.system_of(folder))
                periodic = by_hand.has_cell(of)
                own = Frames(dump.coords, dump.cells, dump.types - 1, (folder.name,), periodic)
                found[self._name(folder)] = WantedFrame(folder, own)
        for job in self.initial:
            found[job.name] = WantedFrame(job.task.folder, job.frames, job.stored)
        return found

    def missing(self) -> list[Path]:
        """The folders of the frames that have no label."""
        unfinished = {
            name
            for task, frames in label.jobs(self.context, self.iteration)
            if not has_finished(task.folder)
            for name in frames.names
        }
        place = self.context.paths.label(self.iteration)
        return [place / name for name in sorted(unfinished)]


def _open(root: Path) -> tuple[RunContext, int, tuple[str, str]]:
    paths = RunPaths(root)
    state = states.of_run(paths)
    files = (state.params, state.machine)
    params = load_params(root / state.params, root)
    machines = load_machines(root / state.machine, root)
    again = shell_hints.command("run", root, *files)
    if not params.labels_by_hand:
        raise InputError(
            f"{params.source.name}: labels_by_hand",
            "is not true: this run has its frames labelled by its jobs",
            f'write "labels_by_hand": true, and give {again}, which then waits for labels',
        )
    if state.finished or state.step is not Step.RUN_LABEL:
        where = state.finished or f"iteration {state.iteration}, {state.step.words} is next"
        remedy = "" if state.finished else f"go on with: {again}"
        raise InputError(str(root), f"no frames wait for labels: {where}", remedy)
    if has_jobs(paths.label(state.iteration)):
        raise InputError(
            str(paths.label(state.iteration)),
            "jobs that label these frames may be alive",
            f"end them with: {shell_hints.alone('cancel', root)}",
        )
    return RunContext(params, machines, paths), state.iteration, files


def export(root: Path, folder: Path) -> Told:
    """Write the frames that wait for labels into a folder of their own.

    Parameters
    ----------
    root : Path
        The run's folder, absolute.
    folder : Path
        Made; it is not there, or empty.

    Returns
    -------
    Told
        What is there and what to do with it.

    Raises
    ------
    InputError
        If the run does not wait for labels, or the folder has something in it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(str(folder), "is there already", "name a folder that is not")
    states.of_run(RunPaths(root))  # before the lock: nothing is written where there is no run
    with locked(RunPaths(root)), run_log(RunPaths(root), lambda line: None):
        waiting = WaitingRun(root)
        missing = {path.name for path in waiting.missing()}
        frames = {
            name: one.frames
            for name, one in waiting.frames().items()
            if one.stored is not None or one.folder.name in missing
        }
        wanted = [job for job in waiting.jobs if not has_finished(job.task.folder)]
        jobs = wanted + waiting.initial
        made = folder.with_name(f".{folder.name}.new")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        by_hand.write_frames(made / FRAMES, frames, waiting.params.type_map)
        for job in jobs:
            _copy_inputs(job, made / job.name, waiting)
        write_text(made / SCRIPT, _script(jobs))
        write_text(made / README, _readme(waiting, frames))
        if folder.exists():
            folder.rmdir()
        made.rename(folder)
        initial = len(waiting.initial)
        n = len(frames) - initial
        log.info("labels export: %d frames to %s", n, folder)
    more = f" and {initial} of the initial data, to compare with" if initial else ""
    lines = [
        f"wrote {n} frames of iteration {waiting.iteration}{more} to {folder}: {FRAMES}, or "
        f"inputs of {waiting.params.fp_style} that {SCRIPT} runs (see {README} there)",
        f"take the labels in with: {shell_hints.labels('import', root, folder)}",
    ]
    place = {"folder": str(folder), "iteration": waiting.iteration}
    return Told(lines, {**place, "frames": list(frames), "initial": initial})


def _copy_inputs(job: LabelJob, folder: Path, waiting: WaitingRun) -> None:
    """The inputs of a job, with what links name."""
    folder.mkdir(parents=True)
    (task,) = with_user_files([job.task], waiting.context.machines.fp, waiting.root)
    for pattern in task.forward:
        for file in sorted(task.folder.glob(pattern)):
            copy(file, folder / file.relative_to(task.folder))


def copy(file: Path, to: Path) -> None:
    """Copy a file or a folder, what links name in their place."""
    to.parent.mkdir(parents=True, exist_ok=True)
    if file.is_dir():
        shutil.copytree(file, to, dirs_exist_ok=True)
    else:
        shutil.copy(file, to)


def _script(jobs: Sequence[LabelJob]) -> str:
    lines = [
        "#!/bin/bash",
        "# Labels each folder that is not labelled yet, with the command of the machine file.",
        'cd "$(dirname "$0")" || exit',
    ]
    for job in jobs:
        name = shlex.quote(job.name)
        lines += [
            f"[ -e {name}/.labelled ] || ( cd {name} && {{ {job.task.command}",
            f"}} && touch .labelled ) || echo {name}: failed",
        ]
    return "\n".join(lines) + "\n"


def _readme(waiting: WaitingRun, frames: Mapping[str, Frames]) -> str:
    pins = reference_pins(waiting.params, waiting.context.machines, waiting.root)
    method = "\n".join(f"{name} = {value}" for name, value in pins.items())
    compare = (
        "Frames whose name begins with `initial` have a label already, which theirs are held "
        "against: other units, signs or methods are found so.\n\n"
        if waiting.initial
        else ""
    )
    return f"""\
# {len(frames)} frames to label

Energy, forces and, if the method has it, the virial or stress of each frame as it stands: nothing
is relaxed. Either

- run the inputs, a folder for each job: `bash {SCRIPT}`, or as your queue wants it, and send this
  folder back with the outputs in their places; or
- calculate the frames of `{FRAMES}` with any program, and send back an extended XYZ file with
  `energy` (eV; with an electronic smearing `free_energy`), `forces` (eV/Angstrom) and `virial` (eV)
  or `stress` (eV/Angstrom^3, ASE's sign), as ASE writes it. Keep `{by_hand.NAME}` in the second
  line, positions and cell.

A part of the labels is fine; what is missing can follow. {compare}The method:

```
{method}
```
"""
