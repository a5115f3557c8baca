"""The reference method, where it is not one of DP-GEN's: ``fp_params`` of wtemlp's own styles."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Annotated, Any

from wtemlp.config.keys.declare import CUTOFF_A, Key, Range
from wtemlp.config.keys.values import class_path

FORCE_FIELDS = ("tip3p-flexible",)  #: that wtemlp knows


@dataclass(frozen=True)
class ForceField:
    """The reference force field of ``fp_style: lammps``."""

    name: Annotated[str, Key("Name of the force field.", default=MISSING, choices=FORCE_FIELDS)] = (
        FORCE_FIELDS[0]
    )
    cutoff_A: Annotated[
        float, Key("Cut-off of Lennard-Jones and of real-space Coulomb.", CUTOFF_A)
    ] = 9.0
    kspace_accuracy: Annotated[
        float,
        Key("Relative accuracy of PPPM.", Range(gt=0, lt=1, why="it is relative, as 1e-5")),
    ] = 1e-5


@dataclass(frozen=True)
class AseMethod:
    """The calculator of ``fp_style: ase``."""

    calculator: Annotated[
        str, Key("Import path of its class, as ase.calculators.emt.EMT.", read=class_path)
    ]
    arguments: Annotated[
        Mapping[str, Any], Key("Keyword arguments of the class.", name="kwargs", default={})
    ]
    periodic: Annotated[bool, Key("False: molecules in vacuum.")] = True
