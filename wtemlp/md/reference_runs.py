"""LAMMPS scripts of runs with the reference: at constant volume or pressure, biased or not.

Of ``wtemlp init``, and of ``wtemlp plan``'s short run.  What the reference is, the caller says: the
commands from ``units`` to the complete force field.
"""

import math
from dataclasses import dataclass, field

from wtemlp.analysis.energy import NVT_EQUILIBRATION, WTE_FILLING
from wtemlp.config.keys.wte import Extra, Method
from wtemlp.core.units import KB_EV
from wtemlp.md import plumed_input
from wtemlp.md.systems.system_input import SystemInput
from wtemlp.md.systems.units import METAL, Units
from wtemlp.md.walker import observation

BOX_DATA = "box.data"  #: the structure that a run starts from, with its topology
BOX = "box.out"  #: edges of the cell that NPT found, Angstrom
END_DATA = "end.data"  #: how a run ends, velocities included
START_DATA = "start.data"  #: that of the run before, which a run starts from
FRAMES = "frames.dump"
ENERGIES = "energies.out"
"""Columns: step, temperature (K), unbiased energy (of the run's unit), and of a run at constant
pressure the volume (cubic Angstrom)."""
PLUMED = "plumed.wte.dat"
PLUMED_LOG = "plumed.wte.log"
COLVAR = "COLVAR.wte"
HILLS = "HILLS"
DELTAFS = "DELTAFS"

THERMOSTAT_FS = 100.0  #: relaxation time of the CSVR thermostat
BAROSTAT_FS = 500.0  #: relaxation time of the Nose-Hoover barostat
MAX_ENERGY_STRIDE = 10  #: steps between recorded energies
#: A system at constant pressure whose volume has grown so much has evaporated.
LARGEST_GROWTH = 4.0
_TILTS = ("xy", "xz", "yz")


@dataclass(frozen=True)
class ReferenceRun:
    """What the script of a run depends on, beside the reference and the random numbers.

    The default is a part of :data:`steps` steps at constant volume.
    """

    temperature_K: float
    timestep_fs: float
    steps: int  #: 0: the energy is minimised, and nothing else
    frames: int = 0  #: that are kept, evenly spaced
    pressure_bar: float | None = None  #: that is held; None: the volume is
    barostat: str = "iso"  #: LAMMPS's word for what changes of the cell
    npt_steps: int = 0  #: before, to find the cell; the mean of their second half is taken
    npt_pressure_bar: float = 0.0
    length: float = 1.0  #: that the edges of the cell are multiplied with first
    minimize: bool = False  #: whether the energy is minimised first
    new_velocities: bool = True  #: whether they are drawn; else they are those of the start
    bias: bool = False  #: whether it is biased, as :data:`PLUMED` says
    triclinic: bool = False  #: whether the cell has tilts
    periodic: bool = True
    n_atoms: int = 0  #: of a system that is not periodic
    keep_end: bool = True  #: whether other runs may start from its end

    @property
    def left_out(self) -> int:
        """First steps that nothing is made of, neither numbers nor frames.

        The equilibration; of a biased run the part in which the bias is being filled.
        """
        return int((WTE_FILLING if self.bias else NVT_EQUILIBRATION) * self.steps)

    @property
    def counted(self) -> int:
        """Steps that numbers and frames are made of."""
        return self.steps - self.left_out

    @property
    def frame_stride(self) -> int:
        """Steps between frames."""
        return self.counted // max(self.frames, 1)

    @property
    def energy_stride(self) -> int:
        """Steps between recorded energies."""
        return min(self.frame_stride, MAX_ENERGY_STRIDE)

    @property
    def all_steps(self) -> int:
        """All MD steps of the job."""
        return self.npt_steps + self.steps


def script(run: ReferenceRun, system: SystemInput, velocity_seed: int, thermostat_seed: int) -> str:
    """The script of a run.

    Energies are recorded from where the equilibration ends, of a biased run from the beginning;
    frames always of the part that counts.

    Parameters
    ----------
    run : ReferenceRun
    system : SystemInput
        The reference, and the data file that it starts from.
    velocity_seed, thermostat_seed : int

    Returns
    -------
    str
    """
    made = _Script(run, system, velocity_seed, thermostat_seed)
    first = "" if run.bias else system.constraints
    parts = [f"{system.lines}{first}", *made.settings()]
    if run.minimize:
        parts += ["min_style       cg", "minimize        1e-6 1e-6 500 5000", "reset_timestep  0"]
    if run.steps == 0:
        return "\n".join([*parts, *made.relaxed(), ""])
    parts += made.start()
    if run.npt_steps:
        parts += made.find_cell()
    parts += made.sample()
    return "\n".join([*parts, ""])


def nvt(
    system: SystemInput,
    *,
    temperature_K: float,
    timestep_fs: float,
    steps: int,
    velocity_seed: int,
    thermostat_seed: int,
    pressure_bar: float | None = None,
    barostat: str = "iso",
) -> str:
    """Script of a short unbiased run, its first quarter an equilibration that is not recorded.

    Parameters
    ----------
    system : SystemInput
    temperature_K, timestep_fs : float
    steps : int
        Of both parts together.
    velocity_seed, thermostat_seed : int
    pressure_bar : float, optional
        That is held; by default the volume is.
    barostat : str
        LAMMPS's word for what changes of the cell.
    """
    run = ReferenceRun(
        temperature_K,
        timestep_fs,
        steps,
        pressure_bar=pressure_bar,
        barostat=barostat,
        keep_end=False,
    )
    return script(run, system, velocity_seed, thermostat_seed)


@dataclass(frozen=True)
class _Script:
    """The parts of a script."""

    run: ReferenceRun
    system: SystemInput
    velocity_seed: int
    thermostat_seed: int

    @property
    def units(self) -> Units:
        """LAMMPS's."""
        return self.system.units

    def settings(self) -> list[str]:
        """Time step, what is shown, degrees of freedom."""
        run = self.run
        shown = "step temp pe ke press density" if run.periodic else "step temp pe ke"
        return [
            f"timestep        {run.timestep_fs * self.units.fs:.12g}",
            f"thermo_style    custom {shown}",
            "thermo_modify   format float %.10g flush yes",
            "thermo          200",
            *["change_box      all triclinic"] * (run.barostat == "tri" and not run.triclinic),
            *self._freedom(),
        ]

    def _freedom(self) -> list[str]:
        """A molecule alone neither moves nor turns: its temperature is that of the rest."""
        if self.run.periodic:
            return []
        return [f"compute_modify  thermo_temp extra/dof {6 if self.run.n_atoms > 2 else 5}"]

    def start(self) -> list[str]:
        """The cell that it begins with, and velocities."""
        run, lines = self.run, []
        if run.length != 1:
            edges = " ".join(f"{axis} scale {run.length:.12g}" for axis in "xyz")
            tilts = " ".join(f"{one} final $({one}*{run.length:.12g}:%.15g)" for one in self._tilts)
            lines = [f"change_box      all {edges} {tilts}".rstrip() + " remap units box"]
        if run.new_velocities:
            turning = "no" if run.periodic else "yes"
            lines.append(
                f"velocity        all create {run.temperature_K:.12g} {self.velocity_seed} mom yes"
                f" rot {turning} dist gaussian"
            )
        if run.bias:
            lines += [
                f"fix             wte all plumed plumedfile {PLUMED} outfile {PLUMED_LOG}",
                "# PLUMED's ENERGY must be the energy without the bias.",
                "fix_modify      wte energy no",
                *self.system.constraints.splitlines(),
            ]
        return lines

    def find_cell(self) -> list[str]:
        """Constant pressure, and its mean cell; the thermostat stays."""
        half = self.run.npt_steps // 2
        sides = ["lx", "ly", "lz", *self._tilts]
        new = [
            f"variable        new_{side} equal $(f_mean[{k}]:%.15g)"
            for k, side in enumerate(sides, 1)
        ]
        found = " ".join(f"${{new_{side}}}" for side in sides)
        edges = [f"{side[1]} final 0 ${{new_{side}}}" for side in sides[:3]]
        tilts = [f"{side} final ${{new_{side}}}" for side in sides[3:]]
        return [
            self._barostat(self.run.npt_pressure_bar),
            self._thermostat,
            f"run             {half}",
            *[f"variable        side_{side} equal {side}" for side in sides],
            f"fix             mean all ave/time 1 1 1 {' '.join('v_side_' + one for one in sides)}"
            " ave running",
            f"run             {self.run.npt_steps - half}",
            *new,
            f'print           "{found}" file {BOX} screen no',
            "unfix           mean",
            "unfix           integrate",
            f"change_box      all {' '.join([*edges, *tilts])} remap units box\n",
        ]

    def sample(self) -> list[str]:
        """The run itself."""
        run = self.run
        held = run.pressure_bar is not None
        lines = [
            self._barostat(run.pressure_bar or 0.0) if held else "fix             integrate all nve"
        ]
        if not run.npt_steps:
            lines.append(self._thermostat)
        if not run.periodic:
            lines.append("fix_modify      thermostat temp thermo_temp")
        if held:
            lines += [
                "variable        volume equal vol",
                f"fix             grown all halt 100 v_volume > $(vol*{LARGEST_GROWTH:g}) error"
                " hard",
            ]
        energies, frames = self._energies(), self._frames()
        first = f"run             {run.left_out}"
        lines += [energies, first] if run.bias else [first, energies]
        lines += [*frames, f"run             {run.counted}"]
        return [*lines, *[f"write_data      {END_DATA} nocoeff"] * run.keep_end]

    def relaxed(self) -> list[str]:
        """What a minimisation leaves: the end, and a frame of it."""
        return [
            f"write_dump      all custom {FRAMES} id type x y z modify sort id format float %.12f",
            f"write_data      {END_DATA} nocoeff",
        ]

    @property
    def _tilts(self) -> tuple[str, ...]:
        return _TILTS if self.run.triclinic or self.run.barostat == "tri" else ()

    def _barostat(self, pressure_bar: float) -> str:
        pressure = f"{pressure_bar / self.units.pressure_bar:.12g}"
        keys = ["x", "y", "z", *_TILTS] if self.run.barostat == "tri" else [self.run.barostat]
        time = f"{BAROSTAT_FS * self.units.fs}"
        held = " ".join(f"{key} {pressure} {pressure} {time}" for key in keys)
        return f"fix             integrate all nph {held}"

    @property
    def _thermostat(self) -> str:
        temperature = f"{self.run.temperature_K:.12g}"
        return (
            f"fix             thermostat all temp/csvr {temperature} {temperature}"
            f" {THERMOSTAT_FS * self.units.fs} {self.thermostat_seed}"
        )

    def _frames(self) -> list[str]:
        """Frames from here on: positions only, for forces may be biased."""
        if not self.run.frames:
            return []
        return [
            f"dump            frames all custom {self.run.frame_stride} {FRAMES} id type x y z",
            "dump_modify     frames sort id format float %.12f",
        ]

    def _energies(self) -> str:
        every = self.run.energy_stride
        more = " v_volume" if self.run.pressure_bar is not None else ""
        return (
            f"fix             energies all ave/time {every} 1 {every} c_thermo_temp c_thermo_pe"
            f'{more} &\n                file {ENERGIES} format " %.12g"'
        )


@dataclass(frozen=True)
class EnergyBias:
    """The bias of a run."""

    temperature_K: float
    mean_eV: float  #: of the potential energy without a bias
    sigma_eV: float
    biasfactor: float | None  #: None: OPES
    window_K: tuple[float, float] | None = None  #: of OPES
    height_kT: float = 0.5
    pace: int = 100
    steps: int = 0  #: of the run
    method: Method = Method.WTE
    extra: Extra = field(default_factory=Extra)


def plumed(bias: EnergyBias, units: Units = METAL) -> str:
    """PLUMED input of a biased run.

    Parameters
    ----------
    bias : EnergyBias
    units : Units
        Whose energy is the unit of the input.

    Returns
    -------
    str
        The text of :data:`PLUMED`.
    """
    if bias.method == Method.OPES:
        if bias.window_K is None:
            raise ValueError("OPES has a window of temperatures")
        return plumed_input.opes_input(
            temperature_K=bias.temperature_K,
            window_K=bias.window_K,
            pace=bias.pace,
            observation=observation(bias.steps, bias.pace),
            stride=MAX_ENERGY_STRIDE,
            deltafs=DELTAFS,
            colvar=COLVAR,
            units=units.name,
            extra=bias.extra,
        )
    if bias.biasfactor is None:
        raise ValueError("metadynamics has a bias factor")
    unit_eV = units.energy_eV
    mean, sigma = bias.mean_eV / unit_eV, bias.sigma_eV / unit_eV
    half = plumed_input.grid_half_width(bias.biasfactor) * sigma
    return plumed_input.wte_input(
        biasfactor=bias.biasfactor,
        sigma=sigma,
        height=bias.height_kT * KB_EV * bias.temperature_K / unit_eV,
        pace=bias.pace,
        temperature_K=bias.temperature_K,
        grid_min=mean - half,
        grid_max=mean + half,
        stride=MAX_ENERGY_STRIDE,
        hills=HILLS,
        colvar=COLVAR,
        units=units.name,
        extra=bias.extra,
    )


def spacing_frames(inefficiency: float, energy_stride: int, frame_stride: int) -> int:
    """Of how many frames one is kept, so that they are as far apart as energies are correlated.

    Parameters
    ----------
    inefficiency : float
        Statistical inefficiency of the recorded energies of the run without a bias.
    energy_stride, frame_stride : int
        Steps between recorded energies there, and between frames.
    """
    return max(1, math.ceil(inefficiency * energy_stride / frame_stride))
