"""What the documentation says is there, is there."""

import re
from pathlib import Path

import pytest

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
