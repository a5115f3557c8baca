"""The notebook of the analysis functions, run from its first cell to its last."""

import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.engines import ROOT, require_engine

NOTEBOOK = ROOT / "examples" / "analysis.ipynb"
SHORT_PS = 6.0  #: instead of the length that the notebook takes


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, int]:
    """All that the notebook printed, and the number of its pictures."""
    require_engine("lammps", "packmol")
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(shutil.copy(NOTEBOOK, folder), as_version=4)
    shortened = 0
    for cell in notebook.cells:
        cell.source, n = re.subn(
            r"^PICOSECONDS = [\d.]+", f"PICOSECONDS = {SHORT_PS}", cell.source, flags=re.M
        )
        shortened += n
    assert shortened == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", ""))))
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("OMP_NUM_THREADS", "1")
        NotebookClient(
            notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}
        ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    text = "".join(output.get("text", "") for output in outputs)
    return text, sum("image/png" in output.get("data", {}) for output in outputs)


def number(text: str, pattern: str) -> float:
    """The number that a line of the notebook has after some words."""
    match = re.search(pattern + r"\s*([-\d.]+)", text)
    assert match, text
    return float(match[1])


def test_its_numbers_are_those_of_water(printed):
    text, _ = printed
    assert 2.0 < number(text, r"first peak") < 5.0
    assert 2.6 < number(text, r"first peak [\d.]+ at") < 3.0
    assert number(text, r"sigma =") == pytest.approx(0.55, rel=0.4)  # eV, 64 waters
    assert number(text, r"T =") == pytest.approx(300, rel=0.06)


def test_it_draws(printed):
    assert printed[1] == 3  # structure, self-diffusion, energies


def test_it_is_kept_without_outputs():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert not any(cell.get("outputs") for cell in cells)
