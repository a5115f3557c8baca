"""What a LAMMPS log tells: the cost of its runs, and what it has printed of them."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_LOOP = re.compile(
    r"^Loop time of (\S+) on (\d+) procs for (\d+) steps with (\d+) atoms", re.MULTILINE
)


@dataclass(frozen=True)
class LoopTime:
    """One ``run`` of a log."""

    seconds: float  #: wall time
    processes: int
    steps: int
    n_atoms: int

    @property
    def seconds_per_step(self) -> float:
        """Wall time of a step."""
        return self.seconds / self.steps


def thermo_series(log: Path, timestep_ps: float | None) -> dict[str, NDArray[np.float64]]:
    """The potential energy that a log has printed.

    Parameters
    ----------
    log : Path
        Its columns begin with the step; it may be missing, or not be finished.
    timestep_ps : float or None

    Returns
    -------
    dict of ndarray, shape (n_rows,)
        ``time``, ps, and ``ene``, eV in metal units; empty if there is none, or no step is known.
    """
    if timestep_ps is None or not log.is_file():
        return {}
    steps, energies = thermo_column(log, "PotEng")
    return {"time": steps * timestep_ps, "ene": energies}


def thermo_column(log: Path, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A column of what a log has printed.

    Parameters
    ----------
    log : Path
        Its columns begin with the step; it may be missing, or not be finished.
    name : str
        LAMMPS's, as ``"Volume"``.

    Returns
    -------
    ndarray, ndarray
        Steps, each once, and values, (n_rows,), in the log's units; of a step that was printed
        twice the last.
    """
    found: dict[int, float] = {}
    place = None
    text = log.read_text(errors="replace") if log.is_file() else ""
    for words in map(str.split, text.splitlines()):
        if words[:1] == ["Step"]:
            place = words.index(name) if name in words else None
        elif place is not None and len(words) > place and words[0].isdigit():
            found[int(words[0])] = _number(words[place])
    steps = sorted(found)
    return np.array(steps, dtype=float), np.array([found[step] for step in steps])


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return np.nan


def longest_run(log: Path) -> LoopTime | None:
    """The run with the most steps, which says best what a step costs.

    Parameters
    ----------
    log : Path
        A LAMMPS log; it may be missing, or not be finished.

    Returns
    -------
    LoopTime or None
        None if no run has ended.
    """
    if not log.is_file():
        return None
    found = [
        LoopTime(float(seconds), int(processes), int(steps), int(atoms))
        for seconds, processes, steps, atoms in _LOOP.findall(log.read_text(errors="replace"))
    ]
    return max((loop for loop in found if loop.steps > 0), key=lambda x: x.steps, default=None)
