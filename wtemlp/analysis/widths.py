"""Widths of energy distributions: sigma of like walkers, and sigma_WTE / sigma_NVT with its error.

The law that the ratio is held against is that of energies of constant heat capacity
(:func:`wtemlp.analysis.energy.sigma_ratio`), which is known as well as sigma_NVT is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wtemlp.analysis.energy import corrected_inefficiency, sigma_ratio, sigma_with_error
from wtemlp.core.units import KB_EV

SURE = 2.0  #: standard errors beyond which two numbers differ


@dataclass(frozen=True)
class WithError:
    """A number and its standard error; None: too little for one."""

    value: float
    error: float | None = None

    @property
    def relative(self) -> float | None:
        """The error in units of the value."""
        return self.error / self.value if self.error is not None and self.value else None

    def times(self, factor: float) -> "WithError":
        """A multiple of it."""
        return WithError(factor * self.value, None if self.error is None else factor * self.error)


@dataclass(frozen=True)
class Scatter:
    """The energies of one walker about their mean, as far as sigma and its error need them."""

    n: int
    variance: float  #: mean square deviation, eV^2
    fourth: float  #: mean of its square, eV^4
    inefficiency: float  #: statistical, of the walker and those like it together, in values
    of_squares: float  #: likewise, of the squared deviations
    spacing_ps: float | None = None  #: between energies; None: not known

    @property
    def correlation_time_ps(self) -> float | None:
        """Integral of the normalised autocorrelation, by the trapezoidal rule."""
        return None if self.spacing_ps is None else 0.5 * self.inefficiency * self.spacing_ps


@dataclass(frozen=True)
class Width:
    """How wide a bias has made the distribution of the energies."""

    wte_eV: WithError
    ratio: WithError | None = None  #: sigma_WTE / sigma_NVT
    law: WithError | None = None  #: of the heat capacity that sigma_NVT shows
    reached: WithError | None = None  #: ratio over law; an error of sigma_NVT is in both

    def against_law(self) -> str:
        """How the ratio stands to the law, in words, as far as its error lets it tell."""
        if self.reached is None:
            return ""
        if self.reached.error is None:
            return "too few independent energies to tell"
        apart = self.reached.value - 1
        if abs(apart) <= SURE * self.reached.error:
            return "no difference that its error can tell"
        return "less than that" if apart < 0 else "more than that"


def scatters(runs: Sequence[ArrayLike], spacing_ps: float | None = None) -> list[Scatter | None]:
    """Scatter of like walkers, whose inefficiency is that of all of them together.

    Parameters
    ----------
    runs : sequence of array_like, each of shape (n_i,)
        Energies, eV, at one interval; each walker has a mean of its own.  Not finite ones are left
        out.
    spacing_ps : float, optional
        The interval.

    Returns
    -------
    list of Scatter or None
        In the same order; None for a walker of fewer than three energies, or of equal ones.
    """
    values = [np.asarray(run, dtype=float) for run in runs]
    values = [run[np.isfinite(run)] for run in values]
    places = [i for i, run in enumerate(values) if len(run) > 2 and np.ptp(run) > 0]
    centred = [values[i] - values[i].mean() for i in places]
    found: list[Scatter | None] = [None] * len(values)
    if not centred:
        return found
    squares = [run**2 for run in centred]
    variance = float(np.concatenate(squares).mean())
    inefficiency = corrected_inefficiency(centred, len(centred))
    of_squares = corrected_inefficiency([run - variance for run in squares], 1)
    for place, run in zip(places, squares, strict=True):
        found[place] = Scatter(
            n=len(run),
            variance=float(run.mean()),
            fourth=float(np.mean(run**2)),
            inefficiency=inefficiency,
            of_squares=of_squares,
            spacing_ps=spacing_ps,
        )
    return found


def sigma_of(walkers: Sequence[Scatter], like: Sequence[Scatter] = ()) -> WithError | None:
    """Standard deviation of the energy from like walkers, eV.

    Parameters
    ----------
    walkers : sequence of Scatter
        Of one system under one condition, with models of one iteration.
    like : sequence of Scatter
        Those of other iterations, whose inefficiency is pooled with theirs.

    Returns
    -------
    WithError or None
        None where there is no walker.
    """
    if not walkers:
        return None
    n = sum(one.n for one in walkers)
    variance = sum(one.n * one.variance for one in walkers) / n
    fourth = sum(one.n * one.fourth for one in walkers) / n
    spacing = walkers[0].spacing_ps
    pool = [(one.n, one.inefficiency, one.of_squares) for one in walkers]
    for one in like:
        if spacing and one.spacing_ps:
            stretch = one.spacing_ps / spacing
            pool.append((one.n, stretch * one.inefficiency, stretch * one.of_squares))
    weight = sum(values for values, _, _ in pool)
    sigma, error = sigma_with_error(
        n,
        len(walkers),
        variance,
        max(fourth - variance**2, 0.0),
        max(sum(values * one for values, one, _ in pool) / weight, 1.0),
        max(sum(values * one for values, _, one in pool) / weight, 1.0),
    )
    return WithError(sigma, error if math.isfinite(error) else None)


def law_ratio(
    sigma_nvt_eV: WithError, temperature_K: float, biasfactors: Sequence[float]
) -> tuple[WithError, float]:
    """sigma_WTE / sigma_NVT by the law of the heat capacity, root mean square over bias factors.

    Returns
    -------
    WithError, float
        The ratio; and by how many per cent it falls where sigma_NVT rises by one.
    """
    square = float(
        np.mean([sigma_ratio(g, sigma_nvt_eV.value, temperature_K) ** 2 for g in biasfactors])
    )
    # g (k - 1 + g) / k is g + g (g - 1) / k, with k proportional to sigma_NVT squared
    falls = (square - float(np.mean(biasfactors))) / square
    relative = sigma_nvt_eV.relative
    ratio = math.sqrt(square)
    return WithError(ratio, None if relative is None else abs(falls) * relative * ratio), falls


def law_density(
    energies_eV: ArrayLike, sigma_nvt_eV: float, temperature_K: float, biasfactors: Sequence[float]
) -> NDArray[np.float64]:
    """Probability density of the energy under a bias by the law, mean over bias factors, 1/eV.

    A gamma distribution (:func:`wtemlp.analysis.energy.sigma_ratio`).

    Parameters
    ----------
    energies_eV : array_like
        Relative to the mean of NVT.
    sigma_nvt_eV, temperature_K : float
        Of NVT.
    biasfactors : sequence of float
        1: NVT.
    """
    from scipy.stats import gamma  # SciPy takes its time

    kt = KB_EV * temperature_K
    k = (sigma_nvt_eV / kt) ** 2
    energies = np.asarray(energies_eV, dtype=float) + k * kt
    each = [gamma.pdf(energies, (k - 1) / g + 1, scale=g * kt) for g in biasfactors]
    return np.asarray(np.mean(each, axis=0))


def width(
    nvt: WithError | None,
    wte: WithError,
    biasfactors: Sequence[float],
    temperature_K: float | None,
) -> Width:
    """The width of biased energies against that of unbiased ones, and against the law.

    Parameters
    ----------
    nvt, wte : WithError
        Sigma of both, eV.
    biasfactors : sequence of float
        Of the walkers; empty where there is no law.
    temperature_K : float, optional
        The thermostat's.
    """
    if nvt is None or not nvt.value > 0:
        return Width(wte)
    errors = nvt.relative, wte.relative
    value = wte.value / nvt.value
    ratio = _with_relative(value, *errors)
    if not biasfactors or temperature_K is None:
        return Width(wte, ratio)
    law, falls = law_ratio(nvt, temperature_K, biasfactors)
    own = None if errors[0] is None else (1 - falls) * errors[0]
    return Width(wte, ratio, law, _with_relative(value / law.value, own, errors[1]))


def _with_relative(value: float, *errors: float | None) -> WithError:
    known = [one for one in errors if one is not None]
    return WithError(value, value * math.hypot(*known) if len(known) == len(errors) else None)


def root_mean_square(values: Sequence[WithError]) -> WithError | None:
    """Root mean square of independent numbers; its error where all have one."""
    if not values:
        return None
    mean = math.sqrt(sum(one.value**2 for one in values) / len(values))
    errors = [one.value * one.error for one in values if one.error is not None]
    if len(errors) < len(values) or not mean:
        return WithError(mean)
    return WithError(mean, math.hypot(*errors) / (len(values) * mean))


def together(widths: Sequence[Width]) -> Width | None:
    """Widths of different systems and conditions as one: root mean squares."""
    if not widths:
        return None
    if len(widths) == 1:
        return widths[0]
    wte = root_mean_square([one.wte_eV for one in widths])
    known = [one for one in widths if one.ratio is not None]
    lawful = len(known) == len([one for one in known if one.law is not None])
    return Width(
        wte_eV=wte or widths[0].wte_eV,
        ratio=root_mean_square([one.ratio for one in known if one.ratio is not None]),
        law=root_mean_square([one.law for one in known if one.law is not None and lawful]),
        reached=root_mean_square(
            [one.reached for one in known if one.reached is not None and lawful]
        ),
    )
