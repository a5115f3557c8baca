"""Jobs are submitted once and found again, whatever a site prints beside its queue's answers."""

import os
import time
from pathlib import Path

import pytest

from tests.support.stages import Stage, once_each
from wtemlp.config.records import MachineSection
from wtemlp.core.errors import TransportError
from wtemlp.dispatch import host_backend
from wtemlp.dispatch.cancel import cancel_tasks
from wtemlp.dispatch.dispatcher import Stopped, run_tasks
from wtemlp.dispatch.journal import Journal

STAND_IN = Path(__file__).with_name("stand_in_queue.sh")
PROGRAMS = (
    "sbatch",
    "squeue",
    "scancel",
    "qsub",
    "qselect",
    "qstat",
    "qdel",
    "bsub",
    "bjobs",
    "bkill",
)
#: Those with which a job can be asked for by its name.
QUEUES = ("Slurm", "PBS", "LSF", "SGE")
queues = pytest.mark.parametrize("batch", QUEUES)


class Site(Stage):
    """A stage on a machine with a stand-in for a queue."""

    def __init__(self, tmp_path, monkeypatch, batch, site, delay="0"):
        super().__init__(tmp_path)
        self.batch, self.jobs, folder = batch, tmp_path / "queue", tmp_path / "bin"
        self.jobs.mkdir()
        folder.mkdir()
        for program in PROGRAMS:
            (folder / program).symlink_to(STAND_IN)
        for name, value in {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "QUEUE_DIR": str(self.jobs),
            "SITE": site,
            "DELAY": delay,
            "FLAVOUR": batch,
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(host_backend, "GRACE_S", 0.3)
        monkeypatch.setattr(host_backend, "LOOKS_S", (0.0,))

    def section(self):
        machine = {
            "batch_type": self.batch,
            "context_type": "LazyLocalContext",
            "local_root": "./",
            "retry_count": 3,
            "poll_seconds": 0.1,
            "outage_seconds": 5,
        }
        resources = {"group_size": 1, "kwargs": {}}
        return MachineSection("fp", "", machine, resources)

    def go(self, tasks, should_stop=None):
        return run_tasks(
            tasks,
            work_dir=self.dir,
            common_files=["common.txt"],
            section=self.section(),
            should_stop=should_stop,
        )

    def submitted(self):
        """How many jobs were submitted."""
        file = self.jobs / "submitted"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def alive(self):
        """How many jobs have not ended."""
        return len(list(self.jobs.glob("state.*")))


@queues
@pytest.mark.parametrize("site", ["plain", "before", "after", "stderr", "words", "failing"])
def test_a_job_is_submitted_once(tmp_path, monkeypatch, batch, site):
    stage = Site(tmp_path, monkeypatch, batch, site)
    # longer than the end of a job is waited for: a misread id would be taken for an ended job
    results = stage.go(stage.tasks(2, seconds=0.6))
    assert [(one.ok, one.attempts) for one in results] == [(True, 1)] * 2
    assert stage.events() == once_each(stage, 2)
    assert stage.submitted() == 2


@queues
def test_a_waiting_job_with_a_misread_id_is_not_taken_for_an_ended_one(
    tmp_path, monkeypatch, batch
):
    """A number that looks like an id, and is none."""
    stage = Site(tmp_path, monkeypatch, batch, "other", delay="1")
    assert all(one.ok and one.attempts == 1 for one in stage.go(stage.tasks(1)))
    assert (stage.submitted(), stage.events()) == (1, once_each(stage, 1))


@queues
def test_a_submission_without_any_id_ends_the_call_and_is_found_by_the_next(
    tmp_path, monkeypatch, batch
):
    stage = Site(tmp_path, monkeypatch, batch, "words", delay="1.5")
    monkeypatch.setenv("HIDDEN", "1")
    with pytest.raises(TransportError) as told:
        stage.go(stage.tasks(1))
    said = str(told.value)
    assert "no job id is found in what" in said
    assert "Your job is on its way" in said
    (name,) = Journal.open(stage.dir).jobs
    assert f"wt-{name}" in said
    monkeypatch.delenv("HIDDEN")
    assert all(one.ok for one in stage.go(stage.tasks(1)))
    assert (stage.submitted(), stage.events()) == (1, once_each(stage, 1))


@queues
@pytest.mark.parametrize("noted", [None, "-----------------", "", "2026"])
def test_cancel_finds_the_jobs(tmp_path, monkeypatch, batch, noted):
    """Also those whose id was misread by a version that took the first word for it."""
    stage = Site(tmp_path, monkeypatch, batch, "before", delay="60")
    end = time.monotonic() + 60
    with pytest.raises(Stopped):
        stage.go(
            stage.tasks(2), should_stop=lambda: stage.submitted() == 2 or time.monotonic() > end
        )
    assert stage.alive() == 2
    if noted is not None:
        book = Journal.open(stage.dir)
        for entry in book.jobs.values():
            entry.queue_id = noted
        book.save()
        for note in (stage.dir / ".dispatch").glob("*_job_id"):
            note.write_text(noted)
    assert cancel_tasks(stage.dir, stage.section()) == 2
    assert stage.alive() == 0
    assert Journal.open(stage.dir).jobs == {}
