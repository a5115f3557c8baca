"""The guards of a walker: when its job ends before its last step, and how it says so.

They are LAMMPS's own ``fix halt``, so they work wherever the job runs.  The committee's force
deviation is not a LAMMPS variable: a line of ``awk`` looks at the last rows of
``model_devi.out`` between segments of the run and sets the variable that ``fix halt`` reads.
"""

from wtemlp.config.keys.wte import Method
from wtemlp.config.templates.job import GUARD_FILE
from wtemlp.core import paths
from wtemlp.md.walker import Walker

GUARD_AWK = GUARD_FILE
GUARD_LMP = "guard.lmp"
END_LABEL = "end"


def awk_program(walker: Walker) -> str:
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
        # Before its first update there is nothing that OPES could go on from.
        first = w.nvt_steps + (w.observation * (w.pace or 0) if w.method == Method.OPES else 0)
        due = f"step > {first} && step < {w.nvt_steps + w.nsteps}"
        text += (
            f"  else if ({due} && (step - {w.nvt_steps}) % {every} == 0)\n"
            f'    printf "write_restart {new} noinit\\nshell mv {new} {paths.CHECKPOINT}\\n'
            f'shell echo %d > {paths.PROGRESS}\\n", step\n'
        )
    return text + "}\n"


def guarded_run(w: Walker, steps: str) -> str:
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


def sound(w: Walker) -> str:
    """The LAMMPS expression that is 1 while nothing is wrong."""
    checks = "v_temp_ok && v_energy_ok && (v_devi_stop == 0)"
    return checks if w.pressure_bar is None else f"{checks} && v_vol_ok"


def volume_guard(w: Walker) -> list[str]:
    """At constant pressure: bounds from the volume at the start, until there is a mean."""
    if w.pressure_bar is None:
        return []
    return [
        *volume_bounds(w, "vol"),
        'variable        vol_ok equal "(vol > v_vol_lo) && (vol < v_vol_hi)"',
    ]


def volume_bounds(w: Walker, usual: str) -> list[str]:
    """Set the bounds of the volume, Angstrom^3, by a usual one and by what the models have seen.

    `usual` is a LAMMPS expression.
    """
    factor = f"{w.guard.volume_factor:.10g}"
    lines = [
        f"variable        vol_lo equal $(({usual})/{factor}:%.10g)",
        f"variable        vol_hi equal $(({usual})*{factor}:%.10g)",
    ]
    if w.data_volumes_A3 is None:
        return lines
    low, high = (f"{volume:.10g}" for volume in w.data_volumes_A3)
    return [
        *lines,
        f'if "${{vol_lo}} > {low}" then "variable vol_lo equal {low}"',
        f'if "${{vol_hi}} < {high}" then "variable vol_hi equal {high}"',
    ]


def stops(w: Walker, where: str) -> list[str]:
    """End the job with a note if a guard has halted the run, in a part of it."""
    checks = w.guard.devi_checks
    window = f"{w.guard.energy_sigmas:g} sigma sqrt(biasfactor) from its NVT mean"
    volume = _halted(
        "$(v_vol_ok) != 1",
        f"volume $(vol:%.6g) A^3 at step $(step){where}: not between ${{vol_lo}} and ${{vol_hi}}"
        f" A^3 (guard.volume_factor {w.guard.volume_factor:g}, and the labelled frames)",
    )
    return [
        *([] if w.pressure_bar is None else [volume]),
        _halted(
            "$(v_temp_ok) != 1",
            f"temperature $(temp:%.6g) K at step $(step){where}: above $(v_temp_max:%.6g) K",
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
