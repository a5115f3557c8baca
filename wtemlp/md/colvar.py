"""Reading PLUMED's text files (COLVAR, HILLS)."""

import itertools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FIELDS = "#! FIELDS"
SET = "#! SET"


def read(path: Path) -> dict[str, NDArray[np.float64]]:
    """The columns of a PLUMED file by name.

    A file that was continued after a restart has several headers, the last of which names the
    columns.  Rows that do not fit it are left out: the last line of a file in use, or of a job
    that was killed, may be cut anywhere.

    Parameters
    ----------
    path : Path
        A file with a ``#! FIELDS`` header; it may be missing.

    Returns
    -------
    dict of ndarray, shape (n_rows,)
        In the units in which the file was written; empty when there is no row yet.
    """
    if not path.is_file():
        return {}
    names: list[str] = []
    rows = []
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith(FIELDS):
            names = line[len(FIELDS) :].split()
        elif not line.startswith("#") and (row := _numbers(line.split())):
            rows.append(row)
    complete = [row for row in rows if len(row) == len(names)]
    if not complete:
        return {}
    table = np.array(complete)
    return {name: table[:, column] for column, name in enumerate(names)}


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
    if not columns:
        return {}
    time = columns["time"]
    begins = [0, *(np.flatnonzero(np.diff(time) <= 0) + 1), len(time)]
    kept = np.empty(0, dtype=int)
    for first, end in itertools.pairwise(begins):
        kept = kept[time[kept] <= time[first]]
        again = len(kept) > 0 and time[kept[-1]] == time[first]
        kept = np.concatenate([kept, np.arange(first + again, end)])
    return {name: values[kept] for name, values in columns.items()}


def _numbers(words: list[str]) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError:
        return []
