"""LAMMPS scripts of runs with a reference, whichever it is: its lines and units are handed in.

Of ``wtemlp init``: the box found in NPT, then NVT, then the WTE runs; of ``wtemlp plan``: NVT.
"""

from dataclasses import replace

from wtemlp.analysis.energy import NVT_EQUILIBRATION, WTE_FILLING
from wtemlp.config.keys.init import InitParams
from wtemlp.core.units import KB_EV
from wtemlp.md import plumed_input
from wtemlp.md.systems.system_input import SystemInput
from wtemlp.md.systems.units import Units

BOX_DATA = "box.data"  #: input of the first job
BOX = "box.out"  #: edge of the box that NPT found, Angstrom
END_DATA = "end.data"  #: how the NVT run ends, velocities included; input of the WTE jobs
FRAMES = "frames.dump"
ENERGIES = "energies.out"  #: columns: step, temperature (K), unbiased energy (the script's unit)
PLUMED = "plumed.wte.dat"
PLUMED_LOG = "plumed.wte.log"
COLVAR = "COLVAR.wte"
HILLS = "HILLS"

THERMOSTAT_FS = 100.0  #: relaxation time of the CSVR thermostat
BAROSTAT_FS = 500.0  #: relaxation time of the Nose-Hoover barostat
MAX_ENERGY_STRIDE = 10  #: steps between recorded energies


def left_out(params: InitParams, biasfactor: float) -> int:
    """First steps of an ensemble's run that nothing is made of: neither numbers nor frames.

    NVT's equilibration (1, its bias factor); of the well-tempered ensemble the part in which the
    bias is being filled.
    """
    if biasfactor == 1:
        return int(NVT_EQUILIBRATION * params.nvt_steps)
    return int(WTE_FILLING * params.wte_steps)


def counted(params: InitParams, biasfactor: float) -> int:
    """Steps of an ensemble's run that numbers and frames are made of."""
    whole = params.nvt_steps if biasfactor == 1 else params.wte_steps
    return whole - left_out(params, biasfactor)


def frame_stride(params: InitParams, biasfactor: float) -> int:
    """Steps between the frames of an ensemble."""
    return counted(params, biasfactor) // params.frames_per_ensemble


def energy_stride(params: InitParams, biasfactor: float) -> int:
    """Steps between the recorded energies of an ensemble."""
    return min(frame_stride(params, biasfactor), MAX_ENERGY_STRIDE)


def box_and_nvt(
    params: InitParams, system: SystemInput, velocity_seed: int, thermostat_seed: int
) -> str:
    """Script of the first job: minimisation, NPT, and NVT in NPT's mean box.

    The mean is over the second half of NPT.  Steps count on from NPT to NVT.

    Parameters
    ----------
    params : InitParams
    system : SystemInput
        It reads :data:`BOX_DATA`.
    velocity_seed, thermostat_seed : int

    Returns
    -------
    str
        The script.
    """
    first_half, units = params.npt_steps // 2, system.units
    pressure = f"{params.pressure_bar / units.pressure_bar:.12g}"
    temperature = f"{params.temperature_K:.12g}"
    return f"""\
{_system(system, params.timestep_fs)}
min_style       cg
minimize        1e-6 1e-6 500 5000
reset_timestep  0

velocity        all create {temperature} {velocity_seed} mom yes rot no dist gaussian
fix             integrate all nph iso {pressure} {pressure} {BAROSTAT_FS * units.fs}
{_thermostat(temperature, thermostat_seed, units)}
run             {first_half}
variable        side equal lx
fix             mean all ave/time 1 1 1 v_side ave running
run             {params.npt_steps - first_half}
variable        edge equal $(f_mean:%.15g)
print           "${{edge}}" file {BOX} screen no
unfix           mean
unfix           integrate
change_box      all x final 0 ${{edge}} y final 0 ${{edge}} z final 0 ${{edge}} remap units box

fix             integrate all nve
run             {left_out(params, 1.0)}
{_energies(energy_stride(params, 1.0))}
{_frames(frame_stride(params, 1.0))}
run             {counted(params, 1.0)}
write_data      {END_DATA} nocoeff
"""


def nvt(
    system: SystemInput,
    *,
    temperature_K: float,
    timestep_fs: float,
    steps: int,
    velocity_seed: int,
    thermostat_seed: int,
) -> str:
    """Script of a short NVT run, its first quarter an equilibration that is not recorded.

    Parameters
    ----------
    system : SystemInput
    temperature_K, timestep_fs : float
    steps : int
        Of both parts together.
    velocity_seed, thermostat_seed : int

    Returns
    -------
    str
        The script; it writes :data:`ENERGIES`.
    """
    temperature = f"{temperature_K:.12g}"
    return f"""\
{_system(system, timestep_fs)}
velocity        all create {temperature} {velocity_seed} mom yes rot no dist gaussian
fix             integrate all nve
{_thermostat(temperature, thermostat_seed, system.units)}
run             {steps // 4}
{_energies(MAX_ENERGY_STRIDE)}
run             {steps - steps // 4}
"""


def wte(params: InitParams, system: SystemInput, biasfactor: float, thermostat_seed: int) -> str:
    """Script of a well-tempered-ensemble job; it reads :data:`PLUMED`.

    Frames are of its second half, when the bias is filled; energies of all of it.

    Parameters
    ----------
    params : InitParams
    system : SystemInput
        It reads :data:`END_DATA`.
    biasfactor : float
    thermostat_seed : int

    Returns
    -------
    str
        The script.
    """
    return f"""\
{_system(replace(system, constraints=""), params.timestep_fs)}
fix             wte all plumed plumedfile {PLUMED} outfile {PLUMED_LOG}
# PLUMED's ENERGY must be the energy without the bias.
fix_modify      wte energy no
{system.constraints}fix             integrate all nve
{_thermostat(f"{params.temperature_K:.12g}", thermostat_seed, system.units)}
{_energies(energy_stride(params, biasfactor))}
run             {left_out(params, biasfactor)}
{_frames(frame_stride(params, biasfactor))}
run             {counted(params, biasfactor)}
"""


def wte_plumed(
    params: InitParams, units: Units, biasfactor: float, mean_eV: float, sigma_eV: float
) -> str:
    """PLUMED input of a well-tempered-ensemble job.

    Parameters
    ----------
    params : InitParams
    units : Units
        Of the reference's scripts.
    biasfactor : float
    mean_eV, sigma_eV : float
        Of the potential energy in NVT.

    Returns
    -------
    str
        The text of :data:`PLUMED`.
    """
    mean, sigma = mean_eV / units.energy_eV, sigma_eV / units.energy_eV
    half = plumed_input.grid_half_width(biasfactor) * sigma
    return plumed_input.wte_input(
        biasfactor=biasfactor,
        sigma=sigma,
        height=params.height_kT * KB_EV * params.temperature_K / units.energy_eV,
        pace=params.pace,
        temperature_K=params.temperature_K,
        grid_min=mean - half,
        grid_max=mean + half,
        stride=MAX_ENERGY_STRIDE,
        hills=HILLS,
        colvar=COLVAR,
        units=units.name,
    )


def _system(system: SystemInput, timestep_fs: float) -> str:
    return f"""\
{system.lines}{system.constraints}
timestep        {timestep_fs * system.units.fs:.12g}
thermo_style    custom step temp pe ke press density
thermo_modify   format float %.10g flush yes
thermo          200"""


def _thermostat(temperature: str, seed: int, units: Units) -> str:
    return (
        f"fix             thermostat all temp/csvr {temperature} {temperature}"
        f" {THERMOSTAT_FS * units.fs} {seed}"
    )


def _frames(every: int) -> str:
    """Frames from here on: positions only, for forces may be biased."""
    return f"""\
dump            frames all custom {every} {FRAMES} id type x y z
dump_modify     frames sort id format float %.12f"""


def _energies(every: int) -> str:
    return f"""\
fix             energies all ave/time {every} 1 {every} c_thermo_temp c_thermo_pe &
                file {ENERGIES} format " %.12g\""""
