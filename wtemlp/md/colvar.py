"""Reading PLUMED's text files (COLVAR, HILLS)."""

import itertools
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wtemlp.md.text_table import TextTable, read_table, sound_lines

FIELDS = "#! FIELDS"
SET = "#! SET"


def read(path: Path) -> dict[str, NDArray[np.float64]]:
    """The columns of a PLUMED file by name.

    A file that was continued after a restart has several headers: each row's columns are those of
    the header before it.  What is cut or damaged is left out: the last line of a file in use, or
    of a job that was killed, may be cut anywhere.

    Parameters
    ----------
    path : Path
        A file with a ``#! FIELDS`` header; it may be missing.

    Returns
    -------
    dict of ndarray, shape (n_rows,)
        In the units in which the file was written, NaN where a row has no such column; empty when
        there is no row yet.
    """
    return _table(path).columns


def rows_left_out(path: Path) -> int:
    """Rows of a PLUMED file that :func:`read` leaves out, as cut or damaged; 0 if it is missing."""
    return _table(path).left_out


def whole_rows(path: Path) -> tuple[str, int]:
    """The text of a PLUMED file without what is cut or damaged in it, which PLUMED does not take.

    Returns
    -------
    str, int
        The text, and how many rows were left out.
    """
    lines, left_out = sound_lines(path.read_text(errors="replace"), _names)
    return "".join(f"{line.text}\n" for line in lines), left_out


def _table(path: Path) -> TextTable:
    if not path.is_file():
        return TextTable({})
    found = path.stat()
    return _last_read(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=3)
def _last_read(path: Path, size: int, changed: int) -> TextTable:
    """The table in a file of this size and time: a walker's three are asked for several times."""
    table = read_table(path.read_text(errors="replace"), _names)
    for column in table.columns.values():
        column.flags.writeable = False
    return table


def _names(comment: str) -> list[str] | None:
    return comment[len(FIELDS) :].split() if comment.startswith(FIELDS) else None


def read_settings(path: Path) -> dict[str, str]:
    """The constants of a PLUMED file's header (``#! SET name value``); the last of a name."""
    found = {}
    with path.open(errors="replace") as file:
        for line in file:
            words = line[len(SET) :].split() if line.startswith(SET) else []
            if len(words) == 2:
                found[words[0]] = words[1]
    return found


def read_series(path: Path) -> dict[str, NDArray[np.float64]]:
    """As :func:`read`, for a file with one row a time, in the order of time.

    The row at the seam of two runs is written twice, and a job that went on from a checkpoint
    writes that row and what came after it again.  What came after the checkpoint first is left
    out; of the two rows at the checkpoint the first counts, whose bias is the one that acted.
    """
    columns = read(path)
    if "time" not in columns:
        return {}
    timed = np.isfinite(columns["time"])
    columns = {name: values[timed] for name, values in columns.items()}
    time = columns["time"]
    begins = [0, *(np.flatnonzero(np.diff(time) <= 0) + 1), len(time)]
    kept = np.empty(0, dtype=int)
    for first, end in itertools.pairwise(begins):
        kept = kept[time[kept] <= time[first]]
        again = len(kept) > 0 and time[kept[-1]] == time[first]
        kept = np.concatenate([kept, np.arange(first + again, end)])
    return {name: values[kept] for name, values in columns.items()}
