"""Is a run of molecular dynamics stable: temperature, drift, energy conservation, density.

The errors know that successive values are correlated: that of a mean by the statistical
inefficiency of the series, that of a drift by that of the residuals of the straight line.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wtemlp.analysis.energy import FEWEST, moments
from wtemlp.core.units import AMU_G

PS_PER_NS = 1000.0
MEV_PER_EV = 1000.0
CM3_PER_A3 = 1e-24
RARE = 7.0  #: standard deviations of a Gaussian, which are exceeded once in 1e12
HOT = 3.0  #: times the temperature wanted: beyond it a run has exploded


@dataclass(frozen=True)
class Slope:
    """Slope of a straight line through a series in time, with its standard error."""

    value: float
    error: float
    independent: float = np.inf  #: values that it is worth


@dataclass(frozen=True)
class TemperatureStability:
    """The kinetic temperature of a run at one temperature; errors are standard errors."""

    n: int  #: values
    mean_K: float
    mean_error_K: float
    std_K: float
    std_error_K: float
    expected_std_K: float  #: of the canonical ensemble, at the temperature wanted
    drift_K_ns: Slope
    inefficiency: float  #: statistical inefficiency, in values

    @property
    def independent(self) -> float:
        """Number of independent temperatures."""
        return self.n / self.inefficiency


@dataclass(frozen=True)
class Explosion:
    """Where a run left the physical world."""

    index: int  #: of the first value out of bounds
    time_ps: float
    what: str  #: "temperature" or "energy"
    value: float  #: K or eV; may be NaN or infinite


def degrees_of_freedom(n_atoms: int, n_constraints: int = 0) -> int:
    """Of a periodic box whose centre of mass rests, ``3 N - 3`` less the constraints."""
    return 3 * n_atoms - 3 - n_constraints


def canonical_temperature_std(temperature_K: float, n_dof: int) -> float:
    """Standard deviation of the kinetic temperature in the canonical ensemble, K.

    ``T sqrt(2 / n_dof)``: the kinetic energy of ``n_dof`` quadratic degrees of freedom is a gamma
    distribution of shape ``n_dof / 2``.
    """
    if n_dof <= 0:
        raise ValueError(f"{n_dof} degrees of freedom")
    return float(temperature_K * np.sqrt(2 / n_dof))


def hottest(temperature_K: float, n_dof: int) -> float:
    """Temperature that a canonical ensemble is above once in 1e12 looks, K.

    Of few atoms it is far above the mean: 7 times as high for 12 degrees of freedom, 2.4 times for
    93.  By the quantile of Wilson and Hilferty (Proc. Natl. Acad. Sci. 17, 684, 1931).
    """
    if n_dof <= 0:
        raise ValueError(f"{n_dof} degrees of freedom")
    width = 2 / (9 * n_dof)
    return float(temperature_K * (1 - width + RARE * np.sqrt(width)) ** 3)


def slope(time: ArrayLike, series: ArrayLike) -> Slope:
    """Slope of the least-squares line through a correlated series.

    Parameters
    ----------
    time : array_like, shape (n,)
        At equal intervals, ascending.
    series : array_like, shape (n,)
        Finite.

    Returns
    -------
    Slope
        In units of the series per unit of time.  The error is that of independent residuals
        times the square root of their statistical inefficiency; NaN below ten independent ones.

    Raises
    ------
    ValueError
        For different lengths, fewer than two values, or values that are not finite.
    """
    t, values = np.asarray(time, dtype=float), np.asarray(series, dtype=float)
    if t.shape != values.shape or t.ndim != 1 or len(t) < 2:
        raise ValueError(f"a slope of {values.shape} values at {t.shape} times")
    if not np.isfinite(values).all():
        raise ValueError("a slope of values that are not finite")
    centred = t - t.mean()
    square = float(centred @ centred)
    value = float(centred @ values / square)
    residuals = values - values.mean() - value * centred
    if len(t) < 3:
        return Slope(value, float("nan"))
    of = moments(residuals, fitted=2)
    known = of.independent >= FEWEST or of.std == 0
    error = of.std * float(np.sqrt(of.inefficiency / square)) if known else float("nan")
    return Slope(value, error, of.independent)


def temperature_stability(
    temperature_K: ArrayLike, spacing_ps: float, target_K: float, n_dof: int
) -> TemperatureStability:
    """Mean, fluctuation and drift of the kinetic temperature.

    Parameters
    ----------
    temperature_K : array_like, shape (n,)
        Kinetic temperatures at equal intervals, without the equilibration, finite.
    spacing_ps : float
        The interval.
    target_K : float
        The thermostat's temperature.
    n_dof : int
        Degrees of freedom that the temperature was computed with: :func:`degrees_of_freedom`.

    Returns
    -------
    TemperatureStability
    """
    series = np.asarray(temperature_K, dtype=float)
    if not np.isfinite(series).all():
        raise ValueError("temperatures that are not finite")
    drift = slope(np.arange(len(series)) * spacing_ps / PS_PER_NS, series)
    of = moments(series)
    return TemperatureStability(
        n=of.n,
        mean_K=of.mean,
        mean_error_K=of.mean_error,
        std_K=of.std,
        std_error_K=of.std_error,
        expected_std_K=canonical_temperature_std(target_K, n_dof),
        drift_K_ns=drift,
        inefficiency=of.inefficiency,
    )


def energy_drift(total_energy_eV: ArrayLike, spacing_ps: float, n_atoms: int) -> Slope:
    """Drift of the total energy of an NVE run, meV per atom and ns.

    Parameters
    ----------
    total_energy_eV : array_like, shape (n,)
        Potential and kinetic energy of the box at equal intervals, finite.
    spacing_ps : float
        The interval.
    n_atoms : int
        Atoms in the box.
    """
    per_atom = np.asarray(total_energy_eV, dtype=float) / n_atoms * MEV_PER_EV
    return slope(np.arange(len(per_atom)) * spacing_ps / PS_PER_NS, per_atom)


def explosion(
    time_ps: ArrayLike,
    temperature_K: ArrayLike,
    target_K: float,
    *,
    energy_eV: ArrayLike | None = None,
    energy_bounds_eV: tuple[float, float] = (-np.inf, np.inf),
    hot: float = HOT,
) -> Explosion | None:
    """The first time at which a run is out of bounds.

    Parameters
    ----------
    time_ps : array_like, shape (n,)
        Ascending.
    temperature_K : array_like, shape (n,)
        Kinetic temperatures; a value that is not finite is out of bounds.
    target_K : float
        The thermostat's, or the initial temperature.
    energy_eV : array_like, shape (n,), optional
        Potential energies of the box.
    energy_bounds_eV : tuple of float
        Lowest and highest energy within bounds.
    hot : float
        A temperature above ``hot * target_K`` is out of bounds.

    Returns
    -------
    Explosion or None
        None where all values are within bounds, or there are none.
    """
    times = np.asarray(time_ps, dtype=float)
    found = []
    for what, series, low, high in (
        ("temperature", temperature_K, 0.0, hot * target_K),
        ("energy", energy_eV, *energy_bounds_eV),
    ):
        if series is None:
            continue
        values = np.asarray(series, dtype=float)
        if values.shape != times.shape:
            raise ValueError(f"{what}: {values.shape} values at {times.shape} times")
        out = np.flatnonzero(~(np.isfinite(values) & (values >= low) & (values <= high)))
        if len(out):
            i = int(out[0])
            found.append(Explosion(i, float(times[i]), what, float(values[i])))
    return min(found, key=lambda one: one.index, default=None)


def density(volumes_A3: ArrayLike, total_mass: float) -> NDArray[np.float64]:
    """Mass density, g/cm3, of the volumes' shape.

    Parameters
    ----------
    volumes_A3 : array_like
        Volumes of the box, Angstrom^3, positive.
    total_mass : float
        Of all atoms in it, g/mol.
    """
    volumes = np.asarray(volumes_A3, dtype=float)
    if not (volumes > 0).all():
        raise ValueError("volumes that are not above 0")
    return total_mass * AMU_G / (volumes * CM3_PER_A3)
