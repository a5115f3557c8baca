"""DeePMD-kit's input as DeePMD-kit itself judges it, and what this package needs of a training."""

import copy
import importlib.util
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from dargs import Argument

from wtemlp.config.records import TENSORFLOW
from wtemlp.config.schema.messages import validated
from wtemlp.config.schema.section import Section, key_path, show
from wtemlp.config.training import STEPS, descriptors, descriptors_of, training_members
from wtemlp.core.errors import InputError

#: Keys of ``training`` that have one value here: under these names results are looked for, and
#: without the display DeePMD-kit 3.2 (TensorFlow) saves no checkpoint.
OVERRULED: Mapping[str, object] = {
    "disp_file": "lcurve.out",
    "save_ckpt": "model.ckpt",
    "disp_training": True,
    "save_dir": None,
}
FINETUNED = ("se_atten", "se_atten_v2", "dpa1")  #: by DeePMD-kit's TensorFlow back end
#: Descriptors that no back end of DeePMD-kit 3.2 compresses.
_NEVER_COMPRESSED = ("dpa3", "dpa4", "DPA4", "SeZM", "sezm")
#: Those that its TensorFlow compresses to other models: where two atoms are a little nearer than
#: any of the data, forces are off by hundreds of eV/Angstrom (findings/deepmd-compressed-se-e3.sh).
_WRONG_COMPRESSED = ("se_e3", "se_at", "se_a_3be", "se_t")
#: Those that are compressed where the embedding of their types is a network of its own ("strip"),
#: with the values that they have where the file has none.
_WITH_TYPES: Mapping[str, Mapping[str, object]] = {
    "se_atten": {"tebd_input_mode": "concat", "attn_layer": 2},
    "dpa1": {"tebd_input_mode": "concat", "attn_layer": 2},
    "se_atten_v2": {"tebd_input_mode": "strip", "attn_layer": 2},
    "se_e3_tebd": {"tebd_input_mode": "concat"},
    "dpa2": {"tebd_input_mode": "concat"},
}
_WITHOUT_TYPES = ("se_e2_a", "se_a")  #: compressed by TensorFlow where types are not embedded
#: Activations whose derivatives a table of an embedding can be made of; TensorFlow's, others'.
_TABULATED = ("tanh", "gelu", "gelu_tf", "relu", "relu6", "softplus", "sigmoid")
_TABULATED_ELSEWHERE = (*_TABULATED, "silu", "linear", "none")
_OR_NOT = "for dp_compress, or set dp_compress to false"
FREQUENCY = 1000  #: of display and checkpoints, where the file has none
FAR_ABOVE = 10  #: times stop_lr at the end of a training: told


def overrule(training: dict[str, Any]) -> None:
    """Give the keys of a training that have one value here that value."""
    training.update({key: value for key, value in OVERRULED.items() if key in training})


def check_training_input(params: Section) -> tuple[str, ...]:
    """Have the DeePMD-kit of this machine, if there is one, judge the input of the trainings.

    Its schema is asked without its back ends, which take seconds to import.

    Returns
    -------
    tuple of str
        Warnings, lines ``file: key: what``: values that are overruled, types that this DeePMD-kit
        does not know, learning rates that do not fall.  Members that say the same are told of once.

    Raises
    ------
    InputError
        At the first key, type or value that it refuses; ``training_finetune_model`` with a
        descriptor that its back end does not fine-tune; or a training without a model at its end.
    """
    told: dict[str, None] = {}
    for member in training_members(params):
        training = member.section("training")
        for key in ("disp_freq", "save_freq"):
            if key in training and not (isinstance(training[key], int) and training[key] > 0):
                raise training.wrong(key, "must be a positive integer (training steps)")
        told.update(dict.fromkeys(_overruled(training)))
        for steps, start in _lengths(params, member):
            if params.get("train_backend", TENSORFLOW) == TENSORFLOW:
                _check_last_checkpoint(training, steps)
            if what := _rate_problem(member, steps, start):
                told[f"{key_path((*member.path, 'learning_rate'))}: {what}"] = None
    _check_finetuning(params)
    if params["dp_compress"]:
        _check_compression(params)
    if problem := _schema_problem(params):
        if _sure(problem):
            raise problem
        told[
            f"{problem.problem}: this machine's DeePMD-kit does not know it, the trainings end "
            f"unless theirs does; {problem.remedy}"
        ] = None
    return tuple(f"{params.file}: {line}" for line in told)


def _check_last_checkpoint(training: Section, steps: int) -> None:
    """Refuse a training at whose end DeePMD-kit (TensorFlow) writes no checkpoint.

    It saves where it displays, and at the end only if that is no multiple of ``save_freq``.
    """
    shown, saved = (training.get(key, FREQUENCY) for key in ("disp_freq", "save_freq"))
    if steps % saved == 0 and steps % shown:
        remedy = (
            f"must divide the {steps} steps of the training, as save_freq ({saved}) does: "
            "DeePMD-kit's TensorFlow back end saves where it displays, and has no model at the end"
        )
        raise training.wrong("disp_freq", remedy, value=shown)


def _overruled(training: Section) -> Iterator[str]:
    for key, needed in OVERRULED.items():
        if key in training and training[key] != needed:
            yield (
                f"{key_path((*training.path, key))}: a run needs {json.dumps(needed)} here, "
                f"which is taken instead of {show(training[key])}"
            )


def _sure(problem: InputError) -> bool:
    """Whether it is a slip; a type that is like no other may be a plugin's, installed elsewhere."""
    return not problem.remedy.startswith("must be one of") or "did you mean" in problem.remedy


def _check_finetuning(params: Section) -> None:
    if not params.get("training_finetune_model"):
        return
    if params.get("train_backend", TENSORFLOW) != TENSORFLOW:
        return
    for one in descriptors(params):
        if one.get("type") not in FINETUNED:
            remedy = (
                'DeePMD-kit\'s TensorFlow back end fine-tunes "se_atten" descriptors only, '
                f"not {show(one.get('type'))} (model.descriptor.type): begin with "
                "training_init_frozen_model, or train with another back end"
            )
            raise params.wrong("training_finetune_model", remedy)


def _check_compression(params: Section) -> None:
    """Refuse a model that ``dp compress`` refuses, after its training, or makes another one of."""
    tensorflow = params.get("train_backend", TENSORFLOW) == TENSORFLOW
    for member in training_members(params) if tensorflow else ():
        plain = any(one.get("type") in _WITHOUT_TYPES for one in descriptors_of(member))
        if plain and member["model"].get("type_embedding"):
            remedy = f'must be left out with "se_e2_a" {_OR_NOT}'
            raise member.section("model").wrong("type_embedding", remedy)
    for one in descriptors(params):
        kind = one.get("type")
        if kind in _NEVER_COMPRESSED:
            remedy = f'must be false: DeePMD-kit compresses no models of the descriptor "{kind}"'
            raise params.wrong("dp_compress", remedy)
        if tensorflow and kind in _WRONG_COMPRESSED:
            remedy = (
                f'must be false: with "{kind}" a compressed model has wrong forces where atoms '
                "come a little nearer than in the data"
            )
            raise params.wrong("dp_compress", remedy)
        usual = _WITH_TYPES.get(str(kind), {})
        if kind == "dpa2" and isinstance(one.get("repinit"), dict):
            one = one.section("repinit")
        layers = one.get("neuron")
        if tensorflow and isinstance(layers, list) and len(layers) < 2:
            raise one.wrong("neuron", f"must have two layers or more {_OR_NOT}")
        known = _TABULATED if tensorflow else _TABULATED_ELSEWHERE
        if str(one.get("activation_function", "tanh")).lower() not in known:
            raise one.wrong("activation_function", f"must be one of {', '.join(known)} {_OR_NOT}")
        needed: dict[str, object] = {"resnet_dt": False} if usual or tensorflow else {}
        if usual and not one.get("stripped_type_embedding"):
            needed["tebd_input_mode"] = "strip"
        if "attn_layer" in usual and tensorflow:
            needed["attn_layer"] = 0
        for key, value in needed.items():
            given = one.get(key, usual.get(key, value))
            if given != value:
                raise one.wrong(key, f"must be {show(value)} {_OR_NOT}", value=given)


def _schema_problem(params: Section) -> InputError | None:
    """What this machine's DeePMD-kit refuses; None too if there is none, or several networks."""
    if importlib.util.find_spec("deepmd") is None:
        return None
    try:
        from deepmd.utils.argcheck import normalize
        from deepmd.utils.compat import update_deepmd_input
    except ImportError:  # an older one
        return None
    for member in training_members(params):
        if "model_dict" in member["model"]:
            continue
        given = copy.deepcopy(dict(member.data))
        if isinstance(data := given["training"].setdefault("training_data", {}), dict):
            data["systems"] = ["data"]  # DP-GEN writes them
        try:
            given = update_deepmd_input(given, warning=False)
            with _known_schema():
                normalize(copy.deepcopy(given))
        except Exception as error:  # whatever it raises, a training would end with
            return _in_words(params, member, _deepmd_schema(), given, error)
    return None


@cache
def _deepmd_schema() -> list[Argument]:
    """DeePMD-kit's schema, some ten thousand keys of it; not to be changed."""
    from deepmd.utils.argcheck import gen_args

    fields: list[Argument] = gen_args()
    return fields


@contextmanager
def _known_schema() -> Iterator[None]:
    """Have DeePMD-kit check by the schema that is there.

    It makes its schema anew for every check, which took five sixths of the time in which a
    parameter file is read.
    """
    from deepmd.utils import argcheck

    fields, make = _deepmd_schema(), argcheck.gen_args
    argcheck.gen_args = lambda multi_task=False: fields
    try:
        yield
    finally:
        argcheck.gen_args = make


def _in_words(
    params: Section,
    member: Section,
    fields: list[Argument],
    given: dict[str, Any],
    error: Exception,
) -> InputError:
    """DeePMD-kit's complaint with file, key, value and remedy."""
    *above, key = map(str, member.path)
    schema, content = Argument(key, dict, fields), {key: given}
    for name in reversed(above):
        schema, content = Argument(name, dict, [schema]), {name: content}
    with suppress(ValueError, TypeError, KeyError):  # of its own checks: said below
        try:
            validated(Argument("base", dict, [schema]), content, params.file)
        except InputError as told:
            return told
    said = " ".join(str(error).split()) or type(error).__name__
    return InputError(f"{params.file}: {key_path(member.path)}", f"DeePMD-kit says: {said}")


def _lengths(params: Section, member: Section) -> Iterator[tuple[int, float | None]]:
    """The steps of the trainings, as far as the file has them, with another start_lr's."""
    training = member["training"]
    given = [training[key] for key in STEPS if key in training]
    if given:
        yield given[0], None
    reused = params.get("training_reuse_numb_steps")
    if params.get("training_reuse_iter") is not None and (given or reused):
        yield reused or given[0], params.get("training_reuse_start_lr")


def _rate_problem(member: Section, steps: int, start: float | None) -> str | None:
    """How a learning rate does not fall as ``stop_lr`` has it; None if it does, or is not known."""
    given = member.get("learning_rate")
    if not isinstance(given, dict) or importlib.util.find_spec("deepmd") is None:
        return None
    try:
        from deepmd.dpmodel.utils.learning_rate import BaseLR
    except ImportError:  # an older one
        return None
    words = {key: value for key, value in given.items() if not key.startswith("_")}
    words = {"type": "exp", **words, "num_steps": steps}
    if start is not None:
        words["start_lr"] = start
    try:
        rate = BaseLR(**words)
        last, late = float(rate.value(steps - 1)), float(rate.value(steps - 1 - steps // 100 - 1))
    except Exception:  # its schema has refused it
        return None
    falls = late < rate.start_lr or rate.stop_lr >= rate.start_lr
    if falls and last <= 1.01 * FAR_ABOVE * rate.stop_lr:
        return None
    last = last if falls else late  # a fall at the very last step is none
    advice = ""
    if words["type"] == "exp" and "decay_steps" in words:
        advice = f"; decay_steps is {words['decay_steps']}, make it about {max(1, steps // 100)}"
    return (
        f"at the end of {steps} steps the rate is {last:.1e}, stop_lr is {rate.stop_lr:.1e}, "
        f"start_lr {rate.start_lr:.1e}{advice}"
    )
