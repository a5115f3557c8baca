"""The parameter file of ``wtemlp init``: any systems, or the box of water of earlier files."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from wtemlp.config.keys.declare import (
    ANY_COUNT,
    ANY_STEPS,
    COUNT,
    FRACTION,
    PRESSURE_BAR,
    SEED_KEY,
    STEPS,
    TEMPERATURE_K,
    Choice,
    Key,
    Range,
)
from wtemlp.config.keys.labels import ForceField
from wtemlp.config.keys.values import AUTO_HEIGHT_KT, numbers, pair, triple
from wtemlp.config.keys.wte import (
    AUTO_HEIGHT,
    AUTO_PACE,
    BIASFACTORS,
    DEFAULT_PACE,
    HEIGHT,
    PACE,
    Extra,
    Method,
    auto_pace_doc,
)

OH_STRETCH = "the O-H stretch of flexible water has a period of 9 fs"
#: Beyond these a cell is no strained copy of itself any more.
LENGTHS = Range(ge=0.5, le=3.0, why="it is relative to the cell, as 0.95")
N_LENGTHS = 15  #: strained copies where the pressure is held
TIMESTEP_FS = Range(gt=0, le=10.0, unit="fs", why="it is in fs (0.5 with hydrogen, 1 or 2 without)")
DENSITY = Range(gt=0, unit="g/cm3")
ANGSTROM = Range(gt=0, unit="Angstrom")


class DataLayout(Choice):
    """How the data are written."""

    TOGETHER = "together"
    BY_ENSEMBLE = "by_ensemble"


@dataclass(frozen=True)
class WaterParams:
    """An init file for a box of water.

    Parameters
    ----------
    type_map
        Elements of the data, in the order of their types.
    n_molecules
        Water molecules in the box.
    density_g_cm3
        Density of the first box.
    force_field
        The reference force field.
    temperature_K
        Temperature of the thermostat.
    pressure_bar
        Pressure of the barostat.
    timestep_fs
        MD time step.
    npt_steps
        Steps at constant pressure, to find the box.
    nvt_steps
        Steps at constant volume; frames are from the last 3/4.
    biasfactors
        Bias factors of the WTE runs with the force field; none if empty.
    wte_steps
        Steps of the WTE run of each bias factor.
    frames_per_ensemble
        Labelled frames of NVT, and of each WTE run.
    validation_fraction
        Fraction of the frames that is kept for validation.
    starting_structures
        Structures that are written for the exploration to start from.
    output
        Folder that is written.
    data
        together: the frames of all ensembles are shuffled into one set of data;
        by_ensemble: each has its own, data/g1 (NVT), data/g16, ..., and its own
        structures, conf/g1, ...
    """

    source: Path
    seed: Annotated[int, SEED_KEY]
    type_map: Annotated[tuple[str, ...], Key()]
    n_molecules: Annotated[int, COUNT]
    density_g_cm3: Annotated[float, Key(DENSITY, default=1.0)]
    force_field: Annotated[ForceField, Key()]
    temperature_K: Annotated[float, TEMPERATURE_K]
    pressure_bar: Annotated[float, Key(PRESSURE_BAR, default=1.0)]
    timestep_fs: Annotated[float, Key(Range(gt=0, le=1.0, unit="fs", why=OH_STRETCH), default=0.5)]
    npt_steps: Annotated[int, STEPS]
    nvt_steps: Annotated[int, STEPS]
    biasfactors: Annotated[tuple[float, ...], BIASFACTORS]
    wte_steps: Annotated[int, Key(ANY_STEPS, default=None)]
    height_kT: Annotated[float, HEIGHT]
    pace: Annotated[int, replace(PACE, default=DEFAULT_PACE)]
    frames_per_ensemble: Annotated[int, COUNT]
    validation_fraction: Annotated[float, Key(FRACTION, default=0.1)]
    starting_structures: Annotated[int, Key(COUNT, default=1)]
    #: Relative to the run's folder
    output: Annotated[Path, Key(default="init")]
    data: Annotated[DataLayout, Key()] = DataLayout.TOGETHER

    @property
    def ensembles(self) -> tuple[float, ...]:
        """The bias factors of all ensembles that are sampled; the first, 1, is NVT."""
        return (1.0, *(factor for factor in self.biasfactors if factor > 1))


@dataclass(frozen=True)
class MixturePart:
    """Molecules of one kind, or ions, in a box that Packmol fills.

    Parameters
    ----------
    molecule
        Its name in ASE's collection (as "CH3OH" or "H2O"), or the symbol of an atom.
    file
        A file of it instead, of any format that ASE reads.
    count
        How many.
    """

    count: Annotated[int, COUNT]
    molecule: Annotated[str | None, Key()] = None
    file: Annotated[Path | None, Key()] = None


@dataclass(frozen=True)
class StructureSpec:
    """What a system starts from: one of file, bulk, molecule, mixture.

    Parameters
    ----------
    file
        A file of any format that ASE or dpdata reads.
    format
        Its format, in ASE's or dpdata's words (as "vasp/poscar" or "extxyz").
    bulk
        Elements of a crystal that ASE builds, as "Cu" or "NaCl".
    crystal
        Its crystal structure in ASE's words, as "fcc", "diamond" or "rocksalt".
    a_A
        Lattice constant.
    c_A
        The other one, of a crystal that has two.
    miller
        Cut a slab with this surface, as [1, 1, 1] ...
    layers
        ... of so many layers ...
    vacuum_A
        ... and so much vacuum on each side.
    supercell
        Repeats along the three cell vectors.
    molecule
        Name of a molecule in ASE's collection, as "CH3CH2OH".
    mixture
        Molecules that Packmol fills a cubic box with ...
    density_g_cm3
        ... of this density.
    periodic
        Whether the system is periodic; a file says it itself, a molecule is not, all else is.
    cell_A
        Edge of the cube of a molecule that is periodic.
    """

    file: Annotated[Path | None, Key()] = None
    format: Annotated[str, Key()] = "auto"
    bulk: Annotated[str | None, Key()] = None
    crystal: Annotated[str | None, Key()] = None
    a_A: Annotated[float | None, ANGSTROM] = None
    c_A: Annotated[float | None, ANGSTROM] = None
    miller: Annotated[
        tuple[int, ...] | None, Key(kind=(list[int],), read=triple("as [1, 1, 1]"))
    ] = None
    layers: Annotated[int, COUNT] = 4
    vacuum_A: Annotated[float, ANGSTROM] = 10.0
    supercell: Annotated[
        tuple[int, ...], Key(COUNT, kind=(list[int],), read=triple("as [2, 2, 2]"))
    ] = (1, 1, 1)
    molecule: Annotated[str | None, Key()] = None
    mixture: Annotated[tuple[MixturePart, ...], Key()] = ()
    density_g_cm3: Annotated[float, DENSITY] = 1.0
    periodic: Annotated[bool | None, Key(otherwise="as said")] = None
    cell_A: Annotated[float, ANGSTROM] = 20.0


@dataclass(frozen=True)
class Copies:
    """Copies of the structure that are labelled beside the frames of MD, and only trained on.

    Parameters
    ----------
    perturbed
        Copies whose atoms are moved and whose cells are deformed at random.
    amplitude_A
        Largest shift of an atom along each axis.
    strain
        Largest relative change of each element of the cell.
    lengths
        Ends of the range of edges of strained copies, relative to the cell; molecules keep
        their shape.
    n_lengths
        Strained copies, evenly spaced over this range, their atoms moved as those of
        perturbed ones.
    single_atoms
        Whether each element's atom alone is labelled, too.
    """

    perturbed: Annotated[int, ANY_COUNT] = 0
    amplitude_A: Annotated[float, Range(ge=0, le=1.0, unit="Angstrom")] = 0.05
    strain: Annotated[float, Range(ge=0, le=0.3)] = 0.03
    lengths: Annotated[
        tuple[float, ...], Key(LENGTHS, kind=(list[float],), read=pair("as [0.93, 1.35]"))
    ] = (0.93, 1.35)
    n_lengths: Annotated[
        int | None, Key(ANY_COUNT, otherwise=f"{N_LENGTHS} where a run holds the pressure, else 0")
    ] = None
    single_atoms: Annotated[
        bool | None,
        Key(otherwise="true where a run holds the pressure of atoms that are no molecules"),
    ] = None


@dataclass(frozen=True)
class InitBias:
    """The bias on the potential energy in a run with the reference.

    Parameters
    ----------
    biasfactors
        Bias factors, a run for each; {"window_K": [low, high]}: the temperatures of OPES.
    method
        "wte": metadynamics; "opes": the temperatures of window_K alike.
    extra
        The user's own PLUMED lines.
    """

    biasfactors: Annotated[
        tuple[float | None, ...],
        replace(BIASFACTORS, kind=(float, list[float], dict), default=MISSING, some="bias factor"),
    ]
    method: Annotated[Method, Key()] = Method.WTE
    height_kT: Annotated[float | None, AUTO_HEIGHT] = AUTO_HEIGHT_KT
    #: None: chosen, and the height if that is None, by the run before
    pace: Annotated[
        int | None, replace(AUTO_PACE, doc=auto_pace_doc("chosen", "in the run before"))
    ] = DEFAULT_PACE
    extra: Annotated[Extra, Key(inline=True)] = field(default_factory=Extra)
    window_K: tuple[float, float] | None = None  #: temperatures to cover


class MdHeld(Choice):
    """What the MD of a run holds beside the temperature: the volume or the pressure."""

    NVT = "nvt"
    NPT = "npt"


class Barostat(Choice):
    """How the pressure changes the cell, in the words of LAMMPS."""

    ISO = "iso"
    ANISO = "aniso"
    TRI = "tri"


@dataclass(frozen=True)
class InitRun:
    """A run of MD with the reference, or several that differ in a number.

    Parameters
    ----------
    ensemble
        "nvt" or "npt".
    temperatures_K
        Temperature, or a list of them: a run for each.
    pressure_bar
        Pressure of "npt", and of npt_steps.
    steps
        Steps; frames are from the last 3/4, or from the second half of a biased run.
    frames
        Frames that are labelled, at most: they are further apart than the energy is
        correlated. 0: the run only goes before others.
    lengths
        Edges of the cell of "nvt", relative to where the run starts from: a run for each.
    npt_steps
        Steps at constant pressure before "nvt", whose mean cell (of the second half) is taken.
    barostat
        "iso": the cell keeps its shape; "aniso": its edges change alone; "tri": all of it.
    bias
        Bias of the energy; the run starts from the last one without a bias of the same
        temperature and ensemble, which measures the width of the hills.
    """

    steps: Annotated[int, STEPS]
    temperatures_K: Annotated[
        tuple[float, ...],
        Key(
            TEMPERATURE_K,
            name="temperature_K",
            kind=(float, list[float]),
            default=MISSING,
            read=numbers,
            some="temperature",
            distinct=True,
        ),
    ]
    ensemble: Annotated[MdHeld, Key()] = MdHeld.NVT
    pressure_bar: Annotated[float, PRESSURE_BAR] = 1.0
    frames: Annotated[int, ANY_COUNT] = 0
    lengths: Annotated[
        tuple[float, ...], Key(LENGTHS, kind=(float, list[float]), read=numbers, distinct=True)
    ] = (1.0,)
    npt_steps: Annotated[int, ANY_STEPS] = 0
    barostat: Annotated[Barostat, Key()] = Barostat.ISO
    bias: Annotated[InitBias | None, Key(name="wte")] = None


@dataclass(frozen=True)
class InitSystem:
    """A system of an init file.

    Parameters
    ----------
    name
        Of its folders.
    structure
        What it starts from.
    copies
        Perturbed and strained copies.
    minimize
        Whether the energy is minimised first, the cell kept.
    runs
        MD with the reference: each starts from the end of the last one before it that has no
        bias and, where there is such a one, the same temperature; the first from the structure.
    charge
        Total charge (e), for calculators that take one.
    spin
        Multiplicity 2S + 1, for calculators that take one.
    """

    name: Annotated[str, Key(default=MISSING)]
    structure: Annotated[StructureSpec, Key()]
    copies: Annotated[Copies, Key()] = field(default_factory=Copies)
    minimize: Annotated[bool, Key()] = False
    runs: Annotated[tuple[InitRun, ...], Key()] = ()
    charge: Annotated[float | None, Key()] = None
    spin: Annotated[int | None, COUNT] = None


@dataclass(frozen=True)
class InitParams:
    """An init file (``wtemlp init``).

    Parameters
    ----------
    type_map
        Elements of the data, in the order of their types.
    timestep_fs
        MD time step.
    systems
        What initial data are made of, one after another.
    validation_fraction
        Fraction of each run's frames that is kept for validation: its last ones.
    starting_structures
        Structures of each system that are written for the exploration to start from.
    ratio_failed
        Fraction of the labels that may fail.
    output
        Folder that is written.
    """

    source: Path
    seed: Annotated[int, SEED_KEY]
    type_map: Annotated[tuple[str, ...], Key()]
    systems: Annotated[tuple[InitSystem, ...], Key(default=MISSING)]
    timestep_fs: Annotated[
        float, Key(TIMESTEP_FS, default=None, otherwise="0.5 where there is hydrogen, else 1")
    ]
    fp_style: str
    #: The whole file, defaults filled in: the keys of the reference are DP-GEN's, too
    jdata: Mapping[str, Any]
    validation_fraction: Annotated[float, Key(FRACTION)] = 0.1
    starting_structures: Annotated[int, Key(COUNT)] = 2
    ratio_failed: Annotated[float, Key(FRACTION)] = 0.05
    #: Relative to the run's folder
    output: Annotated[Path, Key()] = Path("init")
    water: WaterParams | None = None  #: the file that it is of, where that is one of water
