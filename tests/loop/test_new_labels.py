"""Errors on newly labelled frames, by models that have not seen them."""

import json
import shutil

import numpy as np
import pytest

from tests.support.loop_runs import job, make_run
from tests.support.loop_state import set_state
from wtemlp.analysis.frames import load_frames
from wtemlp.core.paths import RunPaths
from wtemlp.records.label_errors import read_errors
from wtemlp.records.labels import read_outcomes
from wtemlp.records.state import Step
from wtemlp.records.summary import read_summary


def test_each_iterations_labels_are_a_test_of_its_models(undisturbed):
    paths = RunPaths(undisturbed.folder)
    for iteration in range(2):
        found = read_summary(paths.summary(iteration)).new_labels
        # The cheap engine is wrong by 0.1 eV in each energy, by 0.02 eV/A in each component.
        assert found.frames == 5
        assert found.energy_offset_meV_atom == pytest.approx(100 / 81)
        assert found.energy_rmse_meV_atom == pytest.approx(0, abs=1e-6)
        assert found.force_rmse_meV_A == pytest.approx(20)
        assert found.largest_meV_A == pytest.approx(20 * np.sqrt(3))
        assert sum(part.frames for part in found.parts["biasfactor"].values()) == 5
        said = f"the 5 labels of iteration {iteration}, before training: "
        assert said in (undisturbed.folder / "said.txt").read_text()
    assert read_summary(paths.summary(2)).new_labels is None


def test_each_error_is_of_its_frame(undisturbed):
    paths = RunPaths(undisturbed.folder)
    outcomes = {one.frame: one for one in read_outcomes(paths.label(0))}
    errors = read_errors(paths.label(0))
    assert {one.frame for one in errors} == set(outcomes)
    for one in errors:
        origin = outcomes[one.frame].origin
        assert one.deviation_meV_A == pytest.approx(1e3 * origin.max_devi_f)
        assert (one.walker, one.biasfactor) == (origin.walker, origin.biasfactor)


def test_text_of_every_force_does_not_stay(undisturbed):
    assert not list(undisturbed.folder.glob("iter.*/00.train/*/new_labels.f.out"))
    assert not list(undisturbed.folder.glob("iter.*/00.train/*/new_labels.e*.out"))


def test_a_test_that_fails_costs_nothing_but_itself(undisturbed, copied):
    """The test of the new labels ends with an error; the training is as good."""
    shutil.rmtree(copied.folder / "iter.000001/00.train")
    shutil.rmtree(copied.folder / "iter.000001/01.model_devi")
    shutil.rmtree(copied.folder / "iter.000001/02.fp")
    shutil.rmtree(copied.folder / "iter.000002")
    paths = RunPaths(copied.folder)
    (paths.label(0) / "errors.json").unlink()
    machine = json.loads((copied.folder / "machine.json").read_text())
    machine["train"]["resources"]["envs"] = {"CHEAP_ENGINE_NO_TEST": "new_labels"}
    (copied.folder / "machine.json").write_text(json.dumps(machine))
    set_state(copied, iteration=1, step=int(Step.MAKE_TRAIN), finished="")
    copied.finish()
    assert copied.state()["finished"]
    assert copied.fingerprint() == undisturbed.fingerprint()
    assert not (paths.label(0) / "errors.json").exists()


def test_trust_levels_given_as_errors(tmp_path):
    run = make_run(
        tmp_path / "errors",
        fp_task_max=12,
        trust={"error_meV_A": [10, 60]},
        model_devi_jobs=[job(), job()],
    )
    output = run.finish()
    paths = RunPaths(run.folder)
    first, second = (read_summary(paths.summary(index)) for index in range(2))
    assert "iteration 0: too few errors on labels are known yet" in output
    assert first.trust == [] and second.trust_power == 1
    assert second.trust_ratio == pytest.approx(first.new_labels.ratio)
    levels = (0.010 / second.trust_ratio, 0.060 / second.trust_ratio)
    assert second.trust == [pytest.approx(levels)]
    table = load_frames(paths.explored(1))
    judged = table.max_devi_f
    candidates = (judged >= levels[0]) & (judged < levels[1])
    assert second.candidate == candidates.sum() > 0
    assert "Errors on new labels" in (run.folder / "report.html").read_text()
    assert run.fingerprint() == make_run_again(run, tmp_path).fingerprint()


def make_run_again(run, tmp_path):
    """The same, killed where the levels are made."""
    again = make_run(tmp_path / "again", **json.loads((run.folder / "param.json").read_text()))
    again.kill_at(1, Step.MAKE_LABEL, 0.0, everything=True)
    again.finish()
    return again
