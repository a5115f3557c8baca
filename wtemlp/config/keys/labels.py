"""Labels: the reference method, where it is not one of DP-GEN's (``fp_params``), which frames are
labelled (``selection``), and when there are enough (``convergence``)."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from typing import Annotated, Any

from wtemlp.config.keys.declare import COUNT, CUTOFF_A, FRACTION, STEPS, Choice, Key, Range
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
    kspace_accuracy: Annotated[float, Range(gt=0, lt=1, why="it is relative, as 1e-5")] = 1e-5


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


class ReferenceCheck(Choice):
    """What is done about initial data that contradict the reference."""

    REFUSE = "refuse"
    WARN = "warn"
    OFF = "off"


@dataclass(frozen=True)
class Convergence:
    """When the loop stops before its last iteration.

    Parameters
    ----------
    accurate_ratio
        Fraction of the explored frames that is below the lower trust level, in the worst of the
        parts (NVT; each bias factor), frames that stopped walkers did not reach counted as failed.
    iterations
        Successive iterations in which the fraction must be reached.
    """

    accurate_ratio: Annotated[float, FRACTION]
    iterations: Annotated[int, Key(COUNT, default=1)]


class Picking(Choice):
    """Ways to pick the frames that are labelled."""

    DEVIATION = "deviation"
    RANDOM = "random"


@dataclass(frozen=True)
class Selection:
    """How the frames that are labelled are picked.

    Parameters
    ----------
    method
        "deviation": from the candidates, which are between the trust levels; "random":
        from all explored frames, whatever their deviation, but those of a walker that had
        left the physical world: a baseline to compare with.
    energy_bins
        Draw evenly over so many bins of equal width between the lowest and the highest
        energy of the frames that can be picked, as far as each has some; else without
        regard to the energy.
    min_steps_apart
        Frames of a walker that are fewer MD steps away from one that is picked are not.
    parameters
        Keys of a method that another package adds.
    """

    method: Annotated[str, Key()] = Picking.DEVIATION
    energy_bins: Annotated[int | None, COUNT] = None
    min_steps_apart: Annotated[int, STEPS] = 1
    parameters: Annotated[Mapping[str, Any], Key()] = field(default_factory=dict)
