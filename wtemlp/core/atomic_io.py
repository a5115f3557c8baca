"""Files that are read while they are written: replaced whole, never half of one.

Whatever wtemlp keeps for itself is written here: the content is on the disk before the name is, so
that a power failure leaves the old file or the new one, and not a name with zeros behind it.
"""

import errno
import json
import logging
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from wtemlp.core.errors import DamagedFile, InputError

#: What a reader of a file raises when its content is not what was written: JSON, records, arrays.
#: Not of the file system: these are not damage, and say so themselves.
UNREADABLE = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,  # of too deep a nesting; zipfile's, of a method or flag that is none
)


def temporary(path: Path) -> Path:
    """Where a file is written before it takes its place."""
    return path.with_name(path.name + ".tmp")


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file so that a reader, a killed writer or a power failure leaves the old or the new.

    Parameters
    ----------
    path : Path
        The file; its folder must exist.

    Yields
    ------
    binary file
        Whose content takes the place of the old one at the end; after an error it is removed.
    """
    new = temporary(path)
    try:
        with new.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException as error:
        with suppress(OSError):
            new.unlink()
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a write does not say which file it was to
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Have a folder's names on the disk, where the file system can."""
    with suppress(OSError):  # some file systems cannot sync a folder; the content is safe
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Have what a library has written below a folder on the disk."""
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError), (Path(parent) / name).open("rb") as file:
                os.fsync(file.fileno())
        _sync_folder(Path(parent))


def size_of(path: Path) -> int:
    """What a file, or all below a folder, takes, in bytes; links count as themselves."""
    if path.is_symlink() or path.is_file():
        return path.lstat().st_size
    found = 0
    for parent, _, names in os.walk(path):
        for name in names:
            with suppress(FileNotFoundError):  # gone since
                found += (Path(parent) / name).lstat().st_size
    return found


def write_text(path: Path, text: str) -> None:
    """Write a text file with :func:`replacing`."""
    with replacing(path) as file:
        file.write(text.encode())


def write_json(path: Path, content: Any) -> None:
    """Write JSON with :func:`write_text`."""
    write_text(path, json.dumps(content, indent=1) + "\n")


def write_passing(path: Path, content: Any) -> None:
    """As :func:`write_json`, for what is written every other second and lost without harm.

    It is not waited for until it is on the disk, and where it cannot be written the old stays.
    """
    with suppress(OSError):
        new = temporary(path)
        new.write_text(json.dumps(content, indent=1) + "\n")
        new.replace(path)


def what_is_wrong(path: Path, error: BaseException) -> str:
    """How a file that could not be read is damaged, for people."""
    with suppress(OSError), path.open("rb") as file:
        begin = file.read(4096)
        if not begin:
            return "it is empty"
        if not begin.strip(b"\0"):
            return "it holds zero bytes"
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError | RecursionError):
        return "it is not JSON"
    words = " ".join(str(error).split())
    return words if len(words) < 120 else f"{words[:117]}..."


def damaged(path: Path, error: BaseException, remedy: str) -> DamagedFile:
    """The error to raise for a file of wtemlp's own that is not what was written.

    Parameters
    ----------
    path : Path
    error : BaseException
        What its reader raised: one of :data:`UNREADABLE`.
    remedy : str
        What to do, and what is made again from what.
    """
    then = f"; {remedy}" if remedy else ""
    return DamagedFile(f"{path} is damaged ({what_is_wrong(path, error)}){then}")


@contextmanager
def reading(path: Path, remedy: str) -> Iterator[None]:
    """Have what is wrong with a file named with the file.

    Raises
    ------
    DamagedFile
        In the place of :data:`UNREADABLE`.
    """
    try:
        yield
    except UNREADABLE as error:
        raise damaged(path, error, remedy) from error


def read_json(path: Path, remedy: str, kind: type = dict) -> Any:
    """Read JSON that wtemlp wrote.

    Parameters
    ----------
    path : Path
    remedy : str
        As of :func:`damaged`.
    kind : type, optional
        Of the whole: ``dict`` or ``list``.

    Raises
    ------
    FileNotFoundError
        If it is missing.
    DamagedFile
        If it holds something else.
    """
    with reading(path, remedy):
        content = json.loads(path.read_bytes())
        if not isinstance(content, kind):
            raise ValueError(f"it holds no {kind.__name__}")
        return content


def load_array(path: Path) -> Any:
    """The array of numbers of a ``.npy`` file, mapped into memory.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it holds none.
    """
    import numpy as np  # which takes its time

    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        numbers = array.dtype.kind in "fiu"
    except OSError:
        raise
    except Exception as error:  # NumPy's reader of headers raises whatever it meets
        raise ValueError(f"{path} is no NumPy array, or damaged") from error
    if not numbers:
        raise ValueError(f"{path} holds no numbers")
    return array


def is_sound(path: Path, read: Callable[[Path], object]) -> bool:
    """Whether a file can be read; one that is missing cannot."""
    try:
        read(path)
    except (FileNotFoundError, DamagedFile, *UNREADABLE):
        return False
    return True


def read_record(path: Path, remedy: str) -> dict[str, Any]:
    """Read a JSON object that wtemlp wrote, before anything is written.

    Parameters
    ----------
    path : Path
    remedy : str
        What to do about a damaged file.

    Raises
    ------
    InputError
        If it is not there, or holds something else.
    """
    try:
        content: dict[str, Any] = read_json(path, remedy)
    except OSError as error:
        raise InputError(str(path), f"cannot be read ({error.strerror})", remedy) from None
    except DamagedFile as error:
        cause = error.__cause__ or error
        raise InputError(str(path), f"is damaged ({what_is_wrong(path, cause)})", remedy) from None
    return content


#: What a file system says when nothing more can be written, or read, for now.
_DISK = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.ESTALE: "the file system has lost it (stale handle)",
    errno.EIO: "the disk or its connection fails (input/output error)",
    errno.EFBIG: "the largest size of a file is reached",
    errno.EMFILE: "too many files are open (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine",
}


def is_of_disk(error: BaseException) -> bool:
    """Whether a file system says that it takes or gives nothing more, whatever is asked of it."""
    return isinstance(error, OSError) and error.errno in _DISK


def in_words(error: OSError, folder: Path | str = "") -> str:
    """What the file system said: the file or folder, and what happened.

    Parameters
    ----------
    error : OSError
    folder : Path or str, optional
        Named where the error names no file.
    """
    where = error.filename if isinstance(error.filename, str | Path) else ""
    what = _DISK.get(error.errno or 0) or error.strerror or str(error)
    place = str(where or folder)
    return f"{place}: {what}" if place else what


class LogFile(logging.FileHandler):
    """A log.  Where it cannot be written, what it would hold is lost and nothing else."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing: what cannot be written here cannot be elsewhere, where it is said."""

    def close(self) -> None:
        """Close the file, also where its last lines cannot be written."""
        with suppress(OSError):
            super().close()


def last_line(path: Path) -> str:
    """The last complete line of a text file that may be growing; "" if there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        lines = file.read().decode(errors="replace").split("\n")
    return lines[-2] if len(lines) > 1 else ""


def leading_int(line: str) -> int:
    """The integer that a line of a table begins with; 0 if it begins with something else."""
    words = line.split()
    return int(words[0]) if words and words[0].isdigit() else 0
