"""Errors on newly labelled frames, by the models that had not seen them: a free test.

Of each frame they are in ``02.fp/errors.json``, and in the iteration's summary all together.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from wtemlp.analysis.deviation import calibrate
from wtemlp.core.atomic_io import write_json

FILE = "errors.json"


@dataclass(frozen=True)
class FrameError:
    """The models against the label of a frame.  ``None``: not known."""

    frame: str  #: its folder; "" where it cannot be told which it is
    system: int
    composition: str
    energy_meV_atom: tuple[float, ...]  #: model less label, one a model
    force_meV_A: float  #: root mean square over models, atoms and components
    largest_meV_A: float  #: root mean square over models, of the force on the worst atom
    deviation_meV_A: float | None = None  #: the committee's, as it explored (``max_devi_f``)
    walker: int | None = None
    biasfactor: float | None = None
    temperature_K: float | None = None

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "FrameError":
        """Read a row."""
        return cls(**{**row, "energy_meV_atom": tuple(row["energy_meV_atom"])})


@dataclass(frozen=True)
class PartErrors:
    """Errors of some of an iteration's new labels.  ``None``: too few frames."""

    frames: int = 0
    energy_rmse_meV_atom: float | None = None
    """Mean over models, the mean offset of each composition removed."""
    energy_offset_meV_atom: float | None = None  #: mean over models and frames
    force_rmse_meV_A: float | None = None
    largest_meV_A: float | None = None  #: median over frames
    deviation_meV_A: float | None = None  #: likewise
    ratio: float | None = None  #: error over deviation: of the worst atom, median over frames
    scatter: float | None = None  #: of it: a factor
    rank_correlation: float | None = None  #: of error and deviation
    power: float | None = None  #: of the deviation, with which errors grow: 1 or more


@dataclass(frozen=True)
class LabelErrors(PartErrors):
    """Errors of an iteration's new labels, together and in parts."""

    parts: dict[str, dict[str, PartErrors]] = field(default_factory=dict)
    """By what they are parted (``"biasfactor"``, ``"walker"``), and by its value."""

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "LabelErrors":
        """Read what the summary has."""
        known = {one.name for one in fields(cls)}
        parts = {
            by: {value: PartErrors(**part) for value, part in of.items()}
            for by, of in row.get("parts", {}).items()
        }
        return cls(**{**{k: v for k, v in row.items() if k in known}, "parts": parts})


def summed_up(errors: Sequence[FrameError]) -> LabelErrors:
    """The errors of an iteration's frames together, by bias factor and by walker."""
    parts: dict[str, dict[str, PartErrors]] = {}
    for by in ("biasfactor", "walker"):
        found = sorted({value for one in errors if (value := getattr(one, by)) is not None})
        if found:
            own = {
                f"{value:g}": [one for one in errors if getattr(one, by) == value]
                for value in found
            }
            parts[by] = {name: _part(of) for name, of in own.items()}
    return LabelErrors(**asdict(_part(errors)), parts=parts)


def _part(errors: Sequence[FrameError]) -> PartErrors:
    energies = np.array([one.energy_meV_atom for one in errors])  # (frames, models)
    names, group = np.unique([one.composition for one in errors], return_inverse=True)
    counts = np.bincount(group)
    means = np.array([np.bincount(group, each)[group] / counts[group] for each in energies.T]).T
    freedom = len(errors) - len(names)
    squares = ((energies - means) ** 2).sum(axis=0) / freedom if freedom else None
    deviations = [one.deviation_meV_A for one in errors if one.deviation_meV_A is not None]
    pairs = [(one.deviation_meV_A or np.nan, one.largest_meV_A) for one in errors]
    fit = calibrate(*zip(*pairs, strict=True))
    rank = None if fit is None or np.isnan(fit.rank_correlation) else fit.rank_correlation
    return PartErrors(
        frames=len(errors),
        energy_rmse_meV_atom=None if squares is None else float(np.sqrt(squares).mean()),
        energy_offset_meV_atom=float(energies.mean()),
        force_rmse_meV_A=float(np.sqrt(np.mean([one.force_meV_A**2 for one in errors]))),
        largest_meV_A=float(np.median([one.largest_meV_A for one in errors])),
        deviation_meV_A=float(np.median(deviations)) if deviations else None,
        ratio=None if fit is None else fit.ratio,
        scatter=None if fit is None else fit.scatter,
        rank_correlation=rank,
        power=None if fit is None else fit.power,
    )


def write_errors(folder: Path, errors: Sequence[FrameError]) -> None:
    """Write ``errors.json`` into the folder of an iteration's labels."""
    write_json(folder / FILE, [asdict(one) for one in errors])


def read_errors(folder: Path) -> list[FrameError]:
    """Read ``errors.json``; empty where it is missing or damaged."""
    try:
        return [FrameError.from_json(row) for row in json.loads((folder / FILE).read_text())]
    except (OSError, ValueError, TypeError, KeyError):
        return []
