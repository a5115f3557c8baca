"""Initial data of another method, unit, zero or sign are caught before the first training."""

import json
import shutil
import sys

import dpdata
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lj import LennardJones

from tests.support import fp_outputs, program
from tests.support.dft_runs import dft_run
from tests.support.loop_runs import make_run

LJ = {"sigma": 1.0, "epsilon": 0.05, "rc": 3.0}
STYLES = ("lammps", "ase", "vasp")


def run_of(folder, style):
    """A run with one iteration and data that its reference has labelled."""
    if style == "vasp":
        run = dft_run(folder, "vasp", reference_check="refuse")
    elif style == "ase":
        keys = {"calculator": "ase.calculators.lj.LennardJones", "kwargs": LJ}
        run = make_run(folder, fp_style="ase", fp_params=keys, reference_check="refuse")
        machine = json.loads((folder / "machine.json").read_text())
        machine["fp"]["command"] = sys.executable
        (folder / "machine.json").write_text(json.dumps(machine))
    else:
        run = make_run(folder, reference_check="refuse")
    return run


def labelled(style, undisturbed):
    """What the reference says of some frames."""
    folder = next((undisturbed.folder / "iter.000000/02.fp/data.000").glob("O*"))
    system = dpdata.LabeledSystem(str(folder), fmt="deepmd/npy")
    for k, (coords, cell) in enumerate(zip(system["coords"], system["cells"], strict=True)):
        if style == "vasp":
            system.data["energies"][k], system.data["forces"][k] = fp_outputs.law(coords)
        elif style == "ase":
            symbols = [system["atom_names"][kind] for kind in system["atom_types"]]
            atoms = Atoms(symbols, coords, cell=cell, pbc=True, calculator=LennardJones(**LJ))
            system.data["energies"][k] = atoms.get_potential_energy()
            system.data["forces"][k] = atoms.get_forces()
            stress = atoms.get_stress(voigt=False)
            system.data["virials"][k] = -stress * atoms.get_volume()
    if style == "vasp":
        del system.data["virials"]  # the stand-in's stress is made up
    return system


def scaled(energy=1.0, force=1.0, virial=1.0, offset=0.0):
    def change(system):
        data = system.data
        data["energies"] = energy * data["energies"] + offset * len(data["atom_types"])
        data["forces"] = force * data["forces"]
        if "virials" in data:
            data["virials"] = virial * data["virials"]

    return change


def other_method(system):
    rng = np.random.default_rng(0)
    system.data["forces"] = rng.normal(size=system["forces"].shape)


#: What is wrong with the data, and what is said of it.
FAULTS = {
    "kcal/mol": (scaled(23.0605, 23.0605, 23.0605), "times the reference's: in kcal/mol"),
    "Hartree": (scaled(1 / 27.2114, 1 / 51.4221, 1 / 27.2114), "in Hartree/Bohr?"),
    "energies in Hartree": (scaled(1 / 27.2114), "in Hartree?"),
    "zero": (scaled(offset=0.1), "+100 meV/atom off, while the forces agree: another zero"),
    "gradients": (scaled(force=-1.0), "the stored forces have the opposite sign"),
    "method": (other_method, ": another method"),
    "stress": (scaled(virial=-1.0), "the stored virial has the opposite sign"),
}
#: Each style with two of them; the rest is in ``tests/unit/test_agreement.py``.
CASES = [
    ("lammps", "kcal/mol"),
    ("lammps", "stress"),
    ("ase", "Hartree"),
    ("ase", "gradients"),
    ("vasp", "zero"),
    ("vasp", "method"),
]


def given(run, system):
    shutil.rmtree(run.folder / "data/train")
    system.to_deepmd_npy(str(run.folder / "data/train"), prec=np.float64)


@pytest.mark.parametrize("style", STYLES)
def test_data_of_the_reference_agree(undisturbed, tmp_path, style):
    run = run_of(tmp_path / "run", style)
    given(run, labelled(style, undisturbed))
    done = program.run("check", "param.json", "machine.json", cwd=run.folder)
    assert done.returncode == 0, done.stdout
    (line,) = [one for one in done.stdout.splitlines() if "against the reference" in one]
    assert line.startswith("ok") and "(1 systems, a frame of each)" in line
    assert not list(run.folder.glob("wtemlp-check.*"))
    folder = run.folder / "reference.check"
    run.finish()
    (held,) = json.loads((folder / "result.json").read_text())
    assert abs(held["energy_meV_atom"]) < 0.01 and held["force_meV_A"] < 0.1
    assert held["problems"] == [] and run.state()["finished"]


@pytest.mark.parametrize(("style", "fault"), CASES)
def test_what_is_wrong_with_the_data_is_told(undisturbed, tmp_path, style, fault):
    spoil, words = FAULTS[fault]
    run, system = run_of(tmp_path / "run", style), labelled(style, undisturbed)
    spoil(system)
    given(run, system)
    done = program.run("check", "param.json", "machine.json", cwd=run.folder)
    assert done.returncode == 2, done.stdout
    (line,) = [one for one in done.stdout.splitlines() if one.startswith("error")]
    assert "param.json: init_data_sys: data/train (set.000, frame" in line and words in line


def test_a_run_is_refused_before_the_first_training(undisturbed, tmp_path):
    run, system = run_of(tmp_path / "run", "lammps"), labelled("lammps", undisturbed)
    scaled(energy=23.0605)(system)
    given(run, system)
    for _ in range(2):  # the second time, nothing is calculated
        done = program.run("run", "param.json", "machine.json", cwd=run.folder)
        assert done.returncode == 2 and "in kcal/mol?" in done.stderr, done.stderr
        assert not (run.folder / "wtemlp.json").exists()
        assert not list(run.folder.glob("iter.*"))
    # The remedy that is printed goes on.
    assert '"reference_check": "warn"' in done.stderr
    param = json.loads((run.folder / "param.json").read_text())
    (run.folder / "param.json").write_text(json.dumps(param | {"reference_check": "warn"}))
    output = run.finish()
    assert "in kcal/mol?" in output and run.state()["finished"]


def test_a_reference_that_labels_nothing_is_told_and_holds_no_run_up(undisturbed, tmp_path):
    run = run_of(tmp_path / "run", "vasp")
    given(run, labelled("vasp", undisturbed))
    machine = json.loads((run.folder / "machine.json").read_text())
    good, machine["fp"]["command"] = machine["fp"]["command"], "echo no licence >&2; false"
    (run.folder / "machine.json").write_text(json.dumps(machine))
    done = program.run("check", "param.json", "machine.json", cwd=run.folder)
    assert done.returncode == 2 and "the reference failed" in done.stdout, done.stdout
    done = program.run("run", "param.json", "machine.json", cwd=run.folder)
    assert done.returncode == 1 and "no licence" in done.stderr, done.stderr
    assert "initial data against the reference: nothing could be compared" in done.stdout
    assert list(run.folder.glob("iter.000000/02.fp/task.*"))
    machine["fp"]["command"] = good
    (run.folder / "machine.json").write_text(json.dumps(machine))
    run.finish()


def test_a_sweep_holds_its_data_once(undisturbed, tmp_path):
    run, system = run_of(tmp_path / "run", "lammps"), labelled("lammps", undisturbed)
    scaled(energy=23.0605)(system)
    given(run, system)
    param = json.loads((run.folder / "param.json").read_text())
    param["model_devi_jobs"] = param["model_devi_jobs"][:1]
    (run.folder / "param.json").write_text(json.dumps(param))
    words = ("sweep", "param.json", "machine.json", "--biasfactor", "4")
    for _ in range(2):
        done = program.run(*words, cwd=run.folder)
        assert done.returncode == 2 and "in kcal/mol?" in done.stderr, done.stderr
        assert not list(run.folder.rglob("00.train"))
    (run.folder / "param.json").write_text(json.dumps(param | {"reference_check": "warn"}))
    done = program.run(*words, cwd=run.folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("initial data against the reference: energies within") == 1
    assert list(run.folder.rglob("reference.check")) == [run.folder / "sweep/reference.check"]
    page = (run.folder / "sweep/g4/report.html").read_text()
    assert "Initial data against the reference" in page and "in kcal/mol?" in page
