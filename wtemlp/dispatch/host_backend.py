"""One stage on one machine: files there and back, jobs in and out, through dpdispatcher."""

import logging
import shlex
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import paramiko

from wtemlp.core.errors import InputError
from wtemlp.dispatch import queues, script
from wtemlp.dispatch.backend import Backend
from wtemlp.dispatch.library import (
    ArgumentError,
    JobStatus,
    Machine,
    RetrySignal,
    redact,
    secrets_of,
    without_retries,
)
from wtemlp.dispatch.retry import Patience, one_line
from wtemlp.dispatch.settings import Settings, cores_at_hand
from wtemlp.dispatch.ssh import FOLDERS_AT_ONCE, SSHContext
from wtemlp.dispatch.staging import StageFiles, expand
from wtemlp.dispatch.task_status import Mark, parse_probe, read_mark
from wtemlp.dispatch.tasks import Task
from wtemlp.dispatch.units import JOBS, UnitJob, UnitTask, View, job_commands, job_resources

log = logging.getLogger("wtemlp.dispatch")
T = TypeVar("T")

GRACE_S = 10.0  #: how long to wait for a dead job's last words: network file systems lag behind


class HostBackend(Backend):
    """A stage's folder on a machine where commands can be run: this one, or by SSH.

    Parameters
    ----------
    settings : Settings
        The machine section.
    work_dir : Path
        The stage's folder, absolute.
    identity : str
        The stage's name below ``remote_root``; independent of where the run's folder is.
    patience : Patience
        How to behave while the other side does not answer.
    """

    def __init__(
        self, settings: Settings, work_dir: Path, identity: str, patience: Patience
    ) -> None:
        self.settings, self.work_dir, self.patience = settings, work_dir, patience
        self.secrets = secrets_of(settings.machine)
        try:
            self.machine = self._steady(
                "connecting", lambda: Machine.load_from_dict(settings.machine)
            )
            self.resources = job_resources(settings)
            if type(self.machine).gen_script_command is Machine.gen_script_command:
                self.machine.gen_script_command = job_commands  # not a job array's own
        except (ArgumentError, KeyError) as error:
            words = redact(one_line(str(error)), self.secrets)
            raise InputError("machine file", f"dpdispatcher does not accept it: {words}") from error
        self.context = self.machine.context
        self.stage = View(identity, work_dir, self.resources)
        self._steady("connecting", lambda: self.context.bind_submission(self.stage))
        self.lazy = settings.context == "lazylocal"
        self.files = StageFiles(self.context, self.stage, work_dir, settings)
        self._make_job_folder()
        self.ends = queues.Ends()

    # -- what the machine is like

    def slots(self) -> int | None:
        """How many jobs may run at once; None: the queue decides."""
        if not self.settings.shell:
            return None
        cores = cores_at_hand() if self.settings.local else int(self._call("nproc").strip() or 1)
        return max(1, cores // max(1, int(self.resources.cpu_per_node)))

    @property
    def sees_processes(self) -> bool:
        """Whether jobs are processes of this machine, which can be seen without starting one."""
        return self.settings.local and self.settings.shell and queues.LISTED

    @property
    def grace_s(self) -> float:
        """How long to wait for a dead job's last words."""
        return 0.0 if self.settings.local and self.settings.shell else GRACE_S

    @property
    def host_key(self) -> dict[str, str]:
        """How the host's key was verified, for the journal; empty on this machine."""
        ssh = isinstance(self.context, SSHContext)
        return self.context.ssh_session.host_keys.record() if ssh else {}

    # -- files

    def upload_common(self, names: Sequence[str], again: bool) -> None:
        """Send the files that all tasks share; ``again``: they are there, replace nothing."""
        if not self.lazy:
            self._steady("uploading", lambda: self.files.upload_common(names, again))

    def upload(self, tasks: Sequence[Task]) -> None:
        """Send the tasks' inputs, and forget results of an earlier attempt on this side."""
        if not self.lazy:
            self._steady("uploading", lambda: self.files.upload(tasks))

    def fetch(self, tasks: Sequence[Task]) -> None:
        """Bring what there is of the tasks' results and logs home."""
        if not self.lazy and tasks:
            self._steady("downloading", lambda: self.files.download(tasks))

    def job_output(self, job: str, queue_id: str) -> str:
        """The end of what the job script itself printed, such as the queue's last words."""
        for name in queues.outputs(self._hash(job), UnitJob.queue_name(job), queue_id):
            if self._steady("reading", partial(self.context.check_file_exists, name)):
                text = self._steady("reading", partial(self.context.read_file, name))
                said = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
                return said[-4000:]
        return ""

    def reset(self, task: Task) -> None:
        """Take a finished tag away: what it stands for is not there."""
        (task.folder / script.DONE).unlink(missing_ok=True)
        if not self.lazy:
            path = shlex.quote(f"{self.files.path(task)}/{script.DONE}")
            self._call(f"rm -f {path}")

    def clean(self) -> None:
        """Remove what the stage left behind: the other side's folder, or the job scripts here."""
        if self.lazy:
            shutil.rmtree(self.work_dir / JOBS, ignore_errors=True)
        else:
            self._steady("cleaning up", self.context.clean)

    # -- jobs

    def take_up(self, job: str, tasks: Sequence[Task]) -> None:
        """Know a job of an earlier call: nothing needs to be known."""

    def submit(self, job: str, tasks: Sequence[Task], clean: bool) -> str:
        """Start a job, once: after a doubtful answer it is asked for before it is sent again."""
        unit = self._unit(job, tasks, clean=clean)
        tried = [False]

        def once() -> str:
            # After a doubtful answer the job may be there: ask before submitting again.
            known = self._find(job) if tried[0] else None
            tried[0] = True
            if known:
                log.info("%s is in the queue: %s", UnitJob.queue_name(job), known)
                return known
            try:
                return str(without_retries(self.machine.do_submit)(unit))
            except RetrySignal as doubt:
                raise TimeoutError(str(doubt)) from doubt

        queue_id = self._steady("submitting", once)
        if self.resources.wait_time:
            time.sleep(self.resources.wait_time)
        return queue_id

    def find(self, job: str) -> str | None:
        """The id of a job whose submission was not seen to succeed, if it was submitted."""
        return self._steady("asking for jobs", lambda: self._find(job), question=True)

    def _find(self, job: str) -> str | None:
        note = f"{self._hash(job)}_job_id"
        if self.context.check_file_exists(note):
            return str(self.context.read_file(note)).strip() or None
        if self.settings.shell:
            for line in self._processes():
                process, _, words = line.strip().partition(" ")
                if f"{self._hash(job)}.sub" in words.split():
                    return process
            return None
        command = queues.find_command(self.settings.batch, UnitJob.queue_name(job))
        if command is None:
            return None  # the locks of the tasks see to it that nothing runs twice
        ids = self._output(command).split()
        return ids[0] if ids else None

    def states(self, jobs: Mapping[str, str]) -> dict[str, str]:
        """Ask the system for processes, or the queue."""
        if self.settings.shell:
            # By the script's name, which is unique: a process id may have been used again.
            scripts = {job: f"{self._hash(job)}.sub" for job in jobs}
            if self.sees_processes:
                return {job: _running(queues.runs(jobs[job], scripts[job])) for job in jobs}
            lines = []
            if jobs:
                lines = self._steady("looking for jobs", self._processes, question=True)
            words = {word for line in lines for word in line.split()}
            return {job: _running(scripts[job] in words) for job in jobs}
        command = queues.list_command(self.settings.batch)
        if command is not None and jobs:
            text = self._steady("asking the queue", lambda: self._output(command), question=True)
            return queues.parse_list(text.splitlines(), jobs)
        return {
            job: self._steady("asking the queue", partial(self._queue_state, job, q), question=True)
            for job, q in jobs.items()
        }

    def _queue_state(self, job: str, queue_id: str) -> str:
        unit = self._unit(job, ())
        unit.job_id = queue_id
        try:
            state = without_retries(self.machine.check_status)(unit)
        except RetrySignal as doubt:
            raise TimeoutError(str(doubt)) from doubt
        if state in (JobStatus.finished, JobStatus.terminated, JobStatus.failed):
            return "gone"
        return _running(state in (JobStatus.running, JobStatus.completing), "waiting")

    def marks(self, tasks: Sequence[Task], locks: bool = True) -> dict[str, Mark]:
        """Read them here, or by one command for many folders."""
        if self.settings.local:
            return {task.name: read_mark(self.files.folder(task), locks) for task in tasks}
        lines: list[str] = []
        for first in range(0, len(tasks), FOLDERS_AT_ONCE):
            folders = [self.files.path(task) for task in tasks[first : first + FOLDERS_AT_ONCE]]
            lines += self._call(script.probe_command(folders, locks)).splitlines()
        found = parse_probe(lines)
        return {task.name: found.get(self.files.path(task), Mark()) for task in tasks}

    def pause(self, seconds: float, queue_ids: Iterable[str]) -> bool:
        """Wait; whether one of these jobs was seen to end meanwhile."""
        if self.sees_processes:
            return self.ends.wait(queue_ids, seconds)
        time.sleep(seconds)
        return False

    def kill(self, job: str, queue_id: str) -> None:
        """End a job and everything that it started."""
        if not self.settings.shell:
            unit = self._unit(job, ())
            unit.job_id = queue_id
            self._steady("cancelling", lambda: self.machine.kill(unit))
        elif self.states({job: queue_id})[job] == "running":
            process = int(queue_id)  # the leader of a session, or without setsid just a process
            self._call(f"kill -KILL -{process} 2>/dev/null || kill -KILL {process}")

    # -- helpers

    def _unit(self, job: str, tasks: Iterable[Task], clean: bool = True) -> UnitJob:
        units = []
        for task in tasks:
            inputs = expand(task.folder, task.forward)
            command = script.task_command(task, job, inputs, clean)
            units.append(UnitTask(command, self.files.path(task)))
        return UnitJob(self._hash(job), job, units, self.resources, self.machine)

    def _hash(self, job: str) -> str:
        return f"{JOBS}/{job}"

    def _make_job_folder(self) -> None:
        if self.settings.local:
            (Path(self.context.remote_root) / JOBS).mkdir(parents=True, exist_ok=True)
        else:
            self._call(f"mkdir -p {JOBS}")

    def _processes(self) -> list[str]:
        return self._output("ps -e -ww -o pid= -o args=").splitlines()

    def _call(self, command: str) -> str:
        return self._steady("running a command", lambda: self._output(command))

    def _output(self, command: str) -> str:
        code, _, out, err = self.context.block_call(command)
        if code != 0:
            complaint = err.read().decode(errors="replace").strip()
            raise RuntimeError(f"{command.split()[0]}: exit status {code}: {complaint}")
        return str(out.read().decode(errors="replace"))

    def _attempt(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except (TimeoutError, ConnectionError, EOFError, paramiko.SSHException):
            if isinstance(getattr(self, "context", None), SSHContext):
                self.context.ssh_session.drop()  # what was half said must not be heard later
            raise


def _running(yes: bool, otherwise: str = "gone") -> str:
    return "running" if yes else otherwise
