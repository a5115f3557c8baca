"""dpdispatcher's submissions, jobs and tasks with identities of our own.

dpdispatcher names things by a hash of everything that it knows: the absolute path, the SSH port,
the key's path.  Here a stage, a job and a task are called what the journal calls them.
"""

import copy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wtemlp.core import lammps_potentials
from wtemlp.dispatch import script
from wtemlp.dispatch.library import ArgumentError, Job, Machine, Resources, Submission, Task
from wtemlp.dispatch.queues import without_names
from wtemlp.dispatch.settings import Settings

JOBS = ".dispatch"  #: folder of the job scripts, beside the tasks


def job_resources(settings: Settings) -> Resources:
    """What dpdispatcher writes into the head of a job script, ours for local jobs included.

    Parameters
    ----------
    settings : Settings
        The machine section.
    """
    try:
        resources = Resources.load_from_dict(dict(settings.resources))
    except RuntimeError as error:  # two keys that do not go together
        raise ArgumentError(None, str(error)) from error
    resources.custom_flags = without_names(resources.custom_flags)
    resources.kwargs.pop("job_name", None)  # of Grid Engine: the same for all jobs
    _try_template(resources)
    if settings.shell:
        resources.custom_flags.append(script.session_line())
    if settings.local:
        resources.custom_flags.append(script.path_line(Path(sys.prefix) / "bin"))
        if (folder := lammps_potentials.potentials_folder()) is not None:
            resources.custom_flags.append(script.default_line(lammps_potentials.VARIABLE, folder))
    if settings.local and settings.shell:
        resources.envs = script.thread_variables(max(1, resources.cpu_per_node), resources.envs)
    return resources


def _try_template(resources: Resources) -> None:
    """Raise ArgumentError if the head of the job scripts cannot be made of the user's file."""
    template = resources.strategy.get("customized_script_header_template_file")
    if template is None:
        return
    try:
        Path(template).read_text().format(**resources.serialize())
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        key = "strategy.customized_script_header_template_file"
        reason = f"{type(error).__name__}: {error}"
        hint = "braces of its own are written twice" if not isinstance(error, OSError) else ""
        words = f"{key}: {template} cannot be used ({reason})" + (f"; {hint}" if hint else "")
        raise ArgumentError(None, words) from error


def job_commands(job: "UnitJob") -> str:
    """The tasks' part of a job script, for ``Machine.gen_script_command``."""
    resources = job.resources
    shared_out = resources.strategy["if_cuda_multi_devices"] is True
    return script.job_commands(
        [(task.task_work_path, task.command) for task in job.job_task_list],
        f"{job.job_hash}_flag_if_job_task_fail",
        max(1, resources.para_deg),
        resources.gpu_per_node if shared_out else 0,
        (job.job, job.beside),
    )


class View(Submission):  # type: ignore[misc]
    """A stage, or some of its tasks, as dpdispatcher's contexts want to see them."""

    def __init__(
        self,
        identity: str,
        work_dir: Path,
        resources: Resources,
        tasks: Sequence[Task] = (),
        common: Sequence[str] = (),
    ) -> None:
        self.identity = identity
        super().__init__(
            work_base=str(work_dir),
            resources=resources,
            forward_common_files=list(common),
            task_list=list(tasks),
        )

    def get_hash(self) -> str:
        """The stage's identity."""
        return self.identity


class UnitTask(Task):  # type: ignore[misc]
    """A task as the job script and the file transfer see it."""

    def __init__(
        self, command: str, path: str, forward: Sequence[str] = (), backward: Sequence[str] = ()
    ) -> None:
        super().__init__(command, path, forward, backward, outlog=script.OUT, errlog=script.ERR)

    def get_hash(self) -> str:
        """A constant: the tag that is named after it lies in the task's own folder."""
        return script.TASK_HASH


class UnitJob(Job):  # type: ignore[misc]
    """A job of some tasks under a given name."""

    def __init__(
        self,
        file_name: str,
        job: str,
        tasks: Sequence[UnitTask],
        resources: Resources,
        machine: Machine,
        beside: Sequence[str] = (),
    ) -> None:
        self.file_name, self.job, self.beside = file_name, job, tuple(beside)
        super().__init__(list(tasks), resources=copy.deepcopy(resources), machine=machine)
        self.script_file_name = f"{file_name}.sub"

    def get_hash(self) -> str:
        """The name of the job's files."""
        return self.file_name

    def serialize(self, if_static: bool = False) -> dict[str, Any]:
        """dpdispatcher's record of the job, under our name."""
        (content,) = super().serialize(if_static).values()
        return {self.file_name: content}

    def get_scheduler_name(
        self, max_length: int, *, require_alpha_prefix: bool = False
    ) -> str | None:
        """The job's name in the queue: by it a lost submission is found again."""
        return self.queue_name(self.job)[:max_length]

    @staticmethod
    def queue_name(job: str) -> str:
        """A job's name in the queue: 15 characters, as PBS allows."""
        return f"wt-{job}"[:15]
