"""What the documentation says is there, is there."""

import ast
import importlib
import json
import re
import shlex
from pathlib import Path

import click
import pytest

from wtemlp.cli import cli
from wtemlp.config.schema.flat import walk
from wtemlp.config.schema.json_schema import SCHEMAS
from wtemlp.config.schema.key_reference import with_tables

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT, *(ROOT / name for name in ("docs", "params", "machines")))
DOCUMENTS = sorted(file for folder in FOLDERS for file in folder.glob("*.md"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_tests_that_are_named_exist(document):
    named = set(re.findall(r"(test_\w+\.py)::(test_\w+)", document.read_text()))
    there = {
        (file.name, name)
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    assert not named - there


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_are_linked_to_exist(document):
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text())
    assert not [link for link in links if not (document.parent / link).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_merge_was_left_half_done(document):
    text = document.read_text()
    assert not re.search(r"^(<{7} |={7}$|>{7} )", text, re.MULTILINE)


#: Words of the documentation that look like keys of a parameter file.
KEY = re.compile(
    r"`((?:model_devi|fp|training|init|sys|validation|selection|wte)[_.](?!json|out|raw|log|npy)[\w.]+)`"
)
GONE = {"training_reuse_decay_steps"}  #: that DP-GEN knew once


def known_keys() -> set[str]:
    """Every key, and every key with the one that it is below."""
    found = set()
    for kind in SCHEMAS:
        for path, _, field in walk(SCHEMAS[kind]()):
            parts = path.replace("[]", "").split(".")
            names = {parts[-1], *field.alias}
            found |= names | {".".join([*parts[-2:-1], name]) for name in names}
            found.add(".".join(parts[-3:]))
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_keys_that_are_named_are_known(document):
    if document.name in ("CHANGELOG.md", "parameters.md"):
        pytest.skip("it tells of keys that are no more, or has others' words")
    named = {word for word in KEY.findall(document.read_text()) if not word.endswith(".py")}
    assert not named - known_keys() - GONE


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_tables_of_keys_are_up_to_date(document):
    text = document.read_text()
    assert with_tables(text) == text, "type: make reference"


FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PLACEHOLDER = re.compile(r",?\s*(\.\.\.|…)")


def blocks(document: Path, *languages: str) -> list[str]:
    """The fenced blocks of a document in some languages; "" is none."""
    return [text for word, text in FENCED.findall(document.read_text()) if word in languages]


def commands(document: Path) -> list[list[str]]:
    """The lines of its blocks that call wtemlp, as words."""
    text = "\n".join(blocks(document, "", "bash", "sh", "console")).replace("\\\n", " ")
    lines = [line.strip().removeprefix("$ ") for line in text.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("wtemlp ")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_that_are_shown_are_as_the_program_takes_them(document):
    for _, name, *words in commands(document):
        command = cli.commands[name]
        if isinstance(command, click.Group) and words:
            command, words = command.commands[words[0]], words[1:]
        if command.ignore_unknown_options:
            continue
        command.parse_args(click.Context(command), words)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_json_that_is_shown_is_json(document):
    for text in blocks(document, "json"):
        whole = text if text.lstrip().startswith(("{", "[")) else f"{{{text.rstrip().rstrip(',')}}}"
        json.loads(PLACEHOLDER.sub("", whole))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_python_that_is_shown_imports_what_there_is(document):
    for text in blocks(document, "python"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("wtemlp"):
                module = importlib.import_module(str(node.module))
                assert [one.name for one in node.names if not hasattr(module, one.name)] == []
