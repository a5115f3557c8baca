"""P_energy.dat of a walker, from the files that its job leaves."""

import json

import numpy as np
import pytest

from wtemlp.analysis.reweighting import hills_bias
from wtemlp.core.units import KB_EV
from wtemlp.md import colvar, energy_file
from wtemlp.stages.exploration.walker_results import write_distributions

T, SIGMA, G, N = 300.0, 0.5, 4.0, 8000
KT = KB_EV * T


def table(file, columns):
    rows = np.column_stack(list(columns.values()))
    lines = [f"#! FIELDS {' '.join(columns)}", *(" ".join(map(repr, r.tolist())) for r in rows)]
    file.write_text("\n".join(lines) + "\n")


@pytest.fixture
def task(tmp_path):
    """A walker whose first half of the biased part is nonsense, as of a bias being filled."""
    rng = np.random.default_rng(5)
    job = {
        "system": 0,
        "temps": T,
        "biasfactor": G,
        "window_K": None,
        "share_hills": False,
        "variables": [],
    }
    (tmp_path / "job.json").write_text(json.dumps(job))
    (tmp_path / "sigma.out").write_text(f"mean_eV 0.0 sigma_eV {SIGMA} biasfactor {G}\n")
    nvt = rng.normal(scale=SIGMA, size=N)
    table(tmp_path / "COLVAR.nvt", {"time": np.arange(N) * 0.01, "ene": nvt})
    wide = rng.normal(scale=np.sqrt(G) * SIGMA, size=N)
    wide[: N // 2] = 7.0
    return tmp_path, wide


def write_wte(folder, energies, name, bias):
    table(folder / "COLVAR.wte", {"time": np.arange(N) * 0.01, "ene": energies, name: bias})


def spread(folder):
    """Width of the reweighted distribution, and of the biased one, in sigma_NVT."""
    found = colvar.read(folder / "P_energy.dat")
    return [
        np.sqrt(np.average(found["energy"] ** 2, weights=found[name])) / SIGMA
        for name in ("p_reweighted", "p_biased")
    ]


def converged(energies):
    return -(1 - 1 / G) * KT * energies**2 / (2 * SIGMA**2)


def test_opes_has_its_bias_in_colvar(task):
    folder, energies = task
    write_wte(folder, energies, "opes.bias", converged(energies))
    write_distributions(folder)
    assert spread(folder) == pytest.approx([1, 2], rel=0.05)


def test_metadynamics_has_its_final_bias_in_the_hills(task):
    """Hills that make the converged bias; the growing one in COLVAR is not asked."""
    folder, energies = task
    centres = np.arange(-7.0, 7.01, 0.1)
    area = np.sqrt(2 * np.pi) * 0.25 / 0.1  # hills of height 1 add up to this
    heights = (converged(centres) - converged(np.array(7.0))) / area / (1 - 1 / G)
    hills = {
        "time": centres,
        "ene": centres,
        "sigma_ene": np.full(len(centres), 0.25),
        "height": heights,
        "biasf": np.full(len(centres), G),
    }
    table(folder / "HILLS", hills)
    write_wte(folder, energies, "metad.bias", np.zeros(N))
    write_distributions(folder)
    assert np.ptp(hills_bias(centres, hills)) > 10 * KT
    assert spread(folder) == pytest.approx([1, 2], rel=0.05)
    settings = colvar.read_settings(folder / "P_energy.dat")
    assert (settings["n_nvt"], settings["n_biased"]) == ("6000", "4000")
    assert settings["reweighting"] == energy_file.TRUSTWORTHY


def test_without_a_bias_they_are_alike(task):
    folder, energies = task
    made = json.loads((folder / "job.json").read_text())
    (folder / "job.json").write_text(json.dumps(made | {"biasfactor": 1.0}))
    table(folder / "COLVAR.wte", {"time": np.arange(N) * 0.01, "ene": energies / 2})
    write_distributions(folder)
    assert spread(folder) == pytest.approx([1, 1], rel=0.05)


@pytest.mark.parametrize("gone", ["COLVAR.wte", "COLVAR.nvt", "HILLS"])
def test_a_walker_that_ended_early_has_none(task, gone):
    folder, energies = task
    write_wte(folder, energies, "metad.bias", np.zeros(N))
    (folder / "HILLS").write_text("")
    (folder / gone).unlink()
    write_distributions(folder)
    assert not (folder / "P_energy.dat").exists()


@pytest.mark.parametrize("change", [{"share_hills": True}, {"variables": ["d"]}])
def test_a_bias_that_others_made_too_is_not_taken_for_ones_own(task, change):
    folder, energies = task
    made = json.loads((folder / "job.json").read_text())
    (folder / "job.json").write_text(json.dumps(made | change))
    write_wte(folder, energies, "opes.bias", converged(energies))
    write_distributions(folder)
    assert not (folder / "P_energy.dat").exists()
