"""How long tasks ran, from what their jobs noted, and what that cost in cores and GPUs.

Each attempt leaves two lines in its task's folder, when its command begins and when it ends.  They
are read anew whenever they are asked for, so nothing is counted twice, whoever asks how often.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wtemlp.config.records import MachineSection
from wtemlp.dispatch import script
from wtemlp.dispatch.settings import plain_name
from wtemlp.dispatch.tasks import Task


@dataclass(frozen=True)
class Attempt:
    """One attempt at a task."""

    job: str
    begin: float  #: s since the epoch, on the clock of the machine that it ran on
    end: float | None  #: None: it was killed, and nothing says when

    @property
    def seconds(self) -> float:
        """Its length; 0 where that is not known."""
        return 0.0 if self.end is None else self.end - self.begin


def read_attempts(folder: Path, local: bool = True) -> list[Attempt]:
    """The attempts at a task, in their order.

    An attempt that was killed ended when the last file in its folder changed, as the next attempt
    has noted it.

    Parameters
    ----------
    folder : Path
        The task's.
    local : bool
        Whether it ran on this machine's files: if the last attempt was killed, they tell when.

    Returns
    -------
    list of Attempt
        Empty where nothing has been noted.
    """
    try:
        lines = (folder / script.TIMES).read_text(errors="replace").splitlines()
    except OSError:
        return []
    attempts: list[Attempt] = []
    begun: tuple[str, float] | None = None
    seen: float | None = None
    for line in lines:
        job, what, time = _event(line)
        if time is None:
            continue
        if what == "seen":
            seen = time
        elif what == "begin":
            if begun is not None:
                attempts.append(_ended(begun, seen, time))
            begun, seen = (job, time), None
        elif what == "end" and begun is not None and begun[0] == job:
            attempts.append(Attempt(job, begun[1], max(time, begun[1])))
            begun = None
    if begun is not None:
        attempts.append(_ended(begun, _last_change(folder) if local else None, float("inf")))
    return attempts


def _event(line: str) -> tuple[str, str, float | None]:
    words = line.split()
    try:
        return words[0], words[1], float(words[2].replace(",", "."))  # as bash's locale has it
    except (IndexError, ValueError):
        return "", "", None


def _ended(begun: tuple[str, float], seen: float | None, latest: float) -> Attempt:
    job, begin = begun
    return Attempt(job, begin, None if seen is None else min(max(seen, begin), latest))


def _last_change(folder: Path) -> float | None:
    files = (f for f in folder.rglob("*") if not f.name.startswith(script.TASK_HASH))
    return max(
        (f.stat().st_mtime for f in files if f.is_file() and not f.is_symlink()), default=None
    )


def merged(old: str, new: str) -> str:
    """The lines of two files of times, each once: another folder may have had other attempts."""
    lines = dict.fromkeys([*old.splitlines(), *new.splitlines()])
    return "".join(f"{line}\n" for line in lines)


def busy_seconds(attempts: Iterable[Attempt]) -> float:
    """How long jobs were at work: time in which several tasks of a job ran counts once."""
    by_job: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for attempt in attempts:
        if attempt.end is not None:
            by_job[attempt.job].append((attempt.begin, attempt.end))
    total = 0.0
    for spans in by_job.values():
        until = float("-inf")
        for begin, end in sorted(spans):
            total += max(0.0, end - max(begin, until))
            until = max(until, end)
    return total


def stage_hours(tasks: Sequence[Task], section: MachineSection) -> tuple[float, float]:
    """What a stage's tasks took of what their jobs asked for.

    A job has its cores and GPUs to itself for as long as any of its tasks runs, however many are
    beside each other (``para_deg``, ``if_cuda_multi_devices``) or after each other (``group_size``)
    in it.  Waiting in a queue costs nothing; attempts that failed cost what they ran.

    Parameters
    ----------
    tasks : sequence of Task
    section : MachineSection
        Where they ran.

    Returns
    -------
    float, float
        Core hours and GPU hours.
    """
    local = plain_name(section.machine) in ("local", "lazylocal")
    hours = (
        busy_seconds(attempt for task in tasks for attempt in read_attempts(task.folder, local))
        / 3600
    )
    asked = section.resources
    queue = str(section.machine["batch_type"]).lower() != "shell"
    nodes = max(1, int(asked.get("number_node", 1))) if queue else 1
    cores = max(1, int(asked.get("cpu_per_node", 1)))
    return hours * nodes * cores, hours * nodes * int(asked.get("gpu_per_node", 0))


def idle_seconds(tasks: Sequence[Task], begin: float, end: float) -> float:
    """How long, within a time, none of some tasks was running.

    Parameters
    ----------
    tasks : sequence of Task
    begin, end : float
        s since the epoch.  The clocks of other machines are taken to be right.
    """
    spans = sorted(
        (max(one.begin, begin), min(one.end, end))
        for task in tasks
        for one in read_attempts(task.folder)
        if one.end is not None and one.end > begin and one.begin < end
    )
    idle, reached = 0.0, begin
    for first, last in spans:
        idle += max(0.0, first - reached)
        reached = max(reached, last)
    return idle + max(0.0, end - reached)
