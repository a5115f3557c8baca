"""Arms against each other: which differences can be told, of all that are looked at together.

Runs are the replicates, a value a seed.  The models of one run share its data, so their scatter
says nothing of what another exploration would have given: arms of one seed get no verdict.  All
tests of a comparison, whatever they are of, are one family with one budget of error (Holm).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

from wtemlp.analysis.intervals import LEVEL, Interval, difference_interval, holm
from wtemlp.comparison import records
from wtemlp.comparison.budget import close
from wtemlp.comparison.result import (
    BETTER,
    ONE_SEED,
    SEEDS,
    UNEQUAL,
    UNTOLD,
    WORSE,
    ArmResult,
    Difference,
    Error,
)

FORCE, ENERGY, HIGH_ENERGY = "force", "energy", "high_energy_force"
UNITS = {FORCE: "meV/A", ENERGY: "meV/atom", HIGH_ENERGY: "meV/A"}
_OF: dict[str, Callable[[ArmResult], Error | None]] = {
    FORCE: lambda one: one.force,
    ENERGY: lambda one: one.energy,
    HIGH_ENERGY: lambda one: one.high_energy_force,
}


def all_differences(arms: Sequence[ArmResult]) -> list[Difference]:
    """Every difference that a comparison looks at, with verdicts that hold for all together.

    Each arm that picks by deviation against its baselines (forces and energies), and those that
    can be recommended against each other (forces, and forces at high energies).

    Parameters
    ----------
    arms : sequence of ArmResult

    Returns
    -------
    list of Difference
        Of each pair and quantity one, the baseline last.
    """
    found = [
        _difference(one, other, quantity, baseline=baseline)
        for one, other, quantity, baseline in _looked_at(arms)
    ]
    tested = [place for place, one in enumerate(found) if one.verdict == UNTOLD]
    adjusted = holm([found[place].p_value or 0.0 for place in tested])
    for place, p_value in zip(tested, adjusted, strict=True):
        found[place] = _judged(found[place], p_value, len(tested))
    return found


def _looked_at(
    arms: Sequence[ArmResult],
) -> list[tuple[ArmResult, ArmResult, str, bool]]:
    looked = []
    for first, second in combinations(arms, 2):
        if not same_domain(first, second):
            continue
        one, other = (second, first) if is_baseline(second.arm, first.arm) else (first, second)
        baseline = is_baseline(one.arm, other.arm)
        both = first.can_be_recommended and second.can_be_recommended
        for quantity in (FORCE,) * (baseline or both) + (ENERGY,) * baseline:
            looked.append((one, other, quantity, baseline))
        if both and all(_OF[HIGH_ENERGY](arm) is not None for arm in (one, other)):
            looked.append((one, other, HIGH_ENERGY, False))
    return looked


def same_domain(first: ArmResult, second: ArmResult) -> bool:
    """Whether errors of two arms are of the same system and data, as far as that can be seen."""
    return all(a == b or not a or not b for a, b in zip(first.domain, second.domain, strict=True))


def is_baseline(arm: records.ComparedArm, other: records.ComparedArm) -> bool:
    """Whether an arm that picks by deviation is held against another.

    Random picks are held against the arm of the same bias factors; unbiased MD, at the same and
    at a higher temperature, against every biased arm.
    """
    if arm.random or arm.baseline == records.HIGH_T:
        return False
    if other.random:
        return other.biasfactors == arm.biasfactors
    plain = other.baseline in (records.UNBIASED, records.HIGH_T)
    return plain and arm.baseline == records.BIASED


def _difference(one: ArmResult, other: ArmResult, quantity: str, *, baseline: bool) -> Difference:
    """An arm's error minus another's; its verdict is no more yet than whether it can be tested."""
    first, second = _OF[quantity](one), _OF[quantity](other)
    interval = _interval(first, second)
    p_value = None if interval is None else interval.p_value
    if quantity == ENERGY and interval is not None and p_value is not None:
        p_value = _of_both(interval, _interval(one.correlation, other.correlation))
    verdict = ONE_SEED if p_value is None else UNTOLD
    if p_value is not None and not close(
        min(one.labels + other.labels), max(one.labels + other.labels)
    ):
        verdict = UNEQUAL
    return Difference(
        arm=one.arm.key,
        other=other.arm.key,
        quantity=quantity,
        unit=UNITS[quantity],
        interval=interval,
        source=" and ".join(dict.fromkeys(e.source for e in (first, second) if e is not None)),
        labels=one.labels,
        other_labels=other.labels,
        verdict=verdict,
        p_value=p_value,
        baseline=baseline,
    )


def _interval(first: Error | None, second: Error | None) -> Interval | None:
    if first is None or second is None:
        return None
    if first.source != SEEDS or second.source != SEEDS:
        return Interval(first.interval.mean - second.interval.mean, None, 1)
    values = [dict(zip(one.seeds, one.samples, strict=True)) for one in (first, second)]
    return difference_interval(values[0], values[1])


def _of_both(error: Interval, correlation: Interval | None) -> float | None:
    """Of energies: they differ where RMSE and correlation both say so, in the same direction."""
    if error.p_value is None or correlation is None or correlation.p_value is None:
        return error.p_value
    if error.mean * correlation.mean <= 0:
        return 1.0
    return max(error.p_value, correlation.p_value)


def _judged(one: Difference, p_value: float, tests: int) -> Difference:
    verdict = UNTOLD
    if p_value < 1 - LEVEL and one.interval is not None:
        verdict = BETTER if one.interval.mean < 0 else WORSE
    return replace(one, verdict=verdict, p_value=p_value, tests=tests)


def between(
    found: Sequence[Difference], one: ArmResult, other: ArmResult, quantity: str
) -> Difference | None:
    """The first arm minus the second, whichever way round it was tested; None: it was not."""
    for given in found:
        if given.quantity == quantity and {given.arm, given.other} == {one.arm.key, other.arm.key}:
            return given if given.arm == one.arm.key else given.turned()
    return None
