"""What is built of this source tree is whole: sdist, and the wheel made of it with its program."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("wtemlp", "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "COPYING")


def said(*command, cwd, **variables):
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that the wheel is installed in, alone; what it needs is in the environment."""
    folder = tmp_path_factory.mktemp("dist")
    tree = folder / "tree"
    tree.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tree / name)
    said("-m", "build", "--no-isolation", "--outdir", str(folder), cwd=tree)
    assert len(list(folder.glob("*.tar.gz"))) == 1
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    said("-m", "pip", "install", "-q", "--no-deps", "--target", str(target), str(wheel), cwd=folder)
    return target


def test_the_wheel_has_every_file_of_the_package(installed):
    def files(folder):
        every = (one.relative_to(folder) for one in folder.rglob("*") if one.is_file())
        return {one for one in every if "__pycache__" not in one.parts}

    assert files(ROOT / "wtemlp") == files(installed / "wtemlp")


def test_the_program_of_the_wheel_runs(installed, tmp_path):
    where = "import wtemlp, sys; sys.stdout.write(wtemlp.__file__)"
    variables = {"PYTHONPATH": str(installed)}
    assert said("-c", where, cwd=tmp_path, **variables).startswith(str(installed))
    assert "wte" in said("-m", "wtemlp", "schema", "--flat", cwd=tmp_path, **variables)
