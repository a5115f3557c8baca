"""The labeller without an engine: what it sends, and which results it refuses."""

import numpy as np
import pytest

from tests.support.waters import water_box
from wtemlp.config.keys.labels import ForceField
from wtemlp.core.errors import CalculationError
from wtemlp.core.units import KCAL_MOL_IN_EV
from wtemlp.md.dump import iter_dump
from wtemlp.reference.base import Frames
from wtemlp.reference.lammps_ff import LABELS_DUMP, LABELS_ENERGY, LammpsForceField

LENGTH = 8.0
LABELLER = LammpsForceField(ForceField(cutoff_A=5.0), ("O", "H"))


def some_frames(n=4):
    types, coords, molecules = water_box(2, LENGTH)
    rng = np.random.default_rng(5)
    moved = coords + rng.normal(scale=0.02, size=(n, *coords.shape))
    frames = Frames(moved, np.tile(np.eye(3) * LENGTH, (n, 1, 1)), types, tuple("abcdefgh"[:n]))
    return frames, molecules


def fake_job(folder, frames, force=1.0, skip=(), shift=0.0):
    """What LAMMPS would leave, with energies -1, -2, ... kcal/mol and constant forces."""
    rows, dump = [], []
    for file in sorted(folder.glob("group.*.dump")):
        for frame in iter_dump(file):
            if frame.step in skip:
                continue
            rows.append(f"{frame.step} {-1.0 - frame.step} 1 2 3 0 0 0")
            low, high = 0.0, np.diag(frame.cell)
            dump.append(f"ITEM: TIMESTEP\n{frame.step}\nITEM: NUMBER OF ATOMS\n{len(frame.types)}")
            dump.append("ITEM: BOX BOUNDS pp pp pp")
            dump += [f"{low} {edge:.17g}" for edge in high]
            dump.append("ITEM: ATOMS id type x y z fx fy fz")
            wrapped = frame.coords % high + shift
            dump += [
                f"{i + 1} {t} {x:.17g} {y:.17g} {z:.17g} {force} 0 0"
                for i, (t, (x, y, z)) in enumerate(zip(frame.types, wrapped, strict=True))
            ]
    (folder / LABELS_ENERGY).write_text("\n" + "\n".join(rows) + "\n")
    (folder / LABELS_DUMP).write_text("\n".join(dump) + "\n")


def test_all_frames_of_one_cell_go_into_one_process(tmp_path):
    frames, _ = some_frames()
    task = LABELLER.prepare(tmp_path / "batch", frames, "lmp")
    assert task.command == "lmp -in in.lammps"
    assert task.forward == ("in.lammps", "group.000.data", "group.000.dump")
    assert all((task.folder / name).is_file() for name in task.forward)
    script = (task.folder / "in.lammps").read_text()
    assert script.count("rerun") == 1
    assert "plumed" not in script and "external" not in script


def test_cells_are_kept_apart(tmp_path):
    frames, _ = some_frames()
    frames.cells[2] *= 1.01
    task = LABELLER.prepare(tmp_path / "batch", frames, "lmp")
    assert [frame.step for frame in iter_dump(task.folder / "group.000.dump")] == [0, 1, 3]
    assert [frame.step for frame in iter_dump(task.folder / "group.001.dump")] == [2]


def test_labels_are_in_electronvolts(tmp_path):
    frames, _ = some_frames()
    LABELLER.prepare(tmp_path, frames, "lmp")
    fake_job(tmp_path, frames)
    labels = LABELLER.collect(tmp_path, frames)
    assert labels.ok.all() and labels.reasons == ("",) * 4
    assert labels.energies == pytest.approx(-KCAL_MOL_IN_EV * np.arange(1, 5))
    assert labels.forces[:, :, 0] == pytest.approx(KCAL_MOL_IN_EV)
    volume = LENGTH**3 / 68568.415 * KCAL_MOL_IN_EV
    assert labels.virials[0] == pytest.approx(volume * np.diag([1.0, 2.0, 3.0]))


def test_turned_cells_are_labelled_in_their_own_orientation(tmp_path):
    frames, _ = some_frames()
    turn = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    turned = Frames(frames.coords @ turn, frames.cells @ turn, frames.types, frames.names)
    LABELLER.prepare(tmp_path, turned, "lmp")
    fake_job(tmp_path, turned)
    labels = LABELLER.collect(tmp_path, turned)
    assert labels.ok.all()
    assert labels.forces[0, 0] == pytest.approx(KCAL_MOL_IN_EV * np.array([0.0, 1.0, 0.0]))
    assert np.diag(labels.virials[0]) / labels.virials[0, 1, 1] == pytest.approx([2.0, 1.0, 3.0])


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        ({"skip": (1,)}, "LAMMPS ended before this frame"),
        ({"shift": 1e-5}, "positions differ"),
        ({"force": 1e5}, "a force of 4336 eV/Angstrom: above 100"),
        ({"force": "nan"}, "not a finite number"),
    ],
)
def test_a_label_that_cannot_be_trusted_is_refused(tmp_path, job, reason):
    frames, _ = some_frames()
    LABELLER.prepare(tmp_path, frames, "lmp")
    fake_job(tmp_path, frames, **job)
    labels = LABELLER.collect(tmp_path, frames)
    assert not labels.ok[1]
    assert reason in labels.reasons[1]
    assert np.isnan(labels.energies[1]) and np.isnan(labels.forces[1]).all()


def test_a_frame_that_is_not_water_is_not_sent_and_harms_no_other(tmp_path):
    frames, molecules = some_frames()
    frames.coords[1, molecules[0, 1]] += 1.5
    frames.coords[2, 0] = np.inf
    LABELLER.prepare(tmp_path, frames, "lmp")
    assert [frame.step for frame in iter_dump(tmp_path / "group.000.dump")] == [0, 3]
    fake_job(tmp_path, frames)
    labels = LABELLER.collect(tmp_path, frames)
    assert labels.ok.tolist() == [True, False, False, True]
    assert "not water" in labels.reasons[1] and "finite" in labels.reasons[2]


def test_no_frame_is_water(tmp_path):
    frames, _ = some_frames(1)
    frames.coords[:] = np.nan
    task = LABELLER.prepare(tmp_path, frames, "lmp")
    assert task.forward == ("in.lammps",)
    assert not LABELLER.collect(tmp_path, frames).ok.any()


def test_damaged_labels_are_the_jobs_failure(tmp_path):
    frames, _ = some_frames()
    LABELLER.prepare(tmp_path, frames, "lmp")
    fake_job(tmp_path, frames)
    text = (tmp_path / LABELS_DUMP).read_text()
    (tmp_path / LABELS_DUMP).write_text(text[:-30])
    with pytest.raises(CalculationError, match="cannot be read"):
        LABELLER.collect(tmp_path, frames)


def test_shapes_must_fit():
    with pytest.raises(ValueError, match="do not fit"):
        Frames(np.zeros((2, 3, 3)), np.zeros((1, 3, 3)), np.zeros(3, dtype=int), ("a", "b"))
