"""The whole loop with real engines, small: and killed, it ends with the same data."""

import json

import numpy as np
import pytest

from tests.support.browser import look_at
from tests.support.small_run import FORCE_FIELD, with_models_of
from wtemlp.analysis.frames import Phase, load_frames
from wtemlp.core.units import KCAL_MOL_IN_EV
from wtemlp.md import colvar
from wtemlp.md.bias import measured
from wtemlp.md.dump import parse_dump, read_dump
from wtemlp.md.reference_script import force_field_commands, water_data
from wtemlp.md.topology import make_whole, water_topology
from wtemlp.md.trajectory import read_frames
from wtemlp.records.init_result import load_result
from wtemlp.records.label_errors import read_errors
from wtemlp.records.labels import read_outcomes
from wtemlp.records.state import Step


def test_frames_are_explored_and_labelled(run):
    summary = json.loads((run.folder / "iter.000000/summary.json").read_text())
    assert summary["selected"] == 12
    assert summary["labelled"] + summary["label_failures"] == 12 and summary["labelled"] >= 8
    assert summary["explored"] > 30
    last = json.loads((run.folder / "iter.000001/summary.json").read_text())
    n_train = load_result(run.folder / "init").n_train
    assert last["n_train_frames"] == n_train + summary["labelled"]
    assert 0 < last["force_rmse_meV_A"] < 2000


def test_models_are_tested_on_their_own_labels(run):
    """By DeePMD-kit itself, in the jobs of the next training; and the data are the reference's."""
    new = json.loads((run.folder / "iter.000000/summary.json").read_text())["new_labels"]
    labels = read_outcomes(run.folder / "iter.000000/02.fp")
    errors = read_errors(run.folder / "iter.000000/02.fp")
    known = {one.frame: one.origin.max_devi_f for one in labels if one.labelled}
    assert new["frames"] == len(errors) == len(known)
    assert all(one.deviation_meV_A == pytest.approx(1e3 * known[one.frame]) for one in errors)
    assert 20 < new["force_rmse_meV_A"] < 2000 and 0.3 < new["ratio"] < 20
    (held,) = json.loads((run.folder / "reference.check/result.json").read_text())
    assert abs(held["energy_meV_atom"]) < 0.01 and held["force_meV_A"] < 0.1


def test_models_differ(run):
    models = [path.read_bytes() for path in run.folder.glob("iter.000000/00.train/graph.*.pb")]
    assert len(set(models)) == 2
    table = load_frames(run.folder / "iter.000000/01.model_devi/explored.npz")
    assert (table.max_devi_f > 0).all()


def test_bias_is_not_in_the_energy(run):
    """COLVAR's energy is LAMMPS's, and is not with the bias added."""
    folder = run.folder / "iter.000000/01.model_devi/task.000.000000"
    assert not (folder / "walker.stopped").exists(), (folder / "walker.stopped").read_text()
    biased = colvar.read(folder / "COLVAR.wte")
    steps = np.rint(biased["time"] / 0.0005).astype(int)
    thermo = {
        int(words[0]): float(words[2])
        for words in map(str.split, (folder / "log.lammps").read_text().splitlines())
        if len(words) == 7 and words[0].isdigit()
    }
    both = [row for row, step in enumerate(steps) if step in thermo]
    energies = np.array([thermo[steps[row]] for row in both])
    assert len(both) > 20
    np.testing.assert_allclose(biased["ene"][both], energies, rtol=1e-8)
    assert biased["metad.bias"].max() > 0.01
    hills = colvar.read(folder / "HILLS")
    assert len(hills["time"]) == 600 // 20
    _, sigma, _ = measured.parse_sigma((folder / "sigma.out").read_text())
    np.testing.assert_allclose(hills["sigma_ene"], sigma, rtol=1e-6)


def test_sigma_is_that_of_the_recorded_energies(run):
    folder = run.folder / "iter.000000/01.model_devi/task.000.000000"
    nvt = colvar.read(folder / "COLVAR.nvt")
    mean, sigma, _ = measured.parse_sigma((folder / "sigma.out").read_text())
    production = nvt["ene"][nvt["time"] > 150 * 0.0005 - 1e-9]
    assert mean == pytest.approx(production.mean(), rel=1e-3)
    assert sigma == pytest.approx(production.std(), rel=0.05)


def test_labels_equal_a_separate_lammps_evaluation(run, lmp, tmp_path):
    """Each labelled frame again, by itself, in a LAMMPS of its own, from the stored frame."""
    data = next(run.folder.glob("iter.000000/02.fp/data.000/*/set.000"))
    energies = np.load(data / "energy.npy")
    forces = np.load(data / "force.npy").reshape(len(energies), -1, 3)
    outcomes = json.loads((run.folder / "iter.000000/02.fp/labels.json").read_text())
    for index, outcome in enumerate(o for o in outcomes if o["labelled"]):
        stored = read_frames(run.folder / outcome["task"], [outcome["step"]])
        (frame,) = parse_dump(stored[outcome["step"]].decode())
        types, cell = frame.types - 1, frame.cell
        topology = water_topology(types, frame.coords, cell, ("O", "H"))
        whole = make_whole(frame.coords[None], cell[None], topology)[0]
        (tmp_path / "one.data").write_text(water_data(FORCE_FIELD, whole, cell, topology))
        lmp(
            force_field_commands(FORCE_FIELD, "one.data")
            + "\ndump f all custom 1 one.dump id type x y z fx fy fz\n"
            "dump_modify f sort id format float %.17g\nrun 0\n"
            'print "$(pe:%.17g)" file one.energy\n'
        )
        energy = float((tmp_path / "one.energy").read_text()) * KCAL_MOL_IN_EV
        assert energies[index] == pytest.approx(energy, rel=1e-6)
        alone = read_dump(tmp_path / "one.dump").forces[0] * KCAL_MOL_IN_EV
        np.testing.assert_allclose(forces[index], alone, atol=2e-5)


def test_the_distributions_of_the_energy_are_beside_the_trajectory(run):
    folder = run.folder / "iter.000000/01.model_devi/task.000.000000"
    columns, settings = (
        read(folder / "P_energy.dat") for read in (colvar.read, colvar.read_settings)
    )
    energies = colvar.read(folder / "COLVAR.wte")["ene"][31:]
    mean = np.average(columns["energy"], weights=columns["p_biased"])
    assert mean == pytest.approx(energies.mean(), abs=np.diff(columns["energy"])[0])
    # 0.15 ps of water are not worth a third of their energies, and ten are what it takes.
    kish, worth = (float(settings[key]) for key in ("kish", "independent"))
    assert worth == pytest.approx(kish / float(settings["inefficiency"]), rel=1e-4)
    assert 1 < kish <= len(energies) and worth < len(energies) / 3
    assert settings["reweighting"] == ("trustworthy" if worth >= 10 else "untrustworthy")


def test_biased_frames_are_among_the_labelled(run):
    outcomes = json.loads((run.folder / "iter.000000/02.fp/labels.json").read_text())
    assert {outcome["phase"] for outcome in outcomes} >= {int(Phase.WTE)}


def test_the_report_opens_in_a_browser(run, tmp_path):
    """Of a run with real engines: every figure drawn, nothing loaded, nothing complained of."""
    drawn = look_at(run.folder / "report.html", tmp_path)
    figures = {name.rpartition("-")[0] for name in drawn}
    assert figures >= {"rmse", "energy", "deviation", "rdf", "cost"}, drawn


def test_killed_and_resumed_it_ends_with_the_same_data(run, tmp_path):
    """As far as to the labels; trainings are killed in the run over SSH (`tests/cluster`)."""
    killed = with_models_of(run, tmp_path / "killed")
    killed.kill_at(0, Step.RUN_EXPLORE, 3.0, True)
    killed.kill_at(0, Step.RUN_EXPLORE, 4.0, False)
    killed.kill_at(1, Step.RUN_TRAIN, 0.0, True)
    skip = ("graph", "input.json")
    expected = {k: v for k, v in run.fingerprint().items() if not any(s in k for s in skip)}
    found = {k: v for k, v in killed.fingerprint().items() if not any(s in k for s in skip)}
    assert found == expected and any("/02.fp/data." in name for name in found)
