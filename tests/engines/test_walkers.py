"""Walkers with the models of a small run: guards, checkpoints, biases."""

import itertools
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from tests.support.engines import engine_environment
from tests.support.loop_runs import Run
from wtemlp.analysis.energy import biasfactor_for_ends, walker_biasfactor
from wtemlp.analysis.frames import Decision
from wtemlp.analysis.reweighting import bias_of_hills
from wtemlp.config.keys.wte import Extra, ExtraVariable, Guard
from wtemlp.core.atomic_io import last_line, leading_int
from wtemlp.core.units import KB_EV
from wtemlp.md import colvar, wte_command, wte_script
from wtemlp.md.bias import measured
from wtemlp.md.dump import DumpFrame, iter_dump
from wtemlp.md.walker import SharedHills, Walker
from wtemlp.md.walker_record import WalkerRecord, write_record
from wtemlp.stages.exploration import walker_results
from wtemlp.stages.exploration.walker_results import read_deviations, read_walker


@pytest.fixture(scope="module")
def run(run, tmp_path_factory):
    """A folder for these walkers, with models and structures of the run that others read."""
    mine = Run(tmp_path_factory.mktemp("walkers"))
    (mine.folder / "iter.000000/01.model_devi").mkdir(parents=True)
    for pattern in ("confs", "graph.*.pb"):
        for one in (run.folder / "iter.000000/01.model_devi").glob(pattern):
            (mine.folder / "iter.000000/01.model_devi" / one.name).symlink_to(one.resolve())
    return mine


def prepare_walk(run, folder, **changes):
    """The folder of a walker with the run's models."""
    task = run.folder / "iter.000000/01.model_devi" / folder
    task.mkdir()
    (task / "conf.lmp").symlink_to("../confs/000.0000.lmp")
    settings = {
        "graphs": ("../graph.000.pb", "../graph.001.pb"),
        "type_map": ("O", "H"),
        "mass_map": (15.9994, 1.008),
        "temperature_K": 300.0,
        "biasfactor": 9.0,
        "sigma_eV": None,
        "height_kT": 0.5,
        "pace": 20,
        "nvt_steps": 200,
        "nsteps": 400,
        "trj_freq": 10,
        "timestep_ps": 0.0005,
        "trust_hi": 10.0,
        "guard": Guard(temp_factor=20.0),
        "velocity_seed": 1,
        "thermostat_seed": 2,
    }
    for name, text in wte_script.files(Walker(**settings | changes)).items():
        (task / name).write_text(text)
    return task


COMMAND = ["bash", "-c", wte_command.command(f"{sys.executable} -m wtemlp.lammps_plumed.lmp")]


def finish_walk(task):
    """Run a walker to its end; why it was stopped, and its deviations."""
    done = subprocess.run(
        COMMAND, cwd=task, env=engine_environment(), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    note = task / "walker.stopped"
    steps, deviations = read_deviations(task / "model_devi.out")
    return note.read_text().strip() if note.exists() else "", steps, deviations


def walk(run, folder, **changes):
    return finish_walk(prepare_walk(run, folder, **changes))


def test_a_sound_walker_goes_to_its_end(run):
    why, steps, _ = walk(run, "sound")
    assert why == "" and steps[-1] == 600


def test_guard_on_the_deviation(run):
    """Three successive outputs above the limit end the walker, unbiased or not."""
    _, steps, deviations = walk(run, "calm", nsteps=200)
    guard = Guard(devi_factor=1.0, temp_factor=20.0)
    limit = float(np.min(deviations)) / 2
    why, steps, found = walk(run, "doubtful", trust_hi=limit, guard=guard)
    assert why.startswith("force deviation ") and "on 3 successive outputs" in why
    assert "of NVT" in why and steps[-1] <= 3 * 10 + 10 and (found[-3:] > limit).all()
    # A limit that only the biased part passes, three times in a row at a look of the guard.
    walk_on = {"biasfactor": 400.0, "height_kT": 200.0, "sigma_eV": 1.0, "nsteps": 900}
    strong = Guard(devi_factor=1.0, temp_factor=1000.0, energy_sigmas=1e6)
    _, steps, deviations = walk(run, "pushed", guard=Guard(1e6, 3, 1000.0, 1e6), **walk_on)
    limit = 1.001 * float(sliding_window_view(deviations[steps <= 200], 3).min(axis=1).max())
    assert deviations[steps > 200].reshape(-1, 3).min(axis=1).max() > limit
    why, steps, found = walk(run, "pushed.off", trust_hi=limit, guard=strong, **walk_on)
    assert why.startswith("force deviation ") and "of NVT" not in why
    look = 200 + (steps[-1] - 200) // 30 * 30  # it ends at the output after the last one
    assert look > 200 and (found[(steps > look - 30) & (steps <= look)] > limit).all()


def test_guard_on_the_temperature(run):
    """A structure of 300 K in a walker of 1 K."""
    why, steps, _ = walk(run, "hot", temperature_K=1.0, guard=Guard())
    assert why.startswith("temperature ") and "of NVT" in why
    assert steps[-1] < 200


def test_guard_on_the_energy(run):
    why, steps, _ = walk(run, "adrift", guard=Guard(energy_sigmas=0.001, temp_factor=20.0))
    assert why.startswith("energy ") and "more than 0.001 sigma sqrt(biasfactor)" in why
    assert 200 <= steps[-1] <= 200 + 2 * 10


def test_guard_on_the_volume(run):
    """A cell that is torn apart ends the walker, unless the labelled frames are as dilute."""
    torn = {"pressure_bar": -1e5, "barostat": "iso", "barostat_ps": 0.02}
    blind = Guard(1e6, 3, 1e3, 1e6, volume_factor=1.1)
    task = prepare_walk(run, "torn", guard=blind, **torn)
    why, steps, _ = finish_walk(task)
    assert why.startswith("volume ") and "of NVT" in why and steps[-1] < 200
    start, *_, seen = volumes(task).values()
    assert seen > 1.05 * start
    wide = {"data_volumes_A3": (start, 100 * seen)}
    why, _, _ = walk(run, "torn.seen", guard=blind, nsteps=10, **torn, **wide)
    assert not why.startswith("volume ")


def test_the_volume_of_the_unbiased_part_bounds_that_of_the_biased_one(run):
    """Not that of the starting structure."""
    task = prepare_walk(run, "npt", nsteps=20, pressure_bar=1.0, barostat="iso")
    finish_walk(task)
    found = dict(zip(*[iter((task / "sigma.out").read_text().split())] * 2, strict=True))
    mean = np.mean([v for step, v in volumes(task).items() if 50 <= step < 210])
    assert float(found["volume_A3"]) == pytest.approx(mean, rel=1e-3)
    bounds = [line.split() for line in (task / "walker.lmp").read_text().splitlines()]
    named = {words[1]: float(words[3]) for words in bounds}
    assert named["vol_lo"] == pytest.approx(float(found["volume_A3"]) / 2)
    assert named["vol_hi"] == pytest.approx(float(found["volume_A3"]) * 2)


def test_hills_fall_as_the_job_has_chosen(run):
    task = prepare_walk(run, "auto", pace=None, height_kT=None, nsteps=300)
    assert finish_walk(task)[0] == ""
    pace, height_kT = measured.parse_hills((task / "sigma.out").read_text())
    hills = colvar.read(task / "HILLS")
    np.testing.assert_allclose(np.diff(hills["time"]), pace * 0.0005, rtol=1e-6)
    first = hills["height"][0] / (KB_EV * 300.0) * (1 - 1 / 9.0)
    assert first == pytest.approx(height_kT, rel=1e-3) and 1 <= pace < 300


def test_given_sigma_and_no_bias(run):
    walk(run, "given", sigma_eV=0.01)
    given = run.folder / "iter.000000/01.model_devi/given"
    hills = colvar.read(given / "HILLS")
    np.testing.assert_allclose(hills["sigma_ene"], 0.01, rtol=1e-9)
    # Narrower than sigma_NVT: the grid is as fine as it needs, and PLUMED has nothing to warn of.
    words = dict(w.split("=") for w in (given / "plumed.wte.dat").read_text().split() if "=" in w)
    wide = float(words["GRID_MAX"]) - float(words["GRID_MIN"])
    assert wide / int(words["GRID_BIN"]) == pytest.approx(0.01 / 5, rel=0.01)
    assert walker_results.remarks(given) == []
    walk(run, "unbiased", biasfactor=1.0)
    task = run.folder / "iter.000000/01.model_devi/unbiased"
    assert not (task / "HILLS").exists() and len(colvar.read(task / "COLVAR.wte")["ene"]) == 41


def test_a_sigma_too_narrow_for_any_grid_is_told(run):
    task = prepare_walk(run, "thin", sigma_eV=1e-9)
    done = subprocess.run(
        COMMAND, cwd=task, env=engine_environment(), capture_output=True, text=True, timeout=300
    )
    said = (task / "log.lammps").read_text() + done.stdout + done.stderr
    assert done.returncode != 0 and not (task / "HILLS").exists()
    assert "sigma 1e-09 eV is too narrow for a grid: sigma_NVT is 0." in said


def kill_walk(task, until):
    """Begin a walker and SIGKILL it, and LAMMPS with it, when something holds."""
    process = subprocess.Popen(
        COMMAND,
        cwd=task,
        env=engine_environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 120
    while not until():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_killed_walker_goes_on_from_its_checkpoint(run):
    """Each hill once, the bias continuous, nothing of the record lost; killed twice."""
    calm = Guard(1e6, 3, 1e3, 1e6)
    settings = {"nsteps": 1500, "checkpoint": 300, "pace": 10, "biasfactor": 4.0, "guard": calm}
    assert walk(run, "whole", **settings)[0] == ""
    task = prepare_walk(run, "interrupted", **settings)
    devi, checkpoint = task / "model_devi.out", task / "walker.restart"
    rows = lambda: leading_int(last_line(devi)) if devi.exists() else 0  # noqa: E731
    kill_walk(task, lambda: rows() >= 150)
    assert not checkpoint.exists()
    kill_walk(task, lambda: checkpoint.exists() and rows() >= 650)
    hills = colvar.read(task / "HILLS")
    made = checkpoint.stat().st_mtime
    kill_walk(task, lambda: rows() >= 1300)
    assert checkpoint.stat().st_mtime > made
    assert int((task / ".wtemlp.progress").read_text()) in (200 + 900, 200 + 600)
    why, steps, _ = finish_walk(task)
    assert why == "" and not checkpoint.exists() and not (task / ".wtemlp.progress").exists()
    np.testing.assert_array_equal(steps, np.arange(0, 1701, 10))
    undisturbed = task.parent / "whole"
    # Frames: each once, those before the first checkpoint that was gone on from as they were.
    assert [frame.step for frame in iter_dump(task / "all.lammpstrj")] == list(steps)
    with_, without = frames(task), frames(undisturbed)
    for step in (0, 200, 490, 500, 510):
        moved = (with_[step].coords - without[step].coords) / np.diag(with_[step].cell)
        np.testing.assert_allclose(moved, np.round(moved), atol=1e-6)  # both are wrapped
    # Hills: one every 10 steps, none twice, the first ones those of the killed job.
    found, expected = colvar.read(task / "HILLS"), colvar.read(undisturbed / "HILLS")
    np.testing.assert_allclose(found["time"], expected["time"], atol=1e-9)
    np.testing.assert_allclose(np.diff(found["time"]), 10 * 0.0005, atol=1e-9)
    early = hills["time"] < (200 + 300) * 0.0005 + 1e-9
    np.testing.assert_array_equal(found["ene"][: early.sum()], hills["ene"][early])
    # The same dynamics as if it had not been killed, until rounding has grown.
    with_, without = (colvar.read_series(f / "COLVAR.wte") for f in (task, undisturbed))
    np.testing.assert_allclose(with_["time"], without["time"], atol=1e-9)
    near = with_["time"] < (200 + 300 + 80) * 0.0005
    np.testing.assert_allclose(with_["ene"][near], without["ene"][near], atol=1e-5)
    np.testing.assert_allclose(with_["metad.bias"][near], without["metad.bias"][near], atol=1e-5)
    # All the way, the bias is the sum of the hills so far.
    np.testing.assert_allclose(
        with_["metad.bias"],
        [bias_of(found, t, u) for t, u in zip(with_["time"], with_["ene"], strict=True)],
        atol=2e-5,
    )


def test_after_a_failure_from_its_checkpoint_a_walker_begins_anew(run):
    """Where LAMMPS cannot go on, the next attempt does not try the same again."""
    settings = {"nsteps": 800, "checkpoint": 300, "guard": Guard(1e6, 3, 1e3, 1e6)}
    task = prepare_walk(run, "faulty", **settings)
    checkpoint, devi = task / "walker.restart", task / "model_devi.out"
    kill_walk(task, lambda: checkpoint.exists() and leading_int(last_line(devi)) >= 520)
    checkpoint.write_bytes(checkpoint.read_bytes()[:2000])
    done = subprocess.run(COMMAND, cwd=task, env=engine_environment(), capture_output=True)
    assert done.returncode not in (0, 137, 143) and not checkpoint.exists()
    assert not (task / "walker.stopped").exists()
    why, steps, _ = finish_walk(task)
    assert why == "" and list(steps) == list(range(0, 1001, 10))


def test_the_bias_factor_of_a_window_is_that_of_the_measured_sigma(run):
    walk(run, "window", biasfactor=None, window_K=(250.0, 420.0), nsteps=100)
    task = run.folder / "iter.000000/01.model_devi/window"
    _, sigma, biasfactor = measured.parse_sigma((task / "sigma.out").read_text())
    exact = biasfactor_for_ends(sigma, 300.0, 250.0, 420.0)
    assert biasfactor == walker_biasfactor(sigma, 300.0, (250.0, 420.0)) == np.ceil(exact) > 2
    hills = colvar.read(task / "HILLS")
    np.testing.assert_allclose(hills["biasf"], biasfactor)


@pytest.mark.parametrize("method", ["wte", "opes"])
def test_the_bias_factor_of_a_window_has_a_limit(run, method):
    """A limit below it counts, one above does not; OPES has a window that much narrower."""
    window = {
        "biasfactor": None,
        "window_K": (200.0, 900.0),
        "nsteps": 100,
        "pace": 1,
        "method": method,
        "guard": Guard(1e6, 3, 1e3, 1e6),
    }
    for limit in (2.5, 1e5):
        name = f"limit.{method}.{limit:g}"
        assert walk(run, name, **window, biasfactor_cap=limit)[0] == ""
        task = run.folder / "iter.000000/01.model_devi" / name
        _, sigma, used = measured.parse_sigma((task / "sigma.out").read_text())
        full = walker_biasfactor(sigma, 300.0, (200.0, 900.0))
        assert full > 2.5 and used == min(limit, full)
        if method == "opes":
            words = (task / "plumed.wte.dat").read_text().split()
            ends = [float(word.split("=")[1]) for word in words if word.startswith("TEMP_M")]
            shrunk = np.sqrt(used / full)
            np.testing.assert_allclose(ends, [300 - 100 * shrunk, 300 + 600 * shrunk], rtol=1e-9)
        else:
            np.testing.assert_allclose(colvar.read(task / "HILLS")["biasf"], used)


def test_a_killed_multithermal_walker_goes_on(run):
    """As with hills: each update of OPES once, and the bias continuous.

    The update at the checkpoint's step acts half a step earlier than in the undisturbed run.
    """
    settings = {
        "nsteps": 1500,
        "checkpoint": 300,
        "pace": 5,
        "method": "opes",
        "biasfactor": None,
        "window_K": (250.0, 420.0),
        "guard": Guard(1e6, 3, 1e3, 1e6),
    }
    assert walk(run, "opes.whole", **settings)[0] == ""
    task = prepare_walk(run, "opes.interrupted", **settings)
    checkpoint, devi = task / "walker.restart", task / "model_devi.out"
    kill_walk(task, lambda: checkpoint.exists() and leading_int(last_line(devi)) >= 750)
    why, steps, _ = finish_walk(task)
    assert why == "" and steps[-1] == 1700
    updates, whole = (
        colvar.read(folder / "DELTAFS") for folder in (task, task.parent / "opes.whole")
    )
    assert len(updates["time"]) > 100 and not (task / "HILLS").exists()
    np.testing.assert_allclose(updates["time"], whole["time"], atol=1e-9)
    with_, without = (
        colvar.read_series(f / "COLVAR.wte") for f in (task, task.parent / "opes.whole")
    )
    near = with_["time"] < (200 + 300 + 80) * 0.0005
    assert np.abs(with_["opes.bias"][near]).max() > 0.01
    for name in ("ene", "opes.bias"):
        np.testing.assert_allclose(with_[name][near], without[name][near], atol=0.01)


def test_a_killed_walker_at_constant_pressure_goes_on(run):
    """The barostat goes on, too: the volume is that of an undisturbed walker."""
    settings = {
        "nsteps": 800,
        "checkpoint": 300,
        "pace": 10,
        "biasfactor": 4.0,
        "pressure_bar": 1.0,
        "barostat": "iso",
        "guard": Guard(1e6, 3, 1e3, 1e6),
    }
    assert walk(run, "npt.whole", **settings)[0] == ""
    task = prepare_walk(run, "npt.interrupted", **settings)
    checkpoint, devi = task / "walker.restart", task / "model_devi.out"
    kill_walk(task, lambda: checkpoint.exists() and leading_int(last_line(devi)) >= 600)
    assert finish_walk(task)[0] == ""
    whole = task.parent / "npt.whole"
    found, expected = (
        [v for step, v in volumes(folder).items() if 200 <= step < 580] for folder in (task, whole)
    )
    assert np.ptp(expected) > 1e-4 * np.mean(expected) and len(expected) == 38
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_hills_of_another_model_are_moved_to_its_mean_energy(run):
    """The first bias that acts is that of the other model's hills, shifted; they stay in HILLS.

    PLUMED weighs them with the bias factor of the walker that reads them, not with their own.
    """
    calm = Guard(1e6, 3, 1e3, 1e6)
    settings = {"biasfactor": 4.0, "guard": calm, "pace": 10}
    walk(run, "hills.first", **settings)
    first = run.folder / "iter.000000/01.model_devi/hills.first"
    mean, *_ = measured.parse_sigma((first / "sigma.out").read_text())
    other_mean = mean - 7.5  # as if the other model's energies were lower
    other = settings | {"biasfactor": 2.5}  # as a window's may be, for another sigma
    task = prepare_walk(run, "hills.second", previous_mean_eV=other_mean, **other)
    (task / "previous.hills").write_text((first / "HILLS").read_text())
    assert finish_walk(task)[0] == ""
    old, all_ = colvar.read(first / "HILLS"), colvar.read(task / "HILLS")
    assert len(old["time"]) == 40 and len(all_["time"]) == 80
    np.testing.assert_allclose(all_["ene"][:40], old["ene"] + 7.5, atol=1e-9)
    np.testing.assert_array_equal(all_["time"][:40], 0.0)
    np.testing.assert_allclose(np.diff(all_["time"][40:]), 10 * 0.0005, atol=1e-9)
    acted = colvar.read_series(task / "COLVAR.wte")
    # The walk is the same so far, and its energy is near the old hills, not 7.5 eV from them.
    unshifted = {**old, "ene": old["ene"] + 7.5}
    expected = bias_of(unshifted, np.inf, acted["ene"][0])
    assert acted["metad.bias"][0] == pytest.approx(expected, abs=2e-5)
    acted_by_first = bias_of(old, np.inf, acted["ene"][0] - 7.5)
    assert acted_by_first == pytest.approx(expected, abs=1e-12)


def test_own_variables_are_biased_with_the_energy_or_without(run):
    """COLVAR has them; the bias is that of the hills on them, and on the energy where asked."""
    d = ExtraVariable("d", 0.2, 0.0, 12.0)
    for name, energy in (("own.both", True), ("own.only", False)):
        extra = Extra("d: DISTANCE ATOMS=1,4 NOPBC\n", (d,), energy)
        settings = {"extra": extra, "biasfactor": 4.0, "guard": Guard(1e6, 3, 1e3, 1e6), "pace": 10}
        assert walk(run, name, **settings)[0] == ""
        task = run.folder / "iter.000000/01.model_devi" / name
        acted, hills = colvar.read_series(task / "COLVAR.wte"), colvar.read(task / "HILLS")
        assert ("sigma_ene" in hills) == energy and (hills["sigma_d"] == 0.2).all()
        frame = frames(task)[600]
        apart = frame.coords[0] - frame.coords[3]
        shifts = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
        images = apart + frame.cell[0, 0] * shifts
        assert np.abs(np.linalg.norm(images, axis=1) - acted["d"][-1]).min() < 1e-5
        names = ["ene", "d"] if energy else ["d"]
        expected = [
            bias_on(hills, acted["time"][row], {n: acted[n][row] for n in names})
            for row in range(len(acted["time"]))
        ]
        assert max(expected) > 0.01
        np.testing.assert_allclose(acted["metad.bias"], expected, atol=5e-5)
        before = hills["time"] < acted["time"][-1]
        fallen = {column: values[before] for column, values in hills.items()}
        at_end = bias_of_hills({n: acted[n][-1:] for n in names}, fallen)
        np.testing.assert_allclose(at_end, expected[-1:], atol=1e-9)


def test_a_walker_that_leaves_the_grid_of_an_own_variable(run):
    """It ends, the user is told what to widen, and no frame of it counts as failed."""
    lines = "d: DISTANCE ATOMS=1,4 NOPBC\n"
    calm = Guard(1e6, 3, 1e3, 1e6)
    walk(run, "grid.wide", extra=Extra(lines, (ExtraVariable("d", 0.02, 0.0, 99.0),)), guard=calm)
    wide = run.folder / "iter.000000/01.model_devi/grid.wide"
    seen = colvar.read_series(wide / "COLVAR.wte")["d"]
    top = float(seen[0] + 0.2 * (seen.max() - seen[0]) + 1e-3)
    own = Extra(lines, (ExtraVariable("d", 0.02, 0.0, round(top, 3)),))
    task = prepare_walk(run, "task.009.000000", extra=own, guard=calm)
    record = WalkerRecord(300.0, 9, biasfactor=9.0, nvt_steps=200, own=own, variables=("d",))
    write_record(task, record)
    why, steps, _ = finish_walk(task)
    assert "outside the grid" in why and 200 <= steps[-1] < 600
    table, summary, _ = read_walker(task, 3, 0.0005)
    assert summary.left_grid and len(table) >= 20
    assert table.count(Decision.FAILED) == 0
    assert summary.stopped.startswith(f"d left its grid of 0.0 to {round(top, 3)}, last seen at")
    assert "give it a wider max in wte.variables" in summary.stopped


SHARING = {
    "biasfactor": 4.0,
    "guard": Guard(1e6, 3, 1e3, 1e6),
    "pace": 10,
    "nsteps": 800,
    "checkpoint": 300,
}


def share(run, name):
    return [
        prepare_walk(
            run,
            f"{name}.{k}",
            shared=SharedHills(f"../hills.{name}", 2, k),
            velocity_seed=k + 1,
            **SHARING,
        )
        for k in range(2)
    ]


def attempts_of(hills):
    """The hills of each attempt: a killed one's stay, and its time is gone through again."""
    ends = [0, *(np.flatnonzero(np.diff(hills["time"]) <= 0) + 1), len(hills["time"])]
    return [{n: v[i:j] for n, v in hills.items()} for i, j in itertools.pairwise(ends)]


def test_walkers_that_share_their_hills(run):
    """The second feels the first one's hills and its own; killed, it goes on with both."""
    tasks = share(run, "shared")
    assert finish_walk(tasks[0])[0] == ""
    checkpoint, devi = tasks[1] / "walker.restart", tasks[1] / "model_devi.out"
    kill_walk(tasks[1], lambda: checkpoint.exists() and leading_int(last_line(devi)) >= 600)
    assert finish_walk(tasks[1])[0] == ""
    first, (killed, again) = (attempts_of(colvar.read(task / "HILLS")) for task in tasks)
    assert [len(of["time"]) for of in first] == [80]
    assert again["time"][0] > 500 * 0.0005 and len(again["time"]) == 50
    acted = colvar.read_series(tasks[1] / "COLVAR.wte")
    # After the first look at the other's file, 50 steps after its own beginning.
    rows = np.flatnonzero(acted["time"] > (200 + 60) * 0.0005)
    expected = []
    for r in rows:
        time_ps, u = acted["time"][r], acted["ene"][r]
        own = bias_of(killed, time_ps, u)
        if time_ps > 500 * 0.0005 + 1e-9:
            own = bias_of(killed, np.inf, u) + bias_of(again, time_ps, u)
        expected.append(own + bias_of(first[0], np.inf, u))
    assert max(bias_of(first[0], np.inf, u) for u in acted["ene"][rows]) > 0.01
    np.testing.assert_allclose(acted["metad.bias"][rows], expected, atol=5e-5)


@pytest.mark.parametrize("until", [150, 300, 600])
def test_walkers_that_go_on_see_the_hills_of_one_that_was_killed(run, until):
    """Killed in NVT, before its checkpoint or after: one walker waits meanwhile, and sees all."""
    still, killed = share(run, f"seen{until}")
    process = subprocess.Popen(
        COMMAND,
        cwd=still,
        env=engine_environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 200
    devi = still / "model_devi.out"
    while not devi.exists() or leading_int(last_line(devi)) < 300:
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        devi = killed / "model_devi.out"
        kill_walk(killed, lambda: devi.exists() and leading_int(last_line(devi)) >= until)
        assert finish_walk(killed)[0] == ""
    finally:
        os.killpg(process.pid, signal.SIGCONT)
    assert process.wait(timeout=300) == 0 and not (still / "walker.stopped").exists()
    mine, other = (colvar.read(task / "HILLS") for task in (still, killed))
    assert len(mine["time"]) == 80
    assert len(attempts_of(other)) == (1 if until == 150 else 2)
    acted = colvar.read_series(still / "COLVAR.wte")
    rows = np.flatnonzero(acted["time"] > (200 + 700) * 0.0005)
    expected = [
        bias_of(mine, acted["time"][r], acted["ene"][r]) + bias_of(other, np.inf, acted["ene"][r])
        for r in rows
    ]
    np.testing.assert_allclose(acted["metad.bias"][rows], expected, atol=5e-5)


def frames(task) -> dict[int, DumpFrame]:
    return {frame.step: frame for frame in iter_dump(task / "all.lammpstrj")}


def volumes(task) -> dict[int, float]:
    return {step: np.linalg.det(frame.cell) for step, frame in frames(task).items()}


def bias_of(hills, time_ps, energy):
    """The bias that the hills deposited before a time make at an energy."""
    return bias_on(hills, time_ps, {"ene": energy})


def bias_on(hills, time_ps, point):
    """The bias that the hills deposited before a time make at values of their variables.

    Heights in the file are those of the free energy, gamma / (gamma - 1) times the bias's; the
    Gaussians are stretched to be zero at their cut-off, x^2 / 2 = 6.25 (PLUMED's manual, METAD).
    """
    there = hills["time"] < time_ps - 1e-9
    half_square = sum(
        ((value - hills[name][there]) / hills[f"sigma_{name}"][there]) ** 2 / 2
        for name, value in point.items()
    )
    end = np.exp(-6.25)
    shape = np.where(half_square < 6.25, (np.exp(-half_square) - end) / (1 - end), 0.0)
    return float(np.sum(hills["height"][there] * (1 - 1 / hills["biasf"][there]) * shape))
