"""Shared by tests: cluster."""

import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "cluster" / "loopback.sh"


NEEDED = ("slurmctld", "slurmd", "sbatch", "munged", "sshd", "ssh-keygen", "setsid")


DAEMONS = ("munged", "slurmctld", "slurmd-gpu01", "slurmd-cpu01", "sshd")


def until(what: Callable[[], object], seconds: float = 30.0) -> object:
    """Wait for something to become true; what it was."""
    end = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return value


class Cluster:
    """The loopback cluster, and what a test can do to it.

    Parameters
    ----------
    folder : Path
        Its folder; at most 70 characters.
    """

    def __init__(self, folder: Path) -> None:
        self.dir, self.bin = folder, folder / "bin"
        lines = (folder / "env").read_text().splitlines()
        self.env = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        self.known_hosts = Path(self.env["SSH_KNOWN_HOSTS"])
        self.port = int(self.env["SSHD_PORT"])
        self.frozen: set[str] = set()

    # -- daemons

    def _script(self, verb: str, name: str) -> None:
        subprocess.run([SCRIPT, verb, self.dir, name], check=True, timeout=60)

    def up(self, name: str) -> None:
        """Start a daemon again."""
        self._script("up", name)

    def down(self, name: str) -> None:
        """End a daemon; with sshd also the logins."""
        self._script("down", name)

    def freeze(self, name: str) -> None:
        """Stop a daemon in its tracks, with sshd also the logins."""
        self._script("freeze", name)
        self.frozen.add(name)

    def thaw(self, name: str) -> None:
        """Let a frozen daemon go on."""
        self._script("thaw", name)
        self.frozen.discard(name)

    def pid(self, name: str) -> int:
        """A daemon's process id."""
        return int((self.dir / "pids" / name).read_text().split()[0])

    def cut_logins(self) -> None:
        """End the logins, but not the sshd that listens."""
        listener = self.pid("sshd")
        children = Path(f"/proc/{listener}/task/{listener}/children").read_text().split()
        for child in map(int, children):
            os.kill(child, signal.SIGKILL)

    @contextmanager
    def second_sshd(self, port: int) -> Iterator[None]:
        """Another sshd, on another port."""
        pid_file = self.dir / "ssh" / "second.pid"
        program = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        process = subprocess.Popen(
            [
                program,
                "-D",
                "-f",
                self.dir / "ssh" / "sshd_config",
                "-p",
                str(port),
                "-o",
                f"PidFile={pid_file}",
            ],
            start_new_session=True,
        )
        try:
            until(pid_file.exists)
            yield
        finally:
            process.terminate()
            process.wait(10)

    # -- Slurm

    def slurm(self, *command: str) -> str:
        """The output of a Slurm command, without any shim."""
        done = subprocess.run(
            command,
            env=os.environ | self.env,
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.stdout

    def queue(self, state: str = "all") -> list[str]:
        """Ids of the jobs in the queue."""
        states = ["-t", state] if state != "all" else []
        return self.slurm("squeue", "-h", *states, "-o", "%i").split()

    def ended(self) -> list[dict[str, str]]:
        """The jobs that ran and ended, as Slurm's completion log has them."""
        file = self.dir / "log" / "jobcomp.log"
        lines = file.read_text().splitlines() if file.exists() else []
        jobs = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]
        return [job for job in jobs if job["NodeList"] != "(null)"]

    # -- shims

    def shim(self, program: str, fault: str, when: str = "true") -> None:
        """Have a program misbehave for the login, once.

        Parameters
        ----------
        program : str
            As ``sbatch``.
        fault : str
            Shell lines; ``$real`` is the program itself and ``$@`` its arguments.  Unless they
            end the shell, the program itself follows.
        when : str
            Shell condition: the first call on which it is true misbehaves.
        """
        path, real = self.bin / program, shutil.which(program, path="/usr/local/bin:/usr/bin:/bin")
        assert real is not None
        path.write_text(
            f"#!/bin/bash\nreal={real}\n"
            f"if {when} && mkdir {self.bin}/.{program} 2>/dev/null; then\n{fault}\nfi\n"
            'exec $real "$@"\n'
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    @property
    def cut_this_login(self) -> str:
        """Shell lines for a shim: end the login that called it."""
        return (
            f"listener=$(cut -d' ' -f1 {self.dir}/pids/sshd); p=$PPID\n"
            'while [ "$p" -gt 1 ] && up=$(ps -o ppid= -p $p) && [ $up -ne $listener ]; do'
            " p=$((up)); done\n"
            "kill -KILL $p; sleep 1; exit 1"
        )

    def heal(self) -> None:
        """Undo what a test did."""
        for entry in self.bin.iterdir():
            if entry.is_dir():
                entry.rmdir()
            else:
                entry.unlink()
        for name in list(self.frozen):
            self.thaw(name)
        for name in DAEMONS:
            self.up(name)
        until(
            lambda: (
                subprocess.run(
                    ["scontrol", "ping"],
                    env=os.environ | self.env,
                    capture_output=True,
                    check=False,
                ).returncode
                == 0
            )
        )
        self.slurm("scancel", "--user", self.env["SSH_USER"])
        down = self.slurm("sinfo", "-h", "-N", "-t", "down,drain,drained,fail", "-o", "%N").split()
        for node in set(down):
            self.slurm("scontrol", "update", f"nodename={node}", "state=resume")
        until(lambda: not self.queue())
        until(lambda: set(self.slurm("sinfo", "-h", "-N", "-o", "%T").split()) == {"idle"})


def _require(programs: tuple[str, ...], packages: str, demand: bool = True) -> None:
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    missing = [name for name in programs if not shutil.which(name, path=path)]
    if not missing:
        return
    why = f"needs {', '.join(missing)} (Debian: {packages})"
    if demand and os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


def require_cluster() -> None:
    """Skip the test if Slurm or sshd is not installed; fail it where CI is set."""
    _require(NEEDED, "slurmctld slurmd slurm-client munge openssh-server")


@contextmanager
def started() -> Iterator[Cluster]:
    """A cluster in a folder of its own."""
    # Not tmp_path: the Unix sockets in it need a short name.
    short = tempfile.gettempdir() if len(tempfile.gettempdir()) < 50 else "/tmp"
    base = Path(tempfile.mkdtemp(prefix="lb", dir=short))
    base.chmod(0o755)
    # It lives as long as its standard input: it also ends when this process is killed.
    process = subprocess.Popen(
        [SCRIPT, "run", base / "c"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "READY\n", "the loopback cluster did not start"
        yield Cluster(base / "c")
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()
        shutil.rmtree(base, ignore_errors=True)
