"""A small run with cheap engines: 27 waters, two iterations."""

import shutil
from pathlib import Path

import pytest

from tests.support.loop_runs import Run


@pytest.fixture
def copied(undisturbed: Run, tmp_path: Path) -> Run:
    """A copy of the finished run, to be damaged."""
    folder = tmp_path / "copy"
    shutil.copytree(undisturbed.folder, folder, symlinks=True)
    return Run(folder)
