"""One stage on one machine: files there and back, jobs in and out, through dpdispatcher."""

import logging
import shlex
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import paramiko

from wtemlp.core.errors import InputError, TransportError
from wtemlp.dispatch import queues, script
from wtemlp.dispatch.backend import Backend
from wtemlp.dispatch.library import (
    ArgumentError,
    Machine,
    redact,
    secrets_of,
)
from wtemlp.dispatch.retry import Patience, one_line
from wtemlp.dispatch.settings import Settings, cores_at_hand
from wtemlp.dispatch.ssh.connection import FOLDERS_AT_ONCE, SSHContext
from wtemlp.dispatch.staging import StageFiles, expand
from wtemlp.dispatch.task_status import Mark, parse_probe, read_mark
from wtemlp.dispatch.tasks import Task
from wtemlp.dispatch.units import JOBS, UnitJob, UnitTask, View, job_commands, job_resources

log = logging.getLogger("wtemlp.dispatch")
T = TypeVar("T")

GRACE_S = 10.0  #: how long to wait for a dead job's last words: network file systems lag behind
LOOKS_S = (0.0, 1.0, 4.0)  #: before each look for a new job: a queue may take a moment to show it


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
            self.queue = _queue(settings.batch)
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
                return (text.decode(errors="replace") if isinstance(text, bytes) else text)[-4000:]
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

        def once() -> str | queues.Said:
            # After a doubtful answer the job may be there: ask before submitting again.
            known = self._find(job) if tried[0] else None
            tried[0] = True
            if known:
                log.info("%s is in the queue: %s", UnitJob.queue_name(job), known)
                return known
            return self._hand_in(unit)

        said = self._steady("submitting", once)
        queue_id = said if isinstance(said, str) else self._id_in(job, said)
        if queue_id:
            self._steady("submitting", lambda: self.context.write_file(_note(unit), queue_id))
        if self.resources.wait_time:
            time.sleep(self.resources.wait_time)
        return queue_id

    def _hand_in(self, unit: UnitJob) -> queues.Said | str:
        """Give a job to the queue; what it says, or "" when it takes no more jobs now."""
        name = unit.script_file_name
        if unit.resources.strategy.get("customized_script_header_template_file"):
            naming = self.queue.naming.format(name=UnitJob.queue_name(unit.job))
            unit.resources.custom_flags.insert(0, naming)  # else it is in the head
        self.context.write_file(name, self.machine.gen_script(unit))
        self.context.write_file(f"{name}.run", self.machine.gen_script_command(unit))
        command = self.queue.submit.format(
            script=shlex.quote(name), out=shlex.quote(f"{unit.job_hash}.out")
        )
        said = self._said(command)
        if said.code == 0 or self.queue.new_ids(said.out):
            return said  # a wrapper may fail after the job is in the queue
        if queues.is_full(said.err):
            return ""
        raise RuntimeError(said.err.strip() or f"{self.queue.program}: exit status {said.code}")

    def _id_in(self, job: str, said: queues.Said) -> str:
        """The id of a job that the queue has taken; never submits.

        Raises
        ------
        TransportError
            There is none in its words, and the queue knows no job of that name.
        """
        printed = self.queue.new_ids(said.out) or self.queue.new_ids(said.err)
        if said.code == 0 and len(printed) == 1:
            return printed[0]
        known = None
        for pause in LOOKS_S:
            time.sleep(pause)
            known = known or self._steady(
                "asking for jobs", lambda: self._by_name(job), question=True
            )
            if known or printed:
                break
        if known or (printed and said.code == 0):
            return known or printed[-1]
        words = redact(one_line(f"{said.out} {said.err}"), self.secrets) or "nothing"
        end = "" if said.code == 0 else f" (exit status {said.code})"
        raise TransportError(
            f"submitting ({self.settings.where}): no job id is found in what "
            f"{self.queue.program} says{end}: {words}; nor does the queue know a job named "
            f"{UnitJob.queue_name(job)}: see whether it is there.  The same wtemlp command looks "
            "for it first"
        )

    def find(self, job: str, noted: str = "") -> str | None:
        """The noted one, if it is an id; else by the job's note and name."""
        if noted and self.queue.is_id(noted):
            return noted
        return self._steady("asking for jobs", lambda: self._find(job), question=True)

    def alive(self, job: str) -> str | None:
        """The id under which the queue has a job that has not ended, by the job's name."""
        return self._steady(
            "asking for jobs", lambda: self._by_name(job, ended=False), question=True
        )

    def _find(self, job: str) -> str | None:
        note = f"{self._hash(job)}_job_id"
        if self.context.check_file_exists(note):
            noted = str(self.context.read_file(note)).strip()
            if self.queue.is_id(noted):
                return noted
        return self._by_name(job)

    def _by_name(self, job: str, ended: bool = True) -> str | None:
        if self.settings.shell:
            for line in self._processes():
                process, _, words = line.strip().partition(" ")
                if f"{self._hash(job)}.sub" in words.split():
                    return process
            return None
        if not self.queue.find:
            return None  # the locks of the tasks see to it that nothing runs twice
        name = UnitJob.queue_name(job)
        command = queues.find_command(self.queue, name, self.resources.custom_flags, ended)
        ids = self.queue.named_ids(self._said(command), name)
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
        if self.queue.listing and jobs:
            command = queues.list_command(self.queue, self.resources.custom_flags)
            text = self._steady("asking the queue", lambda: self._output(command), question=True)
            return queues.parse_list(self.queue, text, jobs)
        return {job: self._queue_state(queue_id) for job, queue_id in jobs.items()}

    def _queue_state(self, queue_id: str) -> str:
        command = self.queue.ask.format(id=shlex.quote(queue_id))
        return self._steady(
            "asking the queue",
            lambda: self.queue.state_of(queue_id, self._said(command)),
            question=True,
        )

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
        if self.settings.shell and self.states({job: queue_id})[job] != "running":
            return  # the number may be another process's by now
        command = queues.kill_command(self.queue, queue_id, self.resources.custom_flags)
        self._steady("cancelling", lambda: self._said(command))

    # -- helpers

    def _unit(self, job: str, tasks: Iterable[Task], clean: bool = True) -> UnitJob:
        units, beside = [], []
        for task in tasks:
            beside += [task.beside] * bool(task.beside)
            inputs = expand(task.folder, task.forward)
            command = script.task_command(task, job, inputs, clean)
            units.append(UnitTask(command, self.files.path(task)))
        shared = [command for command, n in Counter(beside).items() if n > 1]
        return UnitJob(self._hash(job), job, units, self.resources, self.machine, shared)

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
        said = self._said(command)
        if said.code != 0:
            program = command.split()[0]
            raise RuntimeError(f"{program}: exit status {said.code}: {said.err.strip()}")
        return said.out

    def _said(self, command: str) -> queues.Said:
        code, _, out, err = self.context.block_call(command)
        return queues.Said(code, *(one.read().decode(errors="replace") for one in (out, err)))

    def _attempt(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except (TimeoutError, ConnectionError, EOFError, paramiko.SSHException):
            if isinstance(getattr(self, "context", None), SSHContext):
                self.context.ssh_session.drop()  # what was half said must not be heard later
            raise


def _running(yes: bool) -> str:
    return "running" if yes else "gone"


def _queue(batch: str) -> queues.Queue:
    queue = queues.queue_of(batch)
    if queue is None:
        raise KeyError(batch)
    return queue


def _note(unit: UnitJob) -> str:
    """Where dpdispatcher notes a job's id, beside its script."""
    return f"{unit.job_hash}_job_id"
