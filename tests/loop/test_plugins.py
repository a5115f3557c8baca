"""An installed package with a labeller and a selector in a loop; explorers against their checks."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.support.loop_runs import make_run
from tests.support.plugins import short
from wtemlp import testing
from wtemlp.analysis.frames import Decision, load_frames
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.core.paths import RunPaths
from wtemlp.stages import train
from wtemlp.stages.context import RunContext
from wtemlp.stages.registry import explorer_of

EXAMPLE = Path(__file__).parents[2] / "examples/plugin"


def test_an_installed_package_labels_and_selects(tmp_path):
    shutil.copytree(EXAMPLE, tmp_path / "source")
    site = tmp_path / "site"
    pip = ["pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", str(site)]
    subprocess.run([sys.executable, "-m", *pip, str(tmp_path / "source")], check=True)
    run = make_run(
        tmp_path / "run",
        model_devi_jobs=[short()],
        numb_models=2,
        fp_task_max=3,
        fp_style="soft-spheres",
        fp_params={"k": 1.0},
        selection={"method": "hottest"},
    )
    machine = json.loads((run.folder / "machine.json").read_text())
    machine["fp"]["command"] = sys.executable
    (run.folder / "machine.json").write_text(json.dumps(machine))
    done = subprocess.run(
        [sys.executable, "-m", "wtemlp", "run", "param.json", "machine.json"],
        cwd=run.folder,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3, picked by hottest, go to the reference method" in done.stdout
    table = load_frames(run.folder / "iter.000000/01.model_devi/explored.npz")
    candidates = table.energy_eV[table.verdict == Decision.CANDIDATE]
    chosen = table.energy_eV[table.decision == Decision.SELECTED]
    np.testing.assert_allclose(np.sort(chosen), np.sort(candidates)[-3:])
    energies = np.load(next(run.folder.glob("iter.000000/02.fp/data.000/*/set.000/energy.npy")))
    assert len(energies) == 3 and (energies >= 0).all()
    assert json.loads((run.folder / "iter.000000/summary.json").read_text())["labelled"] == 3


def with_models(folder: Path) -> RunContext:
    """A run whose first training is done."""
    run = make_run(folder, model_devi_jobs=[short()], numb_models=2)
    params = load_params(run.folder / "param.json", run.folder)
    machines = load_machines(run.folder / "machine.json", run.folder)
    context = RunContext(params, machines, RunPaths(run.folder))
    train.prepare(context, 0)
    for task in train.tasks(context, 0)[0]:
        testing.run_task(task)
    train.collect(context, 0)
    return context


def test_the_explorer_of_the_well_tempered_ensemble_passes_the_checks(tmp_path):
    explorer = explorer_of(with_models(tmp_path / "any").params)
    frames = testing.check_explorer(explorer, with_models, tmp_path)
    assert len(frames) and np.isfinite(frames.energy_eV).any()
