"""The structure that MD starts from, for a model and for the reference."""

from dataclasses import dataclass
from pathlib import Path

from dpdata.formats.lammps.lmp import from_system_data

from wtemlp.config.records import Params
from wtemlp.config.structures import starting_structure
from wtemlp.core.errors import InputError
from wtemlp.md.reference_script import water_data
from wtemlp.md.topology import make_whole, water_topology


@dataclass(frozen=True)
class ValidationStructure:
    """A structure in LAMMPS's orientation."""

    file: Path
    conf: str  #: LAMMPS data file for a model, types in the order of ``type_map``
    water: str  #: that for the reference force field; "" if there is none
    elements: tuple[str, ...]  #: of each atom; their order is that of both files


def read_structure(params: Params) -> ValidationStructure:
    """The first structure of the system that the ``validation`` block names.

    Raises
    ------
    InputError
        If there is none, it cannot be read, or it is not what the reference is for.
    """
    system = params.validation.system
    files = params.sys_configs[system] if system is not None else ()
    if not files or not files[0].is_file():
        raise InputError(
            f"{params.source.name}: sys_configs",
            f"there is no structure of system {system} to start MD from"
            if system is not None
            else "there is no structure to start MD from",
            "put one there, or name another system with validation.sys_idx",
        )
    given = starting_structure(params, files[0])
    read = given.system()
    conf = from_system_data(read.data)
    water = ""
    if params.force_field is not None and params.validation.reference:
        try:
            coords, cell, types = read["coords"][:1], read["cells"][:1], read["atom_types"]
            topology = water_topology(types, coords[0], cell[0], params.type_map)
        except ValueError as error:
            raise InputError(
                str(files[0]),
                f"cannot be run with the reference force field ({error})",
                "name another system with validation.sys_idx",
            ) from None
        whole = make_whole(coords, cell, topology)[0]
        water = water_data(params.force_field, whole, cell[0], topology)
    return ValidationStructure(files[0], conf, water, given.symbols)
