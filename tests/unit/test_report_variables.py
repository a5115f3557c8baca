"""The user's own variables on the page of a run."""

import numpy as np
import pytest

from tests.support.synthetic import write_run, write_water
from wtemlp.config.keys.wte import Extra, ExtraVariable
from wtemlp.core import paths
from wtemlp.core.units import KB_EV
from wtemlp.md.walker_record import WalkerRecord, write_record
from wtemlp.report.data import read_run
from wtemlp.report.figures.structure import structure_figures
from wtemlp.report.figures.variables import variables_figure
from wtemlp.report.page import all_figures

KT = KB_EV * 300.0
PHI = ExtraVariable("phi", 0.5, "-pi", "pi")
TRUST = [(0.05, 0.2)]


def barrier(x):
    """Free energy along phi, kT."""
    return 1.5 * (1 - np.cos(2 * x))


def draw(rng, n, scale):
    x = rng.uniform(-np.pi, np.pi, 30 * n)
    return x[np.log(rng.uniform(size=len(x))) < -scale * barrier(x)][:n]


def give_variable(run, iteration, task, share_hills=False):
    """A walker whose bias on phi has taken half of its barrier; its hills make that bias."""
    folder = run.explore_task(iteration, 0, task)
    own = Extra("phi: TORSION ATOMS=1,2,3,4\n", (PHI,), False)
    record = WalkerRecord(
        300.0, biasfactor=2.0, own=own, variables=("phi",), share_hills=share_hills
    )
    write_record(folder, record)
    rng = np.random.default_rng(10 * iteration + task)
    for name, scale, bias in ((paths.COLVAR_NVT, 1.0, False), (paths.COLVAR_WTE, 0.5, True)):
        old = np.loadtxt(folder / name)
        phi = draw(rng, len(old), scale)
        columns = [old[:, 0], old[:, 1], phi, *([old[:, 2]] if bias else [])]
        names = "time ene phi" + " metad.bias" * bias
        lines = [f"#! FIELDS {names}"]
        lines += [" ".join(f"{value:.6f}" for value in row) for row in np.column_stack(columns)]
        (folder / name).write_text("\n".join(lines) + "\n")
    # Hills of width 0.5 every 0.05 rad whose sum is minus half of the barrier, and a constant.
    centres = np.arange(-np.pi, np.pi, 0.05)
    smoothing = np.exp(-((2 * 0.5) ** 2) / 2) * np.sqrt(2 * np.pi) * 0.5 / 0.05
    height = KT * (0.75 * np.cos(2 * centres)) / smoothing + KT * 0.05
    rows = np.column_stack(
        [centres, centres, np.full_like(centres, 0.5), 2 * height, np.full_like(centres, 2.0)]
    )
    lines = ["#! FIELDS time phi sigma_phi height biasf"]
    lines += [" ".join(f"{value:.9f}" for value in row) for row in rows]
    (folder / paths.HILLS).write_text("\n".join(lines) + "\n")


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")


def test_a_run_without_own_variables_has_no_such_figure(run):
    found = read_run(run.root, run.init_data, ("H", "O"))
    assert variables_figure(found) is None
    assert "variables" not in {one.key for one in all_figures(found, TRUST)}


def test_time_series_distribution_and_free_energy(run):
    for task in (1, 2):
        give_variable(paths.RunPaths(run.root), 1, task)
    found = read_run(run.root, run.init_data, ("H", "O"))
    figure = variables_figure(found)
    assert [plot.title for plot in figure.plots] == [
        "phi: along the walkers",
        "phi: distribution",
        "phi: free energy",
    ]
    assert "in iteration 1:" in figure.caption and "Not drawn" not in figure.caption
    along, distribution, free = (plot.figure for plot in figure.plots)
    assert len(along.data) == 4  # two walkers, without and with the bias
    assert all(abs(value) <= np.pi + 1e-6 for trace in along.data for value in trace.y)
    assert {trace.name for trace in distribution.data} >= {"no bias"}
    curve = free.data[0]
    x, y, error = np.array(curve.x), np.array(curve.y), np.array(curve.error_y.array)
    off = y - barrier(x)
    off -= off.mean()
    assert np.sqrt(np.mean((off / np.hypot(error, 0.15)) ** 2)) < 2
    assert np.ptp(y) == pytest.approx(3.0, abs=0.9)  # of the biased half alone: 1.5


def test_hills_that_walkers_share_tell_no_free_energy(run):
    give_variable(paths.RunPaths(run.root), 1, 1, share_hills=True)
    figure = variables_figure(read_run(run.root, run.init_data, ("H", "O")))
    assert "Not drawn" in figure.caption and "phi" in figure.caption.split("Not drawn")[1]
    names = {trace.name for trace in figure.plots[2].figure.data}
    assert names == {"no bias"}


def test_molecules_without_a_cell_have_distances_and_no_radial_distribution(run):
    rng = np.random.default_rng(2)
    data = write_water(run.root / "data/molecule", rng, 6, 0.2)
    (data / "nopbc").touch()
    found = read_run(run.root, [data], ("H", "O"))
    assert not found.notes
    keys = [one.key for one in structure_figures(found)]
    assert keys == ["rdf", "distances"]  # what the iterations labelled has a cell
    (distances,) = [one for one in structure_figures(found) if one.key == "distances"]
    assert [plot.title for plot in distances.plots] == ["O–O", "O–H"]
    trace = distances.plots[1].figure.data[0]
    width = np.diff(np.array(trace.x)[1::2])[0]
    near = np.array(trace.y)[np.array(trace.x) < 1.1].max()
    assert near > 0 and trace.name == "initial data (6 frames)" and width > 0
    alone = [one for one in found.initial if not one.periodic]
    assert len(alone) == 1
