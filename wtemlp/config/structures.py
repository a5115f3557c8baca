"""Starting structures of a parameter file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wtemlp.analysis.crystal import is_crystal
from wtemlp.config.data.neighbour_limits import denser_structures
from wtemlp.config.records import Params
from wtemlp.config.schema.dpgen_schema import is_foreign
from wtemlp.config.schema.section import Section
from wtemlp.config.systems import missing_structures
from wtemlp.config.wte import hills_that_heat, melts_in_a_fixed_box
from wtemlp.core.errors import InputError
from wtemlp.structures.read import format_remedy, read_structure
from wtemlp.structures.record import Structure


@dataclass(frozen=True)
class ExaminedStructures:
    """What has been found in starting structures."""

    problems: tuple[InputError, ...]  #: one for each file that MD cannot start from
    notes: tuple[str, ...]  #: what files have and MD does not get, a line each
    read: Mapping[Path, Structure] = field(default_factory=dict)  #: those that MD can start from


def read_format(params: Section) -> str:
    """dpdata's name of the format of the structures (``sys_format``).

    Raises
    ------
    InputError
        If there is no such format, with the nearest that there is.
    """
    name: str = params["sys_format"]
    if (remedy := format_remedy(name)) is not None:
        raise params.wrong("sys_format", remedy)
    return name


def starting_structure(params: Params, file: Path) -> Structure:
    """Read a structure of ``sys_configs``.

    Raises
    ------
    InputError
        If it cannot be read or MD cannot start from it.
    """
    return read_structure(file, params.sys_format, params.type_map, params.mass_map)


def examine_structures(params: Params, used: Iterable[int]) -> ExaminedStructures:
    """Read the structures of systems of ``sys_configs``, each file once.

    Parameters
    ----------
    params : Params
    used : iterable of int
        The systems.
    """
    problems: list[InputError] = []
    notes: list[str] = []
    files = (file for system in sorted(set(used)) for file in params.sys_configs[system])
    read: dict[Path, Structure] = {}
    for file in dict.fromkeys(files):
        try:
            read[file] = starting_structure(params, file)
        except InputError as error:
            problems.append(error)
            continue
        notes += [f"{file}: {note}" for note in read[file].notes]
    return ExaminedStructures(tuple(problems), tuple(notes), read)


def look_at_structures(
    file: Section, params: Params, root: Path
) -> tuple[list[InputError], tuple[str, ...]]:
    """What is wrong with starting structures, and what their user should know of them.

    Parameters
    ----------
    file : Section
        The parameter file.
    params : Params
        Its record.
    root : Path
        The run's folder.
    """
    if is_foreign(file):
        return [], ()
    used = {index for job in params.jobs for index in job.sys_idx}
    if params.validation.system is not None:
        used.add(params.validation.system)
    found = examine_structures(params, used)
    notes = (
        *found.notes,
        *denser_structures(file, found.read.values()),
        *melts_in_a_fixed_box(file.file, params.jobs, crystals(params, found)),
        *hills_that_heat(file.file, params.jobs, params.timestep_ps, n_atoms(params, found)),
    )
    return [*missing_structures(file, root, used), *found.problems], notes


def crystals(params: Params, found: ExaminedStructures) -> dict[int, dict[Path, int]]:
    """Atoms of the starting structures that are crystals, by system, where there is a bias.

    The first structure of each system speaks for it.
    """
    biased = {
        system
        for job in params.jobs
        if max(job.wte.known_biasfactors, default=1.0) > 1 and not job.press_bar
        for system in job.sys_idx
    }
    of: dict[int, dict[Path, int]] = {}
    for system in sorted(biased):
        file = next((file for file in params.sys_configs[system] if file in found.read), None)
        if file is not None:
            one = found.read[file]
            if is_crystal(one.coords, one.cell, one.types):
                of[system] = {file: one.n_atoms}
    return of


def n_atoms(params: Params, found: ExaminedStructures) -> dict[int, int]:
    """Atoms of the smallest starting structure of each system."""
    sizes = {
        system: [found.read[file].n_atoms for file in files if file in found.read]
        for system, files in enumerate(params.sys_configs)
    }
    return {system: min(some) for system, some in sizes.items() if some}


def check_formats(params: Params) -> None:
    """See that a program of the user's own (``custom``) translates between formats of dpdata's.

    Raises
    ------
    InputError
        If one is none.
    """
    for key, name in params.fp_formats.items():
        if (remedy := format_remedy(name)) is not None:
            raise InputError(f"{params.source.name}: fp_params.{key}", f'"{name}"', remedy)
