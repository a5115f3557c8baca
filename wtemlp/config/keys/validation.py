"""What ``wtemlp validate`` does, as the ``validation`` block of a parameter file says it."""

from dataclasses import dataclass, field
from typing import Annotated, NamedTuple

from wtemlp.config.keys.declare import (
    ANY_STEPS,
    COUNT,
    POSITIVE,
    PRESSURE_BAR,
    STEPS,
    TEMPERATURE_K,
    Choice,
    Key,
    Range,
)
from wtemlp.config.keys.values import numbers

PERIODIC = "p p p"  #: LAMMPS's boundary of a system that has images in all directions
#: Variables by their numbers of atoms, in PLUMED's words.
VARIABLES = {2: "DISTANCE", 3: "ANGLE", 4: "TORSION"}
MAX_VISCOSITY_MPA_S = 1e6  #: pitch has more, and does not diffuse
#: Lengths of the parts of a run where the file has none, ps.
DEFAULT_PS = {"equil_steps": 5.0, "nvt_steps": 20.0, "nve_steps": 50.0, "npt_steps": 20.0}
#: Small boxes fluctuate more: so many ps times atoms at least (``benchmarks/power.py``) ...
ATOM_PS = {"nvt_steps": 8000.0, "nve_steps": 40_000.0, "npt_steps": 30_000.0}
LONGEST = 20.0  #: ... and no more than so many times the length above
FRAME_PS = 0.05  #: between stored frames, where the file does not say
MAX_FRAMES = 2000  #: of a part, likewise
#: About 2 % of a liquid's density.
PRESSURE_BAR_WITHOUT_NPT = 400.0
_FRAMES = f"{1e3 * FRAME_PS:g} fs (more where there would be more than {MAX_FRAMES} frames)"


class MdEnsemble(Choice):
    """Parts of a validation's MD, in their order."""

    NVT = "nvt"
    NVE = "nve"
    NPT = "npt"


def _length(key: str, within: Range = STEPS) -> Key:
    usual = f"{DEFAULT_PS[key]:g} ps"
    if key in ATOM_PS:
        most = LONGEST * DEFAULT_PS[key]
        usual += (
            f"; in a box of N atoms {ATOM_PS[key]:g} ps / N, if that is more ({most:g} at most)"
        )
    return Key(within, otherwise=usual)


class MdVariable(NamedTuple):
    """A distance (Angstrom), an angle or a torsion (rad) of atoms."""

    name: str
    atoms: tuple[int, ...]  #: 2, 3 or 4, from 1, in the order of the structure

    @property
    def kind(self) -> str:
        """What it is, in PLUMED's words."""
        return VARIABLES[len(self.atoms)]


@dataclass(frozen=True)
class ValidationBounds:
    """What the verdict asks of the models.

    Parameters
    ----------
    temperature
        Deviation of the mean temperature in NVT, fraction of the target.
    temperature_std
        Deviation of the temperature's fluctuation in NVT, fraction of the canonical one.
    energy_drift_meV_atom_ns
        Drift of the total energy in NVE; 0.2 meV/atom in all is allowed however short the
        run, for the integrator conserves another energy that is as near.
    energy_mean_meV_atom
        Deviation of the mean potential energy in NVT from the reference's, without the mean
        offset on validation_data_sys.
    energy_std
        Deviation of the potential energy's fluctuation in NVT, fraction of the
        reference's.
    rdf
        Distance of a radial distribution function from the reference's.
    diffusion
        Deviation of self-diffusion, fraction of the reference's.
    pressure_bar
        Deviation of the pressure in NVT from the reference's.
    density
        Deviation of the density, fraction of the reference's.
    variables
        Deviation of the probability of any interval of a variable from the reference's.
    energy_rmse_meV_atom
        Error of the energy on validation_data_sys, without its mean offset.
    force_rmse_meV_A
        Error of the components of the forces on validation_data_sys.
    """

    temperature: Annotated[float, POSITIVE] = 0.02
    temperature_std: Annotated[float, POSITIVE] = 0.1
    energy_drift_meV_atom_ns: Annotated[float, Range(gt=0, unit="meV/atom/ns")] = 10.0
    energy_mean_meV_atom: Annotated[float, Range(gt=0, unit="meV/atom")] = 2.0
    energy_std: Annotated[float, POSITIVE] = 0.2
    rdf: Annotated[float, POSITIVE] = 0.05
    diffusion: Annotated[float, POSITIVE] = 0.2
    #: None: as the density's, by the bulk modulus
    pressure_bar: Annotated[
        float | None,
        Key(
            Range(gt=0, unit="bar"),
            otherwise="density times the bulk modulus, from the volumes of the reference's NPT "
            f"({PRESSURE_BAR_WITHOUT_NPT:g} bar without them)",
        ),
    ] = None
    density: Annotated[float, POSITIVE] = 0.02
    variables: Annotated[float, Range(gt=0, lt=1)] = 0.1
    energy_rmse_meV_atom: Annotated[float, Range(gt=0, unit="meV/atom")] = 3.0
    force_rmse_meV_A: Annotated[float, Range(gt=0, unit="meV/Angstrom")] = 100.0


@dataclass(frozen=True)
class ValidationSettings:
    """What ``wtemlp validate`` does; every default is taken from the rest of the file.

    Parameters
    ----------
    system
        System whose first structure MD starts from.
    temps_K
        Temperatures.
    ensembles
        "nvt" (CSVR thermostat), "nve" (from the end of NVT, for dynamics) and "npt"
        (density); there is always an NVT part.
    pressure_bar
        Pressure of "npt".
    models
        How many of the models run MD.
    reference
        Whether the reference runs the same MD. A sampler of another method than the labels is
        no reference, unless this says that both are one potential.
    temp_factor
        Temperature that ends a run as exploded, in units of the target; of few atoms no less
        than what they come to by themselves.
    equil_steps
        Steps of NVT before anything counts.
    nvt_steps
        Steps of NVT.
    nve_steps
        Steps of NVE.
    npt_steps
        Steps of NPT, the first quarter of which does not count.
    trj_freq
        Steps between stored frames.
    thermo_freq
        Steps between recorded temperatures, energies and pressures.
    pairs
        Radial distribution functions, as ["O-O", "O-H"].
    diffusion
        Elements whose self-diffusion is measured.
    variables
        Distances, angles and torsions whose distributions are compared, in PLUMED's words, as
        "oh: TORSION ATOMS=1,2,9,3".
    viscosity_mPa_s
        Shear viscosity of the liquid itself, for the finite-size correction of
        self-diffusion: a number, or one per temperature. If not given, there is none.
    vacf
        Whether velocities are recorded in NVE, for their autocorrelation.
    energy_bins
        Bins of the reference energy in which errors on validation_data_sys are told.
    bounds
        What the verdict asks of the models.
    """

    #: Index in ``sys_configs``; None: there is none to start from
    system: Annotated[
        int | None, Key(name="sys_idx", otherwise="that of the first exploration")
    ] = None
    #: Empty: none is known
    temps_K: Annotated[
        tuple[float, ...],
        Key(
            TEMPERATURE_K,
            name="temps",
            otherwise="those of the explorations",
            some="temperature",
            distinct=True,
        ),
    ] = ()
    ensembles: Annotated[
        tuple[MdEnsemble, ...],
        Key(some="ensemble", otherwise='all; without "npt" where there are no periodic images'),
    ] = tuple(MdEnsemble)
    pressure_bar: Annotated[float, Key(PRESSURE_BAR, name="press")] = 1.0
    #: The first ones
    models: Annotated[int, Key(COUNT, otherwise="all of them")] = 4
    reference: Annotated[bool, Key(otherwise="true where what labels does MD")] = True
    temp_factor: Annotated[float, Key(Range(gt=1), otherwise="that of the explorations' guard")] = (
        3.0
    )
    equil_steps: Annotated[int, _length("equil_steps", ANY_STEPS)] = 0
    nvt_steps: Annotated[int, _length("nvt_steps")] = 0
    nve_steps: Annotated[int, _length("nve_steps")] = 0
    npt_steps: Annotated[int, _length("npt_steps")] = 0
    trj_freq: Annotated[int, Key(COUNT, otherwise=_FRAMES)] = 100
    thermo_freq: Annotated[int, COUNT] = 10
    pairs: Annotated[
        tuple[tuple[str, str], ...],
        Key(kind=(list[str],), otherwise="all pairs of elements; none of a molecule alone"),
    ] = ()
    diffusion: Annotated[
        tuple[str, ...],
        Key(otherwise="those heavier than hydrogen; none of a molecule alone", distinct=True),
    ] = ()
    variables: Annotated[
        tuple[MdVariable, ...],
        Key(
            kind=(list[str],),
            otherwise="those of the explorations' plumed lines, and the torsions of a molecule "
            "alone",
        ),
    ] = ()
    boundary: str = PERIODIC  #: LAMMPS's, of the reference
    #: Those of the lengths and intervals that the file has
    given: frozenset[str] = frozenset()
    #: Per temperature; None: not given
    viscosity_mPa_s: Annotated[
        tuple[float, ...] | None,
        Key(
            Range(gt=0, le=MAX_VISCOSITY_MPA_S, unit="mPa s", low="positive"),
            kind=(float, list[float]),
            read=numbers,
        ),
    ] = None
    vacf: Annotated[bool, Key()] = False
    energy_bins: Annotated[int, COUNT] = 5
    bounds: Annotated[ValidationBounds, Key()] = field(default_factory=ValidationBounds)

    @property
    def alone(self) -> bool:
        """Whether it is a molecule in vacuum."""
        return "p" not in self.boundary

    @property
    def has_pressure(self) -> bool:
        """Whether there is a cell that a pressure could change."""
        return self.boundary == PERIODIC
