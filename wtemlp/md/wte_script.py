"""The LAMMPS script of a walker: NVT with the model, sigma measured, then WTE, in one job.

The same script runs with stock LAMMPS (``fix plumed`` from its PLUMED package) and with
``wtemlp lmp``.  LAMMPS itself measures sigma between the two parts and writes the PLUMED input.

Guards are LAMMPS's own ``fix halt``, so they work wherever the job runs.  The committee's force
deviation is not a LAMMPS variable: a line of ``awk`` looks at the last rows of
``model_devi.out`` between segments of the run and sets the variable that ``fix halt`` reads.

A long biased part leaves checkpoints: a job that was killed goes on from the last one, with the
hills that were there at that step and no others.  It is given again with the same command.
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
PLUMED_RESTART = "plumed.restart.dat"
VARIABLES = "walker.lmp"  #: what the NVT part has measured, for a job that goes on
HILLS_AWK = "hills.awk"
INPUTS = (paths.LMP_INPUT, GUARD_AWK, HILLS_AWK)  #: files of a walker's job, made here
THERMOSTAT_PS = 0.1  #: relaxation time of the thermostat
MAX_COLVAR_STRIDE = 10  #: steps
END_LABEL = "end"
GUARD_EVERY = 10  #: steps between looks at temperature and energy

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
    checkpoint: int = 0  #: steps of the biased part between checkpoints; 0: none

    @property
    def colvar_stride(self) -> int:
        """Steps between recorded energies: divides `trj_freq`, so that frames have theirs."""
        return max(n for n in range(1, MAX_COLVAR_STRIDE + 1) if self.trj_freq % n == 0)

    @property
    def segment(self) -> int:
        """Steps between two looks of the deviation guard."""
        return self.guard.devi_checks * self.trj_freq


def files(walker: Walker) -> dict[str, str]:
    """The files of a walker's job, by name: all but the structure and the models."""
    return {
        paths.LMP_INPUT: script(walker),
        GUARD_AWK: guard_awk(walker),
        HILLS_AWK: "/^#/ || $1 + 0 <= until\n",
    }


def script(walker: Walker) -> str:
    """The text of ``input.lammps``."""
    w = walker
    fresh = [*_structure(w), *_model(w), *_velocities(w), *_dynamics(w), *_nvt(w), *_sigma(w)]
    resumed = [f"read_restart    {paths.CHECKPOINT}", *_model(w), *_dynamics(w), *_resume(w)]
    return "\n".join(
        [
            *_head(),
            f'if "$(is_file({paths.CHECKPOINT})) == 1" then "jump SELF resume"',
            "",
            *fresh,
            f"variable        plumed string {PLUMED_WTE}",
            "jump            SELF wte",
            "",
            "label           resume",
            *resumed,
            f"variable        plumed string {PLUMED_RESTART}",
            "",
            "label           wte",
            *_wte(w),
            f"label           {END_LABEL}",
            "",
        ]
    )


def guard_awk(walker: Walker) -> str:
    """The ``awk`` program that reads the last rows of ``model_devi.out``.

    It prints the LAMMPS command that stops the walker, if all of them are above the limit; else
    those that write a checkpoint, when one is due.  Column 1 is the step, column 5 the largest
    force deviation, eV/Angstrom.
    """
    w = walker
    limit = w.guard.devi_factor * w.trust_hi
    text = (
        f"!/^#/ {{ rows++; if ($5 ~ /nan|inf/ || $5 + 0 > {limit:.10g}) high++\n"
        "  last = $5; step = $1 }\n"
        f"END {{ if (rows >= {w.guard.devi_checks} && high == rows)\n"
        '    printf "variable devi_stop equal 1\\nvariable devi_last string %s\\n", last\n'
    )
    if 0 < w.checkpoint < w.nsteps:
        every = -(-w.checkpoint // w.segment) * w.segment
        new = f"{paths.CHECKPOINT}.new"
        due = f"step > {w.nvt_steps} && step < {w.nvt_steps + w.nsteps}"
        text += (
            f"  else if ({due} && (step - {w.nvt_steps}) % {every} == 0)\n"
            f'    print "write_restart {new} noinit\\nshell mv {new} {paths.CHECKPOINT}"\n'
        )
    return text + "}\n"


def _head() -> list[str]:
    return [
        "units           metal",
        "boundary        p p p",
        "atom_style      atomic",
        "neighbor        1.0 bin",
        "box             tilt large",
    ]


def _structure(w: Walker) -> list[str]:
    masses = [f"mass            {i} {m:.8g}" for i, m in enumerate(w.mass_map, start=1)]
    return [f"read_data       {paths.CONF}", "change_box      all triclinic", *masses]


def _model(w: Walker) -> list[str]:
    return [
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
    ]


def _velocities(w: Walker) -> list[str]:
    return [
        f"velocity        all create {w.temperature_K:.10g} {w.velocity_seed}"
        " mom yes rot no dist gaussian"
    ]


def _dynamics(w: Walker) -> list[str]:
    limit = w.guard.temp_factor * w.temperature_K
    return [
        "fix             integrate all nve",
        f"fix             thermostat all temp/csvr {w.temperature_K:.10g} {w.temperature_K:.10g}"
        f" {THERMOSTAT_PS} {w.thermostat_seed}",
        "variable        time_ps equal step*dt",
        "variable        u equal c_thermo_pe",
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


def _guarded_run(w: Walker, steps: str) -> str:
    """A run with a look at the committee's force deviation after each few of its outputs."""
    return (
        f"run             {steps} pre no every {w.segment}"
        f' "shell tail -n {w.guard.devi_checks} {paths.MODEL_DEVI} | awk -f {GUARD_AWK}'
        f' > {GUARD_LMP}" "include {GUARD_LMP}"'
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
        f"fix             colvar all print {stride} \"$(v_time_ps:%.6f) $(v_u:%.9f)\""
        f" file {paths.COLVAR_NVT} screen no title \"#! FIELDS time ene\"",
        _guarded_run(w, f"{equilibration}"),
        *_stops(w, " of NVT"),
        "variable        u0 equal $(v_u:%.15g)",
        "variable        du equal v_u-v_u0",
        "variable        du2 equal (v_u-v_u0)^2",
        f"fix             moments all ave/time {stride} 1 {stride} v_du v_du2 ave running",
        _guarded_run(w, f"{w.nvt_steps - equilibration}"),
        *_stops(w, " of NVT"),
        "",
    ]


def _sigma(w: Walker) -> list[str]:
    """Measure the energy, and write what the biased part is to be made with."""
    sigma = "sqrt(f_moments[2]-f_moments[1]^2)" if w.sigma_eV is None else f"{w.sigma_eV:.12g}"
    window = w.guard.energy_sigmas * w.biasfactor**0.5
    half = plumed_input.grid_half_width(w.biasfactor)
    measured = [
        "variable        mean equal $(f_moments[1]+v_u0:%.15g)",
        "variable        sigma_nvt equal $(sqrt(f_moments[2]-f_moments[1]^2):%.15g)",
        f"variable        sigma equal $({sigma}:%.15g)",
        f"variable        height equal {w.height_kT * KB_EV * w.temperature_K:.12g}",
        f"variable        grid_min equal ${{mean}}-{half:.12g}*${{sigma_nvt}}",
        f"variable        grid_max equal ${{mean}}+{half:.12g}*${{sigma_nvt}}",
        f"variable        u_min equal ${{mean}}-{window:.12g}*${{sigma_nvt}}",
        f"variable        u_max equal ${{mean}}+{window:.12g}*${{sigma_nvt}}",
    ]
    bounds = "variable u_min equal ${u_min}\nvariable u_max equal ${u_max}"
    text = _plumed(w)
    return [
        *measured,
        f'print           "mean_eV ${{mean}} sigma_eV ${{sigma_nvt}}" file {paths.SIGMA} screen no',
        plumed_input.lammps_print(bounds, VARIABLES).rstrip(),
        plumed_input.lammps_print(text, PLUMED_WTE).rstrip(),
        plumed_input.lammps_print(f"RESTART\n{text}", PLUMED_RESTART).rstrip(),
        "unfix           colvar",
        "unfix           moments",
        "",
    ]


def _plumed(w: Walker) -> str:
    return plumed_input.wte_input(
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
        flush=w.trj_freq,
    )


def _resume(w: Walker) -> list[str]:
    """Take up the biased part: hills that came after the checkpoint are taken away."""
    kept = f"{paths.HILLS}.kept"
    lines = [f"include         {VARIABLES}"]
    if w.biasfactor > 1:
        lines.append(
            f"shell awk -v until=$((step+0.5)*dt:%.9f) -f {HILLS_AWK} {paths.HILLS} > {kept}"
            f" && mv -f {kept} {paths.HILLS}"
        )
    return lines


def _wte(w: Walker) -> list[str]:
    return [
        "fix             wte all plumed plumedfile ${plumed} outfile plumed.wte.log",
        "# PLUMED's ENERGY must be the energy without the bias.",
        "fix_modify      wte energy no",
        'variable        energy_ok equal "(v_u > v_u_min) && (v_u < v_u_max)"',
        _guarded_run(w, f"{w.nvt_steps + w.nsteps} upto"),
        *_stops(w, ""),
    ]


def parse_sigma(text: str) -> tuple[float, float]:
    """Mean and standard deviation of the NVT energy, eV, as the job wrote them."""
    words = text.split()
    return float(words[1]), float(words[3])

