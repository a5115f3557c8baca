"""The elements of a LAMMPS data file's types."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from wtemlp.structures.elements import element_of, element_of_label, elements_of_mass
from wtemlp.structures.lammps_data import DataFile
from wtemlp.structures.text import Unreadable

_REMEDY = "correct the file, or type_map and mass_map"


def elements_of_types(
    data: DataFile, type_map: Sequence[str], masses: Sequence[float]
) -> dict[int, str]:
    """The element of each type that atoms have.

    A mass tells it, then a label, then a comment, and they must not contradict each other.  Where
    nothing tells the element of any type, numbers mean `type_map`.

    Parameters
    ----------
    data : DataFile
    type_map : sequence of str
    masses : sequence of float
        Of `type_map`, u.

    Returns
    -------
    dict of int to str
        By type, from 1.  An element may not be of `type_map`.

    Raises
    ------
    Unreadable
        If they contradict each other, or an element cannot be told.
    """
    used = sorted({int(kind) for kind in data.types})
    known_masses = {} if _placeholders(data.masses) else data.masses
    told = {kind: _told(kind, data, known_masses, type_map, masses) for kind in used}
    if not any(told.values()):
        if used and used[-1] > len(type_map):
            problem = f"has atoms of type {used[-1]}, type_map has {len(type_map)} elements"
            raise Unreadable(problem, "give the types' masses, or correct type_map")
        return {kind: type_map[kind - 1] for kind in used}
    if silent := [kind for kind in used if told[kind] is None]:
        raise Unreadable(
            f"does not tell the element of type {silent[0]}, as it does of others",
            "add its mass, label or comment",
        )
    return {kind: name for kind, name in told.items() if name is not None}


def _placeholders(masses: Mapping[int, str]) -> bool:
    """Whether masses are none: several types, each of 1."""
    return len(masses) > 1 and {float(mass) for mass in masses.values()} == {1.0}


def _told(
    kind: int,
    data: DataFile,
    known_masses: Mapping[int, str],
    type_map: Sequence[str],
    masses: Sequence[float],
) -> str | None:
    label, comments = data.labels.get(kind, ""), data.comments.get(kind, ())
    names = [word for word in (label, *comments) if word]
    mass = known_masses.get(kind)
    if mass is not None:
        return _by_mass(kind, mass, names, type_map, masses)
    found = [element_of_label(label, type_map)] if label else []
    if label and found == [None] and not label.isdecimal():
        raise Unreadable(f'type {kind}: which element is "{label}"?', "give the types' masses")
    for word in comments:  # prose may begin as a label does: an element must be called by its name
        name = element_of_label(word, type_map)
        found.append(name if name in type_map else element_of(word, type_map))
    clear = list(dict.fromkeys(name for name in found if name is not None))
    if len(clear) > 1:
        raise Unreadable(f"type {kind} is called {' and '.join(names)}", _REMEDY)
    return clear[0] if clear else None


def _by_mass(
    kind: int, mass: str, names: Sequence[str], type_map: Sequence[str], masses: Sequence[float]
) -> str:
    """The element of a mass; names decide between several, and must not be of another."""
    fitting = elements_of_mass(mass, type_map, masses)
    meant = (element_of(word, type_map) for word in names)
    called = [name for name in meant if name is not None and name in type_map]
    if other := [name for name in called if name not in fitting]:
        is_of = f" (that of {fitting[0]})" if fitting else ""
        problem = f"type {kind} is called {other[0]} and has the mass {mass}{is_of}"
        raise Unreadable(problem, _REMEDY)
    if not fitting:
        raise Unreadable(f"type {kind} has the mass {mass}, which is that of no element", _REMEDY)
    if fitting[0] not in type_map:
        problem = f"type {kind} has the mass {mass}, that of {fitting[0]}, which type_map lacks"
        raise Unreadable(problem, _REMEDY)
    if called:
        return called[0]
    inside = [name for name in fitting if name in type_map]
    if len(inside) > 1:
        problem = f"type {kind} has the mass {mass}, which is that of {' and of '.join(inside)}"
        raise Unreadable(problem, "write the masses with all digits, or add type labels")
    return fitting[0]


def elements_of_atoms(
    data: DataFile, type_map: Sequence[str], masses: Sequence[float]
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The names of the elements, and the index in them of each atom."""
    by_type = elements_of_types(data, type_map, masses)
    names = tuple(dict.fromkeys(by_type.values()))
    return names, np.array([names.index(by_type[int(kind)]) for kind in data.types], dtype=np.int64)
