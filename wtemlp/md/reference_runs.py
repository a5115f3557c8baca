"""LAMMPS scripts of runs with the reference force field.

Of ``wtemlp init``: the box found in NPT, then NVT, then the WTE runs; of ``wtemlp plan``: NVT.
"""

from wtemlp.config.keys.init import InitParams
from wtemlp.config.keys.labels import ForceField
from wtemlp.core.units import KB_EV, KCAL_MOL_IN_EV
from wtemlp.md import plumed_input
from wtemlp.md.reference_script import force_field_commands

BOX_DATA = "box.data"  #: input of the first job
BOX = "box.out"  #: edge of the box that NPT found, Angstrom
END_DATA = "end.data"  #: how the NVT run ends, velocities included; input of the WTE jobs
FRAMES = "frames.dump"
ENERGIES = "energies.out"  #: columns: step, temperature (K), unbiased energy (kcal/mol)
PLUMED = "plumed.wte.dat"
PLUMED_LOG = "plumed.wte.log"
COLVAR = "COLVAR.wte"
HILLS = "HILLS"

ATM_IN_BAR = 1.01325
THERMOSTAT_FS = 100.0  #: relaxation time of the CSVR thermostat
BAROSTAT_FS = 500.0  #: relaxation time of the Nose-Hoover barostat
MAX_ENERGY_STRIDE = 10  #: steps between recorded energies


def equilibration_steps(params: InitParams) -> int:
    """Steps of NVT that are not counted: its first quarter."""
    return params.nvt_steps // 4


def box_and_nvt(params: InitParams, velocity_seed: int, thermostat_seed: int) -> str:
    """Script of the first job: minimisation, NPT, and NVT in NPT's mean box.

    The mean is over the second half of NPT.  Steps count on from NPT to NVT.

    Parameters
    ----------
    params : InitParams
    velocity_seed, thermostat_seed : int

    Returns
    -------
    str
        The script; it reads :data:`BOX_DATA`.
    """
    first_half = params.npt_steps // 2
    production = params.nvt_steps - equilibration_steps(params)
    pressure = f"{params.pressure_bar / ATM_IN_BAR:.12g}"
    temperature = f"{params.temperature_K:.12g}"
    return f"""\
{_system(params.force_field, BOX_DATA, params.timestep_fs)}
min_style       cg
minimize        1e-6 1e-6 500 5000
reset_timestep  0

velocity        all create {temperature} {velocity_seed} mom yes rot no dist gaussian
fix             integrate all nph iso {pressure} {pressure} {BAROSTAT_FS}
{_thermostat(temperature, thermostat_seed)}
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
run             {equilibration_steps(params)}
{_record(params, production)}
run             {production}
write_data      {END_DATA} nocoeff
"""


def nvt(
    force_field: ForceField,
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
    force_field : ForceField
    temperature_K, timestep_fs : float
    steps : int
        Of both parts together.
    velocity_seed, thermostat_seed : int

    Returns
    -------
    str
        The script; it reads :data:`BOX_DATA` and writes :data:`ENERGIES`.
    """
    temperature = f"{temperature_K:.12g}"
    return f"""\
{_system(force_field, BOX_DATA, timestep_fs)}
velocity        all create {temperature} {velocity_seed} mom yes rot no dist gaussian
fix             integrate all nve
{_thermostat(temperature, thermostat_seed)}
run             {steps // 4}
{_energies(MAX_ENERGY_STRIDE)}
run             {steps - steps // 4}
"""


def wte(params: InitParams, thermostat_seed: int) -> str:
    """Script of a well-tempered-ensemble job; it reads :data:`END_DATA` and :data:`PLUMED`.

    Parameters
    ----------
    params : InitParams
    thermostat_seed : int

    Returns
    -------
    str
        The script.
    """
    return f"""\
{_system(params.force_field, END_DATA, params.timestep_fs)}
fix             wte all plumed plumedfile {PLUMED} outfile {PLUMED_LOG}
# PLUMED's ENERGY must be the energy without the bias.
fix_modify      wte energy no
fix             integrate all nve
{_thermostat(f"{params.temperature_K:.12g}", thermostat_seed)}
{_record(params, params.wte_steps)}
run             {params.wte_steps}
"""


def wte_plumed(params: InitParams, biasfactor: float, mean_eV: float, sigma_eV: float) -> str:
    """PLUMED input of a well-tempered-ensemble job.

    Parameters
    ----------
    params : InitParams
    biasfactor : float
    mean_eV, sigma_eV : float
        Of the potential energy in NVT.

    Returns
    -------
    str
        The text of :data:`PLUMED`.
    """
    mean, sigma = mean_eV / KCAL_MOL_IN_EV, sigma_eV / KCAL_MOL_IN_EV
    half = plumed_input.grid_half_width(biasfactor) * sigma
    return plumed_input.wte_input(
        biasfactor=biasfactor,
        sigma=sigma,
        height=params.height_kT * KB_EV * params.temperature_K / KCAL_MOL_IN_EV,
        pace=params.pace,
        temperature_K=params.temperature_K,
        grid_min=mean - half,
        grid_max=mean + half,
        stride=MAX_ENERGY_STRIDE,
        hills=HILLS,
        colvar=COLVAR,
        units="real",
    )


def _system(force_field: ForceField, data: str, timestep_fs: float) -> str:
    return f"""\
{force_field_commands(force_field, data)}
timestep        {timestep_fs:.12g}
thermo_style    custom step temp pe ke press density
thermo_modify   format float %.10g flush yes
thermo          200"""


def _thermostat(temperature: str, seed: int) -> str:
    return (
        f"fix             thermostat all temp/csvr {temperature} {temperature} {THERMOSTAT_FS}"
        f" {seed}"
    )


def _record(params: InitParams, steps: int) -> str:
    """Frames and energies of the next `steps` steps: positions only, for forces may be biased."""
    stride = steps // params.frames_per_ensemble
    every = min(stride, MAX_ENERGY_STRIDE)
    return f"""\
{_energies(every)}
dump            frames all custom {stride} {FRAMES} id type x y z
dump_modify     frames sort id format float %.12f"""


def _energies(every: int) -> str:
    return f"""\
fix             energies all ave/time {every} 1 {every} c_thermo_temp c_thermo_pe &
                file {ENERGIES} format " %.12g\""""
