"""What is costly to make is made once, by the first of several workers that needs it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder of this session that all workers share, and none of them changes.

    Parameters
    ----------
    factory : TempPathFactory
    name : str
        The folder's.
    make : callable
        Makes it; the others wait meanwhile.  What failed is not tried again.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, begun, done = base / name, base / f"{name}.begun", base / f"{name}.done"
    with FileLock(base / f"{name}.lock"):
        if not begun.exists():
            begun.touch()
            make(folder)
            done.touch()
    assert done.exists(), f"{folder} could not be made: see the first test that needed it"
    return folder
