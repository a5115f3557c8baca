"""What the verdict asks of the models, each question with its answer.

Each question is asked of every model and answered by the worst (:mod:`wtemlp.validation.answers`).
A number that the reference has and a model has not is a failure of the model; one that nobody has,
or that the settings leave out, is untested.  A run that exploded is told once, by
:func:`come_through`, and asked nothing more.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wtemlp.analysis.structure import BlockedRdf, RdfDistance, rdf_distance
from wtemlp.config.keys.validation import ValidationBounds, ValidationSettings
from wtemlp.md.validation_script import NPT, NVE, NVT
from wtemlp.records.validation_record import (
    GOOD,
    MODEL,
    NOT_GOOD,
    REFERENCE,
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
    combined,
    fewest,
    in_words,
    untested,
)
from wtemlp.validation.measure import Measured

EMPTY = 0.02  #: g(r) below which there are no pairs to speak of
#: A change of the total energy that says nothing in a short run: the integrator conserves another
#: one, which differs from it as the potential energy changes.
VERLET_MEV_ATOM = 0.2
MEV = 1e3


@dataclass(frozen=True)
class Runs:
    """The MD at one temperature, and what is asked of it."""

    runs: tuple[Measured, ...]
    target_K: float
    settings: ValidationSettings

    @property
    def bounds(self) -> ValidationBounds:
        """What the verdict asks."""
        return self.settings.bounds

    @property
    def dynamics(self) -> str:
        """The part that self-diffusion is from."""
        return NVE if NVE in self.settings.ensembles else NVT

    def models(self, ensemble: str) -> list[Measured]:
        """Those that came through a part."""
        return [m for m in self._of(MODEL, ensemble) if not m.run.failed]

    def reference(self, ensemble: str) -> Measured | None:
        """The reference's part; None where it has none."""
        return next(iter(self._of(REFERENCE, ensemble)), None)

    def length(self, ensemble: str) -> Length:
        """Of a part, as the block has it."""
        key = f"{ensemble}_steps"
        return Length(key, getattr(self.settings, key))

    def _of(self, potential: str, ensemble: str) -> list[Measured]:
        wanted = (potential, ensemble, self.target_K)
        return [m for m in self.runs if (m.run.potential, m.run.ensemble, m.run.target_K) == wanted]


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
            f"within {100 * bounds.temperature_std:g} % of T sqrt(2 / (3 N - 3))",
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
class Question:
    """A number of the models' MD that is held against the reference's."""

    name: str
    ensemble: str
    bound: float
    unit: str
    value_of: Callable[[Measured], Estimate | None]
    relative: bool = True  #: whether the bound is a fraction of the reference's
    decimals: int = 3

    def wanted(self, reference: Estimate | None) -> str:
        """The bound in words."""
        bound = f"{100 * self.bound:g} %" if self.relative else f"{self.bound:g} {self.unit}"
        if reference is None:
            return f"within {bound} of the reference's"
        return f"within {bound} of the reference's {in_words(reference, self.decimals)} {self.unit}"

    def answer(self, run: MdRun, value: Estimate, reference: Estimate) -> CheckResult:
        """A model's number against the reference's."""
        scale = abs(reference.value) if self.relative else 1.0
        off = (value.value - reference.value) / scale if scale else math.inf
        error = combined(value.error, reference.error)
        return CheckResult(
            run.model,
            f"{in_words(value, self.decimals)} {self.unit}",
            off,
            self.bound,
            None if error is None or not scale else error / scale,
            fewest(value, reference),
        )


def against_reference(of: Runs, parities: Sequence[Parity]) -> list[Check]:
    """Energy, pressure, self-diffusion and density against the reference's."""
    bounds = of.bounds
    questions = [
        Question(
            "mean potential energy, the models' mean offset removed",
            NVT,
            bounds.energy_mean_meV_atom,
            "meV/atom",
            lambda m: _energy_per_atom(m, parities),
            relative=False,
            decimals=2,
        ),
        Question(
            "fluctuation of the potential energy",
            NVT,
            bounds.energy_std,
            "eV",
            lambda m: m.run.energy_std_eV,
        ),
        Question(
            "pressure",
            NVT,
            bounds.pressure_bar,
            "bar",
            lambda m: m.run.pressure_bar,
            relative=False,
            decimals=0,
        ),
        *(
            Question(
                f"self-diffusion of {what}",
                of.dynamics,
                bounds.diffusion,
                "1e-5 cm2/s",
                _d_of(what),
            )
            for what in of.settings.diffusion
        ),
        Question("density", NPT, bounds.density, "g/cm3", lambda m: m.run.density_g_cm3),
    ]
    return [_compared(of, question) for question in questions]


def _compared(of: Runs, question: Question) -> Check:
    name = f"{question.name} at {of.target_K:g} K"
    if question.ensemble not in of.settings.ensembles:
        return untested(name, question.wanted(None), f'ensembles has no "{question.ensemble}"')
    reference = of.reference(question.ensemble)
    known = None if reference is None else question.value_of(reference)
    if known is None:
        why = "there is no MD of the reference"
        if reference is not None:
            why = f"the reference has none ({_why_none(reference.run)})"
        return untested(name, question.wanted(None), why)
    answers: list[CheckResult | Missing] = []
    for m in of.models(question.ensemble):
        value = question.value_of(m)
        if value is not None:
            answers.append(question.answer(m.run, value, known))
        elif question.unit == "meV/atom" and m.run.energy_mean_eV is not None:
            why = "validation_data_sys has no data to take the models' offset from"
            answers.append(Missing(m.run.model, why, UNTESTED))
        else:
            why = f"the reference has one, and model {m.run.model} has none ({_why_none(m.run)})"
            answers.append(Missing(m.run.model, why))
    return ask(name, question.wanted(known), answers, of.length(question.ensemble))


def _why_none(run: MdRun) -> str:
    return "; ".join((run.failed, *run.notes) if run.failed else run.notes) or "not measured"


def _energy_per_atom(m: Measured, parities: Sequence[Parity]) -> Estimate | None:
    """Mean potential energy, meV/atom; a model's without its mean error on the held-out data."""
    mean, n_atoms = m.run.energy_mean_eV, m.run.n_atoms
    if mean is None:
        return None
    error = None if mean.error is None else MEV * mean.error / n_atoms
    of_box = Estimate(MEV * mean.value / n_atoms, error, mean.independent)
    if m.run.potential == REFERENCE:
        return of_box
    own = [
        (one.n_frames, one.energy_offset_meV_atom, one.energy_rmse_shifted_meV_atom)
        for one in parities
        if one.model == m.run.model and one.energy_offset_meV_atom is not None
    ]
    if not own:
        return None
    n = sum(frames for frames, _, _ in own)
    offset = sum(frames * (shift or 0.0) for frames, shift, _ in own) / n
    spread = math.sqrt(sum(frames * rmse**2 for frames, _, rmse in own)) / n
    return Estimate(of_box.value - offset, combined(error, spread), mean.independent)


def _d_of(what: str) -> Callable[[Measured], Estimate | None]:
    return lambda m: next((d.d_pbc for d in m.run.diffusion if d.what == what), None)


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
            why = _why_none(reference.run) if reference else "there is no MD of the reference"
            found[pair] = RdfCheck(None, 0.0, untested(name, wanted, why))
            continue
        known = reference.rdfs[pair]
        distances = {
            m.run.model: rdf_distance(m.rdfs[pair], known, beyond_bonds(known))
            for m in of.models(NVT)
            if pair in m.rdfs
        }
        answers: list[CheckResult | Missing] = [
            _distance(model, one, of.bounds.rdf, len(known.blocks))
            for model, one in distances.items()
        ]
        answers += [
            Missing(m.run.model, f"model {m.run.model} has none ({_why_none(m.run)})")
            for m in of.models(NVT)
            if pair not in m.rdfs
        ]
        noise = sum(one.noise for one in distances.values()) / max(len(distances), 1)
        wanted = f"mean |g - g_ref| below {of.bounds.rdf:g} (noise alone: {noise:.3f})"
        check = ask(name, wanted, answers, of.length(NVT))
        found[pair] = RdfCheck(mean_distance(list(distances.values())), noise, check)
    return found


def _distance(model: int | None, one: RdfDistance, bound: float, n_blocks: int) -> CheckResult:
    """What is left of a distance without the noise, which adds in squares."""
    true = math.sqrt(max(one.value**2 - one.noise**2, 0.0))
    return CheckResult(
        model, f"{one.value:.3f}", true, bound, one.error, n_blocks, noise=one.value - true
    )


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
