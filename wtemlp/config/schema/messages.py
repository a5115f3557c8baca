"""Checking a dictionary against a dargs schema, with messages for people.

dargs walks the schema; what it finds is judged here, because its own messages give neither the
value nor the way out.
"""

import copy
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union, get_args, get_origin

from dargs import Argument
from dargs.dargs import ArgumentError, Variant

from wtemlp.config.keys.declare import Key
from wtemlp.config.schema import unknown_keys
from wtemlp.config.schema.section import key_path, wrong_value
from wtemlp.core.errors import InputError

COMMENTS = "_*"  #: keys that are comments, to DP-GEN and here


def validated(schema: Argument, data: Mapping[str, Any], file: str) -> dict[str, Any]:
    """Check a file's content and fill in the schema's defaults.

    Parameters
    ----------
    schema : Argument
        What the file may hold.
    data : Mapping
        What it holds; not changed.
    file : str
        Name of the file, for messages.

    Returns
    -------
    dict
        A copy: comments dropped, aliases by their proper names, defaults filled in.

    Raises
    ------
    InputError
        At the first thing that is wrong.
    """
    _refuse_references(file, data)
    checker = _Checker(file, schema)
    result = copy.deepcopy(dict(data))
    try:
        checker.check(result)
        result = schema.normalize_value(result, do_default=False, trim_pattern=COMMENTS)
        checker.check(result)
        filled: dict[str, Any] = schema.normalize_value(result, trim_pattern=COMMENTS)
        return filled
    except ArgumentError as error:
        location = key_path(error.path.split("/")) if error.path else "the file"
        raise InputError(file, f"{location}: {error.message}") from error


def _refuse_references(file: str, data: Any, path: tuple[str | int, ...] = ()) -> None:
    """dargs can be allowed to load other files by ``$ref``; DP-GEN does not allow it."""
    if isinstance(data, Mapping) and "$ref" in data:
        remedy = "unknown key, write the content of that file here"
        raise wrong_value(file, (*path, "$ref"), data["$ref"], remedy)
    items = data.items() if isinstance(data, Mapping) else enumerate(data)
    for key, value in items:
        if isinstance(value, (dict, list)):
            _refuse_references(file, value, (*path, key))


class _Checker:
    """The hooks that dargs calls on its way through a schema."""

    def __init__(self, file: str, schema: Argument) -> None:
        self.file, self.schema = file, schema
        self.data: dict[str, Any] = {}

    def check(self, data: dict[str, Any]) -> None:
        """Raise an InputError at the first mistake."""
        self.data, schema = data, self.schema
        schema.traverse_value(
            data,
            key_hook=self._key_is_there,
            value_hook=self._value_fits,
            sub_hook=self._keys_are_known,
        )

    def _key_is_there(self, argument: Argument, data: dict[str, Any], path: list[str]) -> None:
        if argument.optional or any(name in data for name in (argument.name, *argument.alias)):
            return
        where = key_path([*path, argument.name])
        raise InputError(self.file, f"{where} is missing", f"add it: {describe(argument)}")

    def _value_fits(self, argument: Argument, value: Any, path: list[str]) -> None:
        here = [*path, argument.name]
        if not any(_matches(value, kind) for kind in argument.dtype):
            place, item, kinds = _culprit(value, argument.dtype, here)
            raise wrong_value(self.file, place, item, f"must be {in_words(kinds)}")
        if argument.repeat and isinstance(value, list):
            for index, item in enumerate(value):
                if not isinstance(item, dict):
                    raise wrong_value(self.file, [*here, str(index)], item, "must be an object")
        if isinstance(argument.extra_check, Key):
            if mistake := argument.extra_check.mistake(value):
                at, remedy = mistake
                place = here if at is None else [*here, str(at)]
                raise wrong_value(self.file, place, value if at is None else value[at], remedy)
        elif argument.extra_check is not None and not argument.extra_check(value):
            remedy = argument.extra_check_errmsg.strip().rstrip(".")
            raise wrong_value(self.file, here, value, remedy or "not a valid value")

    def _keys_are_known(self, argument: Argument, data: dict[str, Any], path: list[str]) -> None:
        for variant in argument.sub_variants.values():
            self._choice_is_known(variant, data, path)
        fields = argument.flatten_sub(data, path)
        if not fields:
            return
        names = [*fields, *(alias for field in fields.values() for alias in field.alias)]
        for key in data:
            if key not in names and key != "$schema" and not key.startswith("_"):
                instead = unknown_keys.remedy(key, path, names, self.schema, self.data)
                raise wrong_value(self.file, [*path, key], data[key], f"unknown key, {instead}")

    def _choice_is_known(self, variant: Variant, data: dict[str, Any], path: list[str]) -> None:
        choices = sorted(variant.choice_dict)
        if variant.flag_name not in data:
            if not variant.optional:
                where = key_path([*path, variant.flag_name])
                raise InputError(self.file, f"{where} is missing", f"add it: {_one_of(choices)}")
            return
        tag = data[variant.flag_name]
        if isinstance(tag, str) and (tag in variant.choice_dict or tag in variant.choice_alias):
            return
        remedy = f"must be {_one_of(choices)}"
        if isinstance(tag, str) and (near := unknown_keys.nearest(tag, choices)):
            remedy += f'; did you mean "{near}"?'
        raise wrong_value(self.file, [*path, variant.flag_name], tag, remedy)


def describe(argument: Argument) -> str:
    """What a key wants: its type, and the first sentence of its documentation."""
    sentence = argument.doc.strip().split("\n")[0].split(". ")[0].rstrip(".")
    return in_words(argument.dtype) + (f" ({sentence})" if sentence else "")


def _matches(value: Any, kind: Any) -> bool:
    """Whether a JSON value is of a type; unlike for Python, true and false are no numbers."""
    if kind is None or kind is type(None):
        return value is None
    if kind is Any:
        return True
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return any(_matches(value, option) for option in get_args(kind))
    if origin is list:
        inner = get_args(kind)[0]
        return isinstance(value, list) and all(_matches(item, inner) for item in value)
    if origin is not None:
        return isinstance(value, origin)
    if isinstance(value, bool):
        return kind in (bool, object)
    return isinstance(value, (int, float) if kind is float else kind)


def _culprit(
    value: Any, kinds: Iterable[Any], path: list[str]
) -> tuple[list[str], Any, Iterable[Any]]:
    """The innermost item of a list that has the wrong type, where it is, and what it must be."""
    lists = [kind for kind in kinds if get_origin(kind) is list]
    if not isinstance(value, list) or not lists:
        return path, value, kinds
    inner = [get_args(kind)[0] for kind in lists]
    for index, item in enumerate(value):
        if not any(_matches(item, kind) for kind in inner):
            return _culprit(item, inner, [*path, str(index)])
    return path, value, kinds


_NAMES = {
    int: ("an integer", "integers"),
    float: ("a number", "numbers"),
    str: ("a string", "strings"),
    bool: ("true or false", "true or false"),
    dict: ("an object", "objects"),
    list: ("a list", "lists"),
    type(None): ("null", "null"),
    None: ("null", "null"),
}


def in_words(kinds: Iterable[Any], plural: bool = False) -> str:
    """Types in words: ``a number, a list of numbers or an object``.

    Parameters
    ----------
    kinds : iterable
        Types, as those of :attr:`dargs.Argument.dtype`.
    plural : bool
        Whether there are several of each.
    """
    flat: list[Any] = []
    for kind in kinds:
        flat += get_args(kind) if get_origin(kind) in (Union, types.UnionType) else [kind]
    if float in flat:
        flat = [kind for kind in flat if kind is not int]
    words = []
    for kind in flat:
        if get_origin(kind) is list:
            items = in_words(get_args(kind), plural=True)
            words.append(f"lists of {items}" if plural else f"a list of {items}")
        else:
            kind = get_origin(kind) or kind
            words.append(_NAMES.get(kind, (str(kind), str(kind)))[plural])
    words = sorted(set(words), key=lambda word: (" of " in word, word))
    return _join(words)


def _join(words: Sequence[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _one_of(choices: Sequence[str]) -> str:
    return "one of " + ", ".join(f'"{choice}"' for choice in choices)
