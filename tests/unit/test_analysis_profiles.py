"""The free energy along a variable, of samples whose answer is known."""

import numpy as np
import pytest

from wtemlp.analysis.energy import reweighting_weights
from wtemlp.analysis.reweighting import Weighted, bias_of_hills, profile
from wtemlp.core.units import KB_EV

T = 300.0
KT = KB_EV * T
EDGES = np.linspace(-np.pi, np.pi, 25)


def torsion(x):
    """A free energy, kT."""
    return 2.0 * (1 - np.cos(3 * x)) + 0.7 * (1 - np.cos(x))


def sampled(rng, n, kT_bias):
    """Independent values from the torsion and a bias on it (kT)."""
    x = rng.uniform(-np.pi, np.pi, 40 * n)
    keep = np.log(rng.uniform(size=len(x))) < -torsion(x) - kT_bias(x) - 1e-9
    return x[keep][:n]


def walkers(n_walkers, n, seed=0):
    """Values of walkers whose bias has taken half of the free energy."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(n_walkers):
        x = sampled(rng, n, lambda x: -0.5 * torsion(x))
        weights = reweighting_weights(-0.5 * torsion(x) * KT, T)
        found.append(Weighted(x, weights, 2 * np.pi))
    return found


def test_the_free_energy_is_that_of_the_sample_within_its_errors():
    found = profile(walkers(6, 4000), EDGES)
    expected = torsion(found.centres)
    seen = expected < 6
    off = found.free_energy_kT - expected
    off -= np.average(off[seen], weights=1 / found.error_kT[seen] ** 2)
    # Bins of a quarter of a radian, of a function that is curved: 0.05 kT.
    pulls = off[seen] / np.hypot(found.error_kT[seen], 0.05)
    assert np.sqrt(np.mean(pulls**2)) < 1.8
    assert found.independent > 5000


def test_one_walker_has_an_error_from_its_parts():
    errors = [profile(walkers(1, 4000, seed), EDGES).error_kT for seed in range(8)]
    free = np.array([profile(walkers(1, 4000, seed), EDGES).free_energy_kT for seed in range(8)])
    middle = np.isfinite(free).all(axis=0)
    spread = (free - free.mean(axis=1, keepdims=True) if middle.all() else free)[:, middle]
    told, seen = np.nanmedian(errors), np.median(spread.std(axis=0, ddof=1))
    assert told == pytest.approx(seen, rel=0.6)


def test_a_step_over_the_end_of_a_period_is_none():
    rng = np.random.default_rng(1)
    x = np.cumsum(rng.normal(scale=0.05, size=4000)) + np.pi
    wrapped = (x + np.pi) % (2 * np.pi) - np.pi
    even = np.full(len(x), 1 / len(x))
    assert Weighted(wrapped, even, 2 * np.pi).independent < 100


def test_hills_of_two_variables_one_of_them_periodic():
    hills = {
        "ene": np.array([0.0, 1.0]),
        "phi": np.array([3.1, 0.0]),
        "sigma_ene": np.array([0.5, 0.5]),
        "sigma_phi": np.array([0.3, 0.3]),
        "height": np.array([0.04, 0.02]),
        "biasf": np.array([4.0, 4.0]),
    }
    at = {"ene": [0.1], "phi": [-3.0]}
    away = 2 * np.pi - 6.1
    square = (0.1 / 0.5) ** 2 / 2 + (away / 0.3) ** 2 / 2
    expected = 0.03 * (np.exp(-square) - np.exp(-6.25)) / (1 - np.exp(-6.25))
    assert bias_of_hills(at, hills, {"phi": 2 * np.pi}) == pytest.approx([expected])
    assert bias_of_hills(at, hills) == pytest.approx([0.0])
