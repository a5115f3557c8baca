"""A Slurm cluster and an sshd on 127.0.0.1 for the session; faults for single tests."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.cluster import (
    SCRIPT,
    Cluster,
    _require,
    require_cluster,
    started,
)


class GridEngine:
    """The throw-away Grid Engine.

    Parameters
    ----------
    folder : Path
        Its folder.
    """

    def __init__(self, folder: Path) -> None:
        self.dir, self.bin = folder, folder / "bin"
        lines = (folder / "env").read_text().splitlines()
        self.env = dict(line.removeprefix("export ").split("=", 1) for line in lines)

    def command(self, *words: str) -> str:
        """The output of one of its commands."""
        return subprocess.run(
            words,
            env=os.environ | self.env,
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        ).stdout

    def queue(self) -> list[str]:
        """Ids of the jobs in the queue."""
        return [line.split()[0] for line in self.command("qstat").splitlines()[2:]]

    def ended(self) -> int:
        """How many jobs have run and ended."""
        file = self.dir / "root/default/common/accounting"
        lines = file.read_text().splitlines() if file.exists() else []
        return sum(not line.startswith("#") for line in lines)


@pytest.fixture(scope="session")
def started_gridengine() -> Iterator[GridEngine]:
    """A Grid Engine for the session."""
    _require(
        ("sge_qmaster", "sge_execd", "qsub", "setsid"),
        "gridengine-master gridengine-exec gridengine-client",
        demand=False,
    )
    with tempfile.TemporaryDirectory(prefix="ge", ignore_cleanup_errors=True) as folder:
        script = SCRIPT.with_name("gridengine.sh")
        process = subprocess.Popen(
            [script, f"{folder}/c"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout.readline() == "READY\n", "Grid Engine did not start"
            yield GridEngine(Path(folder) / "c")
        finally:
            process.stdin.close()
            process.wait(60)
            process.stdout.close()


@pytest.fixture
def gridengine(
    started_gridengine: GridEngine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GridEngine]:
    """Grid Engine, with an empty queue; this process is a client of it."""
    for name, value in started_gridengine.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{started_gridengine.bin}:{os.environ['PATH']}")
    yield started_gridengine
    for job in started_gridengine.queue():
        started_gridengine.command("qdel", "-f", job)
    for shim in started_gridengine.bin.iterdir():
        shim.unlink()


@pytest.fixture(scope="session")
def loopback() -> Iterator[Cluster]:
    """The cluster of the session: it starts in about a second and ends with the session."""
    require_cluster()
    with started() as cluster:
        yield cluster


@pytest.fixture
def cluster(loopback: Cluster) -> Cluster:
    """The cluster, whole and with an empty queue: what the last test did to it is undone."""
    loopback.heal()
    return loopback


@pytest.fixture
def client(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """``client(context)``: make this process a client of the cluster; the context's name.

    On the head node Slurm is at hand; over SSH only the login knows of it.
    """

    def be(context: str) -> str:
        monkeypatch.delenv("SLURM_CONF", raising=False)
        if context != "SSHContext":
            monkeypatch.setenv("SLURM_CONF", cluster.env["SLURM_CONF"])
            monkeypatch.setenv("PATH", f"{cluster.bin}:{os.environ['PATH']}")
        return context

    return be
