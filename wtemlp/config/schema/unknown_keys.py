"""What to do about a key that is not known where it stands."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dargs import Argument

from wtemlp.config.schema.section import key_path

FEW = 8  #: so many keys can be told in one line
SURE = 0.8  #: likeness of two words that are the same but for a slip

#: Choices of which forks of DP-GEN have more.
OF_FORKS = ("model_devi_engine", "fp_style", "mlp_engine")
_NO_EFFECT = "DP-GEN does not know it any more, it has no effect: remove it"
_DPGEN2 = "dpgen2 has it, and DP-GEN does not: remove it"
#: Keys that DP-GEN knew once, or that a program of the same family has.
_GONE = {
    "model_devi_e_trust_lo": _NO_EFFECT,
    "model_devi_e_trust_hi": _NO_EFFECT,
    "dflow_config": _DPGEN2,
    "dflow_s3_config": _DPGEN2,
    "default_step_config": _DPGEN2,
    "step_configs": _DPGEN2,
    "bohrium_config": _DPGEN2,
    "upload_python_packages": _DPGEN2,
    "inputs": _DPGEN2,
    "train_param": "DP-GEN takes the training input from default_training_param: remove it",
    "training_reuse_decay_steps": "DP-GEN does not know it any more: remove it",
    "use_multi_systems": "DP-GEN does not know it any more: remove it",
}
#: What people look for in the resources of a machine file.
_OF_QUEUES = ("account", "exclude", "mem", "memory", "nodelist", "qos", "time", "walltime")
#: Of the machine file, or of DeePMD-kit's input, which DP-GEN's schema does not describe.
_ELSEWHERE = {
    "default_training_param.model.descriptor": ("axis_neuron", "rcut", "rcut_smth", "sel"),
    "default_training_param.learning_rate": ("decay_steps", "start_lr", "stop_lr"),
    "default_training_param.loss": (
        "limit_pref_e",
        "limit_pref_f",
        "limit_pref_v",
        "start_pref_e",
        "start_pref_f",
        "start_pref_v",
    ),
    "default_training_param.training": ("disp_freq", "numb_steps", "save_freq", "stop_batch"),
    "the machine file": (
        "batch_type",
        "command",
        "context_type",
        "cpu_per_node",
        "custom_flags",
        "gpu_per_node",
        "group_size",
        "local_root",
        "module_list",
        "number_node",
        "queue_name",
        "remote_profile",
        "remote_root",
        "source_list",
    ),
}
_VASP = "VASP's parameters are those of the file fp_incar: write them there, and remove this"
_OF_STYLE = {("vasp", "fp_params"): _VASP, ("vasp", "user_fp_params"): _VASP}


@dataclass(frozen=True)
class Home:
    """A place where a key is known."""

    parent: tuple[str, ...]  #: keys from the root, without indices
    flags: Mapping[str, str]  #: choices that it goes with, as ``{"fp_style": "vasp"}``


def nearest(word: str, words: Sequence[str], likeness: float = 0.6) -> str | None:
    """The word that was meant, if one is near."""
    found = max(words, key=lambda name: _likeness(word, name), default=None)
    return found if found is not None and _likeness(word, found) >= likeness else None


def _likeness(word: str, name: str) -> float:
    """Likeness of two keys, 0 to 1; their parts may be in another order."""
    one, other = (re.findall(r"[^_]+|^$", text.lower()) for text in (word, name))
    pairs = (("_".join(one), "_".join(other)), ("_".join(sorted(one)), "_".join(sorted(other))))
    return max(difflib.SequenceMatcher(None, its, given).ratio() for given, its in pairs)


def is_foreign(key: str, names: Sequence[str], schema: Argument) -> bool:
    """Whether an unknown key is like none of `names`, and known nowhere in a file."""
    return nearest(key, names) is None and next(_homes(schema, key), None) is None


def remedy(
    key: str, path: Sequence[str], names: Sequence[str], schema: Argument, data: Mapping[str, Any]
) -> str:
    """What to do about an unknown key.

    Parameters
    ----------
    key : str
        The key.
    path : sequence of str
        Keys and indices from the file's root to the object that has it.
    names : sequence of str
        Keys that are known there.
    schema : Argument
        Of the whole file.
    data : Mapping
        The whole file.

    Returns
    -------
    str
        For people, to stand behind ``unknown key``.
    """
    parent = tuple(part for part in path if not part.isdigit())
    gone = _GONE.get(key) or _OF_STYLE.get((str(data.get("fp_style")), key))
    if gone and (not parent or gone == _NO_EFFECT):
        return gone
    if key in _OF_QUEUES and ("custom_flags" in names or parent[-1:] == ("kwargs",)):
        return "write it into custom_flags, as an option of the queue"
    homes = list(_homes(schema, key))
    if words := _with_other_choice(homes, parent, data):
        return words
    near, words = nearest(key, names, SURE), _at_another_place(homes, data)
    if words and not near:
        return words
    if not near:
        elsewhere = _in_another_file(key, homes, names), _near_elsewhere(schema, key, data)
        if words := next(filter(None, elsewhere), ""):
            return words
    if near := near or nearest(key, names):
        return f'did you mean "{near}"?'
    known = f"known here: {', '.join(sorted(names))}" if len(names) <= FEW else ""
    comment = "the key of a comment starts with an underscore"
    return f"remove it ({known or comment})"


def _in_another_file(key: str, homes: Sequence[Home], names: Sequence[str]) -> str:
    """The key is of another file, of DeePMD-kit's input, or needs another engine."""
    if "type_map" not in names:  # not the parameter file itself
        return ""
    if place := next((place for place, keys in _ELSEWHERE.items() if key in keys), ""):
        return f"it is a key of {place}"
    needed = [(home, flag, name) for home in homes for flag, name in home.flags.items()]
    for home, flag, name in needed:
        if flag == "model_devi_engine":
            return f'it is a key of {key_path(home.parent)}, with "{flag}": "{name}"'
    return ""


def _near_elsewhere(schema: Argument, key: str, data: Mapping[str, Any]) -> str:
    """A slip, and in another place than the key that was meant."""
    near = nearest(key, sorted(set(_all_names(schema))), SURE)
    words = _at_another_place(list(_homes(schema, near)), data) if near else ""
    return f'did you mean "{near}"? {words}' if words else ""


def _all_names(argument: Argument) -> Iterator[str]:
    for field in argument.sub_fields.values():
        yield from (field.name, *field.alias)
        yield from _all_names(field)
    for variant in argument.sub_variants.values():
        for choice in variant.choice_dict.values():
            yield from _all_names(choice)


def _homes(
    argument: Argument,
    key: str,
    parent: tuple[str, ...] = (),
    flags: Mapping[str, str] | None = None,
) -> Iterator[Home]:
    """All places of the schema where a key is known."""
    flags = flags or {}
    for field in argument.sub_fields.values():
        if key in (field.name, *field.alias):
            yield Home(parent, flags)
        yield from _homes(field, key, (*parent, field.name), flags)
    for variant in argument.sub_variants.values():
        for name, choice in variant.choice_dict.items():
            yield from _homes(choice, key, parent, {**flags, variant.flag_name: name})


def _with_other_choice(
    homes: Sequence[Home], parent: tuple[str, ...], data: Mapping[str, Any]
) -> str:
    """The key is known in the same object, if another choice is made."""
    here = [home for home in homes if home.parent == parent and home.flags]
    for flag in ("model_devi_engine", "fp_style", "mlp_engine"):
        others = [
            home.flags[flag]
            for home in here
            if flag in home.flags and home.flags[flag] != data.get(flag)
        ]
        if others:
            choices = " or ".join(f'"{name}"' for name in sorted(others))
            return f'it needs "{flag}": {choices}; else remove it'
    return ""


def _at_another_place(homes: Sequence[Home], data: Mapping[str, Any]) -> str:
    """The key is known in another object of the file as it is."""
    fitting = [
        key_path(home.parent) or "the file itself"
        for home in homes
        if all(data.get(flag, name) == name for flag, name in home.flags.items())
    ]
    places = list(dict.fromkeys(fitting))
    return f"it is a key of {' and of '.join(places)}" if 0 < len(places) <= 2 else ""
