"""What the user sees while a run goes on: a live line on a terminal, plain lines in a log.

The same is kept in a small file, from which ``wtemlp status`` tells what is going on.
"""

import json
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from wtemlp import __version__
from wtemlp.core.atomic_io import write_passing
from wtemlp.core.formatting import duration
from wtemlp.dispatch.tasks import Progress, Task

log = logging.getLogger("wtemlp.run")  # what a user is told, for the run's log
PLAIN_EVERY_S = 30.0  #: between plain lines of a stage in which nothing changes
MIN_FRACTION = 0.02  #: below it, no time left is estimated
LOOK_SHARE = 0.02  #: of the time, at most, goes into asking engines how far they are


class StageProgress:
    """Counts and time left of one stage's tasks.

    Parameters
    ----------
    title : str
        As ``"iteration 0 of 2: train"``.
    tasks : sequence of Task
        What is being run.
    done_steps : callable
        Engine steps that the task in a folder has behind it; 0 if it cannot be told.
    """

    def __init__(
        self, title: str, tasks: Sequence[Task], done_steps: Callable[[Path], int]
    ) -> None:
        self.title, self._done_steps = title, done_steps
        self._tasks = {task.name: task for task in tasks}
        self._total = sum(task.steps for task in tasks)
        self._ended, self._ended_steps = 0, 0  #: of those that have ended: how many, their steps
        self._begin = time.monotonic()
        self._first: float | None = None
        self._moves = False  #: whether steps have been done since the beginning
        self._look_at = float("-inf")
        self._running: dict[str, int] = {}  #: steps of those that may be running
        self.counts = Progress(len(tasks), 0, 0, 0)
        self.fraction = 0.0

    def update(self, counts: Progress) -> None:
        """Take new counts and look how far the engines that run are.

        What has ended is counted once, and what waits is not looked at.
        """
        self.counts = counts
        ended = (counts.finished + counts.failed) / max(counts.total, 1)
        if self._total:
            new = counts.ended[self._ended :]
            self._ended += len(new)
            for name in new:
                self._ended_steps += self._tasks[name].steps
                self._running.pop(name, None)
            self._look(counts.active)
            done = self._ended_steps + sum(self._running.values())
            self.fraction = max(ended, done / self._total)
        else:
            self.fraction = ended
        # Where steps are counted, the clock begins with the first of them: an engine may take a
        # minute to start, which is no measure of its steps.
        at_rest = bool(self._total) and not self._moves
        if self._first is None or (at_rest and self.fraction > self._first):
            self._moves = self._first is not None
            self._begin, self._first = time.monotonic(), self.fraction

    def _look(self, active: Sequence[str]) -> None:
        """Ask the files of what runs, but for a small share of the time."""
        began = time.monotonic()
        if began < self._look_at:
            return
        running = [task for task in map(self._tasks.__getitem__, active) if task.steps]
        self._running = {t.name: min(self._done_steps(t.folder), t.steps) for t in running}
        took = time.monotonic() - began
        self._look_at = began + took / LOOK_SHARE

    @property
    def seconds_left(self) -> float | None:
        """Estimate from the speed so far; None while there is none."""
        gained = self.fraction - (self._first or 0.0)
        if gained < MIN_FRACTION:
            return None
        return (time.monotonic() - self._begin) / gained * (1 - self.fraction)

    def line(self) -> str:
        """One line of text."""
        c = self.counts
        parts = [f"{self.title}: {c.finished} of {c.total} tasks done, {c.running} running"]
        if c.failed:
            parts.append(f"{c.failed} failed")
        parts.append(f"{100 * self.fraction:.0f} %")
        if self.seconds_left is not None and self.fraction < 1:
            parts.append(f"about {duration(self.seconds_left)} left")
        return ", ".join(parts)


#: What every live file has, and of what kind.
LIVE_KEYS: dict[str, type | tuple[type, ...]] = {
    "host": str,
    "pid": int,
    "time": (int, float),
    "line": str,
    "ended": bool,
    "error": str,
    "command": str,
    "files": list,
}


def read_live(path: Path) -> dict[str, Any]:
    """What the last client wrote of itself; empty where there is nothing sound.

    Returns
    -------
    dict
        ``host``, ``pid``, ``time`` (s since the epoch) and ``line`` of its last word; ``ended``,
        and ``error``, "" where it ended well; ``command`` and ``files``, to do it again.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    sound = all(isinstance(content.get(key), kind) for key, kind in LIVE_KEYS.items())
    return content if sound else {}


class Reporter:
    """Says what a run does, on a terminal or into a log file, and in the live file.

    Parameters
    ----------
    live : Path or None
        Where ``wtemlp status`` looks; None: nowhere.
    console : Console, optional
        Where to say it; by default standard output.
    command : str, optional
        What is being done, as ``"run"``.
    files : sequence of str, optional
        Its input files, relative to the run's folder.
    """

    def __init__(
        self,
        live: Path | None,
        console: Console | None = None,
        command: str = "",
        files: Sequence[str] = (),
    ) -> None:
        self._live, self._console = live, console or Console(highlight=False)
        self._command, self._files = command, list(files)
        self._last_line, self._last_time = "", 0.0

    def begin(self) -> None:
        """Leave word that the command is at work; the error of the one before is forgotten."""
        self._write_live("starting")
        log.info("wtemlp %s: %s begins", __version__, " ".join([self._command, *self._files]))

    def end(self, error: str = "") -> None:
        """Leave word that it is no more, and why: "" if it has done what it had to do."""
        self._write_live("ended", ended=True, error=error)
        if not error:
            log.info("%s has ended", self._command)

    def say(self, text: str) -> None:
        """A line that stays, also in the log."""
        log.info("%s", text)
        self.show(text)

    def show(self, text: str) -> None:
        """A line that stays, and is in the log already."""
        self._write_live(text)
        stamp = "" if self._console.is_terminal else time.strftime("%Y-%m-%d %H:%M:%S ")
        self._console.print(stamp + text, markup=False, soft_wrap=True)

    def table(self, text: str) -> None:
        """Text of several lines, as it is."""
        log.info("\n%s", text)
        self._console.print(text, markup=False, soft_wrap=True)

    def follow(
        self, stage: StageProgress, run: Callable[[Callable[[Progress], None]], None]
    ) -> None:
        """Run something that reports its progress, and show it.

        Parameters
        ----------
        stage : StageProgress
            What is run.
        run : callable
            Called with the function that takes the counts.
        """
        if not self._console.is_terminal:
            run(lambda counts: self._plain(stage, counts))
            return
        bar = Bar(TextColumn("{task.description}"), BarColumn(bar_width=20), console=self._console)
        row = bar.add_task(stage.title, total=1.0)
        with Live(bar, console=self._console, refresh_per_second=4, transient=True):

            def show(counts: Progress) -> None:
                stage.update(counts)
                self._write_stage(stage)
                bar.update(row, completed=stage.fraction, description=stage.line())

            run(show)

    @contextmanager
    def board(self) -> Iterator[Callable[[str, Mapping[str, tuple[str, str]]], None]]:
        """Show what several things do that go on at the same time.

        Yields
        ------
        callable
            Takes a line about all of them, and for each its name, the phase that it is in and a
            line about it.  On a terminal the lines are there as long as the context is; elsewhere
            a line is said when its thing enters another phase, and now and then.
        """
        if not self._console.is_terminal:
            said: dict[str, tuple[str, str, float]] = {}
            yield lambda line, rows: self._plain_board(line, rows, said)
            return
        with Live(console=self._console, refresh_per_second=4, transient=True) as live:

            def show(line: str, rows: Mapping[str, tuple[str, str]]) -> None:
                self._write_live(line)
                width = max(map(len, rows), default=0)
                text = "\n".join(f"{name:{width}}  {row[1]}" for name, row in rows.items())
                live.update(Text(text, no_wrap=True, overflow="ellipsis"))

            yield show

    def _plain_board(
        self,
        line: str,
        rows: Mapping[str, tuple[str, str]],
        said: dict[str, tuple[str, str, float]],
    ) -> None:
        now = time.monotonic()
        for name, (phase, text) in rows.items():
            old_phase, old_text, when = said.get(name, ("", "", now))
            late = now - when > PLAIN_EVERY_S and text != old_text
            if phase != old_phase or late:
                self.say(f"{name}: {text}")
                said[name] = (phase, text, now)
        self._write_live(line)

    def _plain(self, stage: StageProgress, counts: Progress) -> None:
        changed = counts != stage.counts
        stage.update(counts)
        self._write_stage(stage)
        line = stage.line()
        waited = time.monotonic() - self._last_time
        if line != self._last_line and (changed or waited > PLAIN_EVERY_S):
            self.say(line)
            self._last_line, self._last_time = line, time.monotonic()

    def _write_stage(self, stage: StageProgress) -> None:
        self._write_live(
            stage.line(),
            title=stage.title,
            counts=stage.counts.counts,
            fraction=stage.fraction,
            seconds_left=stage.seconds_left,
        )

    def _write_live(self, line: str, *, ended: bool = False, error: str = "", **stage: Any) -> None:
        if self._live is None:
            return
        write_passing(
            self._live,
            {
                "command": self._command,
                "files": self._files,
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "time": time.time(),
                "line": line,
                "ended": ended,
                "error": error,
                **stage,
            },
        )


def quiet_reporter() -> Reporter:
    """A reporter that shows nothing."""
    return Reporter(None, Console(quiet=True))


def reporter_on_stderr() -> Reporter:
    """A reporter for a command whose standard output is its result."""
    return Reporter(None, Console(stderr=True, highlight=False))
