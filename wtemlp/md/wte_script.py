"""The LAMMPS script of a walker: NVT with the model, sigma measured, then WTE, in one job.

The same script runs with stock LAMMPS (``fix plumed`` from its PLUMED package) and with
``wtemlp lmp``.  LAMMPS itself measures sigma between the two parts and writes the PLUMED input.

Guards are LAMMPS's own ``fix halt``, so they work wherever the job runs.  The committee's force
deviation is not a LAMMPS variable: a line of ``awk`` looks at the last rows of
``model_devi.out`` between segments of the run and sets the variable that ``fix halt`` reads.
"""

from dataclasses import dataclass

from wtemlp import paths
from wtemlp.analysis.energy import NVT_EQUILIBRATION
from wtemlp.config.records import Guard
from wtemlp.md import plumed_input
from wtemlp.units import KB_EV

GUARD_AWK = "guard.awk"
GUARD_LMP = "guard.lmp"
PLUMED_WTE = "plumed.wte.dat"
THERMOSTAT_PS = 0.1  #: relaxation time of the thermostat
MAX_COLVAR_STRIDE = 10  #: steps
END_LABEL = "end"
GUARD_EVERY = 10  #: steps between looks at temperature and energy

#: LAMMPS errors that mean that the walker left the physical world, not that the job is broken.
UNPHYSICAL = (
    "Lost atoms|Non-numeric|Bond atoms? .* missing|Out of range atoms|"
    "Neighbor list overflow|Too many neighbor bins|"
    "outside the grid|Atoms have left|box dimensions|"
    "[^A-Za-z/_-]-?[Nn]a[Nn]([^A-Za-z/_-]|$)|floating point"
)


@dataclass(frozen=True)
class Walker:
    """One exploration task: everything that its script depends on."""

    graphs: tuple[str, ...]  #: model files, relative to the task's folder
    type_map: tuple[str, ...]
    mass_map: tuple[float, ...]  #: g/mol
    temperature_K: float
    biasfactor: float
    sigma_eV: float | None  #: None: measured
    height_kT: float
    pace: int
    nvt_steps: int
    nsteps: int
    trj_freq: int
    timestep_ps: float
    trust_hi: float  #: eV/Angstrom
    guard: Guard
    velocity_seed: int
    thermostat_seed: int

    @property
    def colvar_stride(self) -> int:
        """Steps between recorded energies: divides `trj_freq`, so that frames have theirs."""
        return max(n for n in range(1, MAX_COLVAR_STRIDE + 1) if self.trj_freq % n == 0)


def script(walker: Walker) -> str:
    """The text of ``input.lammps``."""
    return "\n".join(
        [*_system(walker), *_dynamics(walker), *_nvt(walker), *_sigma(walker), *_wte(walker), ""]
    )


def guard_awk(walker: Walker) -> str:
    """The ``awk`` program that reads the last rows of ``model_devi.out``.

    It prints the LAMMPS command that stops the walker, if all of them are above the limit.
    Column 5 is the largest force deviation, eV/Angstrom.
    """
    limit = walker.guard.devi_factor * walker.trust_hi
    return (
        f"!/^#/ {{ rows++; if ($5 ~ /nan|inf/ || $5 + 0 > {limit:.10g}) high++; last = $5 }}\n"
        f"END {{ if (rows >= {walker.guard.devi_checks} && high == rows)\n"
        '    printf "variable devi_stop equal 1\\nvariable devi_last string %s\\n", last }\n'
    )


def command(lmp: str) -> str:
    """The shell command of a task.

    A LAMMPS error that says that the walker has blown up is a result (the walker is stopped),
    not a failure of the task; it may come before anything was recorded.
    """
    noted = f"grep -m 1 -E 'ERROR.*({UNPHYSICAL})' {paths.LMP_LOG} > {paths.STOPPED}"
    recorded = f"touch {paths.MODEL_DEVI} {paths.COLVAR_NVT}"
    return (
        f"mkdir -p {paths.TRAJ} && {{ {lmp} -in {paths.LMP_INPUT} -log {paths.LMP_LOG}"
        f" -screen none || {{ {{ {noted} && {recorded}; }}"
        f" || {{ rm -f {paths.STOPPED}; false; }}; }}; }}"
    )


def _system(w: Walker) -> list[str]:
    masses = [f"mass            {i} {m:.8g}" for i, m in enumerate(w.mass_map, start=1)]
    return [
        "units           metal",
        "boundary        p p p",
        "atom_style      atomic",
        "neighbor        1.0 bin",
        "box             tilt large",
        f"read_data       {paths.CONF}",
        "change_box      all triclinic",
        *masses,
        f"pair_style      deepmd {' '.join(w.graphs)} out_freq {w.trj_freq}"
        f" out_file {paths.MODEL_DEVI}",
        f"pair_coeff      * * {' '.join(w.type_map)}",
        f"timestep        {w.timestep_ps:.10g}",
        "thermo_style    custom step temp pe ke etotal press vol",
        "thermo_modify   format float %.10g lost error",
        f"thermo          {w.trj_freq}",
        "# No forces: those of a biased run are biased, and no label may come from them.",
        f"dump            trajectory all custom {w.trj_freq} {paths.TRAJ}/*.lammpstrj"
        " id type x y z",
        'dump_modify     trajectory sort id format float "%.10f"',
        "",
    ]


def _dynamics(w: Walker) -> list[str]:
    limit = w.guard.temp_factor * w.temperature_K
    return [
        f"velocity        all create {w.temperature_K:.10g} {w.velocity_seed}"
        " mom yes rot no dist gaussian",
        "fix             integrate all nve",
        f"fix             thermostat all temp/csvr {w.temperature_K:.10g} {w.temperature_K:.10g}"
        f" {THERMOSTAT_PS} {w.thermostat_seed}",
        "",
        "# Guards: a comparison with NaN is false, so NaN stops the walker too.",
        f'variable        temp_ok equal "temp < {limit:.10g}"',
        "variable        energy_ok equal 1",
        "variable        devi_stop equal 0",
        "variable        devi_last string 0",
        'variable        sound equal "v_temp_ok && v_energy_ok && (v_devi_stop == 0)"',
        "# soft: a halt in one segment of a run ends all of them.",
        f"fix             guard all halt {GUARD_EVERY} v_sound != 1 error soft message no",
        "",
    ]


def _guarded_run(w: Walker, steps: int) -> str:
    """A run with a look at the committee's force deviation after each few of its outputs."""
    checks = w.guard.devi_checks
    return (
        f"run             {steps} pre no every {checks * w.trj_freq}"
        f' "shell tail -n {checks} {paths.MODEL_DEVI} | awk -f {GUARD_AWK} > {GUARD_LMP}"'
        f' "include {GUARD_LMP}"'
    )


def _halted(condition: str, reason: str) -> str:
    """End the job with a note if a guard has halted the run."""
    return (
        f'if "{condition}" then &\n'
        f"  'print \"{reason}\" file {paths.STOPPED}' &\n"
        f'  "jump SELF {END_LABEL}"'
    )


def _stops(w: Walker, where: str) -> list[str]:
    """End the job with a note if a guard has halted the run, in a part of it."""
    checks = w.guard.devi_checks
    window = f"{w.guard.energy_sigmas:g} sigma sqrt(biasfactor) from its NVT mean"
    return [
        _halted(
            "$(v_temp_ok) != 1",
            f"temperature $(temp:%.6g) K at step $(step){where}: above "
            f"{w.guard.temp_factor * w.temperature_K:.6g} K",
        ),
        _halted(
            "$(v_devi_stop) == 1",
            f"force deviation ${{devi_last}} eV/Angstrom at step $(step){where}: above "
            f"{w.guard.devi_factor * w.trust_hi:.6g} on {checks} successive outputs",
        ),
        _halted(
            "$(v_energy_ok) != 1",
            f"energy $(v_u:%.6f) eV at step $(step){where}: more than {window}",
        ),
    ]


def _nvt(w: Walker) -> list[str]:
    equilibration = int(NVT_EQUILIBRATION * w.nvt_steps)
    stride = w.colvar_stride
    return [
        "# NVT: sigma is the standard deviation of the potential energy, which has no bias here.",
        "variable        time_ps equal step*dt",
        "variable        u equal c_thermo_pe",
        f"fix             colvar all print {stride} \"$(v_time_ps:%.6f) $(v_u:%.9f)\""
        f" file {paths.COLVAR_NVT} screen no title \"#! FIELDS time ene\"",
        _guarded_run(w, equilibration),
        *_stops(w, " of NVT"),
        "variable        u0 equal $(v_u:%.15g)",
        "variable        du equal v_u-v_u0",
        "variable        du2 equal (v_u-v_u0)^2",
        f"fix             moments all ave/time {stride} 1 {stride} v_du v_du2 ave running",
        _guarded_run(w, w.nvt_steps - equilibration),
        *_stops(w, " of NVT"),
        "",
    ]


def _sigma(w: Walker) -> list[str]:
    sigma = "sqrt(f_moments[2]-f_moments[1]^2)" if w.sigma_eV is None else f"{w.sigma_eV:.12g}"
    window = w.guard.energy_sigmas * w.biasfactor**0.5
    half = plumed_input.grid_half_width(w.biasfactor)
    return [
        "variable        mean equal $(f_moments[1]+v_u0:%.15g)",
        "variable        sigma_nvt equal $(sqrt(f_moments[2]-f_moments[1]^2):%.15g)",
        f"variable        sigma equal $({sigma}:%.15g)",
        f"variable        height equal {w.height_kT * KB_EV * w.temperature_K:.12g}",
        f"variable        grid_min equal ${{mean}}-{half:.12g}*${{sigma_nvt}}",
        f"variable        grid_max equal ${{mean}}+{half:.12g}*${{sigma_nvt}}",
        f"variable        u_min equal ${{mean}}-{window:.12g}*${{sigma_nvt}}",
        f"variable        u_max equal ${{mean}}+{window:.12g}*${{sigma_nvt}}",
        f'print           "mean_eV ${{mean}} sigma_eV ${{sigma_nvt}}" file {paths.SIGMA} screen no',
        "unfix           colvar",
        "unfix           moments",
        "",
    ]


def _wte(w: Walker) -> list[str]:
    text = plumed_input.wte_input(
        biasfactor=w.biasfactor,
        sigma="${sigma}",
        height="${height}",
        pace=w.pace,
        temperature_K=w.temperature_K,
        grid_min="${grid_min}",
        grid_max="${grid_max}",
        stride=w.colvar_stride,
        hills=paths.HILLS,
        colvar=paths.COLVAR_WTE,
        units="metal",
    )
    return [
        plumed_input.lammps_print(text, PLUMED_WTE),
        f"fix             wte all plumed plumedfile {PLUMED_WTE} outfile plumed.wte.log",
        "# PLUMED's ENERGY must be the energy without the bias.",
        "fix_modify      wte energy no",
        'variable        energy_ok equal "(v_u > v_u_min) && (v_u < v_u_max)"',
        _guarded_run(w, w.nsteps),
        *_stops(w, ""),
        f"label           {END_LABEL}",
    ]


def parse_sigma(text: str) -> tuple[float, float]:
    """Mean and standard deviation of the NVT energy, eV, as the job wrote them."""
    words = text.split()
    return float(words[1]), float(words[3])

