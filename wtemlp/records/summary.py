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
from wtemlp.records.label_errors import LabelErrors
from wtemlp.records.walkers import LoweredBias, WalkerSummary


@dataclass
class Summary:
    """What an iteration did.  ``None``: not known yet, or not asked for."""

    iteration: int
    n_train_frames: int | None = None  #: labelled frames that its models were trained on
    energy_rmse_meV_atom: float | None = None  #: on the validation set; mean over the models
    force_rmse_meV_A: float | None = None
    energy_rmse_models: list[float] = field(default_factory=list)  #: per model, meV/atom
    energy_shifted_models: list[float] = field(default_factory=list)
    """Likewise, without the offset of each composition; empty where that is not known."""
    energy_one_minus_r_models: list[float] = field(default_factory=list)  #: 1 - correlation
    energy_offset_models: list[float] = field(default_factory=list)  #: mean offset, meV/atom
    force_rmse_models: list[float] = field(default_factory=list)  #: per model, meV/Angstrom
    force_rmse_trained: list[float] = field(default_factory=list)
    """Likewise, at the end of the training on what it was trained on (``lcurve.out``)."""
    explored: int | None = None  #: frames
    accurate: int | None = None
    candidate: int | None = None  #: the labelled ones included
    failed: int | None = None
    selected: int | None = None  #: sent to the reference method
    beyond_sel: str = ""  #: neighbours in the selected frames, in words, where ``sel`` is less
    labelled: int | None = None  #: labels that came back and were accepted
    label_failures: int | None = None
    new_labels: LabelErrors | None = None
    """Errors of its models on its labels, which they had not seen: known at the next training."""
    trust: list[tuple[float, float]] = field(default_factory=list)
    """Trust levels of each system that were made of errors, eV/Angstrom; empty: the file's."""
    trust_ratio: float | None = None  #: error over deviation at the upper one of them
    trust_power: float | None = None  #: of the deviation, with which the errors were taken to grow
    walkers: list[WalkerSummary] = field(default_factory=list)
    lowered: list[LoweredBias] = field(default_factory=list)
    """One a system and temperature where a bias factor is lower than asked for."""
    selection: str = Picking.DEVIATION  #: how frames were picked
    seconds: dict[str, float] = field(default_factory=dict)  #: wall time: train, explore, label
    waited: dict[str, float] = field(default_factory=dict)
    """Of the wall time of a stage what no task of it was running in: queue, transfers."""
    core_hours: dict[str, float] = field(default_factory=dict)
    """What the stages' tasks took, their time times the cores of the machine file."""
    gpu_hours: dict[str, float] = field(default_factory=dict)  #: likewise, of GPUs
    disk_MB: float | None = None  #: what its folder took on this disk when its labels were read

    @property
    def trust_keys(self) -> tuple[str, str]:
        """What a user changes to have the iteration's lower and upper trust level changed."""
        if self.trust:
            return "the first of trust.error_meV_A", "the second of trust.error_meV_A"
        return "model_devi_f_trust_lo", "model_devi_f_trust_hi"

    def add_errors(self, models: Sequence[Mapping[str, float]]) -> None:
        """Note the errors of the models, as :func:`wtemlp.stages.held_out.read_errors` has them."""
        for name, key in (
            ("energy_rmse_models", "energy_rmse_meV_atom"),
            ("energy_shifted_models", "energy_rmse_shifted_meV_atom"),
            ("energy_one_minus_r_models", "energy_one_minus_r"),
            ("energy_offset_models", "energy_offset_meV_atom"),
            ("force_rmse_models", "force_rmse_meV_A"),
        ):
            setattr(self, name, [model[key] for model in models if key in model])
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
    new = content.pop("new_labels", None)
    content["trust"] = [(float(low), float(high)) for low, high in content.get("trust", ())]
    return Summary(
        **content,
        walkers=walkers,
        lowered=lowered,
        new_labels=None if new is None else LabelErrors.from_json(new),
    )


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
