"""What PLUMED says of an input before there is a simulation: all that it checks when it begins.

The kernel works in a process and a folder of its own: whatever it prints, writes or dies of stays
there.  Files that the input names outside of its folder are given to it as links, so that nothing
is written where they are.
"""

import ctypes
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wtemlp.config.keys.wte import DEFAULT_PACE, Extra, Method, WteBlock
from wtemlp.lammps_plumed.fix_plumed import ENERGY_IN_KJ_MOL
from wtemlp.lammps_plumed.kernel import Kernel, PlumedError
from wtemlp.md import plumed_input

INPUT, WORDS, LOG = "plumed.dat", "words", "plumed.log"
#: Where a walker's folder is in a run, which the input may say by ``../..``.
TASK = Path("iter.000000/01.model_devi/task.000.000000")
PATIENCE_S = 60  #: what takes longer (LOAD compiles) is left to the job
ANGSTROM_IN_NM = 0.1
_OUTSIDE = re.compile(r"(?<=[=,])(?:/|\.\./)[^\s,}]+")  #: a file that is not in the walker's folder


@dataclass(frozen=True)
class Trial:
    """What a walker's PLUMED is told before its first step."""

    text: str  #: the input
    lines: str  #: the user's own lines, which it includes
    n_atoms: int
    timestep_ps: float
    root: Path  #: the run's folder
    files: tuple[Path, ...] = ()  #: others in the walker's folder, under their own names


def generated_input(wte: WteBlock, temperature_K: float) -> str:
    """The PLUMED input of a walker, its energies not being known yet.

    Parameters
    ----------
    wte : WteBlock
    temperature_K : float

    Returns
    -------
    str
        What the walker's job writes, with a mean energy of 0 and a width of 1 eV.
    """
    common: dict[str, Any] = {
        "pace": wte.pace or DEFAULT_PACE,
        "temperature_K": temperature_K,
        "stride": 1,
        "colvar": "COLVAR",
        "units": "metal",
        "extra": wte.extra,
    }
    if wte.method == Method.OPES and wte.window_K is not None:
        return plumed_input.opes_input(
            window_K=wte.window_K, observation=10, deltafs="DELTAFS", **common
        )
    factors = [2.0 if factor is None else factor for factor in wte.biasfactors]
    biasfactor = max(factors)
    half = plumed_input.grid_half_width(biasfactor)
    return plumed_input.wte_input(
        biasfactor=biasfactor,
        sigma=1.0,
        height=1.0,
        grid_min=-half,
        grid_max=half,
        hills="HILLS",
        **common,
    )


def guilty(words: str, extra: Extra) -> int | None:
    """Which of the user's own lines PLUMED speaks of.

    Parameters
    ----------
    words : str
        PLUMED's message.
    extra : Extra

    Returns
    -------
    int or None
        Its place, from 0; None if it is the generated bias, or none can be told.
    """
    lines = extra.lines.splitlines()
    label = re.search(r"action \S+ with label (\S+)", words)
    if label is not None:
        if label[1] in plumed_input.LABELS:
            return None
        own = re.compile(rf"^\s*{re.escape(label[1])}\s*:|\bLABEL={re.escape(label[1])}(?!\S)")
        found = [place for place, line in enumerate(lines) if own.search(line)]
        if found:  # the second of two equal labels is the one that is refused
            return found[-1]
    shared = [_longest_shared(line, words) for line in lines]
    return shared.index(max(shared)) if max(shared, default=0) > 1 else None


def _longest_shared(line: str, words: str) -> int:
    """Length of the longest word, or value, of a line that PLUMED has repeated; 0 if none."""
    parts = re.split(r"[\s={}]+", line.partition("#")[0])
    said = set(re.split(r"[\s\"]+", words))
    return max((len(part) for part in parts if {part, part.rstrip(".,")} & said), default=0)


def refusal(trial: Trial, kernel: Path) -> str:
    """Have PLUMED read an input.

    Parameters
    ----------
    trial : Trial
    kernel : Path
        What :func:`wtemlp.lammps_plumed.kernel.find_kernel` returned.

    Returns
    -------
    str
        PLUMED's own words, on one line; "" if it accepts the input, or takes too long over it.
    """
    with tempfile.TemporaryDirectory(prefix="wtemlp-plumed.") as made:
        top = Path(made).resolve()
        run, away = top / "run", top / "away"
        folder = run / TASK
        folder.mkdir(parents=True)
        (folder / plumed_input.EXTRA_LINES).write_text(_brought(trial, run, away))
        (folder / INPUT).write_text(trial.text)
        for file in trial.files:
            (folder / file.name).symlink_to(file)
        program = (
            f"import sys; sys.path.append({str(Path(__file__).parents[2])!r});"
            " from wtemlp.lammps_plumed.plumed_trial import read_input; read_input(*sys.argv[1:])"
        )
        numbers = (str(trial.n_atoms), repr(trial.timestep_ps))
        command = [sys.executable, "-c", program, str(kernel), str(top / WORDS), *numbers]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return ""
        if not (top / WORDS).is_file():
            return f"ended without a word (status {done.returncode})"
        words = (top / WORDS).read_text()
        return words.replace(str(away), "").replace(str(run), str(trial.root))


def _brought(trial: Trial, run: Path, away: Path) -> str:
    """The user's lines, and links to the files outside of the walker's folder that they name."""

    def bring(match: re.Match[str]) -> str:
        there = Path(os.path.normpath(trial.root / TASK / match[0]))
        inside = there.is_relative_to(trial.root)
        here = run / there.relative_to(trial.root) if inside else away / str(there).lstrip("/")
        _link(here, there)
        return str(here)

    return _OUTSIDE.sub(bring, trial.lines)


def _link(here: Path, there: Path) -> None:
    if there.parent.is_dir():
        here.parent.mkdir(parents=True, exist_ok=True)
        if there.exists() and not here.is_symlink():
            here.symlink_to(there)


def read_input(kernel: str, words: str, n_atoms: str, timestep_ps: str) -> None:
    """Have PLUMED read :data:`INPUT` in the working directory, and note what it says.

    Parameters
    ----------
    kernel : str
        Path of the kernel.
    words : str
        File for PLUMED's message; empty if there is none.
    n_atoms, timestep_ps : str
        Numbers.
    """
    plumed = Kernel(Path(kernel)).create()
    numbers = (
        (b"setMDEnergyUnits", ctypes.c_double(ENERGY_IN_KJ_MOL["metal"])),
        (b"setMDLengthUnits", ctypes.c_double(ANGSTROM_IN_NM)),
        (b"setMDTimeUnits", ctypes.c_double(1.0)),
        (b"setNatoms", ctypes.c_int(int(n_atoms))),
        (b"setTimestep", ctypes.c_double(float(timestep_ps))),
    )
    said = ""
    try:
        plumed.cmd(b"setMDEngine", b"LAMMPS")
        for key, number in numbers:
            plumed.cmd(key, ctypes.addressof(number))
        plumed.cmd(b"setLogFile", LOG.encode())
        plumed.cmd(b"setPlumedDat", INPUT.encode())
        plumed.cmd(b"init")
    except PlumedError as error:
        said = str(error)
    Path(words).write_text(said)
