"""The parameter file of an arm: the given one, with its paths as seen from the arm's folder."""

import copy
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wtemlp.config.keys.labels import Picking
from wtemlp.config.templates.includes import is_expanded
from wtemlp.config.templates.plumed import read_lines
from wtemlp.core.errors import InputError
from wtemlp.records.sweep_record import Arm

Move = Callable[[str], str]  #: a path, from the run's folder to the arm's

#: Prefixes of lists of files; they are always written, so that the lists can stay as they are.
PREFIXES = ("init_data_prefix", "sys_configs_prefix")
FILES = (
    "training_iter0_model_path",
    "srtab_file_path",
    "model_devi_plumed_path",
    "fp_pp_path",
    "fp_incar",
    "fp_kpt_file",
    "external_input_path",
    "fp_nbands_esti_data",
)
OF_FP_PARAMS = ("template_fn", "high_level_mdin", "low_level_mdin")
TASK = Path("iter.000000/00.train/000")  #: what paths in the training input are relative to


def arm_param(given: Mapping[str, Any], arm: Arm, root: Path, folder: Path) -> dict[str, Any]:
    """The parameter file of an arm.

    Parameters
    ----------
    given : Mapping
        The user's file.
    arm : Arm
    root : Path
        The folder that paths in `given` are relative to, absolute.
    folder : Path
        The arm's, absolute.
    """
    param = _moved(given, root, folder)
    param["seed"] = arm.seed
    if arm.selection == Picking.RANDOM:
        param["selection"] = {**param.get("selection", {}), "method": Picking.RANDOM.value}
    for job in param["model_devi_jobs"]:
        job["wte"]["biasfactor"] = _plain(arm.biasfactor)
        if arm.biasfactor == 1:
            job["wte"].pop("share_hills", None)  # there are none
        if arm.baseline == "highT":
            job["temps"] = [_plain(arm.temperature_K)]
    return param


def start_param(given: Mapping[str, Any], seed: int, root: Path, folder: Path) -> dict[str, Any]:
    """The parameter file of the first training alone; arguments as for :func:`arm_param`."""
    return {**_moved(given, root, folder), "seed": seed, "model_devi_jobs": []}


def _plain(number: float) -> float | int:
    return int(number) if float(number).is_integer() else number


def _moved(given: Mapping[str, Any], root: Path, folder: Path) -> dict[str, Any]:
    """A copy whose relative paths lead from `folder` where they led from `root`."""

    def move(path: str) -> str:
        return path if Path(path).is_absolute() else os.path.relpath(root / path, folder)

    param = copy.deepcopy(dict(given))
    if "fp_pp_files" in param:
        param.setdefault("fp_pp_path", ".")
    for key in PREFIXES:
        param[key] = move(param.get(key) or ".")
    for key in FILES:
        _move_at(param, key, move)
    if isinstance(param.get("fp_params"), dict):
        for key in OF_FP_PARAMS:
            _move_at(param["fp_params"], key, move)
    for job in param["model_devi_jobs"]:
        if isinstance(job.get("wte"), dict) and job["wte"].get("plumed"):
            _move_plumed(job["wte"], root, move)
    _move_training(param["default_training_param"], root / TASK, folder / TASK)
    return param


def _move_at(holder: dict[str, Any], key: str, move: Move) -> None:
    value = holder.get(key)
    if isinstance(value, str) and value:
        holder[key] = move(value)
    elif isinstance(value, list):
        holder[key] = [move(one) if isinstance(one, str) else one for one in value]


def _move_plumed(block: dict[str, Any], root: Path, move: Move) -> None:
    """Write out PLUMED lines that include files: the names are relative to the run's folder."""
    text = read_lines(block["plumed"], root, lambda why: InputError("plumed", why))
    if is_expanded(text):
        block["plumed"] = text.splitlines()
    elif isinstance(block["plumed"], str):
        _move_at(block, "plumed", move)


def _move_training(training: Any, old: Path, new: Path) -> None:
    """The user's own validation data in the training input, relative to a training's folder."""

    def move(path: str) -> str:
        return path if Path(path).is_absolute() else os.path.relpath(old / path, new)

    for member in training if isinstance(training, list) else [training]:
        own = member.get("training", {}).get("validation_data")
        if isinstance(own, dict):
            _move_at(own, "systems", move)
