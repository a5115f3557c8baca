"""What the queues are asked in one command, where dpdispatcher asks job by job or not at all."""

from collections.abc import Iterable, Mapping

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
