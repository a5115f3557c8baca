"""Numbers in words, the same on the terminal and on the page."""

import math


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
