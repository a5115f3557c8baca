"""The keys that records declare (:mod:`wtemlp.config.keys`): their schema, and the records."""

import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from wtemlp.config.keys.declare import Choice, Key, Range, sentences
from wtemlp.config.schema.section import Section

if TYPE_CHECKING:
    from dargs import Argument

T = TypeVar("T")


def arguments(record: type) -> "list[Argument]":
    """The schema of all keys that a record declares, in the order of its fields.

    Parameters
    ----------
    record : type
        A dataclass.
    """
    found: list[Argument] = []
    for field, hint, key in _declared(record):
        if key.inline:
            found += arguments(hint)
        else:
            found.append(_argument(field, hint, key))
    return found


def names(record: type) -> tuple[str, ...]:
    """The names of the keys that a record declares."""
    found: list[str] = []
    for field, hint, key in _declared(record):
        found += names(hint) if key.inline else [key.name or field.name]
    return tuple(found)


def defaults(record: type) -> dict[str, Any]:
    """The default of each key that a record declares, as a file has it."""
    return {argument.name: argument.default for argument in arguments(record)}


def _declared(record: type) -> Iterator[tuple[Field[Any], Any, Key]]:
    """The fields of a record that are from keys, with their types."""
    hints, docs = get_type_hints(record, include_extras=True), sentences(record)
    for field in fields(record):
        if get_origin(hints[field.name]) is not Annotated:
            continue
        hint, declared = get_args(hints[field.name])
        key = Key(declared) if isinstance(declared, Range) else declared
        yield field, hint, replace(key, doc=docs.get(field.name, key.doc))


def _argument(field: Field[Any], hint: Any, key: Key) -> "Argument":
    from dargs import Argument  # takes a while, and records are read without it

    default = key.default
    if isinstance(default, Enum) and not isinstance(default, Choice):
        default = field.default
    optional = default is not MISSING or field.default_factory is not MISSING
    kinds = list(key.kind) or list(_kinds(hint))
    inner = _inner(hint)
    words = next((one for one in _parts(hint) if _is(one, Choice)), ())
    key = replace(key, choices=key.choices or tuple(word.value for word in words))
    given: dict[str, Any] = {}
    if default not in (MISSING, None) and not key.otherwise:
        given["default"] = _plain(default)
    return Argument(
        key.name or field.name,
        kinds,
        None if inner is None else arguments(inner),
        repeat=inner is not None and get_origin(hint) is tuple,
        optional=optional or bool(key.otherwise),
        extra_check=key,
        doc=key.text,
        **given,
    )


def _inner(hint: Any) -> type | None:
    """The record that a hint is made of, if it is."""
    for one in _parts(hint):
        if isinstance(one, type) and is_dataclass(one):
            return one
    return None


def _plain(value: Any) -> Any:
    """A field's default as JSON has it."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Choice):
        return value.value
    return str(value) if isinstance(value, Path) else value


def _is(hint: Any, kind: type) -> bool:
    return isinstance(hint, type) and issubclass(hint, kind)


def _parts(hint: Any) -> Iterator[Any]:
    """The types that a hint is made of."""
    if get_origin(hint) in (Union, types.UnionType, tuple):
        for one in get_args(hint):
            yield from _parts(one)
    else:
        yield hint


def _kinds(hint: Any) -> Iterator[Any]:
    """Types of a JSON value, of a field's type."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        for one in get_args(hint):
            if one is not type(None):
                yield from _kinds(one)
    elif origin is tuple:
        item = next(_kinds(get_args(hint)[0]))
        yield list if item is dict else types.GenericAlias(list, item)
    elif _is(hint, Choice) or _is(hint, Path):
        yield str
    else:
        yield dict if is_dataclass(hint) or origin is Mapping else hint


def read(record: Callable[..., T], section: Section, **others: Any) -> T:
    """Make a record of the object of a file that has its keys.

    Parameters
    ----------
    record : type
        A dataclass that declares keys.
    section : Section
        The object, checked against its schema.  Keys that are not there have the default of
        their field.
    others
        Fields whose values are known already.
    """
    assert isinstance(record, type)
    values = dict(others)
    for field, hint, key in _declared(record):
        name = key.name or field.name
        if field.name in values:
            continue
        if key.inline:
            values[field.name] = read(hint, section)
        elif name in section and section[name] is not None:
            given = section[name]
            values[field.name] = key.read(given) if key.read else _value(hint, section, name)
        elif field.default is MISSING and field.default_factory is MISSING:
            values[field.name] = key.default
    made: T = record(**values)
    return made


def _value(hint: Any, section: Section, name: str) -> Any:
    inner = _inner(hint)
    if inner is None or isinstance(section[name], str):
        return _converted(hint, section[name])
    if get_origin(hint) is tuple:
        return tuple(read(inner, one) for one in section.sections(name))
    return read(inner, section.section(name))


def _converted(hint: Any, value: Any) -> Any:
    if isinstance(value, list):
        item = next(iter(get_args(hint)), Any)
        return tuple(_converted(item, one) for one in value)
    for kind in _parts(hint):
        if kind is float and isinstance(value, int):
            return float(value)
        if _is(kind, Choice) or _is(kind, Path):
            return kind(value)
    return value
