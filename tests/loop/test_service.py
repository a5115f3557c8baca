"""Services that only run jobs, and whose tasks' marks come home with the results."""

import json
import os
import random
import subprocess
import time
from pathlib import Path

import pytest

from tests.support import program
from tests.support.cluster import until
from tests.support.loop_runs import ROOT, Run, make_run
from tests.support.stages import Stage, once_each
from wtemlp.dispatch import library, settings
from wtemlp.dispatch.dispatcher import Stopped
from wtemlp.dispatch.journal import Journal

HERE = Path(__file__).parent
LOCAL = "LocalContext"
KEY = "the-key-of-the-cloud"


@pytest.fixture
def stage(tmp_path, monkeypatch) -> Stage:
    """Tasks on this machine, which is taken for a service."""
    monkeypatch.setattr(settings, "CONTEXTS", ())
    return Stage(tmp_path)


def go(stage: Stage, tasks, **keys):
    return stage.go(tasks, LOCAL, poll_seconds=0.1, **keys)


@pytest.mark.parametrize("group_size", [1, 2, 0])
def test_all_finish(stage, group_size):
    seen = []
    results = go(stage, stage.tasks(5), group_size=group_size, on_progress=seen.append)
    assert [(r.ok, r.attempts) for r in results] == [(True, 1)] * 5
    assert stage.results() == stage.expected(5)
    assert stage.events() == once_each(stage, 5)
    assert (seen[-1].finished, seen[-1].total) == (5, 5)
    assert not list((stage.run / "remote").iterdir())
    assert [r.ok for r in go(stage, stage.tasks(5))] == [True] * 5
    assert stage.events() == once_each(stage, 5)


def test_a_failed_task_takes_no_other_with_it_and_is_tried_again_by_the_next_call(stage):
    bad = stage.task(1, "echo 'ERROR: lost atoms' >&2; exit 3")
    tasks = [stage.task(0), bad, stage.task(2)]
    first = go(stage, tasks, retry_count=0)
    assert [result.ok for result in first] == [True, False, True]
    assert "task.000.000001 failed" in first[1].message and "lost atoms" in first[1].message
    assert not Journal.open(stage.dir).jobs
    mended = [stage.task(0), stage.task(1), stage.task(2)]
    assert all(result.ok for result in go(stage, mended))
    assert stage.results() == stage.expected(3) and stage.events() == once_each(stage, 3)


def test_tasks_of_a_failed_job_that_have_finished_are_kept(stage):
    tasks = [stage.task(0), stage.task(1, "exit 1")]
    results = go(stage, tasks, group_size=0, retry_count=0)
    assert [result.ok for result in results] == [True, False]
    assert (stage.dir / "task.000.000000/out.txt").exists()


def test_a_result_that_is_missing_is_a_failure(stage):
    (result,) = go(stage, [stage.task(0, "true")], retry_count=0)
    assert not result.ok and not (stage.dir / "task.000.000000/out.txt").exists()


def test_a_call_that_was_stopped_is_gone_on_with(stage):
    begin = time.monotonic()
    with pytest.raises(Stopped, match="3 jobs are left running"):
        go(stage, stage.tasks(3, seconds=2), should_stop=lambda: time.monotonic() > begin + 1)
    assert len(Journal.open(stage.dir).jobs) == 3
    assert all(result.ok for result in go(stage, stage.tasks(3, seconds=2)))
    assert stage.results() == stage.expected(3) and stage.events() == once_each(stage, 3)


def test_what_an_attempt_has_left_is_no_result_of_the_next(stage):
    assert not go(stage, [stage.task(0, "echo old > out.txt; exit 1")], retry_count=0)[0].ok
    assert not go(stage, [stage.task(0, "true")], retry_count=0)[0].ok


def test_a_failed_task_of_a_job_is_tried_again_without_its_siblings(stage):
    bad = stage.task(1, "echo begin $PWD >> {log}; exit 4")
    results = go(stage, [stage.task(0), bad, stage.task(2)], group_size=0, retry_count=2)
    assert [(r.ok, r.attempts) for r in results] == [(True, 1), (False, 3), (True, 1)]
    assert "exit status 4, 3 attempts" in results[1].message
    assert stage.events()["begin task.000.000000"] == 1
    assert stage.events()["begin task.000.000001"] == 3


def test_what_a_service_raises_is_waited_for(stage, monkeypatch, caplog):
    """Its packages raise what they like when it does not answer."""
    once, submit = ["no answer"], library.Machine.subclasses_dict["Shell"].do_submit

    def do_submit(machine, job):
        if once:
            raise AttributeError(once.pop())
        return submit(machine, job)

    monkeypatch.setattr(library.Machine.subclasses_dict["Shell"], "do_submit", do_submit)
    assert go(stage, stage.tasks(1), outage_seconds=60)[0].ok
    assert "submitting (Shell) failed: AttributeError: no answer; trying again" in caplog.text


def test_tasks_that_come_new_or_go_between_two_calls(stage):
    begin = time.monotonic()
    with pytest.raises(Stopped):
        go(stage, stage.tasks(2, seconds=2), should_stop=lambda: time.monotonic() > begin + 1)
    results = go(stage, stage.tasks(3, seconds=2)[1:], group_size=2, retry_count=5)
    assert [result.ok for result in results] == [True, True]
    assert stage.events()["begin task.000.000001"] == stage.events()["begin task.000.000002"] == 1


# -- a cloud


def send_to_cloud(run: Run, key: str = KEY) -> None:
    file = run.folder / "machine.json"
    content = json.loads(file.read_text())
    for stage in ("train", "model_devi", "fp"):
        content[stage]["machine"] = {
            "batch_type": "OpenAPI",
            "context_type": "OpenAPIContext",
            "local_root": "./",
            "poll_seconds": 0.2,
            "retry_count": 1,
            "remote_profile": {"access_key": key, "project_id": 1},
        }
        content[stage]["resources"]["group_size"] = 2
    file.write_text(json.dumps(content))


def in_cloud(run: Run, *command: str, sleep_s: float = 0.0) -> subprocess.Popen:
    paths = os.pathsep.join((str(HERE / "cloud"), str(ROOT), os.environ.get("PYTHONPATH", "")))
    more = {
        "PYTHONPATH": paths,
        "CLOUD": str(run.folder / "cloud"),
        "HOME": str(run.folder),
        "CHEAP_ENGINE_SLEEP": str(sleep_s),
    }
    return subprocess.Popen(
        [*program.COMMAND, *command],
        cwd=run.folder,
        env=os.environ | more,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def test_a_run_in_a_cloud_killed_and_resumed_ends_with_the_same_data(
    undisturbed,
    tmp_path,
):
    run = make_run(tmp_path / "run")
    send_to_cloud(run)
    moments, kills = random.Random(3), 0
    while kills < 6:
        client = in_cloud(run, "run", "param.json", "machine.json")
        try:
            client.communicate(timeout=moments.uniform(4, 12))
            break
        except subprocess.TimeoutExpired:
            client.kill()
            client.communicate()
            kills += 1
    client = in_cloud(run, "run", "param.json", "machine.json")
    said = client.communicate(timeout=300)[0]
    assert client.returncode == 0, said
    assert run.fingerprint() == undisturbed.fingerprint() and kills > 1
    logs = [*run.folder.rglob("*.log"), *run.folder.rglob("dispatch.json")]
    assert logs and not any(KEY in file.read_text(errors="replace") for file in logs)


def test_cancelled_jobs_end_and_do_not_count(tmp_path):
    run = make_run(tmp_path / "run", model_devi_jobs=[])
    send_to_cloud(run)
    client = in_cloud(run, "run", "param.json", "machine.json", sleep_s=300)
    jobs = run.folder / "cloud"
    stage = run.folder / "iter.000000/00.train"
    until(
        lambda: (
            [one.queue_id for one in Journal.open(stage).jobs.values()].count("") == 0
            and len(Journal.open(stage).jobs) == 2
        ),
        60,
    )
    client.kill()
    client.communicate()
    said = in_cloud(run, "cancel").communicate(timeout=60)[0]
    assert "2 jobs" in said
    assert [file.read_text() for file in jobs.glob("*/status")] == ["137"] * 2
    client = in_cloud(run, "run", "param.json", "machine.json")
    said = client.communicate(timeout=120)[0]
    assert client.returncode == 0 and len(list(jobs.glob("*/pid"))) == 4, said


def test_check_says_what_is_weaker(tmp_path):
    run = make_run(tmp_path / "run")
    send_to_cloud(run)
    said = in_cloud(run, "check", "param.json", "machine.json").communicate(timeout=100)[0]
    assert "OpenAPI: no command can be run beside a task" in said
    send_to_cloud(run, "another-secret")
    client = in_cloud(run, "check", "param.json", "machine.json")
    said = client.communicate(timeout=100)[0]
    assert client.returncode == 1 and "is not known" in said and "another-secret" not in said, said
