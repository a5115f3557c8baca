"""``wtemlp plan``: runs found or named, the page, and wrong input."""

import json
import sys

import numpy as np
import pytest

from tests.support.loop_runs import PARAM, write_data
from tests.support.synthetic import ar1
from wtemlp import cli
from wtemlp.core.units import KCAL_MOL_IN_EV
from wtemlp.md.lammps_log import longest_run

SIGMA_EV = 0.40
LOG = (
    "Loop time of 9 on 1 procs for 0 steps with 81 atoms\n"
    "Loop time of 1.5 on 2 procs for 500 steps with 81 atoms\n"
    "Loop time of 4.0 on 2 procs for 2000 steps with 81 atoms\nLoop time of half a li"
)


def series(seed, n=4000, sigma=SIGMA_EV):
    return ar1(np.random.default_rng(seed), n, sigma, 0.8) - 13.0


def write_task(folder, seed, temperature=300.0, system=0, n=1200, sigma=SIGMA_EV):
    """The NVT part of an exploration task, a step printed twice at the seam of two runs."""
    folder.mkdir(parents=True)
    energies = series(seed, n, sigma)
    rows = [f"{0.005 * k:.6f} {e:.9f}" for k, e in enumerate(energies)]
    rows.insert(n // 4, rows[n // 4])
    (folder / "COLVAR.nvt").write_text("#! FIELDS time ene\n" + "\n".join(rows) + "\n-13.")
    (folder / "sigma.out").write_text("mean_eV -13 sigma_eV 0.4\n")
    made = {"system": system, "temps": temperature, "nvt_steps": 10 * n}
    (folder / "job.json").write_text(json.dumps(made))
    (folder / "log.lammps").write_text(LOG)


def write_init(folder, seed):
    nvt = folder / "00.equilibrate" / "nvt"
    nvt.mkdir(parents=True)
    rows = "".join(
        f"{27500 + 10 * k} 300.0 {e / KCAL_MOL_IN_EV:.9f}\n" for k, e in enumerate(series(seed))
    )
    (nvt / "energies.out").write_text("# Time-averaged data\n# TimeStep temp pe\n" + rows)
    (nvt / "log.lammps").write_text(LOG)
    (nvt / "in.lammps").write_text("units           real\n")
    parameters = {"temperature_K": 310.0, "timestep_fs": 0.5}
    (folder / "init.json").write_text(json.dumps({"parameters": parameters}))


def write_energies(file, values, header="", first=0):
    rows = "".join(f"{first + 10 * k} {e:.9f}\n" for k, e in enumerate(values))
    file.write_text(header + rows)


@pytest.fixture
def folder(tmp_path):
    """A run's folder before its first step."""
    write_data(tmp_path)
    (tmp_path / "param.json").write_text(json.dumps(PARAM))
    return tmp_path


@pytest.fixture
def plan(folder, monkeypatch, capsys):
    """``plan(*args)``: exit code, standard output, standard error."""

    def run(*args):
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["wtemlp", "plan", "param.json", *map(str, args)])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def records(plan):
    """``records(*args)``: what ``--json`` prints."""

    def run(*args):
        code, out, err = plan("--json", *args)
        assert code == 0, err
        return json.loads(out)

    return run


def test_the_newest_exploration_is_found(folder, records):
    for iteration, sigma in ((0, 0.9), (1, SIGMA_EV)):
        tasks = folder / f"iter.{iteration:06d}" / "01.model_devi"
        for k in range(3):
            write_task(tasks / f"task.000.{k:06d}", 10 * iteration + k, sigma=sigma)
    unfinished = folder / "iter.000002" / "01.model_devi" / "task.000.000000"
    write_task(unfinished, 99)
    (unfinished / "sigma.out").unlink()
    write_init(folder / "init", 7)
    (found,) = records()
    assert "iter.000001" in found["source"] and "2 more" in found["source"]
    assert found["engine"] == "the models" and found["system"] == 0
    assert found["nvt"]["n"] == 3 * 900
    assert found["nvt"]["sigma_eV"] == pytest.approx(SIGMA_EV, rel=0.1)
    assert found["nvt"]["spacing_ps"] == pytest.approx(0.005)
    assert (found["n_atoms"], found["n_molecules"]) == (81, 27)
    assert found["seconds_per_step"] == pytest.approx(0.002)
    assert [row["biasfactor"] for row in found["biasfactors"]] == [1, 4, 16, 64, 256]
    row = found["biasfactors"][1]
    assert row["seconds"] == pytest.approx(0.002 * row["steps"])


def test_each_system_and_temperature_has_its_plan(folder, records):
    tasks = folder / "iter.000000" / "01.model_devi"
    for k, (system, temperature) in enumerate([(0, 300.0), (0, 350.0), (1, 300.0)]):
        write_task(tasks / f"task.{system:03d}.{k:06d}", k, temperature, system)
    found = records()
    assert [(one["system"], one["nvt"]["temperature_K"]) for one in found] == [
        (0, 300),
        (0, 350),
        (1, 300),
    ]
    assert len(records("--from", tasks / "task.000.000001")) == 1
    assert len(records("--from", tasks / "task.000.000001" / "COLVAR.nvt")) == 1
    for place in (tasks, tasks.parent, folder):
        assert len(records("--from", place)) == 3


def test_the_init_folder_of_the_data(folder, records):
    param = PARAM | {"init_data_prefix": "start/data"}
    (folder / "param.json").write_text(json.dumps(param))
    write_init(folder / "start", 5)
    (found,) = records()
    assert found["source"] == "start/00.equilibrate/nvt/energies.out"
    assert found["engine"] == "the reference force field"
    assert found["nvt"]["temperature_K"] == 310 and found["nvt"]["n"] == 4000
    assert found["nvt"]["spacing_ps"] == pytest.approx(0.005)
    assert found["nvt"]["sigma_eV"] == pytest.approx(SIGMA_EV, rel=0.1)
    assert records("--from", "start") == [found]
    assert records("--from", "start/00.equilibrate/nvt/energies.out") == [found]


def test_a_file_of_energies(folder, records):
    write_energies(folder / "energies.txt", series(1) / KCAL_MOL_IN_EV, "# step energy\n")
    (found,) = records("--from", "energies.txt", "--unit", "kcal/mol")
    assert found["nvt"]["n"] == 3000 and found["nvt"]["spacing_ps"] == pytest.approx(0.005)
    assert found["nvt"]["sigma_eV"] == pytest.approx(SIGMA_EV, rel=0.1)
    assert found["nvt"]["temperature_K"] == 300 and found["seconds_per_step"] is None
    assert found["biasfactors"][2]["seconds"] is None
    header = "#! FIELDS time volume ene\n"
    rows = "".join(f"{0.01 * k:.6f} 900.0 {e}\n" for k, e in enumerate(series(2)))
    (folder / "COLVAR").write_text(header + rows)
    (found,) = records("--from", "COLVAR", "--unit", "eV", "--temperature", 350)
    assert found["nvt"]["spacing_ps"] == pytest.approx(0.01)
    assert found["nvt"]["temperature_K"] == 350


def test_bias_factors_and_a_window(folder, plan, records):
    write_init(folder / "init", 5)
    arguments = ("--from", "init", "--biasfactor", 7, 25.5, "--window", 250, 360)
    (found,) = records(*arguments)
    window = found["window"]
    # the colder end needs more, though 360 K is as far from 310 K
    k = (found["nvt"]["sigma_eV"] / (8.617333e-5 * 310)) ** 2
    c = k * 250 / 310
    assert window["exact"] == pytest.approx((c - k + 1) ** 2 / (2 * c - k + 1), rel=1e-4)
    assert all(0 < row["low_K"] < row["high_K"] for row in found["biasfactors"])
    assert 0 <= window["biasfactor"] - window["exact"] < 1
    factors = [row["biasfactor"] for row in found["biasfactors"]]
    assert factors == sorted([7, 25.5, window["biasfactor"]])
    steps = next(r["steps"] for r in found["biasfactors"] if r["biasfactor"] not in (7, 25.5))
    assert 2 * steps <= window["nsteps"] < 2.5 * steps and window["nsteps"] % 100 == 0
    code, out, _ = plan(*arguments)
    assert code == 0 and f'"biasfactor": {window["biasfactor"]:g}' in out
    assert f'"nsteps": {window["nsteps"]}' in out and "1/sqrt(N)" in out and "estimate" in out
    assert "27 waters (81 atoms) at 310 K" in out and "J/(mol K)" in out
    assert "covers it already" in plan("--from", "init", "--window", 309, 311)[1]


def test_too_small_a_sel_is_told(folder, plan):
    write_energies(folder / "energies.txt", series(1))
    words = ("--from", "energies.txt", "--temperature", 300, "--unit", "eV")
    assert "those beyond sel" not in plan(*words)[1]
    content = json.loads((folder / "param.json").read_text())
    content["default_training_param"]["model"]["descriptor"]["sel"] = [2, 4]
    (folder / "param.json").write_text(json.dumps(content))
    code, out, _ = plan(*words)
    assert code == 0 and "warning: param.json: default_training_param.model.descriptor.sel" in out
    (record,) = json.loads(plan(*words, "--json")[1])
    assert any("those beyond sel are left out" in one for one in record["warnings"])


def test_a_short_run_is_a_warning_with_a_number(folder, plan):
    write_energies(folder / "few.txt", series(3, 200))
    code, out, _ = plan("--from", "few.txt", "--unit", "eV")
    assert code == 0 and "warning: the run is worth only" in out and "steps) after" in out
    write_energies(folder / "many.txt", series(3, 4000))
    assert "independent energies; 50" not in plan("--from", "many.txt", "--unit", "eV")[1]


FILE = ("--from", "e.txt", "--unit", "eV")


@pytest.mark.parametrize(
    ("content", "arguments", "words"),
    [
        (None, ("--from", "absent"), ["absent", "no such file"]),
        (None, ("--from", "conf"), ["no unbiased run is in this folder"]),
        (None, FILE, ["e.txt", "no such file"]),
        ("0 1\n10 2\n", ("--from", "e.txt"), ["--unit", "kcal/mol"]),
        ("0 1\n10 2\n", FILE, ["2 energies, too few"]),
        ("", FILE, ["no numbers"]),
        ("a b\n", FILE, ["not a table of numbers"]),
        ("1 2 3\n" * 30, FILE, ["3 columns", "must have two"]),
        ("0.5 1\n" * 30, FILE, ["not the MD step"]),
        ("#! FIELDS time ene metad.bias\n0 1 2\n", FILE, ["metad.bias", "biased run"]),
        ("constant", FILE, ["all the same"]),
        ("uneven", FILE, ["equal intervals"]),
        ("good", (*FILE, "--window", "310", "400"), ["--window", "310 400", "300"]),
        ("good", (*FILE, "--window", "400", "250"), ["--window", "400 250"]),
        ("good", (*FILE, "--biasfactor", "4", "0.5"), ["--biasfactor", "0.5", "1 or more"]),
        ("good", (*FILE, "--steps", "4000"), ["--steps", "--from"]),
        ("good", (*FILE, "--unit", "hartree"), ["hartree"]),
        (None, ("--steps", "10"), ["--steps", "10 is too short"]),
        (None, ("absent.json", "--steps", "4000"), ["absent.json", "no such file"]),
    ],
)
def test_wrong_input_is_one_line_and_nothing_is_written(folder, plan, content, arguments, words):
    if content is not None:
        made = {
            "constant": "".join(f"{10 * k} -13.0\n" for k in range(100)),
            "uneven": "".join(f"{k * k} {-13 - k % 3}\n" for k in range(100)),
        }
        (folder / "e.txt").write_text(made.get(content, content))
        if content == "good":
            write_energies(folder / "e.txt", series(1))
    refused(folder, plan, arguments, words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sys_configs": [["nowhere/*.POSCAR"]]}, ["no structure", "wtemlp init", "--from"]),
        ({"type_map": ["O", "O"]}, ["param.json"]),
    ],
)
def test_nothing_to_plan_from(folder, plan, changes, words):
    (folder / "param.json").write_text(json.dumps(PARAM | changes))
    refused(folder, plan, (), words)


def test_a_structure_that_is_not_water(folder, plan):
    file = next((folder / "conf").glob("*.POSCAR"))
    lines = file.read_text().splitlines()
    lines[8] = "0.0 0.0 0.0"
    file.write_text("\n".join(lines))
    refused(folder, plan, (), [file.name, "cannot be run"])


def test_two_temperatures_and_a_file(folder, plan):
    jobs = [PARAM["model_devi_jobs"][0] | {"temps": [300, 330]}]
    (folder / "param.json").write_text(json.dumps(PARAM | {"model_devi_jobs": jobs}))
    write_energies(folder / "e.txt", series(1))
    refused(folder, plan, FILE, ["300, 330", "--temperature"])


@pytest.mark.parametrize("text", ["", "{ nonsense", "[]", "{}", '{"system": "x", "temps": 1}'])
def test_damaged_files_of_a_run_are_one_line(folder, plan, text):
    task = folder / "iter.000000" / "01.model_devi" / "task.000.000000"
    write_task(task, 1)
    (task / "job.json").write_text(text)
    refused(folder, plan, [], ["task.000.000000/job.json", "--from PATH"])
    write_init(folder / "init", 5)
    (folder / "init" / "init.json").write_text(text)
    refused(folder, plan, ["--from", "init"], ["init/init.json", "--from PATH"])


def test_a_window_is_looked_at_before_a_run_is_done(folder, plan):
    refused(folder, plan, ["--steps", "4000", "--window", "310", "400"], ["--window", "300"])


def refused(folder, plan, arguments, words):
    before = sorted(folder.rglob("*"))
    code, out, err = plan(*arguments)
    assert code == 2 and not out, err
    assert err.startswith("wtemlp: ") and err.count("\n") == 1, err
    for word in words:
        assert word in err
    assert sorted(folder.rglob("*")) == before


def test_the_longest_run_of_a_log(tmp_path):
    assert longest_run(tmp_path / "log.lammps") is None
    (tmp_path / "log.lammps").write_text(LOG)
    found = longest_run(tmp_path / "log.lammps")
    assert (found.steps, found.processes, found.n_atoms) == (2000, 2, 81)
    assert found.seconds_per_step == pytest.approx(0.002)
    (tmp_path / "log.lammps").write_text("LAMMPS (22 Jul 2025)\n")
    assert longest_run(tmp_path / "log.lammps") is None
