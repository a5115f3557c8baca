"""The reference of each system of an init file: what does its MD, and what labels it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from wtemlp.config.init_params import reference_params
from wtemlp.config.keys.init import InitParams, InitSystem
from wtemlp.config.keys.labels import AseMethod, Method, OwnForceField
from wtemlp.config.records import Machines, MachineSection, Params
from wtemlp.core.errors import InputError
from wtemlp.initialize.structure import SystemStart
from wtemlp.md.systems.system_input import SystemInput
from wtemlp.reference.base import Labeller
from wtemlp.reference.sampler import Sampler, sampler_of, sampler_section
from wtemlp.reference.styles import labeller_of

PERIODIC, ALONE = "p p p", "f f f"  #: LAMMPS's boundaries


def params_of(params: InitParams, system: InitSystem, periodic: bool) -> Params:
    """The reference of a system, in the terms of a parameter file.

    Parameters
    ----------
    params : InitParams
    system : InitSystem
        Its charge and spin are handed on.
    periodic : bool
        Whether it is; a reference that is asked for a molecule alone has no periodic images.
    """
    whole = reference_params(params)
    return replace(
        whole,
        reference=_method(whole.reference, system, periodic),
        sampler=_method(whole.sampler, system, periodic),
    )


def _method(method: Method | None, system: InitSystem, periodic: bool) -> Method | None:
    if isinstance(method, AseMethod):
        charge = method.charge if system.charge is None else system.charge
        spin = method.spin if system.spin is None else system.spin
        alone = not (periodic and method.periodic)
        return replace(method, charge=charge, spin=spin, periodic=not alone)
    if isinstance(method, OwnForceField) and not periodic and method.boundary == PERIODIC:
        return replace(method, boundary=ALONE)
    return method


def check_charge(where: str, params: Params, system: InitSystem) -> None:
    """Refuse a charge or a spin that no reference of a system takes.

    Raises
    ------
    InputError
        If neither the labeller nor the sampler is a calculator of ASE.
    """
    if any(isinstance(one, AseMethod) for one in (params.reference, params.sampler)):
        return
    for key in ("charge", "spin"):
        if getattr(system, key) is not None:
            remedy = "remove it, or write it into the input files of the reference"
            raise InputError(f"{where}.{key}", f"fp_style {params.fp_style} takes none", remedy)


def sampler_for(params: Params, root: Path) -> Sampler | None:
    """What does the MD; None: nothing can."""
    return sampler_of(params.sampler, params.type_map, root)


def section_for(params: Params, machines: Machines) -> MachineSection:
    """Where the MD runs."""
    return sampler_section(params, machines)


def system_input(sampler: Sampler, start: SystemStart, data: str) -> SystemInput:
    """What the scripts of a system's runs need."""
    return sampler.system(start.structure, data=data, boundary=None if start.periodic else ALONE)


def labeller_for(params: Params, machines: Machines, root: Path) -> Labeller:
    """What labels frames of a system."""
    return labeller_of(params, machines, root, 0)


def problems(sampler: Sampler, start: SystemStart) -> Sequence[str]:
    """Why a system cannot be run."""
    return sampler.problems(start.structure)
