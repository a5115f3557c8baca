"""Where the frames that were chosen are from, and what became of them at the reference method.

The first is in ``frame.json`` beside each frame, both are in ``02.fp/labels.json``.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from wtemlp.core import paths
from wtemlp.core.atomic_io import write_json

#: Left out of the file where there is none.
_OPTIONAL = ("verdict", "selection", "electron_temperature_K", "atom")


@dataclass(frozen=True)
class FrameRecord:
    """Where a frame is from.  ``None``: not known."""

    task: str = ""  #: its exploration task, relative to the run's folder
    step: int = 0
    phase: int = 0  #: :class:`wtemlp.analysis.frames.Phase`
    walker: int = 0
    biasfactor: float | None = None
    temperature_K: float | None = None
    energy_eV: float | None = None  #: by model 0, without the bias
    bias_eV: float | None = None
    max_devi_f: float | None = None  #: eV/Angstrom
    verdict: str | None = None  #: what the models said of it
    selection: str | None = None  #: how it was picked
    electron_temperature_K: float | None = None
    atom: int | None = None  #: that was chosen with its surroundings

    def as_json(self) -> dict[str, Any]:
        """What the file has; the last fields only where they are known."""
        return {k: v for k, v in asdict(self).items() if v is not None or k not in _OPTIONAL}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "FrameRecord":
        """Read what :meth:`as_json` made; what is missing is not known."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in content.items() if key in known})


def write_frame_record(folder: Path, record: FrameRecord) -> None:
    """Write ``frame.json`` into a frame's folder."""
    write_json(folder / paths.FRAME, record.as_json())


def read_frame_record(folder: Path) -> FrameRecord:
    """Read a frame's ``frame.json``."""
    return FrameRecord.from_json(json.loads((folder / paths.FRAME).read_text()))


@dataclass(frozen=True)
class LabelOutcome:
    """What became of a frame at the reference method."""

    frame: str  #: its folder
    labelled: bool
    reason: str  #: why not; "" if it is
    origin: FrameRecord
    label_eV: float | None = None  #: the reference energy, if it is labelled and known
    atoms: Mapping[str, int] | None = None  #: by element; None: not known
    notes: tuple[str, ...] | None = None  #: what its user should know of the label; None: nothing

    @property
    def system(self) -> int:
        """The index in ``sys_configs``."""
        return int(self.frame.split(".")[1])

    def as_json(self) -> dict[str, Any]:
        """A row of the file."""
        found: dict[str, Any] = {"frame": self.frame, "labelled": self.labelled}
        found["reason"] = self.reason
        found |= self.origin.as_json()
        if self.atoms is not None:
            found |= {"label_eV": self.label_eV, "atoms": dict(self.atoms)}
        return found if self.notes is None else found | {"notes": list(self.notes)}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "LabelOutcome":
        """Read a row; runs of the first versions, and DP-GEN's own frames, have no energy."""
        return cls(
            frame=str(row["frame"]),
            labelled=bool(row.get("labelled", True)),
            reason=str(row.get("reason") or ""),
            origin=FrameRecord.from_json(row),
            label_eV=row.get("label_eV"),
            atoms=row.get("atoms"),
            notes=None if row.get("notes") is None else tuple(row["notes"]),
        )


def write_outcomes(folder: Path, outcomes: Sequence[LabelOutcome]) -> None:
    """Write ``labels.json`` into the folder of an iteration's labels."""
    write_json(folder / paths.LABELS, [outcome.as_json() for outcome in outcomes])


def read_outcomes(folder: Path) -> list[LabelOutcome]:
    """Read an iteration's ``labels.json``.

    Raises
    ------
    OSError
        If it is not there.
    ValueError
        If it is damaged.
    """
    content = json.loads((folder / paths.LABELS).read_text())
    try:
        return [LabelOutcome.from_json(row) for row in content]
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
