"""Shared by tests: engines."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wtemlp.core.errors import MissingEngine
from wtemlp.lammps_plumed.kernel import find_kernel, find_plumed_program
from wtemlp.lammps_plumed.lammps_library import deepmd_plugin_folder, find_library

ROOT = Path(__file__).parents[2]


def _missing(engine: str) -> str:
    """Why an engine cannot be used; empty when it can."""
    try:
        if engine == "lammps":
            find_library()
        elif engine == "plumed":
            find_kernel()
        elif engine == "plumed_program":
            return "" if find_plumed_program() else "no plumed program"
        elif engine == "deepmd":
            return "" if deepmd_plugin_folder() else "DeePMD-kit is not installed"
        elif engine == "packmol":
            beside = Path(sys.executable).parent / engine
            return "" if beside.is_file() or shutil.which(engine) else "packmol is not installed"
        else:
            raise ValueError(f"unknown engine {engine!r}")
    except MissingEngine as error:
        return str(error)
    return ""


def require_engine(*engines: str) -> None:
    """Skip the test if an engine is missing; fail it where CI is set."""
    for engine in engines:
        why = _missing(engine)
        if why and os.environ.get("CI"):
            pytest.fail(f"needs {engine}: {why}")
        if why:
            pytest.skip(f"needs {engine}: {why}")


Run = Callable[..., subprocess.CompletedProcess]


def engine_environment(**extra: str) -> dict[str, str]:
    """The environment of an engine's process: one thread, this source tree."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    one = {
        "OMP_NUM_THREADS": "1",
        "DP_INTRA_OP_PARALLELISM_THREADS": "1",
        "DP_INTER_OP_PARALLELISM_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    return os.environ | one | {"PYTHONPATH": path} | extra


def complaint(done: subprocess.CompletedProcess) -> str:
    """The one line that ``wtemlp lmp`` wrote on stderr."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("wtemlp lmp: ")]
    assert len(lines) == 1, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    return lines[0].removeprefix("wtemlp lmp: ")


def table(path: Path) -> np.ndarray:
    """The numbers of a PLUMED or LAMMPS text file, (n_rows, n_columns)."""
    return np.loadtxt(path, ndmin=2)
