"""Labels: the reference method, where it is not one of DP-GEN's (``fp_params``), which frames are
labelled (``selection``), and when there are enough (``convergence``)."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from typing import Annotated, Any

from wtemlp.config.keys.declare import COUNT, CUTOFF_A, FRACTION, STEPS, Choice, Key, Range
from wtemlp.config.keys.values import calculator_path, directions, one_or_more

FORCE_FIELDS = ("tip3p-flexible",)  #: of the init files of water
WATERS = ("tip3p-flexible", "tip3p-rigid", "spce")  #: waters by name
PRESETS = ("mw", "sw-silicon", "eam-copper")  #: other force fields by name
UNITS = ("metal", "real")  #: LAMMPS's, of force fields


@dataclass(frozen=True)
class ForceField:
    """A water by name: a force field of ``fp_style: lammps``.

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
class OwnForceField:
    """A force field in LAMMPS's own words.

    Parameters
    ----------
    units
        LAMMPS's units of the force field; labels are in eV and Angstrom all the same.
    atom_style
        LAMMPS's atom_style.
    lines
        Commands of the force field: pair_style, pair_coeff, bond_style, kspace_style and so on.
    file
        A file with these commands, in the place of lines.
    files
        Files that the commands name; those that LAMMPS ships are found by name.
    topology
        LAMMPS data files with bonds: of a whole system, or of molecules, of which a structure is
        made one after another.
    charges
        Charge (e) of each element, where atoms have charges and there is no topology.
    elements
        Elements of LAMMPS's types 1, 2 and so on; several types may be of one element.
    masses
        Mass (g/mol) of an element, where it is not the usual one.
    boundary
        LAMMPS's boundary: "p p p", a slab "p p f", a molecule "f f f".
    fixes
        Commands "fix" that are a part of the force field, as "fix q all qeq/reaxff ...".
    """

    units: Annotated[str, Key(default=MISSING, choices=UNITS)]
    atom_style: Annotated[str, Key()] = "atomic"
    lines: Annotated[tuple[str, ...], Key()] = ()
    file: Annotated[str, Key()] = ""
    files: Annotated[tuple[str, ...], Key()] = ()
    topology: Annotated[tuple[str, ...], Key(kind=(str, list[str]), read=one_or_more)] = ()
    charges: Annotated[Mapping[str, float], Key()] = field(default_factory=dict)
    elements: Annotated[tuple[str, ...], Key(otherwise="those of type_map")] = ()
    masses: Annotated[Mapping[str, float], Key()] = field(default_factory=dict)
    boundary: Annotated[str, Key(read=directions)] = "p p p"
    fixes: Annotated[tuple[str, ...], Key()] = ()
    name: str = ""  #: of one by name


@dataclass(frozen=True)
class LammpsKeys:
    """``fp_params`` of ``fp_style: lammps``.

    Parameters
    ----------
    force_field
        Name of a force field, or one in LAMMPS's own words.
    cutoff_A
        Cut-off of Lennard-Jones and of real-space Coulomb, of a water by name.
    kspace_accuracy
        Relative accuracy of PPPM, of a water by name.
    """

    force_field: Annotated[str | OwnForceField, Key(default=MISSING, choices=(*WATERS, *PRESETS))]
    cutoff_A: Annotated[float, CUTOFF_A] = 9.0
    kspace_accuracy: Annotated[float, Range(gt=0, lt=1, why="it is relative, as 1e-5")] = 1e-5


@dataclass(frozen=True)
class DeepPotential:
    """A frozen model as the reference of ``fp_style: deepmd``.

    Parameters
    ----------
    model
        Its file, as teacher.pb.
    """

    model: Annotated[str, Key()]


@dataclass(frozen=True)
class AseMethod:
    """The calculator of ``fp_style: ase``.

    Parameters
    ----------
    calculator
        Import path of its class, as ase.calculators.emt.EMT, or a short name: "gfn2", "gfn1",
        "emt".
    arguments
        Keyword arguments of the class.
    periodic
        False: molecules in vacuum.
    charge
        Total charge (e), for calculators that take one.
    spin
        Multiplicity 2S + 1, for calculators that take one.
    """

    calculator: Annotated[str, Key(read=calculator_path)]
    arguments: Annotated[Mapping[str, Any], Key(name="kwargs", default={})]
    periodic: Annotated[bool, Key()] = True
    charge: Annotated[float | None, Key()] = None
    spin: Annotated[int | None, COUNT] = None


#: What labels, and what does MD: of fp_style lammps, deepmd and ase.
Method = ForceField | OwnForceField | DeepPotential | AseMethod


#: What a run may be told to stop for: the warnings of :mod:`wtemlp.report.findings`.
STOPS = (
    "worse",
    "new labels worse",
    "unsure",
    "silent",
    "missed",
    "all failed",
    "sibling",
    "stopped",
    "poor sigma",
    "beyond sel",
)


class ReferenceCheck(Choice):
    """What is done about initial data that contradict the reference."""

    REFUSE = "refuse"
    WARN = "warn"
    OFF = "off"


@dataclass(frozen=True)
class ErrorTrust:
    """Trust levels of the force deviation, given as errors.

    Parameters
    ----------
    error_meV_A
        Lower and upper level: errors of the force on the worst atom of a frame. They become
        deviations anew in each iteration, by the errors on the labels before; until there are
        some, model_devi_f_trust_lo and model_devi_f_trust_hi hold.
    """

    error_meV_A: Annotated[tuple[float, ...], Key()]


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
