"""Numbers, errors and lists in words, the same on the terminal and on the page."""

import json
import math
from collections.abc import Sequence

UNKNOWN = "-"  #: in the place of a number


def finite(value: object) -> float | None:
    """The value as a float, ``None`` where it is missing or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def duration(seconds: float) -> str:
    """A wall time, for people.

    >>> [duration(seconds) for seconds in (48, 185, 8040)]
    ['48 s', '3 min 05 s', '2 h 14 min']
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def some(names: Sequence[str], most: int = 3, between: str = ", ") -> str:
    """The first of several.

    >>> some(["a", "b", "c", "d"], most=2)
    'a, b and 2 more'
    """
    last = " " if between == ", " else between
    more = f"{last}and {len(names) - most} more" if names[most:] else ""
    return between.join(names[:most]) + more


def first_line(error: BaseException) -> str:
    """The first line of what an exception says; its name if it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def pretty_json(value: object, width: int = 100, indent: int = 0, before: int = 0) -> str:
    """JSON for people: what fits on a line is on one.

    Parameters
    ----------
    value : object
        As :func:`json.dumps` takes it.
    width : int
        Of a line.
    indent : int
        Of the line that it begins in.
    before : int
        Characters that are in this line already, without the indent.
    """
    line = json.dumps(value, ensure_ascii=False)
    inner = isinstance(value, dict | list) and value
    if not inner or (indent and indent + before + len(line) + 1 <= width):
        return line
    inside = indent + 2
    if isinstance(value, dict):
        items = [
            f"{json.dumps(key)}: {pretty_json(one, width, inside, len(key) + 4)}"
            for key, one in value.items()
        ]
    else:
        assert isinstance(value, list)
        items = [pretty_json(one, width, inside) for one in value]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    lines = ",\n".join(f"{' ' * inside}{item}" for item in items)
    return f"{begin}\n{lines}\n{' ' * indent}{end}"


def number(value: float | None, digits: int = 3) -> str:
    """A number with ``digits`` significant digits, never in exponential form; or ``-``."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        return "0"
    exponent = int(f"{value:.{digits - 1}e}".split("e")[1])
    decimals = max(digits - 1 - exponent, 0)
    return f"{value:.{min(decimals, 6)}f}"
