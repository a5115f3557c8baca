"""What is told before a run of hills that are too few, and of a box that does not give way."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from wtemlp.analysis.crystal import is_crystal, strongest_peak
from wtemlp.config.keys.wte import Extra, Method, WteBlock
from wtemlp.config.records import ExploreJob
from wtemlp.config.wte import hills_that_heat, melts_in_a_fixed_box, too_few_hills

JOB = ExploreJob((0,), (1200.0,), "nvt", 10_000, 20, WteBlock((16.0,)))


def told(job=JOB, **changes):
    wte = {key: changes.pop(key) for key in list(changes) if key in WteBlock.__dataclass_fields__}
    one = replace(job, wte=replace(job.wte, **wte), **changes)
    return too_few_hills("p.json", [one])


def test_hills_that_do_not_fill_are_told_with_the_numbers():
    (line,) = told()
    assert line.startswith("p.json: model_devi_jobs[0].wte: a bias factor of 16 takes about 8")
    assert "hills of 0.5 kT" in line and "nsteps is 10000" in line and '"pace": "auto"' in line
    (line,) = told(pace=3000)  # three hills
    assert "every 3000" in line
    assert told(pace=5) == told(nsteps=200_000) == told(pace=None, height_kT=None) == []
    (line,) = told(pace=None, height_kT=None, nsteps=200)
    assert '"pace": "auto"' not in line


def test_walkers_that_share_their_hills_fill_together():
    assert told(pace=20) and not told(pace=20, walkers=4, share_hills=True)
    assert told(pace=20, walkers=4)


@pytest.mark.parametrize(
    "changes",
    [
        {"biasfactors": (1.0,)},
        {"method": Method.OPES, "biasfactors": (None,), "window_K": (1000.0, 1400.0)},
        {"sigma_eV": 1.0},
        {"extra": Extra("", (), False)},
    ],
)
def test_where_the_hills_are_not_known_nothing_is_told(changes):
    assert told(**changes) == []


def test_the_same_of_several_jobs_is_told_once():
    (line,) = too_few_hills("p.json", [JOB, replace(JOB, nsteps=10**6), JOB])
    assert line.startswith("p.json: model_devi_jobs[0, 2].wte: ")


CRYSTALS = {0: {Path("conf/POSCAR"): 108}}


def test_a_crystal_that_may_melt_in_a_fixed_box_is_told():
    (line,) = melts_in_a_fixed_box("p.json", [JOB], CRYSTALS)
    assert line.startswith("p.json: model_devi_jobs[0]: a bias factor of 16 goes to energies about")
    assert "conf/POSCAR" in line and "factor below 8" in line
    gentle = replace(JOB, wte=WteBlock((7.0,)))
    held = replace(JOB, ensemble="npt", press_bar=(0.0,), barostat="iso")
    assert melts_in_a_fixed_box("p.json", [gentle, held], CRYSTALS) == []
    assert melts_in_a_fixed_box("p.json", [JOB], {}) == []


@pytest.mark.parametrize(
    "crystal",
    [
        bulk("Cu", cubic=True).repeat(3),
        bulk("Cu").repeat(3),
        bulk("Fe", cubic=True).repeat(3),
        bulk("Si", cubic=True).repeat(2),
        bulk("NaCl", "rocksalt", a=5.64, cubic=True).repeat(2),
        bulk("Mg").repeat(4),
    ],
)
def test_a_warm_crystal_is_one_and_a_random_packing_is_not(crystal):
    rng = np.random.default_rng(1)
    cell, types = np.array(crystal.cell), crystal.numbers
    assert strongest_peak(crystal.positions[types == types[0]], cell) == pytest.approx(1)
    warm = crystal.positions + rng.normal(scale=0.15, size=(len(crystal), 3))
    assert is_crystal(warm, cell, types) == (np.bincount(types).max() >= 27)
    gas = rng.uniform(size=(len(crystal), 3)) @ cell
    assert not is_crystal(gas, cell, types)


def heats(n_atoms, **changes):
    wte = replace(JOB.wte, height_kT=2.0, pace=20, biasfactors=(4.0,))
    job = replace(JOB, wte=replace(wte, **changes))
    return hills_that_heat("p.json", [job], 0.0005, {0: n_atoms})


def test_hills_that_heat_a_small_molecule_are_told_with_the_pace_that_does_not():
    """Ethanol with hills of 2 kT every 10 fs was seen at 950 K where 300 were asked for."""
    (line,) = heats(9)
    assert "heat 9 atoms at first by 167% of the temperature" in line
    assert "a pace of 334 or more" in line
    assert heats(9, pace=334) == heats(500) == heats(9, pace=None) == []
    assert heats(9, biasfactors=(1.0,)) == []
