"""An iteration's row of the final table, as it is kept in ``iter.*/summary.json``."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from wtemlp.config.keys.labels import Picking
from wtemlp.core.atomic_io import write_json
from wtemlp.core.formatting import duration
from wtemlp.core.paths import RunPaths
from wtemlp.records.walkers import LoweredBias, WalkerSummary


@dataclass
class Summary:
    """What an iteration did.  ``None``: not known yet, or not asked for."""

    iteration: int
    n_train_frames: int | None = None  #: labelled frames that its models were trained on
    energy_rmse_meV_atom: float | None = None  #: on the validation set; mean over the models
    force_rmse_meV_A: float | None = None
    energy_rmse_models: list[float] = field(default_factory=list)  #: per model, meV/atom
    force_rmse_models: list[float] = field(default_factory=list)  #: per model, meV/Angstrom
    explored: int | None = None  #: frames
    accurate: int | None = None
    candidate: int | None = None  #: the labelled ones included
    failed: int | None = None
    selected: int | None = None  #: sent to the reference method
    labelled: int | None = None  #: labels that came back and were accepted
    label_failures: int | None = None
    walkers: list[WalkerSummary] = field(default_factory=list)
    lowered: list[LoweredBias] = field(default_factory=list)
    """One a system and temperature where a bias factor is lower than asked for."""
    selection: str = Picking.DEVIATION  #: how frames were picked
    seconds: dict[str, float] = field(default_factory=dict)  #: wall time: train, explore, label
    core_hours: dict[str, float] = field(default_factory=dict)
    """What the stages' tasks took, their time times the cores of the machine file."""
    gpu_hours: dict[str, float] = field(default_factory=dict)  #: likewise, of GPUs

    def add_errors(self, models: Sequence[Mapping[str, float]]) -> None:
        """Note the errors of the models: of each ``energy_rmse_meV_atom``, ``force_rmse_meV_A``."""
        self.energy_rmse_models = [model["energy_rmse_meV_atom"] for model in models]
        self.force_rmse_models = [model["force_rmse_meV_A"] for model in models]
        if models:
            self.energy_rmse_meV_atom = float(np.mean(self.energy_rmse_models))
            self.force_rmse_meV_A = float(np.mean(self.force_rmse_models))


def save_summary(path: Path, summary: Summary) -> None:
    """Write a summary; the caller's folder must exist."""
    write_json(path, asdict(summary))


def load_summary(path: Path) -> Summary:
    """Read a summary that :func:`save_summary` wrote."""
    content = json.loads(path.read_bytes())
    walkers = [WalkerSummary.from_json(row) for row in content.pop("walkers", ())]
    lowered = [LoweredBias.from_json(row) for row in content.pop("lowered", ())]
    return Summary(**content, walkers=walkers, lowered=lowered)


def read_summary(path: Path) -> Summary | None:
    """As :func:`load_summary`, and None where there is nothing that can be read."""
    try:
        return load_summary(path)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def summaries(paths: RunPaths) -> list[Summary]:
    """The rows of the iterations so far; one that cannot be read is left out."""
    files = sorted(paths.root.glob("iter.*/summary.json"))
    return [row for file in files if (row := read_summary(file)) is not None]


def total_time(rows: Sequence[Summary]) -> str:
    """The wall time of all stages, for people."""
    return duration(sum(sum(row.seconds.values()) for row in rows))
