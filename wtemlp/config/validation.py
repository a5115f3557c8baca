"""The ``validation`` block of a parameter file: what ``wtemlp validate`` does."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from wtemlp.config.keys.labels import AseMethod, OwnForceField
from wtemlp.config.keys.validation import (
    ATOM_PS,
    DEFAULT_PS,
    FRAME_PS,
    LONGEST,
    MAX_FRAMES,
    PERIODIC,
    VARIABLES,
    MdEnsemble,
    MdVariable,
    ValidationSettings,
)
from wtemlp.config.records import Params
from wtemlp.config.schema.own_keys import read
from wtemlp.config.schema.section import Section
from wtemlp.config.templates.plumed_text import Action, actions
from wtemlp.core.errors import InputError
from wtemlp.structures.bonds import torsions
from wtemlp.structures.record import Structure

ALONE = "f f f"  #: LAMMPS's boundary of a molecule in vacuum
MIN_RECORDS = 20  #: values that a mean and its error are made of
MIN_FRAMES = 5  #: that a radial distribution function is made of


def with_validation(params: Section, record: Params) -> Params:
    """The record of a parameter file, its ``validation`` block read.

    Parameters
    ----------
    params : Section
        The whole file.
    record : Params
        All else of it, which the defaults are taken from.

    Raises
    ------
    InputError
        At the first mistake in the block.
    """
    return replace(record, validation=_read(params, record))


def _read(params: Section, record: Params) -> ValidationSettings:
    given = "validation" in params
    block = params.section("validation") if given else Section(params.file, {}, ("validation",))
    boundary = _boundary(record)
    asked = read(
        ValidationSettings,
        block,
        pairs=_read_pairs(block, record.type_map),
        variables=_read_variables(block),
        boundary=boundary,
    )
    _check(block, asked, record)
    _check_alone(block, asked)
    temps_K = asked.temps_K or tuple(sorted({t for job in record.jobs for t in job.temps_K}))
    ensembles = tuple(
        one
        for one in MdEnsemble
        if one == MdEnsemble.NVT
        or (one in asked.ensembles and (asked.has_pressure or one != MdEnsemble.NPT))
    )
    steps = {key: _steps(block, key, record.timestep_ps) for key in DEFAULT_PS}
    explored = [index for job in record.jobs for index in job.sys_idx]
    first = explored[0] if explored else 0 if record.sys_configs else None
    factors = [job.wte.guard.temp_factor for job in record.jobs]
    elements = tuple(name for name in record.type_map if name != "H") or record.type_map
    system = first if asked.system is None else asked.system
    settings = replace(
        asked,
        equil_steps=steps["equil_steps"],
        nvt_steps=steps["nvt_steps"],
        nve_steps=steps["nve_steps"],
        npt_steps=steps["npt_steps"],
        system=system,
        temps_K=temps_K,
        ensembles=ensembles,
        models=asked.models if "models" in block else record.numb_models,
        reference=asked.reference if "reference" in block else record.sampler == record.reference,
        temp_factor=max(factors) if factors and "temp_factor" not in block else asked.temp_factor,
        trj_freq=asked.trj_freq
        if "trj_freq" in block
        else _trj_freq(record.timestep_ps, [steps[f"{name}_steps"] for name in ensembles]),
        pairs=() if asked.alone else asked.pairs,
        diffusion=asked.diffusion if "diffusion" in block or asked.alone else elements,
        variables=asked.variables if "variables" in block else _of_walkers(record, system),
        viscosity_mPa_s=_viscosity(block, asked, len(temps_K)),
        given=frozenset(key for key in (*DEFAULT_PS, "trj_freq", "variables") if key in block),
    )
    _check_lengths(block, settings)
    return settings


def for_box(settings: ValidationSettings, n_atoms: int, timestep_ps: float) -> ValidationSettings:
    """The settings with lengths that tell as much of a small box as the defaults do of a large one.

    What the file gives stays.
    """
    longer: dict[str, Any] = {
        key: math.ceil(round(min(wanted / n_atoms, LONGEST * DEFAULT_PS[key]) / timestep_ps, 6))
        for key, wanted in ATOM_PS.items()
        if key not in settings.given and wanted / n_atoms > DEFAULT_PS[key]
    }
    found = replace(settings, **longer)
    if longer and "trj_freq" not in settings.given:
        lengths = [getattr(found, f"{name}_steps") for name in found.ensembles]
        found = replace(found, trj_freq=_trj_freq(timestep_ps, lengths))
    return found


def variables_of(params: Params, structure: Structure) -> tuple[MdVariable, ...]:
    """What is compared of a structure: the variables, and torsions of a molecule alone.

    These are about bonds that none of the variables is about, where the file gives no variables.

    Raises
    ------
    InputError
        If the structure has not the atoms.
    """
    settings, symbols = params.validation, structure.symbols
    for one in settings.variables:
        if max(one.atoms) > structure.n_atoms:
            raise InputError(
                f"{params.source.name}: validation.variables",
                f'"{one.name}" has atom {max(one.atoms)}, and {structure.file} has '
                f"{structure.n_atoms}",
                "correct it; or give variables of that structure, or none: []",
            )
    if "variables" in settings.given or not settings.alone:
        return settings.variables
    about = {frozenset(one.atoms[1:3]) for one in settings.variables if len(one.atoms) == 4}
    found = torsions(symbols, structure.coords, structure.cell)
    more = [
        MdVariable("-".join(f"{symbols[i]}{i + 1}" for i in atoms), tuple(i + 1 for i in atoms))
        for atoms in found
        if frozenset(i + 1 for i in atoms[1:3]) not in about
    ]
    return (*settings.variables, *more)


def _check(block: Section, asked: ValidationSettings, record: Params) -> None:
    """What the block says fits the rest of the file."""
    n_systems = len(record.sys_configs)
    if asked.system is not None and not 0 <= asked.system < n_systems:
        remedy = f"must be from 0 to {n_systems - 1}: sys_configs has {n_systems} systems"
        raise block.wrong("sys_idx", remedy if n_systems else "sys_configs has no system")
    if "models" in block and asked.models > record.numb_models:
        raise block.wrong("models", f"must be numb_models ({record.numb_models}) or less")
    for name in (MdEnsemble.NVE, MdEnsemble.NPT):
        if f"{name}_steps" in block and name not in asked.ensembles:
            remedy = f'ensembles has no "{name}": add it there, or remove this'
            raise block.wrong(f"{name}_steps", remedy)
    if asked.vacf and MdEnsemble.NVE not in asked.ensembles:
        remedy = (
            f'velocities are recorded in "{MdEnsemble.NVE}": add it to ensembles, or remove this'
        )
        raise block.wrong("vacf", remedy)
    for index, element in enumerate(asked.diffusion):
        if element not in record.type_map:
            remedy = f"must be an element of type_map ({', '.join(record.type_map)})"
            raise block.wrong("diffusion", remedy, index)


def _boundary(record: Params) -> str:
    """LAMMPS's, of what labels or does MD in its place; a molecule alone has no images."""
    for method in (record.reference, record.sampler):
        if isinstance(method, AseMethod) and not method.periodic:
            return ALONE
        if isinstance(method, OwnForceField):
            return method.boundary
    return PERIODIC if record.md.periodic else ALONE


def _check_alone(block: Section, asked: ValidationSettings) -> None:
    """Nothing is asked for that takes a cell where there is none."""
    if not asked.has_pressure and "ensembles" in block and MdEnsemble.NPT in asked.ensembles:
        remedy = f'"{MdEnsemble.NPT}" needs periodic images in all directions: remove it'
        raise block.wrong("ensembles", remedy, list(asked.ensembles).index(MdEnsemble.NPT))
    for key in ("pairs", "diffusion"):
        if asked.alone and block.get(key):
            remedy = "a molecule alone has none: remove it, and give its torsions as variables"
            raise block.wrong(key, remedy)


def _read_variables(block: Section) -> tuple[MdVariable, ...]:
    found: list[MdVariable] = []
    for index, text in enumerate(block.get("variables", ())):
        one = next(iter(actions(text)), None)
        variable = None if one is None else _variable(one)
        if variable is None:
            remedy = (
                "must be a distance, an angle or a torsion of atoms in PLUMED's words, as \"oh: "
                'TORSION ATOMS=1,2,9,3"'
            )
            raise block.wrong("variables", remedy, index)
        if variable.name in [other.name for other in found]:
            raise block.wrong("variables", f'has the label "{variable.name}" twice', index)
        found.append(variable)
    return tuple(found)


def _variable(one: Action) -> MdVariable | None:
    """The variable of a line of PLUMED's; None where it is of another kind, or more is asked."""
    atoms = one.keywords.get("ATOMS", "").split(",")
    known = one.label and not one.flags and set(one.keywords) <= {"ATOMS", "LABEL"}
    if not known or not all(map(str.isdigit, atoms)) or VARIABLES.get(len(atoms)) != one.name:
        return None
    numbers = tuple(map(int, atoms))
    distinct = len(set(numbers)) == len(numbers) and min(numbers) > 0
    return MdVariable(one.label, numbers) if distinct else None


def _of_walkers(record: Params, system: int | None) -> tuple[MdVariable, ...]:
    """Those that the user has defined for explorations of a system, each once."""
    lines = (job.wte.extra.lines for job in record.jobs if system in job.sys_idx)
    found = (_variable(one) for text in dict.fromkeys(lines) for one in actions(text))
    return tuple({one.name: one for one in found if one is not None}.values())


def _steps(block: Section, key: str, timestep_ps: float) -> int:
    return int(block.get(key, math.ceil(round(DEFAULT_PS[key] / timestep_ps, 6))))


def _trj_freq(timestep_ps: float, lengths: Sequence[int]) -> int:
    wanted = max(round(FRAME_PS / timestep_ps), math.ceil(max(lengths) / MAX_FRAMES))
    return max(1, min(wanted, min(lengths) // MIN_FRAMES))


def _viscosity(block: Section, asked: ValidationSettings, n_temps: int) -> tuple[float, ...] | None:
    """One for each temperature."""
    values = asked.viscosity_mPa_s
    if values is None:
        return None
    if not isinstance(block["viscosity_mPa_s"], list):
        return values * n_temps
    if len(values) != n_temps:
        remedy = f"must be one number, or a list of one per temperature ({n_temps})"
        raise block.wrong("viscosity_mPa_s", remedy)
    return values


def _check_lengths(block: Section, settings: ValidationSettings) -> None:
    """Parts that are long enough for what is made of them."""
    for name in settings.ensembles:
        key = f"{name}_steps"
        counted = getattr(settings, key) * (3 / 4 if name == "npt" else 1)
        for freq, least in (("thermo_freq", MIN_RECORDS), ("trj_freq", MIN_FRAMES)):
            every = getattr(settings, freq)
            if counted >= least * every:
                continue
            culprit = next(one for one in (key, freq, "ensembles") if one in block)
            remedy = f"{key} ({getattr(settings, key)}) must be {least} times {freq} ({every})"
            raise block.wrong(culprit, f"{remedy} or more" + " and a third" * (name == "npt"))


def _read_pairs(block: Section, type_map: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    if "pairs" not in block:
        return tuple(
            (one, other) for place, one in enumerate(type_map) for other in type_map[place:]
        )
    pairs: list[tuple[str, str]] = []
    for index, text in enumerate(block["pairs"]):
        names = text.split("-")
        if len(names) != 2 or not set(names) <= set(type_map):
            example = f"{type_map[0]}-{type_map[-1]}"
            remedy = f'must be two elements of type_map with a hyphen, as "{example}"'
            raise block.wrong("pairs", remedy, index)
        pair = (names[0], names[1])
        if pair in pairs or pair[::-1] in pairs:
            raise block.wrong("pairs", "is given twice, remove one", index)
        pairs.append(pair)
    return tuple(pairs)
