"""The schemas of the input files as JSON schema, for editors and other programs."""

import json
from collections.abc import Callable
from typing import Any, get_origin

from dargs import Argument
from dargs.json_schema import generate_json_schema

from wtemlp.config.keys.declare import Key
from wtemlp.config.keys.machine import Stage
from wtemlp.config.schema.dpgen_schema import init_schema, machine_schema, water_schema
from wtemlp.config.schema.flat import flat_lines
from wtemlp.config.schema.plugin_keys import schema_for

SCHEMAS: dict[str, Callable[[], Argument]] = {
    "param": schema_for,
    "machine": machine_schema,
    "init": init_schema,
    "init_water": water_schema,
}
TITLES = {
    "param": "Parameter file of wtemlp run",
    "machine": "Machine file of wtemlp",
    "init": "Parameter file of wtemlp init",
    "init_water": "Parameter file of wtemlp init, a box of water",
}


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON schema of a file, strict as the programs are.

    Parameters
    ----------
    kind : str
        ``"param"``, ``"machine"`` or ``"init"``.
    """
    argument = SCHEMAS[kind]()
    schema = generate_json_schema(argument)
    _allow(schema, argument)
    del schema["$id"]
    schema["title"] = TITLES[kind]
    if kind == "machine":
        for stage in Stage:
            _open_section(schema, stage)
    _tidy(schema)
    return schema


def schema_text(kind: str, flat: bool = False) -> str:
    """The JSON schema of a file, or a line for each of its keys, to be printed."""
    if flat:
        return "\n".join(flat_lines(SCHEMAS[kind]()))
    return json.dumps(json_schema(kind), indent=1, ensure_ascii=False)


def _allow(node: dict[str, Any], argument: Argument) -> None:
    """Add the bounds and words that are allowed, which dargs does not know."""
    if isinstance(argument.extra_check, Key):
        allowed = argument.extra_check.json_schema()
        listed = any(get_origin(kind) is list for kind in argument.dtype)
        if listed and allowed:
            node["items"] = allowed
        if not (listed and "enum" in allowed):
            node |= allowed
    inner = node.get("items", node)
    for field in argument.sub_fields.values():
        for name in (field.name, *field.alias):
            _allow(inner["properties"][name], field)
    choices = [one for v in argument.sub_variants.values() for one in v.choice_dict.values()]
    for one, choice in zip(inner.get("allOf", []), choices, strict=False):
        _allow(one["then"], choice)


def _open_section(schema: dict[str, Any], stage: str) -> None:
    """What is filled in need not be there; a section may be in a list."""
    section = schema["properties"][stage]
    machine, resources = (section["properties"][part] for part in ("machine", "resources"))
    machine["required"].remove("local_root")
    resources["required"].remove("batch_type")
    resources["properties"]["kwargs"] = {"type": "object"}  # known once there is a batch system
    section["patternProperties"] = {"^_|comments": {}}
    listed = {"type": "array", "minItems": 1, "items": section}
    schema["properties"][stage] = {"anyOf": [section, listed]}


def _tidy(node: dict[str, Any], part: bool = False) -> None:
    """Leave out what says nothing, put types in order, and allow no keys but the known ones.

    Parameters
    ----------
    node : dict
        A schema; changed.
    part : bool
        Whether it only adds to the schema that it is in.
    """
    if isinstance(node.get("type"), list):
        types = sorted(node["type"])
        node["type"] = types[0] if len(types) == 1 else types
    for key in ("required", "properties", "description"):
        if not node.get(key, True):
            del node[key]
    for field in node.get("properties", {}).values():
        _tidy(field)
    for key in ("anyOf", "allOf"):
        for one in node.get(key, []):
            if "then" in one:
                _tidy(one["then"], part=True)
            elif key == "anyOf":
                _tidy(one)
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            _tidy(node[key])
    if "properties" in node and not part:
        node["properties"].setdefault("$schema", {"type": "string"})
        node.setdefault("patternProperties", {"^_": {}})
        node["unevaluatedProperties"] = False
