"""The list of requirements is true: all that is imported is on it, and nothing else."""

import ast
import configparser
import re
import sys
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest

import wtemlp
from wtemlp.core.versions import installed_versions

ROOT = Path(wtemlp.__file__).parents[1]
PROGRAMS = {
    "build",
    "packmol",
    "setuptools",
    "tblite",
    "pytest-cov",
    "pytest-xdist",
    "ipykernel",
}  #: run, not imported
OWN = {
    "wtemlp",
    "tests",
    "cheap_engines",
    "cheap_walkers",
    "examples",
    *(file.stem for file in (ROOT / "benchmarks").glob("*.py")),
}


def required(section: str, key: str) -> set[str]:
    """Names of a list of requirements."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config[section][key].split("\n")
    return {re.split(r"[\[<>=,]", line)[0].lower() for line in lines if re.match("[A-Za-z]", line)}


def imported(folder: str) -> dict[str, str]:
    """Packages of others that a folder's modules import, each with a module that does."""
    found = {}
    for file in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            for name in _names(node):
                found.setdefault(name.split(".")[0], str(file))
    return {k: v for k, v in found.items() if k not in OWN | set(sys.stdlib_module_names)}


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module]
    # The adapter imports by name.
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_quietly":
        return [one.value for one in node.args if isinstance(one, ast.Constant)]
    return []


known_distributions = cache(packages_distributions)  # it reads the files of all packages


def distributions(package: str) -> set[str]:
    return {name.lower() for name in known_distributions().get(package, [package])}


@pytest.mark.parametrize(
    ("folder", "extras"),
    [("wtemlp", ["laptop"]), ("tests", ["test", "laptop"]), ("benchmarks", ["laptop", "test"])],
)
def test_what_is_imported_is_required(folder, extras):
    known = required("options", "install_requires")
    for extra in extras:
        known |= required("options.extras_require", extra)
    missing = {p: f for p, f in imported(folder).items() if not distributions(p) & known}
    assert not missing


@pytest.mark.parametrize(
    ("section", "key", "folder"),
    [
        ("options", "install_requires", "wtemlp"),
        ("options.extras_require", "test", "tests"),
    ],
)
def test_what_is_required_is_imported(section, key, folder):
    used = {name for package in imported(folder) for name in distributions(package)}
    assert not required(section, key) - used - PROGRAMS


def test_the_record_of_versions_has_what_labels_and_samples():
    """Provenance of a label by a calculator of ASE: which ASE it was."""
    found = installed_versions()
    assert found["ase"] == version("ase")
    assert {"wtemlp", "dpgen", "dpdata", "dpdispatcher", "ase"} <= found.keys()
