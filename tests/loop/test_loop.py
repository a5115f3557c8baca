"""The whole loop with cheap engines: what it leaves, and that kills change nothing."""

import json
import re
import shutil
import signal
import subprocess
import time

import dpdata
import numpy as np
import pytest

from tests.support import program
from tests.support.loop_runs import job, make_run
from tests.support.loop_state import set_state
from tests.support.waters import water_box
from wtemlp.analysis.frames import Decision, load_frames
from wtemlp.core.paths import RunPaths
from wtemlp.md import colvar
from wtemlp.records.state import Step
from wtemlp.records.summary import read_summary


def labelled(run):
    files = sorted(run.folder.glob("iter.*/02.fp/data.*/**/set.000/energy.npy"))
    return sum(len(np.load(file)) for file in files)


def test_a_run_ends_with_data_models_and_a_report(undisturbed):
    state = undisturbed.state()
    assert state["finished"] == "end of model_devi_jobs" and state["iteration"] == 2
    assert labelled(undisturbed) == 10
    assert len(list(undisturbed.folder.glob("iter.000002/00.train/graph.*.pb"))) == 4
    assert (undisturbed.folder / "report.html").stat().st_size > 1_000_000
    assert "finished (end of model_devi_jobs)" in (undisturbed.folder / "said.txt").read_text()


def test_record_is_dpgens(undisturbed):
    steps = [f"{i} {s}" for i in range(2) for s in range(9)] + ["2 0", "2 1", "2 2"]
    assert (undisturbed.folder / "record.dpgen").read_text().split("\n") == [*steps, ""]


def test_decisions_follow_the_trust_levels(undisturbed):
    for iteration in range(2):
        table = load_frames(undisturbed.folder / f"iter.{iteration:06d}/01.model_devi/explored.npz")
        assert len(table) == 4 * 13
        chosen = table.decision == Decision.SELECTED
        assert chosen.sum() == 5
        assert ((table.max_devi_f >= 0.2) & (table.max_devi_f < 0.8))[chosen].all()
        assert (table.max_devi_f[table.decision == Decision.ACCURATE] < 0.2).all()
        assert (table.max_devi_f[table.decision == Decision.FAILED] >= 0.8).all()
        lists = {
            name: (undisturbed.folder / f"iter.{iteration:06d}/02.fp" / f"{name}.shuffled.000.out")
            .read_text()
            .splitlines()
            for name in ("candidate", "rest_accurate", "rest_failed")
        }
        assert sum(map(len, lists.values())) == len(table)
        assert len(lists["rest_failed"]) == table.count(Decision.FAILED)


def test_each_walker_has_the_distributions_of_its_energy(undisturbed):
    tasks = sorted(undisturbed.folder.glob("iter.*/01.model_devi/task.*"))
    assert len(tasks) == 8
    for task in tasks:
        columns = colvar.read(task / "P_energy.dat")
        width = np.diff(columns["energy"])[0]
        for name in ("p_nvt", "p_biased", "p_reweighted"):
            assert columns[name].sum() * width == pytest.approx(1, rel=1e-6)
        settings = colvar.read_settings(task / "P_energy.dat")
        assert (int(settings["n_nvt"]), int(settings["n_biased"])) == (61, 21)
        assert (settings["reweighting"] == "trustworthy") == (float(settings["independent"]) >= 10)


def test_seeds_differ_between_models_and_iterations(undisturbed):
    seeds = [
        json.loads(file.read_text())["training"]["seed"]
        for file in sorted(undisturbed.folder.glob("iter.*/00.train/*/input.json"))
    ]
    assert len(seeds) == 12 and len(set(seeds)) == 12


def test_training_data_grows_with_the_labels(undisturbed):
    rows = [
        json.loads((undisturbed.folder / f"iter.{i:06d}/summary.json").read_text())
        for i in range(3)
    ]
    assert [row["n_train_frames"] for row in rows] == [4, 9, 14]
    assert [row["labelled"] for row in rows] == [5, 5, None]


def test_the_same_input_gives_the_same_run(undisturbed, tmp_path):
    """Another process, in which sets have another order, and from the command line."""
    again = make_run(tmp_path / "elsewhere")
    subprocess.run(
        [*program.COMMAND, "run", "param.json", "machine.json"],
        cwd=again.folder,
        check=True,
        env=program.environment(PYTHONHASHSEED="7"),
        capture_output=True,
        timeout=600,
    )
    assert again.fingerprint() == undisturbed.fingerprint()


#: Where to kill: iteration, step, seconds after its beginning, and whether the tasks die too.
KILLS = [
    (0, Step.RUN_TRAIN, 0.0, False),
    (0, Step.RUN_TRAIN, 1.5, True),
    (0, Step.RUN_TRAIN, 2.5, False),
    (0, Step.POST_TRAIN, 0.0, True),
    (0, Step.MAKE_EXPLORE, 0.0, True),
    (0, Step.RUN_EXPLORE, 0.5, False),
    (0, Step.RUN_EXPLORE, 1.5, True),
    (0, Step.POST_EXPLORE, 0.0, True),
    (0, Step.MAKE_LABEL, 0.0, True),
    (0, Step.RUN_LABEL, 0.3, True),
    (0, Step.RUN_LABEL, 1.0, False),
    (0, Step.POST_LABEL, 0.0, True),
    (1, Step.MAKE_TRAIN, 0.0, True),
]


def test_killed_in_every_stage_and_resumed(undisturbed, tmp_path):
    run = make_run(tmp_path / "killed")
    for iteration, step, delay_s, everything in KILLS:
        run.kill_at(iteration, step, delay_s, everything)
    run.kill_at(2, Step.RUN_TRAIN, 1.0, everything=True, sleep_s=20)
    output = run.finish()
    assert "going on in iteration 2" in output
    assert run.fingerprint() == undisturbed.fingerprint()
    assert (run.folder / "record.dpgen").read_text() == (
        undisturbed.folder / "record.dpgen"
    ).read_text()


def test_a_finished_run_stays_finished(copied, undisturbed):
    assert "this run is finished" in copied.finish()
    assert copied.fingerprint() == undisturbed.fingerprint()


def test_more_jobs_continue_a_finished_run(undisturbed, tmp_path):
    folder = tmp_path / "longer"
    shutil.copytree(undisturbed.folder, folder, symlinks=True)
    run = type(undisturbed)(folder)
    param = json.loads((folder / "param.json").read_text())
    param["model_devi_jobs"].append(param["model_devi_jobs"][0])
    (folder / "param.json").write_text(json.dumps(param))
    run.finish()
    assert run.state()["iteration"] == 3
    assert labelled(run) == 15
    kept = {k: v for k, v in run.fingerprint().items() if k in undisturbed.fingerprint()}
    assert kept == undisturbed.fingerprint()


def test_a_run_goes_on_with_another_layout_of_its_frames(tmp_path):
    """A file a frame, as in earlier versions, and from the next iteration on a file a walker."""
    run = make_run(tmp_path / "both", model_devi_merge_traj=False)
    run.finish()
    explored = [f"iter.{index:06d}/01.model_devi/task.000.000000" for index in range(3)]
    assert all((run.folder / task / "traj/100.lammpstrj").is_file() for task in explored[:2])
    param = json.loads((run.folder / "param.json").read_text())
    del param["model_devi_merge_traj"]
    wte = param["model_devi_jobs"][0]["wte"] | {"start": "labelled"}
    param["model_devi_jobs"].append(param["model_devi_jobs"][0] | {"wte": wte})
    (run.folder / "param.json").write_text(json.dumps(param))
    before = run.fingerprint()
    run.finish()
    assert not (run.folder / explored[0] / "all.lammpstrj").exists()
    assert (run.folder / explored[2] / "all.lammpstrj").is_file()
    assert not (run.folder / explored[2] / "traj").exists()
    assert labelled(run) == 15
    assert {k: v for k, v in run.fingerprint().items() if k in before} == before


def test_convergence_ends_the_run_early(tmp_path):
    run = make_run(
        tmp_path / "converged",
        model_devi_f_trust_lo=0.9,
        model_devi_f_trust_hi=0.99,
        convergence={"accurate_ratio": 0.7, "iterations": 1},
    )
    output = run.finish()
    assert run.state()["finished"] == "converged" and run.state()["iteration"] == 1
    assert "converged: the next training is the last" in output


def test_no_candidate_takes_the_models_over(tmp_path):
    run = make_run(tmp_path / "accurate", model_devi_f_trust_lo=5.0, model_devi_f_trust_hi=6.0)
    run.finish()
    assert labelled(run) == 0
    models = [(run.folder / f"iter.{i:06d}/00.train/graph.000.pb").resolve() for i in range(3)]
    assert len(set(models)) == 1 and models[0].name == "frozen_model_compressed.pb"


def test_another_seed_is_refused(copied):
    param = json.loads((copied.folder / "param.json").read_text())
    changed = copied.folder / "changed.json"
    changed.write_text(json.dumps(param | {"seed": 8}))
    done = wtemlp(copied, "run", changed.name, "machine.json")
    assert done.returncode == 2
    assert "changed.json: seed: 8, but the run in" in done.stderr


def test_a_second_client_is_told_so(tmp_path):
    run = make_run(tmp_path / "shared")
    first = run.start(CHEAP_ENGINE_SLEEP="2")
    try:
        while not (run.folder / "wtemlp.live.json").exists():
            assert first.poll() is None
        second = run.start()
        output = second.communicate(timeout=180)[0]
        assert second.returncode == 1
        assert f"another wtemlp is at work here (process {first.pid} on" in output
    finally:
        first.kill()
        first.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_how_to_go_on_and_how_to_end_its_jobs(tmp_path, number):
    run = make_run(tmp_path / "interrupted")
    process = run.start(CHEAP_ENGINE_SLEEP="20")
    while not (run.folder / "iter.000000/00.train/000/lcurve.out").exists():
        assert process.poll() is None
        time.sleep(0.05)
    lost_s = 0.5
    time.sleep(lost_s)
    process.send_signal(number)
    output = process.communicate(timeout=180)[0]
    assert process.returncode == 130
    assert "interrupted; the state is saved and running tasks go on" in output
    assert "end them with: wtemlp cancel" in output and "Traceback" not in output
    assert read_summary(RunPaths(run.folder).summary(0)).seconds["train"] > lost_s
    done = wtemlp(run, "cancel")
    assert done.returncode == 0 and "ended; go on with: wtemlp run" in done.stdout
    assert run.tasks() == []


@pytest.mark.parametrize("everything", [True, False])
def test_status_while_it_runs_and_after_a_kill(tmp_path, everything):
    run = make_run(tmp_path / "watched")
    run.kill_at(0, Step.RUN_TRAIN, 1.5, everything, sleep_s=20)
    done = wtemlp(run, "status")
    run.kill_tasks()
    assert done.returncode == 0
    assert "iteration 0 of 2, train: running" in done.stdout
    assert "has ended); go on with: wtemlp run param.json machine.json" in done.stdout


def test_cancel_ends_what_a_killed_client_left(tmp_path):
    run = make_run(tmp_path / "left")
    run.kill_at(0, Step.RUN_TRAIN, 1.5, everything=False, sleep_s=200)
    assert run.tasks()
    done = wtemlp(run, "cancel")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(
        r"(1 job was|\d+ jobs were) ended; go on with: wtemlp run param.json machine.json\n",
        done.stdout,
    )
    assert not run.tasks()
    assert wtemlp(run, "cancel").stdout.startswith("this run had no jobs;")


def wtemlp(run, *args):
    return program.run(*args, cwd=run.folder)


@pytest.mark.parametrize(
    ("step", "gone", "words"),
    [
        (Step.RUN_LABEL, "iter.000001/01.model_devi/explored.npz", "explored.npz has gone"),
        (Step.POST_LABEL, "iter.000001/02.fp/task.000.000001/frame.lammpstrj", "has gone"),
        (Step.RUN_EXPLORE, "iter.000001/01.model_devi/task.000.000001/input.lammps", "has gone"),
        (Step.RUN_TRAIN, "iter.000001/00.train/002/input.json", "has gone"),
        (Step.RUN_EXPLORE, "iter.000001/01.model_devi/task.000.000003", "has gone"),
        (Step.MAKE_LABEL, "iter.000001/01.model_devi/task.000.000000", "has gone"),
        (Step.POST_LABEL, "iter.000001/02.fp/task.000.000004", "has gone"),
    ],
)
def test_what_has_gone_is_made_again(undisturbed, copied, step, gone, words):
    shutil.rmtree(copied.folder / "iter.000002")
    set_state(copied, iteration=1, step=int(step), finished="")
    remove(copied.folder / gone)
    assert words in copied.finish()
    assert copied.fingerprint() == undisturbed.fingerprint()


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def test_labels_that_have_gone_are_read_anew(undisturbed, copied):
    shutil.rmtree(copied.folder / "iter.000002")
    set_state(copied, iteration=2, step=int(Step.MAKE_TRAIN), finished="")
    shutil.rmtree(copied.folder / "iter.000000/02.fp/data.000")
    assert "labelled frames have gone: reading them anew" in copied.finish()
    assert copied.fingerprint() == undisturbed.fingerprint()


def test_labels_that_cannot_be_had_again_end_the_run(copied):
    set_state(copied, iteration=2, step=int(Step.RUN_TRAIN), finished="")
    for path in copied.folder.glob("iter.000000/02.fp/*[0-9]"):
        remove(path)
    done = wtemlp(copied, "run", "param.json", "machine.json")
    assert done.returncode == 1
    assert "0 labelled frames, but the run has made 5" in done.stderr


@pytest.mark.parametrize("hole", [b"", b"\0" * 100, b"ITEM: TIMESTEP\n0\nITEM: NUMBER OF"])
def test_a_hole_in_a_trajectory_is_told(copied, hole):
    """Where a frame that is chosen is in it; nobody looks for the others."""
    set_state(copied, iteration=1, step=int(Step.POST_EXPLORE), finished="")
    for frames in copied.folder.glob("iter.000001/01.model_devi/task.*/all.lammpstrj"):
        frames.write_bytes(hole)
    done = wtemlp(copied, "run", "param.json", "machine.json")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert re.search(r"the frame of step \d+ in .*/all\.lammpstrj has gone; put it", done.stderr)
    assert "its iteration explores anew" in done.stderr


def test_failing_labels_are_calculated_anew(undisturbed, copied):
    """A job that ended well without its labels fails the stage; given again, it is run again."""
    shutil.rmtree(copied.folder / "iter.000002")
    batch = copied.folder / "iter.000001/02.fp/batch.000.000"
    for name in ("labels.dump", "labels.energy"):
        (batch / name).write_text("")
    set_state(copied, iteration=1, step=int(Step.POST_LABEL), finished="")
    done = wtemlp(copied, "run", "param.json", "machine.json")
    assert done.returncode == 1
    assert "failed for 5 of 5 frames, more than ratio_failed = 0.0 allows" in done.stderr
    copied.finish()
    assert copied.fingerprint() == undisturbed.fingerprint()


def test_a_changed_job_is_told(copied):
    set_state(copied, iteration=1, step=int(Step.RUN_EXPLORE), finished="")
    param = json.loads((copied.folder / "param.json").read_text())
    param["model_devi_jobs"][1]["wte"]["biasfactor"] = [9]
    (copied.folder / "param.json").write_text(json.dumps(param))
    output = copied.finish()
    assert "model_devi_jobs[1] has changed, but its walkers go on as they were" in output
    shutil.rmtree(copied.folder / "iter.000001/01.model_devi")
    shutil.rmtree(copied.folder / "iter.000002")
    set_state(copied, iteration=1, step=int(Step.RUN_EXPLORE), finished="")
    assert "01.model_devi/walkers.json has gone: going back" in copied.finish()
    table = load_frames(copied.folder / "iter.000001/01.model_devi/explored.npz")
    assert set(table.biasfactor) == {9.0}


def test_hills_are_taken_over_from_the_same_walker_of_the_iteration_before(tmp_path):
    shifting = job() | {"wte": {"biasfactor": [1, 4, 16], "nvt_steps": 800, "hills": "shift"}}
    run = make_run(tmp_path / "shift", model_devi_jobs=[job(), shifting])
    run.finish()
    made = {
        task.name: json.loads((task / "job.json").read_text())
        for task in sorted((run.folder / "iter.000001/01.model_devi").glob("task.*"))
    }
    sources = {name: m.get("hills_from", "").split("/")[-2:-1] for name, m in made.items()}
    # Bias factors 1, 4, 16 here; 4, 16 in the iteration before, for each of two structures.
    assert list(sources.values()) == [
        [],
        ["task.000.000000"],
        ["task.000.000001"],
        [],
        ["task.000.000002"],
        ["task.000.000003"],
    ]
    has = {
        task: (run.folder / "iter.000001/01.model_devi" / task / "previous.hills").exists()
        for task in made
    }
    assert has == {task: bool(source) for task, source in sources.items()}


def test_hills_that_have_been_cleared_away_are_not_taken_over(copied):
    """The exploration before is no input of this one: without it, it begins without hills."""
    shutil.rmtree(copied.folder / "iter.000000/01.model_devi")
    param = json.loads((copied.folder / "param.json").read_text())
    for one in param["model_devi_jobs"]:
        one["wte"]["hills"] = "shift"
    (copied.folder / "param.json").write_text(json.dumps(param))
    set_state(copied, iteration=1, step=int(Step.MAKE_EXPLORE), finished="")
    copied.finish()
    made = json.loads(
        (copied.folder / "iter.000001/01.model_devi/task.000.000000/job.json").read_text()
    )
    assert "hills_from" not in made


def test_all_walkers_stopped_is_a_failure(tmp_path):
    run = make_run(tmp_path / "lost")
    process = run.start(CHEAP_ENGINE_STOPS="1")
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 1
    assert "all 4 walkers were stopped and no frame is left to learn from" in output
    assert "task.000.000000: ERROR: Lost atoms" in output
    run.finish()
    assert labelled(run) == 10


def test_most_frames_beyond_trust_is_a_warning(tmp_path):
    run = make_run(tmp_path / "poor", model_devi_f_trust_lo=1e-4, model_devi_f_trust_hi=2e-4)
    assert "warning: most frames are beyond the upper trust level" in run.finish()


def test_damaged_files_are_no_traceback(copied):
    for text in ("", "{ nonsense", "[]", "{}"):
        (copied.folder / "wtemlp.live.json").write_text(text)
        (copied.folder / "iter.000000/summary.json").write_text(text)
        for command in ("status", "report"):
            done = wtemlp(copied, command)
            assert done.returncode == 0, done.stderr
    for text in ("", "{ nonsense", "[]", '{"format": 1}', "\0" * 688):
        (copied.folder / "wtemlp.json").write_text(text)
        for command in (["status"], ["report"], ["run", "param.json", "machine.json"]):
            done = wtemlp(copied, *command)
            assert done.returncode == 2 and "Traceback" not in done.stderr
            assert ("not a state file" if "format" in text else "is damaged") in done.stderr


def test_jobs_of_iterations_that_have_begun_are_kept(copied):
    set_state(copied, iteration=1, step=int(Step.RUN_EXPLORE), finished="")
    param = json.loads((copied.folder / "param.json").read_text())
    param["model_devi_jobs"] = param["model_devi_jobs"][:1]
    (copied.folder / "param.json").write_text(json.dumps(param))
    done = wtemlp(copied, "run", "param.json", "machine.json")
    assert done.returncode == 2
    assert "param.json: model_devi_jobs: 1 jobs, but the run in" in done.stderr


def test_structures_of_different_sizes_in_one_system(tmp_path):
    run = make_run(tmp_path / "mixed", model_devi_jobs=[job()], fp_task_max=20)
    types, coords, _ = water_box(4, 12.6, seed=9, shuffle=False)
    order = np.argsort(types, kind="stable")
    dpdata.System(
        data={
            "atom_names": ["O", "H"],
            "atom_numbs": [64, 128],
            "atom_types": types[order],
            "orig": np.zeros(3),
            "cells": 12.6 * np.eye(3)[None],
            "coords": coords[None, order],
        }
    ).to_vasp_poscar(str(run.folder / "conf/2.POSCAR"))
    run.finish()
    names = sorted(p.name for p in run.folder.glob("iter.000000/02.fp/data.000/*") if p.is_dir())
    assert names == ["O27H54", "O64H128"]
    assert labelled(run) == 20


@pytest.mark.parametrize("name", ["a#b", "a[x]"])
def test_a_folder_that_dpgen_would_misread_is_refused(tmp_path, name):
    run = make_run(tmp_path / name)
    done = wtemlp(run, "run", "param.json", "machine.json")
    assert done.returncode == 2 and "a path with" in done.stderr
    assert not (run.folder / "wtemlp.json").exists()


def test_a_folder_that_cannot_be_written(tmp_path):
    run = make_run(tmp_path / "input")
    done = wtemlp(run, "run", "-C", "/dev/null/run", "param.json", "machine.json")
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1
