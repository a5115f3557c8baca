"""Tables that engines write as text, with headers that name their columns.

A program that went on writes its header again, and its columns may be others then: what a row
means, the header before it says.  A job that was killed, a full disk or a power failure cuts the
file anywhere, also within the last number, or leaves zero bytes in it; where another job has gone
on with such a file, the cut row and what comes next are on one line.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class TextTable:
    """What is sound in a file."""

    columns: Columns
    """By name, each of shape (n_rows,), in the order of the file; NaN where a row's header does
    not have the column."""
    left_out: int = 0  #: rows, or pieces of rows, that are cut or damaged


@dataclass(frozen=True)
class Line:
    """A whole line of a file."""

    text: str
    row: tuple[float, ...] | None = None  #: the numbers; None: a line of a header
    names: tuple[str, ...] = ()  #: of the columns, as the header before it says


def sound_lines(
    text: str,
    names_in: Callable[[str], Sequence[str] | None],
    unnamed: Sequence[str] = (),
    more: bool = False,
) -> tuple[list[Line], int]:
    """The lines of a table that are whole.

    Parameters
    ----------
    text : str
        The file.  What comes after its last end of line is taken for cut.
    names_in : callable
        Takes a line that begins with ``#``; gives the names in it, or None if it names none.
    unnamed : sequence of str, optional
        Names of the columns of rows without a header.
    more : bool, optional
        Whether rows may have more numbers than their header has names.

    Returns
    -------
    list of Line, int
        And the number of pieces that were left out.
    """
    *whole, rest = text.split("\n")
    left_out = int(bool(rest.strip()))
    names = tuple(unnamed)
    found = []
    for line in whole:
        cut, mark, comment = line.rpartition("#")
        if mark and "\0" in comment:
            left_out += 1
            names = ()  # nobody knows what comes next
            continue
        if mark:
            left_out += bool(cut.strip())
            given = names_in(mark + comment)
            names = names if given is None else tuple(given)
            found.append(Line(mark + comment))
            continue
        words = line.split()
        row = _numbers(words)
        fits = row is not None and (len(row) == len(names) or (more and len(row) > len(names)))
        if fits and names:
            found.append(Line(line, row, names))
        else:
            left_out += bool(words)
    return found, left_out


def read_table(
    text: str,
    names_in: Callable[[str], Sequence[str] | None],
    unnamed: Sequence[str] = (),
    more: bool = False,
) -> TextTable:
    """The columns of a table by name; parameters as of :func:`sound_lines`."""
    quick = _read_sound(text, names_in, unnamed)
    if quick is not None:
        return quick
    lines, left_out = sound_lines(text, names_in, unnamed, more)
    rows = [line for line in lines if line.row is not None]
    known = list(
        dict.fromkeys(
            name for line in {id(r.names): r for r in rows}.values() for name in line.names
        )
    )
    place = {name: column for column, name in enumerate(known)}
    table = np.full((len(rows), len(known)), np.nan)
    begin = 0
    while begin < len(rows):  # the rows of a header at once
        names, end = rows[begin].names, begin
        while end < len(rows) and rows[end].names is names:
            end += 1
        part = np.array([(line.row or ())[: len(names)] for line in rows[begin:end]])
        table[begin:end, [place[name] for name in names]] = part
        begin = end
    return TextTable({name: table[:, column] for name, column in place.items()}, left_out)


def _read_sound(
    text: str, names_in: Callable[[str], Sequence[str] | None], unnamed: Sequence[str]
) -> TextTable | None:
    """Read a table in which nothing is cut, by NumPy's fast reader; None if this is not one."""
    names, begin = tuple(unnamed), 0
    while text.startswith("#", begin) and (end := text.find("\n", begin)) >= 0:
        given = names_in(text[begin:end])
        names = names if given is None else tuple(given)
        begin = end + 1
    body = text[begin:]
    sound = body.endswith("\n") and not body.isspace() and "#" not in body and "\0" not in text
    if not sound or not names or len(set(names)) < len(names):
        return None
    try:
        table = np.loadtxt(body.splitlines(), ndmin=2)
    except ValueError:
        return None
    if table.shape[1] != len(names):
        return None
    return TextTable(dict(zip(names, table.T, strict=True)))


def _numbers(words: list[str]) -> tuple[float, ...] | None:
    try:
        return tuple(float(word) for word in words)
    except ValueError:
        return None


def lcurve_names(comment: str) -> list[str] | None:
    """The columns that a header of DeePMD-kit's ``lcurve.out`` names; None: it is no header."""
    names = comment.lstrip("#").split()
    return names if names[:1] == ["step"] else None
