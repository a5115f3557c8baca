"""Explored frames as one table of arrays: who made each, what the models say, what was decided."""

from dataclasses import dataclass, field, fields
from enum import IntEnum
from pathlib import Path

import numpy as np

from wtemlp.core.atomic_io import reading, replacing


class Phase(IntEnum):
    """The part of a walker's run that a frame is from."""

    NVT = 0
    WTE = 1


class Decision(IntEnum):
    """What became of a frame, in DP-GEN's words."""

    ACCURATE = 0  #: deviation below the lower trust level
    CANDIDATE = 1  #: between the trust levels
    FAILED = 2  #: at or above the upper trust level, not finite, or of a stopped walker
    SELECTED = 3  #: sent to the reference method: a candidate, or any frame by random selection


def _unknown() -> np.ndarray:
    return np.empty(0)


@dataclass(frozen=True)
class FrameTable:
    """The explored frames of an iteration, one row each; all arrays have shape (n_frames,)."""

    system: np.ndarray  #: index in ``sys_configs``
    task: np.ndarray  #: number of the exploration task within its system
    walker: np.ndarray  #: walker within its combination of system, temperature and bias factor
    biasfactor: np.ndarray
    temperature_K: np.ndarray  #: the thermostat's
    phase: np.ndarray  #: :class:`Phase`
    step: np.ndarray  #: MD step in the task; names the frame's file
    energy_eV: np.ndarray  #: unbiased potential energy of the frame by model 0; may be NaN
    bias_eV: np.ndarray  #: bias potential at the frame; 0 in NVT
    max_devi_f: np.ndarray  #: largest force deviation of the frame, eV/Angstrom
    decision: np.ndarray  #: :class:`Decision`
    verdict: np.ndarray = field(default_factory=_unknown)
    """What the models say of the frame, whether it was selected or not: :class:`Decision`, never
    SELECTED.  Where it is not given, a selected frame is taken for a candidate."""
    max_devi_v: np.ndarray = field(default_factory=_unknown)
    """Largest virial deviation of the frame, eV/atom; NaN where none was read."""

    def __post_init__(self) -> None:
        if len(self.verdict) != len(self.step):
            decision = np.asarray(self.decision)
            selected = decision == int(Decision.SELECTED)
            object.__setattr__(
                self, "verdict", np.where(selected, int(Decision.CANDIDATE), decision)
            )
        if len(self.max_devi_v) != len(self.step):
            object.__setattr__(self, "max_devi_v", np.full(len(self.step), np.nan))

    def __len__(self) -> int:
        return len(self.step)

    def count(self, *decisions: Decision) -> int:
        """Number of frames with one of the decisions."""
        return int(np.isin(self.decision, [int(d) for d in decisions]).sum())

    def judged(self, verdict: Decision) -> int:
        """Number of frames of which the models say this, the selected ones included."""
        return int(np.count_nonzero(self.verdict == int(verdict)))

    def where(self, mask: np.ndarray) -> "FrameTable":
        """The rows that a boolean or index array picks."""
        return FrameTable(**{f.name: getattr(self, f.name)[mask] for f in fields(self)})

    def by_task(self) -> dict[tuple[int, int], "FrameTable"]:
        """The rows of each system and task, in the table's order; sorted by system and task."""
        order = np.lexsort((self.task, self.system))
        system, task = self.system[order], self.task[order]
        changes = (system[1:] != system[:-1]) | (task[1:] != task[:-1])
        parts = np.split(order, np.flatnonzero(changes) + 1) if len(order) else []
        return {
            (int(self.system[rows[0]]), int(self.task[rows[0]])): self.where(rows) for rows in parts
        }

    @classmethod
    def concatenate(cls, tables: list["FrameTable"]) -> "FrameTable":
        """One table of several, in their order."""
        return cls(
            **{f.name: np.concatenate([getattr(t, f.name) for t in tables]) for f in fields(cls)}
        )


def save_frames(path: Path, table: FrameTable) -> None:
    """Write a table as ``.npz``."""
    with replacing(path) as file:
        np.savez_compressed(file, **{f.name: getattr(table, f.name) for f in fields(table)})


def load_frames(path: Path) -> FrameTable:
    """Read a table that :func:`save_frames` wrote.

    Raises
    ------
    DamagedFile
        If it is not what was written.
    """
    remedy = "the same wtemlp run makes it again, as long as the trajectories are there"
    with reading(path, remedy), np.load(path) as data:
        # Tables of the first versions have not all columns.
        later = ("verdict", "max_devi_v")
        known = [f.name for f in fields(FrameTable) if f.name in data or f.name not in later]
        return FrameTable(**{name: data[name] for name in known})
