"""The notebooks, run from the first cell to the last."""

import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.engines import ROOT, require_engine

NOTEBOOKS = ROOT / "examples"


def executed(name: str, folder: Path, settings: Mapping[str, object]) -> tuple[str, int]:
    """All that a notebook printed, and the number of its pictures.

    Parameters
    ----------
    name : str
        Its file.
    folder : Path
        Where it runs.
    settings : mapping
        Values that are given to the names at its top, in the place of its own.
    """
    notebook = nbformat.read(shutil.copy(NOTEBOOKS / name, folder), as_version=4)
    for key, value in settings.items():
        replaced = 0
        for cell in notebook.cells:
            line = rf"^{key} = [^ #\n]+"
            cell.source, n = re.subn(line, f"{key} = {value}", cell.source, flags=re.M)
            replaced += n
        assert replaced == 1, key
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", ""))))
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("OMP_NUM_THREADS", "1")
        NotebookClient(
            notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": folder}}
        ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    text = "".join(output.get("text", "") for output in outputs)
    return text, sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, int]:
    """The notebook of the analysis functions, on a shorter trajectory."""
    require_engine("lammps", "packmol")
    return executed("analysis.ipynb", tmp_path_factory.mktemp("notebook"), {"PICOSECONDS": 6.0})


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


def test_the_loop_runs_from_its_files_to_a_verdict(tmp_path):
    require_engine("lammps", "plumed", "deepmd")
    text, pictures = executed("loop.ipynb", tmp_path, {"SIZE": 0.1, "MODELS": 2})
    assert pictures == 2 and "iteration 1: next is" in text and "end of model_devi_jobs" in text
    frames = [int(one) for one in re.findall(r"(\d+) frames, [\d.]+ meV/atom, \d+ meV/A", text)]
    # Models of so few steps may agree on everything, so that nothing is labelled.
    assert len(frames) == 3 and frames == sorted(frames)
    assert len(re.findall(r"^(?:good|not good|cannot tell|untested): ", text, re.M)) > 10


@pytest.mark.parametrize("name", sorted(file.name for file in NOTEBOOKS.glob("*.ipynb")))
def test_it_is_kept_without_outputs(name):
    cells = nbformat.read(NOTEBOOKS / name, as_version=4).cells
    assert not any(cell.get("outputs") for cell in cells)
