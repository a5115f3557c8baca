"""One import of TensorFlow for all trainings of a job: a process that is copied for each of them.

A job of several tasks starts ``wtemlp dp`` with ``--share`` beside them.  That imports TensorFlow
and DeePMD-kit, does nothing with them, and makes a copy of itself (``fork``) for each ``wtemlp dp``
that asks: with its arguments, folder and open files, the lock on the task's folder among them.
The one that asked waits, and ends as the copy does.

The copy is what that process would have become: it is made while there is one thread, no session
and no graph, and of an environment that is the same.  Where that is not so, or a GPU is there,
whoever asks does its own work, as without this.  A copy is killed with the one that asked and with
the original.  The original ends when the last process of the job has closed the pipe that is its
standard input.
"""

import ctypes
import fcntl
import gc
import json
import os
import random
import select
import signal
import socket
import stat
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wtemlp.core.quiet import without_gpu

SHARE = "--share"
JOB = "WTEMLP_JOB"  #: the job's identity, random
PIPE = "WTEMLP_BESIDE"  #: descriptor of the pipe that ends with the job
#: Variables that differ from process to process and that no calculation asks for.
_OF_SHELLS = {"PWD", "OLDPWD", "SHLVL", "_", PIPE}
_ACCEPTED = b"+"
_KILLED = 137
_MOST_FILES = 200  #: Linux hands over 253 at once
_PATIENCE_S = 120.0  #: how long an original may take to begin, on a busy machine
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class _Request:
    line: socket.socket
    args: list[str]
    folder: str
    numbers: list[int]  #: what the asker calls its open files
    files: list[int]


def ask(args: Sequence[str]) -> int | None:
    """Have commands done by a copy of the process that the job has started.

    Returns
    -------
    int or None
        Their exit code; None: there is no such process or it does not do it, and nothing was done.
    """
    job, pipe = os.environ.get(JOB), os.environ.get(PIPE, "")
    if not job or not pipe.isdigit() or not without_gpu():
        return None
    numbers = _inherited()
    with socket.socket(socket.AF_UNIX) as line, suppress(OSError):
        if len(numbers) > _MOST_FILES or not _connect(line, job, int(pipe)):
            return None
        request = {
            "args": list(args),
            "folder": str(Path.cwd()),
            "numbers": numbers,
            "environ": _that_matter(os.environ),
        }
        socket.send_fds(line, [b"."], numbers)
        line.sendall(json.dumps(request).encode() + b"\n")
        if line.recv(1) == _ACCEPTED:
            return _end(line)
    return None


def _end(line: socket.socket) -> int:
    """Wait for the copy's end; its exit code."""
    said = b""
    with suppress(OSError):
        while more := line.recv(64):  # until it is no more
            said += more
    return int(said) if said else _KILLED


def _address(job: str) -> str:
    return f"\0wtemlp-dp-{job}"  # Linux's own names of sockets, which are no files


def _connect(line: socket.socket, job: str, pipe: int) -> bool:
    """Wait until the original is there; False if it will not be."""
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        with suppress(ConnectionRefusedError):
            line.connect(_address(job))
            return _is_ours(line)
        if not stat.S_ISFIFO(os.fstat(pipe).st_mode):
            return False
        poll = select.poll()
        poll.register(pipe, 0)
        if poll.poll(0):  # nobody reads from it any more
            return False
        time.sleep(0.02)
    return False


def _is_ours(line: socket.socket) -> bool:
    """Whether the other end is of the same user."""
    size = struct.calcsize("3i")
    _, user, _ = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return bool(user == os.getuid())


def _inherited() -> list[int]:
    """The open files that a program started by this one would have."""
    found = []
    for number in _numbers("fd"):
        with suppress(OSError):  # that of the listing
            if number <= 2 or os.get_inheritable(number):
                found.append(number)
    return found


def _numbers(what: str) -> list[int]:
    """Of this process's open files (fd) or threads (task)."""
    return sorted(map(int, os.listdir(f"/proc/self/{what}")))  # noqa: PTH208


def _that_matter(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name not in _OF_SHELLS}


def serve(load: Callable[[], bool], run: Callable[[Sequence[str]], int]) -> int:
    """Load what takes long, and be copied for those who ask, until the job has ended.

    Parameters
    ----------
    load : callable
        Import what is needed; whether that is there.
    run : callable
        What a copy does with the arguments of one that asked; its exit code.

    Returns
    -------
    int
        Exit code: in a copy, that of its commands.
    """
    job, environ = os.environ.get(JOB), _that_matter(os.environ)
    if not job or not without_gpu():
        return 0
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(_address(job))
        door.listen(socket.SOMAXCONN)
        before = _numbers("fd")
        if not load() or len(_numbers("task")) > 1 or _numbers("fd") != before:
            return 0  # threads are not copied, nor do files have places of their own
        gc.collect()
        gc.freeze()  # what is shared stays so
        original = os.getpid()
        while True:
            _bury()
            ready, _, _ = select.select([door.fileno(), 0], [], [], 1.0)
            if 0 in ready and not os.read(0, 1):
                os._exit(0)  # there is nothing to put in order
            if door.fileno() in ready and (request := _accept(door, environ)):
                copy = -1
                with suppress(OSError):  # no room for another: who asked does its own work
                    copy = os.fork()
                if copy == 0:
                    door.close()
                    return _become(request, original, run)
                request.line.close()
                _close(request.files)


def _bury() -> None:
    """Take note of the copies that have ended: their CPU time is the job's."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue


def _accept(door: socket.socket, environ: Mapping[str, str]) -> _Request | None:
    """Hear who asks; None if it is told no."""
    line, _ = door.accept()
    files: list[int] = []
    with suppress(OSError, ValueError, KeyError):
        line.settimeout(10.0)
        if _is_ours(line):
            _, files, _, _ = socket.recv_fds(line, 1, _MOST_FILES)
            with line.makefile("rb") as stream:
                asked: dict[str, Any] = json.loads(stream.readline())
            line.settimeout(None)
            if asked["environ"] == environ and len(files) == len(asked["numbers"]):
                return _Request(line, asked["args"], asked["folder"], asked["numbers"], files)
    _close(files)
    line.close()
    return None


def _close(files: Sequence[int]) -> None:
    for file in files:
        os.close(file)


def _become(request: _Request, original: int, run: Callable[[Sequence[str]], int]) -> int:
    """Be the process that asked; the exit code, which it has been told."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != original:
        os._exit(_KILLED)
    line = _take(request)
    os.chdir(request.folder)
    _draw_anew()
    line.sendall(_ACCEPTED)
    threading.Thread(target=_end_with, args=(line,), daemon=True).start()
    try:
        code = run(request.args)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    # The line is closed by the end of the process, which is what the asker waits for.
    os.write(line.detach(), str(code).encode())
    return code


def _take(request: _Request) -> socket.socket:
    """Have the asker's open files under their numbers; the line, out of their way."""
    above = max(*request.numbers, *request.files, request.line.fileno()) + 1
    line = socket.socket(fileno=fcntl.fcntl(request.line, fcntl.F_DUPFD_CLOEXEC, above))
    files = [fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, above) for file in request.files]
    request.line.close()
    _close(request.files)
    for number, file in zip(request.numbers, files, strict=True):
        os.dup2(file, number)
    _close(files)
    return line


def _draw_anew() -> None:
    """Seed the generators whose state was copied, as at the start of a process."""
    random.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()


def _end_with(line: socket.socket) -> None:
    """Die with the one that asked."""
    with suppress(OSError):
        line.recv(1)
    os.kill(os.getpid(), signal.SIGKILL)
