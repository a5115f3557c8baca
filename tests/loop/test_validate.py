"""``wtemlp validate`` with cheap engines: kills, changes, explosions and failures."""

import json
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.support import program
from tests.support.loop_runs import Run
from wtemlp.records.validation_record import Validation, load

VALIDATION = {
    "ensembles": ["nvt", "nve"],
    "temps": [300],
    "equil_steps": 100,
    "nvt_steps": 400,
    "nve_steps": 400,
    "trj_freq": 20,
    "thermo_freq": 10,
    "models": 2,
}
DONE = ".wtemlp_task_tag_finished"


def start(folder: Path, *more: str, **environment: str) -> program.Program:
    """``wtemlp validate`` in a session of its own."""
    words = ("validate", "param.json", "machine.json", *more)
    return program.Program(words, folder, environment)


def finish(folder: Path, *more: str, expect: int = 0, **environment: str) -> str:
    process = start(folder, *more, **environment)
    output = process.communicate(timeout=180)[0]
    assert process.returncode == expect, output
    assert "Traceback" not in output
    return output


def record(folder: Path) -> Validation:
    return load(folder / "validation" / "validation.json")


def change(folder: Path, **keys: object) -> None:
    param = json.loads((folder / "param.json").read_text())
    param["validation"] = VALIDATION | keys
    (folder / "param.json").write_text(json.dumps(param))


def finished(folder: Path) -> dict[str, int]:
    """When each of the finished jobs has finished."""
    return {
        str(tag.parent.relative_to(folder)): tag.stat().st_mtime_ns
        for tag in folder.glob(f"validation/**/{DONE}")
    }


@pytest.fixture
def folder(undisturbed, tmp_path) -> Path:
    """A run that is finished, and its ``validation`` block."""
    copy = tmp_path / "run"
    shutil.copytree(undisturbed.folder, copy, symlinks=True)
    change(copy)
    return copy


def test_killed_it_goes_on_and_what_has_changed_is_done_anew(folder):
    process = start(folder, CHEAP_ENGINE_SLEEP="1.5")
    end = time.monotonic() + 90
    while not finished(folder):
        assert process.poll() is None and time.monotonic() < end, process.communicate()[0]
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    Run(folder).kill_tasks()
    assert not (folder / "validation/validation.json").exists()
    before = finished(folder)
    output = finish(folder)
    after = finished(folder)
    assert set(before) < set(after) and before == {name: after[name] for name in before}
    jobs = (
        "iter.000002/md.models/model.000.300K iter.000002/md.models/model.001.300K "
        "md.reference/300K iter.000002/parity/test"
    )
    assert set(after) == {f"validation/{job}" for job in jobs.split()}
    found = record(folder)
    assert (found.iteration, found.models, len(found.md)) == (2, (0, 1), 6)
    assert not [run.failed for run in found.md if run.failed]
    assert len(found.parity) == 4
    assert found.verdict.lower() in output.lower()

    model = folder / "iter.000002/00.train/001/frozen_model_compressed.pb"
    model.write_text("another")
    assert "2 jobs have" not in finish(folder)
    now = finished(folder)
    changed = {name for name in now if now[name] != after[name]}
    assert changed == {
        "validation/iter.000002/md.models/model.001.300K",
        "validation/iter.000002/parity/test",
    }

    change(folder, nvt_steps=600)
    output = finish(folder, "--iteration", "1")
    assert record(folder).iteration == 1
    assert "1 job has other inputs" in output, output  # the reference's; iteration 1 is new
    assert all(run.steps == 600 for run in record(folder).runs(ensemble="nvt"))
    assert load(folder / "validation/iter.000002/validation.json").iteration == 2


def test_an_explosion_is_a_result(folder):
    output = finish(folder, CHEAP_ENGINE_EXPLODES="1")
    found = record(folder)
    assert not found.ok and found.verdict.startswith("not good: model 0 at 300 K exploded at 0.1")
    for run in found.runs(potential="model", ensemble="nvt"):
        assert re.match(
            r"exploded at 0\.15\d* ps \(Lost atoms: original 81 current 80\)", run.failed
        ), run.failed
        assert 150 <= run.steps_done < 400 and run.temperature_K is None
        assert run.curves["temperature"].y
    for run in found.runs(potential="model", ensemble="nve"):
        assert run.failed.startswith("not run: exploded") and run.steps_done == 0
    assert all(not run.failed for run in found.runs(potential="reference"))
    assert "model 1 at 300 K exploded" in output
    status = program.run("status", cwd=folder).stdout
    assert "validation of iteration 2: not good: model 0 at 300 K exploded" in status
    told = json.loads(finish(folder, "--json", CHEAP_ENGINE_EXPLODES="1"))
    assert told["answer"] == "not good" and told["lines"] == [found.verdict]
    assert [one["name"] for one in told["checks"]] == [one.name for one in found.checks]
    assert load(Path(told["record"])).verdict == found.verdict


def test_a_failed_engine_is_an_error(folder):
    machine = json.loads((folder / "machine.json").read_text())
    machine["model_devi"]["command"] = f"{sys.executable} -c 'import sys; sys.exit(3)'"
    (folder / "machine.json").write_text(json.dumps(machine))
    output = finish(folder, expect=1)
    assert "model.000.300K" in output and "wtemlp validate param.json machine.json" in output
    assert not (folder / "validation/validation.json").exists()
