"""The examples run as their README says."""

import shutil
import subprocess
import sys

import numpy as np

from tests.support.engines import ROOT, engine_environment, require_engine
from wtemlp.md import colvar


def test_lammps_with_plumed(tmp_path):
    require_engine("lammps", "plumed")
    folder = tmp_path / "example"
    shutil.copytree(ROOT / "examples/lammps_with_plumed", folder)
    command = [
        sys.executable,
        "-m",
        "wtemlp.lammps_plumed.lmp",
        "-in",
        "in.lammps",
        "-var",
        "steps",
        "2000",
    ]
    done = subprocess.run(
        command, cwd=folder, env=engine_environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    recorded = colvar.read(folder / "COLVAR")
    assert len(recorded["time"]) == 201
    assert len(colvar.read(folder / "HILLS")["time"]) == 20
    assert recorded["ene"].min() > -10 and recorded["ene"].max() < 0
    assert np.isfinite(recorded["metad.bias"]).all() and recorded["metad.bias"].max() > 0.005
