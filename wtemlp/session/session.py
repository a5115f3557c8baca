"""A command at work: its folder held, its log open, word left of how it ended."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from wtemlp.core import shell_hints
from wtemlp.core.atomic_io import LogFile, in_words
from wtemlp.core.errors import FileSystemError, InputError, WtemlpError
from wtemlp.core.paths import RunPaths
from wtemlp.session.lock import locked
from wtemlp.session.progress import Reporter

SAID = ("wtemlp.dispatch", "wtemlp.stages")  #: loggers whose warnings are said


class _ToUser(logging.Handler):
    """Shows the first line of what is logged."""

    def __init__(self, say: Callable[[str], object]) -> None:
        super().__init__(logging.WARNING)
        self.say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Show a line."""
        self.say(record.getMessage().partition("\n")[0])


#: Whose messages a run's log keeps: the program's, and those of what it hands its tasks to.
LOGGERS = ("wtemlp", "dpgen", "dpdispatcher")


@contextmanager
def run_log(paths: RunPaths, say: Callable[[str], object]) -> Iterator[None]:
    """Keep what is logged in the run's log file, and an unexpected error with it.

    What the dispatcher warns of (it waits for a host, a task is tried again) is also said.
    """
    to_file = LogFile(paths.log)
    to_file.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    to_file.setLevel(logging.INFO)
    added: list[tuple[logging.Logger, logging.Handler]] = [
        *((logging.getLogger(name), _ToUser(say)) for name in SAID),
        *((logging.getLogger(name), to_file) for name in LOGGERS),
    ]
    for logger, handler in added:
        logger.addHandler(handler)
    own, level = logging.getLogger("wtemlp"), logging.getLogger("wtemlp").level
    own.setLevel(logging.INFO)
    try:
        yield
    except WtemlpError as error:
        logging.getLogger("wtemlp").error("%s", error)
        raise
    except Exception:
        logging.getLogger("wtemlp").exception("unexpected error")
        raise
    finally:
        own.setLevel(level)
        for logger, handler in added:
            logger.removeHandler(handler)
        to_file.close()


def run_folder(root: Path) -> Path:
    """The run's folder, absolute.

    Raises
    ------
    InputError
        If its path has a character that DP-GEN or dpdata take for a pattern or for HDF5.
    """
    root = root.resolve()
    special = sorted(set(str(root)) & set("[]*?#"))
    if special:
        raise InputError(
            str(root),
            f"a path with {' '.join(special)} in it",
            "take a folder without: DP-GEN and dpdata read it as a pattern",
        )
    return root


def find_input(path: Path, root: Path) -> Path:
    """An input file as the user named it: in the working directory, else in the run's folder."""
    return path if path.exists() or not (root / path).exists() else root / path


def _terminated(number: int, frame: object) -> None:
    """SIGTERM ends a command as Ctrl-C does."""
    raise KeyboardInterrupt


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Have SIGTERM end a command as Ctrl-C does; other threads than the first get no signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _files_named(root: Path, again: str) -> Iterator[None]:
    """Have an error of the file system say what happened to which file, and how to go on."""
    try:
        yield
    except BrokenPipeError:  # nobody reads what is said
        raise
    except OSError as error:
        raise FileSystemError(
            f"{in_words(error, root)}; what is done is kept: put that right and go on with: {again}"
        ) from error


@contextmanager
def at_work(
    paths: RunPaths,
    command: str,
    param: Path,
    machine: Path,
    again: str = "",
    quiet: bool = False,
) -> Iterator[Reporter]:
    """Hold a folder while a command is at work in it, and leave word how it ended.

    Parameters
    ----------
    paths : RunPaths
        Of the folder, which exists.
    command : str
        As the user typed it, for the line that says how to go on.
    param, machine : Path
        The command's files.
    again : str, optional
        The whole command to go on with, where the others do not make it up.
    quiet : bool, optional
        Whether to print nothing.

    Yields
    ------
    Reporter
    """
    files = [shell_hints.kept(file, paths.root) for file in (param, machine)]
    console = Console(quiet=True) if quiet else None
    reporter = Reporter(paths.live, console, command=command, files=files)
    again = again or shell_hints.command(command, paths.root, *files)
    with _ended_by_sigterm(), locked(paths):
        try:
            with _files_named(paths.root, again), run_log(paths, reporter.show):
                reporter.begin()
                yield reporter
                reporter.end()
        except WtemlpError as error:
            if not isinstance(error, InputError | FileSystemError):
                reporter.say(f"stopped; go on with: {again}")
            reporter.end(str(error))
            raise
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt)
            if interrupted:
                error.add_note(f"end them with: {shell_hints.alone('cancel', paths.root)}")
            reporter.end("interrupted" if interrupted else f"{type(error).__name__}: {error}")
            raise
