"""The schemas as JSON, as a page of the documentation, and as forms."""

import configparser
import importlib
import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from dargs import Argument, ArgumentEncoder

from wtemlp import cli
from wtemlp.config.keys.declare import sentences
from wtemlp.config.keys.init import (
    Copies,
    InitBias,
    InitParams,
    InitRun,
    InitSystem,
    MixturePart,
    StructureSpec,
    WaterParams,
)
from wtemlp.config.keys.labels import AseMethod, Convergence, ForceField, Selection
from wtemlp.config.keys.machine import Trust, Waiting
from wtemlp.config.keys.validation import ValidationBounds, ValidationSettings
from wtemlp.config.keys.wte import Extra, ExtraVariable, Guard, WteBlock
from wtemlp.config.records import Params
from wtemlp.config.schema import key_reference
from wtemlp.config.schema.flat import HEAD, walk
from wtemlp.config.schema.json_schema import SCHEMAS, json_schema
from wtemlp.config.schema.own_keys import arguments

ROOT = Path(__file__).parents[2]


def printed(monkeypatch, capsys, *args):
    monkeypatch.setattr(sys, "argv", ["wtemlp", "schema", *args])
    cli.main()
    return capsys.readouterr().out


@pytest.mark.parametrize("args", [(), ("param",), ("machine",), ("init",)])
def test_the_command_prints_json_schema(monkeypatch, capsys, args):
    schema = json.loads(printed(monkeypatch, capsys, *args))
    assert schema == json_schema(args[0] if args else "param")
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert schema["type"] == "object" and schema["unevaluatedProperties"] is False


def test_another_word_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["wtemlp", "schema", "params"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2 and "'param', 'machine', 'init'" in capsys.readouterr().err


def test_our_keys_are_in_the_json_schema():
    schema = json_schema("param")
    assert {"seed", "convergence", "validation_data_sys"} <= set(schema["properties"])
    assert {"type_map", "numb_models"} <= set(schema["required"])
    assert "wte" in schema["properties"]["model_devi_engine"]["enum"]
    assert "lammps" in schema["properties"]["fp_style"]["enum"]
    wte = next(
        one["then"]
        for one in schema["allOf"]
        if one["if"]["oneOf"][0]["properties"] == {"model_devi_engine": {"const": "wte"}}
    )
    job = wte["properties"]["model_devi_jobs"]["items"]
    assert job["properties"]["wte"]["required"] == ["biasfactor"]
    assert job["unevaluatedProperties"] is False
    assert "unevaluatedProperties" not in wte  # its keys stand beside the others


def test_a_section_may_be_in_a_list():
    section, listed = json_schema("machine")["properties"]["train"]["anyOf"]
    assert listed["items"] == section
    assert section["properties"]["machine"]["required"] == ["batch_type", "context_type"]


def test_the_json_schema_is_the_same_in_each_process():
    code = "from wtemlp.config.schema.json_schema import schema_text as s; print(s('machine'))"
    texts = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1


def test_the_reference_is_up_to_date():
    there = (ROOT / "docs" / "parameters.md").read_text()
    if key_reference.versions() not in there:
        pytest.skip(
            f"{key_reference.versions()} is installed, docs/parameters.md is of other versions"
        )
    assert there == key_reference.reference(), "type: make reference"


def test_the_reference_has_every_key():
    text = key_reference.reference()
    assert not [key for kind in SCHEMAS for key in keys(SCHEMAS[kind]()) if f"`{key}`" not in text]


def keys(argument: Argument) -> set[str]:
    found = set()
    for field in argument.sub_fields.values():
        found |= {field.name, *field.alias, *keys(field)}
    for variant in argument.sub_variants.values():
        found.add(variant.flag_name)
        for choice in variant.choice_dict.values():
            found |= keys(choice)
    return found


def test_dpgui_is_served():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options.entry_points"]["dpgui"].split("\n")
    entries = dict(line.split(" = ") for line in lines if line)
    assert set(entries) == {"wtemlp Run", "wtemlp Machine", "wtemlp Init"}
    for entry in entries.values():
        module, _, name = entry.partition(":")
        schema = getattr(importlib.import_module(module), name)()
        assert isinstance(schema, Argument)
        json.dumps(schema, cls=ArgumentEncoder)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_key_has_one_line(monkeypatch, capsys, kind):
    head, *lines = printed(monkeypatch, capsys, "--flat", kind).splitlines()
    assert head.split("\t") == list(HEAD)
    rows = [line.split("\t") for line in lines]
    assert all(len(row) == len(HEAD) for row in rows)
    assert len({row[0] for row in rows}) == len(rows)
    paths = [f".{row[0].split(' [')[0]}" for row in rows]
    names = {field.name for _, _, field in walk(SCHEMAS[kind]())}
    assert not [name for name in names if not any(path.endswith(f".{name}") for path in paths)]


def test_a_line_tells_all_of_a_key(monkeypatch, capsys):
    lines = printed(monkeypatch, capsys, "--flat", "init_water").splitlines()
    line = next(one for one in lines if one.startswith("timestep_fs\t"))
    assert line == "timestep_fs\ta number\t0.5\tfs\tabove 0, 1 or less\tMD time step."


def test_bounds_and_choices_are_in_the_json_schema():
    fields = json_schema("init_water")["properties"]
    assert fields["timestep_fs"]["exclusiveMinimum"] == 0
    assert fields["timestep_fs"]["maximum"] == 1.0
    assert fields["data"]["enum"] == ["together", "by_ensemble"]
    assert fields["biasfactor"]["items"]["minimum"] == 1
    assert json_schema("param")["properties"]["numb_models"]["minimum"] == 1


RECORDS = (
    *(Guard, ExtraVariable, Extra, WteBlock, ValidationSettings, ValidationBounds, InitParams),
    *(InitSystem, InitRun, InitBias, Copies, StructureSpec, MixturePart, WaterParams),
    *(Selection, Convergence, ForceField, AseMethod, Waiting, Trust, Params),
)


@pytest.mark.parametrize("record", RECORDS)
def test_every_key_has_its_sentence_in_the_docstring(record):
    assert not [argument.name for argument in arguments(record) if not argument.doc]
    assert sentences(record).keys() <= {field.name for field in fields(record)}
