"""The queue of a section: whether it is there, and whether it gives what is asked."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from wtemlp.dispatch.queues import queue_of
from wtemlp.dispatch.remote_shell import Place
from wtemlp.preflight.findings import Findings

_UP = ("idle", "mix", "alloc", "comp", "resv", "plnd", "planned")
_LATER = re.compile(r"\bdown\b|drained|reserved|not responding", re.IGNORECASE)
_TIME = re.compile(r"^\s*#SBATCH\s+(?:--time(?:=|\s+)|-t\s*)(\S+)")


@dataclass(frozen=True)
class Nodes:
    """Nodes of a partition that are alike: a line of sinfo."""

    partition: str
    available: str  #: "up", "down", ...
    limit_s: float  #: longest time of a job, seconds
    count: int
    state: str
    gpus: int  #: of each
    cpus: int  #: of each

    @property
    def usable(self) -> bool:
        """Whether jobs are, or soon will be, run on them."""
        return self.state.lower().startswith(_UP) and not self.state.endswith("*")


SINFO = "sinfo -a -h -e -o '%R|%a|%l|%D|%T|%G|%c'"


def read_sinfo(text: str) -> list[Nodes]:
    """The lines that `SINFO` prints."""
    found = []
    for line in text.splitlines():
        words = line.strip().split("|")
        if len(words) == 7 and words[3].isdigit():
            cpus = int(re.sub(r"\D.*", "", words[6]) or 0)
            found.append(
                Nodes(
                    words[0],
                    words[1],
                    read_time(words[2]),
                    int(words[3]),
                    words[4],
                    read_gpus(words[5]),
                    cpus,
                )
            )
    return found


def read_gpus(gres: str) -> int:
    """GPUs in words as ``gpu:a100:4(S:0-1),gpu:v100:2``."""
    found = re.findall(r"\bgpu(?::[^:,()]+)?:(\d+)", gres)
    return sum(map(int, found))


def read_time(words: str) -> float:
    """Slurm's ``minutes``, ``m:s``, ``h:m:s``, ``d-h``, ``d-h:m``, ``d-h:m:s`` in seconds.

    What is not a time, as ``infinite``, is without end.
    """
    days, dash, rest = words.rpartition("-")
    parts = rest.split(":")
    if not all(part.isdigit() for part in parts) or not (not dash or days.isdigit()):
        return float("inf")
    numbers = [int(part) for part in parts]
    if dash:
        numbers = [*numbers, 0, 0][:3]
    else:
        numbers = {1: [0, *numbers, 0], 2: [0, *numbers]}.get(len(numbers), numbers)
    hours, minutes, seconds = numbers[:3]
    return (int(days or 0) * 24 + hours) * 3600.0 + minutes * 60 + seconds


def check_queue(place: Place, where: str, findings: Findings) -> None:
    """Ask the queue of a place.

    Parameters
    ----------
    place : Place
        Connected.
    where : str
        File and section, for people.
    findings : Findings
        Takes what is found.
    """
    queue = queue_of(place.settings.batch)
    if queue is None or place.settings.shell:
        return
    program = queue.program
    answer = place.ask(f"command -v {program}")
    if answer.status != 0:
        findings.error(
            f"{where}.machine.batch_type",
            f"{program} is not found on {place.host}",
            "name the batch system that is there, or see to it that a login without a "
            "terminal finds it (~/.bashrc)",
        )
    elif program == "sbatch":
        _check_slurm(place, where, findings)
    else:
        findings.ok(where, f"{program} is found on {place.host}; its queues are not asked")


def _check_slurm(place: Place, where: str, findings: Findings) -> None:
    answer = place.ask(SINFO)
    nodes = read_sinfo(answer.out)
    if answer.status != 0 or not nodes:
        said = answer.last_words or "no partitions"
        findings.error(
            where,
            f"Slurm on {place.host} does not answer: {said}",
            "try again when it does; `wtemlp run` waits for it",
        )
        return
    before = len(findings.all)
    queue = str(place.resources.queue_name or "")
    if queue:
        names = queue.split(",")
        _check_partitions(place, names, nodes, where, findings)
    if len(findings.all) == before:  # else Slurm would refuse for the same reason
        _ask_sbatch(place, queue or "the default partition", where, findings)


def _check_partitions(
    place: Place, names: Sequence[str], nodes: Sequence[Nodes], where: str, findings: Findings
) -> None:
    known = list(dict.fromkeys(one.partition for one in nodes))
    key = f"{where}.resources"
    for name in names:
        if name not in known:
            findings.error(
                f"{key}.queue_name",
                f"there is no partition {name} on {place.host}",
                f"write one of: {', '.join(known)}",
            )
    offered = [one for one in nodes if one.partition in names]
    if not offered:
        return
    given, queue = place.resources, ",".join(names)
    most_gpus, most_cpus = (max(getattr(one, what) for one in offered) for what in ("gpus", "cpus"))
    if given.gpu_per_node > most_gpus:
        findings.error(
            f"{key}.gpu_per_node",
            f"{given.gpu_per_node} are asked for, the nodes of {queue} have {most_gpus}",
            _fewer(most_gpus, nodes),
        )
    if given.cpu_per_node > most_cpus:
        findings.error(
            f"{key}.cpu_per_node",
            f"{given.cpu_per_node} are asked for, the nodes of {queue} have {most_cpus}",
            f"write {most_cpus} or less",
        )
    if all(one.available != "up" for one in offered):
        findings.error(
            f"{key}.queue_name",
            f"the partition {queue} is {offered[0].available}",
            "take another, or wait until it is up",
        )
    elif not any(one.usable for one in offered):
        states = ", ".join(sorted({one.state for one in offered}))
        findings.warning(
            f"{key}.queue_name",
            f"no node of {queue} is at work ({states})",
            "jobs will wait until one is",
        )
    _check_time(given.custom_flags, offered, queue, key, findings)


def _fewer(most: int, nodes: Sequence[Nodes]) -> str:
    others = sorted({one.partition for one in nodes if one.gpus > most})
    if most:
        return f"write {most} or less"
    return f"take a partition with GPUs: {', '.join(others)}" if others else "write 0"


def _check_time(
    flags: Sequence[str], offered: Sequence[Nodes], queue: str, key: str, findings: Findings
) -> None:
    asked = [match[1] for flag in flags if (match := _TIME.match(flag))]
    limit_s = max(one.limit_s for one in offered)
    if asked and (wanted_s := read_time(asked[-1])) > limit_s and wanted_s < float("inf"):
        findings.error(
            f"{key}.custom_flags",
            f"--time={asked[-1]} is longer than {queue} allows ({limit_s / 60:.0f} min)",
            "ask for less, or take another partition",
        )


def _ask_sbatch(place: Place, queue: str, where: str, findings: Findings) -> None:
    """Ask Slurm itself, whose ``--test-only`` submits nothing: accounts, limits, memory."""
    script = shlex.quote(place.script_head().lstrip() + "\ntrue\n")
    answer = place.ask(f"printf %s {script} | sbatch --test-only")
    said = " ".join((answer.err or answer.out).split())
    if answer.status == 0:
        start = re.search(r"to start at (\S+)", said)
        when = f" (now it would start at {start[1]})" if start else ""
        findings.ok(where, f"Slurm on {place.host} takes such jobs into {queue}{when}")
    elif _LATER.search(said):
        findings.warning(
            where,
            f"Slurm on {place.host} has no node for such jobs now: {said}",
            "jobs will wait until there is one",
        )
    else:
        findings.error(
            f"{where}.resources",
            f"Slurm on {place.host} refuses such jobs: {said}",
            "correct queue_name, the numbers or custom_flags",
        )
