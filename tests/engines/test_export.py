"""The commands of an exported potential's card, run as they are printed."""

import re
import subprocess
import sys

import pytest
from ase.calculators.socketio import SocketIOCalculator
from ase.io import read

from tests.support.engines import engine_environment
from wtemlp.workflow.export import export


@pytest.fixture(scope="module")
def potential(run, tmp_path_factory):
    return export(run.folder, target=tmp_path_factory.mktemp("export") / "potential")


def said(folder, *words):
    done = subprocess.run(
        words, cwd=folder, env=engine_environment(), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_lammps_and_ase_run_as_the_card_says_and_agree(potential):
    card = (potential / "README.md").read_text()
    assert "`wtemlp lmp -in in.lammps`" in card and "`python use_ase.py structure.vasp`" in card
    wtemlp = [sys.executable, "-c", "from wtemlp.cli import main; main()"]
    thermo = said(potential, *wtemlp, "lmp", "-in", "in.lammps")
    first = re.search(r"^ +0 +\S+ +(\S+) ", thermo, re.M)
    assert re.search(r"^ +100 ", thermo, re.M)
    energy = re.search(
        r"energy (\S+) eV", said(potential, sys.executable, "use_ase.py", "structure.vasp")
    )
    assert float(energy[1]) == pytest.approx(float(first[1]), rel=1e-6)


def test_the_client_of_i_pi_gives_forces(potential):
    """ASE's socket server speaks i-PI's protocol."""
    atoms = read(potential / "structure.vasp")
    client = [sys.executable, "use_ipi.py", "structure.vasp"]
    with SocketIOCalculator(unixsocket="wtemlp", timeout=120) as server:
        process = subprocess.Popen(client, cwd=potential, env=engine_environment())
        try:
            atoms.calc = server
            assert atoms.get_forces().shape == (len(atoms), 3)
        finally:
            process.terminate()
            process.wait()
