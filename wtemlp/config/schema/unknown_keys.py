"""What to do about a key that is not known where it stands."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dargs import Argument

from wtemlp.config.schema.section import key_path

FEW = 8  #: so many keys can be told in one line
SURE = 0.8  #: likeness of two words that are the same but for a slip

#: Keys that DP-GEN knew once.
_GONE = {
    "train_param": "DP-GEN takes the training input from default_training_param: remove it",
    "training_reuse_decay_steps": "DP-GEN does not know it any more: remove it",
    "use_multi_systems": "DP-GEN does not know it any more: remove it",
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
    lower = {name.lower(): name for name in words}
    near = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=likeness)
    return lower[near[0]] if near else None


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
    if gone and not parent:
        return gone
    homes = list(_homes(schema, key))
    if words := _with_other_choice(homes, parent, data):
        return words
    near, words = nearest(key, names, SURE), _at_another_place(homes, data)
    if words and not near:
        return words
    if near := near or nearest(key, names):
        return f'did you mean "{near}"?'
    known = f"known here: {', '.join(sorted(names))}" if len(names) <= FEW else ""
    comment = "the key of a comment starts with an underscore"
    return f"remove it ({known or comment})"


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
