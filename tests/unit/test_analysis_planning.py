"""Planning against processes whose answers are known, and against a simulated bias."""

import numpy as np
import pytest

from tests.support.synthetic import ar1
from wtemlp.analysis import energy, planning
from wtemlp.analysis.planning import Hills
from wtemlp.core.units import KB_EV, KCAL_MOL_IN_EV

T_K = 300.0
SIGMA_64 = 12.75 * KCAL_MOL_IN_EV  #: of 64 flexible TIP3P waters


def known(sigma_eV=SIGMA_64, tau_ps=0.15):
    return planning.Fluctuations(
        n=1000,
        spacing_ps=0.005,
        temperature_K=T_K,
        mean_eV=-26.0,
        mean_error_eV=0.05,
        sigma_eV=sigma_eV,
        sigma_error_eV=0.05 * sigma_eV,
        inefficiency=2 * tau_ps / 0.005,
    )


def test_an_ar1_series_of_known_heat_capacity():
    decay, spacing, capacity = 0.9, 0.01, 0.02
    sigma = np.sqrt(capacity * KB_EV) * T_K
    series = ar1(np.random.default_rng(1), 200_000, sigma, decay) - 13.0
    found = planning.fluctuations([series], spacing, T_K)
    assert found.heat_capacity_eV_K == pytest.approx(capacity, rel=0.03)
    assert abs(found.heat_capacity_eV_K - capacity) < 4 * found.heat_capacity_error_eV_K
    assert found.inefficiency == pytest.approx(19.0, rel=0.08)
    assert found.correlation_time_ps == pytest.approx(19.0 / 2 * spacing, rel=0.08)
    assert found.independent == pytest.approx(200_000 / 19, rel=0.08)


def test_one_run_is_measured_as_everywhere_else():
    series = ar1(np.random.default_rng(2), 5000, 0.4, 0.8) - 13.0
    found, moments = planning.fluctuations([series], 0.01, T_K), energy.moments(series)
    assert found.sigma_eV == pytest.approx(moments.std)
    assert found.mean_error_eV == pytest.approx(moments.mean_error)
    assert found.sigma_error_eV == pytest.approx(moments.std_error)
    assert found.inefficiency == pytest.approx(moments.inefficiency)


def test_many_short_runs_are_worth_one_long_one():
    rng = np.random.default_rng(3)
    runs = [ar1(rng, 300 + 100 * (k % 3), 0.4, 0.9) for k in range(100)]
    found = planning.fluctuations(runs, 0.01, T_K)
    assert found.n == sum(len(run) for run in runs)
    assert found.sigma_eV == pytest.approx(0.4, rel=0.03)
    assert found.inefficiency == pytest.approx(19.0, rel=0.15)
    # Their seams are no correlation: shuffled runs give the same.
    again = planning.fluctuations(runs[::-1], 0.01, T_K)
    assert again.inefficiency == pytest.approx(found.inefficiency)


def test_errors_are_the_scatter_over_repetitions():
    rng = np.random.default_rng(4)
    found = [
        planning.fluctuations([ar1(rng, 500, 0.5, 0.9) for _ in range(4)], 1.0, T_K)
        for _ in range(200)
    ]
    for value, error in (("mean_eV", "mean_error_eV"), ("sigma_eV", "sigma_error_eV")):
        values = np.array([getattr(one, value) for one in found])
        errors = np.array([getattr(one, error) for one in found])
        assert errors.mean() == pytest.approx(values.std(), rel=0.25)


def test_energies_that_cannot_be_used():
    for runs in ([], [[1.0]], [[1.0, np.nan, 2.0]]):
        with pytest.raises(ValueError, match="energies"):
            planning.fluctuations(runs, 1.0, T_K)
    assert planning.fluctuations([np.full(50, -13.0)], 1.0, T_K).sigma_eV == 0


def test_the_table_of_64_waters_by_hand():
    rows = planning.table(known(), [1, 4, 16, 64], Hills(0.5, None, 100), 0.0005, 4e-4)
    # K = (0.5529 / (8.617e-5 * 300))^2 = 457.4; (K + 15 -+ sqrt(16 (K + 15))) / K = 0.843, 1.223
    assert (rows[2].low_K, rows[2].high_K) == pytest.approx((252.8, 366.9), rel=1e-3)
    assert rows[2].spread_eV == pytest.approx(4 * 0.5529 * np.sqrt(472.4 / 457.4), rel=1e-4)
    # K is proportional to sigma squared, so the high end moves by 2 T ((g - 1) / K + ...) a sigma
    moves = 2 * T_K * (15 / 457.4 + np.sqrt(16 * 472.4) / 457.4 - 0.5 * np.sqrt(16 / 472.4))
    assert rows[2].high_error_K == pytest.approx(0.05 * moves, rel=1e-3)
    assert rows[2].spread_error_eV == pytest.approx(0.05 * rows[2].spread_eV * 457.4 / 472.4, 1e-3)
    assert rows[0].steps == 0 and rows[0].seconds == 0
    hills = planning.hills_to_fill(16, 0.5, 1.0)
    assert rows[2].steps == pytest.approx(100 * hills + 16 * 0.15 / 0.0005)
    assert rows[2].seconds == pytest.approx(4e-4 * rows[2].steps)
    assert planning.table(known(), [4], Hills(0.5, None, 100), 0.0005, None)[0].seconds is None


def test_wider_hills_fill_sooner():
    first, second = (
        planning.table(known(tau_ps=0.0), [16], Hills(0.5, width, 100), 0.0005, None)[0].steps
        for width in (SIGMA_64, 2 * SIGMA_64)
    )
    assert second == pytest.approx(first / 2)


def test_the_same_window_needs_a_bias_factor_proportional_to_the_atoms():
    window = T_K, 290.0, 320.0
    small = energy.biasfactor_for_ends(SIGMA_64, *window)
    large = energy.biasfactor_for_ends(SIGMA_64 * np.sqrt(1000 / 64), *window)
    assert large / small == pytest.approx(1000 / 64, rel=0.07)  # exactly so for many atoms


def test_hills_to_fill():
    assert planning.hills_to_fill(1.0, 0.5, 1.0) == planning.hills_to_fill(1.2, 0.5, 1.0) == 0
    assert planning.bias_volume(1.2) == 0
    counts = [planning.hills_to_fill(g, 0.5, 1.0) for g in (1.5, 2, 4, 16, 64, 256, 1e4)]
    assert counts == sorted(counts)
    # for large g: n = 7.2 g^(3/2) / (h w)
    assert counts[-1] == pytest.approx(7.2 * 1e6 / 0.5, rel=0.01)
    assert planning.hills_to_fill(16, 1.0, 0.5) == pytest.approx(counts[3])
    with pytest.raises(ValueError, match="1 or more"):
        planning.hills_to_fill(0.5, 0.5, 1.0)


@pytest.mark.parametrize("biasfactor", [4.0, 16.0])
def test_the_closed_form_solves_its_equation(biasfactor):
    """dv/dn = a p exp(-v / (g - 1)), integrated by small steps with p in equilibrium."""
    height, width = 0.5, 1.0
    u = np.linspace(-10 * np.sqrt(biasfactor), 10 * np.sqrt(biasfactor), 801)
    step, v, n = u[1] - u[0], np.zeros(801), 0.0
    area = np.sqrt(2 * np.pi) * height * width
    while True:
        p = np.exp(-0.5 * u**2 - v)
        p /= p.sum() * step
        if np.sqrt(np.sum(p * u**2) * step) >= planning.FILLED * np.sqrt(biasfactor):
            break
        rate = area * p * np.exp(-v / (biasfactor - 1))
        dn = 0.02 / rate.max()
        v, n = v + dn * rate, n + dn
    assert planning.hills_to_fill(biasfactor, height, width) == pytest.approx(
        n, rel=0.07
    )  # exactly so for many atoms
    assert planning.bias_volume(biasfactor) == pytest.approx(
        v.sum() * step, rel=0.07
    )  # exactly so for many atoms


@pytest.mark.parametrize(("biasfactor", "tolerance"), [(4.0, 0.15), (9.0, 0.12)])
def test_simulated_walkers_fill_when_the_estimate_says(biasfactor, tolerance):
    """Independent walkers in a harmonic free energy with hills on a grid, kT = sigma = 1."""
    rng = np.random.default_rng(5)
    height, width, walkers, moves, dt = 0.5, 1.0, 24, 20, 0.05
    u = np.linspace(-6 * np.sqrt(biasfactor) - 6, 6 * np.sqrt(biasfactor) + 6, 401)
    cell = u[1] - u[0]
    x, v, heights = rng.normal(size=walkers), np.zeros((walkers, len(u))), np.zeros(walkers)
    row, volume, counts = np.arange(walkers), planning.bias_volume(biasfactor), np.zeros(walkers)
    for n in range(1, 4000):
        slope = np.gradient(v, cell, axis=1)
        for _ in range(moves):
            place = np.clip(np.rint((x - u[0]) / cell).astype(int), 0, len(u) - 1)
            x = x - dt * (x + slope[row, place]) + np.sqrt(2 * dt) * rng.normal(size=walkers)
        place = np.clip(np.rint((x - u[0]) / cell).astype(int), 0, len(u) - 1)
        new = height * np.exp(-v[row, place] / (biasfactor - 1))
        v += new[:, None] * np.exp(-0.5 * ((u - x[:, None]) / width) ** 2)
        heights += new
        counts[(counts == 0) & (np.sqrt(2 * np.pi) * width * heights >= volume)] = n
        if counts.all():
            break
    expected = planning.hills_to_fill(biasfactor, height, width)
    assert counts.mean() == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("biasfactor", [3.0, 4.0, 16.0, 64.0, 1000.0])
def test_hills_of_1_kT_in_closed_form(biasfactor):
    exact = planning.hills_to_fill(biasfactor, 1.0, 1.0)
    assert planning.hills_of_1_kT(biasfactor) == pytest.approx(exact, rel=0.02)


def test_hills_that_are_chosen_fill_the_first_quarter():
    """Of a run that is long enough; else they are the fastest and highest that may be chosen."""
    for nsteps in (24_000, 80_000, 800_000):
        pace, height_kT = planning.auto_hills(16.0, 50.0, nsteps)
        n_hills = planning.hills_to_fill(16.0, height_kT, 1.0)
        assert n_hills * pace + 16 * 50 == pytest.approx(nsteps / 4, rel=0.1)
        assert 13 <= pace <= 50
    assert planning.auto_hills(16.0, 50.0, 1000) == (13, 2.0)
    # A height that is given stays, and so does the time of filling.
    pace, height_kT = planning.auto_hills(16.0, 50.0, 80_000, height_kT=0.5)
    assert (pace, height_kT) == (22, 0.5)
    assert planning.auto_hills(16.0, 50.0, 80_000, height_kT=0.5, walkers=2)[0] == 45
