"""Energy fluctuations against processes whose answers are known."""

import numpy as np
import pytest

from tests.support.synthetic import ar1
from wtemlp.analysis import energy
from wtemlp.core.units import KB_EV


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9])
def test_statistical_inefficiency_of_an_ar1_process(decay):
    series = ar1(np.random.default_rng(1), 200_000, 2.0, decay)
    exact = (1 + decay) / (1 - decay)
    assert energy.statistical_inefficiency(series) == pytest.approx(exact, rel=0.08)


def test_statistical_inefficiency_is_the_sum_that_it_claims_to_be():
    series = ar1(np.random.default_rng(2), 400, 1.0, 0.7)
    centred = series - series.mean()
    total = 1.0
    for lag in range(1, 400):
        c = np.mean(centred[:-lag] * centred[lag:]) / np.mean(centred**2)
        if c <= 0 and lag > 3:
            break
        total += 2 * c * (1 - lag / 400)
    assert energy.statistical_inefficiency(series) == pytest.approx(total, rel=1e-9)


def test_statistical_inefficiency_does_not_see_offset_or_unit():
    series = ar1(np.random.default_rng(3), 5000, 0.4, 0.8)
    reference = energy.statistical_inefficiency(series)
    assert energy.statistical_inefficiency(96.5 * series - 14_700) == pytest.approx(reference)


def test_statistical_inefficiency_of_little():
    assert energy.statistical_inefficiency([1.0, 2.0]) == 1.0
    assert energy.statistical_inefficiency(np.full(50, -14_700.3)) == 1.0
    with pytest.raises(ValueError, match="not finite"):
        energy.statistical_inefficiency([1.0, np.nan, 2.0, 3.0])


def test_moments_errors_are_the_scatter_over_repetitions():
    rng = np.random.default_rng(4)
    runs = [energy.moments(ar1(rng, 4000, 0.5, 0.9)) for _ in range(200)]
    for value, error, exact in (("mean", "mean_error", 0.0), ("std", "std_error", 0.5)):
        values = np.array([getattr(run, value) for run in runs])
        errors = np.array([getattr(run, error) for run in runs])
        assert errors.mean() == pytest.approx(values.std(), rel=0.2)
        assert values.mean() == pytest.approx(exact, abs=4 * errors.mean() / np.sqrt(200) + 0.005)


def test_moments_leave_out_what_is_not_finite():
    found = energy.moments([1.0, np.nan, 3.0, np.inf])
    assert (found.n, found.mean) == (2, 2.0)
    assert np.isnan(energy.moments([]).mean)
    assert energy.moments([5.0]).mean == 5.0


def test_histogram_is_a_density_on_shared_bins():
    rng = np.random.default_rng(6)
    narrow, wide = rng.normal(0, 0.4, 50_000), rng.normal(0, 1.6, 50_000)
    edges = energy.shared_bins([narrow, wide], 0.1)
    assert edges[0] <= wide.min() and edges[-1] > wide.max()
    assert np.isclose(edges, 0.0, atol=1e-12).any()
    centres = 0.5 * (edges[1:] + edges[:-1])
    for values, sigma in ((narrow, 0.4), (wide, 1.6)):
        density = energy.energy_histogram(values, edges)
        assert np.sum(density * np.diff(edges)) == pytest.approx(1.0)
        assert np.abs(density - energy.gaussian(centres, sigma)).max() < 0.06 / sigma
    assert energy.energy_histogram([np.nan], edges).sum() == 0
    with pytest.raises(ValueError, match="width"):
        energy.shared_bins([narrow], 0.0)
    with pytest.raises(ValueError, match="no values"):
        energy.shared_bins([[np.nan]], 0.1)


@pytest.mark.parametrize(("g", "ratio"), [(16, 4.0), (32, 5.657), (64, 8.0), (256, 16.0)])
def test_width_of_the_well_tempered_ensemble(g, ratio):
    """That of a Gaussian, where the heat capacity is large; above it by the exact law elsewhere."""
    assert energy.sigma_ratio(g, 100.0, 300.0) == pytest.approx(ratio, rel=1e-3)
    k = 288.0  # 192 oscillators: times 1.10 at g = 64, 1.38 at 256
    above = energy.sigma_ratio(g, np.sqrt(k) * KB_EV * 300, 300.0) / ratio
    assert above == pytest.approx(np.sqrt(1 + (g - 1) / k), rel=1e-3)


@pytest.mark.parametrize("g", [1.0, 16.0, 64.0, 1000.0])
def test_the_window_of_oscillators_is_that_of_their_gamma_law(g):
    """Moments of P(U)^(1/g) by quadrature, and the temperatures of those mean energies."""
    k, kt = 142.5, KB_EV * 300  # 96 atoms, the centre of mass at rest
    u = np.linspace(1e-9, 3000 * k**0.5 * kt, 2_000_000)
    log_p = ((k - 1) * np.log(u) - u / kt) / g
    p = np.exp(log_p - log_p.max())
    mean = np.sum(p * u) / p.sum()
    std = np.sqrt(np.sum(p * (u - mean) ** 2) / p.sum())
    low, high = energy.window_ends(np.sqrt(k) * kt, 300.0, g)
    assert low == pytest.approx((mean - std) / (k * KB_EV), rel=1e-3)
    assert high == pytest.approx((mean + std) / (k * KB_EV), rel=1e-3)
    assert 0 < low < 300 < high
    both = energy.biasfactor_for_ends(np.sqrt(k) * kt, 300.0, low, high)
    assert both == pytest.approx(g, rel=1e-6)


def test_the_cold_end_of_a_window_needs_more_than_the_hot_one():
    sigma = np.sqrt(142.5) * KB_EV * 300
    cold = energy.biasfactor_for_ends(sigma, 300.0, 200.0, 300.0)
    hot = energy.biasfactor_for_ends(sigma, 300.0, 300.0, 400.0)
    assert cold > 40 and hot < 13  # sqrt(g) has 16 for both
    assert energy.biasfactor_for_ends(sigma, 300.0, 140.0, 300.0) == np.inf
    assert energy.biasfactor_for_ends(sigma, 300.0, 299.0, 302.0) < 1


def test_a_walker_of_a_window_takes_the_bias_factor_of_the_end_that_needs_more():
    sigma = np.sqrt(142.5) * KB_EV * 300
    cold = energy.biasfactor_for_ends(sigma, 300.0, 200.0, 300.0)
    assert energy.walker_biasfactor(sigma, 300.0, (200.0, 320.0)) == np.ceil(cold)
    hot = energy.biasfactor_for_ends(sigma, 300.0, 300.0, 500.0)
    assert energy.walker_biasfactor(sigma, 300.0, (140.0, 500.0)) == np.ceil(hot)
    assert energy.walker_biasfactor(sigma, 300.0, (299.0, 301.0)) == 2


def test_heat_capacity_of_harmonic_oscillators():
    # the potential energy of n oscillators has the variance n (kT)^2 / 2
    n, temperature = 96, 300.0
    sigma = np.sqrt(n / 2) * KB_EV * temperature
    assert energy.heat_capacity(sigma, temperature) == pytest.approx(n / 2 * KB_EV)


def test_reweighting_a_well_tempered_gaussian_gives_back_nvt():
    rng = np.random.default_rng(7)
    sigma, g, temperature = 0.5, 4.0, 300.0
    energies = rng.normal(0.0, np.sqrt(g) * sigma, 200_000)
    kt = KB_EV * temperature
    # V = -(1 - 1/g) F with F = kT U^2 / (2 sigma^2)
    bias = 1e4 - (1 - 1 / g) * kt * energies**2 / (2 * sigma**2)
    weights = energy.reweighting_weights(bias, temperature)
    assert weights.sum() == pytest.approx(1.0)
    mean = np.sum(weights * energies)
    assert mean == pytest.approx(0.0, abs=0.01)
    assert np.sqrt(np.sum(weights * (energies - mean) ** 2)) == pytest.approx(sigma, rel=0.01)
    edges = energy.shared_bins([energies], 0.1)
    density = energy.energy_histogram(energies, edges, weights)
    centres = 0.5 * (edges[1:] + edges[:-1])
    assert np.abs(density - energy.gaussian(centres, sigma)).max() < 0.03
    assert 0.3 < energy.effective_size(weights) / len(weights) < 0.9


def test_reweighting_without_bias_is_uniform():
    weights = energy.reweighting_weights(np.zeros(10), 300.0)
    assert weights == pytest.approx(np.full(10, 0.1))
    assert energy.effective_size(weights) == pytest.approx(10)


@pytest.mark.parametrize("independent", [10, 25, 50])
def test_sigma_of_a_short_run_is_unbiased(independent):
    """A run of 25 independent energies has s / sigma = 0.98 and one of 10 0.95 uncorrected."""
    rng, decay = np.random.default_rng(11), 0.95
    n = round(independent * (1 + decay) / (1 - decay))
    found = [energy.moments(ar1(rng, n, 0.5, decay)).std for _ in range(200)]
    error = np.std(found) / np.sqrt(200)
    assert np.mean(found) == pytest.approx(0.5, abs=2 * error + 0.01)


def test_the_error_of_sigma_is_honest_from_50_independent_energies_on():
    rng, decay = np.random.default_rng(12), 0.95
    n = round(energy.ENOUGH * (1 + decay) / (1 - decay))
    found = [energy.moments(ar1(rng, n, 0.5, decay)) for _ in range(300)]
    for value, error, exact in (("std", "std_error", 0.5), ("mean", "mean_error", 0.0)):
        inside = [abs(getattr(m, value) - exact) < 2 * getattr(m, error) for m in found]
        assert 0.92 <= np.mean(inside) <= 0.985


def test_below_ten_independent_energies_there_is_no_error():
    rng = np.random.default_rng(13)
    found = energy.moments(ar1(rng, 150, 0.4, 0.98))
    assert found.independent < energy.FEWEST and np.isfinite(found.std)
    assert np.isnan(found.std_error) and np.isnan(found.mean_error)


def test_short_runs_together_know_their_inefficiency():
    """Ten walkers of ten independent energies each, of models with zeros of their own."""
    rng, decay = np.random.default_rng(14), 0.95
    runs = [ar1(rng, 390, 0.5, decay) + 100 * rng.normal() for _ in range(10)]
    found = energy.pooled_moments(runs, own_means=True)
    assert found.inefficiency == pytest.approx(39, rel=0.35)
    assert found.std == pytest.approx(0.5, abs=3 * found.std_error)
    assert found.std_error < 0.06
