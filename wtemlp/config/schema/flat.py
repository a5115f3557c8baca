"""All keys of an input file, one a line: path, type, default, unit, what is allowed, meaning."""

import json
from collections.abc import Iterator

from dargs import Argument
from dargs.dargs import _Flags

from wtemlp.config.keys.declare import Key
from wtemlp.config.schema.messages import in_words

HEAD = ("path", "type", "default", "unit", "allowed", "meaning")


def has_default(argument: Argument) -> bool:
    """Whether a key that is not given has a value in the schema."""
    return argument.default is not _Flags.NONE


def walk(
    argument: Argument, path: str = "", choice: str = ""
) -> Iterator[tuple[str, str, Argument]]:
    """Every key below an argument: its path, the choice that it goes with, and its schema.

    Yields
    ------
    (str, str, Argument)
        As ``("model_devi_jobs[].wte.pace", "model_devi_engine=wte", ...)``; the choice is empty
        where the key is always there.
    """
    for field in argument.sub_fields.values():
        here = f"{path}.{field.name}".lstrip(".")
        yield here, choice, field
        yield from walk(field, here + "[]" * field.repeat, choice)
    for flag, variant in argument.sub_variants.items():
        default = variant.default_tag if variant.optional else _Flags.NONE
        known = Key(choices=tuple(variant.choice_dict))
        key = Argument(flag, str, optional=variant.optional, default=default, extra_check=known)
        key.doc = variant.doc
        yield f"{path}.{flag}".lstrip("."), choice, key
        for name, one in variant.choice_dict.items():
            yield from walk(one, path, f"{flag}={name}")


def flat_lines(schema: Argument) -> Iterator[str]:
    """A line for each key, with tabs between :data:`HEAD`; "-" where there is nothing to say.

    A key that is alike with several choices has one line, with the choices after its path.
    """
    found: dict[tuple[str, ...], list[str]] = {}
    for path, choice, argument in walk(schema):
        found.setdefault((path, *_facts(argument)), []).append(choice)
    yield "\t".join(HEAD)
    for (path, *facts), choices in found.items():
        values = "|".join(choice.partition("=")[2] for choice in choices)
        only = f" [{choices[0].partition('=')[0]}={values}]" if choices[0] else ""
        yield "\t".join([path + only, *facts])


def _facts(argument: Argument) -> tuple[str, ...]:
    key = argument.extra_check if isinstance(argument.extra_check, Key) else Key()
    kind = in_words(argument.dtype)
    default = "-"
    if has_default(argument):
        default = json.dumps(argument.default, ensure_ascii=False)
    elif not argument.optional:
        default = "required"
    unit = key.within.unit if key.within else ""
    meaning = key.doc or " ".join(argument.doc.split())
    if key.otherwise:
        default = f"({key.otherwise})"
    return (
        f"{kind} of objects" if argument.repeat and kind == "a list" else kind,
        default,
        unit or "-",
        key.allowed or "-",
        meaning.split(". ")[0] or "-",
    )
