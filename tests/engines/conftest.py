"""Engines for the tests: found, or the test is skipped, or (on CI) failed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.shared import made_once
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


@pytest.fixture(name="require_engine", scope="session")
def _require_engine() -> Callable[..., None]:
    return require_engine


@pytest.fixture(name="run", scope="session")
def _run(tmp_path_factory: pytest.TempPathFactory):
    """init and run with real engines, small and undisturbed: once for all tests, not changed."""
    require_engine("lammps", "plumed", "deepmd", "packmol")
    from tests.engines.small_run import make_run  # it needs what is above
    from tests.loop.conftest import Run

    return Run(made_once(tmp_path_factory, "real_run", make_run))


Run = Callable[..., subprocess.CompletedProcess]


@pytest.fixture
def lmp(tmp_path: Path) -> Run:
    """``lmp(script, *switches, expect=0)``: run ``wtemlp lmp`` on a script in `tmp_path`."""
    require_engine("lammps")

    def run(
        script: str,
        *switches: str,
        expect: int = 0,
        name: str = "in.lammps",
        launcher: tuple[str, ...] = (sys.executable, "-m", "wtemlp.lammps_plumed.lmp"),
        **environment: str,
    ) -> subprocess.CompletedProcess:
        (tmp_path / name).write_text(script)
        command = [*launcher, "-in", name, "-screen", "none", *switches]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=engine_environment(**environment),
            capture_output=True,
            text=True,
            timeout=400,  # a machine may be slow
        )
        assert done.returncode == expect, done.stderr[-2000:]
        return done

    return run


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
