"""What an unbiased run says about well-tempered-ensemble runs to come: windows, steps, cost.

The well-tempered ensemble of bias factor ``g`` has a spread of energies of ``sqrt(g) sigma_NVT``,
or more where ``g`` is not small beside the heat capacity over the Boltzmann constant, and covers
the temperatures whose mean energies lie within it: :func:`wtemlp.analysis.energy.window_ends`, for
a constant heat capacity, which is proportional to the number of atoms.  The same window needs
``g`` proportional to it, and its cold end more than its hot one.

**How many hills.**  In the well-tempered rule (Barducci, Bussi and Parrinello, Phys. Rev. Lett.
100, 020603, 2008) a hill is lower by ``exp(-V / ((g - 1) kT))`` where the bias is ``V``.  For
hills narrower than the spread, deposited by a walker that is in equilibrium with the bias, with
``u = (U - <U>) / sigma_NVT``, ``v = V / kT``, hills of height ``h kT`` and width
``w sigma_NVT``, and ``n`` the number of hills:

    dv/dn = a p(u) exp(-v / (g - 1)),    a = sqrt(2 pi) h w,    p ~ exp(-u^2/2 - v)

Multiplied by ``exp(v g / (g - 1))`` both sides can be integrated, so that the solution is exact:

    v(u) = (1 - 1/g) ln(1 + A exp(-u^2/2))
    n(A) = (g - 1)/a  int du [ (1 + A exp(-u^2/2))^(1/g) - 1 ]

Where ``A exp(-u^2/2)`` is large the bias is ``-(1 - 1/g) F(u)`` plus a constant, the converged
one; where it is small there is none yet.  ``A`` is chosen such that ``p`` has :data:`FILLED` of
its final width, which is where the bias has its final form out to ``2.1 sqrt(g) sigma_NVT``.
For large ``g`` this is ``n = 7.2 g^(3/2) / (h w)``.

**How much time.**  ``n`` times the pace, and the time in which the energy diffuses over its new
width: ``(sqrt(g) sigma_NVT)^2 / D = g tau`` with ``D = sigma_NVT^2 / tau``, ``tau`` being the
correlation time of the unbiased energy.

It is an estimate: ``P(U)`` is not a Gaussian in its wings, the energy does not diffuse with one
coefficient, and a walker scatters about the average of many.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wtemlp.analysis.energy import heat_capacity, pooled_moments, sigma_wte, window_ends

FILLED = 0.9  #: the energies count as filled when their spread is this much of its final value
MAX_AUTO_KT = 2.0  #: highest first hills that are chosen
FILL_WITHIN = 0.25  #: of the steps, where hills are chosen
FASTEST = 0.25  #: correlation times of the energy, at least, between hills that are chosen
#: Hills of 1 kT and sigma_NVT that fill, in closed form: factor g^1.5 (1 - less / g).
HILLS_FACTOR, HILLS_LESS = 7.2, 1.2
GRID = 4000  #: points of the integrals over the energy
HALVINGS = 60  #: of the interval in which the height of a bias is looked for


@dataclass(frozen=True)
class Fluctuations:
    """The potential energy of an unbiased run."""

    n: int  #: energies
    spacing_ps: float  #: between them
    temperature_K: float  #: the thermostat's
    mean_eV: float
    mean_error_eV: float  #: NaN, as that of sigma, below ten independent energies
    sigma_eV: float
    sigma_error_eV: float
    inefficiency: float  #: statistical inefficiency, in energies

    @property
    def independent(self) -> float:
        """Number of independent energies that the run is worth."""
        return self.n / self.inefficiency

    @property
    def correlation_time_ps(self) -> float:
        """Integral of the normalised autocorrelation, by the trapezoidal rule."""
        return 0.5 * self.inefficiency * self.spacing_ps

    @property
    def heat_capacity_eV_K(self) -> float:
        """Configurational heat capacity of the whole system."""
        return heat_capacity(self.sigma_eV, self.temperature_K)

    @property
    def heat_capacity_error_eV_K(self) -> float:
        """Its standard error: twice the relative error of sigma."""
        return 2 * self.heat_capacity_eV_K * self.sigma_error_eV / self.sigma_eV


@dataclass(frozen=True)
class Hills:
    """How the bias of the runs to come is deposited."""

    height_kT: float
    width_eV: float | None  #: None: sigma_NVT, measured
    pace: int  #: steps between hills
    chosen: bool = False  #: whether walkers choose the pace: these fall as fast as they may


@dataclass(frozen=True)
class Row:
    """What one bias factor gives and costs."""

    biasfactor: float
    spread_eV: float  #: standard deviation of the energy
    spread_error_eV: float  #: that of sigma_NVT, NaN where it is
    low_K: float  #: ends of the temperature window
    high_K: float
    low_error_K: float
    high_error_K: float
    steps: float  #: to fill it, estimated; 0 where NVT has the spread already
    seconds: float | None  #: wall time of those steps; None where the cost of a step is not known


def fluctuations(
    runs: Sequence[ArrayLike], spacing_ps: float, temperature_K: float
) -> Fluctuations:
    """Mean and standard deviation of the energy of one run or several alike, with errors.

    Parameters
    ----------
    runs : sequence of array_like, each of shape (n_i,)
        Energies, eV, of independent runs of one system at one temperature, without their
        equilibration, finite, at equal intervals.
    spacing_ps : float
        The interval.
    temperature_K : float
        The thermostat's temperature.

    Returns
    -------
    Fluctuations
        The errors know the correlation within the runs; that of sigma comes from the squared
        deviations and assumes no Gaussian.
    """
    found = pooled_moments(runs)
    if found.n < 2 or not np.isfinite(found.mean):
        raise ValueError(f"{found.n} energies, or some that are not finite")
    return Fluctuations(
        n=found.n,
        spacing_ps=spacing_ps,
        temperature_K=temperature_K,
        mean_eV=found.mean,
        mean_error_eV=found.mean_error,
        sigma_eV=found.std,
        sigma_error_eV=found.std_error,
        inefficiency=found.inefficiency,
    )


def hills_to_fill(
    biasfactor: float, height_kT: float, width: float, filled: float = FILLED
) -> float:
    """Number of hills after which the energies have nearly their final spread.

    Parameters
    ----------
    biasfactor : float
        1 or more.
    height_kT : float
        Initial height of the hills, kT.
    width : float
        Of the hills, in standard deviations of the unbiased energy.
    filled : float
        Fraction of the final spread that is to be reached.

    Returns
    -------
    float
        0 where the unbiased run has that spread already.
    """
    log_a = _log_a(biasfactor, filled)
    if log_a is None:
        return 0.0
    u = _grid(biasfactor)
    grown = np.expm1(np.logaddexp(0.0, log_a - 0.5 * u**2) / biasfactor)
    area = np.sqrt(2 * np.pi) * height_kT * width
    return float((biasfactor - 1) / area * 2 * _integral(grown, u))


def auto_hills(
    biasfactor: float,
    correlation_steps: float,
    nsteps: int,
    width: float = 1.0,
    height_kT: float | None = None,
    walkers: int = 1,
) -> tuple[int, float]:
    """Pace and height of hills that fill the window in the first quarter of a run, if they can.

    Of what is left of that quarter when the energy has diffused over its new width, each hill gets
    its share; so the second half, of which widths and distributions are taken, is filled.  The
    pace is between 1/4 of the correlation time and the whole: hills that fall faster pile up where
    the system happens to be, slower ones are higher for nothing.  So the height is 1 kT or, in a
    long run, less; in a short one up to :data:`MAX_AUTO_KT`, beyond which the bias would be rough:
    such a run is filled later, or not.

    Parameters
    ----------
    biasfactor : float
    correlation_steps : float
        Correlation time of the unbiased energy.
    nsteps : int
        Biased steps.
    width : float
        Of the hills, in standard deviations of the unbiased energy.
    height_kT : float, optional
        Height of the hills, where it is given.
    walkers : int
        That share their hills.

    Returns
    -------
    int, float
        Steps between hills; their first height, kT.
    """
    n_hills = max(1.0, hills_of_1_kT(biasfactor) / width / walkers)
    each = max(0.0, FILL_WITHIN * nsteps - biasfactor * correlation_steps) / n_hills  # steps
    fastest = max(1, math.ceil(FASTEST * correlation_steps))
    slowest = max(fastest, math.ceil(correlation_steps))
    wanted = each * (1.0 if height_kT is None else height_kT)
    pace = min(max(math.floor(wanted), fastest), slowest)
    if height_kT is not None:
        return pace, height_kT
    return pace, min(pace / each, MAX_AUTO_KT) if each > 0 else MAX_AUTO_KT


def hills_of_1_kT(biasfactor: float) -> float:
    """What :func:`hills_to_fill` says of hills of 1 kT and sigma_NVT, in closed form.

    Within 2 % from a bias factor of 3 on; what a walker's job calculates with.
    """
    return float(HILLS_FACTOR * biasfactor**1.5 * max(0.0, 1 - HILLS_LESS / biasfactor))


def bias_volume(biasfactor: float, filled: float = FILLED) -> float:
    """Integral of the bias over the energy after :func:`hills_to_fill` hills, kT sigma_NVT.

    To be compared with that of a run: the sum of its hills' heights (kT) and widths (sigma_NVT),
    times ``sqrt(2 pi)``.
    """
    log_a = _log_a(biasfactor, filled)
    if log_a is None:
        return 0.0
    u = _grid(biasfactor)
    return float((1 - 1 / biasfactor) * 2 * _integral(np.logaddexp(0.0, log_a - 0.5 * u**2), u))


def _log_a(biasfactor: float, filled: float) -> float | None:
    """The ``ln A`` at which the spread is there; None if it is there without a bias."""
    if biasfactor < 1:
        raise ValueError(f"bias factor {biasfactor}: must be 1 or more")
    target = filled * np.sqrt(biasfactor)
    if target <= 1:
        return None
    # A exp(-u^2/2) = 1 at u = sqrt(2 ln A): the end lies between no bias and 5 sqrt(g).
    end = 12.5 * biasfactor + 20.0
    low, high = -20.0, end
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _spread(biasfactor, middle) < target else (low, middle)
    return 0.5 * (low + high)


def _integral(y: NDArray[np.float64], u: NDArray[np.float64]) -> float:
    """By the trapezoidal rule, over equal intervals."""
    return float((u[1] - u[0]) * (y.sum() - 0.5 * (y[0] + y[-1])))


def _grid(biasfactor: float) -> NDArray[np.float64]:
    """Half of the energies that matter, in standard deviations of the unbiased ones."""
    return np.linspace(0.0, 8 * np.sqrt(biasfactor) + 8, GRID)


def _spread(biasfactor: float, log_a: float) -> float:
    """Standard deviation of the energies under the bias of some ``ln A``."""
    u = _grid(biasfactor)
    log_p = -0.5 * u**2 - (1 - 1 / biasfactor) * np.logaddexp(0.0, log_a - 0.5 * u**2)
    p = np.exp(log_p - log_p.max())
    return math.sqrt(_integral(p * u**2, u) / _integral(p, u))


def _reach(sigma_eV: float, temperature_K: float, g: float) -> NDArray[np.float64]:
    """Spread (eV) and ends of the window (K), shape (3,)."""
    ends = window_ends(sigma_eV, temperature_K, g)
    return np.array([sigma_wte(sigma_eV, g, temperature_K), *ends])


def _reach_errors(nvt: Fluctuations, g: float) -> NDArray[np.float64]:
    """Their errors from that of sigma_NVT; it moves spread and ends at once."""
    step = 1e-4 * nvt.sigma_eV
    up, down = (_reach(nvt.sigma_eV + one, nvt.temperature_K, g) for one in (step, -step))
    return np.abs(up - down) / (2 * step) * nvt.sigma_error_eV


def table(
    nvt: Fluctuations,
    biasfactors: Sequence[float],
    hills: Hills,
    timestep_ps: float,
    seconds_per_step: float | None,
) -> list[Row]:
    """Spread, window, steps and cost of bias factors.

    Parameters
    ----------
    nvt : Fluctuations
    biasfactors : sequence of float
        Each 1 or more.
    hills : Hills
    timestep_ps : float
        Of the runs to come.
    seconds_per_step : float or None
        Their cost.

    Returns
    -------
    list of Row
        In the order of the bias factors.
    """
    width = 1.0 if hills.width_eV is None else hills.width_eV / nvt.sigma_eV
    rows = []
    for g in biasfactors:
        spread, low_K, high_K = _reach(nvt.sigma_eV, nvt.temperature_K, g)
        errors = _reach_errors(nvt, g)
        n_hills = hills_to_fill(g, hills.height_kT, width)
        diffusion = g * nvt.correlation_time_ps / timestep_ps if n_hills else 0.0
        steps = n_hills * hills.pace + diffusion
        rows.append(
            Row(
                biasfactor=g,
                spread_eV=float(spread),
                spread_error_eV=float(errors[0]),
                low_K=float(low_K),
                high_K=float(high_K),
                low_error_K=float(errors[1]),
                high_error_K=float(errors[2]),
                steps=steps,
                seconds=None if seconds_per_step is None else steps * seconds_per_step,
            )
        )
    return rows
