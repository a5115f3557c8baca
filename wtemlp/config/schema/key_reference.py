"""The reference of all keys of the input files, as Markdown, from the schemas alone.

``python -m wtemlp.config.schema.key_reference PAGE ...`` writes it (``make reference``), and the
tables of own keys on other pages.
"""

import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dargs import Argument
from dargs.dargs import Variant

from wtemlp.config.keys.declare import Key
from wtemlp.config.keys.machine import Stage
from wtemlp.config.schema.dpgen_more import extend_machine, extend_run
from wtemlp.config.schema.dpgen_schema import (
    ENGINE,
    init_schema,
    machine_schema,
    run_schema,
)
from wtemlp.config.schema.flat import has_default, walk
from wtemlp.config.schema.json_schema import SCHEMAS
from wtemlp.config.schema.messages import in_words
from wtemlp.dpgen import adapter

SOURCES = ("dpgen", "dpdispatcher")  #: packages that the schemas are from
_HEAD = """# Parameters

All keys of the input files, generated from their schemas (`make reference`) with {versions}.
What is said of DP-GEN's and dpdispatcher's keys is in their words. *(wtemlp)* marks keys that
DP-GEN does not have. A key that starts with an underscore is a comment. `wtemlp schema` prints the
same for programs, and `dpgui` shows it as forms. What this version does not run, `wtemlp check`
tells.
"""


def versions() -> str:
    """The packages that the reference depends on."""
    return " and ".join(f"{name} {version(name)}" for name in SOURCES)


def reference() -> str:
    """The whole page."""
    theirs = adapter.run_arginfo()
    extend_run(theirs)
    parts = [
        _HEAD.format(versions=versions()),
        "## Parameter file of `wtemlp run`\n",
        *_page(run_schema(), theirs),
        "## Machine file\n",
        *_machine_page(),
        "## Parameter file of `wtemlp init`\n",
        *_fields(init_schema(), init_schema(), 0),
    ]
    return "\n".join(parts) + "\n"


def _page(schema: Argument, theirs: Argument) -> Iterator[str]:
    """Keys that are always there, then those of each choice under a heading of its own."""
    flags = ", ".join(f"`{flag}`" for flag in schema.sub_variants)
    yield f"### Always\n\nMore keys depend on {flags}; see below.\n"
    yield from _plain_fields(schema, theirs)
    for flag, variant in schema.sub_variants.items():
        known = theirs.sub_variants[flag].choice_dict
        for name, choice in variant.choice_dict.items():
            default = ", the default" if variant.optional and variant.default_tag == name else ""
            new = "" if name in known else " *(wtemlp)*"
            yield f"### `{flag}`: `{name}`{new}\n"
            text = f"{_markdown(choice.doc).rstrip('.')}{default}.\n" if choice.doc else ""
            if text:
                yield text
            if name == ENGINE:
                yield f"All keys of `{flag}`: `{variant.default_tag}`, and:\n"
                yield from _fields(choice, known[variant.default_tag], 0, only_new=True)
            else:
                yield from _fields(choice, known.get(name, choice), 0)


def _machine_page() -> Iterator[str]:
    schema, theirs = machine_schema(), adapter.machine_arginfo()
    extend_machine(theirs)
    sections = ", ".join(f"`{stage}`" for stage in Stage)
    yield "### The file\n"
    top = {name: field for name, field in schema.sub_fields.items() if name not in list(Stage)}
    yield from _plain_fields(Argument("top", dict, top.values()), theirs)
    yield f"### Each of {sections}\n"
    yield (
        "An object, or a list whose first item is used, or keys as `train_command` at the top. "
        "`export_command` is of `train` alone; `calypso_path` and `deepmdkit_python` are of "
        "`model_devi` alone. `machine.local_root` is always the run's folder, and "
        "`resources.batch_type` is that of `machine`: neither need be written.\n"
    )
    fields: dict[str, Argument] = {}
    known: dict[str, Argument] = {}
    for stage in Stage:
        fields = schema.sub_fields[stage].sub_fields | fields
        known = theirs.sub_fields[stage].sub_fields | known
    section = Argument("section", dict, fields.values())
    yield from _fields(section, Argument("section", dict, known.values()), 0)


def _plain_fields(schema: Argument, theirs: Argument) -> Iterator[str]:
    yield from _fields(Argument(schema.name, dict, schema.sub_fields.values()), theirs, 0)
    yield ""


def _fields(
    argument: Argument, theirs: Argument | None, depth: int, only_new: bool = False
) -> Iterator[str]:
    """A list item for each key, with those below it."""
    indent = 2 * depth * " "
    for field in argument.sub_fields.values():
        other = theirs.sub_fields.get(field.name) if theirs is not None else field
        if only_new and other is not None:
            below = list(_fields(field, other, depth + 1, only_new))
            if below:
                yield f"{indent}- `{field.name}`:"
                yield from below
            continue
        new = "" if other is not None else " *(wtemlp)*"
        yield f"{indent}- `{field.name}`{new}: {_about(field)}"
        yield from _fields(field, other, depth + 1)
    for variant in argument.sub_variants.values():
        yield from _choices(variant, theirs, depth)
    if depth == 0:
        yield ""


def _choices(variant: Variant, theirs: Argument | None, depth: int) -> Iterator[str]:
    """The choices of a key inside an object, each with the keys that come with it."""
    indent = 2 * depth * " "
    doc = _markdown(variant.doc)
    yield f"{indent}- `{variant.flag_name}`: one of these. {doc}".rstrip()
    known = theirs.sub_variants[variant.flag_name].choice_dict if theirs is not None else {}
    for name, choice in sorted(variant.choice_dict.items()):
        others = ", ".join(f"`{alias}`" for alias in choice.alias)
        yield f"{indent}  - `{name}`" + (f" (or {others})" if others else "")
        yield from _fields(choice, known.get(name), depth + 2)


def _about(field: Argument) -> str:
    """Type, default, other names and meaning of a key."""
    kind = in_words(field.dtype)
    facts = [f"{kind} of objects" if field.repeat and kind == "a list" else kind]
    if not field.optional:
        facts.append("required")
    elif has_default(field):
        facts.append(f"default `{json.dumps(field.default, ensure_ascii=False)}`")
    if isinstance(field.extra_check, Key) and field.extra_check.allowed:
        facts.append(field.extra_check.allowed)
    if field.alias:
        facts.append("also " + ", ".join(f"`{alias}`" for alias in field.alias))
    return f"{'; '.join(facts)}. {_markdown(field.doc)}".rstrip()


def _markdown(text: Any) -> str:
    """A schema's documentation, which is reStructuredText, as one line of Markdown."""
    text = re.sub(r"`([^`<>]+?)\s*<(\S+?)>`_+", r"[\1](\2)", str(text))
    text = re.sub(r"``(.+?)``", r"`\1`", text)
    line = re.sub(r"::(\s|$)", r":\1", " ".join(text.split()))
    pieces = re.split(r"(`[^`]*`|\]\([^)]*\))", line)
    special = str.maketrans({one: f"\\{one}" for one in "*<>$"})
    return "".join(p if i % 2 else p.translate(special) for i, p in enumerate(pieces))


_TABLE = re.compile(r"(<!-- keys of (\w+):(?: (\S+))? -->)\n.*?(?=<!-- end of keys -->)", re.DOTALL)


def with_tables(text: str) -> str:
    """A page of the documentation, its tables of keys made anew.

    A table stands between ``<!-- keys of param: model_devi_jobs[].wte. -->`` and
    ``<!-- end of keys -->``: wtemlp's own keys whose path begins so.
    """
    return _TABLE.sub(lambda at: "\n".join([at[1], *_table(at[2], at[3] or ""), ""]), text)


def _table(kind: str, prefix: str) -> Iterator[str]:
    yield "| key | default | allowed | meaning |\n|---|---|---|---|"
    for path, _, field in walk(SCHEMAS[kind]()):
        key = field.extra_check
        if not (isinstance(key, Key) and key.doc and path.startswith(prefix)):
            continue
        default = "" if field.optional else "required"
        if has_default(field):
            default = f"`{json.dumps(field.default, ensure_ascii=False)}`"
        name = path.removeprefix(prefix)
        yield f"| `{name}` | {default} | {key.allowed} | {_markdown(key.text)} |"


def write(*paths: Path) -> None:
    """Write the reference (``parameters.md``) and the tables of other pages."""
    for path in paths:
        page = path.name == "parameters.md"
        text = reference() if page else with_tables(path.read_text(encoding="utf-8"))
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(*map(Path, sys.argv[1:]))
