"""Labelling: the chosen frames in, labelled frames or failures with a reason out."""

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from wtemlp.analysis.frames import FrameTable, load_frames
from wtemlp.core import paths
from wtemlp.core.atomic_io import read_json, reading, replacing, write_json
from wtemlp.core.errors import CalculationError, DamagedFile
from wtemlp.core.paths import FRAME_DUMP, RunPaths
from wtemlp.dispatch.failures import meaningful, read_tail
from wtemlp.dispatch.task_status import forget_finished, has_finished
from wtemlp.dispatch.tasks import StageTasks, Task, TaskResult, failure_of
from wtemlp.md.dump import Dump, read_dump
from wtemlp.records.labels import (
    LabelOutcome,
    read_outcomes,
    write_frame_record,
    write_outcomes,
)
from wtemlp.records.state import Step
from wtemlp.reference import by_hand
from wtemlp.reference.base import Frames, Labeller, Labels, no_labels
from wtemlp.reference.dataset import (
    Dataset,
    Origin,
    accepted,
    by_virial,
    labelled_system,
    write_systems,
)
from wtemlp.reference.styles import labeller_of
from wtemlp.stages import labels_by_hand, select
from wtemlp.stages.context import RunContext, links_in
from wtemlp.stages.label_frames import (
    CHOOSE_AGAIN,
    are_of,
    chosen_frame,
    frame_folders,
    frame_record,
    outcomes,
    places,
    provenance,
    selected_rows,
    system_of,
)
from wtemlp.stages.protocols import Submit


def labellers(context: RunContext, iteration: int) -> Callable[[Path | None], Labeller]:
    """What labels in the folder of a frame or batch: ``fp_style`` with its system's settings."""
    made: dict[int | None, Labeller] = {}

    def found(folder: Path | None) -> Labeller:
        system = _own(context, folder)
        params = context.params if system is None else context.params.by_system[system]
        if system not in made:
            made[system] = labeller_of(params, context.machines, context.paths.root, iteration)
        return made[system]

    return found


def _own(context: RunContext, folder: Path | None) -> int | None:
    """The system of a folder, if it has settings of its own."""
    system = None if folder is None else system_of(folder)
    return system if system in context.params.by_system else None


def prepare(context: RunContext, iteration: int, table: FrameTable) -> None:
    """Make the folders of the frames to label.  What is there is made anew.

    Parameters
    ----------
    table : FrameTable
        The explored frames with their decisions.
    """
    folder = context.paths.label(iteration)
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    select.record(context, iteration, table)
    for system, rows in selected_rows(table).items():
        texts = select.frame_texts(context.paths, iteration, table, rows)
        for number, row in enumerate(rows):
            _prepare_frame(context, iteration, table, row, (system, number), texts[int(row)])
    alike: dict[int | None, list[Path]] = defaultdict(list)
    for frame in frame_folders(context.paths, iteration):
        alike[_own(context, frame)].append(frame)
    of = labellers(context, iteration)
    for frames in alike.values():
        of(frames[0]).write_inputs(frames, context.seed("label", iteration))


def _prepare_frame(
    context: RunContext,
    iteration: int,
    table: FrameTable,
    row: int,
    place: tuple[int, int],
    dump: bytes,
) -> None:
    folder = context.paths.label_task(iteration, *place)
    folder.mkdir()
    source = select.frame_folder(context.paths, iteration, table, row)
    kept = folder / paths.FRAME_DUMP
    with replacing(kept) as file:
        file.write(dump)
    with reading(
        kept,
        f"so is the frame of step {int(table.step[row])} of {source}; move its "
        "01.model_devi away: the same command explores again",
    ):
        read_dump(kept)
    # DP-GEN's links: its tools ask their names where a frame is from, also one out of one file.
    job = context.paths.root / source / paths.JOB
    stored = job.parent / paths.TRAJ / f"{int(table.step[row])}.lammpstrj"
    known = stored.exists() or (job.parent / paths.ALL_FRAMES).exists()
    origin = os.path.relpath(stored, folder) if known else paths.FRAME_DUMP
    (folder / paths.DPGEN_DUMP).symlink_to(origin)
    (folder / paths.JOB).symlink_to(os.path.relpath(job, folder))
    write_frame_record(folder, provenance(context, source, table, row))


def _batches(context: RunContext, iteration: int, together: bool) -> dict[Path, Frames]:
    """The frames of each job, by its folder: those with the same atoms, or each in its own.

    A frame whose label came back by hand stands in its own folder, too, and is no job.
    """
    found: dict[Path, Frames] = {}
    table = load_frames(context.paths.explored(iteration))
    for system, rows in selected_rows(table).items():
        alike: dict[bytes, list[tuple[str, Dump]]] = {}
        for folder in places(context.paths, iteration, system, len(rows)):
            dump = chosen_frame(context, iteration, folder)
            batch = alike.setdefault(dump.types.tobytes(), [])  # numbered whatever came back
            if together and not by_hand.has_label(folder):
                batch.append((folder.name, dump))
            else:
                found[folder] = _alone(context, folder, dump)
        for number, members in enumerate(alike.values()):
            if not members:
                continue
            name = f"batch.{system:03d}.{number:03d}"
            found[context.paths.label(iteration) / name] = Frames(
                coords=np.concatenate([dump.coords for _, dump in members]),
                cells=np.concatenate([dump.cells for _, dump in members]),
                types=members[0][1].types - 1,
                names=tuple(name for name, _ in members),
            )
    return found


def _alone(context: RunContext, folder: Path, dump: Dump) -> Frames:
    """A chosen frame, as it is labelled by hand or in a job of its own."""
    params = context.params.labels_of(system_of(folder))
    periodic = by_hand.has_cell(params) or not by_hand.has_label(folder)
    return Frames(dump.coords, dump.cells, dump.types - 1, (folder.name,), periodic)


def jobs(context: RunContext, iteration: int) -> list[tuple[Task, Frames]]:
    """The jobs that label the frames which have no label by hand, with their frames."""
    of, command = labellers(context, iteration), context.machines.fp.command
    return [
        (of(folder).prepare(folder, frames, command), frames)
        for folder, frames in _batches(context, iteration, of(None).together).items()
        if not by_hand.has_label(folder)
    ]


def tasks(context: RunContext, iteration: int) -> tuple[list[Task], list[str]]:
    """The labelling tasks: one for each composition in a system, or one for each frame."""
    return [task for task, _ in jobs(context, iteration)], []


def take_by_hand(context: RunContext, iteration: int) -> list[str]:
    """Take the outputs that a user has put into the folders of frames, before they are labelled.

    Returns
    -------
    list of str
        What is done with them, a line each.

    Raises
    ------
    CalculationError
        If one is no label of its frame, after the calculation there has failed; it stays.
    """
    return labels_by_hand.take(
        labellers(context, iteration),
        jobs(context, iteration),
        "it still waits" if context.params.labels_by_hand else "it is calculated",
    )


def may_fail(context: RunContext, iteration: int) -> bool:
    """Whether a job that fails costs its own frame only, so that ``ratio_failed`` decides."""
    return not labellers(context, iteration)(None).together


def note_failures(context: RunContext, iteration: int, results: Sequence[TaskResult]) -> None:
    """Keep what the failed jobs said; :func:`collect` reads it."""
    file = context.paths.label(iteration) / paths.FAILED_JOBS
    said = {result.name: result.message for result in results if not result.ok}
    if said:
        write_json(file, said)
    else:
        file.unlink(missing_ok=True)


def collect(context: RunContext, iteration: int) -> tuple[int, dict[str, str]]:
    """Read the labels and write the labelled frames as DeePMD data.

    Returns
    -------
    int, dict[str, str]
        Number of labelled frames, and the reason of each frame that has no label.

    Raises
    ------
    CalculationError
        If the reference method failed for more than ``ratio_failed`` of the frames.  Frames that
        it refused, because nobody should learn from them, do not count.  The jobs that hold
        failed frames are then no longer finished: they can be run again.
    """
    of, said = labellers(context, iteration), _failed_jobs(context, iteration)
    together = of(None).together
    broken: dict[str, Path] = {}  # frames whose calculation failed, and its job's folder
    found: list[LabelOutcome] = []
    kept: dict[int, list[Dataset]] = defaultdict(list)
    for folder, frames in _batches(context, iteration, together).items():
        if by_hand.has_label(folder):
            labels = by_hand.read(folder, frames, context.params.type_map)
        elif folder.name in said and not together:
            labels = no_labels(frames, [said[folder.name].splitlines()[0]] * len(frames))
        else:
            labels = labels_by_hand.labels_of_user(_labels(of(folder), folder, frames), folder)
        failed = np.flatnonzero(~labels.ok & ~labels.refused)
        broken |= {frames.names[index]: folder for index in failed}
        made = [frame_record(context, iteration, folder.parent / name) for name in frames.names]
        found += outcomes(context, frames, labels, made)
        origins = [Origin(_number(frame.biasfactor), frame.step) for frame in made]
        kept[system_of(folder)].append(accepted(frames, labels, origins, context.params.type_map))
    for system, datasets in kept.items():
        parts = [labelled_system(part) for dataset in datasets for part in by_virial(dataset)]
        write_systems(context.paths.label_data(iteration, system), parts, context.params.type_map)
    labelled = sum(len(dataset) for datasets in kept.values() for dataset in datasets)
    found.sort(key=lambda outcome: outcome.frame)
    write_outcomes(context.paths.label(iteration), found)
    reasons = {one.frame: one.reason for one in found if not one.labelled}
    _judge(context, iteration, broken, reasons, said, labelled + len(reasons))
    return labelled, reasons


def remarks(context: RunContext, iteration: int) -> list[str]:
    """What a user should know of the labels that :func:`collect` has read, a line each."""
    with reading(context.paths.label(iteration) / paths.LABELS, CHOOSE_AGAIN):
        outcomes = read_outcomes(context.paths.label(iteration))
    labelled = [outcome for outcome in outcomes if outcome.labelled]
    found: dict[str, list[str]] = defaultdict(list)
    for outcome in labelled:
        for note in dict.fromkeys(outcome.notes or ()):
            found[note].append(outcome.frame)
    return [
        f"{len(names)} of {len(labelled)} labels ({names[0]}{', ...' * (len(names) > 1)}): {note}"
        for note, names in found.items()
    ]


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _labels(labeller: Labeller, folder: Path, frames: Frames) -> Labels:
    try:
        return labeller.collect(folder, frames)
    except CalculationError as error:
        if has_finished(folder):
            forget_finished(folder)  # calculated again by the same command
            raise
        # A job that failed may leave half a file.
        return no_labels(frames, [str(error)] * len(frames))


def _failed_jobs(context: RunContext, iteration: int) -> dict[str, str]:
    """What the failed jobs said, by the names of their folders."""
    file = context.paths.label(iteration) / paths.FAILED_JOBS
    try:
        return dict(read_json(file, "")) if file.exists() else {}
    except DamagedFile:
        return {}  # the jobs' own logs say the same


def _judge(
    context: RunContext,
    iteration: int,
    broken: dict[str, Path],
    reasons: dict[str, str],
    said: dict[str, str],
    total: int,
) -> None:
    """End the run if too many calculations failed; they are then to be done again."""
    if len(broken) <= context.params.ratio_failed * total:
        return
    labels_by_hand.note_left(context.paths.label(iteration), set(broken.values()))
    for folder in broken.values():
        forget_finished(folder)
    name, folder = next(iter(broken.items()))
    advice = ""
    if may_fail(context, iteration):
        advice = (
            "\n  the inputs are made once: edit them in the folders of these frames; what you "
            "change in the parameter file counts from the next iteration on"
        )
    raise CalculationError(
        f"{context.paths.label(iteration)}: the reference method failed for {len(broken)} of "
        f"{total} frames, more than ratio_failed = {context.params.ratio_failed} allows; "
        f"{name}: {said.get(folder.name) or reasons[name] + _last_words(folder)}{advice}"
    )


def _last_words(folder: Path) -> str:
    """The last lines of a finished engine's log, each on a line of its own."""
    logs = [folder / name for name in ("fp.log", "output") if (folder / name).is_file()]
    lines = [(log.name, line.strip()) for log in logs for line in meaningful(read_tail(log))]
    return "".join(f"\n  {name}: {line}" for name, line in lines)


class FrameLabelling:
    """Labels whole frames: the selector chooses them, the labeller of ``fp_style`` labels them.

    Parameters
    ----------
    collect_frames : callable
        Reads the frames of an iteration's exploration.
    """

    def __init__(self, collect_frames: Callable[[RunContext, int], FrameTable]) -> None:
        self.collect_frames = collect_frames

    def choose(self, context: RunContext, iteration: int) -> FrameTable:
        """Decide on every frame and prepare the labelling of the chosen ones."""
        decided = select.decide(context, iteration, self.collect_frames(context, iteration))
        prepare(context, iteration, decided)
        return decided

    def choose_again(self, context: RunContext, iteration: int) -> FrameTable | None:
        """Decide again on the frames, whose table is lost; the same ones must be chosen."""
        table = select.decide(context, iteration, self.collect_frames(context, iteration))
        if not are_of(context, iteration, table):
            raise CalculationError("the frames that were chosen are others")
        return table

    def by_hand(self, context: RunContext, iteration: int) -> list[str]:
        """Take the outputs that a user has put into the folders of frames."""
        return take_by_hand(context, iteration)

    def remarks(self, context: RunContext, iteration: int) -> list[str]:
        """What a user should know of the labels."""
        return remarks(context, iteration)

    def run(self, context: RunContext, iteration: int, submit: Submit) -> list[TaskResult]:
        """Label them with the reference method.

        Raises
        ------
        LabelsAreMissing
            If they are made by hand, and not all have come back.
        """
        given = jobs(context, iteration)
        if context.params.labels_by_hand:
            labels_by_hand.require_all(context.paths, iteration, given)
        stage = StageTasks([task for task, _ in given], context.paths.label(iteration))
        failed = submit(stage, allowed=len(given))
        note_failures(context, iteration, failed)
        if not failed or may_fail(context, iteration):
            return []
        try:
            collect(context, iteration)  # counts the frames without a label
        except CalculationError as error:
            raise failure_of(stage.folder, failed, len(given)) from error
        return failed

    def collect(self, context: RunContext, iteration: int) -> tuple[int, dict[str, str]]:
        """Read the labels."""
        return collect(context, iteration)

    def needed(self, paths: RunPaths, iteration: int, step: Step) -> list[Path]:
        """The chosen frames, and what the inputs of their labels are linked to."""
        explored = paths.explored(iteration)
        if not explored.exists():
            return [explored]
        frames = frame_folders(paths, iteration)
        inputs = [frame / FRAME_DUMP for frame in frames]
        return inputs + (links_in(*frames) if step is Step.RUN_LABEL else [])
