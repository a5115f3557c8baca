"""Explored frames as one table of arrays: who made each, what the models say, what was decided."""

import io
import zipfile
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
        if mask.dtype == bool and mask.all():
            return self
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
        """One table of several, in their order; the list is empty then, to hold nothing twice."""
        parts = {f.name: [getattr(table, f.name) for table in tables] for f in fields(cls)}
        tables.clear()
        return cls(**{f.name: _joined(parts.pop(f.name)) for f in fields(cls)})


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """Arrays one after the other; of no size in memory where all that they say is one value."""
    values = [part[0] for part in parts if len(part) and part.strides == (0,)]
    same = len(values) == len(parts) and all(
        value == values[0] or (value != value and values[0] != values[0]) for value in values
    )
    return np.broadcast_to(values[0], sum(map(len, parts))) if same else np.concatenate(parts)


def save_frames(path: Path, table: FrameTable) -> None:
    """Write a table as ``.npz``; columns that say the same again and again are compressed."""
    deflated = zipfile.ZIP_DEFLATED
    with replacing(path) as file, zipfile.ZipFile(file, "w", deflated, compresslevel=1) as archive:
        for f in fields(table):
            column, name = np.asarray(getattr(table, f.name)), f"{f.name}.npy"
            # Digits of a measured number take long to compress, and hardly get fewer.
            member = name if _repeats(column) else zipfile.ZipInfo(name)
            with archive.open(member, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, column)


def _repeats(column: np.ndarray) -> bool:
    return bool(np.count_nonzero(column[1:] != column[:-1]) * 8 <= len(column))


def load_frames(path: Path) -> FrameTable:
    """Read a table that :func:`save_frames` wrote.

    Raises
    ------
    DamagedFile
        If it is not what was written.
    """
    remedy = "the same wtemlp run makes it again, as long as the trajectories are there"
    # Whole: a damaged file leads to a seek before its beginning, which a file tells otherwise.
    with reading(path, remedy), np.load(io.BytesIO(path.read_bytes())) as data:
        # Tables of the first versions have not all columns.
        later = ("verdict", "max_devi_v")
        known = [f.name for f in fields(FrameTable) if f.name in data or f.name not in later]
        return FrameTable(**{name: data[name] for name in known})
