"""Tasks through a real Grid Engine; where it is not installed, the tests are skipped."""

import shutil

import pytest

from tests.support.cluster import until
from tests.support.queue_stage import said
from tests.support.stages import Stage, once_each
from wtemlp.config.records import MachineSection
from wtemlp.dispatch import host_backend
from wtemlp.dispatch.cancel import cancel_tasks
from wtemlp.dispatch.dispatcher import Stopped, run_tasks
from wtemlp.dispatch.journal import Journal

pytestmark = pytest.mark.cluster


class GridStage(Stage):
    """A stage whose jobs go to Grid Engine."""

    context = "LazyLocalContext"

    def section(self, **resources):
        machine = {
            "batch_type": "SGE",
            "context_type": self.context,
            "local_root": "./",
            "remote_root": "./remote",
            "retry_count": 1,
            "poll_seconds": 0.2,
        }
        usual = {
            "cpu_per_node": 1,
            "gpu_per_node": 0,
            "queue_name": "all.q",
            "group_size": 1,
            "kwargs": {"pe_name": "smp"},
        }
        return MachineSection("fp", "", machine, usual | resources)

    def go(self, tasks, should_stop=None, **resources):
        return run_tasks(
            tasks,
            work_dir=self.dir,
            common_files=["common.txt"],
            section=self.section(**resources),
            should_stop=should_stop,
        )

    def begun(self):
        return sum(count for what, count in self.events().items() if what.startswith("begin"))


@pytest.fixture
def stage(gridengine, tmp_path, monkeypatch):
    monkeypatch.setattr(host_backend, "GRACE_S", 1.0)  # no network file system here
    return GridStage(tmp_path)


@pytest.mark.parametrize("context", ["LazyLocalContext", "LocalContext"])
def test_all_finish(gridengine, stage, context):
    stage.context, before = context, gridengine.ended()
    results = stage.go(stage.tasks(5), group_size=2)
    assert [(r.ok, r.attempts) for r in results] == [(True, 1)] * 5
    assert stage.results() == stage.expected(5)
    assert stage.events() == once_each(stage, 5)
    until(lambda: gridengine.ended() == before + 3)


def test_without_a_parallel_environment_of_its_own(stage):
    """dpdispatcher's default is "mpi"."""
    assert all(r.ok for r in stage.go(stage.tasks(1), kwargs={}))


def test_a_job_that_is_deleted_is_submitted_again(gridengine, stage, caplog):
    caplog.set_level("INFO", "wtemlp.dispatch")
    deleted = []

    def delete():
        if stage.begun() == 2 and not deleted:
            deleted.append(gridengine.queue()[0])
            gridengine.command("qdel", deleted[0])
        return False

    results = stage.go(stage.tasks(2, seconds=5.0), should_stop=delete)
    assert all(r.ok for r in results)
    assert sorted(r.attempts for r in results) == [1, 2]
    assert stage.results() == stage.expected(2)
    (line,) = said(caplog)
    assert f"failed (killed, SGE, job {deleted[0]}), attempt 1 of 2" in line


def test_a_failing_task_holds_nobody_back(stage):
    tasks = [stage.task(0), stage.task(1, "echo boom >&2; exit 3"), stage.task(2)]
    results = stage.go(tasks, group_size=3)
    assert [(r.ok, r.attempts) for r in results] == [(True, 1), (False, 2), (True, 1)]
    assert "exit status 3" in results[1].message and "boom" in results[1].message
    assert set(stage.events().values()) == {1}


def test_a_job_whose_id_was_lost_is_found_again(gridengine, stage, monkeypatch):
    """By its name; what is in the queue already is not submitted again."""
    before = gridengine.ended()
    with pytest.raises(Stopped):
        stage.go(stage.tasks(1, seconds=3.0), should_stop=lambda: stage.begun() == 1)
    book = Journal.open(stage.dir)
    (entry,) = book.jobs.values()
    entry.queue_id = ""
    book.save()
    for note in stage.dir.glob(".dispatch/*_job_id"):
        note.unlink()
    monkeypatch.setattr(
        host_backend.HostBackend, "submit", lambda *_: pytest.fail("submitted again")
    )
    assert stage.go(stage.tasks(1, seconds=3.0))[0].ok
    assert stage.events() == once_each(stage, 1)
    until(lambda: gridengine.ended() == before + 1)


def test_a_lost_answer_of_qsub(gridengine, stage):
    """The job is there although qsub spoke of an error: it is found, and is the only one."""
    before, real = gridengine.ended(), shutil.which("qsub")
    shim = gridengine.bin / "qsub"
    shim.write_text(
        f'#!/bin/bash\n{real} "$@" >/dev/null\nmv {shim} {shim}.done\n'
        "echo 'error: commlib error: got select error (Connection reset by peer)' >&2; exit 1\n"
    )
    shim.chmod(0o755)
    assert all(r.ok for r in stage.go(stage.tasks(1, seconds=2.0)))
    assert stage.events() == once_each(stage, 1)
    until(lambda: gridengine.ended() == before + 1)


def test_cancel(gridengine, stage):
    with pytest.raises(Stopped):
        stage.go(stage.tasks(2, seconds=60), should_stop=lambda: stage.begun() == 2)
    assert len(gridengine.queue()) == 2
    assert cancel_tasks(stage.dir, stage.section()) == 2
    assert not gridengine.queue()
