"""What runs on the other side, run here by bash."""

import fcntl
import os
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.support.job_scripts import execute, job, start, wait_until
from wtemlp.dispatch import script
from wtemlp.dispatch.task_status import Mark, parse_probe, read_mark
from wtemlp.dispatch.tasks import Task


def children(process):
    """Shells below a process."""
    out = subprocess.run(
        ["ps", "--ppid", str(process), "-o", "pid=", "-o", "comm="],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    found = [int(line.split()[0]) for line in out.splitlines() if line.split()[1] == "bash"]
    return [*found, *(below for child in found for below in children(child))]


@pytest.fixture
def make(tmp_path):
    def task(command, backward=()):
        return Task("t", tmp_path, command, (), backward)

    return task


def test_a_task_that_ends_well_is_tagged_and_not_run_again(make, tmp_path):
    task = make("echo hello; echo x >> ran", ("ran",))
    assert execute(task) == 0
    assert (tmp_path / script.OUT).read_text() == "hello\n"
    assert read_mark(tmp_path) == Mark(True, "job1", 0, "job1", False)
    assert execute(task, job="job2") == 0
    assert (tmp_path / "ran").read_text() == "x\n"
    assert read_mark(tmp_path).ended_by == "job1"


@pytest.mark.parametrize(
    ("command", "status"),
    [("exit 3", 3), ("false", 1), ("echo 'unbalanced", 1), ("nosuchcommand # x", 127), (") (", 1)],
)
def test_a_failure_is_the_tasks_own_and_its_status_is_kept(make, tmp_path, command, status):
    code = execute(make(command))
    assert code != 0
    assert read_mark(tmp_path) == Mark(False, "job1", code, "job1", False)
    if status > 1:
        assert code == status


def test_a_missing_result_is_named(make, tmp_path):
    assert execute(make("touch a", ("a", "it's; $(touch pwned)", "b*"))) == script.MISSING_RESULT
    assert "it's; $(touch pwned) was not made" in (tmp_path / script.ERR).read_text()
    assert not (tmp_path / "pwned").exists()
    assert not read_mark(tmp_path).done


def test_another_attempt_starts_from_what_was_there(make, tmp_path):
    (tmp_path / "in put").write_text("input")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "kept").write_text("kept")
    spoil = "echo noise; mkdir -p new/deep; touch new/deep/x sub/y 'odd * name' .hidden; exit 1"
    execute(make(spoil))
    (tmp_path / "late").mkdir()
    (tmp_path / "late" / "input").write_text("uploaded after the first attempt")
    listing = make("find . -type f ! -name '.wtemlp*' ! -name 'task.*' | sort")
    assert execute(listing, forward=("in put", "late/input")) == 0
    names = (tmp_path / script.OUT).read_text().split("\n")[:-1]
    assert names == ["./in put", "./late/input", "./sub/kept"]


def test_a_list_that_was_cut_short_takes_nothing_away(make, tmp_path):
    (tmp_path / "input").write_text("input")
    (tmp_path / script.LOCK).write_text("./inp")  # killed while it was written
    assert execute(make("cat input; touch new; exit 1")) == 1
    assert execute(make("[ -e input ] && [ ! -e new ]")) == 0


def test_odd_names_before_the_first_attempt_are_kept(make, tmp_path):
    names = ["-n", "a b", "*", ".hidden", "sub/.deep/x", "it's", "back\\slash", "%s"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("/usr")
    (tmp_path / "dangling").symlink_to("nowhere")
    execute(make("shopt dotglob nullglob globstar; touch 'new one' sub/.deep/new; exit 1"))
    assert (tmp_path / script.OUT).read_text().count("off") == 3  # the task's shell is as usual
    assert execute(make("true")) == 0
    assert all((tmp_path / name).exists() for name in [*names, "link"])
    assert (tmp_path / "dangling").is_symlink()
    assert not list(tmp_path.rglob("new*"))


def test_an_attempt_that_restarts_by_itself_finds_what_it_left(make, tmp_path):
    execute(make("touch restart; exit 1"), clean=False)
    assert execute(make("[ -e restart ]"), clean=False) == 0


def test_two_copies_do_not_run_at_the_same_time(make, tmp_path):
    task = make("[ ! -e busy ] || echo overlap >> bad; touch busy; sleep 0.3; rm busy; echo x >> n")
    copies = [start(task, job=f"job{i}") for i in range(3)]
    assert [copy.wait(20) for copy in copies] == [0, 0, 0]
    assert not (tmp_path / "bad").exists()
    assert (tmp_path / "n").read_text() == "x\n"


def test_a_task_that_still_runs_holds_its_lock(make, tmp_path):
    copy = start(make("sleep 60 & echo $! > pid; wait"))
    wait_until(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text())
    assert read_mark(tmp_path) == Mark(started_by="job1", held=True)
    probe = subprocess.run(
        ["bash", "-c", script.probe_command([tmp_path.name])],
        cwd=tmp_path.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert parse_probe(probe.stdout.splitlines()) == {
        tmp_path.name: Mark(started_by="job1", held=True)
    }
    # The lock is the engine's, too: it outlives the shells.
    for shell in [*children(copy.pid), copy.pid]:
        os.kill(shell, signal.SIGKILL)
    copy.wait()
    assert read_mark(tmp_path).held
    with (tmp_path / script.LOCK).open() as stream, pytest.raises(BlockingIOError):
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    engine = int((tmp_path / "pid").read_text())
    os.kill(engine, signal.SIGKILL)
    wait_until(lambda: not read_mark(tmp_path).held)


def test_the_probe_tells_what_the_marks_tell(tmp_path):
    for name, files in {
        "done": {script.DONE: "j 0\n", script.LOCK: "./in\n./.\ni\nj\n"},
        "home": {script.DONE: ""},
        "fa'il ed": {script.EXIT: "j 3\n", script.LOCK: "j\n"},
        "cut": {script.EXIT: "", script.LOCK: "./.\nj"},
        "come far": {script.EXIT: "j 143\n", script.LOCK: "j\n", script.PROGRESS: "12000\n"},
        "odd": {script.EXIT: "j 3\n", script.LOCK: "j\n", script.PROGRESS: "x\n"},
        "new": {},
    }.items():
        (tmp_path / name).mkdir()
        for file, text in files.items():
            (tmp_path / name / file).write_text(text)
    names = ["done", "home", "fa'il ed", "cut", "come far", "odd", "new"]
    expected = {
        "done": Mark(True, "j", 0, "j"),
        "home": Mark(True),
        "fa'il ed": Mark(False, "j", 3, "j"),
        "cut": Mark(started_by="j"),
        "come far": Mark(False, "j", 143, "j", progress=12000),
        "odd": Mark(False, "j", 3, "j"),
        "new": Mark(),
    }
    for locks in (True, False):
        if not locks:
            expected = {name: replace(mark, started_by="") for name, mark in expected.items()}
        for shell in ("bash", "dash"):
            out = subprocess.run(
                [shell, "-c", script.probe_command(names, locks)],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            assert parse_probe(out.splitlines()) == expected
        assert {name: read_mark(tmp_path / name, locks) for name in names} == expected


def run_job(folder, text, **environment):
    subprocess.run(
        ["bash", "-c", text],
        cwd=folder,
        check=True,
        env={**os.environ, "REMOTE_ROOT": str(folder), **environment},
    )


def outputs(tmp_path):
    return [file.read_text().strip() for file in sorted(tmp_path.glob(f"*/{script.OUT}"))]


@pytest.mark.parametrize("para_deg", [1, 3])
def test_a_job_runs_its_tasks_and_says_whether_one_failed(tmp_path, para_deg):
    commands = ["cat; echo a", "cd /; exec 9>&-; exit 3", "set -eu; echo c", "exec echo d"]
    text = job(tmp_path, commands, para_deg=para_deg) + "wait"
    (tmp_path / "2").rename(tmp_path / "gone")
    run_job(tmp_path, text)
    assert (tmp_path / "flag").read_text() == "1\n"
    states = [read_mark(tmp_path / name).status for name in ("0", "1", "gone", "3")]
    assert states == [0, 3, None, 0]
    assert outputs(tmp_path) == ["a", "", "d"]
    (tmp_path / "gone").rename(tmp_path / "2")
    (tmp_path / "flag").unlink()
    run_job(tmp_path, text.replace("exit 3", "echo b"))
    assert outputs(tmp_path) == ["a", "b", "c", "d"]
    assert not (tmp_path / "flag").exists()


def test_a_first_attempt_starts_no_program_but_flock(tmp_path):
    """Every short task would pay for it."""
    text = job(tmp_path, ["echo a > out"] * 3)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "flock").symlink_to(shutil.which("flock"))
    bash = shutil.which("bash")
    done = subprocess.run(
        [bash, "-c", text],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        env={"REMOTE_ROOT": str(tmp_path), "PATH": str(tmp_path / "bin")},
    )
    assert done.stderr == ""
    assert [read_mark(tmp_path / name).done for name in "012"] == [True] * 3
    assert [(tmp_path / name / script.ERR).read_text() for name in "012"] == [""] * 3


@pytest.mark.parametrize(
    ("para_deg", "gpus", "given", "expected"),
    [
        (1, 2, "5,7", "5 7 5 7"),
        (2, 2, "5,7", "5 5 7 7"),
        (1, 2, "GPU-a,GPU-b", "GPU-a GPU-b GPU-a GPU-b"),
        (1, 2, None, "0 1 0 1"),  # the queue names none: all are the job's
        (4, 0, "5,7", "5,7 5,7 5,7 5,7"),
        (1, 0, None, "none none none none"),
    ],
)
def test_each_task_has_a_gpu_that_the_queue_gave_to_the_job(
    tmp_path, monkeypatch, para_deg, gpus, given, expected
):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    text = job(tmp_path, ["echo ${CUDA_VISIBLE_DEVICES-none}"] * 4, para_deg=para_deg, gpus=gpus)
    run_job(
        tmp_path,
        "set -u\n" + text + "wait",
        **({} if given is None else {"CUDA_VISIBLE_DEVICES": given}),
    )
    assert outputs(tmp_path) == expected.split()


@pytest.mark.parametrize("para_deg", [1, 2])
@pytest.mark.parametrize("end", ["wait", "kill -KILL $$"])
def test_what_is_started_beside_the_tasks_ends_with_them(tmp_path, para_deg, end):
    """However the job ends; and no ``wait`` waits for it."""
    (tmp_path / "beside").write_text('echo begin >> $1; cat; sleep 0.1; echo "end" >> $1')
    (tmp_path / "log").touch()  # what is beside may begin after the tasks have ended
    commands = ['echo "$WTEMLP_JOB"; : >&"$WTEMLP_BESIDE"', "exit 3"]
    started = ("job7", [f"bash beside {tmp_path}/log"])
    text = job(tmp_path, commands, para_deg=para_deg, beside=started) + end
    if end == "wait":
        run_job(tmp_path, text)
    else:
        with pytest.raises(subprocess.CalledProcessError):
            run_job(tmp_path, text)
    assert outputs(tmp_path) == ["job7", ""]
    assert [read_mark(tmp_path / name).status for name in "01"] == [0, 3]
    wait_until(lambda: (tmp_path / "log").read_text() == "begin\nend\n")


def test_threads_are_the_jobs_cores_unless_the_user_says_otherwise():
    given = {"OMP_NUM_THREADS": 8, "MINE": "x"}
    assert script.thread_variables(2, given) == {
        "OMP_NUM_THREADS": 8,
        "DP_INTRA_OP_PARALLELISM_THREADS": 2,
        "DP_INTER_OP_PARALLELISM_THREADS": 1,
        "TF_CPP_MIN_LOG_LEVEL": 3,
        "MINE": "x",
    }


def test_a_shell_job_leads_its_session_under_the_same_process_id(tmp_path):
    text = f"{script.session_line()}\necho $$ $(ps -o sess= -p $$) ${{WTEMLP_SESSION:-none}}\n"
    (tmp_path / "job").write_text(text)
    process = subprocess.Popen(
        ["sh", "-c", "bash job & echo $!; wait"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    started, inside = process.communicate(timeout=20)[0].splitlines()
    assert inside.split() == [started, started, "none"]


@pytest.mark.parametrize(("before", "after"), [({}, "/a b/it's"), ({"X_Y": "mine"}, "mine")])
def test_a_default_of_the_environment_leaves_what_is_set(before, after):
    line = script.default_line("X_Y", Path("/a b/it's"))
    done = subprocess.run(
        ["bash", "-euc", f'{line}\necho "$X_Y"'],
        env={"PATH": os.defpath, **before},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{after}\n"


STEP = "[ ! -f checkpoint ] || cat checkpoint"  #: the command that a training has for it


@pytest.mark.parametrize(
    ("first", "kept"),
    [
        ("echo 5 > checkpoint; exit 137", "5"),
        ("echo 5 > checkpoint; exit 143", "5"),
        ("echo 5 > checkpoint; kill -9 $BASHPID", "5"),
        ("echo 5 > checkpoint; exit 1", ""),  # the checkpoint may be what is wrong
        ("echo 5 > checkpoint; exit 139", ""),
        ("exit 137", ""),
    ],
)
def test_an_attempt_goes_on_from_the_checkpoint_of_a_killed_one_only(tmp_path, first, kept):
    task = Task("t", tmp_path, f"touch half; {first}", (), (), checkpoint=STEP)
    assert execute(task) != 0 and not (tmp_path / script.PROGRESS).exists()
    again = replace(task, command="ls > seen; exit 137")
    assert execute(again, job="job2") == 137
    seen = (tmp_path / "seen").read_text().split()
    assert ("checkpoint" in seen, "half" in seen) == (bool(kept), bool(kept))
    assert read_mark(tmp_path).progress == int(kept or 0)


def test_an_attempt_whose_job_vanished_is_gone_on_with(tmp_path):
    """The whole session is killed, as at the end of a time limit: nothing says how it ended."""
    task = Task("t", tmp_path, "echo 7 > checkpoint; sleep 20", (), (), checkpoint=STEP)
    process = start(task)
    wait_until(lambda: (tmp_path / "checkpoint").exists())
    for child in [*children(process.pid), process.pid]:
        os.kill(child, signal.SIGKILL)
    process.wait()
    wait_until(lambda: not read_mark(tmp_path).held or _end_of(tmp_path))
    assert execute(replace(task, command="cat checkpoint > seen"), job="job2") == 0
    assert (tmp_path / "seen").read_text() == "7\n"


def _end_of(folder):
    """End what still holds the task's lock."""
    for one in psutil.process_iter(["cwd", "pid"]):
        if one.info["cwd"] == str(folder) and one.pid != os.getpid():
            one.kill()
    return False
