"""What is made of a program's output: the frame that was sent, every stress, no failed label."""

import json
import re

import dpdata
import numpy as np
import pytest

from tests.support import fp_outputs
from tests.support.label_inputs import (
    N_FRAMES,
    STYLES,
    arrays,
    explore,
    loaded,
    prepared,
    write_input,
)
from wtemlp.core import paths
from wtemlp.core.errors import CalculationError
from wtemlp.core.paths import RunPaths
from wtemlp.md.dump import read_dump
from wtemlp.md.topology import minimum_image
from wtemlp.reference import outputs
from wtemlp.stages import label, label_frames
from wtemlp.stages.context import RunContext

STRESSED = ("vasp", "pwscf", "abacus", "cp2k")


def outcomes(context):
    return json.loads((context.paths.label(0) / paths.LABELS).read_text())


def written(context, style, **options):
    """The output of each frame; the folders."""
    folders = label_frames.frame_folders(context.paths, 0)
    for folder in folders:
        fp_outputs.STYLES[style](folder, fp_outputs.sample(folder / paths.POSCAR), **options)
    return folders


def systems(context):
    """The labelled systems of an iteration, by their folders in ``data.000``."""
    data = context.paths.label_data(0, 0)
    return {
        str(file.parent.relative_to(data).parent): dpdata.LabeledSystem(
            str(file.parent), fmt="deepmd/npy"
        )
        for file in sorted(data.rglob("type.raw"))
    }


def output_of(folder, style):
    names = {"vasp": "OUTCAR", "abacus": "OUT.ABACUS/running_scf.log"}
    return folder / names.get(style, "output")


# -- the frame


@pytest.mark.parametrize("style", sorted(STYLES))
def test_a_label_is_of_the_frame_that_was_sent_to_all_digits(tmp_path, style):
    context = prepared(tmp_path, style)
    written(context, style)
    assert label.collect(context, 0)[0] == N_FRAMES
    found = arrays(context.paths.label_data(0, 0))
    for k, folder in enumerate(label_frames.frame_folders(context.paths, 0)):
        dump = read_dump(folder / paths.FRAME_DUMP)
        sent = dump.coords[0][np.argsort(dump.types, kind="stable")]
        order = np.argsort([("O", "H").index(x) for x in found["elements"]], kind="stable")
        coords = found["coord"][k].reshape(-1, 3)[order]
        assert np.abs(minimum_image((coords - sent)[None], dump.cells)).max() < 1e-9
        if not found["nopbc"]:
            np.testing.assert_allclose(found["box"][k].reshape(3, 3), dump.cells[0], atol=1e-12)


@pytest.mark.parametrize("side", [6.12345, 6.12351])
def test_a_cell_that_is_printed_with_three_decimals(tmp_path, side):
    """As CP2K prints it: a bond across the face would be 0.5 mA too long or short."""
    write_input(tmp_path, "cp2k")
    types, cell = np.array([0, 1, 1]), side * np.eye(3)
    coords = np.array([[0.1, 3, 3], [side - 0.7, 3.6, 3], [1.0, 3.2, 3.1]])
    table = explore(tmp_path, types, coords[None], cell)
    context = RunContext(*loaded(tmp_path), RunPaths(tmp_path))
    label.prepare(context, 0, table)
    written(context, "cp2k")
    assert label.collect(context, 0) == (1, {})
    found = arrays(context.paths.label_data(0, 0))
    np.testing.assert_allclose(found["box"][0], cell.ravel(), atol=1e-9)
    at = found["coord"][0].reshape(3, 3)
    bond = minimum_image((at[1] - at[0])[None, None], found["box"].reshape(1, 3, 3))
    assert np.linalg.norm(bond) == pytest.approx(1.0, abs=1e-6)
    virial = np.array(fp_outputs.GPA) / 160.2176634 * side**3
    np.testing.assert_allclose(found["virial"][0].reshape(3, 3), virial, rtol=1e-6)


# -- the stress


@pytest.mark.parametrize("layout", sorted(fp_outputs.LAYOUTS))
@pytest.mark.parametrize(
    ("unit", "scale"), [("GPa", 1.0), ("bar", 1e4), ("kbar", 10.0), ("Pa", 1e9), ("atm", 9869.2327)]
)
def test_the_stress_of_cp2k_in_any_unit_and_layout(tmp_path, layout, unit, scale):
    context = prepared(tmp_path, "cp2k")
    folders = written(context, "cp2k", layout=layout, unit=unit, scale=scale)
    assert label.collect(context, 0) == (N_FRAMES, {})
    found = arrays(context.paths.label_data(0, 0))
    for k, folder in enumerate(folders):
        sample = fp_outputs.sample(folder / paths.POSCAR)
        volume = np.linalg.det(sample.cell)
        expected = np.array(fp_outputs.GPA) / 160.2176634 * volume
        np.testing.assert_allclose(found["virial"][k].reshape(3, 3), expected, rtol=1e-6)
        np.testing.assert_allclose(found["force"][k].reshape(-1, 3), sample.forces, atol=1e-6)
        assert found["energy"][k] == pytest.approx(sample.energy, abs=1e-7)
    assert label.remarks(context, 0) == []


def test_the_older_heading_of_cp2ks_stress(tmp_path):
    context = prepared(tmp_path, "cp2k")
    for folder in written(context, "cp2k", unit="bar", scale=1e4):
        lines = output_of(folder, "cp2k").read_text()
        lines = lines.replace(" STRESS| Analytical stress tensor", " STRESS TENSOR")
        lines = lines.replace(" STRESS|   ", "          ").replace(" 1/3 Trace", "\n")
        output_of(folder, "cp2k").write_text(lines)
    label.collect(context, 0)
    volume = fp_outputs.sample(folder / paths.POSCAR).cell.prod(where=np.eye(3, dtype=bool))
    expected = np.array(fp_outputs.GPA).ravel() / 160.2176634 * volume
    np.testing.assert_allclose(
        arrays(context.paths.label_data(0, 0))["virial"][-1], expected, rtol=1e-6
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[hartree]", "[K_e]", r"its energy is in \[K_e\], which is not known"),
        ("[hartree/bohr]", "[mN]", r"its forces is in \[mN\], which is not known"),
        ("ENERGY|", "ENERGIE|", r"cp2kdata \d.* may not know the layout of CP2K version 2025\.1"),
    ],
)
def test_an_output_that_cannot_be_read_is_told_as_that(tmp_path, old, new, words):
    context = prepared(tmp_path, "cp2k")
    for folder in written(context, "cp2k", layout="2025"):
        file = output_of(folder, "cp2k")
        file.write_text(file.read_text().replace(old, new))
    with pytest.raises(CalculationError, match=f"its output cannot be read .*{words}"):
        label.collect(context, 0)


def test_blank_lines_between_the_forces_of_cp2k(tmp_path):
    context = prepared(tmp_path, "cp2k")
    for folder in written(context, "cp2k", layout="2025"):
        file = output_of(folder, "cp2k")
        text = file.read_text().replace("[hartree/bohr]\n", "[hartree/bohr]\n\n")
        file.write_text(text.replace("|f|\n", "|f|\n\n"))
    assert label.collect(context, 0) == (N_FRAMES, {})
    forces = fp_outputs.sample(folder / paths.POSCAR).forces
    found = arrays(context.paths.label_data(0, 0))["force"][-1]
    np.testing.assert_allclose(found.reshape(-1, 3), forces, atol=1e-6)


def test_the_tables_of_abacus_of_2025(tmp_path):
    """Titles of columns between the heading and the rows, and other words for the SCF's end."""
    context = prepared(tmp_path, "abacus")
    object.__setattr__(context.params, "ratio_failed", 0.5)
    first, second, third = written(context, "abacus", layout="2025")
    log = output_of(second, "abacus")
    log.write_text(log.read_text().replace("0.3000000000", "nan"))
    fp_outputs.abacus(third, fp_outputs.sample(third / paths.POSCAR), False, "2025")
    labelled, reasons = label.collect(context, 0)
    assert labelled == 2 and list(reasons) == [third.name]
    assert "did not converge (SCF IS NOT CONVERGED)" in reasons[third.name]
    found = systems(context)
    assert {name: len(one) for name, one in found.items()} == {".": 1, "no_virial": 1}
    forces = fp_outputs.sample(first / paths.POSCAR).forces
    np.testing.assert_allclose(found["."]["forces"][0], forces, atol=1e-8)
    volume = np.linalg.det(found["."]["cells"][0])
    kbar = np.array(fp_outputs.GPA) * 0.1 / 160.2176634
    np.testing.assert_allclose(found["."]["virials"][0], kbar * volume, rtol=1e-4)


def spoil(folder, style, how):
    """Take the stress away from an output, or make it no number, or stars."""
    file = output_of(folder, style)
    text = file.read_text()
    head = {
        "vasp": "in kB",
        "pwscf": "total   stress",
        "abacus": "TOTAL-STRESS",
        "cp2k": "STRESS| Analytical",
    }[style]
    lines = text.splitlines()
    (at,) = (k for k, line in enumerate(lines) if head in line)
    if how == "missing":
        first, last = (at - 14, at + 1) if style == "vasp" else (at, at + 5)
        del lines[first:last]
    else:
        number = {"nan": "NaN", "stars": "**********"}[how]
        rows = [at] if style == "vasp" else range(at + 1, at + 5)
        for k in rows:
            lines[k] = re.sub(r"-?\d+\.\d+(E[+-]\d+)?(?=\s|$)", number, lines[k])
    file.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("style", STRESSED)
@pytest.mark.parametrize("how", ["missing", "nan", "stars"])
def test_a_frame_without_a_virial_is_a_label_and_the_others_keep_theirs(tmp_path, style, how):
    context = prepared(tmp_path, style)
    _, second, _ = written(context, style)
    spoil(second, style, how)
    assert label.collect(context, 0) == (N_FRAMES, {})
    found = systems(context)
    assert set(found) == {".", "no_virial"}
    has, lacks = found["."], found["no_virial"]
    assert len(has) == N_FRAMES - 1 and np.isfinite(has["virials"]).all()
    assert len(lacks) == 1 and "virials" not in lacks.data
    why = "there is no stress in the output" if how == "missing" else "is not a finite number"
    noted = {frame["frame"]: frame["notes"] for frame in outcomes(context)}
    assert [why in " ".join(notes) for notes in noted.values()] == [False, True, False]
    (line,) = label.remarks(context, 0)
    assert line.startswith("1 of 3 labels (task.000.000001): no virial: ") and why in line


def test_labels_without_any_virial_are_said(tmp_path):
    context = prepared(tmp_path, "vasp")
    for folder in written(context, "vasp"):
        spoil(folder, "vasp", "missing")
    label.collect(context, 0)
    assert set(systems(context)) == {"."}
    (line,) = label.remarks(context, 0)
    assert line.startswith("3 of 3 labels (task.000.000000, ...): no virial: there is no stress")


def test_a_molecule_in_vacuum_lacks_no_virial(tmp_path):
    context = prepared(tmp_path, "gaussian")
    written(context, "gaussian")
    label.collect(context, 0)
    assert label.remarks(context, 0) == []


# -- how the program ended


@pytest.mark.parametrize("style", [*STRESSED, "siesta", "gaussian"])
def test_an_output_that_is_cut_is_no_label_or_the_whole_one(tmp_path, style):
    """Also within a number: a job that was killed, or a disk that was full."""
    context = prepared(tmp_path, style)
    folder = written(context, style)[0]
    file = output_of(folder, style)
    text, jdata = file.read_text(), context.params.jdata
    whole = outputs.read(folder, jdata)[0].data
    for end in np.unique(np.linspace(0, len(text) - 2, 60).astype(int)):
        file.write_text(text[:end])
        cut, why, _ = outputs.read(folder, jdata)
        if cut is None:
            assert why
            continue
        for key in ("energies", "forces", "coords", "cells"):
            np.testing.assert_array_equal(cut.data[key], whole[key], err_msg=text[end - 90 : end])
        if "virials" in cut.data:
            np.testing.assert_array_equal(cut.data["virials"], whole["virials"])


@pytest.mark.parametrize(
    ("style", "old", "new", "words"),
    [
        (
            "gaussian",
            "Normal termination of Gaussian 16",
            "Error termination via Lnk1e in l502.exe",
            "ended with an error (output: Error termination via Lnk1e in l502.exe)",
        ),
        ("gaussian", " Normal termination of Gaussian 16", "", 'no "Normal termination" in output'),
        ("pwscf", "JOB DONE.", "", 'no "JOB DONE" in output'),
        ("pwscf", "JOB DONE.", " Error in routine stress (1):", "Error in routine stress (1):"),
        ("cp2k", "PROGRAM ENDED AT", "", 'no "PROGRAM ENDED AT" in output'),
        ("cp2k", "PROGRAM ENDED AT", " * [ABORT]", "(output: [ABORT])"),
        ("siesta", ">> End of run", "", 'no ">> End of run" in output'),
        ("siesta", ">> End of run", "Stopping Program from Node: 0", "Stopping Program from Node"),
        (
            "vasp",
            " POSITION ",
            " I REFUSE TO CONTINUE WITH THIS SICK JOB\n POSITION ",
            "(OUTCAR: I REFUSE TO CONTINUE",
        ),
    ],
)
def test_a_program_that_ended_with_an_error_has_no_label(tmp_path, style, old, new, words):
    context = prepared(tmp_path, style)
    object.__setattr__(context.params, "ratio_failed", 0.5)
    _, second, _ = written(context, style)
    file = output_of(second, style)
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    labelled, reasons = label.collect(context, 0)
    assert labelled == N_FRAMES - 1
    assert list(reasons) == [second.name] and words in reasons[second.name]


NOT_MET = " >>>>>>>>>> Convergence criterion not met.\n SCF Done:  E(RB3LYP) =  -1.0     A.U.\n"


@pytest.mark.parametrize("last", [True, False])
def test_a_last_scf_of_gaussian_that_did_not_converge_is_no_label(tmp_path, last):
    """With IOp(5/13=1) Gaussian goes on; with XQC another SCF follows."""
    context = prepared(tmp_path, "gaussian")
    object.__setattr__(context.params, "ratio_failed", 0.5)
    _, second, _ = written(context, "gaussian")
    file = output_of(second, "gaussian")
    place = " Center     Atomic                   Forces" if last else " SCF Done:"
    text = file.read_text()
    file.write_text(text.replace(place, NOT_MET + place, 1))
    labelled, reasons = label.collect(context, 0)
    assert labelled == N_FRAMES - last
    if last:
        assert "did not converge (Convergence criterion not met)" in reasons[second.name]


def test_a_vasp_of_6_says_itself_that_it_did_not_converge(tmp_path):
    context = prepared(tmp_path, "vasp")
    object.__setattr__(context.params, "ratio_failed", 0.5)
    _, second, _ = written(context, "vasp")
    with output_of(second, "vasp").open("a") as file:
        file.write(" ------- aborting loop EDIFF was not reached (unconverged)  --------\n")
    assert (
        "did not converge (EDIFF was not reached (unconverged))"
        in label.collect(context, 0)[1][second.name]
    )


def test_a_relaxation_by_pwscf_is_no_label(tmp_path):
    """Its reader would take the first forces and the last energy."""
    context = prepared(tmp_path, "pwscf")
    object.__setattr__(context.params, "ratio_failed", 0.5)
    _, second, _ = written(context, "pwscf")
    file = output_of(second, "pwscf")
    text = file.read_text().replace("JOB DONE.", "")
    file.write_text(
        text + text.replace("total energy              =   -", "total energy   = -9") + "JOB DONE."
    )
    labelled, reasons = label.collect(context, 0)
    assert labelled == N_FRAMES - 1
    assert reasons[second.name].startswith("it has 2 ionic steps, must have one")


# -- energies and forces of one surface, in files of the user's own


@pytest.mark.parametrize(
    ("keys", "energy", "notes"),
    [
        ("energy={e} free_energy={f}", "f", ["the free_energy (force consistent) is taken"]),
        ("free_energy={f} energy={e}", "f", ["the free_energy (force consistent) is taken"]),
        ("energy={e}", "e", []),
        ("free_energy={f}", "f", []),
        (
            'energy={e} virial="1 0 0 0 1 0 0 0 1" stress="2 0 0 0 2 0 0 0 2"',
            "e",
            ["the virial is taken, not the stress"],
        ),
    ],
)
def test_an_extended_xyz_with_two_energies(tmp_path, keys, energy, notes):
    """Which is taken does not depend on their order, and is said."""
    params = {
        "input_fmt": "vasp/poscar",
        "input_fn": "frame.vasp",
        "output_fmt": "extxyz",
        "output_fn": "labelled.xyz",
    }
    write_input(tmp_path, "custom", {"fp_params": params})
    types, coords = np.array([0, 1, 1]), np.array([[1.0, 3, 3], [0.3, 3.6, 3], [1.9, 3.2, 3.1]])
    table = explore(tmp_path, types, coords[None], 6.0 * np.eye(3))
    context = RunContext(*loaded(tmp_path), RunPaths(tmp_path))
    label.prepare(context, 0, table)
    (folder,) = label_frames.frame_folders(context.paths, 0)
    values = {"e": -10.0, "f": -11.0}
    rows = "".join(
        f"{name} {x:.6f} {y:.6f} {z:.6f} 0.1 0.2 0.3\n"
        for name, (x, y, z) in zip("OHH", coords, strict=True)
    )
    head = 'Lattice="6 0 0 0 6 0 0 0 6" Properties=species:S:1:pos:R:3:forces:R:3 pbc="T T T" '
    (folder / "labelled.xyz").write_text(f"3\n{head}{keys.format(**values)}\n{rows}")
    label.collect(context, 0)
    (frame,) = outcomes(context)
    assert frame["label_eV"] == values[energy]
    found = [note for note in frame["notes"] if not note.startswith("no virial")]
    assert len(found) == len(notes)
    assert all(note.startswith(words) for note, words in zip(found, notes, strict=True))


def edited(context, style, old, new):
    """The first frame's label, its output changed."""
    folder = written(context, style)[0]
    output = output_of(folder, style)
    assert re.search(old, output.read_text())
    output.write_text(re.sub(old, new, output.read_text()))
    label.collect(context, 0)
    return outcomes(context)[0], next(iter(systems(context).values()))


def test_the_free_energy_of_siesta_and_the_sign_of_its_stress(tmp_path):
    """Its pressure is minus a third of the trace that it prints."""
    context = prepared(tmp_path, "siesta")
    end = "siesta: FreeEng = -25.125\n\nsiesta: Pressure (static):\n>> End of run"
    first, system = edited(context, "siesta", ">> End of run", end)
    assert system["energies"][0] == pytest.approx(-25.125)
    assert any("FreeEng is taken" in note for note in first["notes"]), first
    volume = np.linalg.det(system["cells"][0])
    assert np.allclose(system["virials"][0], -volume * np.diag([0.01, 0.02, 0.03]))


@pytest.mark.parametrize(
    "line",
    [
        " E2 =    -0.1D+00 EUMP2 =    -0.75D+02",
        " E2(B2PLYP) =    -0.1D+00 E(B2PLYP) =    -0.75D+02",
        " E2 = -0.1D+00 EUMP2 = -0.74D+02\n E3=  -0.1D-01  EUMP3=      -0.75000000000D+02",
        " E2 = -0.1D+00 EUMP2 = -0.74D+02\n E3=  -0.1D-01  EUMP3=      -0.74D+02\n"
        " E4(DQ)=   -0.3D-02        UMP4(DQ)=   -0.74D+02\n"
        " E4(SDQ)=  -0.3D-02        UMP4(SDQ)=  -0.75000000000D+02\n"
        " E(VAR1)=  -0.74D+02     E(CISD,4)=  -0.74D+02",
        " E2 = -0.1D+00 EUMP2 = -0.74D+02\n E4(SDQ)=  -0.3D-02  UMP4(SDQ)=  -0.74D+02\n"
        " DE(Corr)= -0.53354848E-01 E(CORR)=     -74.9     Delta=-3.61D-08\n"
        " Wavefunction amplitudes converged. E(Corr)=     -75.000000000",
        " Total Energy, E(TD-HF/TD-DFT) =  -75.000000",
        " ONIOM: extrapolated energy =     -75.000000",
    ],
)
def test_the_energy_of_gaussian_is_of_the_method_that_its_forces_are_of(tmp_path, line):
    context = prepared(tmp_path, "gaussian")
    forces = " Center     Atomic                   Forces"
    first, system = edited(context, "gaussian", forces, f"{line}\n{forces}")
    assert system["energies"][0] == pytest.approx(-75.0 * fp_outputs.HARTREE)
    assert any("whose forces these are" in note for note in first["notes"]), first


@pytest.mark.parametrize(("sel", "words"), [([40, 80], ""), ([0, 1], "up to ")])
def test_chosen_frames_that_are_denser_than_sel_are_told(tmp_path, sel, words):
    context = prepared(tmp_path, "vasp")
    descriptor = context.params.jdata["default_training_param"]["model"]["descriptor"]
    descriptor |= {"type": "se_e2_a", "rcut": 2.0, "rcut_smth": 0.5, "sel": sel}
    found = label_frames.neighbours_beyond_sel(context, 0)
    assert found.startswith(words) and bool(found) == bool(words)
