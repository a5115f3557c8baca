"""What the verdict asks of the models, each question with its answer.

Each question is asked of every model and answered by the worst (:mod:`wtemlp.validation.answers`).
A number that the reference has and a model has not is a failure of the model; one that nobody has,
or that the settings leave out, is untested.  A run that exploded is told once, by
:func:`come_through`, and asked nothing more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wtemlp.analysis.structure import BlockedRdf, RdfDistance, rdf_distance
from wtemlp.analysis.variables import Apart, apart, of_one_run
from wtemlp.config.keys.validation import ValidationBounds
from wtemlp.md.validation_script import NVE, NVT
from wtemlp.records.validation_record import (
    GOOD,
    MODEL,
    NOT_GOOD,
    UNTESTED,
    Check,
    Estimate,
    MdRun,
    Parity,
)
from wtemlp.validation.answers import (
    CheckResult,
    Length,
    Missing,
    ask,
    fewest,
    in_words,
    untested,
)
from wtemlp.validation.measure import Measured
from wtemlp.validation.questions import Runs, why_none

EMPTY = 0.02  #: g(r) below which there are no pairs to speak of
#: A change of the total energy that says nothing in a short run: the integrator conserves another
#: one, which differs from it as the potential energy changes.
VERLET_MEV_ATOM = 0.2
MEV = 1e3


def come_through(of: Runs) -> Check:
    """Whether all models come through MD at a temperature."""
    of_models = [m.run for m in of.runs if m.run.potential == MODEL]
    of_models = [run for run in of_models if run.target_K == of.target_K]
    failed: dict[int | None, str] = {}
    for run in of_models:
        if run.failed and run.model not in failed:
            who = f"model {run.model} at {of.target_K:g} K"
            failed[run.model] = f"{who} {run.failed} in {run.ensemble.upper()}"
    total = len({run.model for run in of_models})
    answer = NOT_GOOD if failed else GOOD if total else UNTESTED
    return Check(
        name=f"MD at {of.target_K:g} K without an explosion",
        value=f"{total - len(failed)} of {total} models",
        bound="all of them",
        answer=answer,
        note="; ".join(failed.values()),
    )


def thermal(of: Runs) -> list[Check]:
    """Temperature in NVT: mean and fluctuation; and the total energy in NVE."""
    bounds, where = of.bounds, f"at {of.target_K:g} K"
    checks = [
        ask(
            f"mean temperature {where}",
            f"within {100 * bounds.temperature:g} % of {of.target_K:g} K",
            [_mean_temperature(m.run, bounds.temperature) for m in of.models(NVT)],
            of.length(NVT),
        ),
        ask(
            f"temperature fluctuation {where}",
            f"within {100 * bounds.temperature_std:g} % of T sqrt(2 / {_freedom(of)})",
            [_fluctuation(m, bounds.temperature_std) for m in of.models(NVT)],
            of.length(NVT),
        ),
    ]
    name = f"total energy in NVE {where}"
    wanted = (
        f"drift within {bounds.energy_drift_meV_atom_ns:g} meV/atom/ns"
        f" or {VERLET_MEV_ATOM:g} meV/atom"
    )
    if NVE not in of.settings.ensembles:
        return [*checks, untested(name, wanted, 'ensembles has no "nve"')]
    drifts = [_drift(m.run, bounds.energy_drift_meV_atom_ns) for m in of.models(NVE)]
    return [*checks, ask(name, wanted, drifts, of.length(NVE))]


def _freedom(of: Runs) -> str:
    """Degrees of freedom, in words: a molecule alone does not turn."""
    if of.settings.alone and any(m.run.n_atoms > 2 for m in of.runs):
        return "(3 N - 6)"
    return "(3 N - 5)" if of.settings.alone else "(3 N - 3)"


def _mean_temperature(run: MdRun, bound: float) -> CheckResult | Missing:
    mean = run.temperature_K
    if mean is None:
        return _not_measured(run)
    off, text = mean.value - run.target_K, f"{in_words(mean, 1)} K"
    return CheckResult(run.model, text, off, bound * run.target_K, mean.error, fewest(mean))


def _fluctuation(m: Measured, bound: float) -> CheckResult | Missing:
    std, expected = m.run.temperature_std_K, m.run.temperature_std_expected_K
    if std is None or not expected or m.run.temperature_K is None:
        return _not_measured(m.run)
    error = m.temperature_std_error_K
    ratio = std / expected
    text = f"{std:.2f} K, {ratio:.2f} of {expected:.2f} K"
    relative = None if error is None else error / expected
    return CheckResult(m.run.model, text, ratio - 1, bound, relative, fewest(m.run.temperature_K))


def _drift(run: MdRun, bound: float) -> CheckResult | Missing:
    drift = run.total_energy_drift_meV_atom_ns
    if drift is None:
        return _not_measured(run)
    allowed = max(bound, VERLET_MEV_ATOM / (run.steps * run.timestep_fs * 1e-6))
    text = f"{in_words(drift, 2)} meV/atom/ns"
    return CheckResult(run.model, text, drift.value, allowed, drift.error, fewest(drift))


def _not_measured(run: MdRun) -> Missing:
    return Missing(run.model, "; ".join(run.notes) or "it was not measured", UNTESTED)


@dataclass(frozen=True)
class RdfCheck:
    """A radial distribution function of the models against the reference's."""

    distance: Estimate | None  #: mean over the models, with its standard error
    noise: float
    check: Check


def structure(of: Runs) -> dict[str, RdfCheck]:
    """The distances of the models' radial distribution functions from the reference's, by pair."""
    reference = of.reference(NVT)
    found = {}
    for pair in ("-".join(names) for names in of.settings.pairs):
        name, wanted = f"g(r) of {pair} at {of.target_K:g} K", f"below {of.bounds.rdf:g}"
        if reference is None or pair not in reference.rdfs:
            why = why_none(reference.run) if reference else "there is no MD of the reference"
            found[pair] = RdfCheck(None, 0.0, untested(name, wanted, why))
            continue
        known = reference.rdfs[pair]
        distances = {
            m.run.model: rdf_distance(m.rdfs[pair], known, beyond_bonds(known))
            for m in of.models(NVT)
            if pair in m.rdfs
        }
        answers: list[CheckResult | Missing] = [
            rdf_answer(model, one, of.bounds.rdf, len(known.blocks))
            for model, one in distances.items()
        ]
        answers += [
            Missing(m.run.model, f"model {m.run.model} has none ({why_none(m.run)})")
            for m in of.models(NVT)
            if pair not in m.rdfs
        ]
        noise = sum(one.noise for one in distances.values()) / max(len(distances), 1)
        wanted = f"mean |g - g_ref| below {of.bounds.rdf:g} (noise alone: {noise:.3f})"
        check = ask(name, wanted, answers, of.length(NVT))
        found[pair] = RdfCheck(mean_distance(list(distances.values())), noise, check)
    return found


def rdf_answer(model: int | None, one: RdfDistance, bound: float, n_blocks: int) -> CheckResult:
    """What is left of a distance without the noise, which adds in squares."""
    true = math.sqrt(max(one.value**2 - one.noise**2, 0.0))
    return CheckResult(
        model, f"{one.value:.3f}", true, bound, one.error, n_blocks, noise=one.value - true
    )


def variables(of: Runs) -> list[Check]:
    """The distributions of distances, angles and torsions against the reference's."""
    reference, bound = of.reference(NVT), of.bounds.variables
    known = reference.variables if reference else {}
    distances = {
        m.run.model: of_one_run(
            {k: apart(m.variables[k], known[k]) for k in m.variables.keys() & known}
        )
        for m in of.models(NVT)
    }
    found = []
    for one in of.settings.variables:
        name = f"{one.kind.lower()} {one.name} at {of.target_K:g} K"
        wanted = f"probability of any interval within {bound:g} of the reference's"
        if reference is None or one.name not in reference.variables:
            why = why_none(reference.run) if reference else "there is no MD of the reference"
            found.append(untested(name, wanted, why))
            continue
        answers: list[CheckResult | Missing] = [
            _apart(m.run.model, distances[m.run.model][one.name], bound)
            if one.name in m.variables
            else Missing(m.run.model, f"model {m.run.model} has none ({why_none(m.run)})")
            for m in of.models(NVT)
        ]
        found.append(ask(name, wanted, answers, of.length(NVT)))
    return found


def _apart(model: int | None, one: Apart, bound: float) -> CheckResult:
    """What is left of a difference without the noise, which adds in squares."""
    true = math.sqrt(max(one.value**2 - one.noise**2, 0.0))
    text = f"{one.value:.3f} apart (noise alone: {one.noise:.3f})"
    error = one.error if math.isfinite(one.error) else None
    return CheckResult(model, text, true, bound, error, one.independent, noise=one.value - true)


def mean_distance(distances: Sequence[RdfDistance]) -> Estimate | None:
    """Mean over the models and its standard error; a single one has that of its blocks."""
    if not distances:
        return None
    n = len(distances)
    mean = sum(one.value for one in distances) / n
    if n == 1:
        return Estimate(mean, distances[0].error)
    spread = math.sqrt(sum((one.value - mean) ** 2 for one in distances) / (n - 1))
    return Estimate(mean, spread / math.sqrt(n), n)


def beyond_bonds(reference: BlockedRdf) -> tuple[float, float] | None:
    """The range in which radial distribution functions are compared; None: all of it.

    The sharp peaks of a molecule's own distances would outweigh all that is between molecules.
    The range begins where the reference's ends, at the first gap after its first pairs.
    """
    empty = reference.g < EMPTY
    filled = [place for place, nothing in enumerate(empty) if not nothing]
    if not filled:
        return None
    gaps = [
        place for place in range(filled[0], len(empty) - 1) if empty[place] and empty[place + 1]
    ]
    if not gaps or filled[-1] < gaps[0]:
        return None
    return float(reference.r_A[gaps[0]]), float(reference.r_A[-1])


def parity_checks(parities: Sequence[Parity], bounds: ValidationBounds) -> list[Check]:
    """Errors on the held-out data; of independent frames they are known to 1 / sqrt(2 n)."""
    if not parities:
        what = f"energies within {bounds.energy_rmse_meV_atom:g} meV/atom, forces within"
        what += f" {bounds.force_rmse_meV_A:g} meV/A"
        return [untested("errors on held-out data", what, "validation_data_sys is empty")]
    checks = []
    for data in dict.fromkeys(one.data for one in parities):
        of_data = [one for one in parities if one.data == data]
        frames = Length(f"frames in {data}: a number", min(one.n_frames for one in of_data))
        bound = bounds.energy_rmse_meV_atom
        energies = [
            _rmse(one, one.energy_rmse_shifted_meV_atom, bound, "meV/atom", 2) for one in of_data
        ]
        wanted = f"RMSE within {bound:g} meV/atom, the mean offset removed"
        checks.append(ask(f"energies of {data}", wanted, energies, frames))
        bound = bounds.force_rmse_meV_A
        forces = [_rmse(one, one.force_rmse_meV_A, bound, "meV/A", 0) for one in of_data]
        wanted = f"RMSE of the components within {bound:g} meV/A"
        checks.append(ask(f"forces of {data}", wanted, forces, frames))
    return checks


def _rmse(one: Parity, value: float, bound: float, unit: str, decimals: int) -> CheckResult:
    text, error = f"{value:.{decimals}f} {unit}", value / math.sqrt(2 * one.n_frames)
    return CheckResult(one.model, text, value, bound, error, one.n_frames)
