"""Real labels by the DFT programs that Debian has, each skipped where its program is missing."""

import copy
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.engines import ROOT
from tests.support.label_inputs import arrays, explore, write_input
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.core.paths import RunPaths
from wtemlp.dpgen import adapter
from wtemlp.preflight.fp_inputs import check_labels
from wtemlp.stages import label
from wtemlp.stages.context import RunContext

PSEUDO = Path("/usr/share/espresso/pseudo")  #: of Debian's quantum-espresso-data
BOX_A, STEP_A = 5.0, 0.01
WATER = np.array([[2.5, 2.5, 2.5], [3.44, 2.5, 2.5], [2.26, 3.42, 2.5]])  #: O H H, Angstrom
COMMANDS = {"pwscf": "pw.x -in input", "cp2k": "cp2k -i input.inp"}
KEYS = {
    "pwscf": {
        "fp_pp_path": str(PSEUDO),
        "fp_pp_files": ["O.pbe-kjpaw.UPF", "H.pbe-kjpaw.UPF"],
        "user_fp_params": {
            "control": {"calculation": "scf", "tprnfor": True, "tstress": True, "disk_io": "none"},
            "system": {"ecutwfc": 40, "ecutrho": 240, "nosym": True},
            "electrons": {"conv_thr": 1e-9},
            "kspacing": 2.0,
        },
    },
    "cp2k": {
        "user_fp_params": {
            "FORCE_EVAL": {
                "DFT": {
                    "BASIS_SET_FILE_NAME": "BASIS_MOLOPT",
                    "POTENTIAL_FILE_NAME": "GTH_POTENTIALS",
                    "MGRID": {"CUTOFF": 300, "REL_CUTOFF": 40},
                    "SCF": {"EPS_SCF": "1.0E-7", "OT": {"MINIMIZER": "DIIS"}},
                },
                "SUBSYS": {
                    "KIND": {
                        "_": ["O", "H"],
                        "POTENTIAL": ["GTH-PBE-q6", "GTH-PBE-q1"],
                        "BASIS_SET": ["DZVP-MOLOPT-SR-GTH", "DZVP-MOLOPT-SR-GTH"],
                    }
                },
            }
        },
    },
}


@pytest.mark.parametrize("style", sorted(KEYS))
def test_forces_are_the_slope_of_the_energy(tmp_path, style, monkeypatch):
    program = COMMANDS[style].split()[0]
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}: apt-get install quantum-espresso quantum-espresso-data cp2k")
    if style == "pwscf" and not PSEUDO.is_dir():
        pytest.skip("needs pseudopotentials: apt-get install quantum-espresso-data")
    write_input(tmp_path, style, KEYS[style], COMMANDS[style])
    frames = np.array([WATER] * 3)
    frames[:, 1, 0] += [-STEP_A, 0, STEP_A]
    table = explore(tmp_path, np.array([0, 1, 1]), frames, BOX_A * np.eye(3))
    params = load_params(tmp_path / "param.json", tmp_path, check_files=False)
    machines = load_machines(tmp_path / "machine.json", tmp_path)
    check_labels(params, machines, tmp_path)
    context = RunContext(params, machines, RunPaths(tmp_path))
    label.prepare(context, 0, table)
    for task in label.tasks(context, 0)[0]:
        done = subprocess.run(
            ["bash", "-c", task.command], cwd=task.folder, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
        assert done.returncode == 0, (task.folder / task.logs[0]).read_text()[-2000:]
        assert all((task.folder / name).exists() for name in task.backward)
    labelled, reasons = label.collect(context, 0)
    assert (labelled, reasons) == (3, {})
    data = arrays(context.paths.label_data(0, 0))
    energy, force = data["energy"].ravel(), data["force"].reshape(3, 3, 3)
    print(f"{style}: {energy[1]:.4f} eV, force on H {force[1, 1]} eV/A")
    slope = (energy[2] - energy[0]) / (2 * STEP_A)
    assert slope == pytest.approx(-force[1, 1, 0], abs=0.02)
    assert energy[1] < -430  # eV, of the valence electrons of a water molecule
    assert np.abs(force[1].sum(axis=0)).max() < 0.05
    assert data["virial"].shape == (3, 9)
    theirs = read_by_dpgen(context, monkeypatch)
    assert set(theirs) == set(data)
    for name, array in theirs.items():
        np.testing.assert_array_equal(data[name], array, err_msg=name)


def test_xtb_through_ase(tmp_path):
    if shutil.which("xtb") is None:
        pytest.skip("needs xtb: apt-get install xtb")
    method = {"calculator": "xtb_program.Xtb", "kwargs": {"gfn": 2}, "periodic": False}
    write_input(tmp_path, "ase", {"fp_params": method}, sys.executable)
    frames = np.array([WATER] * 3)
    frames[:, 1, 0] += [-STEP_A, 0, STEP_A]
    table = explore(tmp_path, np.array([0, 1, 1]), frames, BOX_A * np.eye(3))
    context = RunContext(
        load_params(tmp_path / "param.json", tmp_path, check_files=False),
        load_machines(tmp_path / "machine.json", tmp_path),
        RunPaths(tmp_path),
    )
    label.prepare(context, 0, table)
    (task,), _ = label.tasks(context, 0)
    shutil.copy(ROOT / "examples/xtb_labels/xtb_program.py", task.folder)
    run = ["bash", "-c", task.command]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
    done = subprocess.run(run, cwd=task.folder, env=environment)
    assert done.returncode == 0, (task.folder / task.logs[0]).read_text()
    assert label.collect(context, 0) == (3, {})
    data = arrays(context.paths.label_data(0, 0))
    energy, force = data["energy"].ravel(), data["force"].reshape(3, 3, 3)
    print(f"xtb: {energy[1]:.4f} eV, force on H {force[1, 1]} eV/A")
    slope = (energy[2] - energy[0]) / (2 * STEP_A)
    assert slope == pytest.approx(-force[1, 1, 0], abs=0.02)
    assert data["nopbc"] and "virial" not in data


def read_by_dpgen(context: RunContext, monkeypatch) -> dict[str, np.ndarray]:
    """The data that DP-GEN makes of the same outputs."""
    shutil.rmtree(context.paths.label_data(0, 0))
    monkeypatch.chdir(context.paths.root)
    generator = adapter.import_quietly("dpgen.generator.run")
    generator.post_fp(0, copy.deepcopy(dict(context.params.jdata)))
    return arrays(context.paths.label_data(0, 0))
