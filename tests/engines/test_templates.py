"""The example templates with real engines: wtemlp's own, and those for DP-GEN's engine."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.engines import ROOT, engine_environment
from tests.support.handover_files import Ours
from tests.support.loop_runs import Run
from tests.support.small_run import with_models_of
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch.tasks import Task
from wtemlp.md import colvar
from wtemlp.md.bias import measured
from wtemlp.md.dump import read_dump
from wtemlp.session.live_report import write_run_page
from wtemlp.stages.context import RunContext
from wtemlp.stages.exploration import explore
from wtemlp.stages.exploration.walker_results import read_walker

EXAMPLE = ROOT / "examples/templates"
DT_PS = 0.0005
KEYS = ("sys_idx", "template", "rev_mat", "wte", "temps", "nsteps", "trj_freq", "ensemble")


def change(folder: Path, **changes: object) -> None:
    file = folder / "param.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.fixture(scope="module")
def run(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An exploration and labels with the example's scripts, with models that are there."""
    job = json.loads((EXAMPLE / "params.json").read_text())["model_devi_jobs"][0]
    job = {key: job[key] for key in KEYS} | {"temps": [300], "nsteps": 200}
    job["wte"] = {
        "biasfactor": [4, 25],
        "nvt_steps": 600,
        "pace": 20,
        "guard": {"temp_factor": 10, "devi_factor": 20, "energy_sigmas": 50},
    }
    folder = tmp_path_factory.mktemp("templates") / "run"
    mine = with_models_of(run, folder, model_devi_jobs=[job])
    for file in EXAMPLE.iterdir():
        shutil.copy(file, folder)
    Ours(folder).go_on(6)
    return mine


def thermo_energies(log: Path) -> dict[int, float]:
    """Potential energy by step, of a log whose columns begin with the step."""
    found, place = {}, None
    for words in map(str.split, log.read_text().splitlines()):
        if words[:1] == ["Step"]:
            place = words.index("PotEng")
        elif place is not None and words and words[0].isdigit() and len(words) > place:
            found[int(words[0])] = float(words[place])
    return found


def test_the_example_biases_the_energy_alone(run):
    """Each combination with its values; ENERGY is LAMMPS's without the bias; the hills add up."""
    tasks = sorted(run.folder.glob("iter.000000/01.model_devi/task.*"))
    seen = set()
    for task in tasks:
        assert not (task / "walker.stopped").exists(), (task / "walker.stopped").read_text()
        made = json.loads((task / "job.json").read_text())
        script = (task / "input.lammps").read_text()
        thermostat = f"temp/csvr 300 300 {made['revised']['V_TAUT']} {made['thermostat_seed']}\n"
        assert thermostat in script
        seen.add((made["revised"]["V_TAUT"], made["biasfactor"]))
        hills, biased = colvar.read(task / "HILLS"), colvar.read(task / "COLVAR.wte")
        assert len(hills["time"]) == 200 // 20 and set(hills["biasf"]) == {made["biasfactor"]}
        mean, sigma, _ = measured.parse_sigma((task / "sigma.out").read_text())
        np.testing.assert_allclose(hills["sigma_ene"], sigma, rtol=1e-9)
        nvt = colvar.read(task / "COLVAR.nvt")
        kept = nvt["ene"][nvt["time"] > 150.5 * DT_PS]
        # Of the same outputs, or of one more or less, which cannot move a mean by more than this.
        assert mean == pytest.approx(kept.mean(), abs=np.ptp(kept) / len(kept))
        thermo = thermo_energies(task / "log.lammps")
        steps = np.rint(biased["time"] / DT_PS).astype(int)
        both = [row for row, step in enumerate(steps) if step in thermo]
        assert len(both) > 8 and biased["metad.bias"].max() > 0.01
        np.testing.assert_allclose(
            biased["ene"][both], [thermo[steps[row]] for row in both], rtol=1e-8
        )
    assert seen == {(taut, factor) for taut in (0.1, 0.5) for factor in (4.0, 25.0)}


def test_its_frames_are_labelled_and_reported(run):
    summary = json.loads((run.folder / "iter.000000/summary.json").read_text())
    assert summary["explored"] == 4 * (800 // 20 + 1) and summary["labelled"] >= 8
    for walker in summary["walkers"]:
        assert walker["sigma_nvt_eV"] > 0 and walker["sigma_wte_eV"] > 0
    assert write_run_page(run.folder)[0].name == "report.html"


def prepare(run: Run, folder: Path, **changes: object) -> RunContext:
    """An exploration with the run's models."""
    (folder / "iter.000000").mkdir(parents=True)
    (folder / "iter.000000/00.train").symlink_to(run.folder / "iter.000000/00.train")
    (folder / "init").symlink_to(run.folder / "init")
    for name in ("param.json", "machine.json"):
        shutil.copy(run.folder / name, folder)
    for file in EXAMPLE.glob("*.*"):
        shutil.copy(file, folder)
    change(folder, **changes)
    params = load_params(folder / "param.json", folder)
    context = RunContext(params, load_machines(folder / "machine.json", folder), RunPaths(folder))
    explore.prepare(context, 0)
    return context


def walk(context: RunContext, task: Task, log: str = "output.plumed") -> Path:
    """Run a task; its folder."""
    command = task.command.replace("wtemlp lmp", f"{sys.executable} -m wtemlp.lammps_plumed.lmp")
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=task.folder,
        env=engine_environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert all(list(task.folder.glob(name)) for name in ("HILLS*", "COLVAR*", log))
    return task.folder


def dpgens(**rev_mat: dict) -> dict:
    return {
        "model_devi_engine": "lammps",
        "model_devi_plumed": True,
        "model_devi_jobs": [
            {
                "sys_idx": [0],
                "traj_freq": 20,
                "rev_mat": rev_mat,
                "template": {"lmp": "dpgen.lammps", "plm": "dpgen.plumed"},
            }
        ],
    }


def test_dpgens_engine_biases_too(run, tmp_path):
    """With hills from step 20 on, the same trajectory as without up to there, and then another."""
    context = prepare(
        run,
        tmp_path / "dpgen",
        **dpgens(
            lmp={"V_NSTEPS": [100], "V_TEMP": [300], "V_SEED": [7]},
            plm={"V_WIDTH": [0.1], "V_STRIDE": [20, 1000]},
        ),
    )
    with_, without = (walk(context, task) for task in explore.tasks(context, 0)[0])
    assert len(colvar.read(with_ / "HILLS")["time"]) == 5
    biased, free = (colvar.read(task / "COLVAR") for task in (with_, without))
    assert biased["metad.bias"][-1] > 0.01 and not free["metad.bias"].any()
    np.testing.assert_array_equal(biased["ene"][:3], free["ene"][:3])
    assert abs(biased["ene"][-1] - free["ene"][-1]) > 1e-4
    frames = [read_dump(task / "traj/100.lammpstrj").coords for task in (with_, without)]
    assert np.abs(frames[0] - frames[1]).max() > 1e-4
    thermo = thermo_energies(with_ / "log.lammps")
    np.testing.assert_allclose(
        biased["ene"], [thermo[step] for step in range(0, 101, 10)], rtol=1e-6
    )
    table, row, _ = read_walker(with_, 3, DT_PS)
    np.testing.assert_array_equal(table.step, range(0, 101, 20))
    np.testing.assert_allclose(table.energy_eV, biased["ene"][::2])
    assert (row.temperature_K, row.sigma_nvt_eV) == (300.0, None)
    assert row.sigma_wte_eV > 0 and row.biasfactor is None


def test_a_walker_of_a_template_that_blows_up_is_stopped(run, tmp_path):
    context = prepare(
        run,
        tmp_path / "hot",
        **dpgens(
            lmp={"V_NSTEPS": [2000], "V_TEMP": [50_000_000], "V_SEED": [7]},
            plm={"V_WIDTH": [0.1], "V_STRIDE": [20]},
        ),
    )
    folder = walk(context, explore.tasks(context, 0)[0][0])
    assert "ERROR" in (folder / "walker.stopped").read_text()
    table, row, _ = read_walker(folder, 3, DT_PS)
    assert "ERROR" in row.stopped and len(table) < 101


def test_a_generated_script_with_words_in_it_is_a_template(run, tmp_path):
    """The same walker, to the last hill."""
    job = json.loads((run.folder / "param.json").read_text())["model_devi_jobs"][0]
    job["wte"]["biasfactor"] = [4]
    del job["template"], job["rev_mat"]
    generated = prepare(run, tmp_path / "generated", model_devi_jobs=[job])
    first = walk(generated, explore.tasks(generated, 0)[0][0], "plumed.wte.log")
    text = (first / "input.lammps").read_text()
    made = json.loads((first / "job.json").read_text())
    for number, word in (
        ("create 300 ", "create V_TEMP "),
        ("csvr 300 300", "csvr V_TEMP V_TEMP"),
        ("TEMP=300", "TEMP=V_TEMP"),
        ("equal 4\n", "equal V_BIASFACTOR\n"),
        ("PACE=20", "PACE=V_PACE"),
        ("own>3000)", "own>V_TEMP_MAX)"),
        ("own<=3000)*3000", "own<=V_TEMP_MAX)*V_TEMP_MAX"),
        ("${mean}-50*", "${mean}-V_ENERGY_SIGMAS*"),
        ("${mean}+50*", "${mean}+V_ENERGY_SIGMAS*"),
        ("800 upto", "$(V_NVT_STEPS+V_NSTEPS) upto"),
        ("run             450 ", "run             $(V_NVT_STEPS*3/4:%.0f) "),
        (str(made["velocity_seed"]), "V_VELOCITY_SEED"),
        (str(made["thermostat_seed"]), "V_THERMOSTAT_SEED"),
    ):
        text = text.replace(number, word)
    job["template"] = {"lmp": "../own.lammps"}
    (tmp_path / "own.lammps").write_text(text)
    context = prepare(run, tmp_path / "own", model_devi_jobs=[job])
    again = walk(context, explore.tasks(context, 0)[0][0], "plumed.wte.log")
    assert "V_" not in (again / "input.lammps").read_text()
    assert (again / "HILLS").read_text() == (first / "HILLS").read_text()
    (_, one, _), (_, other, _) = (read_walker(folder, 3, DT_PS) for folder in (first, again))
    assert replace(one, method="") == replace(other, method="")


def test_the_guard_of_the_example_stops_a_walker(run, tmp_path):
    param = json.loads((run.folder / "param.json").read_text())
    job = param["model_devi_jobs"][0]
    job["rev_mat"]["lmp"]["V_TAUT"] = [0.1]
    job["wte"] |= {"biasfactor": [4], "guard": {"energy_sigmas": 0.001}}
    context = prepare(run, tmp_path / "guard", model_devi_jobs=[job])
    table, row, _ = read_walker(walk(context, explore.tasks(context, 0)[0][0]), 3, DT_PS)
    assert row.stopped.startswith("step 6") and "temperature" in row.stopped
    assert row.sigma_nvt_eV > 0 and 600 <= table.step[-1] <= 620
