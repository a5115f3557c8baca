"""A stage's folder on a service that only runs jobs: Bohrium, and YARN with its files in HDFS.

No command can be run there beside a task.  A job's results come as one archive when it has ended,
and the marks of its tasks with them; so what a task's folder says is known at home, and only then.
Everything else is as with any queue: jobs are in the journal before they are submitted, tasks that
failed are tried again without their siblings, and what has finished is not run again.  What is
weaker: a service cannot be asked for a job by its name, so that after a kill between a submission
and the note of it, or after a submission whose answer was lost, the job's tasks run again.
"""

import logging
import os
import shutil
import tarfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from wtemlp.core.atomic_io import write_text
from wtemlp.core.errors import InputError, TransportError, WtemlpError
from wtemlp.dispatch import script
from wtemlp.dispatch.backend import Backend
from wtemlp.dispatch.host_backend import HostBackend
from wtemlp.dispatch.library import (
    ArgumentError,
    JobStatus,
    Machine,
    Resources,
    redact,
    secrets_of,
)
from wtemlp.dispatch.retry import Patience, one_line
from wtemlp.dispatch.settings import Settings
from wtemlp.dispatch.staging import expand, expand_to_files, remove_results
from wtemlp.dispatch.task_status import Mark, read_mark
from wtemlp.dispatch.tasks import Task
from wtemlp.dispatch.times import merged
from wtemlp.dispatch.units import UnitJob, UnitTask, View, job_commands, job_resources

log = logging.getLogger("wtemlp.dispatch")
T = TypeVar("T")

MARKS = ".wtemlp.marks.tar"  #: a task's marks; always there, whichever of them are
_MARKS = (script.DONE, script.EXIT, script.LOCK, script.TIMES, script.PROGRESS)
_OVER = (JobStatus.finished, JobStatus.terminated, JobStatus.failed)
_RUNNING = (JobStatus.running, JobStatus.completing)
#: Where the services' packages look for what a machine file does not say.
_SECRETS = ("BOHRIUM_ACCESS_KEY", "ACCESS_KEY", "BOHRIUM_APP_KEY", "APP_KEY", "BOHR_TICKET")


class ServiceBackend(Backend):
    """A stage's folder on a service.

    Parameters
    ----------
    settings, work_dir, identity, patience
        As of :class:`HostBackend`.
    """

    def __init__(
        self, settings: Settings, work_dir: Path, identity: str, patience: Patience
    ) -> None:
        self.settings, self.work_dir, self.patience = settings, work_dir, patience
        self.identity = identity
        self.common: list[str] = []
        self.secrets = all_secrets(settings)
        self.machine, self.resources = self._steady("connecting", lambda: open_machine(settings))
        self.machine.gen_script_command = job_commands
        self.context = self.machine.context
        self.known: dict[str, list[Task]] = {}  #: tasks of jobs
        self.over: dict[str, str] = {}  #: what was said of jobs whose results are at home

    # -- what the machine is like

    def slots(self) -> int | None:
        """The service decides."""
        return None

    @property
    def sees_processes(self) -> bool:
        """No."""
        return False

    @property
    def grace_s(self) -> float:
        """None: a job is gone when its results have come."""
        return 0.0

    @property
    def host_key(self) -> dict[str, str]:
        """None that could be verified."""
        return {}

    # -- files

    def upload_common(self, names: Sequence[str], again: bool) -> None:
        """They travel with each job."""
        self.common = expand_to_files(self.work_dir, names)

    def upload(self, tasks: Sequence[Task]) -> None:
        """Forget what an earlier attempt has left; the inputs travel with the job."""
        for task in tasks:
            remove_results(task)
            for name in (script.EXIT, script.LOCK, script.PROGRESS, MARKS):
                (task.folder / name).unlink(missing_ok=True)

    def fetch(self, tasks: Sequence[Task]) -> None:
        """They have come with the end of the job."""

    def job_output(self, job: str, queue_id: str) -> str:
        """What the service said of a job that has ended."""
        return self.over.get(job, "")

    def reset(self, task: Task) -> None:
        """Take a finished tag away."""
        (task.folder / script.DONE).unlink(missing_ok=True)

    def clean(self) -> None:
        """Remove archives and scripts."""
        for file in (*self.work_dir.glob("wt-*"), *self.work_dir.glob(".wt-*")):
            file.unlink(missing_ok=True)
        shutil.rmtree(self.work_dir / "backup", ignore_errors=True)  # dpdispatcher's

    # -- jobs

    def take_up(self, job: str, tasks: Sequence[Task]) -> None:
        """Know the tasks of a job of an earlier call."""
        self.known[job] = list(tasks)

    def submit(self, job: str, tasks: Sequence[Task], clean: bool) -> str:
        """Send a job's inputs, and start it.

        Raises
        ------
        TransportError
            The service has no number for it.
        """
        self.take_up(job, tasks)
        unit, view = self._bound(job)
        unit.job_state = JobStatus.unsubmitted
        self._steady("uploading", lambda: self.context.upload(view))
        number = self._steady("submitting", lambda: self.machine.do_submit(unit))
        if not number:
            raise TransportError(f"{self.settings.where} took a job and gave no number for it")
        return str(number)

    def find(self, job: str, noted: str = "") -> str | None:
        """The id that dpdispatcher has noted there; most services have no place for that."""
        if noted:
            return noted
        unit, _ = self._bound(job)
        note = f"{unit.job_hash}_job_id"

        def look() -> str | None:
            if not self.context.check_file_exists(note):
                return None
            text = self.context.read_file(note)
            return (text.decode() if isinstance(text, bytes) else str(text)).strip() or None

        return self._steady("asking for jobs", look, question=True)

    def alive(self, job: str) -> str | None:
        """A service cannot be asked by a name."""
        return None

    def states(self, jobs: Mapping[str, str]) -> dict[str, str]:
        """As :meth:`Backend.states`; "gone" when the results are at home, too."""
        return {job: self._state(job, queue_id) for job, queue_id in jobs.items()}

    def _state(self, job: str, queue_id: str) -> str:
        if job in self.over:
            return "gone"
        unit, view = self._bound(job)
        unit.job_id = queue_id
        state = self._steady("asking", lambda: self.machine.check_status(unit), question=True)
        if state not in _OVER:
            return "running" if state in _RUNNING else "waiting"
        said = None
        if state == JobStatus.finished:
            unit.job_state = state
            self._steady("downloading", lambda: self._download(view))
        else:
            said = self._steady("asking what failed", lambda: self.machine.get_job_error(unit))
            if self.settings.local:  # the others have sent what there is with that
                self._steady("downloading", lambda: self._download(view))
        for task in self.known.get(job, ()):
            unpack(task.folder)
        if getattr(self.context, "supports_task_completion_tags", True):  # it has a folder there
            self._steady("cleaning up", self.context.clean)
        self.over[job] = redact(str(said or ""), self.secrets)[-4000:]
        return "gone"

    def _download(self, view: View) -> None:
        if view.belonging_tasks:
            self.context.download(view, check_exists=True, mark_failure=False)

    def marks(self, tasks: Sequence[Task], locks: bool = True) -> dict[str, Mark]:
        """What the tasks' folders at home say."""
        return {task.name: read_mark(task.folder, locks) for task in tasks}

    def pause(self, seconds: float, queue_ids: Iterable[str]) -> bool:
        """Wait."""
        time.sleep(seconds)
        return False

    def kill(self, job: str, queue_id: str) -> None:
        """Tell the service to end a job, if dpdispatcher knows how."""
        unit, _ = self._bound(job)
        unit.job_id = queue_id
        if type(self.machine).kill is Machine.kill:
            log.warning("job %s in %s has to be ended by hand", queue_id, self.settings.where)
        else:
            self._steady("cancelling", lambda: self.machine.kill(unit))

    # -- helpers

    def _bound(self, job: str) -> tuple[UnitJob, View]:
        """A job as dpdispatcher sees it, a submission of its own; the context is bound to it."""
        tasks = self.known.get(job, [])
        units = [self._unit_task(task, job) for task in tasks]
        unit = UnitJob(UnitJob.queue_name(job), job, units, self.resources, self.machine)
        identity = f"{self.identity}-{job}"
        view = View(identity, self.work_dir, self.resources, units, self.common)
        view.belonging_jobs, view.machine, view.submission_hash = [unit], self.machine, identity
        self._steady("connecting", lambda: self.context.bind_submission(view))
        return unit, view

    def _unit_task(self, task: Task, job: str) -> UnitTask:
        inputs = expand(task.folder, task.forward)
        found = " ".join(_MARKS)
        command = (
            f"{script.task_command(task, job, inputs, True)}\nwtemlp_code=$?\n"
            f"tar -cf {MARKS} $(ls -d {found} 2>/dev/null)\n[ $wtemlp_code -eq 0 ]\n"
        )
        names = dict.fromkeys((*task.backward, *task.logs, script.OUT, script.ERR, MARKS))
        path = task.folder.relative_to(self.work_dir).as_posix()
        return UnitTask(command, path, expand_to_files(task.folder, task.forward), list(names))

    def _attempt(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except WtemlpError:
            raise
        except Exception as error:  # whatever a service's package raises may be an outage
            raise ConnectionError(f"{type(error).__name__}: {error}") from error


def unpack(folder: Path) -> None:
    """Put a task's marks into its folder; when its earlier attempts were, stays."""
    archive, times = folder / MARKS, folder / script.TIMES
    if not archive.exists():
        return
    earlier = times.read_text() if times.exists() else ""
    with tarfile.open(archive) as marks:
        for member in marks.getmembers():
            content = marks.extractfile(member) if member.name in _MARKS else None
            if content is not None:
                (folder / member.name).write_bytes(content.read())
    if earlier and times.exists():
        write_text(times, merged(earlier, times.read_text()))
    archive.unlink()


def all_secrets(settings: Settings) -> tuple[str, ...]:
    """Those of a machine section, and those that a service's package finds in the environment."""
    found = {os.environ[name] for name in _SECRETS if os.environ.get(name)}
    return tuple(sorted({*secrets_of(settings.machine), *found}, key=len, reverse=True))


def open_machine(settings: Settings) -> tuple[Machine, Resources]:
    """A service and what is asked of it.

    Raises
    ------
    InputError
        dpdispatcher does not accept the section, or a package of the service's is missing.
    """
    try:
        return Machine.load_from_dict(settings.machine), job_resources(settings)
    except (ArgumentError, KeyError, ValueError, ModuleNotFoundError, Warning) as error:
        words = redact(one_line(str(error)), all_secrets(settings))
        raise InputError("machine file", f"dpdispatcher does not accept it: {words}") from error


def backend_of(settings: Settings, work_dir: Path, identity: str, patience: Patience) -> Backend:
    """The back end of a machine section."""
    kind: type[HostBackend] | type[ServiceBackend]
    kind = ServiceBackend if settings.service else HostBackend
    return kind(settings, work_dir, identity, patience)
