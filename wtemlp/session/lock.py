"""The lock of a run's folder: one wtemlp at a time works in it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from wtemlp.core import shell_hints
from wtemlp.core.atomic_io import in_words, is_of_disk
from wtemlp.core.errors import FileSystemError, InputError, WtemlpError
from wtemlp.core.paths import RunPaths
from wtemlp.session.progress import read_live

PATIENCE_S = 0.5  #: :func:`is_held` has the lock for less than a moment


@contextmanager
def locked(paths: RunPaths) -> Iterator[None]:
    """Hold the lock of a run's folder, which is made if it is not there.

    Raises
    ------
    WtemlpError
        If another process has it; the message says which.
    InputError
        If the folder cannot be written in.
    """
    lock = FileLock(paths.lock)
    try:
        paths.root.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=PATIENCE_S, poll_interval=PATIENCE_S / 10)
    except Timeout as error:
        # filelock also says so of a folder in which no file can be made, as below /proc.
        if paths.lock.exists():
            raise _held_error(paths) from error
        raise _unwritable(paths, "no file can be made in it") from error
    except OSError as error:
        if error.errno != errno.EROFS and is_of_disk(error):
            raise FileSystemError(
                f"{in_words(error, paths.root)}; put that right and give the same command again"
            ) from error
        raise _unwritable(paths, error.strerror or str(error)) from error
    try:
        yield
    finally:
        lock.release()


def is_held(paths: RunPaths) -> bool | None:
    """Whether a process has the lock; None if that cannot be told.

    The lock is taken and given back at once; no file is made.
    """
    if not paths.lock.exists():
        return False
    lock = FileLock(paths.lock)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    except OSError:  # the folder of another user
        return None
    lock.release()
    return False


def _held_error(paths: RunPaths) -> WtemlpError:
    holder = read_live(paths.live)
    who = f" (process {holder['pid']} on {holder['host']})" if holder else ""
    return WtemlpError(
        f"{paths.root}: another wtemlp is at work here{who}; "
        f"see it with: {shell_hints.status(paths.root)}"
    )


def _unwritable(paths: RunPaths, why: str) -> InputError:
    return InputError(str(paths.root), f"cannot be written ({why})", "take another folder (-C DIR)")
