"""What `wtemlp run` and `wtemlp status` say of a run that is at work or has stopped."""

import json
import shlex

import pytest

from tests.support.engines import require_engine
from tests.support.loop_commands import wtemlp
from tests.support.loop_runs import make_run
from wtemlp.cli.status import describe
from wtemlp.records.state import Step


@pytest.fixture(autouse=True)
def engines():
    require_engine("lammps")


def test_a_failure_is_told_and_its_hint_can_be_pasted(tmp_path):
    run = make_run(tmp_path / "two words")
    machine = run.folder / "machine.json"
    good = json.loads(machine.read_text())
    bad = json.loads(machine.read_text())
    bad["train"]["command"] = "false"
    machine.write_text(json.dumps(bad))
    done = wtemlp(tmp_path, "run", "-C", "two words", "param.json", "machine.json")
    hint = "wtemlp run -C 'two words' 'two words/param.json' 'two words/machine.json'"
    assert done.returncode == 1 and f"stopped; go on with: {hint}" in done.stdout
    failure = done.stderr.splitlines()[0].removeprefix("wtemlp: ")
    text = wtemlp(tmp_path, "status", "two words").stdout
    assert failure in text and f"go on with: {hint}" in text
    machine.write_text(json.dumps(good))
    done = wtemlp(tmp_path, *shlex.split(hint)[1:])
    assert done.returncode == 0, done.stderr
    text = wtemlp(tmp_path, "status", "two words").stdout
    assert failure not in text and "go on with" not in text and "finished: " in text


def test_the_first_preparation_is_at_work(tmp_path):
    run = make_run(tmp_path / "run")
    process, seen = run.start(), []
    try:
        while run.state()["step"] <= Step.MAKE_TRAIN:
            assert process.poll() is None
            before = run.state()["step"]
            text = describe(run.folder) if before == Step.MAKE_TRAIN else ""
            if run.state()["step"] == before:
                seen.append(text)
    finally:
        process.kill()
        process.communicate()
        run.kill_tasks()
    shown = [text for text in seen if text]
    assert shown and all(f"process {process.pid} on" in text for text in shown)
    assert not any("no wtemlp" in text for text in shown)


def test_another_seed_leaves_everything_as_it_is(tmp_path, undisturbed):
    run = undisturbed.folder
    param = json.loads((run / "param.json").read_text())
    (tmp_path / "changed.json").write_text(json.dumps(param | {"seed": 8}))
    before = {file: file.stat().st_mtime_ns for file in run.iterdir()}
    done = wtemlp(run, "run", str(tmp_path / "changed.json"), "machine.json")
    assert done.returncode == 2 and "seed: 8, but the run in" in done.stderr
    assert {file: file.stat().st_mtime_ns for file in run.iterdir()} == before
