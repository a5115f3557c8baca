"""What an arm's exploration covered, yielded and cost."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from wtemlp.analysis.energy import heat_capacity
from wtemlp.analysis.widths import WithError, law_ratio
from wtemlp.comparison.records import Exploration, Run
from wtemlp.comparison.result import Spending
from wtemlp.records.validation_record import Estimate
from wtemlp.report.widths import LikeWalkers


def explorations(run: Run, iterations: Mapping[str, int]) -> tuple[Exploration, ...]:
    """The explorations whose labels the models at the budget had; all, if those had none."""
    if run.name in iterations:
        return run.before(iterations[run.name]) or run.explorations
    return run.explorations


def fraction(found: Sequence[Exploration], name: str) -> Estimate | None:
    """Fraction of the explored frames that are ``"candidate"`` or ``"failed"``.

    The error is that of the mean over the walkers, for frames of one walker are correlated; None
    with fewer than two.
    """
    explored = sum(one.explored or 0 for one in found if getattr(one, name) is not None)
    if not explored:
        return None
    value = sum(getattr(one, name) or 0 for one in found) / explored
    each = [
        getattr(walker, name) / walker.explored
        for one in found
        for walker in one.walkers
        if walker.explored and getattr(walker, name) is not None
    ]
    return Estimate(value, _standard_error(each))


def _standard_error(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else None


def last_widths(run: Run, iterations: Mapping[str, int]) -> list[LikeWalkers]:
    """Of the last exploration of a run in which a width was measured."""
    for exploration in reversed(explorations(run, iterations)):
        found = [one for one in run.widths(exploration.iteration) if one.width.ratio is not None]
        if found:
            return found
    return []


def mean(values: Sequence[WithError | None]) -> Estimate | None:
    """Mean over runs, systems and conditions.

    Its error is that of the values' own errors, or their scatter's where there are three or more,
    whichever is larger: a scatter of two says little.  None where some have no error and there is
    no such scatter.
    """
    known = [one for one in values if one is not None and math.isfinite(one.value)]
    if not known:
        return None
    own = [one.error for one in known if one.error is not None]
    errors = [] if len(own) < len(known) else [math.hypot(*own) / len(own)]
    scatter = _standard_error([one.value for one in known]) if len(known) > 2 else None
    errors += [] if scatter is None else [scatter]
    return Estimate(float(np.mean([one.value for one in known])), max(errors, default=None))


def ratio(widths: Sequence[LikeWalkers]) -> Estimate | None:
    """sigma_WTE / sigma_NVT."""
    return mean([one.width.ratio for one in widths])


def law(widths: Sequence[LikeWalkers]) -> Estimate | None:
    """What a converged bias gives for the same walkers; None where there is no such law."""
    laws = [one.width.law for one in widths]
    return None if None in laws else mean(laws)


def reached(widths: Sequence[LikeWalkers]) -> Estimate | None:
    """The ratio over that of the law, with an error that knows what they have in common."""
    found = [one.width.reached for one in widths]
    return None if None in found else mean(found)


def spread(widths: Sequence[LikeWalkers]) -> Estimate | None:
    """sigma_WTE, eV, of the box; of walkers of one system alone."""
    if len({one.system for one in widths}) > 1:
        return None
    return mean([one.width.wte_eV for one in widths])


def expected_spread(widths: Sequence[LikeWalkers]) -> Estimate | None:
    """What a converged bias gives for :func:`spread`; None where there is no such law."""
    if any(one.width.law is None for one in widths):
        return None
    return mean([_by_law(one, lambda sigma, _: sigma) for one in widths])


def windows(widths: Sequence[LikeWalkers]) -> tuple[Estimate | None, Estimate | None]:
    """Half-width of the temperature window, K: as measured, and as a converged bias has it.

    sigma_WTE / C, with the heat capacity C that sigma_NVT shows.
    """
    lawful = all(one.width.law is not None for one in widths)
    return (
        mean([_half_window(one) for one in widths]),
        mean([_by_law(one, _in_kelvin) for one in widths]) if lawful else None,
    )


def _in_kelvin(sigma_eV: float, one: tuple[float, float]) -> float:
    """A spread of energies over the heat capacity of (sigma_NVT, temperature)."""
    return sigma_eV / heat_capacity(*one)


def _half_window(one: LikeWalkers) -> WithError | None:
    nvt, wte, temperature_K = one.nvt_eV, one.width.wte_eV, one.temperature_K
    if nvt is None or not nvt.value or not temperature_K:
        return None
    value = _in_kelvin(wte.value, (nvt.value, temperature_K))
    if wte.relative is None or nvt.relative is None:
        return WithError(value)
    return WithError(value, value * math.hypot(wte.relative, 2 * nvt.relative))


def _by_law(
    one: LikeWalkers, of: Callable[[float, tuple[float, float]], float]
) -> WithError | None:
    """A function of the law's sigma_WTE, and of what it comes from, with the error of sigma_NVT."""
    nvt, temperature_K = one.nvt_eV, one.temperature_K
    if nvt is None or not temperature_K:
        return None

    def at(sigma: float) -> float:
        ratio, _ = law_ratio(WithError(sigma), temperature_K or 0.0, one.biasfactors)
        return of(ratio.value * sigma, (sigma, temperature_K or 0.0))

    if nvt.error is None:
        return WithError(at(nvt.value))
    step = 1e-4 * nvt.value
    slope = (at(nvt.value + step) - at(nvt.value - step)) / (2 * step)
    return WithError(at(nvt.value), abs(slope) * nvt.error)


def spending(runs: Sequence[Run], iterations: Mapping[str, int]) -> Spending:
    """What it takes to train the models at the budget, all that they need included."""
    sums = [_spent(run, iterations[run.name]) for run in runs if run.name in iterations]
    totals = {
        name: [sum(one[name].values()) for one in sums if one[name]]
        for name in ("seconds", "core_hours", "gpu_hours")
    }
    by_core = bool(totals["core_hours"]) and sum(totals["core_hours"]) > 0
    stages: dict[str, list[float]] = defaultdict(list)
    for one in sums:
        for stage, value in one["core_hours" if by_core else "seconds"].items():
            stages[stage].append(value if by_core else value / 3600)
    return Spending(
        **{name: float(np.mean(found)) if found else None for name, found in totals.items()},
        by_stage={stage: sum(found) / len(sums) for stage, found in stages.items()},
        unit="core hours" if by_core else "hours of wall time",
    )


def _spent(run: Run, iteration: int) -> dict[str, dict[str, float]]:
    """Sums by stage, up to the training of an iteration."""
    result: dict[str, dict[str, float]] = {
        name: defaultdict(float) for name in ("seconds", "core_hours", "gpu_hours")
    }
    for cost in run.costs:
        for name, sums in result.items():
            for stage, value in getattr(cost, name).items():
                if cost.iteration < iteration or (cost.iteration == iteration and stage == "train"):
                    sums[stage] += value
    return result
