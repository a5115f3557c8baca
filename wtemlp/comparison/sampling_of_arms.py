"""What an arm's exploration covered, yielded and cost."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from wtemlp.analysis.energy import temperature_window
from wtemlp.comparison.records import ComparedWalker, Exploration, Run
from wtemlp.comparison.result import Spending
from wtemlp.records.validation_record import Estimate


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


def _measured(walkers: Iterable[ComparedWalker]) -> list[ComparedWalker]:
    """Walkers that came through and whose widths are known."""
    return [
        one
        for one in walkers
        if not one.stopped and one.ratio is not None and one.sigma_wte_eV is not None
    ]


def last_walkers(run: Run, iterations: Mapping[str, int]) -> list[ComparedWalker]:
    """The walkers of the last exploration of a run in which a width was measured."""
    for exploration in reversed(explorations(run, iterations)):
        if found := _measured(exploration.walkers):
            return found
    return []


def mean_ratio(walkers: Sequence[ComparedWalker]) -> Estimate | None:
    """sigma_WTE / sigma_NVT over walkers.

    Its error is the scatter's where there are several walkers, or that of the walkers' own
    series, whichever is larger: a scatter of two says little.
    """
    values = [one.ratio for one in walkers if one.ratio is not None]
    if not values:
        return None
    own = [one.ratio_error for one in walkers if one.ratio_error is not None]
    errors = [] if len(own) < len(values) else [math.hypot(*own) / len(own)]
    scatter = _standard_error(values)
    errors += [] if scatter is None else [scatter]
    return Estimate(float(np.mean(values)), max(errors) if errors else None)


def expected_ratio(walkers: Sequence[ComparedWalker]) -> float | None:
    """What a converged bias gives for the same walkers; None where there is no such law."""
    if not walkers or not all(one.lawful and one.biasfactor for one in walkers):
        return None
    return float(np.mean([math.sqrt(one.biasfactor or 1.0) for one in walkers]))


def spread(walkers: Sequence[ComparedWalker]) -> Estimate | None:
    """Root mean square of sigma_WTE, eV, of the box; of walkers of one system alone."""
    if not walkers or len({one.system for one in walkers}) > 1:
        return None
    values = [one.sigma_wte_eV for one in walkers if one.sigma_wte_eV is not None]
    return Estimate(float(np.sqrt(np.mean(np.square(values)))), _standard_error(values))


def windows(walkers: Sequence[ComparedWalker]) -> tuple[Estimate | None, float | None]:
    """Half-width of the temperature window, K: as measured, and as a converged bias has it.

    sigma_NVT, hence the heat capacity, is that of all walkers of one system and temperature.
    """
    groups: dict[tuple[int | None, float], list[tuple[ComparedWalker, float, float]]] = defaultdict(
        list
    )
    for one in walkers:
        if one.temperature_K and one.sigma_nvt_eV and one.sigma_wte_eV:
            key = (one.system, one.temperature_K)
            groups[key].append((one, one.sigma_nvt_eV, one.sigma_wte_eV))
    measured, expected = [], []
    for (_, temperature), members in groups.items():
        sigma = math.sqrt(np.mean([nvt**2 for _, nvt, _ in members]))
        for one, _, wte in members:
            reached = wte / sigma
            measured.append(temperature_window(sigma, temperature, reached**2))
            if one.lawful and one.biasfactor:
                expected.append(temperature_window(sigma, temperature, one.biasfactor))
    if not measured:
        return None, None
    lawful = float(np.mean(expected)) if len(expected) == len(measured) else None
    return Estimate(float(np.mean(measured)), _standard_error(measured)), lawful


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
