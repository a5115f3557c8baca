"""The cluster itself: it starts and stops quickly, as root and as a plain user."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.support.cluster import SCRIPT, require_cluster, until

pytestmark = pytest.mark.cluster
Failed = pytest.fail.Exception


def processes_naming(folder: Path) -> list[str]:
    """Command lines in which a folder is named, or that work in it."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(folder) in (entry / "cmdline").read_text() + str(
                (entry / "cwd").readlink()
            ):
                found.append((entry / "cmdline").read_text())
        except OSError:
            continue  # it has ended, or is not ours
    return found


@pytest.fixture
def short_folder():
    short = tempfile.gettempdir() if len(tempfile.gettempdir()) < 50 else "/tmp"
    folder = Path(tempfile.mkdtemp(prefix="lb", dir=short))
    folder.chmod(0o755)  # munged wants to reach its socket from everywhere
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("user", ["", "nobody"], ids=["as-ourselves", "as-a-plain-user"])
@pytest.mark.parametrize("end", ["stdin", "term"])
def test_it_starts_and_stops(short_folder, user, end):
    require_cluster()
    if user and os.getuid() != 0:
        pytest.skip("only root can become another user; the other case is a plain user's")
    command = [shutil.copy(SCRIPT, short_folder), "run", short_folder / "c"]
    if user:
        shutil.chown(short_folder, user)
        command = ["setpriv", f"--reuid={user}", "--regid=65534", "--clear-groups", *command]
    began = time.monotonic()
    process = subprocess.Popen(
        list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "READY\n"
    started = time.monotonic() - began
    assert len(list((short_folder / "c" / "pids").iterdir())) == 5
    began = time.monotonic()
    if end == "stdin":
        process.stdin.close()
    else:
        process.terminate()
    assert process.wait(30) == 0
    stopped = time.monotonic() - began
    for stream in (process.stdin, process.stdout):
        stream.close()
    assert not list((short_folder / "c" / "pids").iterdir())
    until(lambda: not processes_naming(short_folder), 5)
    assert max(started, stopped) < 10, (started, stopped)  # about a second each


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", Failed)])
def test_without_slurm_it_is_skipped_and_on_ci_it_fails(monkeypatch, ci, outcome):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr("tests.support.cluster.NEEDED", ("sh", "no-such-daemon"))
    with pytest.raises(outcome, match="needs no-such-daemon"):
        require_cluster()
