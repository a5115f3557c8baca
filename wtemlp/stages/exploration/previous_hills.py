"""What a walker can take over from the one before it: the hills of the previous iteration."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wtemlp.core import paths
from wtemlp.md import colvar, wte_script
from wtemlp.md.walker_record import WalkerRecord, read_record

#: What two walkers must have in common: the same system in the same conditions, and hills on the
#: same variables.
ALIKE = (
    "system",
    "structure",
    "temperature_K",
    "pressure_bar",
    "method",
    "biasfactor",
    "window_K",
    "walker",
    "own",
)


@dataclass(frozen=True)
class PreviousHills:
    """Hills that another model's walker has left."""

    file: Path
    mean_eV: float  #: mean energy of that walker's unbiased part
    text: str  #: those that are whole, with their header
    left_out: int  #: rows that are cut or damaged


def find_hills(folders: Iterable[Path], job: WalkerRecord) -> PreviousHills | None:
    """The hills of the walker that is like another, if it was not stopped.

    Parameters
    ----------
    folders : iterable of Path
        Tasks of the previous iteration.
    job : WalkerRecord
        The other walker's provenance.

    Returns
    -------
    PreviousHills or None
    """
    for folder in folders:
        made = read_record(folder)
        if all(getattr(made, key) == getattr(job, key) for key in ALIKE):
            return _of(folder)
    return None


def _of(folder: Path) -> PreviousHills | None:
    hills, sigma = folder / paths.HILLS, folder / paths.SIGMA
    if (folder / paths.STOPPED).exists() or not hills.exists() or not sigma.exists():
        return None
    mean_eV, *_ = wte_script.parse_sigma(sigma.read_text())
    if not math.isfinite(mean_eV):
        return None
    text, left_out = colvar.whole_rows(hills)
    return PreviousHills(hills, mean_eV, text, left_out)
