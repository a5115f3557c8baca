"""Runs in, a comparison out: nothing here reads a file."""

import re
from collections.abc import Sequence

from wtemlp.analysis.widths import SURE
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
    ArmResult,
    Budget,
    Comparison,
)
from wtemlp.comparison.verdicts import all_differences
from wtemlp.report.table import measured
from wtemlp.report.widths import LikeWalkers

MANY_STOPPED = 0.25  #: fraction of stopped walkers that is worth a word
REACHED = 0.8  #: of the law of the heat capacity; below it, a bias has not converged

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
    found = all_differences(arms)
    return Comparison(
        runs=tuple(runs),
        budget=budget,
        arms=tuple(arms),
        differences=tuple(one for one in found if one.baseline),
        recommendation=recommend(arms, budget, found),
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
    last = [one for run in runs for one in sampling.last_widths(run, chosen)]
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
        correlation=errors_at(runs, chosen, "correlation"),
        offset=errors_at(runs, chosen, "offset"),
        high_energy_force=high_energy_error(runs, bins) if bins else None,
        epochs=epoch_errors(runs, chosen),
        explored=sum(one.explored or 0 for one in explored),
        candidates=sampling.fraction(explored, "candidate"),
        failed=sampling.fraction(explored, "failed"),
        walkers=len(walkers),
        stopped=sum(walker.stopped for walker in walkers),
        ratio=sampling.ratio(last),
        law=sampling.law(last),
        reached=sampling.reached(last),
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
    last: Sequence[LikeWalkers],
    lowered: Sequence[str],
) -> list[str]:
    flags = []
    stopped = sum(walker.stopped for walker in walkers)
    if walkers and stopped >= MANY_STOPPED * len(walkers):
        flags.append(f"the guard stopped {stopped} of its {len(walkers)} walkers")
    reached = sampling.reached(last)
    biased = any(factor > 1 for one in last for factor in one.biasfactors)
    highest = None  # nothing is said beyond the error
    if reached is not None and reached.error is not None:
        highest = reached.value + SURE * reached.error
    if biased and highest is not None and highest < REACHED:
        ratio, law = (measured(one(last)) for one in (sampling.ratio, sampling.law))
        flags.append(f"its bias has not converged: σ WTE / σ NVT is {ratio}, by the law {law}")
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
