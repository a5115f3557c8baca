"""Radial distributions of systems that can be counted by hand."""

import numpy as np
import pytest

from wtemlp.analysis.rdf import half_width, rdf

TRICLINIC = np.array([[12.0, 0.0, 0.0], [3.0, 11.0, 0.0], [-2.0, 2.5, 10.5]])


def _rotation(seed: int) -> np.ndarray:
    matrix = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    return matrix * np.sign(np.linalg.det(matrix))


def _gas(rng: np.random.Generator, cell: np.ndarray, frames: int, atoms: int):
    coords = rng.random((frames, atoms, 3)) @ cell
    return coords, np.broadcast_to(cell, (frames, 3, 3))


@pytest.mark.parametrize("cell", [11.0 * np.eye(3), TRICLINIC, TRICLINIC @ _rotation(1)])
@pytest.mark.parametrize("pair", [("O", "O"), ("O", "H"), ("H", "O")])
def test_ideal_gas_is_one(cell, pair):
    coords, cells = _gas(np.random.default_rng(8), cell, 60, 90)
    types = np.tile(["O", "H", "H"], 30)
    found = rdf(coords, cells, types, pair, 4.5, 15)
    error = 1 / np.sqrt(found.pairs[3:])
    assert np.all(np.abs(found.g[3:] - 1) < 4.5 * error)
    assert found.n_frames == 60
    density = ((types == pair[1]).sum() - (pair[0] == pair[1])) / abs(np.linalg.det(cell))
    expected = density * 4 / 3 * np.pi * 4.5**3
    assert found.coordination[-1] == pytest.approx(expected, rel=0.03)


def test_two_atoms_are_one_even_in_the_smallest_gas():
    coords, cells = _gas(np.random.default_rng(9), 8.0 * np.eye(3), 6_000, 2)
    found = rdf(coords, cells, [0, 0], (0, 0), 4.0, 4)
    assert found.g[1:] == pytest.approx(np.ones(3), abs=0.12)


def test_shells_of_the_simple_cubic_lattice():
    a, n = 2.0, 6
    sites = a * np.stack(np.meshgrid(*[np.arange(n)] * 3), axis=-1).reshape(1, -1, 3)
    found = rdf(sites + 0.3, a * n * np.eye(3)[None], np.zeros(n**3, int), (0, 0), 5.0, 500)
    shells = {1: 6, 2: 12, 3: 8, 4: 6, 5: 24, 6: 24}  # neighbours at a sqrt(k)
    total = 0
    for square, count in shells.items():
        total += count
        place = int(a * np.sqrt(square) / 0.01) + 2
        assert found.coordination[place] == pytest.approx(total)
    assert found.coordination[190] == 0


@pytest.mark.parametrize("seed", [2, 3])
def test_orientation_wrapping_and_handedness_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    coords, cells = _gas(rng, TRICLINIC, 4, 60)
    types = np.repeat([0, 1], 30)
    reference = rdf(coords, cells, types, (0, 1), 4.0, 20).pairs
    turn = _rotation(seed)
    shift = rng.integers(-3, 4, size=(4, 60, 3)) @ TRICLINIC
    moved = rdf((coords + shift) @ turn, cells @ turn, types, (0, 1), 4.0, 20).pairs
    mirror = np.diag([1.0, 1.0, -1.0])
    mirrored = rdf(coords @ mirror, cells @ mirror, types, (0, 1), 4.0, 20).pairs
    # distances are computed in single precision: one on an edge may change its bin
    assert np.abs(moved - reference).sum() <= 2
    assert np.abs(mirrored - reference).sum() <= 2


def test_triclinic_distances_against_a_sum_over_images():
    rng = np.random.default_rng(10)
    coords, cells = _gas(rng, TRICLINIC, 1, 40)
    images = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3), axis=-1).reshape(-1, 3) @ TRICLINIC
    vectors = coords[0][:, None] - coords[0][None] + images[:, None, None]
    distances = np.linalg.norm(vectors, axis=-1).min(axis=0)[np.triu_indices(40, 1)]
    expected = np.histogram(distances, bins=25, range=(0, 4.9))[0]
    assert rdf(coords, cells, np.zeros(40), (0.0, 0.0), 4.9, 25).pairs.tolist() == expected.tolist()


def test_boxes_that_change():
    rng = np.random.default_rng(11)
    cells = np.stack([scale * np.eye(3) for scale in (9.0, 12.0)])
    coords = np.stack([rng.random((400, 3)) @ cell for cell in cells])
    found = rdf(coords, cells, np.zeros(400, int), (0, 0), 4.4, 8)
    assert found.g[2:] == pytest.approx(np.ones(6), abs=0.06)


def test_half_width_is_perpendicular():
    assert half_width(10.0 * np.eye(3)[None]) == pytest.approx(5.0)
    heights = [
        abs(np.linalg.det(TRICLINIC))
        / np.linalg.norm(np.cross(TRICLINIC[(i + 1) % 3], TRICLINIC[(i + 2) % 3]))
        for i in range(3)
    ]
    assert half_width(TRICLINIC[None]) == pytest.approx(min(heights) / 2)


@pytest.mark.parametrize("edge", [11.364662313149108, 10.1, 9.99999999, 33.3333333333])
def test_half_the_box_is_not_too_large(edge):
    """Also where its edge is smaller in single precision."""
    rng = np.random.default_rng(1)
    cells = np.eye(3)[None] * edge
    coords = rng.uniform(0, edge, (1, 200, 3))
    found = rdf(coords, cells, ["Cu"] * 200, ("Cu", "Cu"), half_width(cells), 20)
    assert found.g[10:].mean() == pytest.approx(1, abs=0.1)


def test_what_cannot_be_computed_is_refused():
    coords, cells = _gas(np.random.default_rng(12), 10.0 * np.eye(3), 2, 4)
    with pytest.raises(ValueError, match="half box"):
        rdf(coords, cells, [0, 0, 1, 1], (0, 0), 5.1, 10)
    with pytest.raises(ValueError, match="no pair 0-7"):
        rdf(coords, cells, [0, 0, 1, 1], (0, 7), 4.0, 10)
    with pytest.raises(ValueError, match="no pair 1-1"):
        rdf(coords, cells, [0, 0, 0, 1], (1, 1), 4.0, 10)
