"""The results of all jobs, brought together to a record with a verdict."""

from collections.abc import Sequence

from wtemlp.config.records import Params
from wtemlp.core.formatting import some
from wtemlp.core.versions import installed_versions
from wtemlp.records.validation_record import (
    CANNOT_TELL,
    GOOD,
    NOT_GOOD,
    REFERENCE,
    UNTESTED,
    Check,
    Estimate,
    Parity,
    Validation,
)
from wtemlp.reference.sampler import in_words
from wtemlp.validation import checks as ask
from wtemlp.validation.measure import Measured, measure
from wtemlp.validation.parity import read_parity
from wtemlp.validation.questions import Runs, against_reference
from wtemlp.validation.work import Work


def judge(work: Work) -> Validation:
    """Read what the jobs have left, and say whether the models are good."""
    params, root = work.params, work.places.root
    symbols = work.structure.elements
    runs = [
        part
        for job in (*work.models, *work.reference)
        for part in measure(job, params, root, symbols)
    ]
    parities: tuple[Parity, ...] = ()
    if work.parity is not None:
        parities = read_parity(work.parity, params, len(work.graphs), root)
    checks, distances, noises = _checks(params, runs, parities)
    answer = overall(checks)
    return Validation(
        iteration=work.places.iteration,
        models=tuple(range(params.validation.models)),
        reference=_reference(params),
        verdict=_verdict(params, checks),
        answer=answer,
        md=tuple(part.run for part in runs),
        parity=parities,
        checks=tuple(checks),
        rdf_distance=distances,
        rdf_noise=noises,
        versions=installed_versions(),
    )


def overall(checks: Sequence[Check]) -> str:
    """The answer to all questions: good only where every one was tested and is good."""
    answers = {check.answer for check in checks}
    if NOT_GOOD in answers:
        return NOT_GOOD
    return GOOD if answers == {GOOD} else CANNOT_TELL


def _checks(
    params: Params, runs: Sequence[Measured], parities: Sequence[Parity]
) -> tuple[list[Check], dict[str, Estimate], dict[str, float]]:
    checks: list[Check] = []
    distances: dict[str, Estimate] = {}
    noises: dict[str, float] = {}
    for target_K in params.validation.temps_K:
        of = Runs(tuple(runs), target_K, params.validation)
        checks.append(ask.come_through(of))
        checks += _of_reference(runs, target_K)
        checks += ask.thermal(of)
        for pair, found in ask.structure(of).items():
            if found.distance is not None:
                distances[f"{pair} {target_K:g} K"] = found.distance
                noises[f"{pair} {target_K:g} K"] = found.noise
            checks.append(found.check)
        checks += ask.variables(of)
        checks += against_reference(of, parities)
    return checks + ask.parity_checks(parities, params.validation.bounds), distances, noises


def _of_reference(runs: Sequence[Measured], target_K: float) -> list[Check]:
    """A check that fails, where the reference itself has exploded: nothing can be compared."""
    failed = [
        m.run
        for m in runs
        if m.run.potential == REFERENCE and m.run.target_K == target_K and m.run.failed
    ]
    if not failed:
        return []
    what = f"{failed[0].failed} in {failed[0].ensemble.upper()}"
    return [
        Check(
            f"reference MD at {target_K:g} K",
            "it exploded",
            "it comes through",
            NOT_GOOD,
            f"the reference itself at {target_K:g} K {what}",
        )
    ]


def _reference(params: Params) -> str:
    """The reference in words; "" if it has run no MD."""
    if params.sampler is None or not params.validation.reference:
        return ""
    return in_words(params.sampler)


def _verdict(params: Params, checks: Sequence[Check]) -> str:
    """One sentence."""
    answer = overall(checks)
    if answer == GOOD:
        temps = ", ".join(f"{temperature:g}" for temperature in params.validation.temps_K)
        n = params.validation.models
        return f"good: {n} model{'s' * (n > 1)} at {temps} K within all {len(checks)} bounds"
    kinds = (NOT_GOOD,) if answer == NOT_GOOD else (CANNOT_TELL, UNTESTED)
    told = [check for check in checks if check.answer in kinds]
    told.sort(key=lambda check: (kinds.index(check.answer), "exploded" not in check.note))
    return f"{answer}: {some([_told(check) for check in told], between='; ')}"


def _told(check: Check) -> str:
    """A check for the verdict: an explosion in its own words."""
    if "exploded" in check.note and check.answer == NOT_GOOD:
        return check.note
    if check.answer == UNTESTED:
        return f"{check.name} is untested ({check.note})"
    value = "" if check.value == "none" else check.value
    return f"{check.name}: " + "; ".join(part for part in (value, check.note) if part)
