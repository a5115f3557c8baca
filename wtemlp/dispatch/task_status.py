"""How a task stands, from the marks in its folder (:mod:`wtemlp.dispatch.script` makes them)."""

import fcntl
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from wtemlp.dispatch import script
from wtemlp.dispatch.journal import Journal


@dataclass(frozen=True)
class Mark:
    """A task's marks."""

    done: bool = False
    ended_by: str = ""  #: the job whose attempt ended last
    status: int | None = None  #: its exit status
    started_by: str = ""  #: the job whose attempt began last
    held: bool = False  #: something is still running in the folder
    progress: int = 0  #: how far what is done is safe from a kill, in the task's own measure


def _mark(done: bool, ended: str, started: str, held: bool, progress: str) -> Mark:
    words, far = ended.split(), progress.strip()
    mark = Mark(
        done, started_by=started.strip(), held=held, progress=int(far) if far.isdigit() else 0
    )
    if len(words) != 2 or not words[1].isdigit():  # being written just now
        return mark
    return replace(mark, ended_by=words[0], status=int(words[1]))


def read_mark(folder: Path, locks: bool = True) -> Mark:
    """The marks of a task whose folder is on this machine.

    Parameters
    ----------
    folder : Path
    locks : bool
        Whether to look at the lock, too: is something running, and which job began last.
    """
    place = f"{folder}/"  # this is done often
    # Before the tag: it is written under the lock.
    held, begun = _is_locked(place + script.LOCK) if locks else (False, "")
    tag = _text(place + script.DONE)
    ended = _text(place + script.EXIT) if tag is None else tag
    far = _text(place + script.PROGRESS) if tag is None and (locks or ended) else None
    return _mark(tag is not None, ended or "", begun, held, far or "")


def parse_probe(lines: Iterable[str]) -> dict[str, Mark]:
    """The marks of tasks on another machine, by folder, from what the probe printed."""
    marks = {}
    for line in lines:
        fields = line.split("|", 5)
        if len(fields) == 6:
            done, ended, started, held, far, folder = fields
            marks[folder] = _mark(done == "done", ended, started, held == "held", far)
    return marks


def _text(path: str) -> str | None:
    try:
        with open(path) as stream:  # noqa: PTH123
            return stream.read()
    except FileNotFoundError:
        return None


def _is_locked(path: str) -> tuple[bool, str]:
    """Whether a lock is held, and its last line."""
    try:
        # For writing, too: without it, NFS grants no exclusive lock.
        with open(path, "r+", errors="replace") as stream:  # noqa: PTH123
            last = (stream.read().splitlines() or [""])[-1]
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False, ""
    except BlockingIOError:
        return True, last
    return False, last


def has_finished(folder: Path) -> bool:
    """Whether a task has finished, and its results are in its folder."""
    return (folder / script.DONE).is_file()


def finished_by(folder: Path) -> str:
    """Which job, or other program, has finished a task; "" if it has not finished."""
    return ((_text(f"{folder}/{script.DONE}") or "").split() or [""])[0]


def note_finished(folder: Path, by: str) -> None:
    """Have a task count as finished, which another program has run."""
    if not has_finished(folder):
        (folder / script.DONE).write_text(f"{by} 0\n")
    (folder / script.AGAIN).unlink(missing_ok=True)


def is_mark(name: str) -> bool:
    """Whether a file in a task's folder is the dispatcher's own."""
    return name.startswith(script.TASK_HASH) or name in (script.OUT, script.ERR)


def have_begun(stage: Path) -> set[str]:
    """Names of a stage's tasks of which an attempt may have begun: here, or on another machine."""
    journal = Journal.open(stage)
    tasks = {name for job in journal.jobs.values() for name in job.tasks}
    locked = {lock.parent.name for lock in stage.glob(f"*/{script.LOCK}")}
    return tasks | locked | journal.failures.keys() | journal.failed.keys()


def keep_files(folder: Path, names: Iterable[str]) -> None:
    """Have another attempt leave files of the user's own where they are.

    Parameters
    ----------
    folder : Path
        The task's.
    names : iterable of str
        Relative to it.
    """
    if (folder / script.LOCK).exists():  # elsewhere the folder here is not cleaned
        with (folder / script.LOCK).open("a") as stream:
            stream.writelines(f"{line}\n" for name in names for line in script.kept_lines(name))


def forget_finished(folder: Path) -> None:
    """Have a task run again in the next call, though it has finished: its results are no good.

    The other side hears of it when that call begins.
    """
    (folder / script.AGAIN).touch()
    (folder / script.DONE).unlink(missing_ok=True)


def is_forgotten(folder: Path) -> bool:
    """Whether a task is to run again (:func:`forget_finished`), and no call has begun to."""
    return (folder / script.AGAIN).exists()
