"""Training: labelled frames in, four models out.

DP-GEN prepares the folders and knows the commands; wtemlp adds the validation data and the test
of each model on it, and runs everything through its dispatcher.
"""

import json
import math
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dpdata
import numpy as np

from wtemlp.analysis.epochs import steps_per_epoch
from wtemlp.config.records import Params
from wtemlp.config.training import EPOCHS
from wtemlp.core import paths
from wtemlp.core.atomic_io import last_line, leading_int, write_json
from wtemlp.core.errors import CalculationError
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch.tasks import Task
from wtemlp.dpgen import adapter
from wtemlp.md import dp
from wtemlp.stages.context import RunContext

VALIDATION = "data.valid"  #: links to the validation systems, in the stage's folder
DATA = ("data.init", "data.iters")  #: DP-GEN's links to the labelled frames, likewise
TEST_LOG = "validation.log"
JAX_SUFFIX = ".savedmodel"  #: JAX's own is another, and DP-GEN does not ask for it
COPIED = "copied"  #: DP-GEN's mark of an iteration that takes over the models before it


def prepare(context: RunContext, iteration: int) -> None:
    """Make the training folders of an iteration.  What is there is made anew."""
    folder = context.paths.train(iteration)
    if folder.exists():
        shutil.rmtree(folder)
    params, root = context.params, context.paths.root
    adapter.make_train(
        root,
        iteration,
        params.jdata,
        context.machines.mdata,
        context.seed("train", iteration),
    )
    complete(context, iteration)


def complete(context: RunContext, iteration: int) -> None:
    """Add to DP-GEN's training folders what wtemlp trains with; what is there already stays."""
    folder = context.paths.train(iteration)
    params, root = context.params, context.paths.root
    if (folder / COPIED).exists():
        return
    if (folder / VALIDATION).exists():
        shutil.rmtree(folder / VALIDATION)
    if params.validation_data_sys:
        (folder / VALIDATION).mkdir()
    for index, system in enumerate(params.validation_data_sys):
        (folder / VALIDATION / f"{index:03d}").symlink_to((root / system).resolve())
    for model in range(params.numb_models):
        file = context.paths.model(iteration, model) / paths.TRAIN_INPUT
        content = json.loads(file.read_text())
        _add_validation(content["training"], len(params.validation_data_sys))
        _epochs_to_steps(content["training"], file.parent, _reused_steps(params.jdata, iteration))
        write_json(file, content)


def _add_validation(training: dict[str, Any], n_systems: int) -> None:
    """Name the validation data in a model's input, unless the user named some."""
    if n_systems:
        training.setdefault(
            "validation_data",
            {
                "systems": [f"../{VALIDATION}/{index:03d}" for index in range(n_systems)],
                "batch_size": 1,
                "numb_btch": 3,
            },
        )


def _reused_steps(jdata: Mapping[str, Any], iteration: int) -> int | None:
    """The length of a training that goes on from old models, if it has one of its own."""
    first = jdata.get("training_reuse_iter")
    if first is None or iteration < first:
        return None
    return jdata.get("training_reuse_numb_steps")


def _epochs_to_steps(training: dict[str, Any], folder: Path, instead: int | None) -> None:
    """Turn a length in epochs of the current data into steps, or into those that are `instead`.

    ``dp compress`` reads the training input again, without data, and cannot resolve epochs.
    """
    keys = [key for key in EPOCHS if key in training]
    if not keys:
        return
    epochs = training.pop(keys[0])
    if instead is not None:
        training["numb_steps"] = instead
        return
    data = training["training_data"]
    measured = [_measure(folder, system) for system in data["systems"]]
    frames, atoms = zip(*measured, strict=True)
    training["numb_steps"] = math.ceil(epochs * steps_per_epoch(frames, atoms, data["batch_size"]))


def _measure(folder: Path, system: str) -> tuple[int, int]:
    """Frames and atoms of a system of a training's input; ``FILE#GROUP`` is in an HDF5 file."""
    if "#" in system:
        read = dpdata.LabeledSystem(str(folder / system), fmt="deepmd/hdf5")
        return len(read), read.get_natoms()
    return (
        count_frames(folder / system),
        len((folder / system / "type.raw").read_text().split()),
    )


def count_frames(folder: Path) -> int:
    """Labelled frames in DeePMD data (deepmd/npy) at or below a folder."""
    return sum(np.load(file, mmap_mode="r").shape[0] for file in folder.glob("**/set.*/energy.npy"))


def count_labelled(run: RunPaths, iteration: int) -> int:
    """Labelled frames of an iteration.

    Its tasks may hold the same frames once more, where a program of the user's own has left them.
    """
    return sum(count_frames(folder) for folder in run.label(iteration).glob("data.*"))


def frames_before(context: RunContext, iteration: int) -> int:
    """Labelled frames in the initial data and of the iterations before one."""
    folders = [context.paths.root / system for system in context.params.init_data_sys]
    labelled = sum(count_labelled(context.paths, index) for index in range(iteration))
    return labelled + sum(map(count_frames, folders))


def tasks(context: RunContext, iteration: int) -> tuple[list[Task], list[str]]:
    """The training tasks and the files that they share.

    Returns
    -------
    list[Task], list[str]
        Tasks (none, if the models are taken over) and files relative to the stage's folder.
    """
    params = context.params
    job = adapter.train_job(context.paths.root, iteration, params.jdata, context.machines.mdata)
    if job is None:
        return [], []
    section = context.machines.train
    model_file = _frozen(params)
    test = ""
    common, backward = list(job.forward_common), list(job.backward)
    if params.validation_data_sys:
        test = f"test -m {model_file} -s ../{VALIDATION} -n 0 -l {TEST_LOG}"
        common += _validation_files(context.paths.train(iteration))
        backward.append(TEST_LOG)
    command = _command(section.command, _named(job.commands, params.model_suffix), test)
    return [
        Task(
            name=name,
            folder=job.work_path / name,
            command=f"{{ {command}; }} > {paths.TRAIN_LOG} 2>&1",
            forward=job.forward,
            backward=tuple(backward),
            logs=(paths.TRAIN_LOG,),
            steps=_steps(job.work_path / name),
        )
        for name in job.run_tasks
    ], common


def _validation_files(folder: Path) -> list[str]:
    return [
        str(path.relative_to(folder))
        for system in sorted((folder / VALIDATION).iterdir())
        for path in sorted([*system.glob("set.*"), *system.glob("type*.raw")])
    ]


def _frozen(params: Params) -> str:
    """The file of a model that explores."""
    return f"frozen_model{'_compressed' * params.dp_compress}{params.model_suffix}"


def _named(commands: Sequence[str], suffix: str) -> list[str]:
    """DP-GEN's commands, where they leave the names of the models to a back end that has others."""
    if suffix != JAX_SUFFIX:
        return list(commands)
    names = f"frozen_model{suffix}", f"frozen_model_compressed{suffix}"
    files = {"freeze": f" -o {names[0]}", "compress": f" -i {names[0]} -o {names[1]}"}
    return [command + files.get(command.split()[-1], "") for command in commands]


def _command(program: str, commands: Sequence[str], test: str) -> str:
    """One shell command of DP-GEN's, followed by the test on the validation data.

    For wtemlp's own front end they become one process.
    """
    if program != dp.FRONT_END:
        tested = [f"{program} {test}"] if test else []
        return " && ".join([*commands, *tested])
    training, then = _train_command(commands[0])
    if not all(part.startswith(f"{program} ") for part in (training, *commands[1:])):
        tested = [f"{program} {test}"] if test else []
        return " && ".join([*commands, *tested])
    arguments = [part.removeprefix(program).strip() for part in (training, *commands[1:])]
    separator = f" {dp.SEPARATOR} "
    return f"{program} {separator.join([*arguments, *([test] if test else [])])}{then}"


def _train_command(shell: str) -> tuple[str, str]:
    """The ``dp train`` command in DP-GEN's ``if``, and what comes after that.

    A task always starts in a clean folder.
    """
    script = shlex.split(shell)[-1]
    found = re.search(r"then (.+?); else .*?; fi }(.*)", script)
    if found is None:
        raise CalculationError(f"DP-GEN's training command is not understood: {shell}")
    return found.group(1), found.group(2)


def _steps(folder: Path) -> int:
    training = json.loads((folder / paths.TRAIN_INPUT).read_text())["training"]
    return int(training.get("numb_steps") or training.get("stop_batch") or 0)


def done_steps(folder: Path) -> int:
    """Training steps that a model has behind it, from its learning curve."""
    return leading_int(last_line(folder / paths.LCURVE))


def collect(context: RunContext, iteration: int) -> list[dict[str, float]]:
    """Link the models, and read their errors on the validation data.

    Returns
    -------
    list[dict[str, float]]
        Of each model: ``energy_rmse_meV_atom`` and ``force_rmse_meV_A``; empty without
        validation data, or where ``dpgen run`` has trained the models: it does not test them.
    """
    params, folder = context.params, context.paths.train(iteration)
    adapter.post_train(context.paths.root, iteration, params.jdata, context.machines.mdata)
    if (folder / COPIED).exists() and params.dp_compress:
        _link_compressed(folder, params)
    logs = [folder / f"{model:03d}" / TEST_LOG for model in range(params.numb_models)]
    tested = params.validation_data_sys and any(log.exists() for log in logs)
    return [_errors(log) for log in logs] if tested else []


def _link_compressed(folder: Path, params: Params) -> None:
    """DP-GEN links the uncompressed model when training is skipped."""
    for model in range(params.numb_models):
        link = folder / f"graph.{model:03d}{params.model_suffix}"
        link.unlink(missing_ok=True)
        link.symlink_to(f"{model:03d}/{_frozen(params)}")


def _errors(log: Path) -> dict[str, float]:
    """Errors over all validation systems: the last ones that ``dp test`` prints."""
    text = log.read_text()
    energy = re.findall(r"Energy RMSE/Natoms\s*:\s*(\S+) eV", text)
    force = re.findall(r"Force\s+RMSE\s*:\s*(\S+) eV", text)
    if not energy or not force:
        raise CalculationError(f"{log}: no errors in the output of dp test")
    return {
        "energy_rmse_meV_atom": 1e3 * float(energy[-1]),
        "force_rmse_meV_A": 1e3 * float(force[-1]),
    }
