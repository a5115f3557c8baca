"""One question of the verdict: a number, a bound, and one of four answers.

Whether a number is within its bound is a question of equivalence, answered by two one-sided tests
(Schuirmann, J. Pharmacokinet. Biopharm. 15, 657, 1987) at :data:`LEVEL`: "good" where the interval
of that level lies within the bound, "not good" where the number is beyond the bound by what three
standard errors are to a Gaussian, "cannot tell" in between, with the length of run that would do.
Where nothing was measured the answer is "untested".  Errors that come from few values count by
Student's distribution.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from wtemlp.records.validation_record import (
    CANNOT_TELL,
    GOOD,
    NOT_GOOD,
    UNTESTED,
    Check,
    Estimate,
)

LEVEL = 0.05  #: of each of the two one-sided tests
CONDEMN = float(stats.norm.sf(3.0))  #: probability beyond three standard errors of a Gaussian
NEAR = 0.5  #: of the bound: what a length of run is to tell from the bound at least
ENOUGH = 50.0  #: independent values that a run is to have whose error is not known
_RANK = (GOOD, UNTESTED, CANNOT_TELL, NOT_GOOD)


@dataclass(frozen=True)
class Length:
    """What an answer was made from, to be made longer where it did not suffice."""

    what: str  #: a key of the block, or frames
    now: int

    def times(self, factor: float) -> str:
        """The longer one in words, two digits that count, rounded up."""
        wanted = self.now * factor
        digit = 10 ** max(0, math.floor(math.log10(wanted)) - 1)
        return f"{self.what} of {math.ceil(wanted / digit) * digit} would do"


@dataclass(frozen=True)
class CheckResult:
    """What one model has to say to a question."""

    model: int | None
    value: str  #: with its unit
    off: float  #: how far it is from where it should be ...
    bound: float  #: ... and may be ...
    error: float | None = 0.0  #: ... and how well that is known; None: it is not
    independent: float = math.inf  #: values that the error comes from
    noise: float = 0.0  #: what may be noise alone, of a distance that cannot be negative

    @property
    def verdict(self) -> str:
        """Good, not good, or cannot tell."""
        if not math.isfinite(self.off):
            return NOT_GOOD
        if self.error is None or not math.isfinite(self.error):
            return CANNOT_TELL
        if abs(self.off) + self._doubt(LEVEL) < self.bound:
            return GOOD
        return NOT_GOOD if abs(self.off) - self._doubt(CONDEMN) > self.bound else CANNOT_TELL

    def _doubt(self, level: float) -> float:
        freedom = max(self.independent - 1, 1.0)
        factor = stats.t.isf(level, freedom) if math.isfinite(freedom) else stats.norm.isf(level)
        return float(self.noise + factor * (self.error or 0.0))

    @property
    def excess(self) -> float:
        """How far it is beyond the bound, for the worst of several."""
        return abs(self.off) / self.bound if math.isfinite(self.off) else math.inf

    @property
    def longer(self) -> float:
        """How many times as long a run would tell; at least one and a half."""
        if self.error is None or not math.isfinite(self.error):
            return max(1.5, ENOUGH / max(self.independent, 1.0))
        inside = abs(self.off) <= self.bound
        room = max(abs(self.bound - abs(self.off)), NEAR * self.bound)
        return max(1.5, (self._doubt(LEVEL if inside else CONDEMN) / room) ** 2)


@dataclass(frozen=True)
class Missing:
    """A model that has no number where one is asked for."""

    model: int | None
    why: str
    verdict: str = NOT_GOOD
    excess: float = math.inf
    value: str = "none"


def ask(
    name: str, bound: str, answers: Sequence[CheckResult | Missing], length: Length | None = None
) -> Check:
    """One question, answered by the model that is worst."""
    if not answers:
        return untested(name, bound, "no model came through")
    worst = max(answers, key=lambda one: (_RANK.index(one.verdict), one.excess))
    value = worst.value
    if len(answers) > 1:
        value += f" (model {worst.model}, the worst of {len(answers)})"
    note = ""
    if isinstance(worst, Missing):
        note = worst.why
    elif worst.verdict == CANNOT_TELL:
        unsure = [
            one for one in answers if isinstance(one, CheckResult) and one.verdict == CANNOT_TELL
        ]
        note = "a longer run would tell"
        if length is not None:
            note = length.times(max(one.longer for one in unsure))
    return Check(name, value, bound, worst.verdict, note)


def untested(name: str, bound: str, why: str) -> Check:
    """A question that nobody was asked."""
    return Check(name, "-", bound, UNTESTED, why)


def fewest(*estimates: Estimate) -> float:
    """Independent values that the error of a combination of estimates is worth, at least."""
    return min((one.independent for one in estimates if one.independent is not None), default=1e9)


def combined(*errors: float | None) -> float | None:
    """The error of a sum or a difference; None where one of them is not known."""
    known = [one for one in errors if one is not None]
    return math.hypot(*known) if len(known) == len(errors) else None


def in_words(estimate: Estimate, decimals: int) -> str:
    """As ``298.7 +- 1.2``."""
    if estimate.error is None:
        return f"{estimate.value:.{decimals}f}"
    return f"{estimate.value:.{decimals}f} +- {estimate.error:.{decimals}f}"
