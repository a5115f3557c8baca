"""Values that are not written as they are kept: quantities with a unit, "auto", one or a list.

Each function takes what a file says and returns what the record holds; a ValueError says what to
write instead.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from wtemlp.config.keys.declare import AUTO, MAX_NUMBER, any_of
from wtemlp.core.units import ENERGY_IN_EV

AUTO_HEIGHT_KT = 0.5
_QUANTITY = re.compile(r"\s*([+-]?[\d.]+(?:[eE][+-]?\d+)?)\s*([A-Za-z/]+)\s*")
_UNITS = {name.lower(): factor for name, factor in ENERGY_IN_EV.items()}


def energy_eV(given: float | str) -> float | None:
    """``"12 kcal/mol"`` in eV; None for ``"auto"``."""
    if given == AUTO:
        return None
    match = _QUANTITY.fullmatch(given) if isinstance(given, str) else None
    try:
        number, unit_eV = (float(match[1]), _UNITS[match[2].lower()]) if match else (0.0, None)
    except (ValueError, KeyError):
        unit_eV = None
    if unit_eV is None:
        raise ValueError('must be "auto" or have a unit, as "0.5 eV", "12 kcal/mol" or "50 kJ/mol"')
    if not number > 0:
        raise ValueError("must be positive")
    if number * unit_eV > MAX_NUMBER:
        raise ValueError(f"must be {MAX_NUMBER:g} eV or less")
    return number * unit_eV


def height_kT(given: float | str) -> float:
    """The height of hills; ``"auto"`` is usual."""
    if given == AUTO:
        return AUTO_HEIGHT_KT
    if isinstance(given, str):
        raise ValueError('must be "auto" or a number (kT)')
    return float(given)


def pace_steps(given: int | str) -> int | None:
    """The steps between hills; None for ``"auto"``."""
    if given == AUTO:
        return None
    if isinstance(given, str):
        raise ValueError('must be "auto" or an integer (steps)')
    return given


def numbers(given: Any) -> tuple[float, ...]:
    """A number, or a list of numbers."""
    return tuple(float(one) for one in (given if isinstance(given, list) else [given]))


def biasfactors(given: Any) -> tuple[float | None, ...]:
    """Bias factors; that of a window of temperatures (an object) is not known yet."""
    return (None,) if isinstance(given, dict) else numbers(given)


def end_of_grid(periodic: str) -> Callable[[float | str], float | str]:
    """A function that takes a number, or this word of a periodic variable."""

    def read(given: float | str) -> float | str:
        if isinstance(given, str) and given != periodic:
            raise ValueError(f'must be a number or "{periodic}"')
        return given if isinstance(given, str) else float(given)

    return read


#: Calculators of ASE by short names: the class, and arguments that are its own.
CALCULATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "gfn1": ("tblite.ase.TBLite", {"method": "GFN1-xTB", "verbosity": 0}),
    "gfn2": ("tblite.ase.TBLite", {"method": "GFN2-xTB", "verbosity": 0}),
    "emt": ("ase.calculators.emt.EMT", {}),
}


def calculator_path(given: str) -> str:
    """The import path of a calculator's class, or its short name."""
    if given in CALCULATORS:
        return given
    if "." not in given or not all(part.isidentifier() for part in given.split(".")):
        raise ValueError(
            'must be the import path of a class, as "ase.calculators.emt.EMT", or '
            + any_of(CALCULATORS)
        )
    return given


def calculator_of(name: str, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The import path of a calculator's class, and its arguments."""
    path, own = CALCULATORS.get(name, (name, {}))
    return path, {**own, **arguments}


def one_or_more(given: str | list[str]) -> tuple[str, ...]:
    """A word, or a list of words."""
    return (given,) if isinstance(given, str) else tuple(given)


def directions(given: str) -> str:
    """LAMMPS's ``boundary``: periodic or not, in each direction."""
    words = given.split()
    if len(words) != 3 or not set(words) <= {"p", "f"}:
        raise ValueError('must be "p" or "f" in each direction, as "p p p" or "p p f"')
    return " ".join(words)


def triple(example: str) -> Callable[[list[int]], tuple[int, ...]]:
    """A function that takes a list of three integers."""
    return lambda given: _some(given, 3, f"must be three integers, {example}")


def pair(example: str) -> Callable[[list[float]], tuple[float, ...]]:
    """A function that takes a list of two ascending numbers."""
    remedy = f"must be two numbers, the smaller one first, {example}"

    def read(given: list[float]) -> tuple[float, ...]:
        low, high = _some(given, 2, remedy)
        if not low <= high:
            raise ValueError(remedy)
        return float(low), float(high)

    return read


def _some(given: list[Any], count: int, remedy: str) -> tuple[Any, ...]:
    if not isinstance(given, list) or len(given) != count:
        raise ValueError(remedy)
    return tuple(given)
