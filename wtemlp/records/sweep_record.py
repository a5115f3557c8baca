"""The runs of a sweep, as they are kept in ``sweep.json``."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from wtemlp.core.atomic_io import UNREADABLE, what_is_wrong, write_json
from wtemlp.core.errors import InputError

FILE = "sweep.json"
FORMAT = 1


@dataclass(frozen=True)
class Arm:
    """One run of a sweep."""

    name: str  #: as "g16", "g16-random", "g1-400K"; the same for all seeds
    folder: str  #: the run's folder, relative to the sweep's
    biasfactor: float  #: 1: unbiased
    temperature_K: float  #: of the exploration
    selection: str  #: how frames are picked, :class:`~wtemlp.config.keys.labels.Picking`
    seed: int
    baseline: str = ""  #: "unbiased", "random", "highT", or "" for a biased run

    @property
    def label(self) -> str:
        """For a legend."""
        return {
            "unbiased": "unbiased MD",
            "random": f"g = {self.biasfactor:g}, random picks",
            "highT": f"unbiased MD at {self.temperature_K:g} K",
        }.get(self.baseline, f"g = {self.biasfactor:g}")


@dataclass(frozen=True)
class Sweep:
    """All of them."""

    param: str  #: the parameter file, as the user named it
    machine: str
    labels_per_iteration: int  #: the budget of each run
    arms: tuple[Arm, ...]


def save(path: Path, sweep: Sweep) -> None:
    """Write the record; the folder must exist."""
    write_json(path, {"format": FORMAT, **asdict(sweep)})


def load(path: Path) -> Sweep:
    """Read a record that :func:`save` wrote.

    Raises
    ------
    OSError, ValueError, TypeError, KeyError
        If there is none that this version reads.
    """
    content = json.loads(path.read_bytes())
    if content.pop("format") != FORMAT:
        raise ValueError(f"{path}: another format")
    return Sweep(**{**content, "arms": tuple(Arm(**one) for one in content["arms"])})


def load_sweep(folder: Path) -> Sweep | None:
    """The record of a sweep; None where there is none.

    Raises
    ------
    InputError
        If it is damaged.
    """
    file = folder / FILE
    if not file.exists():
        return None
    try:
        return load(file)
    except UNREADABLE as error:
        raise InputError(
            str(file),
            f"is damaged, or of another version ({what_is_wrong(file, error)})",
            "move it away: the same wtemlp sweep writes it again, and goes on with its runs",
        ) from None
