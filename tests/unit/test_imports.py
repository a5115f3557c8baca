"""What commands import, and when: a run, and what is asked of it, should begin at once."""

import subprocess
import sys
from textwrap import dedent

import pytest

HEAVY = {"MDAnalysis", "ase.io", "dpdata", "dpgen", "h5py", "matplotlib", "plotly", "scipy"}
#: What commands begin with, and what of others they must not have imported by then.
BEGINNINGS = {
    "wtemlp.cli.run": HEAVY,
    "wtemlp.cli.check": HEAVY,
    "wtemlp.cli.status": HEAVY | {"ase", "dargs", "dpdispatcher", "paramiko"},
    "wtemlp.lammps_plumed.lmp": HEAVY | {"ase", "dpdispatcher", "dargs"},
    "wtemlp.md.dp": HEAVY | {"ase", "dpdispatcher", "dargs", "deepmd"},
    "wtemlp.session.page_process": HEAVY | {"ase", "dpdispatcher", "dargs", "numpy"},
}


def alone(code: str) -> str:
    """What a process of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("module", BEGINNINGS)
def test_a_command_begins_without_what_it_may_not_need(module):
    loaded = set(alone(f"import sys, {module}; print(*sys.modules)").split())
    assert loaded & BEGINNINGS[module] == set()
