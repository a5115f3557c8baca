"""Which labelled frames walkers start from."""

import numpy as np

from wtemlp.records.labels import FrameRecord, LabelOutcome
from wtemlp.stages.exploration.starting_structures import LabelledFrame, spread

WATER = {"H": 2, "O": 1}


def frames(energies, atoms):
    outcome = LabelOutcome("task.000.000000", True, "", FrameRecord(), atoms=atoms)
    return [LabelledFrame(n, outcome, energy) for n, energy in enumerate(energies)]


def test_quantiles_of_the_energies():
    rng = np.random.default_rng(1)
    energies = rng.permutation(np.arange(100.0))
    chosen = spread(frames(energies, WATER), 4)
    assert [frame.label_eV for frame in chosen] == [12.0, 37.0, 62.0, 87.0]
    assert [frame.label_eV for frame in spread(frames(energies, WATER), 1)] == [50.0]


def test_all_where_there_are_fewer_and_none_twice():
    chosen = spread(frames([3.0, 1.0, 1.0], WATER), 5)
    assert [frame.iteration for frame in chosen] == [1, 2, 0]
    assert spread([], 3) == []


def test_compositions_are_apart():
    """The energies of a larger box are lower: quantiles over both would be of one each."""
    both = frames([0.0, 1.0, 2.0], WATER) + frames([-9.0, -8.0, -7.0], {"H": 4, "O": 2})
    chosen = [(frame.label_eV, frame.outcome.atoms["O"]) for frame in spread(both, 2)]
    assert chosen == [(0.0, 1), (2.0, 1), (-9.0, 2), (-7.0, 2)]
