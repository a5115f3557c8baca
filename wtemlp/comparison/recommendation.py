"""Which bias factor to use, from the errors at equal labels, and how sure that is."""

from collections.abc import Sequence

from wtemlp.analysis.intervals import Interval, difference_interval
from wtemlp.comparison import records
from wtemlp.comparison.result import (
    BETTER,
    MODELS,
    ArmResult,
    Budget,
    Difference,
    Error,
    Recommendation,
)
from wtemlp.report.table import number

MORE = "More seeds (or more labels) would tell them apart."
NO_BASELINE = (
    "No unbiased run is among them: whether a bias helps at all is not shown (wtemlp sweep with "
    "--biasfactor 1)."
)


def recommend(
    arms: Sequence[ArmResult], budget: Budget, differences: Sequence[Difference] = ()
) -> Recommendation:
    """Recommend one of the arms that pick by deviation.

    The force RMSE on the validation data at equal labels decides.  Arms whose difference from the
    best one has an interval that holds zero are tied with it; among these the force RMSE in the
    upper half of the energy bins decides, where there are validations; then arms without a
    failed validation and with few stopped walkers go first, and then the smaller bias factor,
    which costs less and converges sooner.

    Parameters
    ----------
    arms : sequence of ArmResult
    budget : Budget
    differences : sequence of Difference
        Of the arms from the baselines: where the one recommended is no better than one of these,
        that is among the reasons.

    Returns
    -------
    Recommendation
    """
    asked = [one for one in arms if _eligible(one)]
    usable = [one for one in asked if one.force is not None]
    refusal = _refusal(asked, usable, budget)
    if refusal is not None:
        return refusal
    best = min(usable, key=lambda one: _error(one.force))
    tied = [one for one in usable if one is best or _tied(one.force, best.force)]
    by_bins = _by_bins(tied)
    chosen = min(by_bins, key=lambda one: (_doubtful(one), one.arm.biasfactors))
    clear = len(by_bins) == 1
    others = [one for one in usable if one is not chosen]
    reasons = [_numbers(chosen, budget), *(_against(chosen, one) for one in others)]
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


def _eligible(one: ArmResult) -> bool:
    """Whether an arm can be recommended: not what serves as a baseline only."""
    baseline = one.arm.random or one.arm.baseline == records.HIGH_T
    return not baseline and bool(one.arm.biasfactors)


def _error(error: Error | None) -> float:
    return float("inf") if error is None else error.interval.mean


def _tied(one: Error | None, best: Error | None) -> bool:
    """Whether no difference can be told: the interval holds zero, or there is none."""
    if one is None or best is None:
        return True
    interval = difference_interval(one.samples, best.samples)
    return interval is None or interval.low <= 0


def _by_bins(tied: list[ArmResult]) -> list[ArmResult]:
    """Those of the tied arms that are best at high energies, where all have that error."""
    known = [one for one in tied if one.high_energy_force is not None]
    if len(known) < len(tied) or len(tied) < 2:
        return tied
    best = min(known, key=lambda one: _error(one.high_energy_force))
    return [
        one for one in known if one is best or _tied(one.high_energy_force, best.high_energy_force)
    ]


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
            "Let them go on to the same number, or compare at the same budget: wtemlp sweep.",
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
        models = any(one.force is not None and one.force.source == MODELS for one in usable)
        far = ", as far as one run of each can tell" if models else ""
        failed = ", but its validation failed" if chosen.validated is False else ""
        return f"Recommended: {name}{far}{failed}."
    words = _list([one.arm.label for one in tied])
    left = " (all that were compared)" if len(tied) == len(usable) else ""
    why = "the smallest, whose bias converges soonest"
    if chosen is not min(tied, key=lambda one: one.arm.biasfactors):
        why = "the smaller ones are in doubt, see below"
    return f"No difference can be told between {words}{left}; of these, {name} for now: {why}."


def _numbers(one: ArmResult, budget: Budget) -> str:
    return f"{one.arm.label}: force RMSE {error_words(one.force)} meV/Å at {count_words(one)}."


def _against(chosen: ArmResult, other: ArmResult) -> str:
    """A sentence on the other's error minus the chosen one's."""
    if chosen.force is None or other.force is None:
        return f"{other.arm.label}: not known."
    interval = difference_interval(other.force.samples, chosen.force.samples)
    return (
        f"{other.arm.label}: {error_words(other.force)} meV/Å at {count_words(other)}, "
        f"{difference_words(interval)} meV/Å against {chosen.arm.label}: {_told(interval)}."
    )


def _told(interval: Interval | None) -> str:
    if interval is None or interval.half is None:
        return "one value only, so no interval"
    if interval.low > 0:
        return "worse"
    return "better" if interval.high < 0 else "no difference can be told"


def _not_better(
    chosen: ArmResult, arms: Sequence[ArmResult], differences: Sequence[Difference]
) -> list[str]:
    """The baselines that an arm is not shown to be better than, but for plain unbiased MD."""
    lines = []
    for one in differences:
        other = next(arm for arm in arms if arm.arm.key == one.other)
        plain = other.arm.baseline == records.UNBIASED
        if one.arm == chosen.arm.key and one.quantity == "force" and one.verdict != BETTER:
            if plain and _eligible(other):  # it is among the arms that are told of anyway
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
    if not clear:
        steps.append(MORE)
    if any(one.force is not None and one.force.source == MODELS for one in usable):
        steps.append(
            "The intervals are over the models of one run each: they do not hold what another "
            "exploration would have given. Runs with other seeds would (wtemlp sweep, several "
            "seeds)."
        )
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
