"""Explorations that are too short for what they measure, in units of the correlation time.

Sigma and its error need independent energies: :data:`wtemlp.analysis.energy.ENOUGH` of all like
walkers together, and :data:`EACH` of each, for each has a mean of its own.  Two correlation times
are worth one.  The correlation time is known where a run has been before: of the same run, or of
the initial data.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from wtemlp.analysis.energy import ENOUGH, NVT_EQUILIBRATION, WTE_FILLING
from wtemlp.config.records import ExploreJob, Params
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.records.init_result import RESULT, load_result
from wtemlp.records.summary import summaries

EACH = 8  #: independent energies of a walker, below which many walkers do not help


@dataclass(frozen=True)
class CorrelationTime:
    """Of the potential energy without a bias."""

    ps: float
    where: str  #: what it is from, for people


@dataclass(frozen=True)
class TooShort:
    """A part of the walkers that is too short."""

    where: str  #: entry and key
    problem: str
    remedy: str


Known = Callable[[int, float], CorrelationTime | None]  #: of a system, at a temperature (K)


def known_times(params: Params, root: RunPaths) -> Known:
    """Correlation times that earlier iterations have shown, or else the initial data's run."""
    found: dict[tuple[int, float | None], CorrelationTime] = {}
    for summary in summaries(root):
        for row in summary.walkers:
            if row.nvt is not None and row.nvt.correlation_time_ps is not None:
                time = CorrelationTime(
                    row.nvt.correlation_time_ps, f"of iteration {summary.iteration}"
                )
                found[row.system, row.temperature_K] = time
    initial = _of_init(params)
    return lambda system, temperature_K: found.get((system, temperature_K), initial)


def _of_init(params: Params) -> CorrelationTime | None:
    for data in params.init_data_sys:
        for folder in list(data.parents)[:4]:
            if (folder / RESULT).is_file():
                try:
                    runs = load_result(folder).unbiased
                except InputError:
                    return None
                for run in runs:
                    if (ps := run.correlation_time_ps) is not None:
                        return CorrelationTime(ps, f"of {run.title} in {folder.name}")
                return None
    return None


def too_short(params: Params, known: Known) -> list[TooShort]:
    """Parts of explorations that are too short, each once, in their order."""
    found: dict[tuple[str, int], TooShort] = {}
    for index, job in enumerate(params.jobs):
        if job.template is not None or not job.wte.nvt_steps:
            continue
        times = [known(system, t) for system in job.sys_idx for t in job.temps_K]
        longest = max((one for one in times if one is not None), key=_ps, default=None)
        if longest is None:
            continue
        for key, one in _of_job(job, longest, job.timestep_ps or params.timestep_ps):
            where = f"model_devi_jobs[{index}].{key}"
            found.setdefault((key, one[0]), TooShort(where, one[1], one[2]))
    return list(found.values())


def _ps(time: CorrelationTime) -> float:
    return time.ps


def _of_job(
    job: ExploreJob, time: CorrelationTime, timestep_ps: float
) -> list[tuple[str, tuple[int, str, str]]]:
    """Key, and steps, problem and remedy, of each part that is too short."""
    factors = [factor or 1.0 for factor in job.wte.biasfactors]
    n_walkers, widest = job.wte.walkers, max(factors)
    parts = [
        ("wte.nvt_steps", job.wte.nvt_steps, 1 - NVT_EQUILIBRATION, n_walkers * len(factors), 1.0)
    ]
    if job.nsteps and widest > 1:
        parts.append(("nsteps", job.nsteps, 1 - WTE_FILLING, n_walkers, widest))
    found = []
    for key, steps, counted, walkers, slower in parts:
        apart_ps = 2 * slower * time.ps
        each = counted * steps * timestep_ps / apart_ps
        wanted = max(EACH, ENOUGH / walkers)
        if each >= wanted:
            continue
        needed = round_up(wanted * apart_ps / (counted * timestep_ps), job.trj_freq)
        biased = f", {slower:g} times longer under a bias factor of {slower:g}" * (slower > 1)
        problem = (
            f"{steps} are worth {each:.2g} independent energies a walker (energies are correlated "
            f"for {time.ps:.2g} ps, {time.where}{biased}): "
            f"sigma_{'WTE' if slower > 1 else 'NVT'} is known badly"
        )
        remedy = f"{needed} do, for {wanted:.0f} of each of {walkers} like walkers"
        remedy = remedy if walkers > 1 else f"{needed} do, for {wanted:.0f}"
        found.append((key, (steps, problem, remedy)))
    return found


def round_up(steps: float, multiple: int) -> int:
    """At least `steps`, of two digits, then a multiple."""
    digit = 10 ** max(0, math.floor(math.log10(steps)) - 1)
    return int(math.ceil(math.ceil(steps / digit) * digit / multiple) * multiple)
