"""Hills that a walker's job chooses: the program that it runs, held against the rule."""

import subprocess
from dataclasses import replace

import numpy as np
import pytest

from tests.support.walkers import WALKER
from wtemlp.analysis.energy import statistical_inefficiency
from wtemlp.analysis.planning import auto_hills
from wtemlp.config.keys.wte import Extra
from wtemlp.md import wte_script
from wtemlp.md.bias.auto_hills import AUTO_AWK
from wtemlp.md.bias.measured import parse_hills

AUTO = replace(WALKER, pace=None, height_kT=None)


def chosen(folder, walker, energies, biasfactor=16.0, width=1.0):
    """What the program says of a record whose first quarter is equilibration."""
    rows = [f"{0.005 * i:.6f} {energy:.9f}" for i, energy in enumerate(energies)]
    (folder / "COLVAR.nvt").write_text("\n".join(["#! FIELDS time ene", *rows]) + "\n")
    (folder / AUTO_AWK).write_text(wte_script.files(walker)[AUTO_AWK])
    begin = 0.005 * len(energies) / 4
    command = f"awk -v from={begin} -v biasfactor={biasfactor} -v width={width} -f {AUTO_AWK}"
    text = subprocess.run(
        ["sh", "-c", f"{command} COLVAR.nvt"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    words = [line.split() for line in text.splitlines()]
    return {name: float(value) for _, name, _, value in words}


@pytest.mark.parametrize("memory", [0.0, 0.9, 0.99])
@pytest.mark.parametrize(
    "changes", [{}, {"nsteps": 100_000}, {"nsteps": 20_000, "height_kT": 0.3}, {"nsteps": 100}]
)
def test_the_program_chooses_as_the_rule_says(tmp_path, memory, changes):
    rng = np.random.default_rng(3)
    energies = [-300.0]
    for kick in rng.standard_normal(1600):
        energies.append(-300 + memory * (energies[-1] + 300) + kick)
    walker = replace(AUTO, **changes)
    found = chosen(tmp_path, walker, energies, width=0.5)
    kept = np.array(energies[len(energies) // 4 + 1 :])
    tau = 0.5 * statistical_inefficiency(kept) * walker.colvar_stride
    assert found["tau_steps"] == pytest.approx(tau, rel=0.02)
    expected = auto_hills(
        16.0, found["tau_steps"], walker.nsteps, width=0.5, height_kT=walker.height_kT
    )
    assert (found["pace"], found["height_kT"]) == pytest.approx(expected)


def test_a_script_with_numbers_is_as_it_was():
    assert AUTO_AWK not in wte_script.files(WALKER) and "auto" not in wte_script.script(WALKER)
    unbiased = replace(AUTO, biasfactor=1.0)
    assert AUTO_AWK not in wte_script.files(unbiased) and "METAD" not in wte_script.script(unbiased)
    assert "PACE=${pace}" in wte_script.script(AUTO)
    assert wte_script.script(replace(AUTO, extra=Extra("d: DISTANCE ATOMS=1,2\n", (), True)))


def test_what_was_chosen_is_read():
    text = "mean_eV -1 sigma_eV 0.1 biasfactor 16 volume_A3 900 pace 13 height_kT 1.2 tau_steps 50"
    assert parse_hills(text) == (13.0, 1.2)
