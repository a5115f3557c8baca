"""Fix styles made in Python, for a LAMMPS without them: registered from outside, in memory.

Such a style is LAMMPS's own ``fix external`` with another name, another way to be created, and a
callback of ours.
"""

import ctypes
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from typing import ClassVar, NoReturn

from wtemlp.core.errors import InputError
from wtemlp.lammps_plumed.lammps_cxx import LammpsCxx
from wtemlp.lammps_plumed.lammps_library import Lammps, LammpsError

_CREATOR = ctypes.CFUNCTYPE(
    ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)
)
_CALLBACK = ctypes.CFUNCTYPE(
    None,
    ctypes.c_void_p,
    ctypes.c_int64,
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
)
_METHOD = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_SCALAR = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_void_p)
_MODIFY_PARAM = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)
)


class _PluginRecord(ctypes.Structure):
    """``lammpsplugin_t``."""

    _fields_ = (
        ("version", ctypes.c_char_p),
        ("style", ctypes.c_char_p),
        ("name", ctypes.c_char_p),
        ("info", ctypes.c_char_p),
        ("author", ctypes.c_char_p),
        ("creator", ctypes.c_void_p),
        ("handle", ctypes.c_void_p),
    )


#: Virtual functions that may be replaced: LammpsCxx's name of each, and its type.
_REPLACED: dict[str, tuple[str, Callable[..., object]]] = {
    "delete": ("external_delete", _METHOD),
    "init": ("external_init", _METHOD),
    "scalar": ("external_scalar", _SCALAR),
    "reset_dt": ("fix_reset_dt", _METHOD),
    "modify_param": ("fix_modify_param", _MODIFY_PARAM),
}


class ExternalStyle(ABC):
    """A style: creates fixes for LAMMPS and answers for them.

    Parameters
    ----------
    lammps : Lammps
        The instance to register the style with.
    fail : callable
        Called with an exit code and a message when the run cannot go on; does not return (an
        exception must not unwind LAMMPS's C++ frames).
    replaced : callable
        What is called in the place of FixExternal's own: ``delete``, ``init``, ``scalar``,
        ``reset_dt``, ``modify_param``.
    """

    style: ClassVar[str]
    about: ClassVar[str]

    def __init__(
        self,
        lammps: Lammps,
        fail: Callable[[int, str], NoReturn],
        **replaced: Callable[..., object],
    ) -> None:
        self._lammps = lammps
        self._cxx = LammpsCxx(lammps)
        self._fail = fail
        self._functions = {
            _REPLACED[name][0]: _REPLACED[name][1](self._guarded(function))
            for name, function in replaced.items()
        }
        addresses = {
            name: ctypes.cast(function, ctypes.c_void_p).value or 0  # type: ignore[arg-type]
            for name, function in self._functions.items()
        }
        self._table = self._cxx.derived_table(addresses)
        self._creator = _CREATOR(self._guarded(self._create))
        self._callback = _CALLBACK(self._guarded(self._call))
        self._record = self._plugin_record()

    @abstractmethod
    def create(self, words: list[str]) -> int:
        """A fix, made from the words of its command: its address."""

    @abstractmethod
    def post_force(self, step: int, n_local: int, tag: int, x: int, external: int) -> None:
        """A step.

        Parameters
        ----------
        step : int
            LAMMPS's time step.
        n_local : int
            Atoms that LAMMPS has.
        tag, x, external : int
            Addresses of LAMMPS's atom IDs, of its positions (``double **``) and of the forces that
            it will add (``double **``).
        """

    def failure(self, error: BaseException) -> tuple[int, str]:
        """The exit code and the words of an error."""
        if isinstance(error, InputError):
            return error.exit_code, str(error)
        if isinstance(error, LammpsError):
            return 1, f"fix {self.style}: {error}"
        what = f"internal error: {type(error).__name__}: {error}"
        return 1, f"fix {self.style}: {what}"

    def register(self) -> None:
        """Make the style known to LAMMPS."""
        self._cxx.plugin_register(ctypes.byref(self._record), self._cxx.instance)

    def new_fix(self, identifier: str) -> int:
        """A fix of the style, on LAMMPS's heap: its address."""
        words = [identifier, "all", self.style, "pf/callback", "1", "1"]
        fix = self._cxx.new_external([word.encode() for word in words])
        self._cxx.set_table(fix, self._table)
        self._cxx.external_set_callback(fix, ctypes.cast(self._callback, ctypes.c_void_p), None)
        return fix

    def _plugin_record(self) -> _PluginRecord:
        # Kept: LAMMPS keeps pointers to its texts, and reads them again at each clear.
        return _PluginRecord(
            None,
            b"fix",
            self.style.encode(),
            f"fix {self.style} ({self.about})".encode(),
            b"wtemlp",
            ctypes.cast(self._creator, ctypes.c_void_p).value,
            ctypes.CDLL(None)._handle,
        )

    def _guarded(self, function: Callable[..., object]) -> Callable[..., object]:
        """Turn exceptions into the end of the run: ctypes would print and ignore them."""

        @wraps(function)
        def call(*arguments: object) -> object:
            try:
                return function(*arguments)
            except BaseException as error:
                self._fail(*self.failure(error))

        return call

    def _create(self, _lammps: int, count: int, words: ctypes.Array[ctypes.c_char_p]) -> int:
        return self.create([os.fsdecode(words[i] or b"") for i in range(count)])

    def _call(self, _ptr: int, step: int, n_local: int, tag: int, x: int, external: int) -> None:
        self.post_force(step, n_local, tag, x, external)
