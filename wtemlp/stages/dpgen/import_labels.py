"""Frames that ``dpgen run`` has chosen and labelled, as wtemlp's own: with where they are from.

Which frames DP-GEN took is in the links of its ``02.fp`` tasks, what it decided on the others in
its lists (``candidate.shuffled.SSS.out`` and the like).  A label is known again by its positions:
DP-GEN's data do not say which frame is which.
"""

import re
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wtemlp.analysis.frames import Decision, FrameTable, load_frames, save_frames
from wtemlp.config.records import Criteria
from wtemlp.core import paths
from wtemlp.core.atomic_io import temporary
from wtemlp.dispatch.script import declared
from wtemlp.dispatch.task_status import note_finished
from wtemlp.md.dump import Dump, read_dump, write_dump
from wtemlp.md.topology import minimum_image
from wtemlp.records.labels import LabelOutcome, write_frame_record, write_outcomes
from wtemlp.reference.dpgen_style import POSITION_TOLERANCE_A
from wtemlp.stages import label, label_frames, select
from wtemlp.stages.classification import sort_frames
from wtemlp.stages.context import RunContext
from wtemlp.stages.dpgen import import_walkers

Place = tuple[int, int, int]  #: system, exploration task, step
_FRAME_OF = re.compile(r"task\.(\d+)\.(\d+)/traj/(\d+)\.lammpstrj$")
_TASK_OF = re.compile(r"task\.(\d+)\.(\d+)/job\.json$")
UNKNOWN_STEP = -1  #: of a frame that DP-GEN has not left a link to


def adopt(context: RunContext, iteration: int) -> str:
    """Write the table of an iteration's frames, and beside each chosen one where it is from.

    The exploration must have been adopted.  Can be repeated.

    Returns
    -------
    str
        Why it cannot be done; "" if it has been.
    """
    folder = context.paths.label(iteration)
    if not folder.is_dir():
        return f"{folder} is not there"
    tasks = _tasks(folder)
    if _is_known(context, iteration, tasks):
        return ""
    try:
        table, _ = import_walkers.everything(context, iteration)
        for task in tasks:
            _write_frame(context, task)
    except (OSError, ValueError, IndexError) as error:
        return f"{folder}: the frames cannot be read ({error})"
    places = {task: _place(task, folder) for task in tasks}
    for place in places.values():
        if len(_rows(table, place)) == 0:
            table = import_walkers.with_unknown(table, *place)
    table = table.where(np.lexsort((table.step, table.task, table.system)))
    table = _decided(context.params.criteria[iteration], folder, table)
    for task, place in places.items():
        row = int(_rows(table, place)[0])
        table.decision[row] = int(Decision.SELECTED)
        source = select.frame_folder(context.paths, iteration, table, row)
        write_frame_record(task, label_frames.provenance(context, source, table, row))
    save_frames(context.paths.explored(iteration), table)
    return ""


def _tasks(folder: Path) -> list[Path]:
    return sorted(task for task in folder.glob("task.*.*") if task.is_dir())


def _is_known(context: RunContext, iteration: int, tasks: Sequence[Path]) -> bool:
    """Whether wtemlp itself has chosen these frames."""
    if not context.paths.explored(iteration).exists():
        return False
    if not all((task / paths.FRAME).exists() for task in tasks):
        return False
    return len(label_frames.frame_folders(context.paths, iteration)) == len(tasks)


def _rows(table: FrameTable, place: Place) -> np.ndarray:
    system, task, step = place
    return np.flatnonzero((table.system == system) & (table.task == task) & (table.step == step))


def _place(task: Path, folder: Path) -> Place:
    """Where a chosen frame is from: what its links say, else DP-GEN's list of candidates.

    The links need not lead to anything any more.
    """
    system, number = (int(part) for part in task.name.split(".")[1:])
    for name in (paths.DPGEN_DUMP, paths.JOB):
        link = task / name
        target = str(link.readlink()) if link.is_symlink() else ""
        if found := _FRAME_OF.search(target):
            return (int(found[1]), int(found[2]), int(found[3]))
        if found := _TASK_OF.search(target):
            return (int(found[1]), int(found[2]), _listed_step(folder, system, number, found[2]))
    return (system, 0, UNKNOWN_STEP)


def _listed_step(folder: Path, system: int, number: int, task: str) -> int:
    """The step of a frame whose link tells its exploration task only.

    DP-GEN takes the first of its shuffled candidates, and numbers those in their order.
    """
    listed = _listed(folder, "candidate", system)
    count = len([one for one in _tasks(folder) if int(one.name.split(".")[1]) == system])
    taken = sorted(listed[:count])
    if number < len(taken) and taken[number][1] == int(task):
        return taken[number][2]
    return UNKNOWN_STEP


def _listed(folder: Path, name: str, system: int) -> list[Place]:
    """The frames in one of DP-GEN's lists; lines that are damaged are left out."""
    file = folder / f"{name}.shuffled.{system:03d}.out"
    if not file.exists():
        return []
    found = []
    for line in file.read_text(errors="replace").splitlines():
        match = re.fullmatch(r"\S*task\.(\d+)\.(\d+)\s+(\d+)(?:\s+\d+)?", line.strip())
        if match:
            found.append((int(match[1]), int(match[2]), int(match[3])))
    return found


def _decided(criteria: Criteria, folder: Path, table: FrameTable) -> FrameTable:
    """The decisions of DP-GEN's lists; by the trust levels where it has not written them."""
    decision = np.array(table.decision)
    position = {
        place: row
        for row, place in enumerate(
            zip(table.system.tolist(), table.task.tolist(), table.step.tolist(), strict=True)
        )
    }
    for system in np.unique(table.system).tolist():
        rows = table.system == system
        decision[rows] = sort_frames(criteria, system, table.where(rows))
        for name, kind in select.LISTS.items():
            for place in _listed(folder, name, system):
                if place in position:
                    decision[position[place]] = int(kind)
    return FrameTable(**{**vars(table), "decision": decision, "verdict": decision.copy()})


def _write_frame(context: RunContext, task: Path) -> None:
    """Keep a chosen frame in its folder: the trajectory that DP-GEN links to may be removed."""
    import dpdata  # takes a second

    kept, linked = task / paths.FRAME_DUMP, task / paths.DPGEN_DUMP
    if kept.exists():
        return
    new = temporary(kept)
    if linked.exists() and linked.read_text(errors="replace").startswith("ITEM: TIMESTEP"):
        shutil.copyfile(linked, new)
    else:
        frame = dpdata.System(
            str(task / paths.POSCAR), fmt="vasp/poscar", type_map=list(context.params.type_map)
        )
        write_dump(new, np.array([0]), frame["cells"], frame["atom_types"] + 1, frame["coords"])
    new.replace(kept)


def missing_input(context: RunContext, iteration: int) -> Path | None:
    """A file that a labelling task is to be run with, and that is not there."""
    tasks, _ = label.tasks(context, iteration)
    inputs = (task.folder / name for task in tasks for name in task.forward)
    return next((file for file in inputs if not any(file.parent.glob(file.name))), None)


def note_results(context: RunContext, iteration: int) -> None:
    """Have the tasks that ``dpgen run`` has done count as done: others are run again, if any."""
    tasks, _ = label.tasks(context, iteration)
    for task in tasks:
        if all((task.folder / name).exists() for name in declared(task)):
            note_finished(task.folder, "dpgen")


def adopt_outcomes(context: RunContext, iteration: int) -> int:
    """Write ``labels.json`` of an iteration that ``dpgen run`` has done; its labelled frames.

    The frames must have been adopted.
    """
    folder, outcomes, total = context.paths.label(iteration), [], 0
    systems = [int(data.name.split(".")[1]) for data in sorted(folder.glob("data.[0-9]*"))]
    data = {system: _labelled(context, iteration, system) for system in systems}
    total = sum(len(one) for one in data.values())
    for task in label_frames.frame_folders(context.paths, iteration):
        frame = read_dump(task / paths.FRAME_DUMP)
        of_system = data.get(int(task.name.split(".")[1]))
        energy = of_system.take(frame) if of_system is not None else None
        elements = [context.params.type_map[kind - 1] for kind in frame.types]
        outcomes.append(
            LabelOutcome(
                frame=task.name,
                labelled=energy is not None,
                reason="" if energy is not None else "dpgen run has no label of it",
                origin=label_frames.frame_record(context, iteration, task),
                label_eV=energy,
                atoms={name: elements.count(name) for name in sorted(set(elements))},
                notes=(),
            )
        )
    write_outcomes(folder, outcomes)
    return total


class _Labelled:
    """The labelled frames of a system, found by their positions; each can be taken once.

    Parameters
    ----------
    frames : sequence of (ndarray, ndarray, ndarray, float)
        Types (from 0), positions, cell and energy of each; atoms sorted by type.
    """

    def __init__(self, frames: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray, float]]) -> None:
        from scipy.spatial import cKDTree  # SciPy takes its time

        self.frames, self.taken = frames, np.zeros(len(frames), dtype=bool)
        alike: dict[bytes, list[int]] = defaultdict(list)
        for index, (types, *_) in enumerate(frames):
            alike[types.tobytes()].append(index)
        #: those of the same atoms, by where the first atom is in the cell
        self.alike = {
            types: (
                np.array(members),
                cKDTree([_first(*frames[k][1:3]) for k in members], boxsize=1.0),
            )
            for types, members in alike.items()
        }

    def __len__(self) -> int:
        return len(self.frames)

    def take(self, frame: Dump) -> float | None:
        """The energy of a frame, which is then no longer there; None if it is not there."""
        order = np.argsort(frame.types, kind="stable")
        types, coords = (frame.types[order] - 1).astype(int), frame.coords[0][order]
        if types.tobytes() not in self.alike:
            return None
        members, tree = self.alike[types.tobytes()]
        reach = 2 * POSITION_TOLERANCE_A * np.linalg.norm(np.linalg.inv(frame.cells[0]))
        near = tree.query_ball_point(_first(coords, frame.cells[0]), reach)
        for index in np.sort(members[near]):
            shift = minimum_image((self.frames[index][1] - coords)[None], frame.cells)
            if not self.taken[index] and np.abs(shift).max() < POSITION_TOLERANCE_A:
                self.taken[index] = True
                energy: float = self.frames[index][3]
                return energy
        return None


def _first(coords: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Where the first atom is in the cell: fractions from 0 to below 1."""
    return np.asarray(coords[0] @ np.linalg.inv(cell) % 1.0 % 1.0)  # -1e-20 % 1 is 1


def _labelled(context: RunContext, iteration: int, system: int) -> _Labelled:
    """The labelled frames of a system."""
    import dpdata

    found = []
    for file in sorted(context.paths.label_data(iteration, system).rglob("type.raw")):
        data = dpdata.LabeledSystem(
            str(file.parent), fmt="deepmd/npy", type_map=list(context.params.type_map)
        )
        order = np.argsort(data["atom_types"], kind="stable")
        found += [
            (data["atom_types"][order].astype(int), coords[order], cell, float(energy))
            for coords, cell, energy in zip(
                data["coords"], data["cells"], data["energies"], strict=True
            )
        ]
    return _Labelled(found)


def counts(context: RunContext, iteration: int) -> dict[str, int]:
    """Frames by decision, for the iteration's summary."""
    table = load_frames(context.paths.explored(iteration))
    return {
        "explored": len(table),
        "accurate": table.count(Decision.ACCURATE),
        "candidate": table.count(Decision.CANDIDATE, Decision.SELECTED),
        "failed": table.count(Decision.FAILED),
        "selected": table.count(Decision.SELECTED),
    }
