"""The PLUMED kernel: where it is, and PLUMED's own C interface to it.

PLUMED is driven through the kernel's symbol table rather than through its Python module: no
import, about 1 microsecond a command, and the ``cmd_nothrow`` entry turns C++ exceptions into
:class:`PlumedError` instead of ending the process.
"""

import ctypes
import ctypes.util
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from wtemlp.core.errors import MissingEngine

KERNEL_VARIABLE = "PLUMED_KERNEL"
LIBRARY = "libplumedKernel.so"
#: What to hand to ``pip install``: of this wheel only the kernel is needed.
WHEEL = ("--no-deps", "hillclimber==0.1.8")
WHEEL_PYTHON = (3, 11)  #: the oldest that the wheel is for
WHY_NO_DEPS = (
    "(--no-deps: PLUMED comes inside a wheel whose own Python code wants some 130 packages that "
    "wtemlp does not use)"
)
INSTALL_HINT = f"install it with: pip install {' '.join(WHEEL)} (wtemlp doctor --install does)"

#: A C++ source position, the first line of most of PLUMED's messages.
_POSITION = re.compile(r"^\(\S+\.(cpp|h|inc|tmpl):\d+\)")
_NOTHROW_TABLE_VERSION = 2


class PlumedError(Exception):
    """PLUMED refused a command; the text is PLUMED's message on one line."""


def one_line(message: str) -> str:
    """PLUMED's message without the C++ positions, on one line.

    Parameters
    ----------
    message : str
        As PLUMED gives it: several lines, some of them source positions and ``+++`` banners.

    Returns
    -------
    str
        The message itself.
    """
    innermost = message.split("The above exception was the direct cause", 1)[0]
    lines = [line.strip() for line in innermost.splitlines()]
    banners = [line for line in lines if _POSITION.match(line) or line.startswith("+++")]
    text = [line for line in lines if line and line not in banners] or banners
    return " ".join(text) or "unknown error in PLUMED"


def find_kernel(environment: Mapping[str, str] | None = None) -> Path:
    """The PLUMED kernel to load.

    Looked for in ``PLUMED_KERNEL``, in the installed wheel, in the environment's ``lib`` (where
    conda puts it), on the library path, in this order.
    Nothing is imported.

    Parameters
    ----------
    environment : mapping, optional
        The environment variables; ``os.environ`` when not given.

    Returns
    -------
    Path
        An absolute path, or a bare library name that the dynamic loader resolves.

    Raises
    ------
    MissingEngine
        There is none; the message says what to install.
    """
    variables = os.environ if environment is None else environment
    named = variables.get(KERNEL_VARIABLE, "")
    if named:
        if not Path(named).is_file():
            raise MissingEngine(
                KERNEL_VARIABLE, f"{named}: no such file", f"unset it or name a {LIBRARY}"
            )
        return Path(named).resolve()
    for folder in (*_wheel_folders(), Path(sys.prefix) / "lib", *_library_path(variables)):
        if (folder / LIBRARY).is_file():
            return (folder / LIBRARY).resolve()
    known_to_loader = ctypes.util.find_library("plumedKernel")
    if known_to_loader:
        return Path(known_to_loader)
    raise MissingEngine("fix plumed", "no PLUMED kernel found", INSTALL_HINT)


def _wheel_folders() -> list[Path]:
    # find_spec of a top-level name reads no module.
    spec = importlib.util.find_spec("plumed")
    places = spec.submodule_search_locations if spec else None
    return [Path(place) / "_lib" / "lib" for place in places or ()]


def _library_path(variables: Mapping[str, str]) -> list[Path]:
    return [Path(entry) for entry in variables.get("LD_LIBRARY_PATH", "").split(":") if entry]


def find_plumed_program() -> Path | None:
    """The ``plumed`` program that belongs to the installed wheel, None when there is none."""
    for folder in _wheel_folders():
        program = folder.parent / "bin" / "plumed"
        if program.is_file():
            return program
    return None


def plumed_command_environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment in which :func:`find_plumed_program` runs.

    Parameters
    ----------
    base : mapping, optional
        The environment to start from; ``os.environ`` when not given.
    """
    environment = {"PLUMED_NUM_THREADS": "1"} | dict(os.environ if base is None else base)
    for folder in _wheel_folders():
        path = f"{folder}:{environment.get('LD_LIBRARY_PATH', '')}".rstrip(":")
        # The wheel's program has the folder of its build machine compiled in.
        environment |= {"LD_LIBRARY_PATH": path, "PLUMED_ROOT": str(folder / "plumed")}
    return environment


class _Nothrow(ctypes.Structure):
    """``plumed_nothrow_handler`` of PLUMED's C interface."""

    _fields_ = (("ptr", ctypes.c_void_p), ("handler", ctypes.c_void_p))


class _SymbolTable(ctypes.Structure):
    """The head of ``plumed_symbol_table_type``, versions 2 and later."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("create", ctypes.c_void_p),
        ("cmd", ctypes.c_void_p),
        ("finalize", ctypes.c_void_p),
        ("cmd_nothrow", ctypes.c_void_p),
    )


_ErrorHandler = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p
)


class Kernel:
    """A loaded PLUMED kernel.

    Parameters
    ----------
    path : Path
        What :func:`find_kernel` returned.
    """

    def __init__(self, path: Path) -> None:
        # One thread, unless the user says otherwise: walkers run one to a core.
        os.environ.setdefault("PLUMED_NUM_THREADS", "1")
        try:
            # Global, as PLUMED's own wrapper does: actions that PLUMED's LOAD brings need it.
            # PyDLL: the calls are short, giving the GIL back at each would cost as much.
            self._library = ctypes.PyDLL(str(path), mode=ctypes.RTLD_GLOBAL)
            self._library.plumed_symbol_table_init()
            table = _SymbolTable.in_dll(self._library, "plumed_symbol_table")
        except (OSError, AttributeError, ValueError) as error:
            raise MissingEngine(str(path), f"not a PLUMED kernel: {error}", INSTALL_HINT) from None
        if table.version < _NOTHROW_TABLE_VERSION:
            raise MissingEngine(str(path), "PLUMED is older than 2.5", INSTALL_HINT)
        self.path = path
        self._create = ctypes.PYFUNCTYPE(ctypes.c_void_p)(table.create)
        self._finalize = table.finalize
        self._cmd = ctypes.PYFUNCTYPE(
            None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, _Nothrow
        )(table.cmd_nothrow)

    def create(self) -> "Plumed":
        """A new PLUMED object."""
        pointer = self._create()
        # A script may end the process (quit): PLUMED is closed then too, as it is by C++ programs.
        libc = ctypes.PyDLL(None)
        at_exit, close = (getattr(libc, name) for name in ("__cxa_atexit", "__cxa_finalize"))
        at_exit.argtypes, close.argtypes = (ctypes.c_void_p,) * 3, (ctypes.c_void_p,)
        at_exit(self._finalize, pointer, pointer)
        return Plumed(pointer, self._cmd, close)


class Plumed:
    """One PLUMED object; made by :meth:`Kernel.create`."""

    def __init__(self, pointer: int, cmd: Callable[..., Any], close: Callable[..., Any]) -> None:
        self._pointer: int | None = pointer
        self._cmd, self._close = cmd, close
        self._messages: list[str] = []
        self._handler = _ErrorHandler(self._on_error)
        self._nothrow = _Nothrow(None, ctypes.cast(self._handler, ctypes.c_void_p))

    def _on_error(self, _ptr: int, _code: int, message: bytes | None, _opt: int) -> None:
        self._messages.append((message or b"").decode(errors="replace"))

    def cmd(self, key: bytes, value: int | bytes | None = None) -> None:
        """Run one PLUMED command.

        Parameters
        ----------
        key : bytes
            The command.
        value : int or bytes, optional
            The address of its argument, or the text itself.

        Raises
        ------
        PlumedError
            With PLUMED's message.
        """
        self._cmd(self._pointer, key, value, self._nothrow)
        if self._messages:
            self.raise_error()

    def fast(self, key: bytes, value: int | None = None) -> Callable[[], None]:
        """A command bound to one argument, for use on every step.

        The caller looks at :attr:`failed` after a group of such calls.
        """
        return partial(self._cmd, self._pointer, key, value, self._nothrow)

    @property
    def failed(self) -> list[str]:
        """Messages of the commands that failed, empty when all is well (always the same list)."""
        return self._messages

    def raise_error(self) -> None:
        """Raise what PLUMED said first, and forget it."""
        message = one_line(self._messages[0])
        self._messages.clear()
        raise PlumedError(message)

    def finalize(self) -> None:
        """Close PLUMED and its files; later calls do nothing."""
        if self._pointer is not None:
            self._close(self._pointer)
            self._pointer = None
