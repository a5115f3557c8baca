"""The commands of the queues, and what they answer; and this machine's processes.

A site's wrapper or a login's start-up file may print a welcome, a balance or a warning beside the
answer, before it or after it.  So nothing is taken for an id or a state that does not look like
one, and a job whose id is in doubt is asked for by its name, which no other job has.
"""

import os
import re
import select
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_NUMBER = r"\d+"
#: What means that there is no such job, or not any more.
_NO_JOB = re.compile(
    r"unknown job id|invalid job id|job has finished|is not found|no matching job|does not exist",
    re.IGNORECASE,
)
#: What means that the user has as many jobs as are allowed, and that there will be room again.
_FULL = re.compile(
    r"job violates accounting/qos policy|temporarily unable to accept job"
    r"|would exceed .*limit|maximum number of jobs|pending job limit|jobs are allowed per user",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Said:
    """What a queue's command said."""

    code: int  #: exit status
    out: str
    err: str

    def check(self, command: str) -> None:
        """Raise RuntimeError if the queue did not answer; that there is no job is an answer."""
        if self.code != 0 and not _NO_JOB.search(self.err + self.out):
            program = command.split()[0]
            raise RuntimeError(f"{program}: exit status {self.code}: {self.err.strip()}")


@dataclass(frozen=True)
class Queue:
    """A batch system's commands."""

    submit: str  #: hands ``{script}`` in; what that prints itself goes to ``{out}``, or elsewhere
    answer: tuple[str, ...]  #: what a line has in which the id of the new job stands
    kill: str  #: ends ``{id}``
    job_id: str = _NUMBER  #: what an id looks like
    naming: str = ""  #: line of a job script that gives it the ``{name}``
    find: str = ""  #: prints the ids of the jobs ``{name}``; "": there is no such command
    ended: str = ""  #: for `find`: those that have just ended, too
    listing: str = ""  #: prints id and state of all of the user's jobs; "": each is asked for
    ask: str = ""  #: prints a line that begins with ``{id}`` and has its state
    state: int = 0  #: which word of that line
    clusters: str = ""  #: option that takes a command to other clusters of the site
    running: frozenset[str] = frozenset()  #: words for jobs that run
    over: frozenset[str] = frozenset()  #: words for jobs that have ended; others wait

    @property
    def program(self) -> str:
        """What jobs are handed to."""
        return self.submit.split()[0]

    def is_id(self, text: str) -> bool:
        """Whether a text is an id of this queue's."""
        return re.fullmatch(self.job_id, text) is not None

    def new_ids(self, text: str) -> list[str]:
        """The ids in what the queue said of a submission, each once."""
        found: dict[str, None] = {}
        for line in _lines(text):
            for pattern in self.answer:
                if match := re.search(pattern, line):
                    found[match[1]] = None
                    break
        return list(found)

    def named_ids(self, said: Said, name: str) -> list[str]:
        """The ids in what `find` printed; those with the job's name beside them, if any has.

        Raises
        ------
        RuntimeError
            As `state_of`.
        """
        said.check(self.find)
        rows = [line.split() for line in _lines(said.out)]
        named = [row[0] for row in rows if row[1:] == [name] and self.is_id(row[0])]
        alone = [row[0] for row in rows if len(row) == 1 and self.is_id(row[0])]
        return list(dict.fromkeys(named or alone))

    def state_of(self, queue_id: str, said: Said) -> str:
        """How a job stands, by what `ask` printed: "waiting", "running" or "gone".

        Raises
        ------
        RuntimeError
            The queue did not answer; with what it complained of.
        """
        number = _number(queue_id)
        words = [line.split() for line in _lines(said.out)]
        rows = [row for row in words if len(row) > 2 and _number(row[0]) == number]
        states = [row[self.state] for row in rows if len(row) > self.state]
        for word in reversed(states):
            if word in self.running:
                return "running"
            if word in self.over:
                return "gone"
        if rows:
            return "waiting"  # the word for it is one of many
        said.check(self.ask)
        return "gone"


def _number(queue_id: str) -> str:
    """An id without the server's name behind it."""
    match = re.match(r"(\d+)(?!\w)", queue_id)
    return match[1] if match else ""


def _lines(text: str) -> list[str]:
    return [line for raw in text.splitlines() if (line := _COLOUR.sub("", raw).strip())]


_SLURM = Queue(
    submit="sbatch --parsable {script}",
    answer=(r"^(\d+)(?:;\S+)?$", r"\bSubmitted batch job (\d+)\b"),
    kill="scancel -Q {clusters}{id}",
    naming="#SBATCH --job-name {name}",
    find='squeue -h {clusters}{ended}-o "%F %j" --name {name}',
    ended="-t all ",
    listing='squeue -h {clusters}-o "%F %t" -u "$(id -un)"',
    clusters="-M {clusters} ",
    running=frozenset({"R", "CG"}),
)
_PBS = Queue(
    submit="qsub {script}",
    answer=(r"^(\d+(?:\[\])?(?:\.[A-Za-z][\w.-]*)?)$",),
    kill="qdel {id}",
    job_id=r"\d+(\[\])?(\.[A-Za-z][\w.-]*)?",
    naming="#PBS -N {name}",
    find="qselect -N {name}",
    ask="qstat -x {id}",
    state=-2,
    running=frozenset({"R", "E"}),
    over=frozenset({"C", "F", "K", "X"}),
)
_LSF = Queue(
    submit="bsub < {script}",
    answer=(r"\bJob <(\d+)>",),
    kill="bkill {id}",
    naming="#BSUB -J {name}",
    find="bjobs {ended}-noheader -o jobid -J {name}",
    ended="-a ",
    ask="bjobs {id}",
    state=2,
    running=frozenset({"RUN", "USUSP", "SSUSP"}),
    over=frozenset({"DONE", "EXIT", "ZOMBI"}),
)
_QUEUES = {
    "shell": Queue(
        submit="{{ nohup bash {script} >> {out} 2>&1 & }} && echo $!",
        answer=(r"^(\d+)$",),
        kill="kill -KILL -{id} 2>/dev/null || kill -KILL {id}",  # a session's leader, or a process
    ),
    "slurm": _SLURM,
    "slurmjobarray": _SLURM,
    "pbs": _PBS,
    "torque": replace(_PBS, ask="qstat -l {id}"),
    "lsf": _LSF,
    "jh_unischeduler": replace(
        _LSF,
        submit="jsub < {script}",
        kill="jctrl kill {id}",
        ask="jjobs {id}",
        naming="",
        find="",
        ended="",
        running=frozenset({"RUN", "PSUSP", "USUSP", "SSUSP"}),
        over=frozenset({"DONE", "EXIT"}),
    ),
    "sge": Queue(
        submit="qsub ./{script}",
        answer=(r"\bYour job(?:-array)? (\d+)[ .]",),
        kill="qdel {id}",
        naming="#$ -N {name}",
        # Neither those that have ended nor those in an error state: they never end by themselves.
        find="qstat -j {name} 2>/dev/null | awk '/^job_number:/ {{if (n) print n; n = $2}}"
        ' /^error reason/ {{n = ""}} END {{if (n) print n}}\'',
        listing='qstat -u "$(id -un)" | awk \'$1 ~ /^[0-9]+$/ && $2 ~ /^[0-9.]+$/ && $5 !~ /E/'
        ' {{print $1, ($5 ~ /[rtsST]/ ? "R" : "PD")}}\'',
        running=frozenset({"R"}),
    ),
    "fugaku": Queue(
        submit="pjsub {script}",
        answer=(r"\bpjsub Job (\d+) submitted",),
        kill="pjdel {id}",
        ask="pjstat {id}",
        state=3,
        running=frozenset({"RUN", "RNE"}),
        over=frozenset({"EXT", "CCL", "ERR", "RJT"}),
    ),
}
#: A line of a job script that gives it a name, and says nothing else.
_NAMES = re.compile(
    r"^\s*(#SBATCH\s+(-J\s*|--job-name(=|\s+))|#PBS\s+-N\s+|#BSUB\s+-J\s+|#\$\s+-N\s+)\S+\s*$"
)
_CLUSTERS = re.compile(r"^\s*#SBATCH\s+(?:--clusters?(?:=|\s+)|-M\s*)(\S+)")


def queue_of(batch_type: str) -> Queue | None:
    """The commands of a batch system; None: it is a service, which no shell can ask."""
    return _QUEUES.get(batch_type.lower())


def find_command(queue: Queue, name: str, flags: Sequence[str] = (), ended: bool = True) -> str:
    """Command that prints the ids of the jobs of a name.

    Parameters
    ----------
    queue : Queue
    name : str
    flags : sequence of str
        The head lines of the job scripts, which may name a cluster of several.
    ended : bool
        Whether those that have just ended are wanted, too, if the queue still knows them.
    """
    return queue.find.format(
        name=name, ended=queue.ended if ended else "", clusters=_clusters(queue, flags)
    )


def list_command(queue: Queue, flags: Sequence[str] = ()) -> str:
    """Command that prints id and state of every job of the user; ``flags`` as `find_command`."""
    return queue.listing.format(clusters=_clusters(queue, flags))


def kill_command(queue: Queue, queue_id: str, flags: Sequence[str] = ()) -> str:
    """Command that ends a job; ``flags`` as `find_command`."""
    return queue.kill.format(id=shlex.quote(queue_id), clusters=_clusters(queue, flags))


def _clusters(queue: Queue, flags: Sequence[str]) -> str:
    names = [match[1] for flag in flags if (match := _CLUSTERS.match(flag))]
    return queue.clusters.format(clusters=shlex.quote(names[-1])) if names else ""


def parse_list(queue: Queue, text: str, jobs: Mapping[str, str]) -> dict[str, str]:
    """States of jobs: "running", "waiting", or "gone" when they are not in the list.

    Parameters
    ----------
    queue : Queue
    text : str
        Id and state; a job array has a line for each element.
    jobs : mapping
        Queue id of each job.
    """
    states: dict[str, str] = {}
    for words in map(str.split, _lines(text)):
        if len(words) == 2 and re.fullmatch("[A-Z]{1,2}", words[1]):
            running = words[1] in queue.running or states.get(words[0]) == "running"
            states[words[0]] = "running" if running else "waiting"
    return {job: states.get(queue_id, "gone") for job, queue_id in jobs.items()}


def without_names(flags: Sequence[str]) -> list[str]:
    """Lines of a job script without those that name it: jobs are found by names of their own."""
    return [flag for flag in flags if not _NAMES.match(flag)]


def is_full(complaint: str) -> bool:
    """Whether a queue refuses a job because the user has as many as are allowed."""
    return _FULL.search(complaint) is not None


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
