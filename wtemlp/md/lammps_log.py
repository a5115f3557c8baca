"""What a LAMMPS log tells about the cost of its runs."""

import re
from dataclasses import dataclass
from pathlib import Path

_LOOP = re.compile(
    r"^Loop time of (\S+) on (\d+) procs for (\d+) steps with (\d+) atoms", re.MULTILINE
)


@dataclass(frozen=True)
class Loop:
    """One ``run`` of a log."""

    seconds: float  #: wall time
    processes: int
    steps: int
    n_atoms: int

    @property
    def seconds_per_step(self) -> float:
        """Wall time of a step."""
        return self.seconds / self.steps


def longest_run(log: Path) -> Loop | None:
    """The run with the most steps, which says best what a step costs.

    Parameters
    ----------
    log : Path
        A LAMMPS log; it may be missing, or not be finished.

    Returns
    -------
    Loop or None
        None if no run has ended.
    """
    if not log.is_file():
        return None
    found = [
        Loop(float(seconds), int(processes), int(steps), int(atoms))
        for seconds, processes, steps, atoms in _LOOP.findall(log.read_text(errors="replace"))
    ]
    return max((loop for loop in found if loop.steps > 0), key=lambda x: x.steps, default=None)
