"""The examples of docs/api.md, on a run with cheap engines."""

import re
from pathlib import Path

import numpy as np

from tests.support.engines import require_engine
from tests.support.loop_runs import make_run
from tests.support.plugins import short
from tests.support.synthetic_validation import validation
from tests.support.waters import water_box
from wtemlp.records import validation_record

PAGE = Path(__file__).parents[2] / "docs/api.md"


def trajectory() -> dict[str, object]:
    """Water that trembles: what the example of the analysis is given."""
    types, coords = water_box(4, 12.42, seed=1)[:2]
    rng = np.random.default_rng(2)
    steps = rng.normal(scale=0.05, size=(400, *coords.shape)).cumsum(axis=0)
    elements = np.array(["O", "H"])[types]
    return {
        "np": np,
        "coords": coords + steps,
        "cells": np.tile(12.42 * np.eye(3), (400, 1, 1)),
        "elements": elements,
        "masses": np.where(elements == "O", 15.9994, 1.008),
    }


def test_the_examples_of_the_page_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    require_engine("lammps")
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    assert len(blocks) == 5
    short_run = {"model_devi_jobs": [short()], "numb_models": 2, "fp_task_max": 2}
    for name in ("quickstart", "steps"):
        make_run(tmp_path / "runs" / name, **short_run)
    record = tmp_path / "runs/quickstart/validation/validation.json"
    record.parent.mkdir()
    validation_record.save(record, validation())
    monkeypatch.chdir(tmp_path)
    scope = trajectory()
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), scope)
    said = capsys.readouterr().out
    assert "end of model_devi_jobs" in said and "frames, 2 labelled" in said
    assert re.search(r"^2 of \d+ frames, 100 meV/A$", said, re.M)
    assert not (tmp_path / "runs/steps/wtemlp.json").exists()
