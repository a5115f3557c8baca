"""Molecules are found whatever the order of the atoms, and what is not water is refused."""

import numpy as np
import pytest

from tests.support.waters import water_box
from wtemlp.md.topology import bond_lengths, make_whole, water_topology

LENGTH = 9.3
CUBE = np.eye(3) * LENGTH
TILTED = np.array([[LENGTH, 0.0, 0.0], [3.0, LENGTH, 0.0], [-2.5, 2.0, LENGTH]])


def as_sets(topology):
    pairs = zip(topology.oxygens, topology.hydrogens.tolist(), strict=True)
    return {(o, frozenset(h)) for o, h in pairs}


@pytest.mark.parametrize("cell", [CUBE, TILTED], ids=["cube", "tilted"])
@pytest.mark.parametrize("shuffle", [False, True], ids=["OHHOHH", "shuffled"])
def test_molecules_are_found_across_the_boundaries(cell, shuffle):
    types, coords, molecules = water_box(3, LENGTH, shuffle=shuffle)
    rng = np.random.default_rng(0)
    scattered = coords + rng.integers(-2, 3, size=coords.shape) @ cell
    topology = water_topology(types, scattered, cell, ("O", "H"))
    assert as_sets(topology) == {(o, frozenset((h1, h2))) for o, h1, h2 in molecules.tolist()}
    assert (np.diff(topology.oxygens) > 0).all()
    assert (np.diff(topology.hydrogens, axis=1) > 0).all()
    assert (topology.n_molecules, topology.n_atoms) == (27, 81)


def test_the_type_map_may_be_in_any_order_and_have_more_elements():
    types, coords, _ = water_box(2, LENGTH)
    expected = as_sets(water_topology(types, coords, CUBE, ("O", "H")))
    swapped = np.where(types == 0, 2, 0)
    assert as_sets(water_topology(swapped, coords, CUBE, ("H", "Na", "O"))) == expected


def test_whole_molecules_and_bond_lengths():
    types, coords, molecules = water_box(3, LENGTH, noise=0.0)
    frames = np.array([coords, coords + 0.37 * LENGTH])
    cells = np.array([TILTED, TILTED])
    wrapped = frames - np.floor(frames @ np.linalg.inv(TILTED)) @ TILTED
    topology = water_topology(types, wrapped[0], TILTED, ("O", "H"))
    assert bond_lengths(wrapped, cells, topology) == pytest.approx(0.9572, abs=1e-5)
    whole = make_whole(wrapped, cells, topology)
    for o, h1, h2 in molecules:
        bonds = whole[:, [h1, h2]] - whole[:, [o]]
        assert np.linalg.norm(bonds, axis=-1) == pytest.approx(0.9572, abs=1e-5)
    images = (whole - wrapped) @ np.linalg.inv(TILTED)
    assert images == pytest.approx(np.rint(images), abs=1e-9)
    fractions = whole[:, topology.oxygens] @ np.linalg.inv(TILTED)
    assert fractions.min() > -1e-9 and fractions.max() < 1 + 1e-9


def moved(coords, atom, place):
    return np.where(np.arange(len(coords))[:, None] == atom, place, coords)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, x: (t[:-1], x[:-1]), "8 O and 15 H atoms"),
        (lambda t, x: (np.where(t == 0, 2, t), x), "it contains Cl"),
        (lambda t, x: (t, moved(x, 1, x[1] + 2.2)), "H atom 2 is .* more than 1.6"),
        (lambda t, x: (t, moved(x, 1, x[0] + 0.1)), "less than 0.6"),
        (lambda t, x: (t, moved(x, 1, np.nan)), "not a finite"),
        (lambda t, x: (t, moved(x, 1, 2 * x[3] - x[4])), "O atom 1 has 1 H atoms, not 2"),
    ],
)
def test_what_is_not_water_is_refused_by_its_atom(change, message):
    types, coords, _ = water_box(2, LENGTH, noise=0.0, shuffle=False)
    with pytest.raises(ValueError, match=message):
        water_topology(*change(types, coords), CUBE, ("O", "H", "Cl"))
