"""What is read of a walker's folder."""

import json

import numpy as np
import pytest

from wtemlp.analysis.frames import Decision
from wtemlp.records.summary import Summary
from wtemlp.report.run_tables import walker_table
from wtemlp.stages.exploration.walker_results import (
    read_deviations,
    read_rows,
    read_walker,
    remarks,
)

TIMESTEP_PS = 0.001
HEADER = "# step max_devi_v min_devi_v avg_devi_v max_devi_f min_devi_f avg_devi_f\n"


def rows(steps, deviation):
    return "".join(f"{step} 0 0 0 {deviation} 0.01 0\n" for step in steps)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        (rows(range(0, 50, 10), 1.0), [0, 10, 20, 30, 40]),
        (rows([0, 10, 20], 1.0) + rows([20, 30], 2.0), [0, 10, 20, 30]),
        (rows([0, 10, 20, 30, 40], 1.0) + HEADER + rows([20, 30], 2.0), [0, 10, 20, 30]),
        (rows([0, 10, 20], 1.0) + "30 0 0 0 1.", [0, 10, 20]),
    ],
)
def test_rows_after_a_checkpoint_are_those_of_the_job_that_went_on(tmp_path, text, steps):
    (tmp_path / "model_devi.out").write_text(HEADER + text)
    found, deviations = read_deviations(tmp_path / "model_devi.out")
    np.testing.assert_array_equal(found, steps)
    again = [step for step in steps if step >= 20] if " 2.0 " in text else []
    assert [step for step, value in zip(found, deviations, strict=True) if value == 2.0] == again


GRID = "ERROR: Looking for a value outside the grid along the 1 dimension (arg name: {})"
OWN = {
    "lines": "d: DISTANCE ATOMS=1,2\n",
    "energy": True,
    "variables": [{"name": "d", "sigma": 0.1, "minimum": 0.5, "maximum": 4.0}],
}


@pytest.mark.parametrize(
    ("name", "colvar", "why"),
    [
        (
            "d",
            "0.02 1.0 0.61\n0.03 1.1 0.52\n",
            "d left its grid of 0.5 to 4.0, last seen at "
            "0.52: give it a wider min in wte.variables, or a wall in wte.plumed",
        ),
        ("d", "0.02 1.0 3.9\n", "last seen at 3.9: give it a wider max in"),
        ("d", "", "d left its grid of 0.5 to 4.0: give it a wider min or max in"),
        ("ene", "0.02 1.0 3.9\n", ""),
    ],
)
def test_a_walker_that_left_the_grid_of_an_own_variable_is_no_failure(tmp_path, name, colvar, why):
    folder = tmp_path / "task.000.000000"
    (folder / "traj").mkdir(parents=True)
    job = {"system": 0, "temps": 300.0, "biasfactor": 4.0, "nvt_steps": 10, "own": OWN}
    (folder / "job.json").write_text(json.dumps(job))
    (folder / "walker.stopped").write_text(GRID.format(name) + "\n")
    (folder / "COLVAR.wte").write_text("#! FIELDS time ene d\n" + colvar)
    (folder / "model_devi.out").write_text(HEADER + rows(range(0, 50, 10), 0.2))
    for step in range(0, 40, 10):
        (folder / f"traj/{step}.lammpstrj").touch()
    table, summary, _ = read_walker(folder, 3, TIMESTEP_PS)
    np.testing.assert_array_equal(table.step, range(0, 40, 10))
    failed = int((table.decision == int(Decision.FAILED)).sum())
    assert (summary.left_grid, failed) == ((True, 0) if why else (False, 3))
    assert why in summary.stopped if why else summary.stopped == GRID.format(name)
    assert "\n" not in summary.stopped


ENERGIES = {"file": "COLVAR", "energy": "u", "bias": "m.bias", "unit_eV": 0.01, "time_ps": 1.0}


@pytest.mark.parametrize(
    ("made", "name", "columns", "mean_eV"),
    [
        ({}, "COLVAR.wte", "time ene", 1.0),  # as a generated script's
        ({}, "COLVAR.wte", "time d", None),
        ({}, "COLVAR.nvt", "time d", None),
        ({"written": ["COLVAR.wte"]}, "COLVAR.wte", "time ene", None),  # in a unit of its own
        ({"energies": ENERGIES}, "COLVAR", "time u", 0.01),
        ({"energies": ENERGIES}, "COLVAR", "time ene", None),
        ({}, "sigma.out", "", None),
    ],
)
def test_what_a_template_leaves_may_be_anything(tmp_path, made, name, columns, mean_eV):
    folder = tmp_path / "task.000.000000"
    (folder / "traj").mkdir(parents=True)
    job = {"system": 0, "temps": None, "method": "template", "model_devi_dt": 0.001, **made}
    (folder / "job.json").write_text(json.dumps(job))
    text = f"#! FIELDS {columns}\n0.01 1.0\n0.02 1.0\n" if columns else "sigma_eV = 0.3\n"
    (folder / name).write_text(text)
    (folder / "model_devi.out").write_text(HEADER + rows([10, 20], 0.2))
    for step in (10, 20):
        (folder / f"traj/{step}.lammpstrj").touch()
    table, summary, _ = read_walker(folder, 3, TIMESTEP_PS)
    assert summary.mean_wte_eV == mean_eV and summary.sigma_nvt_eV is None
    expected = np.nan if mean_eV is None else mean_eV
    np.testing.assert_array_equal(table.energy_eV, [expected] * 2)


def test_a_walker_that_went_on_and_was_stopped_has_its_last_frames_failed(tmp_path):
    """Not those that the killed job had written beyond the step of the stop."""
    tmp_path = tmp_path / "task.000.000000"
    tmp_path.mkdir()
    job = {
        "system": 0,
        "temps": 300.0,
        "biasfactor": 4.0,
        "biasfactor_asked": [4.0],
        "nvt_steps": 10,
        "walker": 0,
        "method": "wte",
        "window_K": None,
    }
    (tmp_path / "job.json").write_text(json.dumps(job))
    (tmp_path / "walker.stopped").write_text("temperature 2000 K at step 60: above 900 K\n")
    killed, again = range(0, 110, 10), range(30, 70, 10)
    (tmp_path / "model_devi.out").write_text(HEADER + rows(killed, 0.2) + rows(again, 0.2))
    (tmp_path / "traj").mkdir()
    for step in killed:
        (tmp_path / f"traj/{step}.lammpstrj").touch()
    table, summary, _ = read_walker(tmp_path, 3, TIMESTEP_PS)
    assert summary.stopped
    np.testing.assert_array_equal(table.step, range(0, 70, 10))
    failed = table.step[table.decision == int(Decision.FAILED)]
    np.testing.assert_array_equal(failed, [40, 50, 60])


def test_frames_with_an_atom_that_no_model_knows_anything_of_have_failed(tmp_path):
    """All models say a force of 0 for an atom without neighbours: no sign of accuracy."""
    folder = tmp_path / "task.000.000000"
    (folder / "traj").mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps({"system": 0, "temps": 300.0, "biasfactor": 4.0}))
    alone = "".join(f"{step} 0 0 0 0.02 0.000000e+00 0.01\n" for step in (20, 30))
    (folder / "model_devi.out").write_text(HEADER + rows([0, 10], 0.02) + alone)
    for step in range(0, 40, 10):
        (folder / f"traj/{step}.lammpstrj").touch()
    table, summary, _ = read_walker(folder, 3, TIMESTEP_PS)
    failed = int(Decision.FAILED)
    assert (table.decision == failed).tolist() == [False, False, True, True]
    assert summary.alone == 2 and not summary.stopped
    assert [line for line in remarks(folder) if line.startswith("2 frames have an atom")]


def test_the_volumes_of_a_walker_at_constant_pressure(tmp_path):
    folder = tmp_path / "task.000.000000"
    (folder / "traj").mkdir(parents=True)
    job = {"system": 0, "temps": 300.0, "biasfactor": 4.0, "nvt_steps": 10, "press": 0.0}
    (folder / "job.json").write_text(json.dumps(job))
    (folder / "model_devi.out").write_text(HEADER + rows([0, 10], 0.02))
    for step in (0, 10):
        (folder / f"traj/{step}.lammpstrj").touch()
    (folder / "sigma.out").write_text("mean_eV -3 sigma_eV 0.1 biasfactor 4 volume_A3 950\n")
    printed = "".join(f"{step} 300 -3.0 {900 + step}\n" for step in range(0, 50, 10))
    (folder / "log.lammps").write_text("   Step  Temp  PotEng  Volume\n" + printed)
    _, summary, _ = read_walker(folder, 3, TIMESTEP_PS)
    assert (summary.volume_A3, summary.volume_low_A3, summary.volume_high_A3) == (950, 920, 940)
    (row,) = walker_table([Summary(0, walkers=[summary])]).rows
    assert "950 (920 to 940)" in row


@pytest.mark.parametrize(
    ("smallest", "mean", "largest", "alone"),
    [
        (0, 0.05, 0.1, True),  # an atom that the models know nothing of
        (0, 0, 0, True),
        (1e-12, 0.05, 0.1, False),
        (0, 0, 0.1, False),  # columns that nobody has filled in: no mean of these is 0
    ],
)
def test_an_atom_that_no_model_knows_anything_of(tmp_path, smallest, mean, largest, alone):
    row = f"0 0 0 0 {largest} {smallest} {mean}\n"
    for end in ("", "10 0 0 0 1.2\n"):  # laid out alike, or read one by one
        (tmp_path / "model_devi.out").write_text(HEADER + row + end)
        assert [alone] == list(read_rows(tmp_path / "model_devi.out").alone)
