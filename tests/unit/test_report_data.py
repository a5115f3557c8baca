"""Reading a run's folder, whole or in pieces."""

import numpy as np
import pytest

from tests.support.synthetic import SIGMA_NVT_EV, TYPE_MAP, write_run, write_water
from wtemlp.core import paths
from wtemlp.md.colvar import read as read_colvar
from wtemlp.report.data import read_lcurve, read_run
from wtemlp.report.figures.learning import learning_figure
from wtemlp.report.systems import MAX_FRAMES, read_systems


@pytest.fixture(scope="module")
def synthetic_run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"))


def test_everything_is_found(synthetic_run):
    run = read_run(synthetic_run.root, synthetic_run.init_data, TYPE_MAP)
    assert [it.index for it in run.iterations] == [0, 1, 2]
    assert [len(it.curves) for it in run.iterations] == [4, 4, 4]
    assert [it.frames is not None for it in run.iterations] == [True, True, False]
    assert not run.notes
    walker = run.iterations[1].walkers[1]
    assert (walker.name, walker.biasfactor, walker.source) == ("task.000.000001", 16.0, "COLVAR")
    assert len(walker.nvt_eV) == 600 and len(walker.wte_eV) == 1200
    assert walker.nvt_eV.std() == pytest.approx(SIGMA_NVT_EV, rel=0.3)
    assert [w.stopped for w in run.iterations[0].walkers] == [False, False, True]
    assert run.initial[0].coords.shape == (80, 81, 3)
    assert sorted(set(run.initial[0].names.tolist())) == ["H", "O"]
    assert len(run.labelled) == 2


def test_stored_frames_stand_in_for_colvar(synthetic_run, tmp_path):
    run = write_run(tmp_path / "run", iterations=1)
    for file in run.root.rglob("COLVAR.*"):
        file.unlink()
    walkers = read_run(run.root, [], TYPE_MAP).iterations[0].walkers
    assert {walker.source for walker in walkers} == {"frames"}
    assert len(walkers[0].nvt_eV) == 30 and len(walkers[0].wte_eV) == 60


def test_lcurve_by_header_with_a_cut_last_line_and_a_restart(tmp_path):
    file = tmp_path / "lcurve.out"
    head = "# step rmse_trn rmse_e_trn rmse_f_trn lr\n"
    file.write_text(head + "0 1 2 3 4\n100 1 2 nan 4\n" + head + "100 5 6 7 8\n200 1 2 3e\n300 1")
    columns, left_out = read_lcurve(file)
    assert columns["step"].tolist() == [0, 100] and left_out == 2
    assert columns["rmse_f_trn"].tolist() == [3, 7]
    file.write_text("")
    assert read_lcurve(file) == ({}, 0)


HEADERS = [
    ("step rmse_val rmse_trn rmse_f_val rmse_f_trn lr", "step rmse_trn rmse_f_trn lr"),
    ("step rmse_trn rmse_f_trn lr", "step rmse_val rmse_trn rmse_f_val rmse_f_trn lr"),
    ("step rmse_f_trn rmse_trn lr", "step rmse_trn lr rmse_f_trn"),
]
VALUES = {"rmse_val": 1.0, "rmse_trn": 2.0, "rmse_f_val": 3.0, "rmse_f_trn": 4.0, "lr": 5.0}


@pytest.mark.parametrize("headers", HEADERS)
def test_each_row_of_a_learning_curve_is_read_by_its_own_header(tmp_path, headers):
    text = ""
    for number, header in enumerate(headers):
        text += f"#  {header}\n# a remark of DeePMD-kit\n"
        for step in (100 * number, 100 * number + 50):
            row = {"step": step, **VALUES}
            text += " ".join(str(row[name]) for name in header.split()) + "\n"
    run = write_run(tmp_path / "run", iterations=1)
    for file in run.root.rglob("lcurve.out"):
        file.write_text(text + "999 1.0")
    data = read_run(run.root, [], TYPE_MAP)
    assert all("lcurve.out: 1 rows are cut or damaged" in note for note in data.notes[:4])
    for curve in data.iterations[0].curves:
        assert curve.columns["step"].tolist() == [0, 50, 100, 150]
        for name, value in VALUES.items():
            has = [name in headers[step >= 100].split() for step in (0, 50, 100, 150)]
            if not any(has):
                continue
            found = curve.columns[name]
            assert (found[has] == value).all() and np.isnan(found[np.invert(has)]).all()
    assert learning_figure(data).plots


def test_colvar_with_a_cut_last_line(tmp_path):
    file = tmp_path / "COLVAR"
    file.write_text("#! FIELDS time ene bias\n#! SET x 1\n 0 -5.0 0\n 1 -6.0 0.5\n 2 -7")
    assert read_colvar(file)["ene"].tolist() == [-5.0, -6.0]


def test_a_file_that_is_still_written_is_named_not_fatal(tmp_path):
    run = write_run(tmp_path, iterations=1)
    explored = paths.RunPaths(tmp_path).explored(0)
    explored.write_bytes(explored.read_bytes()[:200])
    coord = paths.RunPaths(tmp_path).label_data(0, 0) / "set.000" / "coord.npy"
    coord.write_bytes(coord.read_bytes()[:300])
    data = read_run(run.root, [*run.init_data, tmp_path / "absent"], TYPE_MAP)
    assert len(data.notes) == 3
    assert any("explored.npz" in note for note in data.notes)
    assert any("absent" in note for note in data.notes)
    assert data.initial and not data.labelled


def test_large_data_are_thinned_evenly(tmp_path):
    rng = np.random.default_rng(1)
    write_water(tmp_path / "a", rng, MAX_FRAMES, 0.2)
    write_water(tmp_path / "b", rng, 3 * MAX_FRAMES, 0.2)
    systems = read_systems([tmp_path], TYPE_MAP, [])
    assert [s.n_total for s in systems] == [MAX_FRAMES, 3 * MAX_FRAMES]
    assert [len(s.coords) for s in systems] == [MAX_FRAMES // 4, 3 * MAX_FRAMES // 4]


def test_data_without_a_cell_are_read_without_one(tmp_path):
    system = write_water(tmp_path / "cluster", np.random.default_rng(2), 4, 0.2)
    (system / "nopbc").touch()
    for box in system.glob("set.*/box.npy"):
        box.unlink()
    notes: list[str] = []
    (found,) = read_systems([system], TYPE_MAP, notes)
    assert not found.periodic and found.coords.shape == (4, 81, 3) and notes == []
