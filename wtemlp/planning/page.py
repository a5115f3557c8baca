"""A plan in words and as JSON."""

import math
from dataclasses import asdict
from typing import Any

from wtemlp.analysis.planning import FILLED
from wtemlp.core.formatting import duration
from wtemlp.core.units import EV_IN_KJ_MOL, KCAL_MOL_IN_EV
from wtemlp.planning.plan import Plan, Window
from wtemlp.planning.sources import REFERENCE

J_MOL_PER_EV = 1e3 * EV_IN_KJ_MOL
UNKNOWN = "-"


def as_text(plan: Plan) -> str:
    """A plan for the terminal."""
    parts = [_head(plan), *_measured(plan), "", *_table(plan), "", *_explained(plan)]
    if plan.window is not None:
        parts += ["", *_window(plan, plan.window)]
    return "\n".join([*parts, *(f"warning: {text}" for text in plan.warnings)])


def as_record(plan: Plan) -> dict[str, Any]:
    """A plan for ``--json``; energies in eV, temperatures in K, times as their names say."""
    run, nvt = plan.run, plan.nvt
    return {
        "source": run.where,
        "engine": run.engine,
        "system": run.system,
        "n_atoms": plan.n_atoms,
        "n_molecules": plan.n_molecules,
        "seconds_per_step": run.seconds_per_step,
        "timestep_ps": plan.timestep_ps,
        "nvt": {
            **asdict(nvt),
            "independent": nvt.independent,
            "correlation_time_ps": nvt.correlation_time_ps,
            "heat_capacity_eV_K": nvt.heat_capacity_eV_K,
            "heat_capacity_error_eV_K": nvt.heat_capacity_error_eV_K,
        },
        "hills": asdict(plan.hills),
        "biasfactors": [asdict(row) for row in plan.rows],
        "window": asdict(plan.window) if plan.window else None,
        "warnings": list(plan.warnings),
    }


def _head(plan: Plan) -> str:
    atoms = f"{plan.n_atoms} atoms" if plan.n_atoms else "a system"
    if plan.n_molecules:
        atoms = f"{plan.n_molecules} waters ({atoms})"
    system = "" if plan.run.system is None else f", system {plan.run.system}"
    engine = f" with {plan.run.engine}" if plan.run.engine else ""
    return f"{atoms} at {plan.nvt.temperature_K:g} K{system}{engine}: {plan.run.where}\n"


def _measured(plan: Plan) -> list[str]:
    nvt = plan.nvt
    rows = [
        (
            "sigma_NVT",
            f"{_pm(nvt.sigma_eV, nvt.sigma_error_eV)} eV"
            f" ({nvt.sigma_eV / KCAL_MOL_IN_EV:.4g} kcal/mol)",
        ),
        ("mean energy", f"{_pm(nvt.mean_eV, nvt.mean_error_eV)} eV"),
        (
            "statistics",
            f"{nvt.n} energies, statistical inefficiency {nvt.inefficiency:.1f}:"
            f" {nvt.independent:.0f} independent",
        ),
        ("correlation time", f"{nvt.correlation_time_ps:.3g} ps"),
        (
            "heat capacity",
            f"{_pm(nvt.heat_capacity_eV_K, nvt.heat_capacity_error_eV_K)} eV/K,"
            " sigma^2 / (k T^2): of the potential energy",
        ),
    ]
    if plan.n_molecules:
        each = nvt.heat_capacity_eV_K / plan.n_molecules
        rows.append(("  of a molecule", f"{each:.3g} eV/K"))
    if plan.n_atoms:
        each = nvt.heat_capacity_eV_K / plan.n_atoms
        rows.append(("  of an atom", f"{each:.3g} eV/K, {J_MOL_PER_EV * each:.3g} J/(mol K)"))
    if plan.run.seconds_per_step:
        cost = f"{1e3 * plan.run.seconds_per_step:.3g} ms"
        if plan.run.engine:
            cost += f" with {plan.run.engine}"
        rows.append(("a step", cost))
    return [f"  {name:<17} {text}" for name, text in rows]


def _table(plan: Plan) -> list[str]:
    head = ("bias factor", "energy spread", "temperature window", "steps to fill", "time")
    cells = [
        (
            f"{row.biasfactor:g}",
            f"{_pm(row.spread_eV, row.spread_error_eV, 3)} eV",
            f"{_pm(row.low_K, row.low_error_K, 3)} to {_pm(row.high_K, row.high_error_K, 3)} K",
            _two_digits(row.steps) if row.steps else UNKNOWN,
            duration(row.seconds) if row.steps and row.seconds is not None else UNKNOWN,
        )
        for row in plan.rows
    ]
    widths = [max(len(line[k]) for line in [head, *cells]) for k in range(len(head))]
    return [
        "  " + "   ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in [head, *cells]
    ]


def _explained(plan: Plan) -> list[str]:
    hills, nvt = plan.hills, plan.nvt
    width = "sigma_NVT" if hills.width_eV is None else f"{hills.width_eV:.3g} eV"
    lines = [
        "The spread is sqrt(g (K - 1 + g) / K) sigma_NVT with K = C/k, sqrt(g) sigma_NVT where g is"
        " small beside it;",
        "the window has the temperatures whose mean energies lie within it. "
        + (
            "Errors are standard errors, from that of sigma_NVT."
            if math.isfinite(nvt.sigma_error_eV)
            else "How well they are known the run is too short to tell."
        ),
        "C grows with the number of atoms N, so at one g the window shrinks as 1/sqrt(N):",
        "the same window needs g proportional to N.",
        "Steps to fill are an estimate, for one walker: until the spread is"
        f" {100 * FILLED:.0f} % of its final value,",
        f"with hills of {hills.height_kT:g} kT and {width} every {hills.pace} steps"
        + (', the most that "pace": "auto" chooses;' if hills.chosen else ";")
        + " they grow as g^(3/2).",
    ]
    if plan.run.engine == REFERENCE and plan.run.seconds_per_step:
        lines.append(
            "The time is that of the reference force field; a step with models takes longer."
        )
    if plan.nsteps:
        lines += _enough(plan, plan.nsteps)
    return lines


def _enough(plan: Plan, nsteps: int) -> list[str]:
    """Up to which bias factor the file's steps do; half of them are for the filling."""
    enough = [row.biasfactor for row in plan.rows if 0 < 2 * row.steps <= nsteps]
    what = f"nsteps in the file, {nsteps}, is"
    if enough:
        lines = [f"{what} twice the steps to fill or more up to g = {max(enough):g}."]
    else:
        lines = [f"{what} less than twice the steps to fill any of these."]
    more = [(factor, steps) for factor, steps in plan.wanted if steps > nsteps]
    return lines + [f'For g = {factor:g} have  "nsteps": {steps}' for factor, steps in more]


def _window(plan: Plan, window: Window) -> list[str]:
    nvt = plan.nvt
    relative = 2 * nvt.sigma_error_eV / nvt.sigma_eV
    lines = [
        f"{window.low_K:g} to {window.high_K:g} K about {nvt.temperature_K:g} K, of the end that"
        f" needs more: g = {_pm(window.exact, relative * window.exact)}."
    ]
    if plan.n_molecules:
        lines.append(
            f"(1000 molecules would need g = {window.exact * 1000 / plan.n_molecules:.0f}.)"
        )
    if window.exact <= 1:
        return [*lines, "The unbiased run covers it already."]
    lines.append(f'Write into the file:  "wte": {{"biasfactor": {window.biasfactor:g}, ...}}')
    if window.nsteps:
        lines.append(
            f'with enough steps after the filling to be of use:  "nsteps": {window.nsteps}'
        )
    return lines


def _two_digits(value: float) -> str:
    """A large number with two digits that count, as 14000."""
    return f"{float(f'{value:.1e}'):.0f}"


def _pm(value: float, error: float, digits: int = 6) -> str:
    """A value and its error, to two digits of the error; without one, to so many digits."""
    if not error > 0:
        return f"{value:.{digits}g}"
    decimals = int(max(0, 1 - float(f"{error:.1e}".split("e")[1])))
    return f"{value:.{decimals}f} +- {error:.{decimals}f}"
