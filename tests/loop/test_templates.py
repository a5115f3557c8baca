"""A run with DP-GEN's engine and scripts of the user's own, with cheap engines."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.engines import require_engine
from tests.support.loop_runs import Run, make_run
from wtemlp.analysis.frames import load_frames
from wtemlp.records.state import Step

LMP = """units metal
read_data conf.lmp
pair_style deepmd
pair_coeff
dump dpgen_dump
velocity all create V_TEMP 1
fix dpgen_plm
fix_modify dpgen_plm energy no
run V_NSTEPS
"""
PLM = """e: ENERGY
m: METAD ARG=e SIGMA=V_WIDTH HEIGHT=1 PACE=10 FILE=HILLS
PRINT ARG=e,m.bias FILE=COLVAR STRIDE=100
"""
JOB = {
    "sys_idx": [0],
    "traj_freq": 100,
    "template": {"lmp": "in.lammps", "plm": "in.plumed"},
    "rev_mat": {"lmp": {"V_NSTEPS": [800]}, "plm": {"V_WIDTH": [20, 40]}},
}
KELVIN = {"0": {"lmp": {"V_TEMP": [300, 350]}}}


def prepared(folder: Path, **job: object) -> Run:
    run = make_run(
        folder,
        model_devi_engine="lammps",
        model_devi_plumed=True,
        model_devi_jobs=[JOB | {"sys_rev_mat": KELVIN} | job],
    )
    (run.folder / "in.lammps").write_text(LMP)
    (run.folder / "in.plumed").write_text(PLM)
    return run


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    require_engine("lammps")
    run = prepared(tmp_path_factory.mktemp("templates") / "undisturbed")
    run.output = run.finish()
    return run


def test_every_combination_is_explored_and_labelled(undisturbed):
    summary = json.loads((undisturbed.folder / "iter.000000/summary.json").read_text())
    assert len(summary["walkers"]) == 2 * 2 * 2  # structures, temperatures, widths
    assert {walker["temperature_K"] for walker in summary["walkers"]} == {300.0, 350.0}
    assert {walker["biasfactor"] for walker in summary["walkers"]} == {None}
    assert (summary["explored"], summary["labelled"]) == (8 * 9, 5)
    labels = json.loads((undisturbed.folder / "iter.000000/02.fp/labels.json").read_text())
    assert all(label["temperature_K"] in (300.0, 350.0) for label in labels)
    assert all(np.isfinite(label["energy_eV"]) and label["bias_eV"] > 0 for label in labels)
    assert "NaN" not in (undisturbed.folder / "iter.000000/summary.json").read_text()


def test_what_is_not_known_is_a_dash_in_the_report(undisturbed):
    page = (undisturbed.folder / "report.html").read_text()
    assert ">nan<" not in page and "task.000.000007" in page


def test_killed_it_begins_anew_in_a_clean_folder(undisturbed, tmp_path):
    run = prepared(tmp_path / "killed")
    hills = "iter.000000/01.model_devi/task.*/HILLS"
    run.kill_at(0, Step.RUN_EXPLORE, 0.5, True, sleep_s=4.0, once=hills)
    run.finish()
    for file in run.folder.glob(hills):
        assert len(file.read_text().splitlines()) == 1
    first = undisturbed.fingerprint()
    assert run.fingerprint() == first


def test_without_words_for_it_the_temperature_is_not_known(tmp_path):
    require_engine("lammps")
    run = prepared(tmp_path / "unknown", sys_rev_mat={})
    (run.folder / "in.lammps").write_text(LMP.replace("V_TEMP", "300"))
    run.finish()
    summary = json.loads((run.folder / "iter.000000/summary.json").read_text())
    assert {walker["temperature_K"] for walker in summary["walkers"]} == {None}
    table = load_frames(run.folder / "iter.000000/01.model_devi/explored.npz")
    assert np.isnan(table.temperature_K).all() and np.isfinite(table.energy_eV).all()
    labels = json.loads((run.folder / "iter.000000/02.fp/labels.json").read_text())
    assert {label["temperature_K"] for label in labels} == {None}
