"""Numbers, errors and lists in words, the same on the terminal and on the page."""

import math
from collections.abc import Sequence


def finite(value: object) -> float | None:
    """The value as a float, ``None`` where it is missing or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def duration(seconds: float) -> str:
    """A wall time as ``48 s``, ``3 min 05 s`` or ``2 h 14 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def some(names: Sequence[str], most: int = 3, between: str = ", ") -> str:
    """The first of several, as ``a, b and 2 more``."""
    last = " " if between == ", " else between
    more = f"{last}and {len(names) - most} more" if names[most:] else ""
    return between.join(names[:most]) + more


def first_line(error: BaseException) -> str:
    """The first line of what an exception says; its name if it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
