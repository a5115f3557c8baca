"""How long tasks ran: noted by the job script, read at home, counted once."""

import os
import time
from pathlib import Path

import pytest

from tests.support.job_scripts import execute, start, wait_until
from wtemlp.config.records import MachineSection
from wtemlp.dispatch import script
from wtemlp.dispatch.tasks import Task
from wtemlp.dispatch.times import Attempt, busy_seconds, merged, read_attempts, stage_hours


def note(folder: Path, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / script.TIMES).write_text(text)


def section(context: str = "LazyLocalContext", batch: str = "Slurm", **resources) -> MachineSection:
    return MachineSection("train", "", {"context_type": context, "batch_type": batch}, resources)


def test_the_job_notes_when_an_attempt_begins_and_ends(tmp_path):
    task = Task("t", tmp_path, "sleep 0.2", (), ())
    before = time.time()
    assert execute(task) == 0
    (attempt,) = read_attempts(tmp_path)
    assert attempt.job == "job1" and before <= attempt.begin
    assert 0.2 <= attempt.seconds <= time.time() - before
    assert execute(task, job="job2") == 0  # finished: nothing runs
    assert read_attempts(tmp_path) == [attempt]


def test_each_attempt_counts(tmp_path):
    fails = Task("t", tmp_path, "sleep 0.1; exit 3", (), ())
    assert execute(fails) == 3
    assert execute(Task("t", tmp_path, "sleep 0.1", (), ()), job="job2") == 0
    attempts = read_attempts(tmp_path)
    assert [one.job for one in attempts] == ["job1", "job2"]
    assert all(one.seconds >= 0.1 for one in attempts)


@pytest.mark.parametrize("clean", [True, False])
def test_a_killed_attempt_ended_when_its_files_last_changed(tmp_path, clean):
    (tmp_path / "input").write_text("here")
    task = Task("t", tmp_path, "echo half > out; sleep 5", ("input",), ())
    running = start(task, forward=("input",), clean=clean)
    wait_until(lambda: (tmp_path / "out").exists() and (tmp_path / "out").stat().st_size)
    running.kill()
    running.wait(10)
    begin = float((tmp_path / script.TIMES).read_text().split()[2])
    os.utime(tmp_path / "out", (begin + 5, begin + 5))
    os.utime(tmp_path / "input", (begin + 900, begin + 900))  # sent again, long after
    assert read_attempts(tmp_path, local=False) == [Attempt("job1", begin, None)]
    (tmp_path / script.LOCK).rename(tmp_path / "moved")  # the sleep still has the lock
    again = Task("t", tmp_path, "true", ("input",), ())
    assert execute(again, job="job2", forward=("input",), clean=False) == 0
    first, second = read_attempts(tmp_path)
    assert first.end is not None and second.job == "job2"
    # Not later than the next attempt began, whatever the files say.
    assert first.end == pytest.approx(min(begin + 5, second.begin), abs=1e-3)


def test_a_last_attempt_that_was_killed_here(tmp_path):
    note(tmp_path, "a begin 1000.5\n")
    (tmp_path / "log").write_text("x")
    os.utime(tmp_path / "log", (1010.5, 1010.5))
    assert read_attempts(tmp_path) == [Attempt("a", 1000.5, 1010.5)]
    assert read_attempts(tmp_path, local=False)[0].seconds == 0


def test_lines_of_other_locales_and_broken_ones(tmp_path):
    note(tmp_path, "a begin 1000,25\nnonsense\nb end 1003\na end 1001,75\n- seen \nb beg")
    assert read_attempts(tmp_path) == [Attempt("a", 1000.25, 1001.75)]
    assert read_attempts(tmp_path / "nowhere") == []
    note(tmp_path, "a begin 1000\na end 900\n")  # the clock was put back
    assert read_attempts(tmp_path)[0].seconds == 0


def test_a_job_counts_once_however_many_of_its_tasks_run_beside_each_other():
    beside = [Attempt("a", 0, 10), Attempt("a", 2, 6), Attempt("a", 8, 14), Attempt("a", 20, 25)]
    assert busy_seconds(beside) == 14 + 5
    assert busy_seconds([*beside, Attempt("b", 0, 10), Attempt("c", 0, None)]) == 29


def test_hours_are_those_of_what_the_jobs_asked_for(tmp_path):
    tasks = [Task(name, tmp_path / name, "", (), ()) for name in ("0", "1", "2")]
    note(tmp_path / "0", "a begin 0\na end 3600\n")
    note(tmp_path / "1", "a begin 100\na end 1800\n")
    note(tmp_path / "2", "b begin 0\nb end 360\n- seen 300\nc begin 400\nc end 760\n")
    asked = {"number_node": 2, "cpu_per_node": 4, "gpu_per_node": 1, "para_deg": 2}
    assert stage_hours(tasks, section(**asked)) == pytest.approx((1.2 * 8, 1.2 * 2))
    assert stage_hours(tasks, section(batch="Shell", **asked)) == pytest.approx((4.8, 1.2))
    assert stage_hours(tasks, section(cpu_per_node=0)) == pytest.approx((1.2, 0))
    assert stage_hours([], section()) == (0, 0)


def test_times_of_attempts_elsewhere_are_put_together():
    old, new = "a begin 1\na end 2\n", "b begin 5\nb end 6\n"
    assert merged(old, new) == old + new
    assert merged(old + new, old + new) == old + new
