"""What takes long to import is imported once for the tasks of a job: copies, kills, resuming."""

import os
import shlex
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import copied_program
from tests.support.stages import Stage, section
from wtemlp.core import process_copies, quiet
from wtemlp.dispatch import host_backend
from wtemlp.dispatch.cancel import cancel_tasks
from wtemlp.dispatch.dispatcher import Stopped

PROGRAM = copied_program.__file__


@pytest.fixture(autouse=True)
def on_cores(monkeypatch):
    if not quiet.without_gpu():
        pytest.skip("where there is a GPU, nothing is copied")
    monkeypatch.setattr(host_backend, "cores_at_hand", lambda: 2)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def program(stage: Stage, words: str) -> str:
    return shlex.join([sys.executable, PROGRAM, str(stage.log), words])


def tasks(stage: Stage, *lines: str, after: str = " > out.txt"):
    """Tasks that evaluate lines of Python in copies."""
    beside = program(stage, process_copies.SHARE)
    made = [stage.task(i, "", backward=("out.txt",)) for i in range(len(lines))]
    return [
        replace(task, command=program(stage, line) + after, beside=beside)
        for task, line in zip(made, lines, strict=True)
    ]


def loads(stage: Stage) -> list[int]:
    lines = stage.log.read_text().splitlines() if stage.log.exists() else []
    return [int(line.split()[1]) for line in lines]


def until(what, seconds=30):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    """Whether it is there, and not only because nobody has asked yet how it ended."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def test_trainings_are_shared_out_and_each_job_loads_once(tmp_path):
    stage = Stage(tmp_path)
    line = "print(os.getpid(), Path.cwd().name, random.random(), os.readlink('/proc/self/fd/9'))"
    results = stage.go(tasks(stage, *[line] * 4))
    assert all(result.ok for result in results) and len(loads(stage)) == 2
    said = [
        (result, (stage.dir / result.name / "out.txt").read_text().split()) for result in results
    ]
    assert all(words[1] == result.name for result, words in said)  # its own folder
    assert all(words[3].endswith(f"{result.name}/.wtemlp.lock") for result, words in said)
    assert len({words[0] for _, words in said} | set(map(str, loads(stage)))) == 6
    assert len({words[2] for _, words in said}) == 4  # numbers of its own
    until(lambda: not any(map(is_alive, loads(stage))))


def test_the_tasks_of_a_job_of_many_load_once(tmp_path):
    """One after the other, and two at a time."""
    for degree in (1, 2):
        stage = Stage(tmp_path, f"run{degree}")
        stage.log = tmp_path / f"{degree}.log"
        part = section(group_size=4)
        part.resources["para_deg"] = degree
        results = stage.go(tasks(stage, *["print('a')"] * 4), group_size=4)
        assert all(result.ok for result in results) and len(loads(stage)) == 1


def test_one_task_does_its_own_work(tmp_path):
    stage = Stage(tmp_path)
    (result,) = stage.go(tasks(stage, "print(os.getpid())"))
    assert result.ok
    assert loads(stage) == [int((stage.dir / result.name / "out.txt").read_text())]


def test_exit_codes_and_words_are_those_of_the_copy(tmp_path):
    stage = Stage(tmp_path)
    lines = ("3", "sys.exit(4)", "1 / 0", "os.kill(os.getpid(), 9)", "print('well')", "0")
    ends = stage.go(tasks(stage, *lines, after=" > out.txt 2> err.txt"), retry_count=0)
    assert [result.ok for result in ends] == [False] * 4 + [True] * 2
    for result, status in zip(ends[:4], (3, 4, 1, 137), strict=True):
        assert f"exit status {status}" in result.message, result.message
    assert "ZeroDivisionError" in (stage.dir / ends[2].name / "err.txt").read_text()
    assert (stage.dir / ends[4].name / "out.txt").read_text() == "well\n"
    assert len(loads(stage)) == 2


def test_another_environment_is_not_that_of_the_copy(tmp_path):
    stage = Stage(tmp_path)
    made = tasks(stage, *["print(os.environ.get('MINE'), os.getpid())"] * 4)
    made[1] = replace(made[1], command=f"MINE=1 {made[1].command}")
    assert all(result.ok for result in stage.go(made))
    said = [(task.folder / "out.txt").read_text().split() for task in made]
    assert [words[0] for words in said] == ["None", "1", "None", "None"]
    assert len(loads(stage)) == 3 and int(said[1][1]) in loads(stage)


#: The first time, it goes on until it is killed.
ONCE = (
    "(begun := Path('../begun.' + Path.cwd().name)).exists() or "
    "(Path('../pid.' + Path.cwd().name).write_text(str(os.getpid())), begun.touch(), "
    "time.sleep(300))"
)


@pytest.mark.parametrize("victim", ["copy", "asker", "original"])
def test_whoever_is_killed_the_task_is_tried_again(tmp_path, victim):
    """And none of the three outlives the others: no two work in one folder."""
    stage = Stage(tmp_path)
    made = tasks(stage, ONCE, "print('b')", "print('c')", "print('d')")
    made[0] = replace(made[0], command=f"touch out.txt; {made[0].command}")
    begun, pid = (stage.dir / f"{what}.{made[0].name}" for what in ("begun", "pid"))
    killed, seen = [], []

    def kill_once():
        if not killed and begun.is_file():
            copy = int(pid.read_text())
            original = int(Path(f"/proc/{copy}/stat").read_text().rsplit(")", 1)[1].split()[1])
            assert original in loads(stage)
            askers = [
                int(one.name)
                for one in Path("/proc").glob("[0-9]*")
                if is_asker(one, made[0].folder) and int(one.name) != copy
            ]
            assert len(askers) == 1
            killed.append({"copy": copy, "asker": askers[0], "original": original}[victim])
            seen.extend([copy, askers[0]])
            os.kill(killed[0], signal.SIGKILL)
        return False

    results = stage.go(made, should_stop=kill_once, retry_count=1)
    assert killed and all(result.ok for result in results), results
    assert [result.attempts for result in results] == [2, 1, 1, 1]
    assert not any(map(is_alive, seen))


def is_asker(process: Path, folder: Path) -> bool:
    try:
        words = (process / "cmdline").read_bytes()
        return (process / "cwd").readlink() == folder and PROGRAM.encode() in words
    except OSError:
        return False


def test_cancel_ends_original_and_copies_and_the_next_call_goes_on(tmp_path):
    stage = Stage(tmp_path)
    made = tasks(stage, *[f"({ONCE}, print('done'))"] * 4)
    begun = lambda: len(list(stage.dir.glob("begun.*"))) == 2  # noqa: E731
    with pytest.raises(Stopped):
        stage.go(made, should_stop=begun)
    alive = [int(file.read_text()) for file in stage.dir.glob("pid.*")] + loads(stage)
    assert len(alive) == 4 and all(map(is_alive, alive))
    assert cancel_tasks(stage.dir, section()) == 2
    until(lambda: not any(map(is_alive, alive)))
    for task in made:
        (stage.dir / f"begun.{task.name}").touch()
    assert all(result.ok for result in stage.go(made))
    assert [(task.folder / "out.txt").read_text() for task in made] == ["done\n"] * 4


def test_a_stopped_call_leaves_the_copies_at_work(tmp_path):
    stage = Stage(tmp_path)
    line = "(Path('pid').touch(), time.sleep(2), print('done'))"
    made = tasks(stage, *[line] * 4)
    with pytest.raises(Stopped):
        stage.go(made, should_stop=lambda: bool(list(stage.dir.glob("*/pid"))))
    results = stage.go(made)
    assert all(result.ok and result.attempts == 1 for result in results)
    assert len(loads(stage)) == 2
