"""A process of low priority that writes the page of a run whenever it is asked to.

It remembers what it has read of iterations that are over, and ends with the command that began it.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wtemlp.core.paths import REPORT

NICENESS = 10  #: the run's own tasks come first
#: No module in the working directory is taken for one of Python's.
CODE = (
    "import sys; sys.path = [place for place in sys.path if place]; "
    "from wtemlp.session import page_process; page_process.main()"
)


@dataclass(frozen=True)
class Outcome:
    """How the writing of a page ended."""

    seconds: float  #: of processor time that it took
    error: str = ""  #: what went wrong; "" if it was written


class PageProcess:
    """The process as the run sees it.

    Parameters
    ----------
    root : Path
        The run's folder, absolute.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._said: bytes | None = None  #: what it has said since it was asked; None: it is idle
        self._failed = ""

    @property
    def busy(self) -> bool:
        """Whether a page is being written."""
        return self._said is not None

    def ask(self) -> None:
        """Have a page written; begins the process if there is none."""
        self._said, self._failed = b"", ""
        try:
            if self._process is None:
                self._process = self._begin()
            assert self._process.stdin is not None
            self._process.stdin.write(b"write\n")
            self._process.stdin.flush()
        except OSError as error:
            self._failed = f"no process for it ({error})"

    def _begin(self) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-c", CODE, str(self.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C is for the command
        )
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        return process

    def outcome(self) -> Outcome | None:
        """How the page that was asked for has turned out, once; None while it is being written."""
        if self._said is None:
            return None
        if self._process is not None and not self._failed:
            assert self._process.stdout is not None
            ended = self._process.poll()
            self._said += self._process.stdout.read() or b""
            if self._said.endswith(b"\n"):
                line, self._said = self._said, None
                return Outcome(**json.loads(line))
            if ended is None:
                return None
            self._failed = f"its process has ended with status {ended}"
        self.end()
        return Outcome(0.0, self._failed)

    def end(self) -> None:
        """End the process, whatever it is doing; a page is replaced whole or not at all."""
        process, self._process, self._said = self._process, None, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            with suppress(OSError):  # of what it has not read
                if stream is not None:
                    stream.close()
        (self.root / f"{REPORT}.{process.pid}.tmp").unlink(missing_ok=True)


def serve(root: Path) -> None:
    """Write the page for each line of standard input, and a line to standard output when done."""
    from wtemlp.report.data import Known
    from wtemlp.session.live_report import write_run_page

    known = Known()
    for _ in sys.stdin:
        began, error = time.process_time(), ""
        try:
            write_run_page(root, at_work=True, known=known)
        except Exception as caught:
            error = f"{type(caught).__name__}: {caught}"
        seconds = time.process_time() - began
        print(json.dumps({"seconds": seconds, "error": error}), flush=True)


def main() -> None:
    """Serve a run's folder, the first argument, at low priority."""
    os.nice(NICENESS)
    serve(Path(sys.argv[1]))
