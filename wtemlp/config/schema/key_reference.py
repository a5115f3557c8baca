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
from wtemlp.config.schema.dpgen_schema import (
    ENGINE,
    init_schema,
    machine_schema,
    run_schema,
    water_schema,
)
from wtemlp.config.schema.flat import has_default, walk
from wtemlp.config.schema.json_schema import SCHEMAS
from wtemlp.config.schema.messages import in_words

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
    parts = [
        _HEAD.format(versions=versions()),
        "## Parameter file of `wtemlp run`\n",
        *_page(run_schema()),
        "## Machine file\n",
        *_machine_page(machine_schema()),
        "## Parameter file of `wtemlp init`\n",
        *_fields(init_schema(), told=True),
        "## Parameter file of `wtemlp init` of earlier versions: a box of water\n",
        *_fields(water_schema(), told=True),
    ]
    return "\n".join(parts) + "\n"


def _page(schema: Argument) -> Iterator[str]:
    """Keys that are always there, then those of each choice under a heading of its own."""
    flags = ", ".join(f"`{flag}`" for flag in schema.sub_variants)
    yield f"### Always\n\nMore keys depend on {flags}; see below.\n"
    yield from _fields(Argument("always", dict, schema.sub_fields.values()))
    for flag, variant in schema.sub_variants.items():
        for name, choice in variant.choice_dict.items():
            default = ", the default" if variant.optional and variant.default_tag == name else ""
            own = name == ENGINE or any(map(own_key, choice.sub_fields.values()))
            new = " *(wtemlp)*" if own else ""
            yield f"### `{flag}`: `{name}`{new}\n"
            if choice.doc:
                yield f"{_markdown(choice.doc).rstrip('.')}{default}.\n"
            if name == ENGINE:
                yield f"All keys of `{flag}`: `{variant.default_tag}`, and:\n"
            yield from _fields(choice, only_own=name == ENGINE, told=own and name != ENGINE)


def _machine_page(schema: Argument) -> Iterator[str]:
    sections = ", ".join(f"`{stage}`" for stage in Stage)
    yield "### The file\n"
    top = {name: field for name, field in schema.sub_fields.items() if name not in list(Stage)}
    yield from _fields(Argument("top", dict, top.values()))
    yield f"### Each of {sections}\n"
    yield (
        "An object, or a list whose first item is used, or keys as `train_command` at the top. "
        "`export_command` is of `train` alone; `calypso_path` and `deepmdkit_python` are of "
        "`model_devi` alone. `machine.local_root` is always the run's folder, and "
        "`resources.batch_type` is that of `machine`: neither need be written.\n"
    )
    fields: dict[str, Argument] = {}
    for stage in Stage:
        fields = schema.sub_fields[stage].sub_fields | fields
    yield from _fields(Argument("section", dict, fields.values()))


def own_key(field: Argument) -> Key | None:
    """The declaration of a key, if it is wtemlp's own."""
    key = field.extra_check
    return key if isinstance(key, Key) and key.doc else None


def _fields(
    argument: Argument, depth: int = 0, only_own: bool = False, told: bool = False
) -> Iterator[str]:
    """A list item for each key, with those below it; own ones are marked, unless it is told."""
    indent = 2 * depth * " "
    for field in argument.sub_fields.values():
        own = own_key(field) is not None
        below = list(_fields(field, depth + 1, only_own and not own, told or own))
        if only_own and not own:
            yield from [f"{indent}- `{field.name}`:", *below] if below else []
            continue
        new = "" if told or not own else " *(wtemlp)*"
        yield f"{indent}- `{field.name}`{new}: {_about(field)}"
        yield from below
    for variant in argument.sub_variants.values() if depth or not only_own else ():
        yield from _choices(variant, depth)
    if depth == 0:
        yield ""


def _choices(variant: Variant, depth: int) -> Iterator[str]:
    """The choices of a key inside an object, each with the keys that come with it."""
    indent = 2 * depth * " "
    doc = _markdown(variant.doc)
    yield f"{indent}- `{variant.flag_name}`: one of these. {doc}".rstrip()
    for name, choice in sorted(variant.choice_dict.items()):
        others = ", ".join(f"`{alias}`" for alias in choice.alias)
        yield f"{indent}  - `{name}`" + (f" (or {others})" if others else "")
        yield from _fields(choice, depth + 2)


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
        if (key := own_key(field)) is None or not path.startswith(prefix):
            continue
        default = "" if field.optional else "required"
        if has_default(field):
            default = f"`{json.dumps(field.default, ensure_ascii=False)}`"
        name = path.removeprefix(prefix)
        yield f"| `{name}` | {default} | {key.allowed} | {_markdown(field.doc)} |"


def write(*paths: Path) -> None:
    """Write the reference (``parameters.md``) and the tables of other pages."""
    for path in paths:
        page = path.name == "parameters.md"
        text = reference() if page else with_tables(path.read_text(encoding="utf-8"))
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(*map(Path, sys.argv[1:]))
