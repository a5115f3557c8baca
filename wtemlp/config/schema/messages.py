"""Checking a dictionary against a dargs schema, with messages for people.

dargs walks the schema; what it finds is judged here, because its own messages give neither the
value nor the way out.
"""

import copy
import re
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union, get_args, get_origin

from dargs import Argument
from dargs.dargs import ArgumentError, Variant

from wtemlp.config.keys.declare import Key
from wtemlp.config.schema import unknown_keys
from wtemlp.config.schema.section import key_path, wrong_value
from wtemlp.core.errors import InputError, together

LIKELY = 0.65  #: likeness of a choice and what was meant by it
_DID_YOU_MEAN = re.compile(r'did you mean "([^"]*)"\?')
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
        With all that is wrong, one line each.
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
    """The hooks that dargs calls on its way through a schema; what they find is told together."""

    def __init__(self, file: str, schema: Argument) -> None:
        self.file, self.schema = file, schema
        self.data: dict[str, Any] = {}
        self.problems: list[InputError] = []
        self.open: set[tuple[str, ...]] = set()  #: objects whose choice is not known
        self.unjudged: set[tuple[str, ...]] = set()  #: what only that choice gives a meaning to
        self.meant: set[tuple[str, ...]] = set()  #: keys that are there, but for a slip
        self.entries: dict[tuple[str, ...], list[int]] = {}  #: unknown keys of a list's entries

    def check(self, data: dict[str, Any]) -> None:
        """Raise an InputError of all mistakes; `data` may then have been changed."""
        self.data, schema = copy.deepcopy(data), self.schema
        try:
            schema.traverse_value(
                data,
                key_hook=self._key_is_there,
                value_hook=self._value_fits,
                sub_hook=self._keys_are_known,
            )
        except ArgumentError:
            if not self.problems:
                raise
        if self.problems:
            raise together(self.problems)

    def _wrong(self, path: Sequence[str], value: Any, remedy: str) -> None:
        self.problems.append(wrong_value(self.file, path, value, remedy))

    def _is_judged(self, path: Sequence[str]) -> bool:
        return not any(tuple(path[:length]) in self.unjudged for length in range(len(path) + 1))

    def _key_is_there(self, argument: Argument, data: dict[str, Any], path: list[str]) -> None:
        if argument.optional or any(name in data for name in (argument.name, *argument.alias)):
            return
        if tuple(path) in self.open or not self._is_judged(path):
            return
        if (*path, argument.name) in self.meant:
            return
        where = key_path([*path, argument.name])
        error = InputError(self.file, f"{where} is missing", f"add it: {describe(argument)}")
        self.problems.append(error)

    def _value_fits(self, argument: Argument, value: Any, path: list[str]) -> None:
        here = [*path, argument.name]
        if not self._is_judged(here):
            return
        if not any(_matches(value, kind) for kind in argument.dtype):
            place, item, kinds = _culprit(value, argument.dtype, here)
            self._wrong(place, item, f"must be {in_words(kinds)}")
            return
        if argument.repeat and isinstance(value, list):
            for index, item in enumerate(value):
                if not isinstance(item, dict):
                    self._wrong([*here, str(index)], item, "must be an object")
                    value[index] = {}  # so that the others can be looked at
                    self.open.add((*here, str(index)))
        if isinstance(argument.extra_check, Key):
            if mistake := argument.extra_check.mistake(value):
                at, remedy = mistake
                place = here if at is None else [*here, str(at)]
                self._wrong(place, value if at is None else value[at], remedy)
        elif argument.extra_check is not None and not argument.extra_check(value):
            remedy = argument.extra_check_errmsg.strip().rstrip(".")
            self._wrong(here, value, remedy or "not a valid value")

    def _keys_are_known(self, argument: Argument, data: dict[str, Any], path: list[str]) -> None:
        if not self._is_judged(path):
            return
        others: set[str] = set()
        for variant in argument.sub_variants.values():
            others |= self._look_at_choice(argument, variant, data, path)
        fields = argument.flatten_sub(data, path)
        if not fields:
            return
        names = [*fields, *(alias for field in fields.values() for alias in field.alias)]
        for key in data:
            if key not in names and key != "$schema" and not key.startswith("_"):
                if key in others:
                    continue
                self._unknown(key, data[key], path, names)

    def _unknown(self, key: str, value: Any, path: list[str], names: Sequence[str]) -> None:
        instead = unknown_keys.remedy(key, path, names, self.schema, self.data)
        if slip := _DID_YOU_MEAN.fullmatch(instead):
            self.meant.add((*path, slip[1]))
        same = (*(part for part in path if not part.isdigit()), key, instead)
        if same in self.entries:  # another entry of the same list
            self.entries[same][1] += 1
            place, more = self.entries[same]
            error = self.problems[place]
            remedy = f"unknown key, {instead} (and in {more} more)"
            self.problems[place] = InputError(error.where, error.problem, remedy)
            return
        self.entries[same] = [len(self.problems), 0]
        self._wrong([*path, key], value, f"unknown key, {instead}")

    def _look_at_choice(
        self, argument: Argument, variant: Variant, data: dict[str, Any], path: list[str]
    ) -> set[str]:
        """See that a choice is known; if it is not, the keys that go with any of them."""
        choices = sorted(variant.choice_dict)
        near = None
        if variant.flag_name not in data:
            if variant.optional or tuple(path) in self.open:
                return set()
            where = key_path([*path, variant.flag_name])
            error = InputError(self.file, f"{where} is missing", f"add it: {_one_of(choices)}")
            self.problems.append(error)
        else:
            tag = data[variant.flag_name]
            if isinstance(tag, str) and (tag in variant.choice_dict or tag in variant.choice_alias):
                return set()
            remedy = f"must be {_one_of(choices)}"
            near = unknown_keys.nearest(tag, choices, LIKELY) if isinstance(tag, str) else None
            if near:
                remedy += f'; did you mean "{near}"?'
            elif variant.flag_name in unknown_keys.OF_FORKS:
                remedy += "; another one is of another version of DP-GEN, or of a fork"
            self._wrong([*path, variant.flag_name], tag, remedy)
        data[variant.flag_name] = near or variant.default_tag or choices[0]
        if near:
            return set()
        keys = {
            name
            for choice in variant.choice_dict.values()
            for field in choice.flatten_sub(_chosen(choice), path).values()
            for name in (field.name, *field.alias)
        } - {variant.flag_name}
        fields = argument.sub_fields.values()
        common = {name for field in fields for name in (field.name, *field.alias)}
        self.open.add(tuple(path))
        self.unjudged |= {(*path, key) for key in keys - common}
        return keys


def _chosen(argument: Argument) -> dict[str, str]:
    """A choice for each variant, so that its keys can be listed."""
    return {
        variant.flag_name: variant.default_tag or min(variant.choice_dict)
        for variant in argument.sub_variants.values()
    }


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
