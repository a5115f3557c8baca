"""Errors and distances of radial distributions, and first shells that can be counted."""

import numpy as np
import pytest

from wtemlp.analysis.rdf import RadialDistribution, rdf
from wtemlp.analysis.structure import (
    first_shell,
    half_distance,
    rdf_distance,
    rdf_with_errors,
)


def gas(seed, n_frames, n_atoms=40, length=9.0):
    coords = length * np.random.default_rng(seed).random((n_frames, n_atoms, 3))
    return coords, np.broadcast_to(length * np.eye(3), (n_frames, 3, 3))


def blocked(seed, n_frames=40, n_blocks=5):
    return rdf_with_errors(*gas(seed, n_frames), np.zeros(40), (0, 0), 4.5, 18, n_blocks)


def shells(*gaussians):
    """``1 + sum of height * exp(-(r - place)^2 / 2 width^2)``, without a core."""
    r = (np.arange(160) + 0.5) * 0.05
    g = np.ones(160)
    for height, place, width in gaussians:
        g += height * np.exp(-0.5 * ((r - place) / width) ** 2)
    g[r < 2.0] = 0.0
    return RadialDistribution(r, g, np.cumsum(g), g, 1)


def test_all_blocks_together_are_the_whole():
    rng = np.random.default_rng(1)
    cells = np.linspace(9.0, 11.0, 13)[:, None, None] * np.eye(3)
    coords = np.einsum("fad,fde->fae", rng.random((13, 30, 3)), cells)
    types = np.tile([0, 1, 1], 10)
    found = rdf_with_errors(coords, cells, types, (0, 1), 4.5, 9, n_blocks=4)
    whole = rdf(coords, cells, types, (0, 1), 4.5, 9)
    assert found.g == pytest.approx(whole.g)
    assert found.coordination == pytest.approx(whole.coordination)
    assert [b.n_frames for b in found.blocks] == [3, 3, 4, 3]
    assert found.n_frames == 13


def test_error_bars_are_as_large_as_the_errors():
    deviations = np.array(
        [(b.g[4:] - 1) / b.error[4:] for b in (blocked(10 + s, 20) for s in range(12))]
    )
    # t with 4 degrees of freedom: 68 % within 1.14
    assert 0.55 < np.mean(np.abs(deviations) < 1.14) < 0.8


def test_two_runs_of_one_potential_are_as_far_apart_as_their_noise():
    distances = [
        rdf_distance(blocked(40 + s, 20), blocked(60 + s, 20), (1.0, 4.5)) for s in range(8)
    ]
    ratio = np.mean([d.value / d.noise for d in distances])
    assert ratio == pytest.approx(1.0, abs=0.25)
    halves = np.mean([half_distance(blocked(40 + s, 20), (1.0, 4.5)) for s in range(8)])
    assert halves == pytest.approx(np.mean([d.value for d in distances]), rel=0.3)


def test_a_difference_that_is_there_is_found():
    reference = blocked(80)
    coords, cells = gas(81, 40)
    coords[:, 20:] = coords[:, :20] + [2.0, 0.0, 0.0]  # pairs at 2 A
    other = rdf_with_errors(coords, cells, np.zeros(40), (0, 0), 4.5, 18)
    distance = rdf_distance(other, reference, (1.0, 4.5))
    assert distance.value > 2 * distance.noise
    assert distance.value > 4 * distance.error
    assert rdf_distance(other, reference).range_A[1] == pytest.approx(4.375)
    # 20 of the 780 pairs in the shell from 2 to 2.25 A (or 1.75 to 2 A)
    near = rdf_distance(other, reference, (1.75, 2.25))
    shell = 4 / 3 * np.pi * (2.25**3 - 1.75**3) / 9.0**3
    assert near.value * 2 == pytest.approx(2 * 20 / (780 * shell), rel=0.15)
    assert rdf_distance(reference, reference).value == 0


def test_the_first_shell_of_a_model_liquid():
    found = first_shell(shells((2.0, 2.8, 0.15), (-0.3, 3.5, 0.2), (0.3, 4.5, 0.4)))
    assert found.peak_A == pytest.approx(2.8, abs=0.02)
    assert found.minimum_A == pytest.approx(3.5, abs=0.05)
    assert found.minimum_height == pytest.approx(0.7, abs=0.05)
    assert 2.9 < found.peak_height < 3.01  # smoothed
    # the sum of g up to the minimum
    expected = np.interp(found.minimum_A, (np.arange(160) + 1) * 0.05, np.cumsum(shells().g))
    assert expected < found.coordination < 2 * expected


def test_bonds_are_passed_over():
    both = shells((6.0, 2.2, 0.05), (1.0, 3.6, 0.15), (-0.4, 4.4, 0.2))
    assert first_shell(both).peak_A == pytest.approx(2.2, abs=0.03)
    assert first_shell(both, r_min_A=3.0).peak_A == pytest.approx(3.6, abs=0.02)


def test_shells_that_are_not_there():
    assert first_shell(shells()) is None
    assert first_shell(blocked(90)) is None
    open_ended = first_shell(shells((1.5, 7.5, 0.1)))
    assert open_ended.peak_A == pytest.approx(7.5, abs=0.02)
    assert (open_ended.minimum_A, open_ended.coordination) == (None, None)


def test_twelve_neighbours_in_a_warm_fcc_crystal():
    a, n = 4.0, 3
    basis = a * np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    cells = a * np.stack(np.meshgrid(*[np.arange(n)] * 3), axis=-1).reshape(-1, 1, 3)
    sites = (cells + basis).reshape(-1, 3)
    coords = sites + 0.1 * np.random.default_rng(2).normal(size=(10, len(sites), 3))
    boxes = np.broadcast_to(a * n * np.eye(3), (10, 3, 3))
    found = first_shell(rdf_with_errors(coords, boxes, np.zeros(len(sites)), (0, 0), 6.0, 120))
    assert found.peak_A == pytest.approx(a / np.sqrt(2), abs=0.05)
    assert found.coordination == pytest.approx(12.0, abs=0.05)


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="5 blocks of 3 frames"):
        blocked(1, 3)
    with pytest.raises(ValueError, match="different bins"):
        rdf_distance(
            blocked(1, 10),
            rdf_with_errors(*gas(1, 10), np.zeros(40), (0, 0), 4.5, 9),
        )
    with pytest.raises(ValueError, match="no bin"):
        rdf_distance(blocked(1, 10), blocked(2, 10), (8.0, 9.0))
