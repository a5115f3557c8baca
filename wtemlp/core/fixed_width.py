"""Text in which every row is laid out alike, many rows at once.

As DeePMD-kit prints deviations: digits are taken from fixed places of all rows, several times as
fast as by reading words.  What is not exactly so is left to readers of words.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_SPACE, _MINUS, _PLUS, _POINT, _ZERO = b" -+.0"
_EXPONENTS = (ord("e"), ord("E"))
_WORD = re.compile(rb" *([^ \n]+)")
_MOST_DIGITS = 15  #: of a number that a float has exactly
_MOST_POWER = 22  #: of ten, that a float has exactly
_TENS = np.array([float(f"1e{power}") for power in range(_MOST_POWER + 1)])

Bytes = NDArray[np.uint8]


def read_columns(
    content: bytes, begin: int, n_columns: int, wanted: Sequence[int]
) -> list[NDArray[np.float64]] | None:
    """Read columns of rows that are all laid out alike.

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
    length = content.find(b"\n", begin) + 1 - begin
    if length <= 0 or (len(content) - begin) % length:
        return None
    ends = [found.end() for found in _WORD.finditer(content[begin : begin + length - 1])]
    if len(ends) != n_columns or ends[-1] != length - 1:
        return None
    rows = np.frombuffer(content, dtype=np.uint8, offset=begin).reshape(-1, length)
    if (rows[:, -1] != ord("\n")).any():
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
    mark, sign, *digits = places
    if len(digits) not in (2, 3) or not np.isin(mark, _EXPONENTS).all():
        return None
    negative = sign == _MINUS
    if not (negative | (sign == _PLUS)).all():
        return None
    value = np.zeros(places.shape[1], dtype=np.int64)
    for one in digits:
        digit = one - np.uint8(_ZERO)
        if (digit > 9).any():
            return None
        value = 10 * value + digit
    return np.where(negative, -value, value)


def _scaled(places: Bytes, point: int, power: NDArray[np.int64]) -> NDArray[np.float64] | None:
    mantissa = np.zeros(places.shape[1], dtype=np.int64)
    begun = np.zeros(places.shape[1], dtype=bool)
    negative = None
    is_digit, n_digits = begun, 0
    for place, one in enumerate(places):
        if place == point:
            continue
        digit = one - np.uint8(_ZERO)
        is_digit = digit <= 9
        if is_digit.all():
            mantissa = 10 * mantissa + digit
            begun, n_digits = is_digit, n_digits + 1
            continue
        minus = one == _MINUS
        blank = (one == _SPACE) | minus
        if not (is_digit | blank).all() or (blank & begun).any():
            return None
        if minus.any():
            negative = minus if negative is None else negative | minus
        if is_digit.any():
            mantissa = np.where(is_digit, 10 * mantissa + digit, mantissa)
            n_digits += 1
        begun = begun | is_digit | minus
    if n_digits > _MOST_DIGITS or not is_digit.all():
        return None
    if np.abs(power).max(initial=0) > _MOST_POWER:
        return None
    value, ten_to = mantissa.astype(float), _TENS[np.abs(power)]
    found: NDArray[np.float64] = np.where(power < 0, value / ten_to, value * ten_to)
    return found if negative is None else np.where(negative, -found, found)


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
