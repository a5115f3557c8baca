"""Temperatures, drifts and densities with known answers."""

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from wtemlp.analysis.stability import (
    RARE,
    canonical_temperature_std,
    degrees_of_freedom,
    density,
    energy_drift,
    explosion,
    hottest,
    slope,
    temperature_stability,
)


def correlated(seed, n, keep=0.9):
    """Unit variance, autocorrelation ``keep**lag``."""
    noise = np.random.default_rng(seed).normal(size=n)
    noise[0] /= np.sqrt(1 - keep**2)
    return lfilter([np.sqrt(1 - keep**2)], [1, -keep], noise)


def test_canonical_fluctuation_is_that_of_maxwell_boltzmann():
    assert degrees_of_freedom(64) == 189
    assert degrees_of_freedom(192, n_constraints=192) == 381
    # T sqrt(2/N): 300 sqrt(2/189) = 30.861
    assert canonical_temperature_std(300.0, 189) == pytest.approx(30.861, abs=1e-3)
    velocities = np.random.default_rng(1).normal(size=(4000, 189))
    drawn = 300.0 * np.mean(velocities**2, axis=1)
    found = temperature_stability(drawn, 0.1, 300.0, 189)
    assert found.mean_K == pytest.approx(300.0, abs=4 * found.mean_error_K)
    assert found.std_K == pytest.approx(found.expected_std_K, abs=4 * found.std_error_K)
    assert found.n == 4000
    with pytest.raises(ValueError, match="0 degrees"):
        canonical_temperature_std(300.0, 0)


def test_a_drift_is_per_nanosecond():
    # 0.02 K a ps is 20 K a ns
    found = temperature_stability(300 + 0.02 * 0.5 * np.arange(100), 0.5, 300.0, 189)
    assert found.drift_K_ns.value == pytest.approx(20.0)
    assert found.drift_K_ns.error < 1e-6
    # 1e-4 eV a ps over 10 atoms: 0.1 eV a ns, 10 meV an atom and ns
    assert energy_drift(-5 + 1e-4 * np.arange(50), 1.0, 10).value == pytest.approx(10.0)


def test_the_error_of_a_drift_knows_the_correlation():
    time = np.arange(1500.0)
    found = [slope(time, correlated(seed, 1500)) for seed in range(80)]
    actual = np.std([one.value for one in found])
    estimated = np.sqrt(np.mean([one.error**2 for one in found]))
    assert estimated == pytest.approx(actual, rel=0.3)
    blind = np.sqrt(12 / 1500**3)  # of independent values: 4.4 times too small
    assert actual > 3 * blind
    assert np.mean(np.abs([one.value / one.error for one in found]) < 2) > 0.85


@pytest.mark.parametrize("n_dof", [3, 12, 24, 93, 600])
def test_the_hottest_that_a_system_comes_to_by_itself(n_dof):
    exact = stats.chi2.isf(stats.norm.sf(RARE), n_dof) / n_dof
    assert hottest(300.0, n_dof) == pytest.approx(300 * exact, rel=0.06 if n_dof > 3 else 0.2)
    with pytest.raises(ValueError, match="0 degrees"):
        hottest(300.0, 0)


def test_a_run_that_explodes():
    time, temperature = np.arange(6) * 0.5, [300, 310, 290, 950, 4000, np.nan]
    found = explosion(time, temperature, 300.0)
    assert (found.index, found.time_ps, found.what, found.value) == (3, 1.5, "temperature", 950)
    assert explosion(time, temperature, 300.0, hot=20.0).index == 5
    assert explosion(time[:3], temperature[:3], 300.0) is None
    energies = [-10.0, -10.1, -np.inf, -9.0, 0.0, 0.0]
    found = explosion(time, temperature, 300.0, energy_eV=energies)
    assert (found.what, found.time_ps) == ("energy", 1.0)
    bounded = {"energy_eV": [-10.0, -12.0, -10.0], "energy_bounds_eV": (-11.0, -9.0)}
    assert explosion(time[:3], temperature[:3], 300.0, **bounded).value == -12.0
    assert explosion([], [], 300.0) is None
    with pytest.raises(ValueError, match="energy"):
        explosion(time, temperature, 300.0, energy_eV=[1.0])


def test_density_of_water_by_hand():
    # 18.015 g/mol / 6.02214e23 / 29.9e-24 cm3
    assert density([29.9, 59.8], 18.015) == pytest.approx([1.00050, 0.50025], abs=1e-4)
    with pytest.raises(ValueError, match="above 0"):
        density([0.0], 18.0)


def test_series_that_have_no_slope():
    with pytest.raises(ValueError, match="a slope of"):
        slope([1.0], [1.0])
    with pytest.raises(ValueError, match="not finite"):
        slope([0.0, 1.0], [1.0, np.nan])
    with pytest.raises(ValueError, match="not finite"):
        temperature_stability([300.0, np.inf], 0.1, 300.0, 189)
    assert np.isnan(slope([0.0, 1.0], [1.0, 3.0]).error)
