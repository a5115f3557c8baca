"""Distances, angles and torsions of atoms, and how far two of their distributions are apart."""

import math
from collections import Counter

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from wtemlp.analysis.variables import apart, histogram, variable
from wtemlp.records.validation_record import CANNOT_TELL, GOOD, NOT_GOOD
from wtemlp.structures.bonds import torsions
from wtemlp.validation.answers import CheckResult


def ethanol(turn_rad: float) -> Atoms:
    atoms = molecule("CH3CH2OH", vacuum=6.0)
    atoms.set_dihedral(0, 1, 2, 3, math.degrees(turn_rad), indices=[3])
    return atoms


@pytest.mark.parametrize("turn", [-3.0, -0.4, 0.0, 1.2, 2.9])
def test_variables_are_those_of_ase_wherever_the_molecule_is_cut(turn):
    atoms = ethanol(turn)
    cut = atoms.positions - [5.0, 6.5, 7.0]
    cell = np.array(atoms.cell)
    frames = np.stack([atoms.positions, cut - np.floor(cut @ np.linalg.inv(cell)) @ cell])
    cells = np.stack([cell, cell])
    assert variable((0, 1, 2, 3), frames, cells) == pytest.approx(turn, abs=1e-9)
    assert variable((0, 2), frames, cells) == pytest.approx(atoms.get_distance(0, 2))
    angle = math.radians(atoms.get_angle(0, 1, 2))
    assert variable((0, 1, 2), frames, cells) == pytest.approx(angle)


def test_torsions_are_about_bonds_that_turn():
    atoms = ethanol(1.0)
    found = torsions(atoms.get_chemical_symbols(), atoms.positions, atoms.cell)
    assert found == [(6, 0, 1, 2), (0, 1, 2, 3)]  # H-C-C-O, C-C-O-H
    for name, n in (("C6H6", 0), ("C2H2", 0), ("H2O2", 1), ("CH4", 0)):
        one = molecule(name, vacuum=6.0)
        assert len(torsions(one.get_chemical_symbols(), one.positions, one.cell)) == n, name


def wells(n: int, weights: tuple[float, ...], hop: float, seed: int) -> np.ndarray:
    """A torsion of three wells, which is changed with a probability `hop` a frame."""
    rng = np.random.default_rng(seed)
    changes = np.cumsum(rng.random(n) < hop)
    states = rng.choice(3, size=changes[-1] + 1, p=weights)[changes]
    x = 2 * np.pi / 3 * (states - 1) + 1.0 + 0.2 * rng.normal(size=n)
    return (x + np.pi) % (2 * np.pi) - np.pi


EVEN, OTHER = (1 / 3, 1 / 3, 1 / 3), (0.6, 0.2, 0.2)


def answer(found: np.ndarray, reference: np.ndarray) -> str:
    one = apart(found, reference)
    true = math.sqrt(max(one.value**2 - one.noise**2, 0.0))
    error = one.error if math.isfinite(one.error) else None
    result = CheckResult(0, "", true, 0.1, error, one.independent, noise=one.value - true)
    return result.verdict


@pytest.mark.parametrize(
    ("n", "hop", "weights", "least"),
    [
        (2000, 0.8, EVEN, {GOOD: 0.6, NOT_GOOD: -1}),
        (2000, 0.8, OTHER, {NOT_GOOD: 0.8, GOOD: -1}),
        (400, 0.05, EVEN, {CANNOT_TELL: 0.95}),
        (400, 0.01, OTHER, {CANNOT_TELL: 0.95, GOOD: -1}),
        (400, 0.0, EVEN, {CANNOT_TELL: 0.5, NOT_GOOD: -1}),
    ],
)
def test_answers_about_wells(n, hop, weights, least):
    """Never a false one (-1); a run that crosses seldom cannot tell, however many its frames."""
    tries = 40
    answers = Counter(
        answer(wells(n, weights, hop, k), wells(n, EVEN, hop, 1000 + k)) for k in range(tries)
    )
    for kind, part in least.items():
        assert (answers[kind] == 0) if part < 0 else (answers[kind] >= part * tries), answers


def test_the_difference_is_that_of_an_interval_or_an_arc():
    """A tenth more in a well that the cut of the circle goes through."""
    rng = np.random.default_rng(1)
    one, other = (
        np.concatenate([np.pi + 0.1 * rng.normal(size=n), 0.1 * rng.normal(size=20_000 - n)])
        for n in (12_000, 10_000)
    )
    one, other = ((rng.permutation(x) + np.pi) % (2 * np.pi) - np.pi for x in (one, other))
    found = apart(one, other)
    assert found.value == pytest.approx(0.1, abs=3 * found.error + found.noise)
    assert found.error == pytest.approx(0.005, abs=0.001)  # sqrt(2 * 0.25 / 20,000)
    assert apart(one, one).value == 0.0


def test_the_noise_is_kuipers():
    rng = np.random.default_rng(2)
    pairs = [apart(rng.normal(size=400), rng.normal(size=400)) for _ in range(200)]
    mean = np.mean([one.value for one in pairs])
    assert np.mean([one.noise for one in pairs]) == pytest.approx(mean, rel=0.15)


def test_a_histogram_of_a_torsion_goes_round():
    found = histogram(wells(2000, EVEN, 0.5, 3), torsion=True)
    assert found.x[0] == pytest.approx(-np.pi, abs=0.1) and found.x[-1] == -found.x[0]
    width = found.x[1] - found.x[0]
    assert found.density.sum() * width == pytest.approx(1.0) and (found.error >= 0).all()
    narrow = histogram(np.random.default_rng(3).normal(1.5, 0.03, 500), torsion=False)
    assert 1.3 < narrow.x[0] < narrow.x[-1] < 1.7
