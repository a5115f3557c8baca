"""The LAMMPS script of a walker: NVT with the model, sigma measured, then WTE, in one job.

The same script runs with stock LAMMPS (``fix plumed`` from its PLUMED package) and with
``wtemlp lmp``.  LAMMPS itself measures sigma between the two parts and writes the PLUMED input.

A long biased part leaves checkpoints: a job that was killed goes on from the last one, with the
hills and frames that were there at that step and no others.  It is given again with the same
command.
"""

from typing import Any

from wtemlp.analysis.energy import NVT_EQUILIBRATION
from wtemlp.analysis.stability import RARE
from wtemlp.config.keys.wte import Method
from wtemlp.core import paths
from wtemlp.md import plumed_input
from wtemlp.md.bias import auto_hills, measured
from wtemlp.md.walker import Walker
from wtemlp.md.wte_guard import (
    END_LABEL,
    GUARD_AWK,
    awk_program,
    guarded_run,
    sound,
    stops,
    volume_bounds,
    volume_guard,
)

PLUMED_WTE = "plumed.wte.dat"
PLUMED_RESTART = "plumed.restart.dat"
PLUMED_LOG = "plumed.wte.log"
PLUMED_FILES = (PLUMED_WTE, PLUMED_RESTART, PLUMED_LOG)
VARIABLES = "walker.lmp"  #: what the NVT part has measured, for a job that goes on
HILLS_AWK = "hills.awk"
FRAMES_AWK = "frames.awk"
PREVIOUS_HILLS = "previous.hills"
SHARED_HILLS = "shared.hills"  #: the path of this walker's hills, where they are shared
READ_PACES = 5  #: hills between two looks at those of the other walkers
SHIFT_AWK = "shift.awk"
INPUTS = (paths.LMP_INPUT, GUARD_AWK, HILLS_AWK, SHIFT_AWK)  #: files of a walker's job, made here
#: Of awk programs for hills: print headers, and count the columns that they name.
_HEADER = "/^#! FIELDS/ { n = NF - 2 }\n/^#/ { print; next }\n"
#: Heights are the bias's times G / (G - 1). PLUMED takes the G of its own input for those that it
#: reads, not that of their last column: they are written for it, so that the bias stays.
_SHIFT = (
    'NF == n { $1 = 0; $2 = sprintf("%.15g", $2 + shift);'
    ' $(NF - 1) = sprintf("%.15g", $(NF - 1) * (1 - 1 / $NF) / (1 - 1 / factor));'
    " $NF = factor; print }\n"
)
#: Print the frames of the steps before one.
_EARLIER_FRAMES = (
    "/^ITEM: TIMESTEP/ { title = $0; if ((getline) <= 0) exit; kept = $1 + 0 < until\n"
    "  if (kept) print title }\n"
    "kept\n"
)
GUARD_EVERY = 10  #: steps between looks at temperature and energy


def files(walker: Walker) -> dict[str, str]:
    """The files of a walker's job, by name: all but the structure and the models."""
    extra = {plumed_input.EXTRA_LINES: w.extra.lines} if (w := walker).extra.lines else {}
    return (
        extra
        | {
            paths.LMP_INPUT: script(walker),
            GUARD_AWK: awk_program(walker),
            # A row that is cut ends PLUMED.
            HILLS_AWK: f"{_HEADER}NF == n && $1 + 0 <= until\n",
            # Hills of another model are older than any step of this one: time 0.
            SHIFT_AWK: _HEADER + _SHIFT,
        }
        | ({auto_hills.AUTO_AWK: auto_hills.awk_program(w)} if w.chooses_hills else {})
        | ({FRAMES_AWK: _EARLIER_FRAMES} if w.merged else {})
    )


def script(walker: Walker) -> str:
    """The text of ``input.lammps``."""
    w = walker
    fresh = [*_structure(w), *_model(w), *_velocities(w), *_dynamics(w), *_unbiased(w), *_sigma(w)]
    resumed = [f"read_restart    {paths.CHECKPOINT}", *_model(w), *_dynamics(w), *_resume(w)]
    return "\n".join(
        [
            *_head(w),
            *_for_dpgen(w),
            f'if "$(is_file({paths.CHECKPOINT})) == 1" then "jump SELF resume"',
            "",
            *fresh,
            *_begin_bias(w),
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


def _head(w: Walker) -> list[str]:
    neigh = [f"neigh_modify    {w.neigh}"] if w.neigh else []
    return [
        "units           metal",
        "boundary        p p p",
        "atom_style      atomic",
        *(["atom_modify     map yes"] if w.graphs[0].endswith(".pt2") else []),
        "neighbor        1.0 bin",
        *neigh,
        "box             tilt large",
    ]


def _for_dpgen(w: Walker) -> list[str]:
    """What ``dpgen run/report`` reads from a script; LAMMPS jumps over it."""
    pressure = -1.0 if w.pressure_bar is None else w.pressure_bar
    return [
        "# For dpgen run/report, which looks for these lines; LAMMPS jumps over them.",
        "jump            SELF begin",
        f"variable        TEMP equal {w.temperature_K:.10g}",
        f"variable        PRES equal {pressure:.10g}",
        f"fix             ensemble all {'nvt' if w.pressure_bar is None else 'npt'}",
        "label           begin",
        "",
    ]


def _structure(w: Walker) -> list[str]:
    masses = [f"mass            {i} {m:.8g}" for i, m in enumerate(w.mass_map, start=1)]
    return [f"read_data       {paths.CONF}", "change_box      all triclinic", *masses]


def _model(w: Walker) -> list[str]:
    return [
        *_pair_style(w),
        f"timestep        {w.timestep_ps:.10g}",
        "thermo_style    custom step temp pe ke etotal press vol",
        "thermo_modify   format float %.10g lost error",
        f"thermo          {w.trj_freq}",
        "# No forces: those of a biased run are biased, and no label may come from them.",
        f"dump            trajectory all custom {w.trj_freq} {_frames(w)} id type x y z",
        'dump_modify     trajectory sort id format float "%.10f"',
    ]


def _frames(w: Walker) -> str:
    return paths.ALL_FRAMES if w.merged else f"{paths.TRAJ}/*.lammpstrj"


def _pair_style(w: Walker) -> list[str]:
    """The models, and the dispersion that they do not have."""
    devi = f"out_freq {w.trj_freq} out_file {paths.MODEL_DEVI}"
    deepmd = " ".join(filter(None, ("deepmd", *w.graphs, devi, w.devi_words)))
    elements = " ".join(w.type_map)
    if not w.d3:
        return [f"pair_style      {deepmd}", f"pair_coeff      * * {elements}"]
    return [
        f"pair_style      hybrid/overlay {deepmd} dispersion/d3 {w.d3}",
        f"pair_coeff      * * deepmd {elements}",
        f"pair_coeff      * * dispersion/d3 {elements}",
    ]


def _velocities(w: Walker) -> list[str]:
    return [
        f"velocity        all create {w.temperature_K:.10g} {w.velocity_seed}"
        " mom yes rot no dist gaussian"
    ]


def _dynamics(w: Walker) -> list[str]:
    limit = f"{w.guard.temp_factor * w.temperature_K:.10g}"
    return [
        *(_integrator(w) if w.pressure_bar is None else []),
        f"fix             thermostat all temp/csvr {w.temperature_K:.10g} {w.temperature_K:.10g}"
        f" {w.thermostat_ps:.10g} {w.thermostat_seed}",
        "variable        time_ps equal step*dt",
        "variable        u equal c_thermo_pe",
        "# Guards: a comparison with NaN is false, so NaN stops the walker too.",
        "# So few atoms come so far above their temperature by themselves, once in 1e12 looks.",
        "variable        temp_width equal $(2/(9*(3*count(all)-3)):%.10g)",
        f"variable        temp_own equal"
        f" $({w.temperature_K:.10g}*(1-v_temp_width+{RARE:g}*sqrt(v_temp_width))^3:%.10g)",
        f"variable        temp_max equal"
        f" $((v_temp_own>{limit})*v_temp_own+(v_temp_own<={limit})*{limit}:%.10g)",
        'variable        temp_ok equal "temp < v_temp_max"',
        "variable        energy_ok equal 1",
        "variable        devi_stop equal 0",
        "variable        devi_last string 0",
        *volume_guard(w),
        f'variable        sound equal "{sound(w)}"',
        "# soft: a halt in one segment of a run ends all of them.",
        f"fix             guard all halt {GUARD_EVERY} v_sound != 1 error soft message no",
        "",
    ]


def _integrator(w: Walker) -> list[str]:
    """Constant volume, or a Nose-Hoover barostat, which must come after the bias."""
    if w.pressure_bar is None:
        return ["fix             integrate all nve"]
    pressure = f"{w.pressure_bar:.10g}"
    return [
        f"fix             integrate all nph {w.barostat} {pressure} {pressure} {w.barostat_ps:.10g}"
    ]


def _unbiased(w: Walker) -> list[str]:
    if w.pressure_bar is None:
        return _nvt(w)
    return [*_integrator(w), *_nvt(w), "unfix           integrate"]


def _nvt(w: Walker) -> list[str]:
    equilibration = int(NVT_EQUILIBRATION * w.nvt_steps)
    stride = w.colvar_stride
    return [
        "# NVT: sigma is the standard deviation of the potential energy, which has no bias here.",
        f'fix             colvar all print {stride} "$(v_time_ps:%.6f) $(v_u:%.9f)"'
        f' file {paths.COLVAR_NVT} screen no title "#! FIELDS time ene"',
        guarded_run(w, f"{equilibration}"),
        *stops(w, " of NVT"),
        "variable        u0 equal $(v_u:%.15g)",
        "variable        du equal v_u-v_u0",
        "variable        du2 equal (v_u-v_u0)^2",
        *([] if w.pressure_bar is None else ["variable        v equal vol"]),
        f"fix             moments all ave/time {stride} 1 {stride} v_du v_du2"
        f"{'' if w.pressure_bar is None else ' v_v'} ave running",
        guarded_run(w, f"{w.nvt_steps - equilibration}"),
        *stops(w, " of NVT"),
        "",
    ]


def _sigma(w: Walker) -> list[str]:
    """Measure the energy, and write what the biased part is to be made with."""
    sigma = "sqrt(f_moments[2]-f_moments[1]^2)" if w.sigma_eV is None else f"{w.sigma_eV:.12g}"
    spread = "sqrt(${biasfactor})*${sigma_nvt}"
    grid = f"{plumed_input.GRID_HALF_WIDTH:g}*{spread}"
    guard = f"{w.guard.energy_sigmas:.12g}*{spread}"
    lines = [
        "variable        mean equal $(f_moments[1]+v_u0:%.15g)",
        "variable        sigma_nvt equal $(sqrt(f_moments[2]-f_moments[1]^2):%.15g)",
        f"variable        sigma equal $({sigma}:%.15g)",
        *measured.biasfactor(w),
        *auto_hills.lines(w),
        f"variable        grid_min equal ${{mean}}-{grid}",
        f"variable        grid_max equal ${{mean}}+{grid}",
        *measured.grid_bins(w),
        f"variable        u_min equal ${{mean}}-{guard}",
        f"variable        u_max equal ${{mean}}+{guard}",
    ]
    bounds = "variable u_min equal ${u_min}\nvariable u_max equal ${u_max}"
    found = "mean_eV ${mean} sigma_eV ${sigma_nvt} biasfactor ${biasfactor}"
    if w.pressure_bar is not None:
        lines += [
            "variable        volume equal $(f_moments[3]:%.10g)",
            *volume_bounds(w, "v_volume"),
        ]
        bounds += "\nvariable vol_lo equal ${vol_lo}\nvariable vol_hi equal ${vol_hi}"
        found += " volume_A3 ${volume}"
    if w.chooses_hills:
        found += " pace ${pace} height_kT ${height_kT} tau_steps ${tau_steps}"
    text = _plumed(w)
    return [
        *lines,
        f'print           "{found}" file {paths.SIGMA} screen no',
        plumed_input.lammps_print(bounds, VARIABLES).rstrip(),
        plumed_input.lammps_print(text, PLUMED_WTE).rstrip(),
        plumed_input.lammps_print(f"RESTART\n{text}", PLUMED_RESTART).rstrip(),
        *([] if w.chooses_hills else ["unfix           colvar"]),
        "unfix           moments",
        "",
    ]


def _plumed(w: Walker) -> str:
    """The PLUMED input, with what is measured as LAMMPS variables."""
    common: dict[str, Any] = {
        "pace": w.pace or "${pace}",
        "temperature_K": w.temperature_K,
        "stride": w.colvar_stride,
        "colvar": paths.COLVAR_WTE,
        "units": "metal",
        "flush": w.trj_freq,
        "extra": w.extra,
    }
    if w.method == Method.OPES:
        window: tuple[float, float] | tuple[str, str] | None = w.window_K
        if w.biasfactor_cap is not None:
            window = ("${low_K}", "${high_K}")
        if window is None:
            raise ValueError("OPES samples a window of temperatures, and there is none")
        return plumed_input.opes_input(
            window_K=window,
            observation=w.observation,
            deltafs=paths.DELTAFS,
            **common,
        )
    return plumed_input.wte_input(
        biasfactor="${biasfactor}" if w.biased else 1.0,
        sigma="${sigma}",
        height="${height}",
        grid_min="${grid_min}",
        grid_max="${grid_max}",
        grid_bins="${grid_bins}",
        hills=paths.HILLS,
        more=_sharing(w),
        **common,
    )


def _sharing(w: Walker) -> str:
    """METAD's keywords for walkers that read each other's hills."""
    if w.shared is None:
        return ""
    stride = f"$({READ_PACES}*v_pace:%.0f)" if w.pace is None else READ_PACES * w.pace
    return (
        f" WALKERS_N={w.shared.walkers} WALKERS_ID={w.shared.walker}"
        f" WALKERS_DIR={w.shared.folder} WALKERS_RSTRIDE={stride}"
    )


def _begin_bias(w: Walker) -> list[str]:
    """Begin without hills, or with those of another model, whose energies are others."""
    if w.shared is not None:
        # The others keep these files open: they are never replaced, only added to (RESTART).  What
        # an attempt that was killed has left there the others have felt, so it stays.
        folder, own = w.shared.folder, w.shared.file
        return [
            f"shell test -d {folder} || mkdir -p {folder}; {w.shared.all_made}",
            f'print "{own}" file {SHARED_HILLS} screen no',
            f"variable        plumed string {PLUMED_RESTART}",
        ]
    if w.previous_mean_eV is None:
        return [f"variable        plumed string {PLUMED_WTE}"]
    # Without the energy among their variables, there is nothing to move.
    shift = f"$(v_mean-({w.previous_mean_eV:.15g}):%.15g)" if w.extra.energy else "0"
    return [
        f"shell awk -v shift={shift} -v factor=${{biasfactor}} -f {SHIFT_AWK}"
        f" {PREVIOUS_HILLS} > {paths.HILLS}",
        f"variable        plumed string {PLUMED_RESTART}",
    ]


def _resume(w: Walker) -> list[str]:
    """Take up the biased part: hills and frames that came after the checkpoint are taken away.

    Not the hills that others have felt: they are part of the bias, whatever became of this walker.
    """
    hills = paths.DELTAFS if w.method == Method.OPES else paths.HILLS
    lines = [f"include         {VARIABLES}"]
    if w.biased and w.shared is None:
        lines.append(_cut("$((step+0.5)*dt:%.9f)", HILLS_AWK, hills))
    if w.merged:
        # LAMMPS stores the frame of the checkpoint's step again.
        lines += [
            _cut("$(step:%.0f)", FRAMES_AWK, paths.ALL_FRAMES),
            "dump_modify     trajectory append yes",
        ]
    return lines


def _cut(until: str, program: str, file: str) -> str:
    """Replace a file by what an awk program keeps of it."""
    return (
        f"shell awk -v until={until} -f {program} {file} > {file}.kept && mv -f {file}.kept {file}"
    )


def _wte(w: Walker) -> list[str]:
    return [
        f"fix             wte all plumed plumedfile ${{plumed}} outfile {PLUMED_LOG}",
        "# PLUMED's ENERGY must be the energy without the bias.",
        "fix_modify      wte energy no",
        *(_integrator(w) if w.pressure_bar is not None else []),
        'variable        energy_ok equal "(v_u > v_u_min) && (v_u < v_u_max)"',
        guarded_run(w, f"{w.nvt_steps + w.nsteps} upto"),
        *stops(w, ""),
    ]
