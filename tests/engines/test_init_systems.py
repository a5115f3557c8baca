"""`wtemlp init` of any system with real engines: copper at constant pressure, and a molecule."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import dpdata
import numpy as np
import pytest

from tests.support.engines import require_engine
from tests.support.init_inputs import machines, reporter
from wtemlp.config.init_params import load_init_params
from wtemlp.core.errors import InputError
from wtemlp.initialize.workflow import run_init
from wtemlp.md import colvar
from wtemlp.md import reference_runs as runs
from wtemlp.records.ensembles import ENSEMBLES, load_ensembles
from wtemlp.records.init_result import RESULT, load_result

pytestmark = pytest.mark.engines
NPT = {"ensemble": "npt", "temperature_K": 900, "pressure_bar": 0, "steps": 1200, "frames": 6}
FILE = {
    "seed": 4,
    "type_map": ["Cu"],
    "fp_style": "lammps",
    "fp_params": {"force_field": "eam-copper"},
    "timestep_fs": 2,
    "systems": [
        {
            "name": "crystal",
            "structure": {"bulk": "Cu", "a_A": 3.615, "crystal": "fcc", "supercell": [2, 2, 2]},
            "minimize": True,
            "copies": {"perturbed": 2, "n_lengths": 3},
            "runs": [NPT, NPT | {"wte": {"biasfactor": 9, "height": 1, "pace": 20}}],
        },
        {
            "name": "pair",
            "structure": {"file": "pair.xyz"},
            "runs": [{"temperature_K": 300, "steps": 2000, "frames": 8}],
        },
    ],
    "validation_fraction": 0.25,
    "output": "start",
}
#: Two atoms and a third, alone: no cell.
PAIR = "3\n\nCu 0 0 0\nCu 2.2 0 0\nCu 1.1 1.9 0\n"
PROGRAM = """
import sys
from pathlib import Path
from tests.support.init_inputs import machines, reporter
from wtemlp.config.init_params import load_init_params
from wtemlp.initialize.workflow import run_init
root = Path(sys.argv[1])
run_init(load_init_params(root / "init.json", root), machines(), root, reporter())
"""
BIASED = "01.md.2/crystal.01.npt.900K.g9"


def write(root):
    (root / "init.json").write_text(json.dumps(FILE))
    (root / "pair.xyz").write_text(PAIR)


def run(root):
    return run_init(load_init_params(root / "init.json", root), machines(), root, reporter())


def made(root):
    """Everything that a user takes from the folder, by name."""
    folder = root / "start"
    files = [folder / RESULT, *(folder / "data").rglob("*"), *(folder / "conf").rglob("*")]
    return {str(f.relative_to(folder)): f.read_bytes() for f in files if f.is_file()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that nothing disturbed."""
    require_engine("lammps", "plumed")
    root = tmp_path_factory.mktemp("undisturbed")
    write(root)
    return root, run(root)


def test_each_system_has_its_data_and_structures(finished):
    root, result = finished
    folder = root / "start"
    crystal, pair, alone = result.systems
    assert [one.name for one in result.systems] == ["crystal", "pair", "atom.Cu"]
    data = dpdata.LabeledSystem(str(folder / "data/crystal/train"), fmt="deepmd/npy")
    rows = (folder / "data/crystal/frames.csv").read_text().splitlines()[1:]
    kinds = {row.split(",")[-1] for row in rows if row.startswith("train")}
    assert kinds == {
        "copies",
        "crystal.minimized",
        "crystal.00.npt.900K",
        "crystal.01.npt.900K.g9",
    }
    held_out = {row.split(",")[-1] for row in rows if row.startswith("validation")}
    assert not held_out & {"copies", "crystal.minimized"}
    assert len(data) == crystal.data[0].n_train and crystal.n_copies == 5
    edges = data["cells"][:, 0, 0] / 7.23
    assert edges.min() < 0.94 and edges.max() > 1.34  # sparse and dense copies
    assert len(list((folder / "conf/crystal").iterdir())) == 2
    atom = dpdata.LabeledSystem(str(folder / "data/atom.Cu/train"), fmt="deepmd/npy")
    assert atom["energies"] == pytest.approx(0.0, abs=1e-3) and alone.n_atoms == 1
    assert not (folder / "conf/atom.Cu").exists()
    assert load_result(folder) == result and "3 atoms, alone" in pair.title


def test_a_molecule_has_no_cell_and_the_temperature_of_its_freedom(finished):
    root, result = finished
    data = dpdata.LabeledSystem(str(root / "start/data/pair/train"), fmt="deepmd/npy")
    assert data.nopbc and "virials" not in data.data
    (one,) = result.systems[1].runs
    assert 150 < one.temperature_K < 450
    script = (root / "start/01.md.0/pair.00.nvt.300K/in.lammps").read_text()
    assert "boundary        f f f" in script and "extra/dof 6" in script


def test_the_bias_is_on_the_bare_energy_and_not_in_the_labels(finished):
    root, _ = finished
    folder = root / "start" / BIASED
    series = colvar.read(folder / runs.COLVAR)
    energies = np.loadtxt(folder / runs.ENERGIES)
    assert series["ene"] == pytest.approx(energies[:, 2], abs=1e-6)  # eV, in both
    assert series["metad.bias"][-1] > 0.05
    recorded = dict(zip(energies[:, 0].astype(int), energies[:, 2], strict=True))
    rows = (root / "start/data/crystal/frames.csv").read_text().splitlines()[1:]
    biased = [row.split(",") for row in rows if row.endswith(".g9")]
    assert biased
    for _, _, factor, step, energy, _ in biased:
        if int(step) in recorded:
            assert factor == "9"
            assert float(energy) == pytest.approx(recorded[int(step)], abs=1e-5)


def test_the_record_of_ensembles_has_each_run(finished):
    found = load_ensembles(finished[0] / "start" / ENSEMBLES)
    assert [one.title for one in found] == [
        "crystal.00.npt.900K",
        "crystal.01.npt.900K.g9",
        "pair.00.nvt.300K",
    ]
    r, g = (np.array(one) for one in found[0].rdf["Cu-Cu"])
    assert r[np.argmax(g)] == pytest.approx(2.56, abs=0.15)
    assert found[2].rdf == {}


@pytest.mark.parametrize(
    "stage", ["01.md.0/crystal.minimized", "01.md.1", BIASED, "02.label/batch.0000"]
)
def test_killed_and_run_again_gives_the_same_bytes(finished, tmp_path, stage):
    root, _ = finished
    write(tmp_path)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], env=environment, start_new_session=True
    )
    deadline = time.monotonic() + 120
    begun = tmp_path / "start" / stage
    while not list(begun.glob("**/log.lammps")) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run(tmp_path)
    assert made(tmp_path) == made(root)


def test_another_structure_is_refused_before_anything_is_written(finished, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(finished[0], root)
    before = made(root)
    changed = json.loads(json.dumps(FILE))
    changed["systems"][0]["structure"]["a_A"] = 3.7
    (root / "init.json").write_text(json.dumps(changed))
    with pytest.raises(InputError, match="another systems"):
        run(root)
    assert made(root) == before
