"""What ``wtemlp new`` does: commented input files, for an example or for a structure."""

import json
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wtemlp.config.schema.all_keys import with_all_keys
from wtemlp.core import shell_hints
from wtemlp.core.atomic_io import write_text
from wtemlp.core.errors import InputError, MissingEngine
from wtemlp.core.formatting import pretty_json

EXAMPLES = Path(__file__).with_name("examples")
INIT, PARAM, MACHINE = "init.json", "param.json", "machine.json"
FORCE_FIELD = "force_field.lammps"
ABOUT = {
    "copper": "EAM copper, crystal to melt at constant pressure",
    "mw": "mW water, a monatomic liquid",
    "molecule": "ethanol in vacuum by GFN2-xTB, with two torsions biased",
    "mixture": "molten copper and nickel, sampled by one reference and labelled by another",
    "tip3p": "flexible TIP3P water",
}
QUICKSTART = "copper"
UNWRITTEN = """\
# The force field of this system, as LAMMPS commands: pair_style, pair_coeff, bond_style,
# kspace_style and so on; "units" and "atom_style" stand in init.json and param.json.
# Files that the commands name are looked for beside this one, and among those that LAMMPS ships.
# An example, for copper:
#   pair_style eam
#   pair_coeff * * Cu_u3.eam
EDIT_THIS_FILE
"""


@dataclass(frozen=True)
class Written:
    """What is to be written into a folder."""

    files: Mapping[str, str]  #: name to text
    copies: Mapping[str, Path] = field(default_factory=dict)  #: name to a file of the user's
    todo: Sequence[str] = ()  #: what the user has to do first


def new_command(
    source: str,
    folder: Path,
    *,
    full: bool = False,
    force_field: Path | None = None,
    units: str = "metal",
    calculator: str | None = None,
    temperature_K: float = 300.0,
) -> str:
    """Do ``wtemlp new``.

    Parameters
    ----------
    source : str
        Name of an example, or a file with a structure.
    folder : Path
        Where the files are written; not there yet, or empty.
    full : bool
        Whether all keys are shown.
    force_field : Path, optional
        A file of LAMMPS commands.
    units : str
        LAMMPS's units of it.
    calculator : str, optional
        A calculator of ASE instead.
    temperature_K : float
        Of the MD, for a structure.

    Returns
    -------
    str
        What was written, and the commands that follow.

    Raises
    ------
    InputError
        If there is no such example or structure, or the folder is not empty.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise InputError(str(folder), "is there already", "give the name of a new folder")
    if source in ABOUT:
        if force_field or calculator:
            option = "--force-field" if force_field else "--calculator"
            raise InputError(option, "goes with a structure", "an example has its own reference")
        made = _example(source)
    else:
        from wtemlp.cli.new_system import own_system

        made = own_system(Path(source), tuple(ABOUT), force_field, units, calculator, temperature_K)
    files = dict(made.files)
    if full:
        files |= {name: _with_all_keys(name, files[name]) for name in (INIT, PARAM)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        write_text(folder / name, text)
    for name, file in made.copies.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / name)
    names = sorted([*files, *made.copies])
    return "\n".join([f"wrote {', '.join(names)} in {folder}", *made.todo, *commands(folder)])


def quickstart_command(folder: Path, say: Callable[[str], object]) -> None:
    """Do ``wtemlp quickstart``: an example from its files to its validation.

    Raises
    ------
    MissingEngine
        If this machine lacks an engine.
    """
    from wtemlp.cli.init import run_init_command
    from wtemlp.cli.run import run_command
    from wtemlp.config.machine.sections import load_machines
    from wtemlp.config.params import load_params
    from wtemlp.preflight.doctor import examine
    from wtemlp.session.session import run_folder
    from wtemlp.validation.run import validate

    missing = [part.name for part in examine(trial=False) if part.needed and not part.ok]
    if missing:
        raise MissingEngine(", ".join(missing), "not installed", "type: wtemlp doctor --install")
    if not (folder / MACHINE).is_file():  # the last that is written
        say(new_command(QUICKSTART, folder).partition("\n")[0])
    root = run_folder(folder)
    init, param, machine = (root / name for name in (INIT, PARAM, MACHINE))
    run_init_command(init, machine, root)
    run_command(param, machine, root)
    validate(load_params(param, root), load_machines(machine, root), root)
    say(f"the report: {root / 'report.html'}")


def _example(name: str) -> Written:
    texts = {file.name: file.read_text() for file in sorted((EXAMPLES / name).iterdir())}
    style = json.loads(texts[PARAM])["fp_style"]
    return Written({**texts, MACHINE: machine_text(labels_by_python=style == "ase")})


def _with_all_keys(name: str, text: str) -> str:
    kind = name.removesuffix(".json")
    return pretty_json(with_all_keys(kind, json.loads(text))) + "\n"


def commands(folder: Path) -> list[str]:
    """The commands that follow, one a line."""
    inside = shlex.quote(shell_hints.shown(folder))
    return [
        "then:",
        f"  cd {inside}",
        f"  wtemlp init {INIT} {MACHINE}        # initial data and structures, in init/",
        f"  wtemlp check {PARAM} {MACHINE}      # what would make the run fail",
        f"  wtemlp run {PARAM} {MACHINE}        # the active-learning loop",
        f"  wtemlp validate {PARAM} {MACHINE}   # the models against the reference",
    ]


_COMMENTS = {
    "train": "one training at a time for each core; for a queue, see machines/ and docs/slurm.md",
    "model_devi": "LAMMPS with PLUMED and DeePMD-kit: walkers, and MD of wtemlp init",
    "fp": "labels",
}


def machine_text(*, labels_by_python: bool) -> str:
    """The machine file of this computer: a task for each core.

    Parameters
    ----------
    labels_by_python : bool
        Whether labels are by a calculator of ASE, in Python, and not by LAMMPS.
    """
    quiet = {
        "DP_INTRA_OP_PARALLELISM_THREADS": "1",
        "DP_INTER_OP_PARALLELISM_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    labels = "python3" if labels_by_python else "wtemlp lmp"
    programs = {"train": "wtemlp dp", "model_devi": "wtemlp lmp", "fp": labels}
    found: dict[str, Any] = {
        "_comment": "this machine: one single-threaded task for each core",
        "api_version": "1.0",
        "deepmd_version": "3.2.0",
    }
    for stage, command in programs.items():
        found[stage] = {
            "_comment": _COMMENTS[stage],
            "command": command,
            "machine": {
                "batch_type": "Shell",
                "context_type": "LazyLocalContext",
                "local_root": "./",
            },
            "resources": {
                "number_node": 1,
                "cpu_per_node": 1,
                "gpu_per_node": 0,
                "queue_name": "",
                "group_size": 1,
                "envs": {"OMP_NUM_THREADS": "1", **(quiet if stage != "fp" else {})},
            },
        }
    return pretty_json(found) + "\n"
