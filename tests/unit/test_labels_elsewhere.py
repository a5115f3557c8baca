"""Frames that are labelled elsewhere: out and back as extended XYZ, and what counts as a label."""

import json

import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator

from tests.support.label_inputs import prepared
from tests.support.waters import water_box
from wtemlp.core import paths
from wtemlp.core.errors import InputError
from wtemlp.preflight.agreement import energy_unit, force_unit
from wtemlp.reference import by_hand
from wtemlp.reference.base import Frames
from wtemlp.stages import label, label_frames
from wtemlp.workflow import labels, labels_import

TYPE_MAP = ("O", "H")
CELL = np.array([[6.4, 0, 0], [0.3, 6.4, 0], [0.2, 0.1, 6.4]])


def frame(periodic=True, cell=CELL):
    types, coords, _ = water_box(2, 6.4, seed=1)
    return Frames(coords[None], cell[None], types, ("a",), periodic)


def sent(tmp_path, one):
    """The frame as ASE reads what was sent."""
    by_hand.write_frames(tmp_path / "sent.extxyz", {"iter.000000/a": one}, TYPE_MAP)
    return ase.io.read(tmp_path / "sent.extxyz")


def label_numbers(n):
    rng = np.random.default_rng(3)
    return -20.0 * n, rng.normal(size=(n, 3)), rng.normal(size=6)


def back(tmp_path, atoms, order=None, stress=None, **changes):
    """What comes back of labelled atoms, as ASE writes it."""
    energy, forces, _ = label_numbers(len(atoms))
    results = {"energy": energy, "forces": forces, **changes}
    if stress is not None:
        results["stress"] = stress
    if order is not None:
        atoms, results["forces"] = atoms[order], results["forces"][order]
    atoms.calc = SinglePointCalculator(atoms, **results)
    ase.io.write(tmp_path / "back.extxyz", atoms)
    (found,) = by_hand.returned(tmp_path / "back.extxyz")
    return found


@pytest.mark.parametrize("periodic", [True, False])
def test_a_label_comes_back_as_ase_writes_it(tmp_path, periodic):
    one = frame(periodic, CELL if periodic else 4 * CELL)
    atoms = sent(tmp_path, one)
    assert atoms.pbc.all() == periodic and len(atoms) == len(one.types)
    energy, forces, stress = label_numbers(len(atoms))
    found = back(tmp_path, atoms, stress=stress if periodic else None)
    assert found.name == "iter.000000/a" and found.is_labelled
    got = found.label(one, TYPE_MAP)
    assert got.ok.all(), got.reasons
    assert got.energies == pytest.approx([energy])
    assert got.frames.periodic == periodic
    np.testing.assert_allclose(got.forces[0], forces, atol=1e-7)
    if periodic:
        # ASE's stress has the other sign; in eV, not by volume.
        volume = abs(np.linalg.det(CELL))
        assert got.virials[0][0, 0] == pytest.approx(-volume * stress[0])
        np.testing.assert_array_equal(got.frames.coords, one.coords)
        np.testing.assert_array_equal(got.frames.cells, one.cells)


def test_atoms_in_another_order_are_mapped_by_their_positions(tmp_path):
    one = frame()
    atoms = sent(tmp_path, one)
    order = np.random.default_rng(0).permutation(len(atoms))
    got = back(tmp_path, atoms, order).label(one, TYPE_MAP)
    assert got.ok.all(), got.reasons
    assert by_hand.REORDERED in got.notes[0]
    np.testing.assert_array_equal(got.frames.types, one.types)
    np.testing.assert_allclose(got.forces[0], label_numbers(len(atoms))[1], atol=1e-7)


def test_what_is_no_label_of_the_frame_is_refused(tmp_path):
    one = frame()
    atoms = sent(tmp_path, one)

    def reason(atoms, **changes):
        got = back(tmp_path, atoms, **changes).label(one, TYPE_MAP)
        assert not got.ok[0] and not got.refused[0]
        return got.reasons[0]

    moved = atoms.copy()
    moved.positions[3, 0] += 0.02
    assert "differ by 0.02 Angstrom" in reason(moved)
    stretched = atoms.copy()
    stretched.set_cell(1.01 * atoms.cell[:], scale_atoms=False)
    assert "cell differ by" in reason(stretched)
    other = atoms.copy()
    other.symbols[0] = "N"
    assert "atoms are not those" in reason(other)
    alone = atoms.copy()
    alone.pbc, alone.cell = False, None
    assert "no cell" in reason(alone)
    forces = label_numbers(len(atoms))[1]
    forces[0, 0] = np.nan
    assert "not a finite number" in reason(atoms, forces=forces)
    text = back(tmp_path, atoms).text
    bare = by_hand.Returned(text.replace(":forces:R:3", ":momenta:R:3"), "x")
    assert "there is no forces:R:3" in bare.label(one, TYPE_MAP).reasons[0]
    cut = by_hand.Returned("\n".join(text.split("\n")[:-1]), "x")
    assert "cannot be read" in cut.label(one, TYPE_MAP).reasons[0]
    large = back(tmp_path, atoms, forces=1000.0 * label_numbers(len(atoms))[1])
    assert large.label(one, TYPE_MAP).refused[0]  # a label, and nothing to learn from


@pytest.mark.parametrize(
    ("text", "why"),
    [("no number\n", "line 1 is no number of atoms"), ("3\nhead\nO 0 0 0\n", "ends within")],
)
def test_a_file_that_is_no_extended_xyz_is_told(tmp_path, text, why):
    (tmp_path / "x.xyz").write_text(text)
    with pytest.raises(ValueError, match=why):
        list(by_hand.returned(tmp_path / "x.xyz"))


FORCE_FIELD = {"fp_params": {"force_field": "tip3p-flexible", "cutoff_A": 3.0}}


@pytest.mark.parametrize("style", ["vasp", "lammps"])
def test_labels_by_hand_and_by_jobs_go_together(tmp_path, style):
    """A frame with a label of its own is in no job, whatever the style; the others stay."""
    context = prepared(tmp_path, style, FORCE_FIELD if style == "lammps" else None)
    first, second, third = label_frames.frame_folders(context.paths, 0)
    by_hand.write_frames(
        tmp_path / "sent.extxyz",
        {f.name: own for f, own in zip((first, second), alone(context)[:2], strict=True)},
        TYPE_MAP,
    )
    (tmp_path / "back.extxyz").write_text("")
    for folder, atoms in zip(
        (first, second), ase.io.read(tmp_path / "sent.extxyz", ":"), strict=True
    ):
        by_hand.keep(folder, back(tmp_path, atoms), "by me")
    jobs = label.jobs(context, 0)
    assert [len(frames) for _, frames in jobs] == [1]
    assert jobs[0][1].names == (third.name,)
    by_hand.leave_out(third, "no label came back")
    assert label.jobs(context, 0) == []
    assert label.collect(context, 0) == (2, {third.name: "no label came back"})
    rows = json.loads((context.paths.label(0) / paths.LABELS).read_text())
    assert [row["labelled"] for row in rows] == [True, True, False]
    assert rows[0]["notes"][0] == "made by hand: back.extxyz, by me"
    by_hand.forget(third)
    assert [len(frames) for _, frames in label.jobs(context, 0)] == [1]


def alone(context):
    found = []
    for folder in label_frames.frame_folders(context.paths, 0):
        dump = label_frames.chosen_frame(context, 0, folder)
        found.append(Frames(dump.coords, dump.cells, dump.types - 1, (folder.name,)))
    return found


def test_energies_in_another_unit_are_known_by_the_models():
    models = [-468.4, -470.1, -466.0]
    assert energy_unit([x / 27.2114 for x in models], models) == "Hartree"
    assert energy_unit([23.06 * x for x in models], models) == "kcal/mol"
    assert energy_unit([1.02 * x for x in models], models) == ""
    assert energy_unit([x / 27.2114 for x in models[:1]], models[:1]) == ""
    assert energy_unit([models[0] / 27.2114, *models[1:]], models) == ""


def test_forces_in_another_unit_are_known_by_the_size_of_the_datas():
    data = [0.7, 0.4, 0.001]
    factors = {"kcal/mol/Angstrom": 23.06, "kJ/mol/nm": 964.9, "Hartree/Bohr": 1 / 51.42}
    for unit, factor in factors.items():
        assert force_unit([0.6 * factor, 0.5 * factor], data) == unit
        assert force_unit([0.6 * factor], data) == "" == force_unit([0.6 * factor] * 2, [])
    assert force_unit([1.4, 1.6, 90.0], data) == ""
    # A crystal almost at rest, whose melt is labelled; and a gas of argon.
    assert force_unit([1.5, 1.6], [0.05]) == "" == force_unit([0.02, 0.03], [0.03])


@pytest.mark.parametrize("what", [labels.export, labels_import.take])
def test_where_there_is_no_run_nothing_is_written(tmp_path, what):
    with pytest.raises(InputError, match="there is no run here"):
        what(tmp_path, tmp_path / "frames")
    assert list(tmp_path.iterdir()) == []
