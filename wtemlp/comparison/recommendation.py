"""Which bias factor to use, from the errors at equal labels, and how sure that is."""

from collections.abc import Sequence

from wtemlp.analysis.intervals import Interval
from wtemlp.comparison import records
from wtemlp.comparison.result import (
    BETTER,
    MODELS,
    WORSE,
    ArmResult,
    Budget,
    Difference,
    Error,
    Recommendation,
)
from wtemlp.comparison.verdicts import FORCE, HIGH_ENERGY, between
from wtemlp.core.formatting import number

MORE = "More seeds (or more labels) would tell them apart."
NO_BASELINE = (
    "No unbiased run is among them: whether a bias helps at all is not shown (wtemlp sweep with "
    "--biasfactor 1)."
)


def recommend(
    arms: Sequence[ArmResult], budget: Budget, differences: Sequence[Difference] = ()
) -> Recommendation:
    """Recommend one of the arms that pick by deviation.

    The force RMSE on the validation data at equal labels decides.  Arms that are not shown to be
    worse than the best one are tied with it; among these the force RMSE in the upper half of the
    energy bins decides, where there are validations; then arms without a failed validation and
    with few stopped walkers go first, and then the smaller bias factor, which costs less and
    converges sooner.

    Parameters
    ----------
    arms : sequence of ArmResult
    budget : Budget
    differences : sequence of Difference
        All that the comparison looks at, with verdicts within one budget of error: what is told
        here is one of them.

    Returns
    -------
    Recommendation
    """
    asked = [one for one in arms if one.can_be_recommended]
    usable = [one for one in asked if one.force is not None]
    refusal = _refusal(asked, usable, budget)
    if refusal is not None:
        return refusal
    best = min(usable, key=lambda one: _error(one.force))
    tied = [one for one in usable if not _worse(differences, one, best, FORCE)]
    by_bins = _by_bins(tied, differences)
    chosen = min(by_bins, key=lambda one: (_doubtful(one), one.arm.biasfactors))
    clear = len(by_bins) == 1
    others = [one for one in usable if one is not chosen]
    reasons = [_numbers(chosen, budget), *(_against(chosen, one, differences) for one in others)]
    if len(by_bins) < len(tied):
        reasons.append(_bins_decided(tied, by_bins))
    reasons += _not_better(chosen, arms, differences)
    reasons += [f"{one.arm.label}: {flag}." for one in usable for flag in one.flags]
    return Recommendation(
        biasfactor=chosen.arm.biasfactor,
        arm=chosen.arm.key,
        clear=clear,
        sentence=_sentence(chosen, by_bins, usable),
        reasons=tuple(reasons),
        next_step=_next_step(chosen, usable, clear),
    )


def _error(error: Error | None) -> float:
    return float("inf") if error is None else error.interval.mean


def _worse(
    differences: Sequence[Difference], one: ArmResult, other: ArmResult, quantity: str
) -> bool:
    found = between(differences, one, other, quantity)
    return found is not None and found.verdict == WORSE


def _by_bins(tied: list[ArmResult], differences: Sequence[Difference]) -> list[ArmResult]:
    """Those of the tied arms that are best at high energies, where all have that error."""
    if len(tied) < 2 or any(one.high_energy_force is None for one in tied):
        return tied
    best = min(tied, key=lambda one: _error(one.high_energy_force))
    return [one for one in tied if not _worse(differences, one, best, HIGH_ENERGY)]


def _doubtful(one: ArmResult) -> tuple[bool, bool]:
    return one.validated is False, any("guard stopped" in flag for flag in one.flags)


def _refusal(
    asked: Sequence[ArmResult], usable: Sequence[ArmResult], budget: Budget
) -> Recommendation | None:
    """Why nothing can be recommended; None if something can."""

    def none(sentence: str, next_step: str) -> Recommendation:
        reasons = [f"{one.arm.label}: {flag}." for one in asked for flag in one.flags]
        return Recommendation(None, "", False, sentence, tuple(reasons), next_step)

    if not asked:
        return none(
            "No bias factor can be recommended: none of these runs has explored with one.",
            "Their errors and validations are compared all the same; to compare bias factors: "
            "wtemlp sweep PARAM MACHINE --biasfactor 1 4 16.",
        )
    if not usable:
        return none(
            "No bias factor can be recommended: no model was tested on validation data.",
            "Name some in the parameter file (validation_data_sys), and let the runs go on.",
        )
    if len(usable) == 1:
        return none(
            f"No bias factor can be recommended from one alone ({usable[0].arm.label}).",
            "Compare it with others: wtemlp sweep PARAM MACHINE --biasfactor 1 4 16.",
        )
    for place, what in enumerate(("systems", "validation data")):
        if len({one.domain[place] for one in usable if one.domain[place]}) > 1:
            return none(
                f"No bias factor can be recommended: the runs are of different {what}.",
                "Compare runs of one system that were tested on the same data.",
            )
    if not budget.equal:
        labels = ", ".join(f"{one.arm.label}: {count_words(one)}" for one in usable)
        return none(
            f"No bias factor can be recommended: the runs have no number of labels in common "
            f"({labels}).",
            "Let them go on to the same number, or compare at the same budget: wtemlp sweep PARAM "
            "MACHINE.",
        )
    if not budget.labels:
        return none(
            "No bias factor can be recommended yet: at least one run has labelled nothing, so all "
            "that differs is the training.",
            "Let the runs go on.",
        )
    return None


def _sentence(chosen: ArmResult, tied: Sequence[ArmResult], usable: Sequence[ArmResult]) -> str:
    name = chosen.arm.label
    if len(tied) == 1:
        failed = ", but its validation failed" if chosen.validated is False else ""
        return f"Recommended: {name}{failed}."
    words = _list([one.arm.label for one in tied])
    left = " (all that were compared)" if len(tied) == len(usable) else ""
    why = "the smallest, whose bias converges soonest"
    if chosen is not min(tied, key=lambda one: one.arm.biasfactors):
        why = "the smaller ones are in doubt, see below"
    verdict = "No difference can be told between"
    if any(_one_seed(one) for one in tied):
        verdict = "No verdict, for want of seeds (one run of an arm is one value), between"
    return f"{verdict} {words}{left}; of these, {name} for now: {why}."


def _one_seed(one: ArmResult) -> bool:
    return one.force is not None and one.force.source == MODELS


def _numbers(one: ArmResult, budget: Budget) -> str:
    return f"{one.arm.label}: force RMSE {error_words(one.force)} meV/Å at {count_words(one)}."


def _against(chosen: ArmResult, other: ArmResult, differences: Sequence[Difference]) -> str:
    """A sentence on the other's error minus the chosen one's."""
    found = between(differences, other, chosen, FORCE)
    if found is None:
        return f"{other.arm.label}: not known."
    return (
        f"{other.arm.label}: {error_words(other.force)} meV/Å at {count_words(other)}, "
        f"{difference_words(found.interval)} meV/Å against {chosen.arm.label}: "
        f"{verdict_words(found)}."
    )


def _not_better(
    chosen: ArmResult, arms: Sequence[ArmResult], differences: Sequence[Difference]
) -> list[str]:
    """The baselines that an arm is not shown to be better than, but for plain unbiased MD."""
    lines = []
    for one in differences:
        other = next(arm for arm in arms if arm.arm.key == one.other)
        plain = other.arm.baseline == records.UNBIASED
        wanted = one.baseline and one.arm == chosen.arm.key and one.quantity == FORCE
        if wanted and one.verdict != BETTER:
            if plain and other.can_be_recommended:  # it is among the arms that are told of anyway
                continue
            earns = "its choice of frames" if other.arm.random else "its bias"
            lines.append(
                f"{chosen.arm.label} is not shown to be better than {other.arm.label} "
                f"({difference_words(one.interval)} meV/Å): {earns} has not earned anything yet."
            )
    return lines


def _bins_decided(tied: Sequence[ArmResult], left: Sequence[ArmResult]) -> str:
    numbers = _list([f"{one.arm.label} {error_words(one.high_energy_force)} meV/Å" for one in tied])
    return (
        f"The error on all validation data cannot tell {_list([o.arm.label for o in tied])} apart; "
        f"that at high energies (upper half of the bins) decides: {numbers}."
    )


def _next_step(chosen: ArmResult, usable: Sequence[ArmResult], clear: bool) -> str:
    steps = []
    if any(_one_seed(one) for one in usable):
        steps.append(
            "What another exploration would have given is known from runs with other seeds alone "
            "(wtemlp sweep --seeds 5): the models of one run share its data."
        )
    elif not clear:
        steps.append(MORE)
    if not any(one.arm.baseline == records.UNBIASED for one in usable):
        steps.append(NO_BASELINE)
    return " ".join(steps)


def error_words(error: Error | None) -> str:
    """An error with its interval, as "61.2 ± 3.1"."""
    if error is None:
        return "not known"
    return _with_half(error.interval, number(error.interval.mean))


def difference_words(interval: Interval | None) -> str:
    """A difference with its sign and interval, as "+8.1 ± 5.0"."""
    if interval is None:
        return "not known"
    sign = "−" if interval.mean < 0 else "+"
    return _with_half(interval, sign + number(abs(interval.mean), 2))


def verdict_words(one: Difference) -> str:
    """A verdict with what it was tested by, as "better (p = 0.003 of 9 tests)"."""
    if not one.tests or one.p_value is None:
        return one.verdict
    p_value = f"= {one.p_value:.2g}" if one.p_value >= 0.001 else "< 0.001"
    tests = f" of {one.tests} tests" if one.tests > 1 else ""
    return f"{one.verdict} (p {p_value}{tests})"


def _with_half(interval: Interval, mean: str) -> str:
    return mean if interval.half is None else f"{mean} ± {number(interval.half, 2)}"


def count_words(one: ArmResult) -> str:
    """The labels of an arm's runs, as "60 labels", "58-60 labels"."""
    if not one.labels:
        return "no labels"
    ends = dict.fromkeys((min(one.labels), max(one.labels)))
    return f"{'-'.join(map(str, ends))} labels"


def _list(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
