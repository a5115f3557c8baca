"""What the verdict asks of the models, each question with its answer.

A number with an error is within its bound, if the bound is not exceeded by more than three
standard errors (some ten questions are asked of each model at each temperature: of two, one would
be answered wrongly by chance).  A run that is too short to tell is no evidence against a model, and
the note says that it is too short.  Each question is asked of every model, and answered by the
worst.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from wtemlp.analysis.structure import BlockedRdf, RdfDistance, rdf_distance
from wtemlp.config.keys.validation import ValidationBounds
from wtemlp.md.validation_script import NPT, NVE, NVT
from wtemlp.records.validation_record import MODEL, REFERENCE, Check, Estimate, MdRun, Parity
from wtemlp.validation.measure import Measured

ERRORS = 3.0  #: standard errors by which a bound may be exceeded
NOISES = 2.0  #: times what two runs of one potential differ by, on average
EMPTY = 0.02  #: g(r) below which there are no pairs to speak of
#: A change of the total energy that says nothing in a short run: the integrator conserves another
#: one, which differs from it as the potential energy changes.
VERLET_MEV_ATOM = 0.2
TOO_SHORT = "the error exceeds the bound: a longer run would tell more"


@dataclass(frozen=True)
class CheckResult:
    """What one model has to say to a question."""

    model: int
    value: str  #: with its unit
    off: float  #: how far it is from where it should be ...
    bound: float  #: ... and may be ...
    error: float = 0.0  #: ... and how well that is known

    @property
    def excess(self) -> float:
        """Above 1 where the bound is exceeded, the error allowed for."""
        error = self.error if math.isfinite(self.error) else 0.0
        allowed = self.bound + ERRORS * error
        return abs(self.off) / allowed if math.isfinite(self.off) else math.inf


def ask(name: str, bound: str, answers: Iterable[CheckResult]) -> list[Check]:
    """One question, answered by the model that is worst; none if no model can answer."""
    found = list(answers)
    if not found:
        return []
    worst = max(found, key=lambda answer: answer.excess)
    value = worst.value
    if len(found) > 1:
        value += f" (model {worst.model}, the worst of {len(found)})"
    ok = worst.excess <= 1
    return [Check(name, value, bound, ok, TOO_SHORT if ok and worst.error > worst.bound else "")]


def come_through(runs: Sequence[Measured], target_K: float) -> Check | None:
    """Whether all models come through MD at a temperature."""
    of_models = [m.run for m in runs if m.run.potential == MODEL and m.run.target_K == target_K]
    if not of_models:
        return None
    failed: dict[int | None, str] = {}
    for run in of_models:
        if run.failed and run.model not in failed:
            who = f"model {run.model} at {target_K:g} K"
            failed[run.model] = f"{who} {run.failed} in {run.ensemble.upper()}"
    total = len({run.model for run in of_models})
    return Check(
        name=f"MD at {target_K:g} K without an explosion",
        value=f"{total - len(failed)} of {total} models",
        bound="all of them",
        ok=not failed,
        note="; ".join(failed.values()),
    )


def thermal(runs: Sequence[Measured], target_K: float, bounds: ValidationBounds) -> list[Check]:
    """Temperature in NVT: mean, fluctuation, drift; and the total energy in NVE."""
    nvt = [m for m in _of(runs, MODEL, NVT, target_K) if m.run.temperature_K is not None]
    nve = [m.run for m in _of(runs, MODEL, NVE, target_K)]
    where = f"at {target_K:g} K"
    checks = ask(
        f"mean temperature {where}",
        f"within {100 * bounds.temperature:g} % of {target_K:g} K",
        (
            CheckResult(
                m.run.model,
                f"{_pm(m.run.temperature_K, 1)} K",
                m.run.temperature_K.value - target_K,
                bounds.temperature * target_K,
                m.run.temperature_K.error or 0.0,
            )
            for m in nvt
        ),
    )
    checks += ask(
        f"temperature fluctuation {where}",
        f"within {100 * bounds.temperature_std:g} % of T sqrt(2 / (3 N - 3))",
        (_fluctuation(m, bounds.temperature_std) for m in nvt),
    )
    drifts = [(m.run.model, m.run.temperature_drift_K_ns) for m in nvt]
    checks += ask(
        f"temperature drift {where}",
        f"within {bounds.drift_K_ns:g} K/ns",
        (
            CheckResult(
                model, f"{_pm(drift, 0)} K/ns", drift.value, bounds.drift_K_ns, drift.error or 0.0
            )
            for model, drift in drifts
            if drift is not None
        ),
    )
    return checks + ask(
        f"total energy in NVE {where}",
        f"drift within {bounds.energy_drift_meV_atom_ns:g} meV/atom/ns"
        f" or {VERLET_MEV_ATOM:g} meV/atom",
        (
            CheckResult(
                run.model,
                f"{_pm(drift, 2)} meV/atom/ns",
                drift.value,
                max(bounds.energy_drift_meV_atom_ns, VERLET_MEV_ATOM / _length_ns(run)),
                drift.error or 0.0,
            )
            for run in nve
            if (drift := run.total_energy_drift_meV_atom_ns) is not None
        ),
    )


def _length_ns(run: MdRun) -> float:
    return run.steps * run.timestep_fs * 1e-6


def _fluctuation(m: Measured, bound: float) -> CheckResult:
    expected = m.run.temperature_std_expected_K
    ratio = m.run.temperature_std_K / expected
    text = f"{m.run.temperature_std_K:.2f} K, {ratio:.2f} of {expected:.2f} K"
    return CheckResult(
        m.run.model, text, ratio - 1, bound, (m.temperature_std_error_K or 0) / expected
    )


def against_reference(
    runs: Sequence[Measured], target_K: float, bounds: ValidationBounds
) -> list[Check]:
    """Energy, self-diffusion and density against the reference's; none without one."""
    questions: list[tuple[str, str, float, Callable[[Measured], Estimate | None], str]] = [
        (
            "fluctuation of the potential energy",
            NVT,
            bounds.energy_std,
            lambda m: m.run.energy_std_eV,
            "eV",
        ),
        ("density", NPT, bounds.density, lambda m: m.run.density_g_cm3, "g/cm3"),
    ]
    elements = dict.fromkeys(d.what for m in runs for d in m.run.diffusion)
    questions += [
        (f"self-diffusion of {what}", ensemble, bounds.diffusion, _d_of(what), "1e-5 cm2/s")
        for what in elements
        for ensemble in (NVE, NVT)
    ]
    checks = []
    for name, ensemble, bound, value_of, unit in questions:
        references = [value_of(m) for m in _of(runs, REFERENCE, ensemble, target_K)]
        if not references or references[0] is None:
            continue
        answers = [
            _relative(m.run.model, value, references[0], bound, unit)
            for m in _of(runs, MODEL, ensemble, target_K)
            if (value := value_of(m)) is not None
        ]
        wanted = f"within {100 * bound:g} % of the reference's {_pm(references[0], 3)} {unit}"
        checks += ask(f"{name} at {target_K:g} K", wanted, answers)
    return checks


def _d_of(what: str) -> Callable[[Measured], Estimate | None]:
    return lambda m: next((d.d_pbc for d in m.run.diffusion if d.what == what), None)


def _relative(
    model: int, value: Estimate, reference: Estimate, bound: float, unit: str
) -> CheckResult:
    error = math.hypot(value.error or 0.0, reference.error or 0.0) / abs(reference.value)
    off = value.value / reference.value - 1
    return CheckResult(model, f"{_pm(value, 3)} {unit}", off, bound, error)


@dataclass(frozen=True)
class StructureCheck:
    """A radial distribution function of the models against the reference's."""

    distance: Estimate  #: mean over the models, with their spread
    noise: float
    check: Check


def structure(
    runs: Sequence[Measured], target_K: float, bounds: ValidationBounds
) -> dict[str, StructureCheck]:
    """The distances of the models' radial distribution functions from the reference's, by pair."""
    references = [m.rdfs for m in _of(runs, REFERENCE, NVT, target_K)]
    found = {}
    for pair, reference in (references[0] if references else {}).items():
        distances = {
            m.run.model: rdf_distance(m.rdfs[pair], reference, beyond_bonds(reference))
            for m in _of(runs, MODEL, NVT, target_K)
            if pair in m.rdfs
        }
        if distances:
            found[pair] = _structure(pair, target_K, distances, bounds.rdf)
    return found


def _structure(
    pair: str, target_K: float, distances: dict[int, RdfDistance], bound: float
) -> StructureCheck:
    values = [one.value for one in distances.values()]
    mean, n = sum(values) / len(values), len(values)
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1)) if n > 1 else None
    noise = sum(one.noise for one in distances.values()) / n
    answers = (
        CheckResult(model, f"{one.value:.3f}", one.value, max(bound, NOISES * one.noise))
        for model, one in distances.items()
    )
    wanted = f"mean |g - g_ref| below {bound:g}, or {NOISES:g} times the noise, {noise:.3f}"
    check = ask(f"g(r) of {pair} at {target_K:g} K", wanted, answers)[0]
    only = next(iter(distances.values())).error
    return StructureCheck(Estimate(mean, spread if spread is not None else only), noise, check)


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


def parity_checks(
    parities: Sequence[Parity], bounds: ValidationBounds, force_bound_meV_A: float
) -> list[Check]:
    """Errors on the held-out data."""
    checks = []
    for data in dict.fromkeys(one.data for one in parities):
        of_data = [one for one in parities if one.data == data]
        checks += ask(
            f"energies of {data}",
            f"RMSE within {bounds.energy_rmse_meV_atom:g} meV/atom, the mean offset removed",
            (
                CheckResult(
                    one.model,
                    f"{one.energy_rmse_shifted_meV_atom:.2f} meV/atom",
                    one.energy_rmse_shifted_meV_atom,
                    bounds.energy_rmse_meV_atom,
                )
                for one in of_data
            ),
        )
        checks += ask(
            f"forces of {data}",
            f"RMSE within {force_bound_meV_A:g} meV/A",
            (
                CheckResult(
                    one.model,
                    f"{one.force_rmse_meV_A:.0f} meV/A",
                    one.force_rmse_meV_A,
                    force_bound_meV_A,
                )
                for one in of_data
            ),
        )
    return checks


def _of(runs: Sequence[Measured], potential: str, ensemble: str, target_K: float) -> list[Measured]:
    return [
        m
        for m in runs
        if (m.run.potential, m.run.ensemble, m.run.target_K) == (potential, ensemble, target_K)
    ]


def _pm(estimate: Estimate, decimals: int) -> str:
    """As ``298.7 +- 1.2``."""
    if estimate.error is None:
        return f"{estimate.value:.{decimals}f}"
    return f"{estimate.value:.{decimals}f} +- {estimate.error:.{decimals}f}"
