"""A run whose labels are made by hand: it waits, frames go out, and labels come back."""

import json
import shutil
import subprocess

import ase.io
import dpdata
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator

from tests.support import fp_outputs, program
from tests.support.dft_runs import COUNT, dft_run
from tests.support.engines import require_engine
from tests.support.loop_runs import Run, job, make_run
from wtemlp.records.state import Step

FP = "iter.000000/02.fp"


def wtemlp(run, *words):
    return program.run(*words, cwd=run.folder)


@pytest.fixture(scope="module")
def waits(tmp_path_factory):
    """A run of VASP's, whose program is not here, that waits for labels."""
    require_engine("lammps")
    folder = tmp_path_factory.mktemp("by hand") / "run"
    keys = {"reference_check": "refuse", "model_devi_jobs": [job()], "labels_by_hand": True}
    run = dft_run(folder, "vasp", **keys)
    machine = json.loads((folder / "machine.json").read_text())
    machine["fp"]["command"] = "vasp_that_is_not_here"
    (folder / "machine.json").write_text(json.dumps(machine))
    system = dpdata.LabeledSystem(str(folder / "data/train"), fmt="deepmd/npy")
    for k, coords in enumerate(system["coords"]):
        system.data["energies"][k], system.data["forces"][k] = fp_outputs.law(coords)
    shutil.rmtree(folder / "data/train")
    system.to_deepmd_npy(str(folder / "data/train"), prec=np.float64)
    assert wtemlp(run, "check", "param.json", "machine.json").returncode == 0
    run.output = run.finish()
    return run


@pytest.fixture
def waiting(waits, tmp_path):
    shutil.copytree(waits.folder, tmp_path / "run", symlinks=True)
    run = Run(tmp_path / "run")
    done = wtemlp(run, "labels", "export", "to-label")
    assert done.returncode == 0, done.stderr
    assert "wrote 5 frames of iteration 0 and 1 of the initial data" in done.stdout
    return run


def labelled(run, change=lambda atoms, results: atoms):
    """The frames that were written out, with their labels, by name."""
    found = {}
    for atoms in ase.io.read(run.folder / "to-label/frames.extxyz", ":"):
        energy, forces = fp_outputs.law(atoms.positions)
        results = {"energy": energy, "forces": forces}
        name = atoms.info["wtemlp_frame"]
        atoms = change(atoms, results)
        atoms.calc = SinglePointCalculator(atoms, **results)
        found[name] = atoms
    return found


def test_a_run_waits_and_says_what_to_do(waits):
    assert waits.state()["step"] == Step.RUN_LABEL and not waits.state()["finished"]
    assert "labels are made by hand, and 5 of 5 frames wait for theirs" in waits.output
    assert "wtemlp labels export FOLDER" in waits.output
    assert not (waits.folder / COUNT).exists()
    said = wtemlp(waits, "status").stdout
    assert "label: waits for labels that are made by hand" in said
    assert "wtemlp labels export FOLDER; wtemlp labels import FOLDER" in said
    again = wtemlp(waits, "run", "param.json", "machine.json")
    assert again.returncode == 0 and "5 of 5 frames wait" in again.stdout


def test_outputs_and_files_come_back_in_parts(waiting):
    place = waiting.folder / "to-label"
    jobs = sorted(file.parent for file in place.rglob("POSCAR"))
    assert [job.parent.name for job in jobs] == ["initial"] + 5 * ["iter.000000"]
    assert all((job / "INCAR").is_file() and (job / "POTCAR").is_file() for job in jobs)
    assert subprocess.run(["bash", "-n", place / "run.sh"], check=True).returncode == 0
    assert "vasp_that_is_not_here" in (place / "run.sh").read_text()
    names = [f"iter.000000/task.000.00000{k}" for k in range(5)]
    # The outputs of two, one of which is another frame's.
    fp_outputs.vasp(place / names[0], fp_outputs.sample(place / names[0] / "POSCAR"))
    fp_outputs.vasp(place / names[1], fp_outputs.sample(place / names[0] / "POSCAR"))
    done = wtemlp(waiting, "labels", "import", "to-label")
    assert done.returncode == 0, done.stderr
    assert f"{names[1]}: the labelled positions or cell differ by" in done.stdout
    assert "no frame of the initial data is among the labels" in done.stdout
    assert "1 labels of to-label are taken" in done.stdout
    assert "4 frames still wait: task.000.000001" in done.stdout
    # The same command waits on; what is exported now are the others.
    assert "4 of 5 frames wait" in wtemlp(waiting, "run", "param.json", "machine.json").stdout
    told = json.loads(wtemlp(waiting, "labels", "export", "others", "--json").stdout)
    assert told["lines"][0].startswith("wrote 4 frames") and told["initial"] == 1
    assert told["frames"][:4] == names[1:] and len(told["frames"]) == 5
    # Three more in a file, one of them without its name and with its atoms in another order.
    found = labelled(waiting)
    order = np.random.default_rng(0).permutation(81)
    found[names[3]] = shuffled = found[names[3]][order]
    law = fp_outputs.law(shuffled.positions)
    shuffled.calc = SinglePointCalculator(shuffled, energy=law[0], forces=law[1])
    del shuffled.info["wtemlp_frame"]
    some = [found[name] for name in (*names[1:4], "initial/task.000.000000")]
    ase.io.write(waiting.folder / "back.xyz", some, format="extxyz")
    done = wtemlp(waiting, "labels", "import", "back.xyz", "--remark", "by Anna")
    assert done.returncode == 0, done.stderr
    assert "1 frames without wtemlp_frame were found by their positions" in done.stdout
    assert "initial data against the reference: energies within" in done.stdout
    assert "3 labels of back.xyz are taken" in done.stdout
    (held,) = json.loads((waiting.folder / "reference.check/result.json").read_text())
    assert abs(held["energy_meV_atom"]) < 0.01 and not held["problems"]
    # The last does not come: the printed command goes on without it.
    last = next(line for line in done.stdout.splitlines() if "leave them out" in line)
    words = last.partition("leave them out with: wtemlp ")[2].split()
    assert words == ["labels", "import", "back.xyz", "--last"]
    told = json.loads(wtemlp(waiting, *words, "--remark", "by Anna", "--json").stdout)
    assert "1 frames are left out: no label came back" in told["lines"]
    assert told["lines"][-1] == "go on with: wtemlp run param.json machine.json"
    assert (told["taken"], told["missing"], told["left_out"]) == (3, ["task.000.000004"], True)
    output = waiting.finish()
    assert "4 frames labelled" in output and waiting.state()["finished"]
    rows = json.loads((waiting.folder / FP / "labels.json").read_text())
    assert [row["labelled"] for row in rows] == [True, True, True, True, False]
    assert "made by hand: to-label" in rows[0]["notes"]
    assert rows[2]["notes"][0] == "made by hand: back.xyz, by Anna"
    # The outputs have a stress, the file has none.
    parts = [waiting.folder / FP / "data.000" / part for part in ("O27H54", "no_virial/O27H54")]
    systems = [dpdata.LabeledSystem(str(part), fmt="deepmd/npy") for part in parts]
    assert [len(system) for system in systems] == [1, 3]
    for system in systems:
        for coords, forces in zip(system["coords"], system["forces"], strict=True):
            assert np.abs(fp_outputs.law(coords)[1] - forces).max() < 1e-4
    assert wtemlp(waiting, "export").returncode == 0
    card = (waiting.folder / "potential/README.md").read_text()
    assert "labels of iteration 0 (4 of 4 made by hand: " in card and "back.xyz, by Anna" in card
    assert "labels import: 3 labels" in (waiting.folder / "wtemlp.log").read_text()


def in_units(energy, force):
    def change(atoms, results):
        results["energy"] *= energy
        results["forces"] = force * results["forces"]
        return atoms

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (in_units(1 / 27.2114, 1 / 51.4221), "the imported forces are 0.01945 times those of the "
         "initial data: in Hartree/Bohr?"),
        (in_units(23.0605, 23.0605), "in kcal/mol"),
        (in_units(1, -1), "the imported forces have the opposite sign"),
    ],
)  # fmt: skip
def test_labels_in_other_units_are_refused_and_nothing_is_taken(waiting, change, words):
    rows = labelled(waiting, change)
    ase.io.write(waiting.folder / "back.xyz", list(rows.values()), format="extxyz")
    before = sorted(waiting.folder.rglob("*"))
    done = wtemlp(waiting, "labels", "import", "back.xyz")
    assert done.returncode == 2 and words in done.stderr, done.stderr
    assert sorted(waiting.folder.rglob("*")) == before
    assert 'write "reference_check": "warn"' in done.stderr
    param = json.loads((waiting.folder / "param.json").read_text())
    (waiting.folder / "param.json").write_text(json.dumps(param | {"reference_check": "warn"}))
    done = wtemlp(waiting, "labels", "import", "back.xyz")
    assert done.returncode == 0 and words in done.stdout
    assert "5 labels of back.xyz are taken" in done.stdout


@pytest.mark.parametrize(("factor", "unit"), [(1 / 51.4221, "Hartree/Bohr"), (23.0605, "kcal/mol")])
def test_forces_in_other_units_are_known_without_a_frame_of_the_initial_data(waiting, factor, unit):
    rows = labelled(waiting, in_units(1, factor))
    rows = [atoms for name, atoms in rows.items() if not name.startswith("initial")]
    ase.io.write(waiting.folder / "back.xyz", rows, format="extxyz")
    done = wtemlp(waiting, "labels", "import", "back.xyz")
    assert done.returncode == 2 and f"the forces seem to be in {unit}" in done.stderr, done.stderr


def test_what_cannot_be_done_is_said(waiting, tmp_path):
    def refused(*words):
        done = wtemlp(waiting, "labels", *words)
        assert done.returncode == 2, done.stdout
        return done.stderr

    assert "is there already" in refused("export", "to-label")
    assert "there is no label of a frame that waits" in refused("import", "to-label")
    (waiting.folder / "notes.xyz").write_text("no frames\n")
    assert "is no extended XYZ: line 1" in refused("import", "notes.xyz")
    param = json.loads((waiting.folder / "param.json").read_text())
    (waiting.folder / "param.json").write_text(json.dumps(param | {"labels_by_hand": False}))
    assert 'write "labels_by_hand": true' in refused("export", "other")
    other = make_run(tmp_path / "other", labels_by_hand=True)
    assert "there is no run here" in program.run("labels", "export", "x", cwd=other.folder).stderr
    clusters = param | {"model_devi_engine": "gromacs", "fp_style": "gaussian"}
    (waiting.folder / "param.json").write_text(json.dumps(clusters))
    assert refused("export", "other")


def test_a_run_that_labels_again_by_its_jobs_keeps_what_came_back(waiting):
    """labels_by_hand taken out: the frames without a label are calculated, the others stay."""
    found = labelled(waiting)
    name = "iter.000000/task.000.000002"
    ase.io.write(waiting.folder / "back.xyz", [found[name]], format="extxyz")
    assert wtemlp(waiting, "labels", "import", "back.xyz").returncode == 0
    param = json.loads((waiting.folder / "param.json").read_text())
    (waiting.folder / "param.json").write_text(json.dumps(param | {"labels_by_hand": False}))
    own = dft_run(waiting.folder.parent / "other", "vasp")
    machine = (own.folder / "machine.json").read_text().replace(str(own.folder), "..")
    (waiting.folder / "machine.json").write_text(
        machine.replace("../count", f"{waiting.folder}/count")
    )
    assert "5 frames labelled" in waiting.finish()
    labels = json.loads((waiting.folder / FP / "labels.json").read_text())
    by_hand = [row["frame"] for row in labels if "made by hand: back.xyz" in row["notes"]]
    assert by_hand == ["task.000.000002"]
    counted = (waiting.folder / COUNT).read_text().split()
    assert sorted(counted) == [f"task.000.00000{k}" for k in (0, 1, 3, 4)]
