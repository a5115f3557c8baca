"""Reading PLUMED's text files (COLVAR, HILLS)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FIELDS = "#! FIELDS"


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


def read_series(path: Path) -> dict[str, NDArray[np.float64]]:
    """As :func:`read`, for a file with one row a time, sorted by it.

    The row at the seam of two runs is written twice, and a job that went on from a checkpoint
    writes what came after that again: of rows of equal time the last counts.
    """
    columns = read(path)
    if not columns:
        return {}
    reverse = columns["time"][::-1]
    _, last = np.unique(reverse, return_index=True)
    rows = len(reverse) - 1 - last
    return {name: values[rows] for name, values in columns.items()}


def _numbers(words: list[str]) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError:
        return []
