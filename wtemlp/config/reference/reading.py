"""References: what labels frames, and what does MD, of ``fp_style`` and ``fp_params``."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wtemlp.config.keys.declare import any_of
from wtemlp.config.keys.labels import (
    WATERS,
    AseMethod,
    DeepPotential,
    ForceField,
    LammpsKeys,
    Method,
    OwnForceField,
)
from wtemlp.config.reference import force_fields
from wtemlp.config.reference.frozen_model import type_map_of
from wtemlp.config.schema.dpgen_schema import ASE, DEEPMD, LAMMPS, OWN_STYLES, SAMPLER
from wtemlp.config.schema.own_keys import read
from wtemlp.config.schema.section import Section, is_number
from wtemlp.core.errors import InputError
from wtemlp.structures.topology import read_topology

RIGID = ("tip3p-rigid", "spce")  #: waters of rigid molecules
_LAMMPS_TYPES = "LAMMPS's types are these, in their order"


def read_reference(section: Section) -> Method | None:
    """The method of an object that has ``fp_style`` and ``fp_params``; None: one that DP-GEN has.

    Raises
    ------
    InputError
        If its keys do not go together.
    """
    style = section["fp_style"]
    if style not in OWN_STYLES:
        return None
    keys = section.section("fp_params")
    if style == ASE:
        return read(AseMethod, keys)
    if style == DEEPMD:
        return read(DeepPotential, keys)
    given = read(LammpsKeys, keys)
    assert style == LAMMPS
    if given.force_field in WATERS:
        return ForceField(str(given.force_field), given.cutoff_A, given.kspace_accuracy)
    for key in ("cutoff_A", "kspace_accuracy"):
        if getattr(given, key) != getattr(LammpsKeys, key):
            raise keys.wrong(key, f"is a key of {any_of(WATERS)}: remove it")
    if isinstance(given.force_field, str):
        return force_fields.BY_NAME[given.force_field]
    return given.force_field


def read_sampler(params: Section, reference: Method | None) -> Method | None:
    """What does MD: ``sampler``, or by default the reference; None: there is none."""
    if SAMPLER in params:
        return read_reference(params.section(SAMPLER))
    return reference


def own_masses(params: Section) -> Mapping[str, float]:
    """Masses (g/mol) that the force field has, of MD or else of labels, where they are its own."""
    reference = read_reference(params)
    for method in (read_sampler(params, reference), reference):
        if isinstance(method, OwnForceField):
            return method.masses
    return {}


def check_reference(section: Section, method: Method | None, type_map: Sequence[str]) -> None:
    """See that a method fits the elements, and that its keys do to each other.

    Parameters
    ----------
    section : Section
        With ``fp_style`` and ``fp_params``.
    method : Method or None
        Of :func:`read_reference`.
    type_map : sequence of str

    Raises
    ------
    InputError
        At the first mistake.
    """
    if isinstance(method, ForceField) and set(type_map) != {"O", "H"}:
        remedy = f'must be O and H, in any order: the reference is water ("{method.name}")'
        raise Section(section.file, {}).wrong("type_map", remedy, value=list(type_map))
    if isinstance(method, OwnForceField):
        keys = section.section("fp_params")
        lacking = [name for name in type_map if name not in (method.elements or type_map)]
        if lacking and method.name:
            remedy = f"does not know {lacking[0]}: type_map must be {', '.join(method.elements)}"
            raise keys.wrong("force_field", remedy)
        if not method.name:
            _check_own(keys.section("force_field"), method, type_map, lacking)


def check_labels(section: Section, method: Method | None) -> None:
    """See that a method can label: forces within rigid molecules are none to learn from."""
    if isinstance(method, ForceField) and method.name in RIGID:
        remedy = 'has rigid molecules: it samples only, as "sampler"; label with "tip3p-flexible"'
        raise section.section("fp_params").wrong("force_field", f"{remedy} or another method")


def _check_own(
    keys: Section, method: OwnForceField, type_map: Sequence[str], lacking: Sequence[str]
) -> None:
    if bool(method.lines) == bool(method.file):
        raise keys.missing("lines", "give the commands of the force field, or their file, not both")
    if remedy := force_fields.style_problem(method.atom_style):
        raise keys.wrong("atom_style", remedy)
    for line in force_fields.commands_of("\n".join(method.lines)):
        if remedy := force_fields.line_problem(line):
            index = method.lines.index(line) if line in method.lines else None
            raise keys.wrong("lines", remedy, index, line)
    for index, line in enumerate(method.fixes):
        if remedy := force_fields.fix_problem(line):
            raise keys.wrong("fixes", remedy, index)
    if lacking:
        raise keys.wrong("elements", f"has no {lacking[0]}, which type_map has: {_LAMMPS_TYPES}")
    for key in ("charges", "masses"):
        for name, number in keys.get(key, {}).items():
            if not is_number(number) or (key == "masses" and number <= 0):
                kind = "a positive number (g/mol)" if key == "masses" else "a number (e)"
                raise keys.wrong(key, f"must be {kind} for each element, as of {name}")
            if name not in (*type_map, *method.elements):
                raise keys.wrong(key, f"has {name}, which is no element of type_map: correct it")
    if method.topology:
        if method.charges:
            raise keys.wrong("charges", "not with a topology, whose atoms have charges: remove it")
    elif "q" in _needs(method.atom_style):
        if lacking := [name for name in type_map if name not in method.charges]:
            remedy = f"add it: a charge (e) of each element, as of {lacking[0]}, or a topology"
            raise keys.missing("charges", remedy)
    elif method.charges:
        raise keys.wrong("charges", f'atom_style "{method.atom_style}" has none: use "charge"')


def _needs(atom_style: str) -> str:
    """ "q" for a style with charges that can be written without a topology."""
    return "q" if atom_style in ("charge", "full") else ""


def reference_files(method: Method | None, root: Path) -> dict[str, Path]:
    """The files that a method's commands name, and that are no values of its keys.

    Parameters
    ----------
    method : Method or None
    root : Path
        What their paths are relative to.
    """
    if not isinstance(method, OwnForceField) or (
        method.file and not (root / method.file).is_file()
    ):
        return {}
    return force_fields.named_files(method, force_fields.commands(method, root), root)


def reference_problems(
    section: Section, method: Method | None, type_map: Sequence[str], root: Path
) -> Iterator[InputError]:
    """What is wrong with the files that a method names.

    Parameters
    ----------
    section, method, type_map
        As for :func:`check_reference`.
    root : Path
        What their paths are relative to.
    """
    if isinstance(method, DeepPotential):
        keys = section.section("fp_params")
        if not (root / method.model).is_file():
            yield keys.wrong("model", f"no such file in {root}")
            return
        known = type_map_of(root / method.model)
        if known is not None and (lacking := [name for name in type_map if name not in known]):
            remedy = f"knows {', '.join(known)}, and type_map has {lacking[0]}: take another model"
            yield keys.wrong("model", remedy)
    if not isinstance(method, OwnForceField):
        return
    keys = section.section("fp_params")
    own = keys if method.name else keys.section("force_field")
    if method.file and not (root / method.file).is_file():
        yield own.wrong("file", f"no such file in {root}")
        return
    lines = force_fields.commands(method, root)
    for line in lines if method.file else ():
        if why := force_fields.line_problem(line):
            yield InputError(str(root / method.file), line, why)
    for word in force_fields.missing_files(method, lines, root):
        key = "force_field" if method.name else "lines" if method.lines else "file"
        remedy = f"names {word}, which is no file in {root} or among LAMMPS's potentials"
        yield own.wrong(key, remedy, value=word)
    yield from _topology_problems(own, method, type_map, root)


def _topology_problems(
    own: Section, method: OwnForceField, type_map: Sequence[str], root: Path
) -> Iterator[InputError]:
    for name in method.topology:
        if not (root / name).is_file():
            yield own.wrong("topology", f"no such file in {root}", value=name)
            continue
        try:
            found = read_topology(root / name, method.atom_style, type_map)
        except InputError as error:
            yield error
            continue
        for kind, element in enumerate(found.type_elements, 1):
            known = method.elements or tuple(type_map)
            if element and element not in known:
                remedy = f"type {kind} of the topology is {element}, which type_map has not"
                yield own.wrong("topology", remedy, value=name)
