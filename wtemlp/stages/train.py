"""Training: labelled frames in, four models out.

DP-GEN prepares the folders and knows the commands; wtemlp adds the validation data and the test
of each model on it, and runs everything through its dispatcher.
"""

import math
import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wtemlp.analysis.epochs import steps_per_epoch
from wtemlp.config.data.files import TYPE_INDEX, System, systems_in
from wtemlp.config.records import Params
from wtemlp.config.training import EPOCHS
from wtemlp.config.training_input import overrule
from wtemlp.core import paths
from wtemlp.core.atomic_io import load_array, read_json, write_json
from wtemlp.core.errors import CalculationError
from wtemlp.core.paths import RunPaths
from wtemlp.core.quiet import without_gpu
from wtemlp.dispatch.tasks import Task
from wtemlp.dpgen import adapter
from wtemlp.md import dp
from wtemlp.md.text_table import lcurve_names, read_table
from wtemlp.stages import held_out, new_labels, retraining
from wtemlp.stages.context import RunContext
from wtemlp.stages.training_steps import TRAIN_AGAIN, all_steps

VALIDATION = "data.valid"  #: links to the validation systems, in the stage's folder
DATA = ("data.init", "data.iters")  #: DP-GEN's links to the labelled frames, likewise
TENSORFLOW_SUFFIX = ".pb"
JAX_SUFFIX = ".savedmodel"  #: JAX's own is another, and DP-GEN does not ask for it
LAST_ROWS = 10  #: of a learning curve, that tell how a training ended
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
    params = context.params
    if (folder / COPIED).exists():
        return
    new_labels.link(context, iteration)
    if (folder / VALIDATION).exists():
        shutil.rmtree(folder / VALIDATION)
    if params.validation_data_sys:
        (folder / VALIDATION).mkdir()
    held_out = _validation_systems(context)
    for index, system in enumerate(held_out):
        (folder / VALIDATION / f"{index:03d}").symlink_to(system.resolve())
    for model in range(params.numb_models):
        file = context.paths.model(iteration, model) / paths.TRAIN_INPUT
        content = read_json(file, TRAIN_AGAIN)
        _add_validation(content["training"], len(held_out))
        overrule(content["training"])
        _epochs_to_steps(content["training"], file.parent, _reused_steps(params, iteration))
        write_json(file, content)
    retraining.reseed(context.paths, iteration, params.seed)


def _validation_systems(context: RunContext) -> list[Path]:
    """The folders of all validation systems, also those below a folder that is named."""
    named = [context.paths.root / name for name in context.params.validation_data_sys]
    return [system.path for folder in named for system in systems_in(folder)]


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


def _reused_steps(params: Params, iteration: int) -> int | None:
    """The length of a training that goes on from old models, if it has one of its own."""
    reuse = params.reuse
    return reuse.steps if reuse is not None and iteration >= reuse.first else None


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
    sets, atoms = zip(*measured, strict=True)
    training["numb_steps"] = math.ceil(
        epochs
        * steps_per_epoch(
            sets,
            atoms,
            data["batch_size"],
            sys_probs=data.get("sys_probs"),
            auto_prob=data.get("auto_prob", "prob_sys_size"),
        )
    )


def _measure(folder: Path, system: str) -> tuple[list[int], int]:
    """Frames of each set and atoms of a system of a training's input.

    ``FILE#GROUP`` is in an HDF5 file.
    """
    path, _, group = system.partition("#")
    data = System(folder / path, group or None)
    return _frames_of_sets(data), len(data.words(TYPE_INDEX) or [])


def _frames_of_sets(data: System) -> list[int]:
    return [len(data.array(one["energy"])) for one in data.sets().values()]


def count_frames(folder: Path) -> int:
    """Labelled frames in DeePMD data (deepmd/npy) at or below a folder."""
    return sum(len(load_array(file)) for file in folder.glob("**/set.*/energy.npy"))


def damaged_array(run: RunPaths, iteration: int) -> Path | None:
    """An array of an iteration's labelled frames that is not what was written; None if all are."""
    for energy in sorted(run.label(iteration).glob("data.*/**/set.*/energy.npy")):
        rows = _sound_rows(energy)
        for file in (energy, *sorted(energy.parent.glob("*.npy"))):
            if rows is None or _sound_rows(file) != rows:
                return file
    return None


def _sound_rows(file: Path) -> int | None:
    """The frames in an array of labelled data; None if it is not what was written."""
    try:
        array = load_array(file)
        rows = len(array)
        if file.name in ("box.npy", "coord.npy"):
            # A page of zeros in the place of some frames.
            return rows if np.asarray(array).reshape(rows, -1).any(axis=1).all() else None
    except (OSError, ValueError, TypeError):
        return None
    return rows


def zero_energies(run: RunPaths, iteration: int) -> int:
    """Labelled frames of an iteration whose energy is exactly 0."""
    found = sorted(run.label(iteration).glob("data.*/**/set.*/energy.npy"))
    return sum(int((load_array(file) == 0).sum()) for file in found)


def count_labelled(run: RunPaths, iteration: int) -> int:
    """Labelled frames of an iteration.

    Its tasks may hold the same frames once more, where a program of the user's own has left them.
    """
    return sum(count_frames(folder) for folder in run.label(iteration).glob("data.*"))


def frames_before(context: RunContext, iteration: int) -> int:
    """Labelled frames in the initial data and of the iterations before one."""
    folders = [context.paths.root / system for system in context.params.init_data_sys]
    initial = [sum(_frames_of_sets(one)) for folder in folders for one in systems_in(folder)]
    return sum(initial) + sum(count_labelled(context.paths, index) for index in range(iteration))


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
    # Without its learning curve a model is as good, so that is fetched as a log is.
    common, backward = list(job.forward_common), [x for x in job.backward if x != paths.LCURVE]
    if params.validation_data_sys:
        test = held_out.command(model_file, f"../{VALIDATION}")
        common += _validation_files(context.paths.train(iteration))
        backward.append(held_out.LOG)
    common += new_labels.files(context, iteration)
    commands = _named(job.commands, params.model_suffix)
    logs = (paths.TRAIN_LOG, paths.LCURVE, *((held_out.ENERGIES,) if test else ()))
    clean = f" && {held_out.clean()}" if test else ""
    more = {
        name: new_labels.command(context, iteration, int(Path(name).name)) for name in job.run_tasks
    }
    if any(more.values()):
        logs += new_labels.OUTPUTS
        clean += f" && {new_labels.clean()}"
    return [
        Task(
            name=name,
            folder=job.work_path / name,
            command=f"{{ {_command(section.command, commands, test, more[name])}; }} "
            f"> {paths.TRAIN_LOG} 2>&1{clean}",
            forward=job.forward,
            backward=tuple(backward),
            logs=logs,
            checkpoint=_checkpoint(job.commands),
            steps=all_steps(job.work_path / name),
            beside=_beside(section.command, params),
        )
        for name in job.run_tasks
    ], common


def _beside(program: str, params: Params) -> str:
    """What imports TensorFlow once for several trainings; with a GPU each is left to itself."""
    copied = program == dp.FRONT_END and params.model_suffix == TENSORFLOW_SUFFIX
    return dp.BESIDE if copied and without_gpu() else ""


def _validation_files(folder: Path) -> list[str]:
    return [
        str(path.relative_to(folder))
        for system in sorted((folder / VALIDATION).iterdir())
        for pattern in ("nopbc", "set.*", "type*.raw")
        for path in sorted(system.glob(pattern))
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


def _command(program: str, commands: Sequence[str], test: str, more: str) -> str:
    """One shell command of DP-GEN's, followed by the test on the validation data, and by another.

    The other may fail.  For wtemlp's own front end they become one process.
    """
    training = _train_command(commands[0])
    first = (training.begin, training.go_on)
    parts = (*first, *commands[1:])
    if program != dp.FRONT_END or not all(part.startswith(f"{program} ") for part in parts):
        tested = [f"{program} {test}"] if test else []
        may_fail = [f"{{ {program} {more} || true; }}"] if more else []
        return " && ".join([*commands, *tested, *may_fail])
    rest = [part.removeprefix(program).strip() for part in commands[1:]]
    rest += [test] if test else []
    last = f" {dp.MAY_FAIL} {more}" if more else ""
    begin, go_on = (
        f"{program} {f' {dp.SEPARATOR} '.join([one.removeprefix(program).strip(), *rest])}{last}"
        for one in first
    )
    there = f"[ -f {training.checkpoint} ]"
    return f"{{ if {there}; then {go_on}; else {begin}; fi; }}{training.then}"


@dataclass(frozen=True)
class _Training:
    """DP-GEN's shell command of a training, taken apart."""

    checkpoint: str  #: the file that is there if there is a checkpoint
    begin: str  #: the command without one
    go_on: str  #: and with one
    then: str  #: what comes after either


def _train_command(shell: str) -> _Training:
    """The parts of DP-GEN's ``if``."""
    script = shlex.split(shell)[-1]
    found = re.search(r"if \[ ! -f (\S+) \]; then (.+?); else (.*?); fi }(.*)", script)
    if found is None:
        raise CalculationError(f"DP-GEN's training command is not understood: {shell}")
    return _Training(*found.groups())


def _checkpoint(commands: Sequence[str]) -> str:
    """Shell command that prints the step of a training's checkpoint, if it has one."""
    named = r"sed -n '1s/.*model[.]ckpt-\([0-9][0-9]*\).*/\1/p' checkpoint"
    curve = f"awk '!/^#/ {{ s = $1 }} END {{ print s + 0 }}' {paths.LCURVE}"
    there = _train_command(commands[0]).checkpoint
    return f"[ ! -f {there} ] || {{ {named} | grep . || {curve}; }}"


def collect(context: RunContext, iteration: int) -> list[dict[str, float]]:
    """Link the models, and read their errors on the validation data.

    Returns
    -------
    list[dict[str, float]]
        Of each model what :func:`wtemlp.stages.held_out.read_errors` gives; empty without
        validation data, or where ``dpgen run`` has trained the models: it does not test them.
    """
    params, folder = context.params, context.paths.train(iteration)
    adapter.post_train(context.paths.root, iteration, params.jdata, context.machines.mdata)
    if (folder / COPIED).exists() and params.dp_compress:
        _link_compressed(folder, params)
    return read_errors(context, iteration)


def read_errors(context: RunContext, iteration: int) -> list[dict[str, float]]:
    """The models' errors on the validation data, as :func:`collect` gives them."""
    params, folder = context.params, context.paths.train(iteration)
    folders = [folder / f"{model:03d}" for model in range(params.numb_models)]
    tested = params.validation_data_sys and any((one / held_out.LOG).exists() for one in folders)
    return [held_out.read_errors(one) for one in folders] if tested else []


def trained_errors(context: RunContext, iteration: int) -> list[float]:
    """Each model's force error on what it was trained on, at the end, meV/Angstrom.

    The mean square of the last rows of its learning curve, each of which is of one batch; empty
    where a curve does not tell.
    """
    found = []
    for model in range(context.params.numb_models):
        file = context.paths.model(iteration, model) / paths.LCURVE
        if not file.is_file():
            return []
        table = read_table(file.read_text(errors="replace"), lcurve_names)
        column = table.columns.get("rmse_f_trn", table.columns.get("rmse_f"))
        if column is None or not len(rows := column[np.isfinite(column)][-LAST_ROWS:]):
            return []
        found.append(1e3 * float(np.sqrt(np.mean(np.square(rows)))))
    return found


def _link_compressed(folder: Path, params: Params) -> None:
    """DP-GEN links the uncompressed model when training is skipped."""
    for model in range(params.numb_models):
        link = folder / f"graph.{model:03d}{params.model_suffix}"
        link.unlink(missing_ok=True)
        link.symlink_to(f"{model:03d}/{_frozen(params)}")
