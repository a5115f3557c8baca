"""How walkers were biased: what is shown together, and whether it follows the law."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from wtemlp.config.keys.wte import Method
from wtemlp.records.walkers import WalkerSummary

TEMPLATE = "template"  #: the method of a walker whose scripts are the user's own


@dataclass(frozen=True)
class Sampling:
    """Walkers of one bias factor, or of one window of temperatures.

    Each walker of a window has a bias factor of its own, from its own sigma.
    """

    biasfactor: float | None  #: None: that of the window, or only the template knows
    window_K: tuple[float, float] | None = None
    flat: bool = False  #: OPES: all temperatures of the window alike
    energy: bool = True  #: whether the energy is among what is biased
    template: bool = False  #: scripts of the user's own: nobody else knows what they do

    @property
    def lawful(self) -> bool:
        """Whether sigma_WTE / sigma_NVT follows the law of the well-tempered ensemble.

        Not for OPES, which samples a flat distribution of temperatures, nor where the user's own
        variables are biased and the energy is not, nor for the user's own scripts.
        """
        return self.energy and not self.flat and not self.template

    @property
    def biased(self) -> bool:
        """Whether there is a bias at all."""
        return self.biasfactor is None or self.biasfactor > 1

    @property
    def order(self) -> tuple[float, ...]:
        """By bias factor, windows after them; what follows no law comes last."""
        kind = (not self.lawful, self.template, self.flat)
        return (*kind, self.biasfactor or math.inf, *(self.window_K or ()))

    def name(self, factors: Iterable[float] = ()) -> str:
        """As ``"g=16"``, ``"250-400 K g=12-15"``, ``"OPES 250-400 K"``.

        Parameters
        ----------
        factors : iterable of float
            Bias factors of the walkers of a window.
        """
        words = ["OPES"] * self.flat + ["variables"] * (not self.energy)
        words += ["template"] * self.template
        if self.window_K is not None:
            words.append("{:g}-{:g} K".format(*self.window_K))
        known = sorted({factor for factor in factors if math.isfinite(factor)})
        if self.biasfactor is not None:
            known = [self.biasfactor]
        if known and not self.flat:
            ends = dict.fromkeys((f"{known[0]:g}", f"{known[-1]:g}"))
            words.append(f"g={'-'.join(ends)}")
        return " ".join(words)


def sampling_of(walker: WalkerSummary) -> Sampling | None:
    """How a walker of a summary was biased; None where that is not known."""
    factor, flat = walker.biasfactor, walker.method == Method.OPES
    if factor == 1:  # also of a window that is held back
        return Sampling(1.0)
    if walker.method == TEMPLATE:
        return Sampling(factor, template=True)
    if walker.window_K is not None:
        return Sampling(None, walker.window_K, flat)
    return None if factor is None else Sampling(factor, None, flat, walker.biases_energy)


def samplings(walkers: Iterable[WalkerSummary]) -> dict[Sampling, list[float]]:
    """The ways in which walkers were biased, in their order, with the bias factors of each."""
    found: dict[Sampling, set[float]] = {}
    for walker in walkers:
        one, factor = sampling_of(walker), walker.biasfactor
        if one is not None:
            found.setdefault(one, set()).update([] if factor is None else [factor])
    return {one: sorted(found[one]) for one in sorted(found, key=lambda s: s.order)}
