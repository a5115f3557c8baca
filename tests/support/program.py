"""``wtemlp`` for tests: a process of its own, forked from the tests' process.

It has a session and an environment of its own, and is killed and waited for, but what
``wtemlp run`` imports is there already, at its start and when it comes to it (DP-GEN,
DeePMD-kit's schema, what draws the page): that takes seconds, and the loop is started some two
hundred times.  What a fork has in common with its parent (the order of sets, what was imported)
is tested with :data:`COMMAND`, as is the command line.
"""

import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import wtemlp.cli.init
import wtemlp.cli.run  # noqa: F401
from tests.support.synthetic import TRUST, TYPE_MAP, write_run
from wtemlp.cli import main
from wtemlp.config.params import examine_params
from wtemlp.dpgen import adapter
from wtemlp.report.page import RunFacts, write_report
from wtemlp.session import live_page as page_of_a_run
from wtemlp.session import live_report  # noqa: F401

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "wtemlp/cli/examples/copper/param.json"
#: The same as a command, for what needs one.
COMMAND = (sys.executable, "-c", "from wtemlp.cli import main; main()")


def environment(**more: str) -> dict[str, str]:
    """That of the tests, with this source tree, and more."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return os.environ | {"PYTHONPATH": path} | more


@cache
def import_the_rest() -> None:
    """Import what a run imports when it comes to it."""
    adapter.import_quietly("dpgen.generator.run")
    examine_params(EXAMPLE, EXAMPLE.parent)
    with tempfile.TemporaryDirectory() as folder:
        run = write_run(Path(folder))
        write_report(run.root, RunFacts("", Path(), (TRUST,), run.init_data, TYPE_MAP))


class Program:
    """A running ``wtemlp``, used as a :class:`subprocess.Popen`.

    Parameters
    ----------
    words : sequence of str
        The command line, without ``wtemlp``.
    cwd : Path
    more : mapping, optional
        Environment variables beside those of the tests.
    merged : bool
        Whether standard error goes where standard output does.
    live_page : bool
        Whether a run keeps its page while it goes on: the process that does imports all anew.
    """

    def __init__(
        self,
        words: Sequence[str],
        cwd: Path,
        more: Mapping[str, str] | None = None,
        merged: bool = True,
        live_page: bool = False,
    ) -> None:
        self.args = ("wtemlp", *words)
        self.returncode: int | None = None
        import_the_rest()
        self._out = tempfile.TemporaryFile()  # noqa: SIM115
        self._err = self._out if merged else tempfile.TemporaryFile()  # noqa: SIM115
        self.pid = os.fork()
        if self.pid == 0:
            self._become(cwd, more or {}, live_page)

    def _become(self, cwd: Path, more: Mapping[str, str], live_page: bool) -> None:
        """The child: as if it had just been started; it never returns, whatever happens."""
        status = 70
        try:
            variables = environment(**more)
            if not live_page:
                page_of_a_run.FIRST_S = float("inf")
            os.setsid()
            for number, target in enumerate(
                (os.open(os.devnull, os.O_RDONLY), self._out.fileno(), self._err.fileno())
            ):
                os.dup2(target, number)
            os.closerange(3, 1024)
            os.chdir(cwd)
            os.environ.clear()
            os.environ.update(variables)
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
            sys.stderr = os.fdopen(2, "w", buffering=1)
            sys.argv = list(self.args)
            logging.getLogger().handlers[:] = []
            status = self._main()
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
        finally:
            os._exit(status)

    @staticmethod
    def _main() -> int:
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
        except BaseException:
            traceback.print_exc()
            return 1
        return 0

    def poll(self) -> int | None:
        """The exit status; None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        end = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(0.02)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str | None]:
        """Wait for its end; what it said."""
        try:
            self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            self.wait()
            raise
        err = None if self._err is self._out else self._said(self._err)
        return self._said(self._out), err

    @staticmethod
    def _said(file) -> str:
        file.seek(0)
        return file.read().decode()

    def send_signal(self, number: int) -> None:
        """Send a signal, if it is alive."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def run(
    *words: str, cwd: Path, timeout: float = 180, check: bool = False, **more: str
) -> subprocess.CompletedProcess:
    """A command of wtemlp's, to its end; as :func:`subprocess.run` has it."""
    process = Program(words, cwd, more, merged=False)
    out, err = process.communicate(timeout)
    done = subprocess.CompletedProcess(process.args, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done
