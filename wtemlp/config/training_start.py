"""What models a training begins with, and what it is told beside DeePMD-kit's input."""

import glob
import mmap
import re
from collections.abc import Iterator
from pathlib import Path

from wtemlp.config.data.files import DataFault, refuse_no_file
from wtemlp.config.keys.declare import FRACTION
from wtemlp.config.records import TENSORFLOW, Reuse
from wtemlp.config.schema.section import Section
from wtemlp.config.training_input import FINETUNED
from wtemlp.core.errors import InputError, NotRunnable
from wtemlp.dpgen import adapter

_REUSE = "training_reuse_iter"
_RATIO, _STEPS = "training_reuse_old_ratio", "training_reuse_numb_steps"
_NUMBERS = (
    "training_reuse_start_lr",
    "training_reuse_start_pref_e",
    "training_reuse_start_pref_f",
)
_FINETUNE = "training_finetune_model"
_BEGIN_WITH = ("training_init_frozen_model", _FINETUNE)
_ITER0, _INIT = "training_iter0_model_path", "training_init_model"
_ACTIVATION = "model_devi_activation_func"
_TABLE = "srtab_file_path"
#: With these, DP-GEN's preparation is rehearsed: which go together, it knows.
_OPTIONS = ("train_backend", "model_format", _INIT, *_BEGIN_WITH)
_DESCRIPTOR = re.compile(rb'"descriptor": ?\{[^}]*?"type": ?"(\w+)"')  #: in a training script
_USUAL = (None, False, "tensorflow", "pb")
NEWEST = "3.2.0"  #: of DeePMD-kit, that knows all options


def check_training_start(params: Section) -> tuple[str, ...]:
    """Check the keys of a training that are DP-GEN's.

    Parameters
    ----------
    params : Section
        The parameter file.

    Returns
    -------
    tuple of str
        Warnings, lines ``file: key: what``: of models that are forgotten after iteration 0.

    Raises
    ------
    NotRunnable
        At the first that DP-GEN's schema accepts, but with which no training can be prepared.
    """
    try:
        _check_reuse(params)
        _check_numbers(params)
    except InputError as error:
        raise NotRunnable.of(error) from None
    if all(params.get(key) in _USUAL for key in _OPTIONS):
        return ()
    jdata = {**params.data, "model_devi_engine": "lammps"}
    try:
        adapter.rehearse_training(jdata, NEWEST)
    except ValueError as error:
        key = next(key for key in reversed(_OPTIONS) if params.get(key) not in _USUAL)
        raise NotRunnable.of(params.wrong(key, f"DP-GEN says: {error}")) from error
    return tuple(_forgotten(params))


def _forgotten(params: Section) -> Iterator[str]:
    """Tell that trainings after the first begin with random numbers, where that is so."""
    first = params.get(_REUSE)
    if not params["model_devi_jobs"] or first == 1:
        return
    for key in _BEGIN_WITH:
        if params.get(key):
            yield (
                f"{params.file}: {key}: only the training of iteration 0 begins with these models, "
                f'the next one with random numbers; with "{_REUSE}": 1 it goes on from them'
            )


def read_reuse(params: Section) -> Reuse | None:
    """From which iteration on models are trained further, and for how long."""
    first = params.get(_REUSE)
    return None if first is None else Reuse(first, params.get(_STEPS))


def _check_reuse(params: Section) -> None:
    if params.get(_REUSE) is None:
        return
    params.integer(_REUSE)  # in iteration 0 there is nothing to go on from
    if params.get(_STEPS) is not None:
        params.integer(_STEPS)
    for key in _NUMBERS:
        if params.get(key) is not None:
            params.number(key)
    ratio = params[_RATIO]
    if not isinstance(ratio, str):
        params.number(_RATIO, FRACTION)
        return
    word, _, factor = ratio.partition(":")
    try:
        good = word == "auto" and float(factor or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise params.wrong(_RATIO, 'must be a number between 0 and 1, "auto", or as "auto:10"')


def _check_numbers(params: Section) -> None:
    """Lists with an item for each model."""
    models = params["numb_models"]
    for key in (*_BEGIN_WITH, _ACTIVATION):
        if params.get(key) is not None and len(params[key]) != models:
            raise params.wrong(key, f"must be a list of one per model (numb_models: {models})")


def start_problems(params: Section, root: Path) -> Iterator[InputError]:
    """What is wrong with the models and files that a training begins with.

    Parameters
    ----------
    params : Section
        The parameter file.
    root : Path
        The run's folder: paths are relative to it.
    """
    for key in _BEGIN_WITH:
        for index, name in enumerate(params.get(key) or ()):
            if not (root / name).exists():
                yield params.wrong(key, f"no such file in {root}", index)
            elif what := _no_model(root / name, key == _FINETUNE and _by_tensorflow(params)):
                yield params.wrong(key, what, index)
    if params.get(_TABLE) and not (root / params[_TABLE]).is_file():
        yield params.wrong(_TABLE, f"no such file in {root}")
    given = params.get(_ITER0) or []
    folders = [name for pattern in given for name in _folders(root, pattern)]
    if params.get(_INIT) and len(folders) != params["numb_models"]:
        remedy = (
            f"must be the folders of {params['numb_models']} models (numb_models), which "
            f"{_INIT} needs; there are {len(folders)}"
        )
        yield params.wrong(_ITER0, remedy) if given else params.missing(_ITER0, remedy)
    for folder in folders:
        if not list(folder.glob("model.ckpt*")):
            yield params.wrong(_ITER0, f"{folder} has no model.ckpt*, as a training has")


def _by_tensorflow(params: Section) -> bool:
    return bool(params.get("train_backend", TENSORFLOW) == TENSORFLOW)


def _no_model(file: Path, to_finetune: bool) -> str | None:
    """Why a file is no model to begin with; None if it may be one, or is of an unknown format."""
    if file.is_dir():
        return None
    try:
        refuse_no_file(file)
    except DataFault as error:
        return str(error)
    no_model = f"{file} is no frozen model of DeePMD-kit"
    if file.suffix in (".pth", ".pt", ".pt2"):
        with file.open("rb") as stream:
            return None if stream.read(2) in (b"PK", b"\x80\x02") else no_model
    if file.suffix != ".pb":
        return None
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as graph:
        if graph.find(b"descrpt_attr/") < 0:
            return no_model
        if not to_finetune:
            return None
        if graph.find(b"train_attr/training_script") < 0:
            return (
                f"{file} holds no training script, which fine-tuning needs: freeze it with "
                "DeePMD-kit 2.1.5 or later"
            )
        found = _DESCRIPTOR.search(graph)
        kind = found[1].decode() if found else None
    if kind and kind not in FINETUNED:
        return (
            f'{file} was trained with the descriptor "{kind}": DeePMD-kit\'s TensorFlow back '
            'end fine-tunes "se_atten" models only'
        )
    return None


def _folders(root: Path, pattern: str) -> list[Path]:
    return [root / name for name in sorted(glob.glob(pattern, root_dir=root))]  # noqa: PTH207
