"""Diffusion of motions whose answer is known: walkers, straight lines, cages, lattices."""

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from wtemlp.analysis.diffusion import finite_size_correction, self_diffusion
from wtemlp.analysis.displacement import bounded_displacement, msd, unwrap, without_drift


def walkers(seed, n_frames, n_atoms, d_A2_ps, spacing_ps):
    """Brownian paths: independent steps of variance ``2 D dt`` in each direction."""
    steps = np.random.default_rng(seed).normal(size=(n_frames, n_atoms, 3))
    return np.cumsum(steps * np.sqrt(2 * d_A2_ps * spacing_ps), axis=0)


def caged(seed, n_frames, n_atoms, width=0.5):
    """Atoms that jitter about their sites."""
    rng = np.random.default_rng(seed)
    return 10 * rng.random((1, n_atoms, 3)) + width * rng.normal(size=(n_frames, n_atoms, 3))


def direct_msd(positions):
    """By two loops, over lags and origins."""
    n = len(positions)
    return np.array(
        [np.mean(np.sum((positions[k:] - positions[: n - k]) ** 2, axis=-1)) for k in range(n)]
    )


def test_msd_is_that_of_two_loops_and_its_axis_is_time():
    positions = walkers(1, 41, 5, 0.3, 0.02) + 1000.0
    found = msd(positions, 0.02, masses=None)
    assert found.msd_A2 == pytest.approx(direct_msd(positions), rel=1e-8, abs=1e-10)
    assert found.lag_ps[[0, 1, -1]] == pytest.approx([0, 0.02, 0.8])
    assert (found.n_atoms, found.n_frames) == (5, 41)
    assert np.isfinite(found.error_A2[:5]).all()
    assert np.isnan(found.error_A2[5:]).all()


def test_ballistic_motion_is_the_square_of_velocity_times_time():
    velocity = np.array([[1.0, 2.0, 2.0], [-1.0, -2.0, -2.0]])  # 3 A/ps each
    positions = np.arange(101)[:, None, None] * 0.1 * velocity
    found = self_diffusion(positions, 0.1, masses=[1.0, 1.0])
    assert found.msd.msd_A2 == pytest.approx(9.0 * found.msd.lag_ps**2, abs=1e-9)
    assert found.d is None
    assert "not diffusive" in found.reason


def test_an_angstrom_squared_a_picosecond_is_ten_units():
    # 1 A^2/ps = 1e-16 cm2 / 1e-12 s = 1e-4 cm2/s
    found = self_diffusion(walkers(2, 2001, 60, 1.0, 0.5), 0.5, masses=None)
    assert found.d == pytest.approx(10.0, abs=4 * found.error)
    assert found.error < 0.3
    assert found.exponent == pytest.approx(1.0, abs=0.03)
    assert found.reason == ""


def test_a_step_of_a_frame_too_few_or_too_many_is_not_made():
    # steps of exactly +-s, so that <r^2> = 3 s^2 at the first lag whatever is drawn
    signs = np.random.default_rng(3).choice([-1.0, 1.0], size=(500, 40, 3))
    found = msd(np.cumsum(0.2 * signs, axis=0), 0.25, masses=None)
    assert found.msd_A2[1] == pytest.approx(3 * 0.2**2)
    assert found.lag_ps[1] == 0.25


def test_error_bars_are_as_large_as_the_errors():
    deviations, wide = [], []
    for seed in range(40):
        positions = walkers(100 + seed, 401, 8, 0.5, 0.1)
        found = self_diffusion(positions, 0.1, masses=None)
        if found.d is not None:
            deviations.append((found.d - 5.0) / found.error)
        at_the_end = self_diffusion(positions, 0.1, masses=None, fit_ps=(0.4, 4.0))
        wide.append((at_the_end.d - 5.0) / at_the_end.error)
    assert len(deviations) > 30
    # of a normal distribution: 1 +- 0.1; from 20 parts 1.05, from 5 parts 1.4 (heavy tails)
    assert 0.75 < np.std(deviations) < 1.4
    assert abs(np.mean(deviations)) < 4 / np.sqrt(len(deviations))
    assert 0.6 < np.median(np.abs(wide)) / 0.6745 < 1.4


def test_the_window_begins_after_the_cage():
    # a Brownian path with jitter: <r^2> = 6 D t + 6 w^2, the slope is right from the first lag on
    positions = walkers(4, 4001, 40, 0.5, 0.05) + 0.6 * np.random.default_rng(5).normal(
        size=(4001, 40, 3)
    )
    found = self_diffusion(positions, 0.05, masses=None)
    assert found.d == pytest.approx(5.0, abs=4 * found.error)
    assert found.fit_ps[1] <= 20.0


def soft_cages(seed, n_frames, n_atoms, width, tau_ps, d_A2_ps=0.3, spacing_ps=0.05):
    """Brownian paths of centres, and atoms that relax within ``tau_ps`` about them."""
    rng = np.random.default_rng(seed)
    decay = np.exp(-spacing_ps / tau_ps)
    kicks = rng.normal(size=(n_frames, n_atoms, 3)) * np.sqrt(1 - decay**2)
    kicks[0] = rng.normal(size=(n_atoms, 3))
    about = width * lfilter([1.0], [1.0, -decay], kicks, axis=0)
    return walkers(rng, n_frames, n_atoms, d_A2_ps, spacing_ps) + about


@pytest.mark.parametrize(
    ("n_frames", "width", "tau_ps"),
    [(1000, 0.0, 1.0), (240, 0.0, 1.0), (1000, 0.5, 0.5), (240, 0.7, 1.0)],
)
def test_students_error_bar_holds_the_truth(n_frames, width, tau_ps):
    """Also of soft cages, and of runs too short to have left them."""
    inside = []
    for seed in range(20):
        positions = soft_cages(seed, n_frames, 32, width, tau_ps)
        found = self_diffusion(positions, 0.05, masses=None)
        inside.append(abs(found.d - 3.0) < stats.t.ppf(0.975, found.independent - 1) * found.error)
    assert sum(inside) >= 17  # of 20, where 95 % are expected


def test_a_converged_slope_is_known_though_the_exponent_is_below_one():
    """Jitter leaves an intercept: <r^2> = 6 D t + 6 w^2, of a run of 12 ps."""
    found = self_diffusion(soft_cages(3, 240, 32, 0.7, 0.01), 0.05, masses=None)
    assert found.exponent < 0.9
    assert found.d == pytest.approx(3.0, abs=3 * found.error) and found.error < 0.6


def test_atoms_that_stay_do_not_diffuse():
    found = self_diffusion(caged(6, 400, 30), 0.1, masses=None)
    assert abs(found.d) < 3 * found.error and found.error < 0.1
    assert abs(found.exponent) < 0.1
    still = self_diffusion(np.ones((200, 3, 3)), 0.1, masses=None)
    assert still.reason == "the atoms do not move"


def test_the_displacement_of_atoms_that_stay_is_twice_their_spread():
    """6 sigma^2 of a harmonic cage, with an honest error; what leaves its cage is not bounded."""
    errors = []
    for seed in range(20):
        places = soft_cages(seed, 4000, 16, 0.4, 0.2, d_A2_ps=0.0)
        found = bounded_displacement(msd(places, 0.05, masses=None))
        assert found is not None and found.lags_ps == pytest.approx((10.0, 19.95))
        errors.append((found.msd_A2 - 6 * 0.4**2) / found.error_A2)
    assert np.abs(errors).mean() < 1.5
    for width, d_A2_ps in ((0.4, 0.3), (1.0, 0.05), (0.0, 0.3)):
        moves = soft_cages(1, 4000, 16, width, 0.2, d_A2_ps=d_A2_ps)
        assert bounded_displacement(msd(moves, 0.05, masses=None)) is None
    short = soft_cages(1, 60, 16, 0.4, 0.2, d_A2_ps=0.0)
    assert bounded_displacement(msd(short, 0.05, masses=None)) is None


def test_a_short_run_and_a_lonely_atom_say_so():
    short = self_diffusion(walkers(7, 60, 20, 0.5, 0.1), 0.1, masses=None)
    assert short.d is None
    assert short.reason == "60 frames; at least 81 are needed"
    lonely = self_diffusion(walkers(8, 400, 1, 0.5, 0.1), 0.1, masses=None)
    # of a single atom there is little to know, and the error says so
    assert lonely.d == pytest.approx(5.0, abs=3 * lonely.error) and lonely.error > 0.1 * lonely.d
    single = self_diffusion(np.zeros((1, 4, 3)), 0.1, masses=None)
    assert single.reason.startswith("1 frames")


def test_drift_of_the_centre_of_mass_is_removed():
    masses = np.array([16.0, 1.0, 1.0] * 10)
    positions = walkers(9, 801, 30, 0.5, 0.1)
    drifting = positions + np.arange(801)[:, None, None] * np.array([0.3, -0.2, 0.1])
    still = self_diffusion(positions, 0.1, masses=masses, atoms=masses > 2)
    moved = self_diffusion(drifting, 0.1, masses=masses, atoms=masses > 2)
    assert moved.d == pytest.approx(still.d, rel=1e-6)
    assert moved.msd.n_atoms == 10
    assert self_diffusion(drifting, 0.1, masses=None).d is None
    centre = np.average(without_drift(drifting, masses), axis=1, weights=masses)
    assert np.abs(centre).max() < 1e-9


def test_a_window_that_is_asked_for():
    positions = walkers(10, 1001, 20, 0.5, 0.1)
    found = self_diffusion(positions, 0.1, masses=None, fit_ps=(1.0, 5.0))
    assert found.fit_ps == pytest.approx((1.0, 5.0))
    assert found.n_blocks == 10
    line = np.polyfit(found.msd.lag_ps[10:51], found.msd.msd_A2[10:51], 1)
    assert found.d == pytest.approx(line[0] / 6 * 10)
    with pytest.raises(ValueError, match=r"a tenth of the trajectory, 10 ps"):
        self_diffusion(positions, 0.1, masses=None, fit_ps=(1.0, 12.0))
    with pytest.raises(ValueError, match="fewer than 4 lags"):
        self_diffusion(positions, 0.1, masses=None, fit_ps=(1.0, 1.2))


def test_wrapped_paths_are_made_whole_again():
    cell = np.array([[6.0, 0.0, 0.0], [1.5, 5.5, 0.0], [-1.0, 1.2, 6.2]])
    paths = walkers(11, 300, 8, 0.5, 0.05)
    wrapped = (paths @ np.linalg.inv(cell) % 1.0) @ cell
    whole = unwrap(wrapped, cell)
    assert whole - whole[0] == pytest.approx(paths - paths[0], abs=1e-9)
    assert unwrap(wrapped, np.broadcast_to(cell, (300, 3, 3))) == pytest.approx(whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, c: (x[::40], c), "of a cell vector between two frames"),
        (lambda x, c: (x, c[None] * np.linspace(1, 1.1, len(x))[:, None, None]), "cell changes"),
        (lambda x, c: (np.where(x > x.max() - 1e-9, np.nan, x), c), "not finite"),
        (lambda x, c: (x[0], c), "n_frames, n_atoms, 3"),
        (lambda x, c: (x, c[None].repeat(3, axis=0)), "for 200 frames"),
    ],
)
def test_paths_that_cannot_be_unwrapped(change, message):
    cell = 5.0 * np.eye(3)
    coords = walkers(12, 200, 6, 0.5, 0.1) % 5.0
    with pytest.raises(ValueError, match=message):
        unwrap(*change(coords, cell))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"masses": [1.0]}, "as many masses"),
        ({"masses": [1.0, 0.0]}, "as many masses"),
        ({"masses": None, "atoms": [False, False]}, "no atom"),
        ({"masses": None, "spacing_ps": 0.0}, "spacing_ps = 0.0"),
    ],
)
def test_nonsense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        msd(np.zeros((10, 2, 3)), **{"spacing_ps": 0.1, **arguments})
    with pytest.raises(ValueError, match="not finite"):
        msd(np.full((10, 2, 3), np.nan), 0.1, masses=None)


def test_finite_size_correction_by_hand():
    # 2.837297 * 1.380649e-23 * 300 / (6 pi * 0.001 * 2e-9) m2/s = 3.1172e-10 m2/s
    assert finite_size_correction(300.0, 1.0, 20.0) == pytest.approx(0.31172, rel=1e-4)
    # proportional to T, inversely so to viscosity and edge
    assert finite_size_correction(600.0, 0.5, 40.0) == pytest.approx(2 * 0.31172, rel=1e-4)
    with pytest.raises(ValueError, match="viscosity_mPa_s"):
        finite_size_correction(300.0, 0.0, 20.0)
