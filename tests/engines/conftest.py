"""Engines for the tests: found, or the test is skipped, or (on CI) failed."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.engines import (
    Run,
    engine_environment,
    require_engine,
)
from tests.support.shared import made_once


@pytest.fixture(name="require_engine", scope="session")
def _require_engine() -> Callable[..., None]:
    return require_engine


@pytest.fixture(name="run", scope="session")
def _run(tmp_path_factory: pytest.TempPathFactory):
    """init and run with real engines, small and undisturbed: once for all tests, not changed."""
    require_engine("lammps", "plumed", "deepmd", "packmol")
    from tests.support.loop_runs import Run
    from tests.support.small_run import make_run  # it needs what is above

    return Run(made_once(tmp_path_factory, "real_run", make_run))


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
