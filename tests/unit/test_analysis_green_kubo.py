"""Time correlations of Ornstein-Uhlenbeck processes, whose integrals are known."""

import numpy as np
import pytest

from wtemlp.analysis.diffusion import self_diffusion
from wtemlp.analysis.green_kubo import green_kubo_diffusion, vacf, viscosity
from wtemlp.core.units import KB_EV

AMU_A2_PS2_EV = 1.0364269e-4  #: 1 g/mol Angstrom^2/ps^2 in eV


def ornstein_uhlenbeck(seed, n_frames, columns, std, tau_ps, spacing_ps):
    """Stationary, exact in its steps: correlation ``std^2 exp(-t/tau)``."""
    keep = np.exp(-spacing_ps / tau_ps)
    noise = np.random.default_rng(seed).normal(size=(n_frames, columns))
    values = np.empty_like(noise)
    values[0] = noise[0]
    for i in range(1, n_frames):
        values[i] = keep * values[i - 1] + np.sqrt(1 - keep**2) * noise[i]
    return std * values


@pytest.fixture(scope="module")
def velocities():
    """Langevin atoms of 16 g/mol at 300 K, friction 4/ps, 40 atoms, 80 ps."""
    std = np.sqrt(KB_EV * 300 / (16.0 * AMU_A2_PS2_EV))
    return ornstein_uhlenbeck(1, 4001, 120, std, 0.25, 0.02).reshape(4001, 40, 3)


#: kT/(m gamma), A^2/ps to 1e-5 cm2/s
EXPECTED = 10 * KB_EV * 300 / (16.0 * AMU_A2_PS2_EV * 4.0)


def test_vacf_decays_with_the_friction(velocities):
    found = vacf(velocities, 0.02, masses=None)
    assert found.c[0] == 1.0
    early = found.lag_ps < 1.0
    assert np.abs(found.c - np.exp(-4.0 * found.lag_ps))[early].max() < 0.05
    deviations = (found.c - np.exp(-4.0 * found.lag_ps))[1:] / found.error[1:]
    assert np.sqrt(np.mean(deviations**2)) < 2.5
    assert found.lag_ps[-1] == pytest.approx(8.0)
    assert found.mean_square_A2_ps2 == pytest.approx(
        3 * KB_EV * 300 / (16.0 * AMU_A2_PS2_EV), rel=0.03
    )


def test_vacf_is_that_of_two_loops(velocities):
    some = velocities[:60, :3]
    direct = [np.mean(np.sum(some[k:] * some[: 60 - k], axis=-1)) for k in range(6)]
    found = vacf(some, 0.02, masses=None)
    assert found.c * found.mean_square_A2_ps2 == pytest.approx(direct)


def test_both_roads_lead_to_the_same_diffusion(velocities):
    from_velocities = green_kubo_diffusion(velocities, 0.02, masses=None, until_ps=2.0)
    assert from_velocities.value == pytest.approx(EXPECTED, abs=4 * from_velocities.error)
    assert from_velocities.error < 0.06 * EXPECTED
    assert from_velocities.plateau_ps == pytest.approx((1.0, 2.0))
    paths = np.cumsum(velocities, axis=0) * 0.02
    from_paths = self_diffusion(paths, 0.02, masses=None)
    assert from_paths.d == pytest.approx(EXPECTED, abs=4 * from_paths.error)


def test_the_drift_is_removed(velocities):
    masses = np.full(40, 16.0)
    still = vacf(velocities[:500], 0.02, masses=masses)
    moved = vacf(velocities[:500] + [3.0, -1.0, 2.0], 0.02, masses=masses)
    assert moved.c == pytest.approx(still.c, abs=1e-10)
    assert vacf(velocities[:500] + 3.0, 0.02, masses=None).c[-1] > 0.25


def test_viscosity_of_a_stress_that_is_known():
    # eta = V/kT s^2 tau: 1e-27 m3 / (k 300 K) (3e7 Pa)^2 2e-13 s = 4.346e-5 Pa s
    shears = ornstein_uhlenbeck(2, 20_000, 6, 300.0, 0.2, 0.02)
    shears[:, :3] = np.sqrt(2) * shears[:, :3] + 500.0  # (xx - yy)/2 has the variance of xy
    found = viscosity(shears, 0.02, volume_A3=1000.0, temperature_K=300.0, until_ps=1.6)
    assert found.value == pytest.approx(0.04346, abs=4 * found.error)
    assert found.error < 0.004


def test_nonsense_is_refused(velocities):
    with pytest.raises(ValueError, match="at least 41"):
        vacf(velocities[:30], 0.02, masses=None)
    with pytest.raises(ValueError, match="all zero"):
        vacf(np.zeros((100, 2, 3)), 0.02, masses=None)
    with pytest.raises(ValueError, match=r"until_ps = 9: must be from 0.08 ps to .* 8 ps"):
        green_kubo_diffusion(velocities, 0.02, masses=None, until_ps=9.0)
    with pytest.raises(ValueError, match=r"\(n_frames, 6\)"):
        viscosity(np.zeros((100, 3)), 0.02, volume_A3=1.0, temperature_K=300.0)
    with pytest.raises(ValueError, match="temperature_K = 0"):
        viscosity(np.zeros((100, 6)), 0.02, volume_A3=1.0, temperature_K=0)
