"""Errors against labels, by hand and by what was put in."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from wtemlp.analysis.parity import (
    committee_calibration,
    energy_bins,
    energy_errors,
    errors_by_energy,
    force_errors,
    relative_energies,
    thinned,
)


def test_energies_by_hand():
    # per atom: +3, +1, +2, +2 meV; offset 2, without it +1, -1, 0, 0
    reference = np.array([-30.0, -29.0, -28.0, -27.0])
    found = energy_errors(reference, reference + np.array([9, 3, 6, 6]) / 1000, 3)
    assert found.offset_meV_atom == pytest.approx(2.0)
    assert found.as_it_is.rmse == pytest.approx(np.sqrt(18 / 4))
    assert found.as_it_is.mae == pytest.approx(2.0)
    assert found.shifted.rmse == pytest.approx(np.sqrt(0.5))
    assert found.shifted.mae == pytest.approx(0.5)
    assert (found.as_it_is.n, found.as_it_is.largest) == (4, pytest.approx(3.0))
    # boxes of different sizes
    mixed = energy_errors([-10.0, -20.0], [-9.99, -19.98], [10, 20])
    assert mixed.as_it_is.rmse == pytest.approx(1.0)


def test_forces_by_hand():
    reference = np.zeros((2, 1, 3))
    model = np.array([[[0.003, 0.0, 0.0]], [[0.0, 0.004, 0.0]]])
    found = force_errors(reference, model)
    assert found.rmse == pytest.approx(np.sqrt(25 / 6))  # of a component, meV/A
    assert found.mae == pytest.approx(7 / 6)
    assert found.n == 2
    assert force_errors(model, model).rmse == 0


def test_the_error_of_an_rmse():
    rng = np.random.default_rng(1)
    zeros = np.zeros(200)
    found = [energy_errors(zeros, rng.normal(size=200), 1).as_it_is for _ in range(80)]
    assert np.std([f.rmse for f in found]) == pytest.approx(found[0].rmse_error, rel=0.35)
    assert np.std([f.mae for f in found]) == pytest.approx(found[0].mae_error, rel=0.35)
    assert np.isnan(energy_errors([0.0], [1.0], 1).as_it_is.rmse_error)


def test_bins_hold_enough_frames():
    energies = np.random.default_rng(2).normal(size=100)
    by_count = energy_bins(energies, 8)
    assert len(by_count) == 9
    assert set(np.histogram(energies, by_count)[0]) <= {12, 13}
    assert len(energy_bins(energies, 30)) == 11  # ten of ten frames
    by_width = energy_bins(energies, 8, equal="width")
    assert np.histogram(energies, by_width)[0].min() >= 10
    assert np.histogram(energies, by_width)[0].sum() == 100
    assert by_width[[0, -1]] == pytest.approx([energies.min(), energies.max()])
    inner = np.diff(by_width)[1:-1]
    assert inner == pytest.approx(np.full(len(inner), np.ptp(energies) / 8))
    assert len(energy_bins(energies[:4], 5)) == len(energy_bins(energies[:4], 5, equal="width"))
    with pytest.raises(ValueError, match='equal = "area"'):
        energy_bins(energies, 3, equal="area")
    with pytest.raises(ValueError, match="no energies"):
        energy_bins([], 3)


def test_errors_by_energy_are_those_put_in():
    rng = np.random.default_rng(3)
    reference = np.linspace(-1.0, 1.0, 400)
    scale = np.where(reference < 0, 0.001, 0.003)
    model = reference + 0.05 + scale * rng.normal(size=400)
    forces = rng.normal(size=(400, 5, 3))
    of_model = forces + 10 * scale[:, None, None] * rng.normal(size=(400, 5, 3))
    low, high = errors_by_energy(reference, model, forces, of_model, [-1.0, 0.0, 1.0])
    assert (low.n_frames, high.n_frames) == (200, 200)
    assert low.energy_rmse_shifted_meV_atom == pytest.approx(1.0, rel=0.2)
    assert high.energy_rmse_shifted_meV_atom == pytest.approx(3.0, rel=0.2)
    assert low.energy_rmse_meV_atom == pytest.approx(50.0, rel=0.02)
    assert low.force_rmse_meV_A == pytest.approx(10.0, rel=0.05)
    assert high.force_rmse_meV_A == pytest.approx(30.0, rel=0.05)
    everything = errors_by_energy(reference, model, forces, of_model, energy_bins(reference, 1))
    assert everything[0].force_rmse_meV_A == pytest.approx(force_errors(forces, of_model).rmse)
    assert len(errors_by_energy(reference, model, forces, of_model, [-1.0, 0.0, 1.1, 9.0])) == 2


def test_frames_of_one_energy_make_one_bin():
    same = np.full(30, -2.0)
    found = errors_by_energy(
        same, same, np.zeros((30, 1, 3)), np.ones((30, 1, 3)), energy_bins(same, 4)
    )
    assert [one.n_frames for one in found] == [30]


def test_a_committee_that_knows_its_error():
    rng = np.random.default_rng(4)
    width = np.exp(rng.normal(size=20_000))
    found = committee_calibration(
        rng.normal(size=(4, 20_000)) * width, rng.normal(size=20_000) * width
    )
    assert found.ratio == pytest.approx(1.0, abs=0.1)
    assert found.rank_correlation > 0.5
    assert np.all(np.diff(found.spread) > 0)
    assert np.all(np.diff(found.error) > 0)
    assert found.count.sum() == found.n == 20_000
    # offset common to all models: too sure of itself
    bias = committee_calibration(1.0 + 0.1 * rng.normal(size=(4, 5000)), np.zeros(5000))
    assert bias.ratio == pytest.approx(np.sqrt(1 + 0.01 / 4) / np.sqrt(0.0125), rel=0.03)
    assert abs(bias.rank_correlation) < 0.06
    forces = committee_calibration(rng.normal(size=(3, 10, 4, 3)), rng.normal(size=(10, 4, 3)))
    assert forces.n == 120


def test_rank_correlation_is_spearmans():
    rng = np.random.default_rng(5)
    models = rng.normal(size=(3, 50)).round(1)  # with ties
    labels = rng.normal(size=50).round(1)
    expected = spearmanr(models.var(axis=0, ddof=1), (models.mean(axis=0) - labels) ** 2).statistic
    assert committee_calibration(models, labels).rank_correlation == pytest.approx(
        expected, abs=0.02
    )
    assert np.isnan(committee_calibration(np.ones((2, 5)), np.zeros(5)).rank_correlation)


def test_the_offset_of_each_composition_is_no_error():
    rng = np.random.default_rng(8)
    kinds = np.repeat(["H2 O", "H4 O2", "lone"], [60, 40, 1])
    reference = np.repeat([-1.0, -2.0, -7.0], [60, 40, 1]) + rng.normal(scale=0.01, size=101)
    noise = rng.normal(scale=0.003, size=101)
    plain, moved = (
        relative_energies(reference, reference + noise + shift, kinds)
        for shift in (0.0, np.repeat([0.2, -0.1, 0.5], [60, 40, 1]))
    )
    assert moved.rmse_meV_atom == pytest.approx(plain.rmse_meV_atom)
    assert moved.rmse_meV_atom == pytest.approx(3.0, rel=0.15)
    assert moved.one_minus_r == pytest.approx(plain.one_minus_r)
    # Of variances 0.01^2 and 0.003^2: r = 1 / sqrt(1.09)
    assert moved.one_minus_r == pytest.approx(1 - 1.09**-0.5, rel=0.4)
    mean = (60 * 200 - 40 * 100 + 500) / 101 + plain.offset_meV_atom
    assert moved.offset_meV_atom == pytest.approx(mean)
    assert np.isnan(relative_energies([1.0], [1.0], ["a"]).rmse_meV_atom)


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="energies"):
        energy_errors([1.0], [1.0, 2.0], 1)
    with pytest.raises(ValueError, match="not finite"):
        force_errors(np.zeros((1, 1, 3)), np.full((1, 1, 3), np.nan))
    with pytest.raises(ValueError, match="two models"):
        committee_calibration(np.zeros((1, 5)), np.zeros(5))
    with pytest.raises(ValueError, match="energies"):
        energy_errors([], [], 1)


def test_points_for_a_plot():
    assert thinned(5, 10, 1).tolist() == [0, 1, 2, 3, 4]
    some = thinned(1000, 50, 7)
    assert len(set(some)) == 50
    assert (np.diff(some) > 0).all()
    assert thinned(1000, 50, 7).tolist() == some.tolist() != thinned(1000, 50, 8).tolist()
