"""The reference method, where it is not one of DP-GEN's: ``fp_params`` of wtemlp's own styles."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Annotated, Any

from wtemlp.config.keys.declare import CUTOFF_A, Key, Range
from wtemlp.config.keys.values import class_path

FORCE_FIELDS = ("tip3p-flexible",)  #: that wtemlp knows


@dataclass(frozen=True)
class ForceField:
    """The reference force field of ``fp_style: lammps``.

    Parameters
    ----------
    name
        Name of the force field.
    cutoff_A
        Cut-off of Lennard-Jones and of real-space Coulomb.
    kspace_accuracy
        Relative accuracy of PPPM.
    """

    name: Annotated[str, Key(default=MISSING, choices=FORCE_FIELDS)] = FORCE_FIELDS[0]
    cutoff_A: Annotated[float, CUTOFF_A] = 9.0
    kspace_accuracy: Annotated[float, Range(gt=0, lt=1, why="it is relative, as 1e-5")] = 1e-05


@dataclass(frozen=True)
class AseMethod:
    """The calculator of ``fp_style: ase``.

    Parameters
    ----------
    calculator
        Import path of its class, as ase.calculators.emt.EMT.
    arguments
        Keyword arguments of the class.
    periodic
        False: molecules in vacuum.
    """

    calculator: Annotated[str, Key(read=class_path)]
    arguments: Annotated[Mapping[str, Any], Key(name="kwargs", default={})]
    periodic: Annotated[bool, Key()] = True
