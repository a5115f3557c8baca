"""DP-GEN's keys of exploration with real engines: what LAMMPS and the models make of them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.engines import engine_environment
from tests.support.loop_runs import Run
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch.tasks import Task
from wtemlp.md.dump import read_dump
from wtemlp.stages.context import RunContext
from wtemlp.stages.exploration import explore
from wtemlp.stages.exploration.walker_results import read_rows

PLAIN = {"sys_idx": [0], "temps": [300], "ensemble": "nvt", "nsteps": 20, "trj_freq": 10}
D3 = {"enable": True, "damping_function": "bj", "functional": "pbe", "cutoff": 12, "cn_cutoff": 8}


def explored(run: Run, folder: Path, job: dict, **changes: object) -> Path:
    """A walker with the run's models, at its end: its folder."""
    (folder / "iter.000000").mkdir(parents=True)
    (folder / "iter.000000/00.train").symlink_to(run.folder / "iter.000000/00.train")
    (folder / "init").symlink_to(run.folder / "init")
    shutil.copy(run.folder / "machine.json", folder)
    param = json.loads((run.folder / "param.json").read_text())
    param |= {"model_devi_engine": "lammps", "model_devi_jobs": [job], **changes}
    (folder / "param.json").write_text(json.dumps(param))
    params = load_params(folder / "param.json", folder)
    context = RunContext(params, load_machines(folder / "machine.json", folder), RunPaths(folder))
    explore.prepare(context, 0)
    walk(explore.tasks(context, 0)[0][0])
    table, _ = explore.collect(context, 0)
    assert len(table) and np.isfinite(table.max_devi_f).all()
    return explore.task_folders(context.paths, 0)[0]


def walk(task: Task) -> None:
    command = task.command.replace("wtemlp lmp", f"{sys.executable} -m wtemlp.lammps_plumed.lmp")
    if "-partition" in command:
        mpi = Path(sys.prefix) / "bin/mpiexec"
        command = command.replace(sys.executable, f"{mpi} -np 2 {sys.executable}")
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=task.folder,
        env=engine_environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert all(
        list(task.folder.glob(name))
        for name in task.backward
        if "*" not in name and not name.endswith(".wte")
    ), task.backward


def test_one_file_with_forces_is_cut_into_the_frames(run, tmp_path):
    """Without dispersion the same forces as the models' alone; with it others."""
    keys = {"model_devi_merge_traj": True, "lmp_neigh_modify_one": 3000}
    forces = {}
    for name, more in (("plain", {}), ("d3", {"lmp_d3": D3})):
        folder = explored(run, tmp_path / name, PLAIN, **keys, **more)
        frames = read_dump(folder / "all.lammpstrj")
        assert frames.steps.tolist() == [0, 10, 20]
        forces[name] = frames.forces[0]
        log = (folder / "log.lammps").read_text()
        assert ("dispersion/d3" in log) == bool(more) and "one 3000" in log
    apart = np.abs(forces["d3"] - forces["plain"]).max()
    assert 1e-4 < apart < 0.5


def test_deviations_relative_to_the_size_of_a_force(run, tmp_path):
    """In a biased run by wtemlp's script: DP-GEN's eps in df / (|f| + eps)."""
    job = PLAIN | {"nsteps": 20, "wte": {"biasfactor": 4, "sigma": "0.5 eV", "nvt_steps": 100}}
    devi = []
    for name, more in (("plain", {}), ("relative", {"use_relative": True, "epsilon": 100.0})):
        engine = {"model_devi_engine": "wte", **more}
        folder = explored(run, tmp_path / name, job, **engine)
        steps, _, forces, _ = read_rows(folder / "model_devi.out")
        assert steps.tolist() == list(range(0, 121, 10))
        devi.append(forces)
    # |f| is a few eV/Angstrom, so that little is added to eps.
    np.testing.assert_allclose(devi[1][0], devi[0][0] / 100, rtol=0.2)
    assert devi[1][0] < devi[0][0] / 100


def test_beads_of_a_path_integral(run, tmp_path):
    """Two replicas by MPI: their frames one after the other."""
    folder = explored(run, tmp_path / "beads", PLAIN | {"nbeads": 2})
    steps, *_ = read_rows(folder / "model_devi.out")
    assert steps.tolist() == [0, 10, 20, 21, 31, 41]
    first, second = (read_dump(folder / f"traj/{step}.lammpstrj") for step in (20, 41))
    assert first.steps.tolist() == second.steps.tolist() == [20]
    assert np.abs(first.coords - second.coords).max() > 1e-3


def test_a_molecule_without_a_cell_that_is_knocked(run, tmp_path):
    changes = {"model_devi_nopbc": True}
    folder = explored(run, tmp_path / "open", PLAIN | {"pka_e": 2.0, "dt": 0.0002}, **changes)
    script = (folder / "input.lammps").read_text()
    assert "boundary        f f f" in script and "timestep        0.000200" in script
    vector = [float(word) for word in script.split("first set")[1].split('"')[0].split()]
    # 2 eV to an oxygen atom, the first one: Angstrom/ps.
    speed = np.sqrt(2 * 2.0 / (15.9994 * 1.0364269e-4))
    assert np.linalg.norm(vector) == pytest.approx(speed, rel=1e-3)
    moved = (
        read_dump(folder / "traj/10.lammpstrj").coords
        - read_dump(folder / "traj/0.lammpstrj").coords
    )
    assert np.linalg.norm(moved[0, 0]) > 0.02
