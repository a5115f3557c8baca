"""Atoms that are labelled with what is around them, and labels with an electron temperature.

DP-GEN chooses and reads; LAMMPS and DeePMD-kit are real, the programs of the labels stand-ins.
"""

import json
import os
import shutil
import sys
from pathlib import Path

import dpdata
import numpy as np
import pytest

from tests.support import program
from tests.support.engines import require_engine
from tests.support.handover_files import Ours, environment, write_input
from tests.support.loop_runs import ROOT, Run
from tests.support.loop_state import set_state
from wtemlp.analysis.frames import Decision, load_frames
from wtemlp.core.errors import CalculationError
from wtemlp.md.dump import read_dump
from wtemlp.records.state import Step

GAUSSIAN = {"keywords": "force b3lyp/6-31g", "nproc": 1, "multiplicity": 1}
JOB = {"sys_idx": [0], "ensemble": "nvt", "nsteps": 20, "trj_freq": 5}
LABELS = "iter.000000/02.fp"


def done(folder: Path, label: str, **changes: object) -> Run:
    """A run to its end: one exploration, and a training on what has come of it."""
    require_engine("lammps", "deepmd")
    write_input(folder, model_devi_dt=0.0001, model_devi_skip=0, fp_task_max=3, **changes)
    for system in ("train", "validation"):
        n_frames = len(np.load(folder / f"data/{system}/set.000/energy.npy"))
        np.save(folder / f"data/{system}/set.000/fparam.npy", np.full((n_frames, 1), 300.0))
    (folder / "INCAR").write_text("KSPACING = 0.5\nKGAMMA = T\nISMEAR = -1\n")
    for name in ("O.pp", "H.pp"):
        (folder / name).write_text(name)
    machine = json.loads((folder / "machine.json").read_text())
    machine["fp"]["command"] = f"PYTHONPATH={ROOT} {sys.executable} {label}"
    (folder / "machine.json").write_text(json.dumps(machine))
    path = environment()["PATH"]
    ended = program.run("run", "param.json", "machine.json", cwd=folder, timeout=600, PATH=path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return Run(folder)


@pytest.fixture(scope="module")
def clusters(tmp_path_factory) -> Run:
    return done(
        tmp_path_factory.mktemp("clusters") / "run",
        f"{ROOT}/tests/loop/foreign_programs.py g16",
        model_devi_jobs=[JOB | {"temps": [330]}],
        fp_style="gaussian",
        fp_params=GAUSSIAN,
        use_clusters=True,
        cluster_cutoff=3.0,
    )


def test_atoms_are_chosen_by_their_own_deviation(clusters):
    """Each has a row: five frames of 81 atoms."""
    table = load_frames(clusters.folder / "iter.000000/01.model_devi/explored.npz")
    walker = clusters.folder / "iter.000000/01.model_devi/task.000.000000"
    rows = np.loadtxt(walker / "model_devi.out")
    assert rows.shape == (5, 7 + 81) and len(table) == 5 * 81
    np.testing.assert_allclose(np.sort(table.max_devi_f), np.sort(rows[:, 7:].ravel()))
    assert table.count(Decision.SELECTED) == 3
    assert " atomic" in (walker / "input.lammps").read_text()
    for task in sorted((clusters.folder / LABELS).glob("task.*")):
        made = json.loads((task / "frame.json").read_text())
        assert made["temperature_K"] == 330 and made["task"].endswith("task.000.000000")
        step = rows[:, 0].tolist().index(made["step"])
        assert made["max_devi_f"] == pytest.approx(rows[step, 7 + made["atom"]])


def test_what_is_labelled_are_the_molecules_around_the_atom(clusters):
    """All that reach into 3 Angstrom, whole, at the places that they have in the frame."""
    for task in sorted((clusters.folder / LABELS).glob("task.*")):
        made = json.loads((task / "frame.json").read_text())
        frame = dpdata.System(
            str(clusters.folder / made["task"] / f"traj/{made['step']}.lammpstrj"),
            fmt="lammps/dump",
            type_map=["O", "H"],
        )
        cell = np.diag(frame["cells"][0])
        away = frame["coords"][0] - frame["coords"][0][made["atom"]]
        near = np.linalg.norm(away - cell * np.round(away / cell), axis=1) < 3.0
        sent = dpdata.System(str(task / "POSCAR"), fmt="vasp/poscar")
        assert sent.get_natoms() % 3 == 0 and sent.get_natoms() >= near.sum() > 1
        apart = sent["coords"][0][:, None] - frame["coords"][0][near][None]
        apart = np.linalg.norm(apart - cell * np.round(apart / cell), axis=2)
        assert apart.min(axis=0).max() < 1e-4


def test_clusters_of_all_sizes_are_trained_on(clusters):
    labels = json.loads((clusters.folder / LABELS / "labels.json").read_text())
    assert [label["labelled"] for label in labels] == [True] * 3
    data = sorted((clusters.folder / LABELS / "data.000").glob("O*"))
    assert sum(len(dpdata.LabeledSystem(str(d), fmt="deepmd/npy")) for d in data) == 3
    given = json.loads((clusters.folder / "iter.000001/00.train/000/input.json").read_text())
    systems = given["training"]["training_data"]["systems"]
    assert sum("iter.000000/02.fp/data.000" in system for system in systems) == len(data)
    assert (clusters.folder / "iter.000001/00.train/graph.000.pb").exists()


def gone_back(run: Run, folder: Path, step: Step, **changes: object) -> Ours:
    """A copy of a run that has come to a step, with another parameter file."""
    shutil.copytree(run.folder, folder, symlinks=True)
    param = json.loads((folder / "param.json").read_text()) | changes
    param = {key: value for key, value in param.items() if value is not ...}
    (folder / "param.json").write_text(json.dumps(param))
    set_state(Run(folder), iteration=0, step=int(step), finished="", final=None)
    return Ours(folder)


def test_atoms_are_chosen_again_alike(clusters, tmp_path):
    """What has gone is made anew, with the same choice."""
    shutil.copytree(clusters.folder, tmp_path / "first", symlinks=True)
    shutil.rmtree(tmp_path / "first" / LABELS)
    again = gone_back(Run(tmp_path / "first"), tmp_path / "run", Step.RUN_LABEL)
    assert again.next == (0, Step.MAKE_LABEL)
    again.go_on()
    for name in ("frame.json", "POSCAR"):
        for task in sorted((clusters.folder / LABELS).glob("task.*")):
            made = (tmp_path / "run" / LABELS / task.name / name).read_text()
            assert made == (task / name).read_text()


def test_another_way_of_choosing_explores_anew(clusters, tmp_path):
    """DP-GEN's walkers are none of wtemlp's."""
    run = gone_back(
        clusters, tmp_path / "run", Step.POST_EXPLORE, use_clusters=..., cluster_cutoff=...
    )
    assert run.next == (0, Step.MAKE_EXPLORE)
    assert any("whether DP-GEN chooses has changed" in line for line in run.said)


def test_a_script_without_the_deviations_of_atoms_is_told(clusters, tmp_path):
    models = "../graph.000.pb ../graph.001.pb"
    template = f"pair_style deepmd {models} out_freq 5 out_file model_devi.out"
    head = "units metal\natom_style atomic\nread_data conf.lmp\n"
    lines = f"{head}{template}\npair_coeff * * O H\ndump dpgen_dump\nrun 10\n"
    (tmp_path / "in.lmp").write_text(lines)
    entry = {
        "sys_idx": [0],
        "trj_freq": 5,
        "template": {"lmp": str(tmp_path / "in.lmp")},
        "rev_mat": {"lmp": {}},
    }
    run = gone_back(clusters, tmp_path / "run", Step.MAKE_EXPLORE, model_devi_jobs=[entry])
    with pytest.raises(CalculationError, match="its pair_style deepmd is not `atomic`"):
        run.go_on()


@pytest.fixture(scope="module")
def electrons(tmp_path_factory) -> Run:
    return done(
        tmp_path_factory.mktemp("electrons") / "run",
        f"{ROOT}/tests/support/fp_outputs.py vasp",
        model_devi_jobs=[JOB | {"temps": [[330, 20000]]}],
        fp_style="vasp",
        fp_params=...,
        fp_pp_path=".",
        fp_pp_files=["O.pp", "H.pp"],
        fp_incar="INCAR",
        use_ele_temp=1,
        validation_data_sys=["validation"],
    )


def test_the_electron_temperature_goes_with_frames_labels_and_models(electrons):
    walker = electrons.folder / "iter.000000/01.model_devi/task.000.000000"
    script = (walker / "input.lammps").read_text()
    assert "fparam ${ELE_TEMP}" in script and "ELE_TEMP        equal 20000" in script
    assert "330" in script
    tasks = sorted((electrons.folder / LABELS).glob("task.*"))
    assert len(tasks) == 3
    for task in tasks:
        made = json.loads((task / "frame.json").read_text())
        assert (made["temperature_K"], made["electron_temperature_K"]) == (330, 20000)
        (line,) = [one for one in (task / "INCAR").read_text().splitlines() if "SIGMA" in one]
        assert float(line.split("=")[1]) == pytest.approx(20000 * 8.617333e-5, rel=1e-5)  # eV
    (data,) = (electrons.folder / LABELS / "data.000").glob("O*/set.*")
    np.testing.assert_array_equal(np.load(data / "fparam.npy"), np.full((3, 1), 20000.0))
    given = json.loads((electrons.folder / "iter.000001/00.train/000/input.json").read_text())
    assert given["model"]["fitting_net"]["numb_fparam"] == 1
    summary = json.loads((electrons.folder / "iter.000001/summary.json").read_text())
    assert np.isfinite(summary["force_rmse_meV_A"])


def test_frames_in_one_file_are_traced(electrons, tmp_path, monkeypatch):
    """DP-GEN copies the chosen ones; which they were is known from its lists."""
    monkeypatch.setenv("PATH", environment()["PATH"])
    run = gone_back(
        electrons,
        tmp_path / "run",
        Step.MAKE_EXPLORE,
        model_devi_merge_traj=True,
        model_devi_f_trust_lo=0.0,
        model_devi_f_trust_hi=1000.0,
    )
    run.go_on(5)  # the labels are made
    walker = tmp_path / "run/iter.000000/01.model_devi/task.000.000000"
    frames = read_dump(walker / "all.lammpstrj")
    assert frames.steps.tolist() == [0, 5, 10, 15, 20] and not (walker / "traj").exists()
    table = load_frames(walker.parent / "explored.npz")
    assert len(table) == 5
    tasks = sorted((tmp_path / "run" / LABELS).glob("task.*"))
    made = [json.loads((task / "frame.json").read_text()) for task in tasks]
    assert (
        sorted(table.where(table.decision == Decision.SELECTED).step)
        == sorted(one["step"] for one in made)
        and len(made) == 3
    )
    for task, one in zip(tasks, made, strict=True):
        assert one["electron_temperature_K"] == 20000 and one["task"].endswith(walker.name)
        sent = dpdata.System(str(task / "POSCAR"), fmt="vasp/poscar")
        frame = frames.steps.tolist().index(one["step"])
        apart = sent["coords"][0] - frames.coords[frame][np.argsort(frames.types, kind="stable")]
        cell = np.diag(sent["cells"][0])
        assert np.abs(apart - cell * np.round(apart / cell)).max() < 1e-4
        assert (task / "OUTCAR").exists()


def test_a_validation_is_refused_in_a_line(electrons):
    ended = program.run(
        "validate", "param.json", "machine.json", cwd=electrons.folder, PATH=os.environ["PATH"]
    )
    assert ended.returncode == 2 and "use_ele_temp" in ended.stderr
    assert ended.stderr.count("\n") == 1
