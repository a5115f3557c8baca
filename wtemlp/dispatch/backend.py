"""What a stage asks of the machine that its jobs run on, whichever kind it is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from wtemlp.dispatch.library import Resources, redact
from wtemlp.dispatch.retry import Patience
from wtemlp.dispatch.settings import Settings
from wtemlp.dispatch.task_status import Mark
from wtemlp.dispatch.tasks import Task

T = TypeVar("T")


class Backend(ABC):
    """A stage's folder on a machine: what :class:`~wtemlp.dispatch.stage_run.StageRun` asks of it.

    Attributes
    ----------
    settings : Settings
        The machine section.
    work_dir : Path
        The stage's folder, absolute.
    secrets : tuple of str
        Words that no message may show.
    resources
        dpdispatcher's, of a job.
    """

    settings: Settings
    work_dir: Path
    patience: Patience
    secrets: tuple[str, ...]
    resources: Resources

    @abstractmethod
    def slots(self) -> int | None:
        """How many jobs may run at once; None: the queue decides."""

    @property
    @abstractmethod
    def sees_processes(self) -> bool:
        """Whether jobs are processes of this machine, which can be seen without starting one."""

    @property
    @abstractmethod
    def grace_s(self) -> float:
        """How long to wait for a dead job's last words."""

    @property
    @abstractmethod
    def host_key(self) -> dict[str, str]:
        """How the host's key was verified, for the journal; empty where there is none."""

    @property
    def group_size(self) -> int:
        """Tasks in a job; 0: all."""
        return int(self.resources.group_size)

    @abstractmethod
    def upload_common(self, names: Sequence[str], again: bool) -> None:
        """Send the files that all tasks share; ``again``: they are there, replace nothing."""

    @abstractmethod
    def upload(self, tasks: Sequence[Task]) -> None:
        """Send the tasks' inputs, and forget results of an earlier attempt on this side."""

    @abstractmethod
    def fetch(self, tasks: Sequence[Task]) -> None:
        """Bring what there is of the tasks' results and logs home."""

    @abstractmethod
    def job_output(self, job: str, queue_id: str) -> str:
        """The end of what the job script itself printed, such as the queue's last words."""

    @abstractmethod
    def reset(self, task: Task) -> None:
        """Take a finished tag away: what it stands for is not there."""

    @abstractmethod
    def clean(self) -> None:
        """Remove what the stage left behind: the other side's folder, or the job scripts here."""

    @abstractmethod
    def take_up(self, job: str, tasks: Sequence[Task]) -> None:
        """Know the tasks of a job of an earlier call."""

    @abstractmethod
    def submit(self, job: str, tasks: Sequence[Task], clean: bool) -> str:
        """Start a job, once.

        Returns
        -------
        str
            The process or queue id; "" when the queue takes no more jobs now.

        Raises
        ------
        TransportError
            If it was taken, and nobody knows its number.
        """

    @abstractmethod
    def find(self, job: str, noted: str = "") -> str | None:
        """The id of a job.

        Parameters
        ----------
        job : str
        noted : str
            The id that is known; if it is none, as when the submission was not seen to succeed,
            the job is looked for by its name.
        """

    @abstractmethod
    def alive(self, job: str) -> str | None:
        """The id under which the queue has a job that has not ended, by the job's name."""

    @abstractmethod
    def states(self, jobs: Mapping[str, str]) -> dict[str, str]:
        """How jobs stand: "waiting", "running" or "gone".

        Parameters
        ----------
        jobs : mapping
            Process or queue id of each job.
        """

    @abstractmethod
    def marks(self, tasks: Sequence[Task], locks: bool = True) -> dict[str, Mark]:
        """What the tasks' folders on the other side say.

        Parameters
        ----------
        tasks : sequence of Task
        locks : bool
            Whether to ask if anything still runs in the folders, which costs more.
        """

    @abstractmethod
    def pause(self, seconds: float, queue_ids: Iterable[str]) -> bool:
        """Wait; whether one of these jobs was seen to end meanwhile."""

    @abstractmethod
    def kill(self, job: str, queue_id: str) -> None:
        """End a job and everything that it started."""

    @abstractmethod
    def _attempt(self, action: Callable[[], T]) -> T:
        """Do something once; what may be an outage is raised as one."""

    def _steady(self, what: str, action: Callable[[], T], question: bool = False) -> T:
        """Do something over outages, as long as :class:`Patience` waits."""
        return self.patience.steady(
            f"{what} ({self.settings.where})",
            lambda: self._attempt(action),
            lambda text: redact(text, self.secrets),
            question,
        )
