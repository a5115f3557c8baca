"""DP-GEN's training options with DeePMD-kit (TensorFlow): models that go on from others."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.engines import engine_environment
from tests.support.loop_runs import PARAM, Run, make_run
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.core.paths import RunPaths
from wtemlp.core.quiet import without_gpu
from wtemlp.dispatch import script
from wtemlp.dispatch.dispatcher import run_tasks
from wtemlp.dispatch.tasks import Task
from wtemlp.md import dp
from wtemlp.report.data import read_lcurve
from wtemlp.stages import train
from wtemlp.stages.context import RunContext

PARTS = [
    {
        "type": "se_e2_a",
        "rcut": 4.0,
        "rcut_smth": 0.5,
        "sel": [20, 40],
        "neuron": [4, 8],
        "axis_neuron": 2,
    },
    {"type": "se_e2_r", "rcut": 3.0, "rcut_smth": 0.5, "sel": [20, 40], "neuron": [4, 8]},
]
FITTING = {"neuron": [8, 8]}
TRAINING = {
    "model": {
        "descriptor": {"type": "hybrid", "list": PARTS},
        "fitting_net": FITTING,
        "use_srtab": "table.txt",
        "smin_alpha": 0.1,
        "sw_rmin": 0.3,
        "sw_rmax": 0.6,
    },
    "learning_rate": {"type": "exp", "start_lr": 0.02, "stop_lr": 1e-3, "decay_steps": 5},
    "loss": {
        "type": "ener",
        "start_pref_e": 0.02,
        "limit_pref_e": 1,
        "start_pref_f": 1000,
        "limit_pref_f": 20,
    },
    "training": {"numb_steps": 40, "disp_freq": 10, "save_freq": 40},
}
KEYS = {
    "numb_models": 2,
    "dp_compress": False,
    "dp_train_skip_neighbor_stat": True,
    "one_h5": True,
    "srtab_file_path": "table.txt",
    "default_training_param": TRAINING,
}


def context_of(run: Run, folder: Path, **changes: object) -> RunContext:
    """A run's input, with the small run's data."""
    folder.mkdir(exist_ok=True)
    if not (folder / "init").exists():
        (folder / "init").symlink_to(run.folder / "init")
        shutil.copy(run.folder / "machine.json", folder)
        distances = np.arange(1, 201) * 0.005
        np.savetxt(folder / "table.txt", np.column_stack([distances] + [1 / distances] * 3))
    param = json.loads((run.folder / "param.json").read_text())
    param = {key: value for key, value in (param | KEYS | changes).items() if value is not ...}
    (folder / "param.json").write_text(json.dumps(param))
    return RunContext(
        load_params(folder / "param.json", folder),
        load_machines(folder / "machine.json", folder),
        RunPaths(folder),
    )


def trained(context: RunContext, iteration: int) -> Task:
    """Train the first model of an iteration; the second has what it left."""
    train.prepare(context, iteration)
    task = train.tasks(context, iteration)[0][0]
    command = task.command.replace("wtemlp dp", f"{sys.executable} -m wtemlp.md.dp")
    done = subprocess.run(
        ["bash", "-c", command], cwd=task.folder, env=engine_environment(), timeout=600
    )
    log = (task.folder / "train.log").read_text()
    assert done.returncode == 0, log[-3000:]
    assert all((task.folder / name).exists() for name in task.backward)
    for name in task.backward:
        shutil.copy(task.folder / name, context.paths.model(iteration, 1))
    return task


def learnt(task: Task) -> np.ndarray:
    """Energy errors of the validation data, by their rows in the learning curve."""
    names = (task.folder / "lcurve.out").read_text().splitlines()[0].split()[1:]
    return np.loadtxt(task.folder / "lcurve.out", ndmin=2)[:, names.index("rmse_e_val")]


@pytest.fixture(scope="module")
def first(run, tmp_path_factory) -> tuple[RunContext, Task]:
    """A hybrid descriptor, a table for short distances, all data in one HDF5 file."""
    context = context_of(run, tmp_path_factory.mktemp("training") / "run")
    task = trained(context, 0)
    train.collect(context, 0)
    assert (context.paths.train(0) / "graph.000.pb").resolve().is_file()
    return context, task


def test_parts_table_and_one_file(first):
    context, task = first
    assert (context.paths.train(0) / "data.hdf5").is_file()
    assert json.loads((task.folder / "input.json").read_text())["training"]["training_data"][
        "systems"
    ] == ["../data.hdf5#/data.init/train"]
    errors = learnt(task)
    assert len(errors) == 5 and errors[-1] < 0.2 * errors[0]


def test_models_are_gone_on_with(run, first):
    """They begin where the others have ended, and see old and new data as they are told to."""
    context, before = first
    shutil.copytree(run.folder / "init/data/train", context.paths.label(0) / "data.000/H64O32")
    again = context_of(
        run,
        context.paths.root,
        training_reuse_iter=1,
        training_reuse_numb_steps=10,
        training_reuse_old_ratio=0.25,
        training_reuse_start_lr=5e-3,
    )
    task = trained(again, 1)
    errors = learnt(task)
    assert len(errors) == 2 and errors[0] < 0.2 * learnt(before)[0]
    log = (task.folder / "train.log").read_text()
    assert "old/model.ckpt" in log
    rates = np.loadtxt(task.folder / "lcurve.out", ndmin=2)[:, -1]
    assert rates[0] == pytest.approx(5e-3)
    assert "2.500e-01    T" in log and "7.500e-01    T" in log


def test_a_killed_training_goes_on_from_its_checkpoint(require_engine, tmp_path):
    """To its last step, in the place of beginning again; also where only the freezing was left."""
    require_engine("deepmd")
    short = {"training": {"numb_steps": 60, "disp_freq": 10, "save_freq": 20}}
    folder = make_run(
        tmp_path / "run",
        numb_models=2,
        dp_compress=False,
        validation_data_sys=[],
        default_training_param=PARAM["default_training_param"] | short,
    ).folder
    context = _by_front_end(folder)
    train.prepare(context, 0)
    task = train.tasks(context, 0)[0][0]
    front = f"{sys.executable} -m wtemlp.md.dp"

    def attempt(job: str, command: str) -> int:
        text = script.task_command(replace(task, command=command), job, task.forward, clean=True)
        return subprocess.run(
            ["bash", "-c", text],
            cwd=task.folder,
            env=engine_environment(),
            timeout=600,
            capture_output=True,
        ).returncode

    # As at a time limit: killed when the second checkpoint is there, before the freezing.
    given = json.loads((task.folder / "input.json").read_text())
    half = given | {"training": given["training"] | {"numb_steps": 40}}
    (task.folder / "input.json").write_text(json.dumps(half))
    assert attempt("a", f"{front} train input.json > train.log 2>&1; exit 137") == 137
    (task.folder / "input.json").write_text(json.dumps(given))
    whole = task.command.replace("wtemlp dp", front)
    assert attempt("b", f"{{ {whole}; }}; [ -f frozen_model.pb ] && exit 143") == 143
    log = (task.folder / "train.log").read_text()
    assert "restart" in log and (task.folder / ".wtemlp.progress").read_text() == "40\n"
    rows = [line.split() for line in (task.folder / "lcurve.out").read_text().splitlines()]
    steps = [int(row[0]) for row in rows if row[0].isdigit()]
    assert steps[0] == 0 and steps[-1] == 60 and max(steps[steps.index(40) + 1 :]) == 60
    assert attempt("c", whole) == 0  # all steps are done: it freezes again, and ends
    assert all((task.folder / name).exists() for name in script.declared(task))
    columns, left_out = read_lcurve(task.folder / "lcurve.out")
    assert columns["step"][-1] == 60 and left_out == 0


def test_models_trained_by_copies_of_one_process_are_the_same(require_engine, tmp_path):
    """To the last bit: learning curves, checkpoints, models, and what ``dp test`` says of them."""
    require_engine("deepmd")
    if not without_gpu():
        pytest.skip("where there is a GPU, nothing is copied")
    given = json.loads(json.dumps(PARAM["default_training_param"]))
    given["training"] = {"numb_steps": 20, "disp_freq": 5, "save_freq": 10}
    given["model"]["descriptor"]["neuron"] = [4, 8]  # one layer alone cannot be compressed
    found, seconds = [], []
    for name, group in (("alone", 1), ("together", 2)):
        folder = make_run(
            tmp_path / name,
            numb_models=2,
            dp_compress=True,
            default_training_param=given,
        ).folder
        context = _by_front_end(folder, group_size=group)
        train.prepare(context, 0)
        tasks, common = train.tasks(context, 0)
        assert all(task.beside == dp.BESIDE for task in tasks)
        clocked = "{{ {}; }}; code=$?; times > cpu; exit $code"
        tasks = [replace(task, command=clocked.format(task.command)) for task in tasks]
        if group == 1:  # nor are they shared out over the cores in groups
            tasks = [replace(task, beside="") for task in tasks]
        results = run_tasks(
            tasks,
            work_dir=context.paths.train(0),
            common_files=common,
            section=context.machines.train,
            root=folder,
        )
        assert all(result.ok and result.attempts == 1 for result in results), results
        seconds.append([_seconds(task.folder / "cpu") for task in tasks])
        found.append([_result(task.folder) for task in tasks])
    assert found[0] == found[1] and found[0][0] != found[0][1]
    assert 2 * max(seconds[1]) < min(seconds[0]), seconds  # another process did the work


def _by_front_end(folder: Path, group_size: int = 1) -> RunContext:
    """The run in a folder, whose trainings are by ``wtemlp dp`` and tried once."""
    machine = json.loads((folder / "machine.json").read_text())
    machine["train"]["command"] = dp.FRONT_END
    machine["train"]["machine"]["retry_count"] = 0
    machine["train"]["resources"]["group_size"] = group_size
    (folder / "machine.json").write_text(json.dumps(machine))
    return RunContext(
        load_params(folder / "param.json", folder),
        load_machines(folder / "machine.json", folder),
        RunPaths(folder),
    )


def _seconds(file: Path) -> float:
    """CPU time of a shell's children in its own mode, as ``times`` of bash tells it."""
    minutes, seconds = file.read_text().split()[2].rstrip("s").split("m")
    return 60 * float(minutes) + float(seconds)


def _result(folder: Path) -> dict[str, bytes | str]:
    """What a training leaves, without times and places."""
    from deepmd.tf.env import tf

    models = ("frozen_model.pb", "frozen_model_compressed.pb")
    graphs = {name: tf.GraphDef.FromString((folder / name).read_bytes()) for name in models}
    log = (folder / "validation.log").read_text()
    return {
        **{name: graph.SerializeToString(deterministic=True) for name, graph in graphs.items()},
        "weights": (folder / "model.ckpt.data-00000-of-00001").read_bytes(),
        "curve": (folder / "lcurve.out").read_text(),
        "errors": "\n".join(line.partition(" INFO ")[2] for line in log.splitlines()),
    }


def test_begin_with_frozen_models(run, first, tmp_path):
    _, before = first
    names = []
    for number in range(2):
        names.append(str(tmp_path / f"model{number}.pb"))
        shutil.copy(before.folder / "frozen_model.pb", names[-1])
    context = context_of(
        run,
        tmp_path / "run",
        training_init_frozen_model=names,
        default_training_param=TRAINING | {"training": {"numb_steps": 1, "disp_freq": 1}},
    )
    task = trained(context, 0)
    assert learnt(task)[0] < 0.2 * learnt(before)[0]


def test_mixed_types_and_a_fine_tuned_model(run, tmp_path):
    """Data in which the atoms' types differ from frame to frame, for a descriptor of all types.

    The model that they give is tuned finely: it begins where that one has ended.
    """
    source = run.folder / "init/data/train"
    folder = tmp_path / "mixed"
    (folder / "set.000").mkdir(parents=True)
    types = np.loadtxt(source / "type.raw", dtype=int)
    for name in ("coord", "box", "energy", "force"):
        shutil.copy(source / f"set.000/{name}.npy", folder / "set.000")
    n_frames = len(np.load(folder / "set.000/energy.npy"))
    np.save(folder / "set.000/real_atom_types.npy", np.tile(types, (n_frames, 1)))
    np.savetxt(folder / "type.raw", np.zeros(len(types)), fmt="%d")
    (folder / "type_map.raw").write_text("O\nH\n")
    model = {
        "descriptor": {
            "type": "se_atten",
            "rcut": 4.0,
            "rcut_smth": 0.5,
            "sel": 40,
            "neuron": [4, 8],
            "axis_neuron": 2,
            "attn_layer": 0,
        },
        "fitting_net": FITTING,
    }
    training = {"numb_steps": 40, "disp_freq": 20, "training_data": {"batch_size": "mixed:64"}}
    keys = {"init_data_sys": [str(folder)], "one_h5": False, "srtab_file_path": ...}
    context = context_of(
        run,
        tmp_path / "run",
        **keys,
        default_training_param=TRAINING | {"model": model, "training": training},
    )
    task = trained(context, 0)
    errors = learnt(task)
    assert len(errors) == 3 and np.isfinite(errors).all()

    pretrained = [str(task.folder / "frozen_model.pb")] * 2
    training |= {"numb_steps": 1, "disp_freq": 1}
    context = context_of(
        run,
        tmp_path / "tuned",
        **keys,
        training_finetune_model=pretrained,
        default_training_param=TRAINING | {"model": model, "training": training},
    )
    tuned = trained(context, 0)
    assert "--finetune old/init.pb" in tuned.command
    assert learnt(tuned)[0] < 0.2 * errors[0]
