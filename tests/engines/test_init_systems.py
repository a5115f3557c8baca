"""`wtemlp init` of any system with real engines: copper at constant pressure, and a molecule."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import ase.io
import dpdata
import numpy as np
import pytest
from ase import Atoms

from tests.support.dft_runs import SCF
from tests.support.engines import require_engine
from tests.support.init_inputs import LMP, machines, reporter
from tests.support.loop_runs import PARAM, ROOT, machine
from tests.support.methanol import PLACES, methanol, opls
from wtemlp.analysis.planning import auto_hills
from wtemlp.config.init_params import load_init_params
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.core.errors import CalculationError, InputError
from wtemlp.core.units import KB_EV, KCAL_MOL_IN_EV
from wtemlp.initialize.workflow import run_init
from wtemlp.md import colvar
from wtemlp.md import reference_runs as runs
from wtemlp.md.dump import iter_dump
from wtemlp.planning import sources
from wtemlp.records.ensembles import ENSEMBLES, load_ensembles
from wtemlp.records.init_result import RESULT, load_result
from wtemlp.structures.read import read_structure

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


def test_plan_takes_the_unbiased_runs(finished):
    root, result = finished
    start = root / "start"
    params = load_params(params_file(root), root, check_files=False)
    found = sources.read(start, params, root, None, None)
    assert [one.temperature_K for one in found] == [900, 300]
    run = result.systems[0].runs[0]
    assert found[0].energies_eV[0].mean() == pytest.approx(run.mean_eV, abs=1e-6)
    (one,) = sources.read(start / run.folder, params, root, None, None)
    assert one.temperature_K == 900 and one.spacing_ps == pytest.approx(0.02)
    for name in (BIASED, f"{BIASED}/{runs.ENERGIES}"):
        with pytest.raises(InputError, match="is of a run with a bias"):
            sources.read(start / name, params, root, None, None)


def params_file(root):
    file = root / "param.json"
    file.write_text(json.dumps(PARAM))
    return file


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


# -- other cells, other biases

FCC = {"bulk": "Cu", "a_A": 3.615, "crystal": "fcc", "supercell": [2, 2, 2]}
HCP = {"bulk": "Cu", "crystal": "hcp", "a_A": 2.55, "c_A": 4.16, "supercell": [3, 3, 2]}
NVT = {"temperature_K": 600, "steps": 600, "frames": 6}
OPES = {"biasfactor": {"window_K": [400, 900]}, "method": "opes", "pace": 10}
CELL = {"npt_steps": 400, "barostat": "tri"}
AUTO = {"biasfactor": 4, "pace": "auto"}
VARIANTS = {
    "opes": (FCC, [NPT, NPT | {"wte": OPES}]),
    "aniso": (FCC, [NPT | {"barostat": "aniso"}]),
    "tilted": (HCP, [NVT | CELL, NVT | {"wte": AUTO}, NPT | {"barostat": "tri"}]),
}


@pytest.fixture(scope="module")
def variants(tmp_path_factory):
    require_engine("lammps", "plumed")
    root = tmp_path_factory.mktemp("variants")
    systems = [
        {"name": name, "structure": structure, "copies": {"n_lengths": 0}, "runs": own}
        for name, (structure, own) in VARIANTS.items()
    ]
    (root / "init.json").write_text(json.dumps(FILE | {"systems": systems}))
    return root / "start", run(root)


def md_folder(start, name):
    (found,) = start.glob(f"01.md.*/{name}")
    return found


def test_labels_are_the_energies_of_the_run_whatever_the_cell_and_the_bias(variants):
    """A label knows nothing of the run but positions and cell."""
    start, _ = variants
    found = set()
    for name in VARIANTS:
        for row in (start / f"data/{name}/frames.csv").read_text().splitlines()[1:]:
            _, _, _, step, energy, of = row.split(",")
            if of == "copies":
                continue
            recorded = np.loadtxt(md_folder(start, of) / runs.ENERGIES)
            at = recorded[recorded[:, 0] == int(step)]
            if len(at):
                assert float(energy) == pytest.approx(at[0, 2], abs=1e-6), (of, step)
                found.add(of)
    assert {one.partition(".")[0] for one in found} == set(VARIANTS)


def test_opes_in_init_is_biased_after_its_first_updates(variants):
    start, result = variants
    folder = md_folder(start, "opes.01.npt.900K.opes")
    assert "OBSERVATION_STEPS=30 " in (folder / runs.PLUMED).read_text()
    bias = colvar.read(folder / runs.COLVAR)["opes.bias"]
    assert np.abs(bias[:20]).max() == 0.0 < np.ptp(bias[30:])
    (opes,) = [one for one in result.systems[0].runs if one.biasfactor is None]
    assert opes.reference == "opes.00.npt.900K"


def test_the_pace_of_the_hills_is_from_the_correlation_time_of_the_run_before(variants):
    start, result = variants
    system = next(one for one in result.systems if one.name == "tilted")
    nvt = next(one for one in system.runs if one.name == "tilted.00.nvt.600K")
    steps = nvt.correlation_time_ps / 0.002
    pace, height_kT = auto_hills(4.0, steps, NVT["steps"])
    text = (md_folder(start, "tilted.01.nvt.600K.g4") / runs.PLUMED).read_text()
    assert f" PACE={pace} " in text
    height = float(re.search(r"HEIGHT=(\S+)", text)[1])
    assert height == pytest.approx(height_kT * KB_EV * 600, rel=1e-9)


def test_cells_change_as_the_barostat_says(variants):
    start, _ = variants

    def edges(name):
        cells = [frame.cell for frame in iter_dump(md_folder(start, name) / runs.FRAMES)]
        return np.array(cells)

    aniso = edges("aniso.00.npt.900K")
    assert np.ptp(aniso[-1][np.eye(3) == 1]) > 0.01
    assert (aniso[:, ~np.eye(3, dtype=bool)] == 0).all()
    held = edges("tilted.00.nvt.600K")
    assert np.ptp(held, axis=0).max() < 1e-6 and held[0, 1, 0] == pytest.approx(-3.9, abs=0.2)
    assert abs(held[0, 2, 0]) > 1e-4  # NPT has found another shape
    tri = edges("tilted.02.npt.900K")
    assert np.ptp(tri, axis=0)[np.tril_indices(3)].min() > 1e-3


def test_coefficients_of_a_topology_go_with_every_run(tmp_path):
    """Those in the data file's own sections, and those in commands: each once."""
    (tmp_path / "one.data").write_text(methanol(PLACES))
    ase.io.write(tmp_path / "start.xyz", Atoms("CHHHOH", PLACES))
    own = {"units": "real", "atom_style": "full", "topology": "one.data", "boundary": "f f f"}
    own["lines"] = opls("pair_style lj/cut/coul/cut 50.0")
    nvt = {"temperature_K": 300, "steps": 400, "frames": 4}
    system = {"name": "m", "structure": {"file": "start.xyz"}, "minimize": True}
    system["runs"] = [nvt, nvt | {"wte": {"biasfactor": 4, "pace": 20}}]
    content = FILE | {"systems": [system], "type_map": ["C", "H", "O"], "timestep_fs": 0.5}
    content["fp_params"] = {"force_field": own}
    (tmp_path / "init.json").write_text(json.dumps(content))
    run(tmp_path)
    start = tmp_path / "start"
    text = (md_folder(start, "m.01.nvt.300K.g4") / runs.START_DATA).read_text()
    assert text.count("Bond Coeffs") == 1 and text.count("Coeffs") == 1
    rows = (start / "data/m/frames.csv").read_text().splitlines()[1:]
    checked = 0
    for row in rows:
        _, _, _, step, energy, of = row.split(",")
        file = md_folder(start, of) / runs.ENERGIES
        for line in np.loadtxt(file, ndmin=2) if file.is_file() else ():
            if line[0] == int(step):
                assert float(energy) == pytest.approx(line[2] * KCAL_MOL_IN_EV, abs=1e-6)
                checked += 1
    assert checked > 2
    # What a run starts from has the atoms in the order of the topology, which labels it.
    conf = read_structure(start / "conf/m/0000.POSCAR", "vasp/poscar", ["C", "H", "O"], [12, 1, 16])
    assert "".join(conf.symbols) == "CHHHOH"


# -- labels by DFT


def dft(root, **variables):
    """Two systems, each frame a job of its own; a program that costs nothing labels them."""
    water = {"mixture": [{"molecule": "H2O", "count": 4}], "density_g_cm3": 0.5}
    nvt = {"temperature_K": 300, "steps": 200, "npt_steps": 100, "frames": 3}
    systems = [
        {"name": name, "structure": water, "minimize": True, "runs": [nvt] * n}
        for name, n in (("one", 1), ("two", 0))
    ]
    content = {
        "seed": 4,
        "type_map": ["O", "H"],
        "fp_style": "pwscf",
        "fp_pp_path": "pp",
        "fp_pp_files": ["O.pp", "H.pp"],
        "user_fp_params": SCF,
        "sampler": {"fp_style": "lammps", "fp_params": {"force_field": "tip3p-flexible"}},
        "systems": systems,
        "output": "start",
    }
    content["sampler"]["fp_params"]["cutoff_A"] = 3.0
    (root / "pp").mkdir(exist_ok=True)
    for name in ("O.pp", "H.pp"):
        (root / "pp" / name).write_text(name)
    (root / "init.json").write_text(json.dumps(content))
    program = f"{sys.executable} {ROOT}/tests/support/fp_outputs.py pwscf"
    command = f"PYTHONPATH={ROOT} FAKE_DFT_COUNT={root}/count.txt {program}"
    sections = {"train": machine(LMP), "model_devi": machine(LMP), "fp": machine(command)}
    sections["fp"]["machine"]["retry_count"] = 0
    sections["fp"]["resources"]["envs"] = variables
    (root / "machine.json").write_text(json.dumps({"api_version": "1.0", **sections}))
    given = load_machines(root / "machine.json", root)
    return run_init(load_init_params(root / "init.json", root), given, root, reporter())


def test_failed_dft_labels_and_no_others_are_calculated_again(tmp_path):
    require_engine("lammps", "packmol")
    crashed, open_ = "task.000.000000", "task.001.000000"
    with pytest.raises(CalculationError, match="2 of 5 labels failed"):
        dft(tmp_path, FAKE_DFT_CRASHES=crashed, FAKE_DFT_UNCONVERGED=open_)
    assert not (tmp_path / "start/data").exists()
    result = dft(tmp_path)
    assert [one.name for one in result.systems] == ["one", "two"]
    calls = (tmp_path / "count.txt").read_text().split()
    assert {name for name in calls if calls.count(name) > 1} == {crashed, open_}
    assert len(calls) == len(set(calls)) + 2
    other = tmp_path / "undisturbed"
    other.mkdir()
    dft(other)
    assert made(other) == made(tmp_path)


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
