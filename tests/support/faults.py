"""The faults that dispatch must bear, and what dpdispatcher 1.1.0 does about them.

dpdispatcher's column was measured once, by hand, on this same loopback cluster.  wtemlp's is what
the tests of :mod:`tests.support.host_keys` saw: they note it in the file that the variable
``FAULTS_JSON`` names, and ``python -m tests.support.faults FILE`` puts it into
``docs/reliability.md``.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- table of faults: begin -->\n", "<!-- table of faults: end -->\n"


@dataclass(frozen=True)
class Fault:
    """A fault.  Its key is the name of its test, without ``test_``."""

    what: str
    dpdispatcher: str  #: what dpdispatcher 1.1.0 does, in bold where work is lost or repeated


FAULTS = {
    "scancel": Fault("`scancel` of a running and a pending job", "recovered"),
    "task_that_always_fails": Fault(
        "a task that always fails",
        "**4 attempts, then lost**: finished siblings are not downloaded, running ones are left",
    ),
    "task_that_always_fails_in_a_group": Fault(
        "the same, in one job with its siblings (dpdispatcher: `continue_on_failure`)",
        "siblings fetched, exception at the end",
    ),
    "rerun_after_a_failure": Fault(
        "rerun after a failure", "**fail count persists; with `retry_count: 0` never resubmitted**"
    ),
    "client_killed": Fault("client killed with SIGKILL, rerun", "recovered"),
    "client_killed_after_sbatch": Fault(
        "SIGKILL between sbatch and the state file",
        "**job runs twice**, both in one directory at once",
    ),
    "client_killed_after_a_retry": Fault("SIGKILL after a retry", "**job runs twice**"),
    "other_working_directory": Fault(
        "rerun from another working directory, the run's folder moved",
        "**everything runs again**",
    ),
    "other_port_and_key_path": Fault(
        "another SSH port and another path of the key", "**everything runs again**"
    ),
    "login_cut_after_sbatch": Fault(
        "login cut after sbatch, before its answer", "**client dies; rerun duplicates**"
    ),
    "sbatch_times_out": Fault(
        'sbatch accepts, but answers "Socket timed out"', "**duplicate** after 60 s"
    ),
    "two_clients": Fault(
        "two clients at once", "**the first to finish cleans up, the other dies**"
    ),
    "login_cut_while_polling": Fault("login cut between two polls", "recovered, +10 s"),
    "login_cut_while_downloading": Fault("login cut during download", "recovered, +70 s"),
    "sshd_down": Fault("sshd down for 3 s", "**client dies at once**"),
    "sshd_unresponsive": Fault("sshd takes connections but does not answer", "**client dies**"),
    "login_frozen": Fault("login frozen", "recovers, says nothing"),
    "node_down": Fault("node down, then resumed", "recovered, 20 s"),
    "node_down_without_requeue": Fault("node down, job with `--no-requeue`", "recovered"),
    "slurmctld_down_4_s": Fault("slurmctld down 4 s", "recovered"),
    "munged_down_4_s": Fault("munged down 4 s", "recovered"),
    "slurmd_down_5_s": Fault("slurmd down 5 s", "recovered"),
    "slurmctld_down_40_s": Fault("slurmctld down 40 s", "recovered, 71 s"),
    "suspend_and_hold": Fault("job suspended, requeued and held, released", "recovered"),
    "bad_partition": Fault("a partition that is not there", "fails at once with sbatch's text"),
    "too_many_gpus": Fault("more GPUs than there are", "fails at once with sbatch's text"),
    "missing_result": Fault("a declared result is missing", "**results are not fetched**"),
    "host_key_changed": Fault("the SSH host key has changed", "**never noticed**: not verified"),
}


@dataclass(frozen=True)
class Observation:
    """What a test saw."""

    outcome: str
    seconds: float  #: wall time of the calls, the tasks' own included
    jobs: int  #: jobs that really ran, by Slurm's completion log
    said: tuple[str, ...]  #: lines that the user sees


def note(file: Path, key: str, seen: Observation) -> None:
    """Add an observation to a file."""
    content = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(content | {key: asdict(seen)}, indent=1) + "\n")


def table(seen: dict[str, dict]) -> str:
    """The table as Markdown."""
    lines = [
        "| fault | dpdispatcher 1.1.0 | wtemlp | what its user is told |",
        "|---|---|---|---|",
    ]
    for key, fault in FAULTS.items():
        row = seen[key]
        jobs = f"{row['jobs']} job" + ("s" if row["jobs"] != 1 else "")
        told = "<br>".join(_cell(line) for line in row["said"]) or "nothing"
        lines.append(
            f"| {fault.what} | {fault.dpdispatcher} | {row['outcome']} ({jobs}, "
            f"{row['seconds']:.0f} s) | {told} |"
        )
    return "\n".join(lines) + "\n"


def _cell(line: str) -> str:
    return "`" + line.replace("|", "/").replace("`", "'") + "`"


def main() -> None:
    """Put the table into the document."""
    seen = json.loads(Path(sys.argv[1]).read_text())
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    DOCUMENT.write_text(before + BEGIN + table(seen) + END + after)


if __name__ == "__main__":
    main()
