"""Examples in docstrings are what comes out; public functions say what they do."""

import ast
import doctest
from importlib import import_module
from pathlib import Path

import pytest

import wtemlp

PACKAGE = Path(wtemlp.__file__).parent
SOURCES = {path: path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}
WITH_EXAMPLES = [path for path, text in SOURCES.items() if "\n    >>> " in text]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.stem)
def test_examples_in_docstrings_are_what_comes_out(path):
    name = ".".join(("wtemlp", *path.relative_to(PACKAGE).with_suffix("").parts))
    done = doctest.testmod(import_module(name))
    assert done.attempted and not done.failed


def test_there_are_examples():
    assert len(WITH_EXAMPLES) > 3


def test_public_functions_have_docstrings():
    """Those of modules; what is within a function is nobody's business."""
    without = [
        f"{path.relative_to(PACKAGE)}: {node.name}"
        for path, text in SOURCES.items()
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        if not ast.get_docstring(node)
    ]
    assert without == []
