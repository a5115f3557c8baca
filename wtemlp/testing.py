"""Tests for labellers, selectors and explorers, those of other packages too.

Call them from a test of your own::

    from wtemlp.testing import check_labeller

    def test_my_labeller(tmp_path):
        check_labeller(MyLabeller({}, ["O", "H"]), frames, tmp_path, command="python")

Each raises ``AssertionError`` with what does not hold.
"""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from wtemlp.analysis.frames import Decision, FrameTable
from wtemlp.dispatch.tasks import StageTasks, Task, TaskResult
from wtemlp.md.dump import DumpFrame
from wtemlp.reference.base import Frames, Labeller, Labels
from wtemlp.stages.context import RunContext
from wtemlp.stages.protocols import Explorer, Selector
from wtemlp.stages.select import frame_texts

SHIFT_A = 1e-3  #: Angstrom, of an atom for a finite difference
STRAIN = 1e-4  #: of the cell
FORCE_TOLERANCE = 1e-3  #: relative to the largest force
WALL_S = 600.0  #: for a task


def run_task(task: Task) -> None:
    """Run a task in its folder, as the dispatcher would.

    Raises
    ------
    AssertionError
        If it fails, or leaves a declared result out.
    """
    done = subprocess.run(
        ["bash", "-c", task.command], cwd=task.folder, capture_output=True, timeout=WALL_S
    )
    logs = [task.folder / name for name in task.logs]
    said = "".join(log.read_text(errors="replace")[-2000:] for log in logs if log.is_file())
    assert done.returncode == 0, f"the task failed ({done.returncode}): {said}"
    for name in task.forward:
        assert list(task.folder.glob(name)), f"input {name} was not written"


def check_labeller(
    labeller: Labeller,
    frames: Frames,
    folder: Path,
    command: str,
    *,
    run: Callable[[Task], None] = run_task,
    tolerance: float = FORCE_TOLERANCE,
    images: bool = True,
) -> Labels:
    """Check that a labeller's forces and virials are those of its energies, frame by frame.

    Forces must be the negative slope of the energy in eV/Angstrom, atom by atom and in the order
    that was sent; the virial, where there is one (not NaN), the slope of the energy under strain,
    in eV; the
    energy that of the frame alone, whichever others are labelled with it; and a frame with a
    position that is not a number must not get a label, but a reason.

    Parameters
    ----------
    labeller : Labeller
        One that labels many frames in a job.
    frames : Frames
        Frames that it can label, all of them; two or more.
    folder : Path
        An empty folder.
    command : str
        As in the machine file.
    run : callable, optional
        Runs a task; by default here, in a shell.
    tolerance : float, optional
        Of forces and virials, relative to the largest.
    images : bool, optional
        Whether to check that an atom moved by a cell vector has the same label; false for methods
        of molecules in vacuum.

    Returns
    -------
    Labels
        Of the frames.
    """
    assert len(frames) >= 2, "give two frames or more"

    def label(some: Frames, name: str) -> Labels:
        work = folder / name
        run(labeller.prepare(work, some, command))
        return labeller.collect(work, some)

    found = label(frames, "all")
    n_atoms = len(frames.types)
    assert found.ok.all(), f"frames without a label: {[r for r in found.reasons if r]}"
    assert found.energies.shape == (len(frames),), f"energies have shape {found.energies.shape}"
    assert found.forces.shape == (len(frames), n_atoms, 3), f"forces: {found.forces.shape}"
    again = label(pick(frames, [1, 0]), "exchanged")
    _close(again.energies[::-1], found.energies[:2], 1e-6, "an energy depends on the other frames")
    _check_forces(label, frames, found, tolerance)
    if found.virials is not None and not np.isnan(found.virials).all():
        _check_virial(label, frames, found, tolerance)
    if images:
        coords = np.array(frames.coords[:1])
        coords[0, 0] += frames.cells[0, 0]
        moved = label(replace(pick(frames, [0]), coords=coords), "image")
        _close(moved.energies, found.energies[:1], 1e-5, "the energy changes with a cell vector")
    coords = np.array(frames.coords[:1])
    coords[0, 1, 0] = np.nan
    bad = label(replace(pick(frames, [0]), coords=coords), "bad")
    assert not bad.ok.any() and bad.reasons[0], "a position that is not a number gets a label"
    return found


def _check_forces(
    label: Callable[[Frames, str], Labels], frames: Frames, found: Labels, tolerance: float
) -> None:
    """Forces on the first, the last and one more atom of the first frame, by differences."""
    n_atoms = len(frames.types)
    places = [(a, x) for a in sorted({0, n_atoms // 2, n_atoms - 1}) for x in range(3)]
    coords = np.repeat(frames.coords[:1], 2 * len(places), axis=0)
    for k, (atom, axis) in enumerate(places):
        coords[2 * k, atom, axis] += SHIFT_A
        coords[2 * k + 1, atom, axis] -= SHIFT_A
    energies = label(_like(frames, coords), "moved").energies
    slopes = -(energies[0::2] - energies[1::2]) / (2 * SHIFT_A)
    forces = np.array([found.forces[0][place] for place in places])
    allowed = tolerance * max(float(np.abs(found.forces[0]).max()), 0.1)
    worst = int(np.nanargmax(np.abs(slopes - forces)))
    assert np.isfinite(slopes).all(), "a frame with an atom moved a little has no label"
    assert np.abs(slopes - forces).max() <= allowed, (
        f"the force on atom {places[worst][0]} along {'xyz'[places[worst][1]]} is "
        f"{forces[worst]:.6g} eV/Angstrom, the slope of the energy gives {slopes[worst]:.6g}"
    )


def _check_virial(
    label: Callable[[Frames, str], Labels], frames: Frames, found: Labels, tolerance: float
) -> None:
    """The virial of the first frame, by straining its cell with all in it."""
    assert found.virials is not None
    places = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]
    coords, cells = [], []
    for row, column in places:
        for sign in (1, -1):
            strain = np.eye(3)
            strain[row, column] += sign * STRAIN / (1 if row == column else 2)
            if row != column:
                strain[column, row] += sign * STRAIN / 2
            coords.append(frames.coords[0] @ strain)
            cells.append(frames.cells[0] @ strain)
    strained = _like(frames, np.array(coords), np.array(cells))
    energies = label(strained, "strained").energies
    slopes = -(energies[0::2] - energies[1::2]) / (2 * STRAIN)
    virial = found.virials[0]
    given = np.array([(virial[place] + virial[place[::-1]]) / 2 for place in places])
    allowed = tolerance * max(float(np.abs(virial).max()), 1.0)
    worst = int(np.nanargmax(np.abs(slopes - given)))
    assert np.isfinite(slopes).all(), "a frame with a cell strained a little has no label"
    assert np.abs(slopes - given).max() <= allowed, (
        f"the virial along {['xyz'[i] for i in places[worst]]} is {given[worst]:.6g} eV, the slope "
        f"of the energy under strain gives {slopes[worst]:.6g}"
    )


def check_selector(selector: Selector, frames: FrameTable, n: int = 5) -> None:
    """Check that a selector chooses from what is eligible, and the same from the same seed.

    Parameters
    ----------
    selector : Selector
    frames : FrameTable
        Frames of one system, some of each decision.
    n : int, optional
        How many are chosen at most.
    """
    before = {field.name: np.array(getattr(frames, field.name)) for field in fields(frames)}
    eligible = selector.eligible(frames)
    assert eligible.shape == (len(frames),) and eligible.dtype == bool, "eligible is no mask"
    pool = frames.where(np.flatnonzero(eligible & (frames.decision != Decision.FAILED)))
    for most in (0, min(n, len(pool)), len(pool) + n):
        first, second = (
            selector.pick(pool, most, np.random.default_rng(seed), _read(pool)) for seed in (7, 7)
        )
        assert np.array_equal(first, second), "the same seed gives another choice"
        assert len(first) <= most, f"{len(first)} frames are chosen, {most} are allowed"
        assert len(set(first.tolist())) == len(first), "a frame is chosen twice"
        assert all(0 <= row < len(pool) for row in first.tolist()), "a row is out of range"
    empty = pool.where(np.empty(0, dtype=int))
    none = selector.pick(empty, n, np.random.default_rng(7), _read(empty))
    assert len(none) == 0, "frames are chosen where there are none"
    for name, values in before.items():
        same = np.array_equal(values, getattr(frames, name), equal_nan=values.dtype.kind == "f")
        assert same, f"the frames' {name} is changed"


def check_explorer(
    explorer: Explorer,
    make_context: Callable[[Path], RunContext],
    folder: Path,
    *,
    run: Callable[[Task], None] = run_task,
) -> FrameTable:
    """Check that an explorer leaves frames that can be chosen from, the same from the same seed.

    Parameters
    ----------
    explorer : Explorer
    make_context : callable
        Makes a run whose iteration 0 has models, in a folder that does not exist yet.
    folder : Path
        An empty folder.
    run : callable, optional
        Runs a task; by default here, in a shell.

    Returns
    -------
    FrameTable
        The frames.
    """

    def submit(stage: StageTasks, allowed: int = 0) -> list[TaskResult]:
        for task in stage.tasks:
            run(task)
        return []

    tables = []
    for name in ("first", "second"):
        context = make_context(folder / name)
        explorer.prepare(context, 0, [])
        assert explorer.changed(context, 0) == "", "what was just prepared has changed"
        explorer.run(context, 0, submit)
        table, walkers = explorer.collect(context, 0)
        assert table is not None and len(table), "no frame was explored"
        names = {context.paths.explore_task(0, *at).name for at in _tasks(table)}
        assert names <= {walker.name for walker in walkers}, "a walker has no summary"
        tables.append(table)
    _check_frames(tables[0], context)
    for field in ("system", "task", "step", "max_devi_f", "energy_eV", "bias_eV"):
        first, second = (np.asarray(getattr(table, field)) for table in tables)
        same = first.shape == second.shape and np.array_equal(first, second, equal_nan=True)
        assert same, f"the same seed gives another {field}"
    return tables[0]


def _check_frames(table: FrameTable, context: RunContext) -> None:
    known = table.max_devi_f[np.isfinite(table.max_devi_f)]
    assert (known >= 0).all(), "a deviation is negative"
    for system, task in _tasks(table):
        steps = table.step[(table.system == system) & (table.task == task)]
        assert (np.diff(steps) > 0).all(), f"the steps of walker {system}.{task} do not grow"
    nvt = table.phase == 0
    assert not np.nan_to_num(table.bias_eV[nvt]).any(), "an unbiased frame has a bias"
    rows = np.linspace(0, len(table) - 1, min(5, len(table))).astype(int)
    texts = frame_texts(context.paths, 0, table, rows)
    assert all(texts[int(row)].startswith(b"ITEM: TIMESTEP") for row in rows), "no LAMMPS dump"


def _tasks(table: FrameTable) -> set[tuple[int, int]]:
    return set(zip(table.system.tolist(), table.task.tolist(), strict=True))


def pick(frames: Frames, places: Sequence[int]) -> Frames:
    """Some of several frames, in the order of `places`."""
    index = np.asarray(places, dtype=int)
    names = tuple(frames.names[place] for place in places)
    return replace(frames, coords=frames.coords[index], cells=frames.cells[index], names=names)


def _like(frames: Frames, coords: np.ndarray, cells: np.ndarray | None = None) -> Frames:
    """Frames of the same atoms."""
    n = len(coords)
    cells = np.repeat(frames.cells[:1], n, axis=0) if cells is None else cells
    return replace(frames, coords=coords, cells=cells, names=tuple(f"f{k}" for k in range(n)))


def _read(table: FrameTable) -> Callable[[Sequence[int]], list[DumpFrame]]:
    """Frames of two atoms, as if they were stored."""

    def read(rows: Sequence[int]) -> list[DumpFrame]:
        return [
            DumpFrame(
                step=int(table.step[row]),
                cell=10 * np.eye(3),
                types=np.array([1, 1]),
                coords=np.array([[0.0, 0.0, 0.0], [1.0 + 0.1 * row, 0.0, 0.0]]),
                forces=None,
            )
            for row in rows
        ]

    return read


def _close(found: np.ndarray, expected: np.ndarray, tolerance: float, what: str) -> None:
    worst = float(np.abs(found - expected).max())
    assert worst <= tolerance, f"{what}: {worst:.3g} eV apart"
