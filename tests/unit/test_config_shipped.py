"""The files in ``params/`` and ``machines/`` are good, and what they say fits together."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wtemlp.cli.new_command import EXAMPLES
from wtemlp.config.init_params import box_length_A, load_init_params
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.dpgen import adapter

REPOSITORY = Path(__file__).parents[2]
PARAMS = sorted((REPOSITORY / "params").rglob("*.json"))
INIT = [path for path in PARAMS if path.stem == "init" or path.stem.endswith("_init")]
#: Folders of parameter files, each with the init file that they continue from.
THESIS = REPOSITORY / "params" / "thesis"
PAIRS = [
    (REPOSITORY / "params" / "water_init.json", REPOSITORY / "params" / "water.json"),
    *((THESIS / "init.json", path) for path in sorted(THESIS.glob("*.json")) if path not in INIT),
    *(
        (THESIS / "small" / "init.json", path)
        for path in sorted(THESIS.glob("small/*.json"))
        if path not in INIT
    ),
]
RUN = [path for path in PARAMS if path not in INIT]
MACHINES = sorted((REPOSITORY / "machines").glob("*.json"))


def name(path: Path) -> str:
    return path.relative_to(REPOSITORY).with_suffix("").as_posix()


def test_there_are_files():
    assert {"water", "nvt", "wte256", "active_learning"} <= {path.stem for path in RUN}
    assert {"water_init", "init"} <= {path.stem for path in INIT}
    assert {"local", "slurm", "slurm_ssh", "pbs", "lsf"} <= {path.stem for path in MACHINES}


@pytest.mark.parametrize("path", INIT, ids=name)
def test_init_files_load(path, tmp_path):
    load_init_params(path, tmp_path)


@pytest.mark.parametrize("path", RUN, ids=name)
def test_run_files_load(path, tmp_path):
    load_params(path, tmp_path, check_files=False)


@pytest.mark.parametrize(("init", "param"), PAIRS, ids=lambda path: name(path))
def test_run_continues_from_its_init(init, param, tmp_path):
    start = load_init_params(init, tmp_path).water
    folder = tmp_path / "run"  # the thesis's runs have folders of their own beside init
    run = load_params(param, folder, check_files=False)
    assert run.type_map == start.type_map
    assert run.reference == start.force_field
    assert run.timestep_ps == start.timestep_fs / 1000
    assert all(job.temps_K == (start.temperature_K,) for job in run.jobs)
    for path in (*run.init_data_sys, *run.validation_data_sys):
        data = Path(os.path.normpath(path))
        assert any(data.is_relative_to(one / start.output) for one in (tmp_path, folder))


def test_the_quickstart_continues_from_its_init_and_fills_its_window(tmp_path):
    folder = EXAMPLES / "copper"
    start = load_init_params(folder / "init.json", tmp_path)
    run = load_params(folder / "param.json", tmp_path, check_files=False)
    assert run.type_map == start.type_map and not run.warnings
    assert run.timestep_ps == pytest.approx(1e-3 * start.timestep_fs)
    names = {system.name for system in start.systems}
    for path in (*run.init_data_sys, *run.validation_data_sys):
        assert path.relative_to(tmp_path / start.output / "data").parts[0] in names
    assert {job.press_bar for job in run.jobs} == {(0.0,)}
    assert run.validation.pressure_bar == 0


def test_thesis_is_the_thesis(tmp_path):
    start = load_init_params(THESIS / "init.json", tmp_path).water
    assert start.biasfactors == (16, 32, 64, 256)
    assert box_length_A(start.n_molecules, start.density_g_cm3) == pytest.approx(31.72, abs=0.005)
    assert start.npt_steps * start.timestep_fs == start.nvt_steps * start.timestep_fs == 1e7
    frames = start.frames_per_ensemble
    assert (frames * (1 - start.validation_fraction), frames) == (38_000, 40_000)


@pytest.mark.parametrize("folder", [THESIS, THESIS / "small"], ids=name)
def test_models_of_each_ensemble_are_tested_on_the_same_sets(folder, tmp_path):
    """Else each would be best on its own, and `wtemlp compare` compares nothing."""
    runs = [path for path in sorted(folder.glob("*.json")) if path not in INIT]
    tested = {
        frozenset(load_params(path, tmp_path / "run", check_files=False).validation_data_sys)
        for path in runs
    }
    assert len(runs) > 3 and len(tested) == 1


@pytest.mark.parametrize("path", MACHINES, ids=name)
def test_machine_files_load_and_make_a_job_script(path, tmp_path):
    machines = load_machines(path, tmp_path)
    dpdispatcher = adapter.import_quietly("dpdispatcher")
    for section in (machines.train, machines.model_devi, machines.fp):
        resources = dpdispatcher.Resources.load_from_dict(dict(section.resources))
        assert resources.group_size == section.resources["group_size"]
        if section.machine["context_type"] != "SSHContext":  # it connects at once
            machine = dict(section.machine) | {"local_root": str(tmp_path)}
            dpdispatcher.Machine.load_from_dict(machine)


def test_the_schema_is_cheap_and_importing_it_leaves_no_log(tmp_path):
    code = (
        "import sys, logging; from wtemlp.config.params import load_params;"
        "from wtemlp.config.schema.dpgen_schema import run_schema, machine_schema;"
        "assert 'dpgen' not in sys.modules; run_schema(); machine_schema();"
        "assert 'dpgen.generator.run' not in sys.modules and 'dpdata' not in sys.modules;"
        "assert not logging.getLogger().handlers"
    )
    environment = {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
