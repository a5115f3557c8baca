"""Tables of energies in text files."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wtemlp.core.errors import InputError
from wtemlp.md import colvar

MIN_ENERGIES = 20  #: fewer tell nothing
EVEN = 1e-3  #: of the spacing: by how much one may differ from the others


def even_rows(times: NDArray[np.float64], file: Path) -> tuple[NDArray[np.int_], float]:
    """Rows at equal intervals, the second of equal times left out, and the interval.

    LAMMPS prints twice at the seam of two runs.
    """
    unique, rows = np.unique(times, return_index=True)
    if len(unique) < MIN_ENERGIES:
        raise InputError(
            str(file),
            f"holds {len(unique)} energies, too few to measure their fluctuation",
            "a longer run is needed",
        )
    gaps = np.diff(unique)
    spacing = float(np.median(gaps))
    if (np.abs(gaps - spacing) > EVEN * spacing).any():
        raise InputError(
            str(file), "its energies are not at equal intervals", "record every so many steps"
        )
    return rows, spacing


def fields(path: Path) -> list[str]:
    """The columns' names of a PLUMED file; none of another."""
    for line in _lines(path):
        if line.startswith(colvar.FIELDS):
            return line[len(colvar.FIELDS) :].split()
    return []


def numbers(path: Path) -> NDArray[np.float64]:
    """The rows of a text file of numbers, comments left out, (n_rows, n_columns)."""
    rows = [line for line in _lines(path) if line.strip() and not line.startswith("#")]
    try:
        table = np.loadtxt(rows, ndmin=2) if rows else np.empty((0, 0))
    except ValueError as error:
        raise InputError(str(path), f"is not a table of numbers ({error})") from None
    if not table.size or not np.isfinite(table).all():
        raise InputError(str(path), "holds no numbers, or some that are not finite")
    return table


def _lines(path: Path) -> Iterator[str]:
    try:
        yield from path.read_text().splitlines()
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(str(path), f"cannot be read ({type(error).__name__})") from None
