"""Tasks on services that only run jobs: Bohrium, and YARN with its files in HDFS.

No command can be run there beside a task, so its lock and its marks cannot be read.  dpdispatcher's
own submission does the work and remembers its jobs.  What is kept of the dispatcher's promises:
tasks live alone, results come home as jobs end, whether a task has finished is the word of a tag
that its own command leaves, outages are waited for, and a call that is killed is gone on with.
What is weaker: between a submission and the note of it a kill leaves a job that nobody knows, so
that its tasks may run twice.
"""

import io
import logging
import re
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from types import SimpleNamespace
from typing import TypeVar

from wtemlp.dispatch import failures, script, tasks
from wtemlp.dispatch.journal import JobEntry, Journal
from wtemlp.dispatch.library import (
    ArgumentError,
    Job,
    JobStatus,
    Machine,
    Resources,
    Submission,
    Task,
    redact,
    secrets_of,
)
from wtemlp.dispatch.patience import Patience, one_line
from wtemlp.dispatch.settings import Settings
from wtemlp.dispatch.stage_run import LiveJob, StageRun
from wtemlp.dispatch.staging import expand, remove_results
from wtemlp.errors import InputError, TransportError, WtemlpError

log = logging.getLogger("wtemlp.dispatch")

SUBMISSION = "submission"  #: in the journal, the entry of all tasks of a submission
ENDED = (JobStatus.finished, JobStatus.failed)
_RUNNING = (JobStatus.running, JobStatus.completing)
_COLOUR = re.compile(r"\x1b\[\d+m")
T = TypeVar("T")


class ServiceRun(StageRun):
    """One call of ``run_tasks`` for a service."""

    submission: Submission
    patience: Patience

    def _work(self, common_files: Sequence[str]) -> None:
        self.patience = Patience(self.settings.outage_s, self.should_stop)
        names, goes_on = self._names()
        self.submission = self._steady(
            "connecting", lambda: self._submission(names, common_files)
        )
        self.journal.jobs[SUBMISSION] = JobEntry(names, "", self.settings.where)
        self.journal.save()
        if goes_on:
            with redirect_stdout(io.StringIO()):  # it prints the machine, secrets and all
                self._steady("looking for jobs", self.submission.try_recover_from_json)
        if not any(job.job_id for job in self._jobs):
            self._warn_of_others()
        settled: set[str] = set()
        self._look()
        self._upload()
        while True:
            for job in self._alive():
                self._advance(job)
            ended = [job for job in self._jobs if job.job_state in ENDED]
            self._settle([job for job in ended if job.job_hash not in settled])
            settled |= {job.job_hash for job in ended}
            self._report()
            if not self._alive():
                break
            self._sleep(self.settings.poll_s[1])
            self._look()
        self.journal.jobs.clear()
        self.journal.save()
        # Its record, too: what has failed is tried again by the next call, under the same name.
        self._steady("cleaning up", self.submission.clean_jobs)

    def _names(self) -> tuple[list[str], bool]:
        """The tasks of the submission, and whether it is an earlier call's.

        By all of its tasks, and no others, dpdispatcher knows its jobs again.
        """
        entry = self.journal.jobs.get(SUBMISSION)
        if entry and entry.where == self.settings.where and set(entry.tasks) <= self.tasks.keys():
            return entry.tasks, True
        self._warn_of_others()
        return self._unfinished(), False

    def _warn_of_others(self) -> None:
        """Forget jobs that are none of this submission's, as after a change of the machine file."""
        for name, left in list(self.journal.jobs.items()):
            if left.queue_id:
                log.warning("a job of this stage was left in %s: %s", left.where, left.queue_id)
            if name != SUBMISSION:
                del self.journal.jobs[name]

    def _submission(self, names: Sequence[str], common_files: Sequence[str]) -> Submission:
        machine, resources = open_machine(self.settings)
        submission = Submission(
            work_base=self.work_dir.relative_to(self.settings.machine["local_root"]).as_posix(),
            machine=machine, resources=resources,
            forward_common_files=expand(self.work_dir, common_files),
            task_list=[self._task(name) for name in names],
            continue_on_failure=True,
        )  # fmt: skip
        submission.generate_jobs()
        return submission

    def _task(self, name: str) -> Task:
        task = self.tasks[name]
        return Task(
            command=f"( {task.command}\n) && echo {SUBMISSION} 0 > {script.DONE}",
            task_work_path=task.folder.relative_to(self.work_dir).as_posix(),
            forward_files=expand(task.folder, task.forward),
            backward_files=list(dict.fromkeys((*task.backward, *task.logs, script.DONE))),
            outlog=script.OUT, errlog=script.ERR,
        )  # fmt: skip

    def _upload(self) -> None:
        """Send the inputs of jobs that are to be submitted; what earlier attempts left goes."""
        new = [job for job in self._jobs if job.job_state == JobStatus.unsubmitted]
        for task in (self.tasks[name] for job in new for name in self._tasks_of(job)):
            remove_results(task)
            (task.folder / script.AGAIN).unlink(missing_ok=True)
        if new:
            self._steady("uploading", self.submission.upload_jobs)

    # -- jobs

    @property
    def _jobs(self) -> list[Job]:
        return self.submission.belonging_jobs

    def _alive(self) -> list[Job]:
        return [job for job in self._jobs if job.job_state not in ENDED]

    def _look(self) -> None:
        """Ask how the jobs stand; one may have an id before it is submitted."""
        for job in self._alive():
            if job.job_state != JobStatus.unsubmitted:
                self._steady("asking for jobs", job.get_job_state, question=True)

    def _advance(self, job: Job) -> None:
        """Submit a job that has not been, or one whose attempt failed, and note it at once."""
        self._check_stop()
        names, state = self._tasks_of(job), job.job_state
        if state in (JobStatus.unsubmitted, JobStatus.terminated):
            self._steady(
                "submitting", lambda: job.handle_unexpected_job_state(continue_on_failure=True)
            )
            self._steady("noting jobs", self.submission.submission_to_json)
            where = self.settings.where
            self.journal.jobs[job.job_hash] = JobEntry(names, str(job.job_id), where)
            self.journal.save()
        running = "running" if job.job_state in _RUNNING else "waiting"
        self.jobs[job.job_hash] = LiveJob(job.job_hash, str(job.job_id), running, names)

    def _tasks_of(self, job: Job) -> list[str]:
        names = {task.folder.relative_to(self.work_dir).as_posix(): task.name
                 for task in self.tasks.values()}  # fmt: skip
        return [names[task.task_work_path] for task in job.job_task_list]

    def _settle(self, jobs: Sequence[Job]) -> None:
        """Bring the results of ended jobs home, and say what became of their tasks."""
        if not jobs:
            return
        self._steady("downloading", lambda: self._download(jobs))
        for job in jobs:
            self.jobs.pop(job.job_hash, None)
            self.journal.jobs.pop(job.job_hash, None)
            for name in self._tasks_of(job):
                if self._arrived(self.tasks[name]):
                    self.finished.add(name)
                elif name not in self.finished:
                    self._failed(name, job)
        self.journal.save()

    def _download(self, jobs: Sequence[Job]) -> None:
        context, whole = self.submission.machine.context, self.submission.belonging_jobs
        if not getattr(context, "supports_partial_job_download", True):
            jobs = [job for job in jobs if job.job_state == JobStatus.finished]
        if not jobs:
            return
        all_tasks = self.submission.belonging_tasks
        self.submission.belonging_jobs = list(jobs)
        self.submission.belonging_tasks = [task for job in jobs for task in job.job_task_list]
        try:
            context.download(self.submission, check_exists=True, mark_failure=False)
        finally:
            self.submission.belonging_jobs, self.submission.belonging_tasks = whole, all_tasks

    def _arrived(self, task: tasks.Task) -> bool:
        """Whether a task's tag and declared results are at home."""
        if not (task.folder / script.DONE).is_file():
            return False
        missing = [name for name in script.declared(task) if not (task.folder / name).exists()]
        if missing:
            log.warning("%s: the result %s did not arrive", task.name, missing[0])
            (task.folder / script.DONE).unlink()
        return not missing

    def _failed(self, name: str, job: Job) -> None:
        said = _COLOUR.sub("", job.failure_reason or "")
        attempts = max(1, job.fail_count)
        self.journal.failures[name] = attempts
        place = f"{self.settings.where}, job {job.job_id}"
        self.journal.failed[name] = failures.describe(
            self.tasks[name], attempts, None, redact(said, secrets_of(self.settings.machine)), place
        )

    # -- waiting

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._check_stop()
            time.sleep(min(left, 0.5))
            self._report()
        self._check_stop()

    def _steady(self, what: str, action: Callable[[], T], question: bool = False) -> T:
        return steady(self.patience, self.settings, what, action, question)


def steady(
    patience: Patience, settings: Settings, what: str, action: Callable[[], T],
    question: bool = False,
) -> T:
    """Do something that needs a service, as :meth:`Patience.steady`.

    Raises
    ------
    TransportError
        Whatever a service's package raises that is no outage.
    """
    secrets, doing = secrets_of(settings.machine), f"{what} ({settings.where})"
    try:
        return patience.steady(doing, action, lambda text: redact(text, secrets), question)
    except WtemlpError:
        raise
    except Exception as error:
        said = redact(one_line(str(error)), secrets)
        raise TransportError(f"{doing} failed: {type(error).__name__}: {said}") from error


def open_machine(settings: Settings) -> tuple[Machine, Resources]:
    """A service and what is asked of it.

    Raises
    ------
    InputError
        dpdispatcher does not accept the section, or a package of the service's is missing.
    """
    try:
        return (Machine.load_from_dict(settings.machine),
                Resources.load_from_dict(dict(settings.resources)))  # fmt: skip
    except (ArgumentError, KeyError, ValueError, ModuleNotFoundError) as error:
        words = redact(one_line(str(error)), secrets_of(settings.machine))
        raise InputError("machine file", f"dpdispatcher does not accept it: {words}") from error


def cancel_service(settings: Settings, journal: Journal) -> int:
    """Tell a service to end the jobs that a journal knows; how many.

    Raises
    ------
    TransportError
        The service did not answer.
    """
    patience = Patience(min(settings.outage_s, 60.0))
    cancelling = "cancelling"
    machine, _ = steady(patience, settings, cancelling, lambda: open_machine(settings))
    ours = {name: entry for name, entry in journal.jobs.items()
            if entry.queue_id and entry.where == settings.where}  # fmt: skip
    if type(machine).kill is Machine.kill:
        for entry in ours.values():
            log.warning("job %s in %s has to be ended by hand", entry.queue_id, settings.where)
        return 0
    for name, entry in ours.items():
        job = SimpleNamespace(job_id=entry.queue_id, job_hash=name)
        steady(patience, settings, cancelling, lambda job=job: machine.kill(job))
    return len(ours)
