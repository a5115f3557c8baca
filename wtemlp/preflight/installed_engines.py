"""What must be there before anything is written: the engines of a run on this machine.

Commands on other machines are not looked at here.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from wtemlp.config.machine.shell_command import program_words, ranks_of
from wtemlp.config.records import OWN, TENSORFLOW, Machines, MachineSection, Params
from wtemlp.core.errors import InputError, MissingEngine
from wtemlp.dispatch.remote_shell import Place, find_program
from wtemlp.dispatch.settings import read_section
from wtemlp.lammps_plumed import kernel, lammps_library

LOCAL_CONTEXTS = ("localcontext", "lazylocalcontext", "local", "lazylocal")
#: Packages that train.
BACKENDS = {
    TENSORFLOW: "tensorflow",
    "pytorch": "torch",
    "pytorch-exportable": "torch",
    "pt-expt": "torch",
    "jax": "jax",
}
_DP, _LMP = ["wtemlp", "dp"], ["wtemlp", "lmp"]
LAPTOP = "pip install 'wtemlp[laptop]', then: wtemlp doctor --install"


def is_local(section: MachineSection) -> bool:
    """Whether a section's tasks run as processes of this machine."""
    return (
        str(section.machine.get("batch_type", "")).lower() == "shell"
        and str(section.machine.get("context_type", "")).lower() in LOCAL_CONTEXTS
    )


def check_machines(machines: Machines, needed: Iterable[str], root: Path) -> None:
    """Look at how the stages are to be run, and for the programs of those that run here.

    Parameters
    ----------
    machines : Machines
    needed : iterable of str
        Stages to look at: ``"train"``, ``"model_devi"``, ``"fp"``.
    root : Path
        The run's folder.

    Raises
    ------
    InputError
        If the tasks could not be handed out.
    MissingEngine
        For the first program that is missing.
    """
    for stage in needed:
        section: MachineSection = getattr(machines, stage)
        read_section(section, root)
        if is_local(section):
            _check_command(section, f"{machines.source.name}: {stage}.command", root)


def check_backend(params: Params, machines: Machines) -> None:
    """Look for the back end of DeePMD-kit that trains, if it trains here by ``wtemlp dp``.

    Raises
    ------
    MissingEngine
        If the package is not installed.
    """
    backend = params.train_backend
    package = BACKENDS.get(backend)
    section = machines.train
    if package is None or not is_local(section) or section.command.split()[:2] != _DP:
        return
    if lammps_library.package_folder(package) is None:
        raise MissingEngine(
            f"{params.source.name}: train_backend",
            f"{backend}: {package} is not installed on this machine",
            LAPTOP
            if backend == TENSORFLOW
            else f"pip install {package}, or train with another back end",
        )


def check_walkers_libraries(params: Params, machines: Machines) -> None:
    """Look for what models of PyTorch need in LAMMPS beside it, if walkers run in ``wtemlp lmp``.

    Raises
    ------
    MissingEngine
        If it is not there: LAMMPS would crash, without a word of its own.
    """
    section = machines.model_devi
    if BACKENDS.get(params.train_backend) != "torch" or not is_local(section):
        return
    if section.command.split()[:2] == _LMP and lammps_library.lacks_cuda_runtime():
        raise MissingEngine(
            f"{machines.source.name}: model_devi.command",
            f"{section.command}: {lammps_library.CUDA_RUNTIME} is not found, which DeePMD-kit's "
            "PyTorch models call without a GPU, too: LAMMPS would crash",
            f"pip install {lammps_library.CUDA_RUNTIME_WHEEL}",
        )


def check_ranks(params: Params, machines: Machines) -> None:
    """Refuse walkers of more than one MPI process where PLUMED has no MPI: in ``wtemlp lmp``.

    Raises
    ------
    InputError
    """
    section = machines.model_devi
    biased = any(job.template.plm if job.template else job.script == OWN for job in params.jobs)
    if not biased or not re.search(r"(^|[\s/])wtemlp\s+lmp(\s|$)", section.command):
        return
    resources, queue = section.resources, section.machine["batch_type"].lower() != "shell"
    given = resources["number_node"] * resources["cpu_per_node"] if queue else 1
    ranks = ranks_of(section.command, given)
    if ranks > 1:
        raise InputError(
            f"{machines.source.name}: model_devi.command",
            f"{section.command}: {ranks} MPI ranks for a walker, but the PLUMED of wtemlp lmp "
            "runs on one",
            "start one process (wtemlp lmp alone, with its threads), or use a LAMMPS built with "
            "its PLUMED package",
        )


def _check_command(section: MachineSection, where: str, root: Path) -> None:
    words = program_words(section.command)
    for front_end, check in _FRONT_ENDS.items():
        if tuple(words[:2]) == front_end:
            check(section, where)
            return
    program = os.path.expandvars(next(iter(words), ""))
    if program.startswith("~"):
        program = os.path.expanduser(program)  # noqa: PTH111 (a name of a file, or of a program)
    if shutil.which(program, path=_search_path()) is None and not _found_in_job(section, root):
        raise MissingEngine(
            where,
            f"{section.command}: {program} is not found on this machine",
            "install it, or name another command, by its full path or with what "
            "prepend_script puts on the PATH",
        )


def _found_in_job(section: MachineSection, root: Path) -> bool:
    """Whether the shell of a job knows the program: prepend_script may put it on the PATH."""
    place = Place(section, root)
    place.connect()
    return place.ask_in_job(find_program(program_words(section.command)[0])).status == 0


def _search_path() -> str:
    return os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ.get("PATH", os.defpath)])


def _check_dp(section: MachineSection, where: str) -> None:
    if lammps_library.package_folder("deepmd") is None:
        raise MissingEngine(where, f"{section.command}: deepmd is not installed", LAPTOP)


def _check_lmp(section: MachineSection, where: str) -> None:
    lammps_library.find_library()
    if section.stage == "model_devi":
        kernel.find_kernel()
        if lammps_library.deepmd_plugin_folder() is None:
            raise MissingEngine(
                where, f"{section.command}: DeePMD-kit's LAMMPS plugin is not installed", LAPTOP
            )


_FRONT_ENDS: dict[tuple[str, str], Callable[[MachineSection, str], None]] = {
    ("wtemlp", "dp"): _check_dp,
    ("wtemlp", "lmp"): _check_lmp,
}
