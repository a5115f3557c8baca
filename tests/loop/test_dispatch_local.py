"""Real bash tasks through dpdispatcher on this machine: kills, retries, the pool, moved folders."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.stages import WORK, Stage, files, once_each, section
from wtemlp.dispatch import host_backend, journal, script, task_status
from wtemlp.dispatch.cancel import cancel_tasks
from wtemlp.dispatch.dispatcher import Stopped, run_tasks
from wtemlp.dispatch.journal import Journal
from wtemlp.dispatch.times import stage_hours

CONTEXTS = ("LazyLocalContext", "LocalContext")
both = pytest.mark.parametrize("context", CONTEXTS)


@both
def test_all_finish(tmp_path, context):
    stage, seen = Stage(tmp_path), []
    results = stage.go(stage.tasks(5), context, seen.append)
    assert [(r.name, r.ok, r.attempts) for r in results] == [
        (f"task.000.{i:06d}", True, 1) for i in range(5)
    ]
    assert stage.results() == stage.expected(5)
    assert stage.events() == once_each(stage, 5)
    assert {p.total for p in seen} == {5}
    assert (seen[-1].finished, seen[-1].running, seen[-1].waiting) == (5, 0, 0)
    # nothing is left but the tasks' folders, and nothing is run again
    assert not list(stage.dir.glob(".dispatch*"))
    assert not list((stage.run / "remote").glob("*"))
    assert all(r.ok for r in stage.go(stage.tasks(5), context))
    assert stage.events() == once_each(stage, 5)


@both
def test_a_failing_task_holds_nobody_back(tmp_path, context):
    stage = Stage(tmp_path)
    tasks = stage.tasks(5)
    broken = 'echo implib-gen: x >&2; echo "ERROR: Lost atoms: original 96 current 95" >&2; exit 3'
    tasks[1] = stage.task(1, broken)
    tasks[3] = stage.task(3, "if then 'unbalanced (")  # a syntax error is the task's own
    results = stage.go(tasks, context, retry_count=2, group_size=5)
    assert [r.ok for r in results] == [True, False, True, False, True]
    assert results[1].attempts == results[3].attempts == 3
    assert "task.000.000001" in results[1].message
    assert "exit status 3" in results[1].message
    assert "Lost atoms: original 96" in results[1].message
    assert "implib-gen" not in results[1].message
    assert "syntax error" in results[3].message
    # what it said is at home, and the siblings ran once
    assert "Lost atoms" in (tasks[1].folder / "task.err").read_text()
    assert set(stage.events().values()) == {1}
    # the next call tries the failed ones again, afresh, and only those
    again = stage.go([*tasks[:1], stage.task(1), *tasks[2:]], context, retry_count=0)
    assert [(r.ok, r.attempts) for r in again] == [
        (True, 1),
        (True, 1),
        (True, 1),
        (False, 1),
        (True, 1),
    ]
    assert set(stage.events().values()) == {1}


@both
def test_a_missing_result_is_a_failure(tmp_path, context):
    stage = Stage(tmp_path)
    task = stage.task(0, "echo fine > out.txt", backward=("out.txt", "also me.dat", "glob*"))
    (result,) = stage.go([task], context, retry_count=0)
    assert not result.ok
    assert "also me.dat" in result.message


@both
def test_the_second_attempt_starts_clean(tmp_path, context):
    stage = Stage(tmp_path)
    command = WORK + "[ $(grep -c begin {log}) -ge 2 ] || {{ echo > junk; exit 1; }}; [ ! -e junk ]"
    (result,) = stage.go([stage.task(0, command)], context)
    assert (result.ok, result.attempts) == (True, 2)
    assert stage.results() == stage.expected(1)
    assert (stage.dir / "task.000.000000" / "in.txt").read_text() == "input 0\n"


@both
def test_a_result_that_was_removed_is_made_again(tmp_path, context):
    stage = Stage(tmp_path)
    stage.go(stage.tasks(3), context)
    (stage.dir / "task.000.000001" / "out.txt").unlink()
    assert all(r.ok for r in stage.go(stage.tasks(3), context))
    assert stage.results() == stage.expected(3)
    assert stage.events()["end task.000.000001"] == 2
    assert stage.events()["end task.000.000000"] == 1


def test_a_finished_task_stays_finished_on_another_machine(tmp_path):
    stage = Stage(tmp_path)
    for context in (*CONTEXTS, *CONTEXTS):
        assert all(r.ok for r in stage.go(stage.tasks(2), context, group_size=2))
    assert stage.events() == once_each(stage, 2)


def test_local_jobs_are_a_pool(tmp_path, monkeypatch):
    monkeypatch.setattr(host_backend, "cores_at_hand", lambda: 7)
    stage = Stage(tmp_path)
    tasks = [stage.task(0, seconds=2.0), *[stage.task(i, seconds=0.1) for i in range(1, 8)]]
    assert all(r.ok for r in stage.go(tasks, cpus=2))  # 7 // 2 = 3 at once
    kinds = [line.split()[0] for line in stage.log.read_text().splitlines()]
    depth = list(itertools.accumulate(1 if kind == "begin" else -1 for kind in kinds))
    assert max(depth) == 3
    # no barrier: the short ones pass the long one by
    assert stage.log.read_text().splitlines()[-1].endswith("task.000.000000")


def test_python_random_and_the_working_directory_are_left_alone(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    random.seed(7)
    expected = random.Random(7).random()
    Stage(tmp_path).go(Stage(tmp_path).tasks(1), "LocalContext")
    assert random.random() == expected
    assert not list((tmp_path / "elsewhere").iterdir())


def test_environment_of_a_local_job(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    stage = Stage(tmp_path)
    command = "echo $OMP_NUM_THREADS $TF_CPP_MIN_LOG_LEVEL > out.txt; echo $PATH >> out.txt"
    stage.go([stage.task(0, command, backward=("out.txt",))], cpus=3)
    first, path = (stage.dir / "task.000.000000" / "out.txt").read_text().splitlines()
    assert first == "3 3"
    assert path.split(":")[0] == str(Path(sys.prefix) / "bin")


def test_stopping_and_going_on(tmp_path):
    stage = Stage(tmp_path)
    begun = lambda: any(key.startswith("begin") for key in stage.events())  # noqa: E731
    with pytest.raises(Stopped, match="0 of 2 tasks have finished"):
        stage.go(stage.tasks(2, seconds=1.0), should_stop=begun)
    assert all(r.ok for r in stage.go(stage.tasks(2, seconds=1.0)))
    assert stage.events() == once_each(stage, 2)


# -- kills ---------------------------------------------------------------------------------------


@both
def test_a_finished_task_that_is_no_good_runs_again(tmp_path, context):
    """Also where a sibling's failure has left the other side as it was."""
    stage = Stage(tmp_path)
    good, bad = stage.task(0), stage.task(1, "exit 3", backward=("out.txt",))
    for times in (1, 2):
        first, second = stage.go([good, bad], context, retry_count=0)
        assert first.ok and not second.ok
        assert stage.events()["end task.000.000000"] == times
        stage.go([good, bad], context, retry_count=0)
        assert stage.events()["end task.000.000000"] == times
        task_status.forget_finished(good.folder)
    assert (good.folder / "out.txt").read_text() == "half input 0\ncommon\n"


class Killed(BaseException):
    """Ends a call as SIGKILL would: nobody catches it, nothing is tidied."""


def kill_at(monkeypatch, number, steps):
    """Have the call die at the number-th thing that it does to the world, before or after it."""
    count = itertools.count()

    def dying(function):
        def wrapper(*args, **keys):
            if next(count) == number:
                raise Killed
            result = function(*args, **keys)
            if next(count) == number:
                raise Killed
            return result

        return wrapper

    for owner, name in steps:
        monkeypatch.setattr(owner, name, dying(getattr(owner, name)))


STEPS = (
    (journal.Journal, "save"),
    (host_backend.HostBackend, "upload_common"),
    (host_backend.HostBackend, "upload"),
    (host_backend.HostBackend, "submit"),
    (host_backend.HostBackend, "fetch"),
    (host_backend.HostBackend, "clean"),
)


@pytest.mark.parametrize(
    ("context", "steps", "count", "at_least"),
    [
        ("LazyLocalContext", lambda: STEPS, 2, 12),
        ("LocalContext", lambda: STEPS, 2, 12),
        ("LocalContext", files, 1, 12),
    ],
    ids=["lazy", "local", "local-file-by-file"],
)
def test_killed_at_every_step(tmp_path, context, steps, count, at_least):
    for number in range(200):
        stage, died = Stage(tmp_path / str(number)), False
        with pytest.MonkeyPatch.context() as patch:
            kill_at(patch, number, steps())
            try:
                stage.go(stage.tasks(count, seconds=0.05), context, group_size=2)
            except Killed:
                died = True
        results = stage.go(stage.tasks(count, seconds=0.05), context, group_size=2)
        assert [(r.ok, r.attempts) for r in results] == [(True, 1)] * count, number
        assert stage.results() == stage.expected(count), number
        assert stage.events() == once_each(stage, count), number
        if not died:
            break
    assert at_least <= number < 199


CLIENT = """\
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from tests.support.stages import Stage
stage = Stage(Path(sys.argv[1]), sys.argv[2])
tasks = stage.tasks(6, seconds=0.3)
print("ready", flush=True)
results = stage.go(tasks, sys.argv[3], group_size=2)
sys.exit(0 if all(r.ok for r in results) else 1)
"""


class Client:
    """run_tasks in a process of its own, that can be killed."""

    def __init__(self, tmp_path, context, run="run"):
        (tmp_path / "cwd").mkdir(exist_ok=True)
        code = CLIENT.format(path=[str(Path(__file__).parents[2])])
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), run, context],
            cwd=tmp_path / "cwd",
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout.readline() == b"ready\n"

    def kill(self):
        """SIGKILL; whether it was still at work."""
        working = self.process.poll() is None
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        return working

    def finish(self):
        assert self.process.wait(60) == 0
        self.process.stdout.close()


def processes_below(folder):
    """Processes that work in a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                cwd = (entry / "cwd").readlink()
            except OSError:
                continue  # it has ended, or is not ours
            if folder in (cwd, *cwd.parents):
                found.append(int(entry.name))
    return found


def kill_jobs(folder, word=b""):
    """SIGKILL to what works in a folder, and has a word in its command line."""
    for _ in range(3):  # what was just being started, too
        for process in processes_below(folder):
            try:
                if word in Path(f"/proc/{process}/cmdline").read_bytes():
                    os.kill(process, signal.SIGKILL)
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended
        time.sleep(0.02)


@both
@pytest.mark.parametrize("jobs_too", [False, True], ids=["client", "client-and-jobs"])
def test_sigkill_at_random_moments(tmp_path, context, jobs_too):
    stage, moments = Stage(tmp_path), random.Random(f"{context}{jobs_too}")
    given = stage.inputs()
    for _ in range(3):
        client = Client(tmp_path, context)
        time.sleep(moments.uniform(0.0, 0.7))
        working = client.kill()
        if jobs_too:
            kill_jobs(stage.run)
        if not working:
            break
    Client(tmp_path, context).finish()
    assert stage.results() == stage.expected(6)
    assert given.items() <= stage.inputs().items(), "tasks may have been reading them"
    ends = {key: count for key, count in stage.events().items() if key.startswith("end")}
    assert len(ends) == 6
    if not jobs_too:
        assert stage.events() == once_each(stage, 6)
    assert not list((tmp_path / "cwd").iterdir())


@both
def test_a_job_whose_id_was_lost_is_found_again(tmp_path, context, monkeypatch):
    stage = Stage(tmp_path)
    begun = lambda: any(key.startswith("begin") for key in stage.events())  # noqa: E731
    with pytest.raises(Stopped):
        stage.go(stage.tasks(1, seconds=2.0), context, should_stop=begun)
    book = Journal.open(stage.dir)
    assert len(book.jobs) == 1
    for entry in book.jobs.values():
        entry.queue_id = ""
    book.save()
    for note in stage.run.rglob(".dispatch/*_job_id"):
        note.unlink()
    monkeypatch.setattr(
        host_backend.HostBackend, "submit", lambda *_: pytest.fail("submitted again")
    )
    (result,) = stage.go(stage.tasks(1, seconds=2.0), context)
    assert result.ok
    assert stage.events() == once_each(stage, 1)


@both
def test_an_engine_that_outlives_its_job_script_is_waited_for(tmp_path, context, monkeypatch):
    stage, submit, seen = Stage(tmp_path), host_backend.HostBackend.submit, []

    def watch(*args):
        seen.append(processes_below(stage.run))
        return submit(*args)

    def kill_shells_once():
        if len(seen) == 1 and any(key.startswith("begin") for key in stage.events()):
            kill_jobs(stage.run, b"bash")
        return False

    monkeypatch.setattr(host_backend.HostBackend, "submit", watch)
    (result,) = stage.go(stage.tasks(1, seconds=2.0), context, should_stop=kill_shells_once)
    assert (result.ok, result.attempts) == (True, 2)
    assert seen == [[], []]  # nothing was left when the second attempt was submitted
    assert stage.results() == stage.expected(1)


# Comes a step further in each job, which is then killed, as by a queue's time limit.
ADVANCING = """\
read n < .wtemlp.progress; n=$((n + {step})); echo $n > .wtemlp.progress
echo $n >> {log}
if [ $n -lt 5 ]; then {end}; fi
echo done > out.txt
"""


@both
@pytest.mark.parametrize(
    ("step", "end", "ok", "jobs"),
    [
        (1, "kill -KILL 0", True, 5),  # as many jobs as it takes
        (1, "exit 143", True, 5),
        (0, "kill -KILL 0", False, 2),  # no further: counted
        (1, "exit 1", False, 2),  # a failure is a failure
    ],
)
def test_a_killed_attempt_that_advanced_is_not_counted(tmp_path, context, step, end, ok, jobs):
    stage = Stage(tmp_path)
    command = ADVANCING.replace("{step}", str(step)).replace("{end}", end)
    task = stage.task(0, command, backward=("out.txt",))
    run = {"work_dir": stage.dir, "common_files": ["common.txt"], "clean": False}
    (result,) = run_tasks([task], section=section(context, retry_count=1), **run)
    assert result.ok == ok
    assert len(stage.log.read_text().split()) == jobs
    assert result.attempts == (1 if ok else 2)


@both
def test_results_of_a_failed_attempt_do_not_stay(tmp_path, context):
    stage = Stage(tmp_path)
    bad = stage.task(0, "mkdir traj; echo stale > traj/stale; exit 1", backward=("traj",))
    assert not stage.go([bad], context, retry_count=0)[0].ok
    assert (bad.folder / "traj" / "stale").exists()  # kept, as evidence
    assert stage.go([stage.task(0)], context, retry_count=0)[0].ok
    assert stage.results() == stage.expected(1)


# Comes 10 steps further than its checkpoint in each job, which is then killed.
LIMITED = """\
begin=$(cat checkpoint 2>/dev/null || echo 0); echo $begin >> {log}
now=$((begin + GAIN)); echo $now > checkpoint
if [ $now -lt 40 ]; then kill -KILL 0; fi; echo done > out.txt
"""


@pytest.mark.parametrize(
    ("context", "gain", "begins", "ok"),
    [
        ("LazyLocalContext", 10, [0, 10, 20, 30], True),
        ("LocalContext", 10, [0, 10, 20, 30], True),
        ("LazyLocalContext", 0, [0, 0], False),  # gains nothing: it ends
    ],
)
def test_a_task_that_is_longer_than_its_jobs_ends(tmp_path, context, gain, begins, ok):
    stage = Stage(tmp_path)
    command = LIMITED.replace("GAIN", str(gain))
    task = stage.task(0, command, backward=("out.txt",), checkpoint="cat checkpoint")
    (result,) = stage.go([task], context, retry_count=1)
    assert result.ok == ok
    assert [int(word) for word in stage.log.read_text().split()] == begins


# Is killed far ahead, fails there and begins anew, and is then killed on every step.
AGAIN_FROM_THE_START = """\
read n < .wtemlp.progress; n=$((n + 1)); echo $n >> {log}
if [ $n = 101 ]; then rm .wtemlp.progress; exit 1; fi
if [ ! -f begun ]; then touch begun; n=100; fi; echo $n > .wtemlp.progress
if [ $n != 4 ]; then kill -KILL 0; fi; echo done > out.txt
"""


@both
def test_one_that_has_begun_anew_need_not_get_further_than_before(tmp_path, context):
    stage = Stage(tmp_path)
    task = stage.task(0, AGAIN_FROM_THE_START, backward=("out.txt",))
    run = {"work_dir": stage.dir, "common_files": ["common.txt"], "clean": False}
    (result,) = run_tasks([task], section=section(context, retry_count=1), **run)
    assert stage.log.read_text().split() == ["1", "101", "1", "2", "3", "4"]
    assert result.ok and result.attempts == 2


@both
def test_a_forgotten_job_is_waited_for_not_run_twice(tmp_path, context):
    stage = Stage(tmp_path)
    client = Client(tmp_path, context)
    until(lambda: any(key.startswith("begin") for key in stage.events()))
    client.kill()
    book = Journal.open(stage.dir)
    book.jobs.clear()
    book.save()
    Client(tmp_path, context).finish()
    assert stage.events() == once_each(stage, 6)
    assert stage.results() == stage.expected(6)


@both
def test_a_moved_run_goes_on(tmp_path, context):
    stage = Stage(tmp_path)
    client = Client(tmp_path, context)
    until(lambda: list(stage.run.rglob(script.DONE)))
    client.kill()
    kill_jobs(stage.run)
    before = {f"end {tag.parent.name}" for tag in stage.run.rglob(script.DONE)}
    stage.run.rename(tmp_path / "moved")
    Client(tmp_path, context, "moved").finish()
    moved = Stage(tmp_path, "moved")
    assert moved.results() == moved.expected(6)
    assert all(moved.events()[key] == 1 for key in before)
    assert before
    assert sum(key.startswith("end") for key in moved.events()) == 6


@both
def test_cancel_ends_the_jobs_and_what_they_started(tmp_path, context):
    stage = Stage(tmp_path)
    begun = lambda: sum(key.startswith("begin") for key in stage.events()) >= 1  # noqa: E731
    with pytest.raises(Stopped):
        stage.go(stage.tasks(3, seconds=300), context, should_stop=begun)
    assert processes_below(stage.run)
    assert cancel_tasks(stage.dir, section(context)) >= 1
    until(lambda: not processes_below(stage.run))
    assert cancel_tasks(stage.dir, section(context)) == 0
    assert all(r.ok for r in stage.go(stage.tasks(3), context))
    assert stage.results() == stage.expected(3)


def until(what, seconds=30):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


@both
def test_the_hours_of_a_stage_are_what_its_tasks_ran(tmp_path, context):
    """All attempts, here or brought home from elsewhere; the same when asked again."""
    stage = Stage(tmp_path)
    twice = "sleep 0.3; if ! test -e {log}; then touch {log}; exit 1; fi; touch out.txt"
    tasks = [
        stage.task(0, command="sleep 0.4", backward=()),
        stage.task(1, command=twice, backward=("out.txt",)),
    ]
    results = stage.go(tasks, context)
    assert [result.ok for result in results] == [True, True]
    assert 0.4 <= results[0].seconds < 2 and 0.6 <= results[1].seconds < 3
    spent = sum(result.seconds for result in results)
    hours = stage_hours(tasks, section(context, cpus=1))
    assert hours == (pytest.approx(spent / 3600), 0)
    assert [one.seconds for one in stage.go(tasks, context)] == [one.seconds for one in results]
    assert stage_hours(tasks, section(context, cpus=1)) == hours


def test_attempts_of_an_earlier_call_are_not_forgotten(tmp_path):
    """Elsewhere the folder is new, once the failed one has been brought home."""
    stage = Stage(tmp_path)
    fails = [stage.task(0, command="sleep 0.2; exit 1")]
    (failed,) = stage.go(fails, "LocalContext", retry_count=0)
    assert not failed.ok and failed.seconds >= 0.2
    again = [stage.task(0, command="sleep 0.2", backward=())]
    (done,) = stage.go(again, "LocalContext", retry_count=0)
    assert done.ok and done.seconds >= failed.seconds + 0.2
