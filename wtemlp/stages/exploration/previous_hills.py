"""What a walker can take over from the one before it: the hills of the previous iteration."""

import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wtemlp.core import paths
from wtemlp.md import colvar
from wtemlp.md.bias import measured
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


class PreviousWalkers:
    """The walkers of an iteration, each found by what the next one's must have in common with it.

    Parameters
    ----------
    folders : iterable of Path
        Their tasks; those that have been cleared away are left out.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders: dict[tuple[object, ...], Path] = {}
        for folder in folders:
            with suppress(FileNotFoundError):
                self._folders.setdefault(_alike(read_record(folder)), folder)

    def hills(self, job: WalkerRecord) -> PreviousHills | None:
        """The hills of the walker that is like another, if there is one that was not stopped.

        Parameters
        ----------
        job : WalkerRecord
            The other walker's provenance.
        """
        folder = self._folders.get(_alike(job))
        return None if folder is None else _of(folder)


def _alike(walker: WalkerRecord) -> tuple[object, ...]:
    return tuple(getattr(walker, key) for key in ALIKE)


def _of(folder: Path) -> PreviousHills | None:
    hills, sigma = folder / paths.HILLS, folder / paths.SIGMA
    if (folder / paths.STOPPED).exists() or not hills.exists() or not sigma.exists():
        return None
    mean_eV, *_ = measured.parse_sigma(sigma.read_text())
    if not math.isfinite(mean_eV):
        return None
    text, left_out = colvar.whole_rows(hills)
    return PreviousHills(hills, mean_eV, text, left_out)
