"""Labelling: the chosen frames in, labelled frames or failures with a reason out."""

import json
import shutil
from collections import defaultdict
from pathlib import Path

import dpdata
import numpy as np

from wtemlp import paths
from wtemlp.analysis.frames import Decision, FrameTable, load_frames
from wtemlp.dispatch.marks import forget_finished, has_finished
from wtemlp.dispatch.tasks import Task
from wtemlp.errors import CalculationError
from wtemlp.files import write_json
from wtemlp.md.dump import Dump, read_dump
from wtemlp.paths import RunPaths
from wtemlp.reference.base import Frames, Labeller, Labels, without_labels
from wtemlp.reference.dataset import Dataset, Origin, accepted, labelled_system
from wtemlp.reference.lammps_ff import LammpsForceField
from wtemlp.stages import select
from wtemlp.stages.context import RunContext

FRAME = "frame.json"  #: provenance of a frame, in its task folder


def _labeller(context: RunContext) -> Labeller:
    """The reference method of ``fp_style``; a new one is another line here."""
    params = context.params
    if params.fp_style != "lammps" or params.force_field is None:
        raise CalculationError(f"fp_style {params.fp_style} has no labeller")
    return LammpsForceField(params.force_field, params.type_map)


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
    for system, rows in _selected(table).items():
        for number, row in enumerate(rows):
            _prepare_frame(context, iteration, table, row, (system, number))


def frame_folders(run: RunPaths, iteration: int) -> list[Path]:
    """The folders of the frames that were chosen, one each."""
    chosen = _selected(load_frames(run.explored(iteration)))
    return [
        run.label_task(iteration, system, number)
        for system, rows in chosen.items()
        for number in range(len(rows))
    ]


def _selected(table: FrameTable) -> dict[int, np.ndarray]:
    """The chosen rows of each system that has some, in the table's order."""
    chosen = table.decision == Decision.SELECTED
    return {
        int(system): np.flatnonzero(chosen & (table.system == system))
        for system in np.unique(table.system[chosen])
    }


def _prepare_frame(
    context: RunContext, iteration: int, table: FrameTable, row: int, place: tuple[int, int]
) -> None:
    folder = context.paths.label_task(iteration, *place)
    folder.mkdir()
    source = select.frame_folder(context.paths, iteration, table, row)
    step = int(table.step[row])
    shutil.copyfile(
        context.paths.root / source / paths.TRAJ / f"{step}.lammpstrj", folder / paths.FRAME_DUMP
    )
    write_json(
        folder / FRAME,
        {
            "task": str(source),
            "step": step,
            "phase": int(table.phase[row]),
            "walker": int(table.walker[row]),
            "biasfactor": _finite(table.biasfactor[row]),
            "temperature_K": _finite(table.temperature_K[row]),
            "energy_eV": _finite(table.energy_eV[row]),
            "bias_eV": _finite(table.bias_eV[row]),
            "max_devi_f": _finite(table.max_devi_f[row]),
        },
    )


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _batches(context: RunContext, iteration: int) -> dict[Path, Frames]:
    """Frames with the same atoms, and the folder in which one process labels them."""
    found: dict[Path, Frames] = {}
    table = load_frames(context.paths.explored(iteration))
    for system, rows in _selected(table).items():
        alike: dict[bytes, list[tuple[str, Dump]]] = {}
        for number in range(len(rows)):
            folder = context.paths.label_task(iteration, system, number)
            dump = read_dump(folder / paths.FRAME_DUMP)
            alike.setdefault(dump.types.tobytes(), []).append((folder.name, dump))
        for number, members in enumerate(alike.values()):
            name = f"batch.{system:03d}.{number:03d}"
            found[context.paths.label(iteration) / name] = Frames(
                coords=np.concatenate([dump.coords for _, dump in members]),
                cells=np.concatenate([dump.cells for _, dump in members]),
                types=members[0][1].types - 1,
                names=tuple(name for name, _ in members),
            )
    return found


def tasks(context: RunContext, iteration: int) -> tuple[list[Task], list[str]]:
    """The labelling tasks: one for each composition in a system that has chosen frames."""
    labeller = _labeller(context)
    command = context.machines.fp.command
    return [
        labeller.prepare(folder, frames, command)
        for folder, frames in _batches(context, iteration).items()
    ], []


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
    labeller = _labeller(context)
    broken: dict[str, Path] = {}  # frames whose calculation failed, and its job's folder
    reasons, outcomes = {}, []
    kept: dict[int, list[Dataset]] = defaultdict(list)
    for folder, frames in _batches(context, iteration).items():
        labels = _labels(labeller, folder, frames)
        failed = np.flatnonzero(~labels.ok & ~labels.refused)
        broken |= {frames.names[index]: folder for index in failed}
        origins = []
        elements = [context.params.type_map[kind] for kind in frames.types]
        atoms = {name: elements.count(name) for name in sorted(set(elements))}
        for name, ok, reason, energy in zip(
            frames.names, labels.ok, labels.reasons, labels.energies, strict=True
        ):
            made = json.loads((folder.parent / name / FRAME).read_text())
            origins.append(Origin(made["biasfactor"], made["step"]))
            outcomes.append(
                {
                    "frame": name, "labelled": bool(ok), "reason": reason, **made,
                    "label_eV": float(energy) if ok else None, "atoms": atoms,
                }
            )
            if not ok:
                reasons[name] = reason
        system = int(folder.name.split(".")[1])
        kept[system].append(accepted(frames, labels, origins, context.params.type_map))
    for system, datasets in kept.items():
        _write_data(context, iteration, system, datasets)
    labelled = sum(len(dataset) for datasets in kept.values() for dataset in datasets)
    outcomes.sort(key=lambda outcome: outcome["frame"])
    write_json(context.paths.label(iteration) / paths.LABELS, outcomes)
    total = labelled + len(reasons)
    if len(broken) > context.params.ratio_failed * total:
        for folder in broken.values():
            forget_finished(folder)
        name = next(iter(broken))
        raise CalculationError(
            f"{context.paths.label(iteration)}: the reference method failed for {len(broken)} of "
            f"{total} frames, more than ratio_failed = {context.params.ratio_failed} allows; "
            f"{name}: {reasons[name]}"
        )
    return labelled, reasons


def _labels(labeller: Labeller, folder: Path, frames: Frames) -> Labels:
    try:
        return labeller.collect(folder, frames)
    except CalculationError as error:
        if has_finished(folder):
            raise
        return without_labels(frames, str(error))  # a job that failed may leave half a file


def _write_data(
    context: RunContext, iteration: int, system: int, datasets: list[Dataset]
) -> None:
    """Write the accepted labels of a system to ``data.SSS``; what is there is made anew."""
    folder = context.paths.label_data(iteration, system)
    if folder.exists():
        shutil.rmtree(folder)
    found = [labelled_system(dataset) for dataset in datasets if len(dataset)]
    if found:
        systems = dpdata.MultiSystems(*found, type_map=list(context.params.type_map))
        systems.to_deepmd_raw(str(folder))
        systems.to_deepmd_npy(str(folder), set_size=max(map(len, datasets)))
