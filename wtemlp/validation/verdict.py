"""The results of all jobs, brought together to a record with a verdict."""

from collections.abc import Sequence

from wtemlp.config.records import Params
from wtemlp.core.formatting import some
from wtemlp.core.versions import installed_versions
from wtemlp.records.validation_record import REFERENCE, Check, Estimate, Parity, Validation
from wtemlp.validation import checks as ask
from wtemlp.validation.measure import Measured, measure
from wtemlp.validation.parity import read_parity
from wtemlp.validation.work import Work


def judge(work: Work) -> Validation:
    """Read what the jobs have left, and say whether the models are good."""
    params, root = work.params, work.places.root
    n_atoms = len(work.structure.elements)
    runs = [
        part
        for job in (*work.models, *work.reference)
        for part in measure(job, params, root, n_atoms)
    ]
    parities: tuple[Parity, ...] = ()
    if work.parity is not None:
        parities = read_parity(work.parity, params, len(work.graphs), root)
    checks, distances, noises = _checks(params, runs, parities)
    ok = all(check.ok for check in checks)
    return Validation(
        iteration=work.places.iteration,
        models=tuple(range(params.validation.models)),
        reference=_reference(params),
        verdict=_verdict(params, checks, ok),
        ok=ok,
        md=tuple(part.run for part in runs),
        parity=parities,
        checks=tuple(checks),
        rdf_distance=distances,
        rdf_noise=noises,
        versions=installed_versions(),
    )


def _checks(
    params: Params, runs: Sequence[Measured], parities: Sequence[Parity]
) -> tuple[list[Check], dict[str, Estimate], dict[str, float]]:
    bounds, checks = params.validation.bounds, []
    distances: dict[str, Estimate] = {}
    noises: dict[str, float] = {}
    for target_K in params.validation.temps_K:
        if through := ask.come_through(runs, target_K):
            checks.append(through)
        checks += _of_reference(runs, target_K)
        checks += ask.thermal(runs, target_K, bounds)
        for pair, found in ask.structure(runs, target_K, bounds).items():
            distances[f"{pair} {target_K:g} K"] = found.distance
            noises[f"{pair} {target_K:g} K"] = found.noise
            checks.append(found.check)
        checks += ask.against_reference(runs, target_K, bounds)
    return checks + ask.parity_checks(parities, bounds, force_bound(params)), distances, noises


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
            False,
            f"the reference itself at {target_K:g} K {what}",
        )
    ]


def force_bound(params: Params) -> float:
    """The bound of the errors of forces, meV/Angstrom."""
    given, system = params.validation.bounds.force_rmse_meV_A, params.validation.system
    return given if given is not None else 1e3 * params.f_trust_lo[system or 0]


def _reference(params: Params) -> str:
    """The reference in words; "" if it has run no MD."""
    if params.force_field is None or not params.validation.reference:
        return ""
    field = params.force_field
    return f"{field.name}, cut-off {field.cutoff_A:g} A, PPPM accuracy {field.kspace_accuracy:g}"


def _verdict(params: Params, checks: Sequence[Check], ok: bool) -> str:
    """One sentence."""
    if ok:
        temps = ", ".join(f"{temperature:g}" for temperature in params.validation.temps_K)
        n = params.validation.models
        return f"good: {n} model{'s' * (n > 1)} at {temps} K within all {len(checks)} bounds" + (
            "" if _reference(params) else ", without MD of the reference to compare with"
        )
    failed = sorted(
        (check for check in checks if not check.ok), key=lambda check: "exploded" not in check.note
    )
    return f"not good: {some([_failure(check) for check in failed], between='; ')}"


def _failure(check: Check) -> str:
    """A failed check for the verdict: an explosion in its own words."""
    if "exploded" in check.note:
        return check.note
    return f"{check.name}: {check.value}"
