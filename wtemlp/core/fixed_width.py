"""Text in which every row is laid out alike, many rows at once.

As DeePMD-kit prints deviations, and PLUMED energies between one power of ten of the time and the
next: digits are taken from fixed places of all rows, several times as fast as by reading words.
What is not exactly so is left to readers of words.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SPACE, _MINUS, _PLUS, _POINT, _ZERO = b" -+.0"
_EXPONENTS = (ord("e"), ord("E"))
_WORD = re.compile(rb" *([^ \n]+)")
_MOST_BLOCKS = 16  #: of rows that are laid out alike
_MOST_DIGITS = 15  #: of a number that a float has exactly
_MOST_POWER = 22  #: of ten, that a float has exactly
_TENS = np.array([float(f"1e{power}") for power in range(_MOST_POWER + 1)])

Bytes = NDArray[np.uint8]


def read_columns(
    content: bytes, begin: int, n_columns: int, wanted: Sequence[int]
) -> list[NDArray[np.float64]] | None:
    """Read columns of rows that are laid out alike, or in a few blocks of such rows.

    Numbers are those that Python reads: at most 15 digits, divided by or multiplied with a power
    of ten that a float has exactly, so that there is one rounding.

    Parameters
    ----------
    content : bytes
        A file; each of its rows ends with an end of line.
    begin : int
        Where the rows begin, after a header.
    n_columns : int
        Numbers in a row.
    wanted : sequence of int
        Columns to read.

    Returns
    -------
    list of ndarray, shape (n_rows,), or None
        Float; None if this is not such a file.
    """
    blocks: list[list[NDArray[np.float64]]] = []
    while begin < len(content):
        rows = _rows_alike(content, begin)
        columns = None if rows is None else _columns(rows, n_columns, wanted)
        if rows is None or columns is None or len(blocks) == _MOST_BLOCKS:
            return None
        blocks.append(columns)
        begin += rows.size
    if not blocks:
        return None
    return blocks[0] if len(blocks) == 1 else [np.concatenate(c) for c in zip(*blocks, strict=True)]


def _rows_alike(content: bytes, begin: int) -> Bytes | None:
    """The rows from some place on that are as long as the first, one each; None: it has no end."""
    length = content.find(b"\n", begin) + 1 - begin
    if length <= 0:
        return None
    n_most = (len(content) - begin) // length
    rows = np.frombuffer(content, np.uint8, n_most * length, begin).reshape(-1, length)
    longer = np.flatnonzero(rows[:, -1] != ord("\n"))
    rows = rows[: longer[0]] if len(longer) else rows
    return rows if content.count(b"\n", begin, begin + rows.size) == len(rows) else None


def _columns(
    rows: Bytes, n_columns: int, wanted: Sequence[int]
) -> list[NDArray[np.float64]] | None:
    ends = [found.end() for found in _WORD.finditer(rows[0, :-1].tobytes())]
    if len(ends) != n_columns or ends[-1] != rows.shape[1] - 1:
        return None
    found = []
    for column in wanted:
        left = ends[column - 1] if column else 0
        # One place of all rows after another, each contiguous.
        places = np.ascontiguousarray(rows[:, left : ends[column]].T)
        if column and (places[0] != _SPACE).any():
            return None  # two numbers run into each other
        values = _numbers(places)
        if values is None:
            return None
        found.append(values)
    return found


def _numbers(places: Bytes) -> NDArray[np.float64] | None:
    """Numbers that are right-aligned, with the point and the exponent at the same places."""
    first = bytes(places[:, 0])
    power = np.zeros(places.shape[1], dtype=np.int64)
    n_mantissa = len(first)
    at = max(first.find(b"e"), first.find(b"E"))
    if at >= 0:
        exponent = _exponent(places[at:])
        if exponent is None:
            return None
        power, n_mantissa = exponent, at
    point = first.find(b".", 0, n_mantissa)
    if point >= 0:
        if (places[point] != _POINT).any():
            return None
        power = power - (n_mantissa - point - 1)
    return _scaled(places[:n_mantissa], point, power)


def _exponent(places: Bytes) -> NDArray[np.int64] | None:
    mark, sign, *_ = places
    digits = places[2:] - np.uint8(_ZERO)
    if len(digits) not in (2, 3) or not ((mark == _EXPONENTS[0]) | (mark == _EXPONENTS[1])).all():
        return None
    negative = sign == _MINUS
    if not (negative | (sign == _PLUS)).all() or (digits > 9).any():
        return None
    value = _whole(digits)
    return np.where(negative, -value, value)


def _scaled(places: Bytes, point: int, power: NDArray[np.int64]) -> NDArray[np.float64] | None:
    if point >= 0:
        places = np.delete(places, point, axis=0)
    digits = places - np.uint8(_ZERO)
    is_digit, negative = digits <= 9, None
    if not is_digit.all():
        minus = places == _MINUS
        begun = is_digit | minus
        sound = (begun | (places == _SPACE)).all() and is_digit[-1].all()
        if not sound or (begun[:-1] > is_digit[1:]).any():  # once begun, only digits
            return None
        negative = minus.any(axis=0)
        first = int(is_digit.any(axis=1).argmax())
        digits = (digits * is_digit)[first:]
    if len(digits) > _MOST_DIGITS or np.abs(power).max(initial=0) > _MOST_POWER:
        return None
    value, ten_to = _whole(digits).astype(float), _TENS[np.abs(power)]
    found: NDArray[np.float64] = np.where(power < 0, value / ten_to, value * ten_to)
    return found if negative is None else np.where(negative, -found, found)


def _whole(digits: Bytes) -> NDArray[np.int64]:
    """Numbers of up to 16 digits, the highest first: neighbours are joined, in the least memory."""
    value: Any = digits
    for ten_to, kind in ((10, np.uint8), (100, np.uint16), (10_000, np.uint32), (10**8, np.int64)):
        if len(value) % 2:
            value = np.concatenate([np.zeros_like(value[:1]), value])
        value = value[::2].astype(kind) * kind(ten_to) + value[1::2]
        if len(value) == 1:
            break
    return np.asarray(value[0], dtype=np.int64)


def numbered_lines(
    words: Sequence[str], which: NDArray[np.int_], numbers: NDArray[np.int_]
) -> bytes:
    """Lines of a word and a number.

    Parameters
    ----------
    words : sequence of str
    which : ndarray of int, shape (n_lines,)
        The word of each line, by its place.
    numbers : ndarray of int, shape (n_lines,)
        None is below 0.

    Returns
    -------
    bytes
        As of ``f"{words[which]} {number}\\n"``.
    """
    if not len(which):
        return b""
    table = np.array([f"{word} ".encode() for word in words], dtype=np.bytes_)
    width, n_digits = table.dtype.itemsize, len(str(int(numbers.max())))
    lines = np.empty((len(which), width + n_digits + 1), dtype=np.uint8)
    lines[:, :width] = table.view(np.uint8).reshape(len(words), width)[which]
    rest: NDArray[np.int_] = numbers.astype(np.int32 if n_digits < 10 else np.int64)
    for place in range(width + n_digits - 1, width - 1, -1):
        begun = rest > 0  # no zeros in front
        tens = rest // 10
        digit = (rest - 10 * tens + _ZERO).astype(np.uint8)
        lines[:, place] = digit if place == width + n_digits - 1 else digit * begun
        rest = tens
    lines[:, -1] = ord("\n")
    flat = lines.ravel()
    return bytes(flat[flat != 0])
