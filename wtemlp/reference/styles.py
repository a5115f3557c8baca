"""The labeller of each ``fp_style``."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from wtemlp.config.records import Machines, Params
from wtemlp.core.errors import CalculationError
from wtemlp.dispatch.settings import read_section
from wtemlp.reference import ase_program
from wtemlp.reference.ase_calculator import AseCalculator
from wtemlp.reference.base import Labeller
from wtemlp.reference.dpgen_style import DpgenStyle
from wtemlp.reference.lammps_ff import LammpsForceField


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
    if params.fp_style == "ase" and iteration == 0:
        place = read_section(machines.fp, root)
        if not (place.local and place.shell):
            # What runs here has been tried before the run (`wtemlp.preflight.reference_trial`).
            return replace(ase_calculator(params), task=ase_program.TRY_AND_LABEL, seed=params.seed)
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
    return AseCalculator(params.ase_method, params.type_map)


#: The styles that are wtemlp's own.
OWN: dict[str, Callable[[Params], Labeller]] = {
    "lammps": _force_field,
    "ase": ase_calculator,
}
