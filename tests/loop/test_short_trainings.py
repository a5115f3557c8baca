"""Trainings that end before their last step, and say that all went well, leave no models."""

import json

import pytest

from tests.support.loop_runs import PARAM, job, make_run
from wtemlp.core.errors import CalculationError
from wtemlp.dispatch.script import AGAIN, DONE
from wtemlp.records.state import Step
from wtemlp.stages.training_steps import require_whole


def test_a_training_that_ends_too_early_and_exits_0_is_told_and_made_again(tmp_path):
    longer = PARAM["default_training_param"] | {"training": {"numb_steps": 60, "disp_freq": 10}}
    run = make_run(tmp_path / "run", default_training_param=longer, model_devi_jobs=[job()])
    process = run.start(CHEAP_ENGINE_LAST_STEP="20")
    output = process.communicate(timeout=600)[0]
    assert process.returncode == 1
    assert "iter.000000/00.train/000: the training ended at step 20 of 60" in output
    assert "(4 models did)" in output and "exit status 0" in output
    assert "go on with: wtemlp run param.json machine.json" in output
    assert run.state()["step"] == Step.RUN_TRAIN
    output = run.finish()  # the printed command
    assert run.state()["finished"] and "the training ended" not in output


@pytest.mark.parametrize(
    ("rows", "numb_steps", "short"),
    [
        ("0 1.0\n10 1.0\n20 1.0\n", 30, False),  # the last row may be one before the end
        ("0 1.0\n10 1.0\n20 1.0\n", 31, True),
        ("# step\n", 1000, False),  # no row, or none that can be read: nothing is known
        ("0 1.0\n" + 64 * "\0", 1000, False),
    ],
)
def test_the_last_row_of_a_learning_curve_tells(tmp_path, rows, numb_steps, short):
    training = {"training": {"numb_steps": numb_steps, "disp_freq": 10}}
    (tmp_path / "input.json").write_text(json.dumps(training))
    (tmp_path / "lcurve.out").write_text(rows)
    (tmp_path / DONE).write_text("job 0\n")
    if short:
        with pytest.raises(CalculationError, match=f"ended at step 20 of {numb_steps}"):
            require_whole([tmp_path])
    else:
        require_whole([tmp_path])
    assert (tmp_path / DONE).exists() != short and (tmp_path / AGAIN).exists() == short
