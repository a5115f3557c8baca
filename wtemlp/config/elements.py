"""``type_map`` and ``mass_map``: elements and their masses."""

import math
from collections.abc import Iterator, Mapping, Sequence

from wtemlp.config.reference.reading import own_masses
from wtemlp.config.schema.section import Section, key_path
from wtemlp.dpgen import adapter
from wtemlp.structures.elements import STANDARD_MASSES

MASS_TOLERANCE = 0.02  #: relative; what rounding and old tables differ by


def read_type_map(params: Section) -> tuple[str, ...]:
    """The elements, in the order of their types."""
    names = params["type_map"]
    if not names:
        raise params.wrong("type_map", "must name one element or more")
    for index, name in enumerate(names):
        if name in names[:index]:
            raise params.wrong("type_map", "is given twice, remove one", index)
    return tuple(names)


def read_mass_map(params: Section, type_map: tuple[str, ...]) -> tuple[float, ...]:
    """Their masses, g/mol: with "auto" those of the reference's force field, or of the elements.

    Raises
    ------
    InputError
        If a mass is none, or the lists' orders differ.
    """
    given = params["mass_map"]
    if given == "auto":
        try:
            return masses_of(type_map, own_masses(params))
        except ValueError as error:
            index = type_map.index(str(error))
            remedy = '"mass_map": "auto" knows elements only; give mass_map as a list (g/mol)'
            raise params.wrong("type_map", remedy, index) from None
    if isinstance(given, str):
        raise params.wrong("mass_map", 'must be "auto" or a list of masses (g/mol)')
    if len(given) != len(type_map):
        raise params.wrong("mass_map", f"must have one mass per element ({len(type_map)})")
    for index, mass in enumerate(given):
        if not mass > 0:
            raise params.wrong("mass_map", "must be a positive number (g/mol)", index)
    known = _known_masses(type_map, {})
    for index, mass in enumerate(given):
        name, own = type_map[index], known.get(type_map[index])
        other = next((one for one in known if one != name and _alike(mass, known[one])), None)
        if own is not None and other is not None and not _alike(mass, own):
            remedy = f"is the mass of {other}, and type_map has {name} here ({own:g})"
            raise params.wrong("mass_map", f"{remedy}: put them in its order", index)
    return tuple(float(mass) for mass in given)


def masses_of(type_map: Sequence[str], own: Mapping[str, float]) -> tuple[float, ...]:
    """Masses of types, g/mol: their own, or those of the elements as DP-GEN has them.

    Raises
    ------
    ValueError
        With the name that is of no element and has no mass of its own.
    """
    elements = [name for name in type_map if name not in own]
    known = {**own, **dict(zip(elements, adapter.atomic_masses(elements), strict=True))}
    return tuple(known[name] for name in type_map)


def odd_masses(
    params: Section, type_map: Sequence[str], mass_map: Sequence[float]
) -> Iterator[str]:
    """A line for each mass that is not that of its element, or of the reference's force field."""
    own = own_masses(params)
    known = _known_masses(type_map, own)
    for index, (name, mass) in enumerate(zip(type_map, mass_map, strict=True)):
        if name in known and not _alike(mass, known[name]):
            where = key_path(("mass_map", index))
            whose = "that the reference's force field gives " if name in own else ""
            yield (
                f"{params.file}: {where} = {mass:g} is not the mass {whose}of {name} "
                f"({known[name]:g} g/mol): right for an isotope only"
            )


def _known_masses(type_map: Sequence[str], own: Mapping[str, float]) -> dict[str, float]:
    """Masses of those names that are elements, or have one of their own, g/mol."""
    known = {**STANDARD_MASSES, **own}
    return {name: known[name] for name in type_map if name in known}


def _alike(mass: float, other: float) -> bool:
    return math.isclose(mass, other, rel_tol=MASS_TOLERANCE)
