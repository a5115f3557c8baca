"""`wtemlp plan` with a short run of its own, and its estimate against a biased run."""

import json

import numpy as np
import pytest

from tests.support import program
from tests.support.engines import engine_environment, require_engine, table
from tests.support.loop_runs import PARAM, write_data
from wtemlp.analysis.planning import bias_volume, hills_to_fill
from wtemlp.core.units import KB_EV, KCAL_MOL_IN_EV
from wtemlp.md import colvar
from wtemlp.md import reference_runs as runs
from wtemlp.md.reference_script import SCRIPT
from wtemlp.md.systems.units import REAL

pytestmark = pytest.mark.engines
STEPS = 20_000


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """The folder of a run that has not begun, and what ``plan`` says in it."""
    require_engine("lammps", "plumed")
    folder = tmp_path_factory.mktemp("planned")
    write_data(folder)
    (folder / "param.json").write_text(json.dumps(PARAM))
    return folder, json.loads(plan(folder))[0]


def plan(folder):
    """Standard output of ``wtemlp plan --json`` with an own run."""
    words = ("plan", "param.json", "--steps", str(STEPS), "--json")
    done = program.run(*words, cwd=folder, timeout=300, **engine_environment())
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_folder(folder):
    return folder / "plan" / f"system.000.300K.{STEPS}"


def test_a_short_run_of_its_own(planned):
    folder, found = planned
    energies = table(run_folder(folder) / runs.ENERGIES)
    assert energies[0, 0] == STEPS // 4 and energies[-1, 0] == STEPS
    assert found["n_molecules"] == 27 and found["system"] == 0
    assert found["nvt"]["n"] == len(energies)
    sigma = float(np.std(energies[:, 2], ddof=1)) * KCAL_MOL_IN_EV
    # Unbiased for a correlated series: a little more than the standard deviation of its values.
    assert 1 <= found["nvt"]["sigma_eV"] / sigma < 1.2
    assert 0 < found["seconds_per_step"] < 0.1
    assert {path.name for path in folder.iterdir()} == {"param.json", "conf", "data", "plan"}


def test_the_same_run_is_not_done_twice(planned):
    folder, found = planned
    log = run_folder(folder) / "log.lammps"
    before = log.stat().st_mtime_ns
    assert json.loads(plan(folder))[0] == found
    assert log.stat().st_mtime_ns == before


def test_the_estimate_against_a_biased_run(planned, lmp, tmp_path):
    """The hills that a run at g = 4 needs for the bias that the estimate is made of."""
    folder, found = planned
    biasfactor, pace, temperature = 4.0, 50, 300.0
    nvt = found["nvt"]
    expected = hills_to_fill(biasfactor, 0.5, 1.0)
    # The short run again, then the bias.
    script = (run_folder(folder) / SCRIPT).read_text() + (
        f"fix wte all plumed plumedfile {runs.PLUMED} outfile {runs.PLUMED_LOG}\n"
        f"fix_modify wte energy no\nrun {int(2 * expected) * pace}\n"
    )
    (tmp_path / runs.BOX_DATA).write_text((run_folder(folder) / runs.BOX_DATA).read_text())
    bias = runs.EnergyBias(temperature, nvt["mean_eV"], nvt["sigma_eV"], biasfactor, pace=pace)
    (tmp_path / runs.PLUMED).write_text(runs.plumed(bias, REAL))
    lmp(script)
    heights = colvar.read(tmp_path / runs.HILLS)["height"] * KCAL_MOL_IN_EV
    # PLUMED writes the heights of the free energy: times g / (g - 1).
    heights *= (biasfactor - 1) / biasfactor / (KB_EV * temperature)
    volume = np.sqrt(2 * np.pi) * np.cumsum(heights)
    counted = int(np.searchsorted(volume, bias_volume(biasfactor)))
    assert counted == pytest.approx(expected, rel=0.3)
