"""The structure that MD starts from, for a model and for the reference."""

from dataclasses import dataclass
from pathlib import Path

from wtemlp.config.keys.validation import MdVariable
from wtemlp.config.records import Params
from wtemlp.config.structures import starting_structure
from wtemlp.config.validation import variables_of
from wtemlp.core.errors import InputError
from wtemlp.md.systems.system_input import SystemInput
from wtemlp.md.validation_script import START
from wtemlp.reference.sampler import sampler_of, system_of


@dataclass(frozen=True)
class ValidationStructure:
    """A structure in LAMMPS's orientation."""

    file: Path
    conf: str  #: LAMMPS data file for a model, types in the order of ``type_map``
    elements: tuple[str, ...]  #: of each atom; their order is that of both files
    reference: SystemInput | None = None  #: what MD with the reference needs; None: there is none
    variables: tuple[MdVariable, ...] = ()  #: whose distributions are compared


def read_structure(params: Params, root: Path) -> ValidationStructure:
    """The first structure of the system that the ``validation`` block names.

    Parameters
    ----------
    params : Params
    root : Path
        The run's folder.

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
    from dpdata.formats.lammps.lmp import from_system_data  # dpdata takes a second

    given = starting_structure(params, files[0])
    conf = from_system_data(given.system().data)
    sampler = sampler_of(params.sampler, params.type_map, root)
    reference = None
    if sampler is not None and params.validation.reference:
        remedy = "name another system with validation.sys_idx"
        reference = system_of(sampler, given, data=START, remedy=remedy)
    variables = variables_of(params, given)
    return ValidationStructure(files[0], conf, given.symbols, reference, variables)
