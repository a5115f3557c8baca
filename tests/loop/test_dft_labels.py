"""The loop with labels by DFT: a job a frame, failures, kills, and what a label is of."""

import json
from collections import Counter

import dpdata
import numpy as np
import pytest

from tests.support import fp_outputs
from tests.support.dft_runs import COUNT, dft_run, environment
from tests.support.engines import require_engine
from tests.support.loop_runs import job
from wtemlp.records.state import Step


def outcomes(run, iteration: int = 0) -> list[dict]:
    return json.loads((run.folder / f"iter.{iteration:06d}/02.fp/labels.json").read_text())


def calls(run) -> Counter:
    """How often each frame was calculated, in all iterations together."""
    file = run.folder / COUNT
    return Counter(file.read_text().split()) if file.exists() else Counter()


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A run that nobody disturbed."""
    require_engine("lammps")
    run = dft_run(tmp_path_factory.mktemp("dft") / "run")
    run.output = run.finish()
    return run


def test_a_run_is_finished(done):
    assert done.state()["finished"] == "end of model_devi_jobs"
    assert "finished (end of model_devi_jobs)" in done.output
    assert len(outcomes(done)) == 5 and all(frame["labelled"] for frame in outcomes(done))
    assert set(calls(done).values()) == {2}  # once an iteration


def test_labels_are_a_function_of_the_bare_frame(done):
    for iteration in range(2):
        fp = done.folder / f"iter.{iteration:06d}/02.fp"
        for frame in outcomes(done, iteration):
            poscar = fp / frame["frame"] / "POSCAR"
            energy, _ = fp_outputs.law(dpdata.System(str(poscar), fmt="vasp/poscar")["coords"][0])
            assert frame["label_eV"] == pytest.approx(energy, abs=1e-6)
        data = dpdata.LabeledSystem(str(next((fp / "data.000").glob("O*"))), fmt="deepmd/npy")
        assert len(data) == 5
        for coords, forces in zip(data["coords"], data["forces"], strict=True):
            assert np.abs(fp_outputs.law(coords)[1] - forces).max() < 1e-4


def test_dpgens_lists_and_data_are_there(done):
    fp = done.folder / "iter.000000/02.fp"
    for name in ("candidate", "rest_accurate", "rest_failed"):
        assert (fp / f"{name}.shuffled.000.out").exists()
    candidates = (fp / "candidate.shuffled.000.out").read_text().splitlines()
    for frame in outcomes(done):
        assert f"{frame['task']} {frame['step']}" in candidates
        assert (fp / frame["frame"] / "conf.dump").readlink().name == f"{frame['step']}.lammpstrj"
        assert (fp / frame["frame"] / "job.json").exists()


def test_failed_frames_are_left_out(tmp_path):
    require_engine("lammps")
    run = dft_run(tmp_path / "run", "vasp", model_devi_jobs=[job()], ratio_failed=0.5)
    crashed, open_ = "task.000.000001", "task.000.000003"
    environment(run, FAKE_DFT_CRASHES=crashed, FAKE_DFT_UNCONVERGED=open_)
    output = run.finish()
    frames = {frame["frame"]: frame for frame in outcomes(run)}
    assert sum(frame["labelled"] for frame in frames.values()) == 3
    assert "failed (exit status 1" in frames[crashed]["reason"]
    assert frames[open_]["reason"] == "there is no converged label in its output"
    assert f"no label for {crashed}" in output and f"no label for {open_}" in output


def test_too_many_failures_end_the_run_and_only_they_are_done_again(tmp_path):
    require_engine("lammps")
    run = dft_run(tmp_path / "run", model_devi_jobs=[job()])
    bad = {"task.000.000001", "task.000.000003"}
    environment(run, FAKE_DFT_CRASHES="task.000.000001", FAKE_DFT_UNCONVERGED="task.000.000003")
    process = run.start()
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 1, output
    assert "failed for 2 of 5 frames, more than ratio_failed = 0.0 allows" in output
    assert "FATAL ERROR: the fake program has crashed" in output
    assert "go on with: wtemlp run" in output
    environment(run)
    run.finish()
    assert all(frame["labelled"] for frame in outcomes(run))
    again = {name for name, count in calls(run).items() if count > 1}
    assert again == bad


def test_what_a_user_puts_into_the_folders_of_failed_frames_is_taken_or_stays(tmp_path):
    require_engine("lammps")
    run = dft_run(tmp_path / "run", model_devi_jobs=[job()])
    first, second = "task.000.000001", "task.000.000003"
    environment(run, FAKE_DFT_CRASHES=f"{first} {second}")
    process = run.start()
    process.communicate(timeout=300)
    assert process.returncode == 1
    folder = run.folder / "iter.000000/02.fp"
    fp_outputs.pwscf(folder / first, fp_outputs.sample(folder / first / "POSCAR"))
    (folder / second / "notes.txt").write_text("made by hand")
    environment(run)
    output = run.finish()
    assert f"{first}: the output that is there is taken as its label" in output
    assert all(frame["labelled"] for frame in outcomes(run))
    assert calls(run)[first] == 1 and calls(run)[second] == 2
    assert (folder / second / "notes.txt").read_text() == "made by hand"


@pytest.mark.parametrize("everything", [False, True])
def test_killed_while_labelling(done, tmp_path, everything):
    run = dft_run(tmp_path / "run")
    environment(run, FAKE_DFT_SLEEP="0.7")
    run.kill_at(0, Step.RUN_LABEL, 2.2, everything)
    finished = {p.parent.name for p in run.folder.glob("iter.*/02.fp/*/.wtemlp_task_tag_finished")}
    before = calls(run)
    environment(run)
    run.finish()
    assert run.fingerprint() == done.fingerprint()
    for name in finished:  # once in each iteration: none was repeated
        assert calls(run)[name] == 2, (before, calls(run))
