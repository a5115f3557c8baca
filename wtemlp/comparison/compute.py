"""Runs in, a comparison out: nothing here reads a file."""

import re
from collections.abc import Sequence

from wtemlp.analysis.intervals import Interval, difference_interval
from wtemlp.comparison import records
from wtemlp.comparison import sampling_of_arms as sampling
from wtemlp.comparison.budget import close, common_budget
from wtemlp.comparison.errors_of_arms import (
    epoch_errors,
    errors_at,
    high_bins,
    high_energy_error,
)
from wtemlp.comparison.recommendation import recommend
from wtemlp.comparison.records import Run
from wtemlp.comparison.result import (
    BETTER,
    UNEQUAL,
    UNKNOWN,
    UNTOLD,
    WORSE,
    ArmResult,
    Budget,
    Comparison,
    Difference,
    Error,
)

MANY_STOPPED = 0.25  #: fraction of stopped walkers that is worth a word
REACHED = 0.8  #: of the root of the bias factor; below it, a bias has not converged

_UNITS = {"force": "meV/A", "energy": "meV/atom"}
_ORDER = (records.UNBIASED, records.BIASED, records.RANDOM_PICKS, records.HIGH_T)


def compare_runs(runs: Sequence[Run], notes: Sequence[str] = ()) -> Comparison:
    """Compare runs at the number of labels that all of them reach.

    Parameters
    ----------
    runs : sequence of Run
        At least one.
    notes : sequence of str
        What is known to be missing; it comes first among the comparison's notes.

    Returns
    -------
    Comparison
    """
    budget = common_budget(runs)
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.arm.key, []).append(run)
    bins = high_bins(runs) if _validated_alike(runs) else []
    arms = [_arm(members, budget, bins) for members in groups.values()]
    arms.sort(key=_order)
    differences = baseline_differences(arms)
    return Comparison(
        runs=tuple(runs),
        budget=budget,
        arms=tuple(arms),
        differences=tuple(differences),
        recommendation=recommend(arms, budget, differences),
        notes=(*notes, *_notes(runs, arms, budget)),
    )


def _order(one: ArmResult) -> tuple[object, ...]:
    """By bias factor, random picks beside the arm that they belong to, high temperature last.

    Then by name, with numbers in it by their size.
    """
    arm = one.arm
    return (
        arm.baseline == records.HIGH_T,
        not arm.biasfactors,
        arm.biasfactors,
        _ORDER.index(arm.baseline),
        [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", arm.label)],
    )


def _arm(
    runs: Sequence[Run], budget: Budget, bins: Sequence[tuple[str, float, float]]
) -> ArmResult:
    chosen = budget.iterations
    trainings = [run.training(chosen[run.name]) for run in runs if run.name in chosen]
    explored = [one for run in runs for one in sampling.explorations(run, chosen)]
    walkers = [walker for one in explored for walker in one.walkers]
    last = [walker for run in runs for walker in sampling.last_walkers(run, chosen)]
    window, window_expected = sampling.windows(last)
    verdicts = [run.validated.ok for run in runs if run.validated is not None]
    return ArmResult(
        arm=runs[0].arm,
        runs=tuple(run.name for run in runs),
        seeds=tuple(run.seed for run in runs),
        domain=_domain(runs),
        iterations=tuple(one.iteration for one in trainings if one),
        labels=tuple(one.labels or 0 for one in trainings if one),
        force=errors_at(runs, chosen, "force"),
        energy=errors_at(runs, chosen, "energy"),
        high_energy_force=high_energy_error(runs, bins) if bins else None,
        epochs=epoch_errors(runs, chosen),
        explored=sum(one.explored or 0 for one in explored),
        candidates=sampling.fraction(explored, "candidate"),
        failed=sampling.fraction(explored, "failed"),
        walkers=len(walkers),
        stopped=sum(walker.stopped for walker in walkers),
        ratio=sampling.mean_ratio(last),
        ratio_expected=sampling.expected_ratio(last),
        spread_eV=sampling.spread(last),
        window_K=window,
        window_expected_K=window_expected,
        spending=sampling.spending(runs, chosen),
        validated=all(verdicts) if verdicts else None,
        flags=tuple(_flags(runs, walkers, last, [one for e in explored for one in e.lowered])),
    )


def _domain(runs: Sequence[Run]) -> tuple[str, str]:
    """What its errors are of: a system, and validation data."""
    systems = {run.system for run in runs if run.system}
    data = {run.tested_on for run in runs if run.tested_on}
    return " / ".join(sorted(systems)), " / ".join(sorted(data))


def _flags(
    runs: Sequence[Run],
    walkers: Sequence[records.ComparedWalker],
    last: Sequence[records.ComparedWalker],
    lowered: Sequence[str],
) -> list[str]:
    flags = []
    stopped = sum(walker.stopped for walker in walkers)
    if walkers and stopped >= MANY_STOPPED * len(walkers):
        flags.append(f"the guard stopped {stopped} of its {len(walkers)} walkers")
    ratio, expected = sampling.mean_ratio(last), sampling.expected_ratio(last)
    if ratio is not None and expected is not None and expected > 1:
        error = "" if ratio.error is None else f" ± {ratio.error:.2g}"
        if ratio.value + 2 * (ratio.error or 0.0) < REACHED * expected:
            flags.append(
                f"its bias has not converged: σ WTE / σ NVT is {ratio.value:.3g}{error}, "
                f"√γ = {expected:.3g}"
            )
    if lowered:
        flags.append(f"its bias factor was lowered in a run: {lowered[0]}")
    validations = [run.validated for run in runs if run.validated is not None]
    failed = [one for one in validations if not one.ok]
    if failed:
        where = f" in {len(failed)} of {len(validations)} runs" if len(validations) > 1 else ""
        verdicts = "; ".join(dict.fromkeys(one.verdict for one in failed))
        flags.append(f"its validation failed{where}: {verdicts}")
    seeds = [run.seed for run in runs]
    if len(set(seeds)) < len(seeds):
        flags.append("some of its runs have the same seed: they count as one")
    return flags


def _validated_alike(runs: Sequence[Run]) -> bool:
    """Whether the validated models of all runs had as many labels."""
    found = [
        training.labels
        for run in runs
        if run.validated is not None
        and (training := run.training(run.validated.iteration)) is not None
        and training.labels is not None
    ]
    return bool(found) and close(min(found), max(found))


def same_domain(first: ArmResult, second: ArmResult) -> bool:
    """Whether errors of two arms are of the same system and data, as far as that can be seen."""
    return all(a == b or not a or not b for a, b in zip(first.domain, second.domain, strict=True))


def baseline_differences(arms: Sequence[ArmResult]) -> list[Difference]:
    """Each arm that picks by deviation against its baselines, forces and energies.

    Random picks are held against the arm of the same bias factors; unbiased MD, at the same and
    at a higher temperature, against every biased arm.
    """
    found = []
    for one in arms:
        if one.arm.random or one.arm.baseline == records.HIGH_T:
            continue
        for other in arms:
            if _is_baseline(one.arm, other.arm) and same_domain(one, other):
                found += [difference(one, other, name) for name in _UNITS]
    return found


def _is_baseline(arm: records.ComparedArm, other: records.ComparedArm) -> bool:
    if other.random:
        return other.biasfactors == arm.biasfactors
    plain = other.baseline in (records.UNBIASED, records.HIGH_T)
    return plain and arm.baseline == records.BIASED


def difference(one: ArmResult, other: ArmResult, quantity: str) -> Difference:
    """An arm's error minus another's, with its interval and what that allows to say.

    Parameters
    ----------
    one, other : ArmResult
    quantity : str
        "force" or "energy".

    Returns
    -------
    Difference
    """
    first, second = getattr(one, quantity), getattr(other, quantity)
    interval = None
    if first is not None and second is not None:
        interval = difference_interval(first.samples, second.samples)
    return Difference(
        arm=one.arm.key,
        other=other.arm.key,
        quantity=quantity,
        unit=_UNITS[quantity],
        interval=interval,
        source=_source(first, second),
        labels=one.labels,
        other_labels=other.labels,
        verdict=_verdict(interval, one.labels + other.labels),
    )


def _source(first: Error | None, second: Error | None) -> str:
    return " and ".join(dict.fromkeys(one.source for one in (first, second) if one is not None))


def _verdict(interval: Interval | None, labels: Sequence[int]) -> str:
    if interval is None or interval.half is None:
        return UNKNOWN
    if not close(min(labels), max(labels)):
        return UNEQUAL
    if interval.high < 0:
        return BETTER
    return WORSE if interval.low > 0 else UNTOLD


def _notes(runs: Sequence[Run], arms: Sequence[ArmResult], budget: Budget) -> list[str]:
    notes = [f"{run.name}: {note}" for run in runs for note in run.notes]
    systems = {arm.domain[0] for arm in arms if arm.domain[0]}
    data = {arm.domain[1] for arm in arms if arm.domain[1]}
    if len(systems) > 1:
        notes.append(
            f"The runs are of different systems ({'; '.join(sorted(systems))}): their errors, "
            "energies and costs cannot be compared in absolute terms, only their courses."
        )
    elif len(data) > 1:
        notes.append(
            "The runs were tested on different validation data: their errors cannot be compared "
            "in absolute terms. Give all the same validation_data_sys."
        )
    starts = {run.trainings[0].frames for run in runs if run.trainings and run.trainings[0].frames}
    if len(starts) > 1:
        notes.append(
            "The runs began with different numbers of labelled frames "
            f"({', '.join(map(str, sorted(starts)))}); labels are counted beyond those."
        )
    for run in runs:
        if run.name not in budget.iterations:
            notes.append(f"{run.name} ({run.status}) has no tested model yet.")
        elif not run.finished:
            notes.append(f"{run.name} is {run.status}; what it has so far is compared.")
    if budget.limited_by:
        notes.append(
            f"{budget.limited_by} has fewest labels; the others are compared as they were then."
        )
    if budget.iterations and not budget.equal:
        notes.append(
            "No number of labels is common to all runs: their errors are those nearest to "
            f"{budget.labels} labels, and differences between them are not those of the method "
            "alone."
        )
    return notes
