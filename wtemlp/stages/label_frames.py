"""The frames of a labelling: their folders, records and positions, made again where damaged."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wtemlp.analysis.frames import Decision, FrameTable, load_frames
from wtemlp.config.data.neighbour_limits import SelFrame, beyond_sel
from wtemlp.config.data.report import SEL_ATOMS
from wtemlp.config.schema.section import Section
from wtemlp.core import paths
from wtemlp.core.atomic_io import damaged, read_json, reading, replacing
from wtemlp.core.errors import CalculationError, DamagedFile
from wtemlp.core.formatting import finite
from wtemlp.core.paths import RunPaths
from wtemlp.md.dump import Dump, read_dump
from wtemlp.records.labels import FrameRecord, LabelOutcome, write_frame_record
from wtemlp.reference.base import Frames, Labels
from wtemlp.stages import select
from wtemlp.stages.context import RunContext

log = logging.getLogger("wtemlp.stages")  # whose warnings are said
#: What to do about damaged files of a labelling.
CHOOSE_AGAIN = "put it back, or move its 02.fp away: the same command chooses frames again"


def frame_folders(run: RunPaths, iteration: int) -> list[Path]:
    """The folders of the frames that were chosen, one each."""
    chosen = selected_rows(load_frames(run.explored(iteration)))
    return [
        folder
        for system, rows in chosen.items()
        for folder in places(run, iteration, system, len(rows))
    ]


def system_of(folder: Path) -> int:
    """The system of the frames in a folder, an index in ``sys_configs``."""
    return int(folder.name.split(".")[1])


def places(run: RunPaths, iteration: int, system: int, count: int) -> list[Path]:
    """The folders of a system's chosen frames, in the order of the table.

    They are numbered from 0, but for those of ``dpgen run``, which leaves the numbers of frames
    with a bad box out.
    """
    found = sorted(run.label(iteration).glob(f"task.{system:03d}.??????"))
    if len(found) == count:
        return found
    return [run.label_task(iteration, system, number) for number in range(count)]


def selected_rows(table: FrameTable) -> dict[int, np.ndarray]:
    """The chosen rows of each system that has some, in the table's order."""
    chosen = table.decision == Decision.SELECTED
    return {
        int(system): np.flatnonzero(chosen & (table.system == system))
        for system in np.unique(table.system[chosen])
    }


def provenance(context: RunContext, source: Path, table: FrameTable, row: int) -> FrameRecord:
    """Where a frame is from.

    Parameters
    ----------
    context : RunContext
    source : Path
        The exploration task that it is from, relative to the run's folder.
    table : FrameTable
    row : int
    """
    return FrameRecord(
        task=str(source),
        step=int(table.step[row]),
        phase=int(table.phase[row]),
        walker=int(table.walker[row]),
        biasfactor=finite(float(table.biasfactor[row])),
        temperature_K=finite(float(table.temperature_K[row])),
        energy_eV=finite(float(table.energy_eV[row])),
        bias_eV=finite(float(table.bias_eV[row])),
        max_devi_f=finite(float(table.max_devi_f[row])),
        verdict=Decision(table.verdict[row]).name.lower(),
        selection=context.params.selection.method,
    )


def frame_record(context: RunContext, iteration: int, folder: Path) -> FrameRecord:
    """Where a chosen frame is from; a damaged record is made again from the table of frames."""
    file = folder / paths.FRAME
    try:
        return FrameRecord.from_json(read_json(file, ""))
    except (DamagedFile, FileNotFoundError) as error:
        log.warning("%s is damaged or missing: it is made again (%s)", file, error)
    table, row = _row_of(context, iteration, folder)
    source = select.frame_folder(context.paths, iteration, table, row)
    made = provenance(context, source, table, row)
    write_frame_record(folder, made)
    return made


def _row_of(context: RunContext, iteration: int, folder: Path) -> tuple[FrameTable, int]:
    """The table of an iteration's frames, and the row of one that was chosen."""
    table = load_frames(context.paths.explored(iteration))
    system = system_of(folder)
    rows = selected_rows(table)[system]
    return table, int(rows[places(context.paths, iteration, system, len(rows)).index(folder)])


def chosen_frame(context: RunContext, iteration: int, folder: Path) -> Dump:
    """A chosen frame; taken from its trajectory again where it is damaged."""
    file = folder / paths.FRAME_DUMP
    try:
        return read_dump(file)
    except ValueError as error:
        log.warning("%s is damaged: it is taken from its trajectory again", file)
        try:
            table, row = _row_of(context, iteration, folder)
            text = select.frame_texts(context.paths, iteration, table, [row])[row]
        except (FileNotFoundError, CalculationError):
            raise damaged(file, error, CHOOSE_AGAIN) from error
    with replacing(file) as stream:
        stream.write(text)
    with reading(file, f"so is the trajectory that it is from; {CHOOSE_AGAIN}"):
        return read_dump(file)


def are_of(context: RunContext, iteration: int, table: FrameTable) -> bool:
    """Whether the frames that a table has chosen are those in the folders of the labels."""
    for system, rows in selected_rows(table).items():
        folders = places(context.paths, iteration, system, len(rows))
        found = sorted(context.paths.label(iteration).glob(f"task.{system:03d}.??????"))
        if found != folders:
            return False
        for folder, row in zip(folders, rows, strict=True):
            try:
                made = read_json(folder / paths.FRAME, "")
            except (DamagedFile, FileNotFoundError):
                continue
            source = select.frame_folder(context.paths, iteration, table, int(row))
            if (made.get("task"), made.get("step")) != (str(source), int(table.step[row])):
                return False
    return True


def outcomes(
    context: RunContext, frames: Frames, labels: Labels, made: Sequence[FrameRecord]
) -> list[LabelOutcome]:
    """What became of each frame of a job."""
    elements = [context.params.type_map[kind] for kind in frames.types]
    atoms = {name: elements.count(name) for name in sorted(set(elements))}
    notes = labels.notes or [()] * len(frames)
    return [
        LabelOutcome(
            frame=name,
            labelled=bool(labels.ok[k]),
            reason=labels.reasons[k],
            origin=made[k],
            label_eV=float(labels.energies[k]) if labels.ok[k] else None,
            atoms=atoms,
            notes=tuple(notes[k]) if labels.ok[k] else (),
        )
        for k, name in enumerate(frames.names)
    ]


def neighbours_beyond_sel(context: RunContext, iteration: int) -> str:
    """The neighbours in the chosen frames, in words, where they are more than ``sel``; else ""."""
    frames, atoms = [], 0
    if not context.paths.explored(iteration).is_file():  # DP-GEN chooses
        return ""
    for folder in frame_folders(context.paths, iteration):
        if (folder / paths.FRAME_DUMP).is_file() and atoms < SEL_ATOMS:
            dump = chosen_frame(context, iteration, folder)
            frames.append(SelFrame(dump.coords[0], dump.cells[0], dump.types - 1))
            atoms += len(dump.types)
    file = Section(context.params.source.name, context.params.jdata)
    return "; ".join(words for _, words in beyond_sel(file, frames))
