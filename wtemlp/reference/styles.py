"""The labeller of each ``fp_style``."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from wtemlp.config.records import Machines, Params
from wtemlp.config.structures import starting_structure
from wtemlp.core.errors import CalculationError, InputError
from wtemlp.dispatch.settings import read_section
from wtemlp.reference import ase_program
from wtemlp.reference.ase_calculator import AseCalculator
from wtemlp.reference.base import Labeller
from wtemlp.reference.dpgen_style import DpgenStyle
from wtemlp.reference.lammps_ff import LammpsForceField
from wtemlp.structures.record import Structure


def labeller_of(params: Params, machines: Machines, root: Path, iteration: int) -> Labeller:
    """The reference method of a run.

    Parameters
    ----------
    params : Params
    machines : Machines
    root : Path
        The run's folder.
    iteration : int
        Whose frames are to be labelled.

    Returns
    -------
    Labeller
        That of ``fp_style``; a style that is not one of wtemlp's own is DP-GEN's.
    """
    if params.fp_style == "ase":
        place, method = read_section(machines.fp, root), ase_labeller(params, root)
        # What runs here has been tried before the run (`wtemlp.preflight.reference_trial`).
        tried = iteration > 0 or (place.local and place.shell)
        return method if tried else replace(method, task=ase_program.TRY_AND_LABEL)
    own = OWN.get(params.fp_style)
    if own is not None:
        return own(params)
    return DpgenStyle(params, machines.mdata, root, iteration)


def _force_field(params: Params) -> Labeller:
    if params.force_field is None:
        raise CalculationError(f"fp_style {params.fp_style} has no force field")
    return LammpsForceField(params.force_field, params.type_map)


def ase_calculator(params: Params) -> AseCalculator:
    """The labeller of ``fp_style: ase``."""
    if params.ase_method is None:
        raise CalculationError(f"fp_style {params.fp_style} has no calculator")
    return AseCalculator(
        params.ase_method,
        params.type_map,
        seed=params.seed,
        reach_A=reach_A(params.jdata.get("default_training_param")),
    )


def ase_labeller(params: Params, root: Path) -> AseCalculator:
    """The labeller of a run's frames: it knows whether these are of molecules alone."""
    method = ase_calculator(params)
    first = first_structures(params, root).values()
    return replace(method, molecules=any(map(method.is_alone, first)))


def first_structures(params: Params, root: Path) -> dict[str, Structure]:
    """The first structure of each system that is explored, by its file."""
    found = {}
    for system in sorted({index for job in params.jobs for index in job.sys_idx}):
        for file in params.sys_configs[system][:1]:
            with contextlib.suppress(InputError):  # (what cannot be read is told elsewhere)
                found[str(file)] = starting_structure(params, root / file)
    return found


def reach_A(model: object) -> float:
    """The largest cut-off of a model, ``rcut`` and its like, Angstrom; 0 if there is none."""
    if isinstance(model, Mapping):
        own = [v for k, v in model.items() if k.endswith("rcut") and isinstance(v, (int, float))]
        return float(max([*own, *map(reach_A, model.values())], default=0.0))
    return max(map(reach_A, model), default=0.0) if isinstance(model, (list, tuple)) else 0.0


#: The styles that are wtemlp's own.
OWN: dict[str, Callable[[Params], Labeller]] = {
    "lammps": _force_field,
}
