"""Whether jobs are alive, where dpdispatcher asks job by job or not at all.

Queues are asked in one command; jobs that are processes of this machine are seen in ``/proc``.
"""

import os
import select
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

#: Commands that print the ids of the jobs of a name, those that have just ended included.
_FIND = {
    "slurm": "squeue -h -t all -o %F --name {name}",
    "slurmjobarray": "squeue -h -t all -o %F --name {name}",
    "pbs": "qselect -N {name}",
    "torque": "qselect -N {name}",
    "lsf": "bjobs -a -noheader -o jobid -J {name}",
    "sge": "qstat -j {name} 2>/dev/null | awk '/^job_number:/ {{print $2}}'",  # none that ended
}
#: Commands that print id and state of all of the user's jobs.
_LIST = {
    "slurm": 'squeue -h -o "%F %t" -u "$(id -un)"',
    "slurmjobarray": 'squeue -h -o "%F %t" -u "$(id -un)"',
    # dpdispatcher takes job 1 for job 12, and waits 70 s for a job that is not in the list.  Those
    # in an error state (E) never end by themselves, and are left out.
    "sge": 'qstat -u "$(id -un)" | awk \'NR > 2 && $5 !~ /E/'
    ' {print $1, ($5 ~ /[rtsST]/ ? "R" : "PD")}\'',
}
_RUNNING = frozenset({"R", "CG"})


def find_command(batch_type: str, name: str) -> str | None:
    """Command that prints the ids of the jobs of a name; None: no such command is known."""
    command = _FIND.get(batch_type.lower())
    return command.format(name=name) if command else None


def list_command(batch_type: str) -> str | None:
    """Command that prints id and state of every job of the user; None: ask job by job."""
    return _LIST.get(batch_type.lower())


def parse_list(lines: Iterable[str], jobs: Mapping[str, str]) -> dict[str, str]:
    """States of jobs: "running", "waiting", or "gone" when they are not in the list.

    Parameters
    ----------
    lines : iterable of str
        Id and state; a job array has a line for each element.
    jobs : mapping
        Queue id of each job.
    """
    states: dict[str, str] = {}
    for line in lines:
        words = line.split()
        if len(words) == 2:
            running = words[1] in _RUNNING or states.get(words[0]) == "running"
            states[words[0]] = "running" if running else "waiting"
    return {job: states.get(queue_id, "gone") for job, queue_id in jobs.items()}


def outputs(file_name: str, name: str, queue_id: str) -> tuple[str, ...]:
    """Files that a job script's own output may be in: of the Shell, Slurm, PBS."""
    number = queue_id.partition(".")[0]
    return (
        f"{file_name}.out",
        f"slurm-{queue_id}.out",
        f"{name}.e{number}",
        f"{name}.o{number}",
    )


LISTED = Path("/proc/self/cmdline").exists()  #: whether :func:`runs` can be asked


def runs(process: str, word: str) -> bool:
    """Whether a process is alive and has a word in its command line.

    Parameters
    ----------
    process : str
        Its id, which may be another's by now.
    word : str
    """
    folder = f"/proc/{process}/"
    for _ in range(3):
        try:
            line = Path(folder + "cmdline").read_text(errors="replace")
            ended = Path(folder + "stat").read_text(errors="replace").rpartition(")")[2][1] in "ZX"
        except OSError:
            return False
        if line or ended:
            return not ended and word in line.replace("\0", " ").split()
        time.sleep(0.01)  # just now it becomes another program
    return False


class Ends:
    """Waits for processes that are not children of this one; each of them only once."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def wait(self, processes: Iterable[str], seconds: float) -> bool:
        """Wait until one of them ends, but not for longer than some seconds; whether one has.

        Parameters
        ----------
        processes : iterable of str
            Process ids.
        seconds : float
            On a system that cannot wait for processes, it is always so long.
        """
        with ExitStack() as stack:
            poll, watched = select.poll(), {}
            for process in set(processes) - self.seen:
                try:
                    descriptor = os.pidfd_open(int(process))
                except (AttributeError, OSError):  # not Linux; ended; no descriptor left
                    self.seen.add(process)
                    continue
                stack.callback(os.close, descriptor)
                poll.register(descriptor, select.POLLIN)
                watched[descriptor] = process
            ended = {watched[one] for one, _ in poll.poll(seconds * 1000)}
            self.seen |= ended
            return bool(ended)
