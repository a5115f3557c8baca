"""The user's own files go with every task of a stage, and the extra results come home."""

import json
import sys

import pytest

from tests.support.engines import require_engine
from tests.support.loop_commands import wtemlp
from tests.support.loop_runs import ENGINES, job, make_run

WRAPPER = 'cat note.*.txt > seen.txt; echo "$1" > extra.log; exec "$@"\n'
TASKS = {"train": "00.train/00*", "model_devi": "01.model_devi/task.*", "fp": "02.fp/batch.*"}


@pytest.fixture
def run(tmp_path):
    """A run whose programs are started by a script of the user's, which reads his notes."""
    require_engine("lammps")
    run = make_run(tmp_path / "run", model_devi_jobs=[job()])
    (run.folder / "tools").mkdir()
    (run.folder / "tools" / "wrapper.sh").write_text(WRAPPER)
    for name in ("a", "b"):
        (run.folder / f"note.{name}.txt").write_text(f"{name}\n")
    return run


def change(run, **more):
    file = run.folder / "machine.json"
    content = json.loads(file.read_text())
    for stage, program in (("train", "dp"), ("model_devi", "lmp"), ("fp", "lmp")):
        content[stage]["command"] = f"sh wrapper.sh {sys.executable} {ENGINES} {program}"
        content[stage]["user_forward_files"] = ["tools/wrapper.sh", "note.*.txt"]
        content[stage]["user_backward_files"] = ["seen.txt", "extra.*"]
        content[stage] |= more
    # One stage in folders elsewhere, where only what is sent arrives.
    content["fp"]["machine"] |= {
        "context_type": "LocalContext",
        "remote_root": str(run.folder.parent / "remote"),
    }
    file.write_text(json.dumps(content))


def test_in_every_task_of_every_stage(run):
    change(run)
    run.finish()
    for pattern in TASKS.values():
        tasks = sorted((run.folder / "iter.000000").glob(pattern))
        assert tasks
        for task in tasks:
            assert (task / "seen.txt").read_text() == "a\nb\n", task
            assert (task / "extra.log").read_text() == f"{sys.executable}\n"
            assert (task / "note.a.txt").resolve() == run.folder / "note.a.txt"
            assert not (task / "note.a.txt").readlink().is_absolute()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"user_forward_files": ["no.*"]}, "train.user_forward_files: there is no no.* in"),
        ({"user_forward_files": ["note.a.txt", "sub/note.a.txt"]}, "two files are named note.a"),
        ({"user_forward_files": ["sub/job.json"]}, "that name is a task's own"),
        ({"user_forward_files": ["sub/HILLS"]}, "that name is a task's own"),
        ({"user_backward_files": ["/etc/passwd"]}, "must be relative to a task's folder"),
        ({"user_backward_files": ["*.json"]}, "is also input.json"),
    ],
)
def test_what_cannot_travel_is_refused(run, more, words):
    (run.folder / "sub").mkdir()
    for name in ("note.a.txt", "job.json", "HILLS"):
        (run.folder / "sub" / name).write_text("")
    change(run, **more)
    before = sorted(run.folder.rglob("*"))
    done = wtemlp(run.folder, "run", "param.json", "machine.json")
    assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1
    assert sorted(run.folder.rglob("*")) == before
