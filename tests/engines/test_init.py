"""`wtemlp init` with real engines on a tiny box: the same data, whatever happens on the way."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import dpdata
import numpy as np
import pytest

from tests.support import program
from tests.support.engines import require_engine
from tests.support.init_inputs import LMP, PARAMS, WATER, machines, reporter
from wtemlp.cli import main
from wtemlp.config.init_params import of_water
from wtemlp.core.errors import CalculationError, InputError, MissingEngine
from wtemlp.core.units import KCAL_MOL_IN_EV
from wtemlp.core.versions import installed_versions
from wtemlp.initialize import labels
from wtemlp.initialize.packmol import WATER_A, Molecules, pack
from wtemlp.initialize.workflow import run_init
from wtemlp.md import reference_runs as runs
from wtemlp.md.topology import bond_lengths, water_topology
from wtemlp.records.init_result import PARAMETERS, RESULT, load_result
from wtemlp.reference import dataset

pytestmark = pytest.mark.engines


#: Runs in a process of its own, to be killed.
PROGRAM = """
import sys
from pathlib import Path
from tests.support.init_inputs import PARAMS, machines, reporter
from wtemlp.initialize.workflow import run_init
run_init(PARAMS, machines(), Path(sys.argv[1]), reporter())
"""


@pytest.fixture(autouse=True)
def engines():
    require_engine("lammps", "plumed", "packmol")


def made(folder):
    """Everything that a user takes from the folder, by name."""
    files = [folder / RESULT, *(folder / "data").rglob("*"), *(folder / "conf").rglob("*")]
    return {str(f.relative_to(folder)): f.read_bytes() for f in files if f.is_file()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that nothing disturbed."""
    require_engine("lammps", "plumed", "packmol")
    root = tmp_path_factory.mktemp("undisturbed")
    return root, run_init(PARAMS, machines(), root, reporter())


def test_data_conf_and_provenance(finished):
    root, result = finished
    folder = root / "start"
    # Of ten frames of each ensemble the last two validate; some before them are in neither part.
    assert (result.n_validation, result.n_rejected) == (4, 0)
    assert result.n_train + result.n_gap == 16 and 0 < result.n_gap <= 4
    train = dpdata.LabeledSystem(str(folder / "data" / "train"), fmt="deepmd/npy")
    validation = dpdata.LabeledSystem(str(folder / "data" / "validation"), fmt="deepmd/npy")
    assert (len(train), len(validation)) == (result.n_train, 4)
    assert train["atom_names"] == ["H", "O"]
    assert train["atom_types"].tolist() == [0] * 32 + [1] * 16
    (water,) = result.systems
    box_A = float((folder / "00.equilibrate/nvt" / runs.BOX).read_text().split()[0])
    assert train["cells"][0] == pytest.approx(np.eye(3) * box_A)
    assert f"16 waters in {box_A:.4f} Angstrom" in water.title
    rows = (folder / "data" / "frames.csv").read_text().splitlines()[1:]
    assert {row.split(",")[2] for row in rows} == {"1", "9"} and len(rows) == result.n_train + 4
    assert min(int(row.split(",")[3]) for row in rows if row.split(",")[2] == "9") > 300
    seeds = json.loads((folder / RESULT).read_text())["seeds"]
    assert len(set(seeds.values())) == len(seeds) == 5
    nvt, wte = water.runs
    assert 0.5 < 16 * 29.915 / box_A**3 < 1.6 and 150 < nvt.temperature_K < 450
    assert (nvt.biasfactor, wte.biasfactor) == (1.0, 9.0)
    assert load_result(folder) == result
    assert "bias factor 9" in result.describe()


def test_starting_structures_are_whole_waters_across_the_energies(finished):
    root, _ = finished
    files = sorted((root / "start" / "conf").iterdir())
    assert [file.name for file in files] == ["0000.POSCAR", "0001.POSCAR", "0002.POSCAR"]
    for file in files:
        system = dpdata.System(str(file), fmt="vasp/poscar")
        topology = water_topology(
            system["atom_types"], system["coords"][0], system["cells"][0], system["atom_names"]
        )
        apart = (
            system["coords"][0][topology.hydrogens] - system["coords"][0][topology.oxygens][:, None]
        )
        assert np.linalg.norm(apart, axis=-1).max() < 1.3
        assert bond_lengths(system["coords"], system["cells"], topology).min() > 0.7


def test_the_data_do_not_depend_on_the_batches(finished, tmp_path, monkeypatch):
    """Nor on the sets that they are written in; some batches have frames of both ensembles."""
    root, _ = finished
    shutil.copytree(root, tmp_path / "again")
    folder = tmp_path / "again/start"
    (folder / RESULT).unlink()
    for name in ("02.label", "data", "conf"):
        shutil.rmtree(folder / name)
    monkeypatch.setattr(labels, "ATOM_FRAMES_PER_TASK", 48 * 6)
    monkeypatch.setattr(dataset, "SET_FRAMES", 4)
    run_init(PARAMS, machines(), tmp_path / "again", reporter())
    assert len(list((folder / "02.label").glob("batch.*"))) == 4
    assert not (folder / "02.label" / labels.ACCEPTED).exists()
    assert len(list((folder / "data/train").glob("set.*"))) == 4
    same = ("data/frames.csv", *(f"conf/{k:04d}.POSCAR" for k in range(3)))
    for name in same:
        assert (folder / name).read_text() == (root / "start" / name).read_text()
    for part in ("train", "validation"):
        for key in ("coords", "cells", "energies", "forces", "virials"):
            new, old = (
                dpdata.LabeledSystem(str(one / "data" / part), fmt="deepmd/npy")[key]
                for one in (folder, root / "start")
            )
            assert new == pytest.approx(old, abs=1e-6)


def test_no_bias_in_the_labels(finished):
    """The label of a biased frame is the unbiased energy that LAMMPS had at that step."""
    root, _ = finished
    recorded = {}
    for biasfactor, folder in (("1", "00.equilibrate/nvt"), ("9", "01.wte/g9")):
        table = np.loadtxt(root / "start" / folder / runs.ENERGIES)
        recorded |= {(biasfactor, int(step)): energy for step, _, energy in table}
    wte = root / "start" / "01.wte" / "g9"
    colvar = np.loadtxt(wte / runs.COLVAR)
    energies = np.loadtxt(wte / runs.ENERGIES)
    assert colvar[:, 1] == pytest.approx(energies[:, 2], abs=1e-6)
    assert colvar[-1, 2] > 1.0  # kcal/mol: there is a bias
    rows = [row.split(",") for row in (root / "start/data/frames.csv").read_text().splitlines()[1:]]
    assert len(rows) >= 16
    for _, _, biasfactor, step, energy in rows:
        expected = recorded[biasfactor, int(step)] * KCAL_MOL_IN_EV
        assert float(energy) == pytest.approx(expected, abs=2e-6)


def test_the_same_seed_gives_the_same_bytes(finished, tmp_path):
    root, _ = finished
    run_init(PARAMS, machines(), tmp_path, reporter())
    assert made(tmp_path / "start") == made(root / "start")


#: Of labels, to 1e-4 eV, eV/Angstrom and Angstrom, as LAMMPS 22 Jul 2025 gives them.
KNOWN, OF_LAMMPS, OF_PACKMOL = "27305fd6a51ba8d3", "2025.7.22", "21.2.3"


def test_files_of_water_give_the_data_that_they_have_always_given(finished):
    """Rounded, for the last digits are the processor's."""
    versions = installed_versions()
    if not versions["lammps"].startswith(OF_LAMMPS) or versions["packmol"] != OF_PACKMOL:
        pytest.skip(f"the data are those of LAMMPS {OF_LAMMPS} and Packmol {OF_PACKMOL}")
    folder, whole = finished[1].output / "data", hashlib.sha256()
    for file in sorted(folder.rglob("*.npy")):
        whole.update(str(file.relative_to(folder)).encode())
        whole.update((np.round(np.load(file).astype(float), 4) + 0.0).tobytes())
    assert whole.hexdigest()[:16] == KNOWN


def test_another_seed_gives_other_data(finished, tmp_path):
    other = of_water(replace(WATER, seed=6, biasfactors=(), wte_steps=0))
    result = run_init(other, machines(), tmp_path, reporter())
    (run,) = result.systems[0].runs
    assert run.biasfactor == 1 and result.n_train + result.n_validation + result.n_gap == 10
    assert result.systems[0].title != finished[1].systems[0].title


@pytest.mark.parametrize("stage", ["00.equilibrate/nvt", "01.wte/g9", "02.label/batch.0000"])
def test_killed_and_run_again_gives_the_same_bytes(finished, tmp_path, stage):
    root, _ = finished
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], env=environment, start_new_session=True
    )
    begun = tmp_path / "start" / stage / "log.lammps"
    deadline = time.monotonic() + 120
    while not begun.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert begun.exists()
    run_init(PARAMS, machines(), tmp_path, reporter())
    assert made(tmp_path / "start") == made(root / "start")


def test_killed_while_writing_the_data(finished, tmp_path):
    root, _ = finished
    run_init(PARAMS, machines(), tmp_path, reporter())
    folder = tmp_path / "start"
    (folder / RESULT).unlink()
    (folder / "conf" / "0002.POSCAR").unlink()
    (folder / "data" / "train" / "set.000" / "force.npy").write_bytes(b"half")
    logs = {file: file.stat().st_mtime_ns for file in folder.rglob("log.lammps")}
    run_init(PARAMS, machines(), tmp_path, reporter())
    assert made(folder) == made(root / "start")
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("log.lammps")} == logs


def test_other_parameters_are_refused_before_anything_is_written(finished):
    root, _ = finished
    before = made(root / "start")
    with pytest.raises(InputError, match="another n_molecules, temperature_K"):
        other = of_water(replace(WATER, n_molecules=17, temperature_K=310.0))
        run_init(other, machines(), root, reporter())
    assert made(root / "start") == before


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "start").mkdir()
    (tmp_path / "start" / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        run_init(PARAMS, machines(), tmp_path, reporter())
    assert [file.name for file in (tmp_path / "start").iterdir()] == ["thesis.tex"]


FILE = {
    "seed": 5,
    "type_map": ["H", "O"],
    "n_molecules": 16,
    "force_field": {"name": "tip3p-flexible", "cutoff_A": 5.0},
    "temperature_K": 300,
    "npt_steps": 300,
    "nvt_steps": 400,
    "frames_per_ensemble": 10,
    "validation_fraction": 0.25,
    "starting_structures": 3,
    "output": "start",
}


def write_files(folder, command=LMP):
    """The parameter and machine file of the command line."""
    machine = {"batch_type": "Shell", "context_type": "LazyLocalContext", "local_root": "./"}
    resources = {"number_node": 1, "cpu_per_node": 1, "group_size": 1, "queue_name": ""}
    section = {"command": command, "machine": machine, "resources": resources}
    content = {"api_version": "1.0", "deepmd_version": "3.2.0"}
    content |= dict.fromkeys(("train", "model_devi", "fp"), section)
    (folder / "init.json").write_text(json.dumps(FILE))
    (folder / "machine.json").write_text(json.dumps(content))


def wtemlp(folder, *args):
    return program.run(*args, cwd=folder, timeout=600)


def init(folder):
    return wtemlp(folder, "init", "init.json", "machine.json")


def test_a_failed_task_is_named_with_the_next_command(tmp_path):
    engine = tmp_path / "engine"
    engine.write_text("#!/bin/sh\necho 'ERROR: no licence' > log.lammps\nfalse\n")
    engine.chmod(0o755)
    write_files(tmp_path, str(engine))
    done = init(tmp_path)
    assert done.returncode == 1
    assert str(tmp_path / "start" / "00.equilibrate" / "nvt") in done.stderr
    assert "no licence" in done.stderr
    assert "stopped; go on with: wtemlp init init.json machine.json" in done.stdout
    shown = wtemlp(tmp_path, "status").stdout
    assert "no licence" in shown and "go on with: wtemlp init init.json machine.json" in shown


def test_the_command_to_its_end_and_with_damaged_files(tmp_path):
    write_files(tmp_path)
    done = init(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "go on with: wtemlp run PARAM MACHINE" in done.stdout
    shown = wtemlp(tmp_path, "status").stdout
    assert "is done\n16 waters in" in shown and "go on with: wtemlp run PARAM MACHINE" in shown
    for name, remedy in ((RESULT, "remove it"), (PARAMETERS, "or give another folder")):
        whole = (tmp_path / "start" / name).read_text()
        for text in ("", "{ nonsense", "[]", "{}", '{"result": {}}', '{"result": 3}'):
            (tmp_path / "start" / name).write_text(text)
            done = init(tmp_path)
            assert done.returncode == 2, done.stderr
            assert done.stderr.count("\n") == 1 and str(tmp_path / "start") in done.stderr
            assert remedy in done.stderr or "another" in done.stderr
        (tmp_path / "start" / name).write_text(whole)
    (tmp_path / "start" / RESULT).unlink()  # as the message says
    assert init(tmp_path).returncode == 0


def test_killed_in_its_first_write(tmp_path):
    """Half of the first file, under its temporary name, locks nobody out."""
    write_files(tmp_path)
    (tmp_path / "start").mkdir()
    (tmp_path / "start" / f"{PARAMETERS}.tmp").write_text('{"seed"')
    done = init(tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("why", ["another folder's files", "no Packmol"])
def test_a_refused_command_leaves_nothing_behind(tmp_path, monkeypatch, capsys, why):
    write_files(tmp_path)
    if why == "no Packmol":
        monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
        monkeypatch.setenv("PATH", os.defpath)
    else:
        (tmp_path / "start").mkdir()
        (tmp_path / "start" / "thesis.tex").write_text("mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["wtemlp", "init", "init.json", "machine.json"])
    machine = json.loads((tmp_path / "machine.json").read_text())
    machine["fp"]["command"] = "sh"
    (tmp_path / "machine.json").write_text(json.dumps(machine))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2, capsys.readouterr()
    assert sorted(tmp_path.rglob("*")) == before


def test_the_result_is_plain_json(finished):
    assert json.dumps(asdict(replace(finished[1], output=None)))


def test_packmol_keeps_molecules_apart_across_the_boundaries():
    length = 9.5
    waters = [Molecules(("O", "H", "H"), WATER_A, 27)]
    box = pack(waters, length, seed=3)
    assert np.array_equal(box, pack(waters, length, seed=3))
    assert not np.array_equal(box, pack(waters, length, seed=4))
    vectors = box.reshape(-1, 1, 3) - box.reshape(1, -1, 3)
    distances = np.linalg.norm(vectors - np.rint(vectors / length) * length, axis=-1)
    molecule = np.repeat(np.arange(27), 3)
    assert distances[molecule[:, None] != molecule].min() > 1.95


def test_a_box_that_cannot_be_packed():
    with pytest.raises(CalculationError, match="lower density_g_cm3"):
        pack([Molecules(("O", "H", "H"), WATER_A, 4)], 2.4, seed=1)


def test_without_packmol_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingEngine, match="pip install packmol"):
        run_init(PARAMS, machines(), tmp_path, reporter())
    assert not (tmp_path / "start").exists()
