"""Which element of ``type_map`` a structure file means by a name or a mass."""

import re
from collections.abc import Sequence

from ase.data import atomic_masses, atomic_names, atomic_numbers

#: Beside half of the last digit that is written, u: lists of standard masses differ so much.
#: Argon and calcium, the closest pair that files have, are 0.13 apart.
MASS_TOLERANCE_U = 0.05
#: By element, u.
STANDARD_MASSES = {
    name: float(atomic_masses[z]) for name, z in atomic_numbers.items() if 0 < z < 104
}
_SYMBOL = re.compile(r"([A-Z][a-z]?)(?:\d+|[+-]|_\S*|/\S*|\.\S*)*$")
_LABEL = re.compile(r"([A-Z])([A-Za-z]?)[A-Z0-9+*'_-]{0,4}$")


def element_of(name: str, type_map: Sequence[str]) -> str | None:
    """The element that a species is called after.

    Parameters
    ----------
    name : str
        As ``O``, ``O_pv``, ``O_s/1a2b3c4``, ``Fe1`` or ``Fe3+``.
    type_map : sequence of str
        A name that is in it is taken as it is.

    Returns
    -------
    str or None
        A name of `type_map`, another element's symbol, or None: it is called after none.
    """
    for word in (name, name.split("/")[0], name.split("/")[0].split("_")[0]):
        if word in type_map:
            return word
    found = _SYMBOL.match(name)
    return found[1] if found and (found[1] in STANDARD_MASSES or found[1] in type_map) else None


def element_of_label(label: str, type_map: Sequence[str]) -> str | None:
    """The element that a label of a force field is called after.

    Returns
    -------
    str or None
        None: it may mean several, as ``CA`` (a carbon, or calcium), or none.
    """
    found = elements_of_label(label, type_map)
    return found[0] if len(found) == 1 else None


def elements_of_label(label: str, type_map: Sequence[str]) -> list[str]:
    """The elements that a label of a force field may mean, as ``OW``, ``HW1`` or ``oxygen``.

    Parameters
    ----------
    label : str
    type_map : sequence of str
        A name that is in it is taken as it is.
    """
    if (symbol := element_of(label, type_map)) is not None:
        return [symbol]
    if label.capitalize() in atomic_names[1:]:
        return [next(s for s, z in atomic_numbers.items() if atomic_names[z] == label.capitalize())]
    found = _LABEL.match(label)
    names = (found[1], found[1] + found[2].lower()) if found else ()
    return [name for name in dict.fromkeys(names) if name in STANDARD_MASSES]


def elements_of_mass(mass: str, type_map: Sequence[str], masses: Sequence[float]) -> list[str]:
    """The elements that may have a mass, those of `type_map` first, the nearest of each first.

    Parameters
    ----------
    mass : str
        As it is written, u: the last digit tells how far it may be off.
    type_map : sequence of str
    masses : sequence of float
        Of `type_map`, u; they may be others than the standard masses.
    """
    value = float(mass)
    digits = re.split("[eE]", mass)[0].partition(".")[2].rstrip()
    tolerance = MASS_TOLERANCE_U + 0.5 * 10.0 ** -len(digits)
    off = {name: abs(value - known) for name, known in STANDARD_MASSES.items()}
    for name, known in zip(type_map, masses, strict=True):
        off[name] = min(abs(value - known), off.get(name, float("inf")))
    found = [name for name in off if off[name] <= tolerance]
    return sorted(found, key=lambda name: (name not in type_map, off[name]))
