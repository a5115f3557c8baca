"""Numbers of the models' MD that are held against the reference's."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wtemlp.config.keys.validation import (
    PRESSURE_BAR_WITHOUT_NPT,
    ValidationBounds,
    ValidationSettings,
)
from wtemlp.core.units import BAR_IN_GPA
from wtemlp.md.validation_script import NPT, NVE, NVT
from wtemlp.records.validation_record import (
    MODEL,
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
        *[_pressure(of)] * of.settings.has_pressure,
        *(_motion(of, what) for what in of.settings.diffusion),
        *[_density(of)] * of.settings.has_pressure,
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
            why = f"the reference has none ({why_none(reference.run)})"
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
            why = f"the reference has one, and model {m.run.model} has none ({why_none(m.run)})"
            answers.append(Missing(m.run.model, why))
    return ask(name, question.wanted(known), answers, of.length(question.ensemble))


def why_none(run: MdRun) -> str:
    """Why a run lacks a number."""
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


def _density(of: Runs) -> Question:
    return Question("density", NPT, of.bounds.density, "g/cm3", lambda m: m.run.density_g_cm3)


def _pressure(of: Runs) -> Question:
    """Its bound is that of the density in the reference's material, unless one is given."""
    bound, reference = of.bounds.pressure_bar, of.reference(NPT)
    modulus = reference.run.bulk_modulus_GPa if reference is not None else None
    if bound is None and modulus is not None:
        bound = float(round(of.bounds.density * modulus.value / BAR_IN_GPA))
    return Question(
        "pressure",
        NVT,
        PRESSURE_BAR_WITHOUT_NPT if bound is None else bound,
        "bar",
        lambda m: m.run.pressure_bar,
        relative=False,
        decimals=0,
    )


def _d_of(what: str) -> Callable[[Measured], Estimate | None]:
    return lambda m: next((d.d_pbc for d in m.run.diffusion if d.what == what), None)


def _motion(of: Runs, what: str) -> Question:
    """Self-diffusion; or the displacement, where the reference's atoms stay near their places."""
    reference, bound = of.reference(of.dynamics), of.bounds.diffusion
    if reference is not None and _plateau_of(what)(reference) is not None:
        name = f"mean square displacement of {what}, which stays bounded"
        return Question(name, of.dynamics, bound, "A^2", _plateau_of(what))
    name = f"self-diffusion of {what}"
    return Question(name, of.dynamics, bound, "1e-5 cm2/s", _d_of(what))


def _plateau_of(what: str) -> Callable[[Measured], Estimate | None]:
    return lambda m: next((one.msd_A2 for one in m.run.plateaus if one.what == what), None)
