"""The runs of a sweep, each a ``wtemlp run`` of its own: started, watched, ended.

A run holds its own lock and has its own log, and does not need the sweep: one that outlives a
killed sweep is found by its lock, and watched.
"""

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from wtemlp.core.errors import WtemlpError
from wtemlp.core.paths import RunPaths
from wtemlp.records import state as states
from wtemlp.session.lock import is_held
from wtemlp.session.progress import Reporter, read_live
from wtemlp.sweep.folder import OUTPUT, PARAM

LOOK_S = 0.5  #: between two looks at the runs
END_S = 30.0  #: how long runs that were told to end may take
COMPLAINT = "wtemlp: "  #: how the command line begins what is wrong

log = logging.getLogger("wtemlp.sweep")


class Stand(Enum):
    """How a run stands."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass
class Child:
    """One run."""

    name: str
    folder: Path
    machine: Path
    prepare: Callable[[], None]  #: makes the run's folder
    after: "Child | None" = None  #: what must be finished before
    stand: Stand = Stand.WAITING
    error: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _said_from: int = 0  #: place in its output where this call's begins
    _title: str = ""

    @property
    def paths(self) -> RunPaths:
        """Of the run's folder."""
        return RunPaths(self.folder)

    def finished(self) -> bool:
        """Whether the run has come to its end."""
        state = states.load(self.paths)
        return state is not None and bool(state.finished)

    @property
    def runs(self) -> bool:
        """Whether a process of this run is alive, as far as was seen last."""
        return self.stand is Stand.RUNNING

    def begin(self) -> None:
        """Start the run, or find that it goes on, or has ended.

        A run whose folder cannot be made has failed.
        """
        try:
            if is_held(self.paths):  # by a wtemlp that outlived the last sweep, or the user's own
                self.stand = Stand.RUNNING
                return
            if self.finished():
                self.stand = Stand.FINISHED
                return
            self.prepare()
            self._start()
        except (WtemlpError, OSError) as error:
            log.exception("%s cannot be made", self.folder)
            self.stand, self.error = Stand.FAILED, str(error)

    def _start(self) -> None:
        output = self.folder / OUTPUT
        with output.open("ab") as stream:
            self._said_from = stream.tell()
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "wtemlp",
                    "run",
                    "-C",
                    str(self.folder),
                    str(self.folder / PARAM),
                    str(self.machine),
                ],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the sweep, which tells its runs to end, once.
                start_new_session=True,
            )
        self.stand = Stand.RUNNING

    def look(self) -> None:
        """See whether a running one has ended, and how."""
        try:
            self._look()
        except WtemlpError as error:  # its state is damaged
            self.stand, self.error = Stand.FAILED, str(error)

    def _look(self) -> None:
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return
            self.process = None
            if code == 0 and self.finished():
                self.stand = Stand.FINISHED
            elif not is_held(self.paths):
                self.stand, self.error = Stand.FAILED, self._complaint(code)
            return
        if is_held(self.paths):
            return
        # That other wtemlp has ended; what it left undone is done here.
        self.stand = Stand.FINISHED if self.finished() else Stand.WAITING

    def _complaint(self, code: int) -> str:
        try:
            with (self.folder / OUTPUT).open("rb") as stream:
                stream.seek(self._said_from)
                text = stream.read().decode(errors="replace")
        except OSError as error:
            return str(error)
        said = f"\n{text}".rpartition(f"\n{COMPLAINT}")[2].strip() if COMPLAINT in text else ""
        if said:
            return said
        if code < 0:
            return f"was killed ({signal.Signals(-code).name})"
        return f"ended with exit code {code}; see {self.folder / OUTPUT}"

    def row(self) -> tuple[str, str]:
        """The phase that it is in, and a line about it."""
        if self.stand is Stand.RUNNING:
            live = read_live(self.paths.live)
            mine = self.process is None or live.get("pid") == self.process.pid
            if not live or not mine:
                return "starting", "starting"
            if live["ended"]:
                return "ending", "ending"
            self._title = live.get("title", self._title)
            return f"running {self._title}", live["line"]
        if self.stand is Stand.FAILED:
            return "failed", f"failed: {self.error.splitlines()[0] if self.error else ''}"
        if (
            self.stand is Stand.WAITING
            and self.after is not None
            and self.after.stand is not Stand.FINISHED
        ):
            return "waiting", f"waits for {self.after.name}"
        return self.stand.value, self.stand.value


def run_all(children: Sequence[Child], parallel: int, reporter: Reporter) -> None:
    """Run all, as many at the same time as allowed; :attr:`Child.stand` tells how each ended.

    One that fails does not stop the others, but those that come after it.  Where this is
    interrupted, the runs are told to end, as by Ctrl-C: their state is saved, jobs in a queue go
    on, and the next call finds them.

    Parameters
    ----------
    children : sequence of Child
    parallel : int
        Runs of this call at the same time; those that are at work already do not wait.
    reporter : Reporter
    """
    try:
        with reporter.board() as show:
            while True:
                _advance(children, parallel)
                counts = [sum(c.stand is one for c in children) for one in Stand]
                waiting, running, done, failed = counts
                lost = f", {failed} failed" if failed else ""
                show(
                    f"{done} of {len(children)} runs finished, {running} running{lost}",
                    {child.name: child.row() for child in children},
                )
                if not waiting and not running:
                    return
                time.sleep(LOOK_S)
    finally:
        _end(children)


def _advance(children: Sequence[Child], parallel: int) -> None:
    for child in children:
        if child.runs:
            child.look()
    running = sum(child.runs for child in children)
    for child in children:
        if child.stand is not Stand.WAITING:
            continue
        if child.after is not None and child.after.stand is Stand.FAILED:
            child.stand = Stand.FAILED
            child.error = f"{child.after.name}, which it goes on from, has failed"
        elif child.after is None or child.after.stand is Stand.FINISHED:
            at_work = bool(child.folder.exists() and is_held(child.paths))
            if running < parallel or at_work:
                child.begin()
                running += child.runs


def _end(children: Sequence[Child]) -> None:
    """Tell the runs of this call to end, and wait for them."""
    alive = [child.process for child in children if child.process is not None]
    for process in alive:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    end = time.monotonic() + END_S
    for process in alive:
        try:
            process.wait(max(0.1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("process %d has been told to end, and has not yet", process.pid)


def default_parallel(local: bool, n_runs: int) -> int:
    """All at once where the jobs wait in queues; on this machine each run fills the cores."""
    return 1 if local else max(1, n_runs)
