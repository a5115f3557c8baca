"""A plan: what a run at hand says about the bias factors of a parameter file."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from wtemlp.analysis.energy import ENOUGH, biasfactor_for_ends
from wtemlp.analysis.planning import (
    FASTEST,
    MAX_AUTO_KT,
    Fluctuations,
    Hills,
    Row,
    fluctuations,
    table,
)
from wtemlp.config.keys.labels import ForceField
from wtemlp.config.keys.wte import UNBIASED, WteBlock
from wtemlp.config.records import ExploreJob, Params
from wtemlp.core.errors import InputError
from wtemlp.planning.sources import UnbiasedRun
from wtemlp.planning.tables import MIN_ENERGIES
from wtemlp.records.lengths import CorrelationTime, round_up, too_short

BIASFACTORS = (1.0, 4.0, 16.0, 64.0, 256.0)
WATER_ATOMS = 3
LINEAR = 0.4  #: of T: half windows beyond it need more than a constant heat capacity


@dataclass(frozen=True)
class Window:
    """The bias factor of a temperature window."""

    low_K: float
    high_K: float
    exact: float  #: that reaches both ends
    biasfactor: float  #: rounded up
    nsteps: int | None  #: of an exploration that is filled in its first half


@dataclass(frozen=True)
class Plan:
    """What ``wtemlp plan`` says of one system at one temperature."""

    run: UnbiasedRun
    nvt: Fluctuations
    hills: Hills
    timestep_ps: float
    n_atoms: int | None
    n_molecules: int | None
    rows: tuple[Row, ...]
    window: Window | None
    nsteps: int | None  #: of the parameter file
    wanted: tuple[tuple[float, int], ...]  #: its bias factors, and the steps that they need
    warnings: tuple[str, ...]


def make_plan(
    run: UnbiasedRun,
    params: Params,
    biasfactors: Sequence[float],
    window_K: tuple[float, float] | None,
) -> Plan:
    """The plan of one unbiased run.

    Parameters
    ----------
    run : UnbiasedRun
    params : Params
        Its hills are those of the first exploration of the run's system.
    biasfactors : sequence of float
        Empty: :data:`BIASFACTORS` and those of the parameter file.
    window_K : (float, float), optional
        Lowest and highest temperature that are to be covered.

    Raises
    ------
    InputError
        If the run is too short, or its temperature is not in the window.
    """
    nvt = _measured(run)
    job = _job(params, run.system)
    wte = job.wte if job is not None else UNBIASED
    hills = _hills(wte, nvt, params.timestep_ps)
    own = (job.wte.biasfactors if job else ()) if not biasfactors else ()
    factors = set(biasfactors) or {*BIASFACTORS, *(g for g in own if g is not None)}
    if window_K is None and job is not None:
        window_K = job.wte.window_K
    window = None if window_K is None else _window(nvt, *window_K)
    if window is not None:
        factors.add(window.biasfactor)
    rows = table(nvt, sorted(factors), hills, params.timestep_ps, run.seconds_per_step)
    if window is not None and job is not None:
        steps = next(row.steps for row in rows if row.biasfactor == window.biasfactor)
        if steps:
            window = replace(window, nsteps=round_up(2 * steps, job.trj_freq))
    n_molecules = None
    if isinstance(params.sampler, ForceField) and run.n_atoms and run.n_atoms % WATER_ATOMS == 0:
        n_molecules = run.n_atoms // WATER_ATOMS
    return Plan(
        run=run,
        nvt=nvt,
        hills=hills,
        timestep_ps=params.timestep_ps,
        n_atoms=run.n_atoms,
        n_molecules=n_molecules,
        rows=tuple(rows),
        window=window,
        nsteps=(job.nsteps or None) if job else None,
        wanted=tuple(
            (row.biasfactor, round_up(2 * row.steps, job.trj_freq))
            for row in rows
            if job is not None and row.biasfactor in job.wte.biasfactors and row.steps
        ),
        warnings=(
            *_warnings(nvt, rows, params.timestep_ps),
            *_too_short(nvt, params),
            *_another_ensemble(run, job),
        ),
    )


def _another_ensemble(run: UnbiasedRun, job: ExploreJob | None) -> list[str]:
    """Whether the energies fluctuate otherwise in the exploration."""
    if job is None or run.pressure_held is None or run.pressure_held == bool(job.press_bar):
        return []
    ensembles = ("constant volume", "constant pressure")
    return [
        f"this run is at {ensembles[run.pressure_held]}, the exploration at"
        f" {ensembles[bool(job.press_bar)]}, where the energy has another width: plan again from"
        " the unbiased part of a walker, once there is one (--from iter.000000)"
    ]


def _measured(run: UnbiasedRun) -> Fluctuations:
    n = sum(len(energies) for energies in run.energies_eV)
    if n < MIN_ENERGIES:
        raise InputError(
            run.where, f"{n} energies after equilibration are too few", "a longer run is needed"
        )
    nvt = fluctuations(run.energies_eV, run.spacing_ps, run.temperature_K)
    if not nvt.sigma_eV > 0:
        raise InputError(run.where, "its energies are all the same", "give a run of MD")
    return nvt


def _hills(wte: WteBlock, nvt: Fluctuations, timestep_ps: float) -> Hills:
    """Those of the parameter file; where walkers choose, the most that they may."""
    if wte.pace is not None and wte.height_kT is not None:
        return Hills(wte.height_kT, wte.sigma_eV, wte.pace)
    height_kT = MAX_AUTO_KT if wte.height_kT is None else wte.height_kT
    pace = math.ceil(FASTEST * nvt.correlation_time_ps / timestep_ps)
    return Hills(height_kT, wte.sigma_eV, max(1, pace), chosen=True)


def _job(params: Params, system: int | None) -> ExploreJob | None:
    """The first exploration of a system; of any, if the system is not known."""
    return next((job for job in params.jobs if system is None or system in job.sys_idx), None)


def check_window(window_K: tuple[float, float] | None, temperature_K: float) -> None:
    """Refuse a window of temperatures that does not have that of the run in it.

    Raises
    ------
    InputError
    """
    if window_K is None:
        return
    low_K, high_K = window_K
    if not 0 < low_K < high_K < math.inf or not low_K <= temperature_K <= high_K:
        raise InputError(
            "--window",
            f"{low_K:g} {high_K:g}",
            f"must be two temperatures (K), with that of the run, {temperature_K:g}, between them",
        )


def _window(nvt: Fluctuations, low_K: float, high_K: float) -> Window:
    temperature = nvt.temperature_K
    check_window((low_K, high_K), temperature)
    exact = biasfactor_for_ends(nvt.sigma_eV, temperature, low_K, high_K)
    if not math.isfinite(exact):
        raise InputError(
            "--window",
            f"{low_K:g} {high_K:g}",
            f"no bias factor reaches {low_K:g} K from {temperature:g} K: explore at a lower one",
        )
    return Window(low_K, high_K, exact, float(max(1, math.ceil(exact - 1e-9))), None)


def _too_short(nvt: Fluctuations, params: Params) -> list[str]:
    """Explorations of the file at this run's temperature that are too short."""
    time = CorrelationTime(nvt.correlation_time_ps, "of this run")

    def known(_: int, temperature_K: float) -> CorrelationTime | None:
        return time if temperature_K == nvt.temperature_K else None

    return [f"{one.where}: {one.problem}; {one.remedy}" for one in too_short(params, known)]


def _warnings(nvt: Fluctuations, rows: Sequence[Row], timestep_ps: float) -> list[str]:
    found = []
    if nvt.independent < ENOUGH:
        needed = ENOUGH * nvt.inefficiency * nvt.spacing_ps
        found.append(
            f"the run is worth only {nvt.independent:.0f} independent energies (sigma scatters, its"
            f" error is too small); {ENOUGH} need"
            f" {needed:.3g} ps ({round_up(needed / timestep_ps, 1000)} steps) after equilibration"
        )
    wide = [row for row in rows if row.high_K - nvt.temperature_K > LINEAR * nvt.temperature_K]
    if wide:
        found.append(
            f"from bias factor {wide[0].biasfactor:g} on the window is wide for a constant heat"
            " capacity: take its ends as orders of magnitude"
        )
    return found
