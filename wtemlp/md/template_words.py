"""The words that wtemlp replaces in the user's own scripts, for one walker."""

from wtemlp.config.templates.job import SEEDS as SEED_WORDS
from wtemlp.config.templates.job import WORDS
from wtemlp.core.units import KB_EV
from wtemlp.md.walker import Walker
from wtemlp.md.wte_guard import GUARD_AWK, awk_program

#: Words of the seeds, by what they are called in ``job.json``.
SEEDS = dict(zip(("velocity_seed", "thermostat_seed"), SEED_WORDS, strict=True))


def values(walker: Walker) -> dict[str, str]:
    """The value of each word of :data:`wtemlp.config.templates.job.WORDS` that there is one for.

    Parameters
    ----------
    walker : Walker
        K, bar, ps, eV.
    """
    w = walker
    found: dict[str, float | int | None] = {
        "V_TEMP": w.temperature_K,
        "V_PRESS": w.pressure_bar,
        "V_TAUP": w.barostat_ps if w.pressure_bar is not None else None,
        "V_DT": w.timestep_ps,
        "V_NSTEPS": w.nsteps,
        "V_NVT_STEPS": w.nvt_steps,
        "V_TRJ_FREQ": w.trj_freq,
        "V_BIASFACTOR": w.biasfactor,
        "V_PACE": w.pace,
        "V_SIGMA": w.sigma_eV,
        "V_HEIGHT": None if w.height_kT is None else w.height_kT * KB_EV * w.temperature_K,
        "V_VELOCITY_SEED": w.velocity_seed,
        "V_THERMOSTAT_SEED": w.thermostat_seed,
        "V_TEMP_MAX": w.guard.temp_factor * w.temperature_K,
        "V_ENERGY_SIGMAS": w.guard.energy_sigmas,
        "V_DEVI_CHECKS": w.guard.devi_checks,
        "V_GUARD_EVERY": w.segment,
    }
    return {name: _text(value) for name in WORDS if (value := found[name]) is not None}


def _text(value: float | int) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def helpers(walker: Walker) -> dict[str, str]:
    """Files that a script may use: the guard on the deviation."""
    return {GUARD_AWK: awk_program(walker)}
