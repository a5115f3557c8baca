"""DP-GEN's preparation of labels, rehearsed on a made-up frame before anything is written.

DP-GEN finds out what is wrong with its DFT parameters (a missing KSPACING, an unknown smearing)
when it makes the first inputs, which in a run is after hours of training and exploration.
"""

import copy
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wtemlp.config.label_files import with_absolute_paths
from wtemlp.config.records import Machines, MachineSection, Params
from wtemlp.config.schema.dpgen_schema import DEEPMD, LAMMPS
from wtemlp.config.schema.plugin_keys import is_own_style
from wtemlp.config.structures import check_formats
from wtemlp.core import paths
from wtemlp.core.atomic_io import write_json
from wtemlp.core.errors import CalculationError, InputError
from wtemlp.core.paths import RunPaths
from wtemlp.md.dump import write_dump
from wtemlp.reference.dpgen_style import DpgenStyle

SPACING_A = 3.0  #: between the atoms of the made-up frame, one of each element


class _Unlabelled(NamedTuple):
    """What in the input of a style gives an output that is no label."""

    file: str
    words: str  #: a regular expression
    remedy: str


_ONE_STEP = "a label is one ionic step: write"
_UNLABELLED = {
    "vasp": (
        _Unlabelled(
            "INCAR",
            r"(?im)^(?:[^#!\n]*;)?\s*NSW\s*=\s*(?:[2-9]|\d\d)\d*",
            f"{_ONE_STEP} NSW = 0",
        ),
    ),
    "pwscf": (
        _Unlabelled(
            "input", r"calculation\s*=\s*['\"]?(?!scf\b)[\w-]+", f"{_ONE_STEP} calculation = 'scf'"
        ),
    ),
    "abacus": (
        _Unlabelled(
            "INPUT", r"(?m)^suffix\s+(?!ABACUS\s)\S+", "leave it out: OUT.ABACUS is what comes back"
        ),
    ),
    "cp2k": (
        _Unlabelled(
            "input.inp",
            r"(?im)^\s*RUN_TYPE\s+(?!ENERGY_FORCE\b)\S+",
            f"{_ONE_STEP} RUN_TYPE ENERGY_FORCE",
        ),
        _Unlabelled(
            "input.inp",
            r"(?im)^\s*PRINT_LEVEL\s+(?:LOW|SILENT)\b",
            "write MEDIUM: the reader needs what it prints",
        ),
    ),
}


def check_labels(params: Params, machines: Machines | None, root: Path) -> None:
    """Have DP-GEN prepare a label in a folder that is thrown away.

    Parameters
    ----------
    params : Params
        The files that its ``fp_style`` names are there.
    machines : Machines, optional
        Whose command is looked at, too.
    root : Path
        The run's folder.

    Raises
    ------
    InputError
        If DP-GEN cannot make the inputs, or what they give is no label, or the command is another
        program's.
    """
    if machines is not None and params.fp_style not in (LAMMPS, DEEPMD):
        _check_command(machines, params.fp_style)
    if is_own_style(params.fp_style):
        return
    if params.fp_style == "custom":
        check_formats(params)
    if params.fp_style == "amber/diff":
        return  # its inputs are made of Amber's own files, which have been looked at
    jdata = {**with_absolute_paths(params.jdata, root), "model_devi_engine": "lammps"}
    with tempfile.TemporaryDirectory(prefix="wtemlp.") as name:
        rehearsal = RunPaths(Path(name).resolve())
        folder = rehearsal.label_task(0, 0, 0)
        folder.mkdir(parents=True)
        n_atoms = len(params.type_map)
        at = SPACING_A * (np.arange(n_atoms) + 0.5)
        coords = np.column_stack([at, np.full((n_atoms, 2), SPACING_A)])
        cell = np.diag([SPACING_A * max(n_atoms, 3), 3 * SPACING_A, 3 * SPACING_A])
        dump = folder / paths.FRAME_DUMP
        write_dump(dump, np.array([0]), cell[None], np.arange(n_atoms) + 1, coords[None])
        write_json(folder / paths.FRAME, {"task": "none"})
        try:
            elsewhere = replace(params, jdata=copy.deepcopy(jdata))
            labeller = DpgenStyle(elsewhere, {}, rehearsal.root, 0)
            labeller.write_inputs([folder], 0)
        except CalculationError as error:
            reason = str(error.__cause__).strip() or "a condition of its code is not met"
            said = f"{type(error.__cause__).__name__}: {reason.splitlines()[0]}"
            raise InputError(
                f"{params.source.name}: fp_style",
                f"DP-GEN cannot make the inputs of {params.fp_style} ({said})",
                "correct the keys and files of the labels",
            ) from error
        _check_outputs(params, folder)


def _check_outputs(params: Params, folder: Path) -> None:
    """That outputs of the inputs that were made can be labels."""
    for one in _UNLABELLED.get(params.fp_style, ()):
        if found := re.search(one.words, (folder / one.file).read_text(errors="replace")):
            words = " ".join(found[0].rpartition(";")[2].split())
            raise InputError(
                f"{params.source.name}: fp_style",
                f'the input of {params.fp_style} ({one.file}) has "{words}"',
                one.remedy,
            )


def _check_command(machines: Machines, style: str) -> None:
    """A machine file that was made for labels by LAMMPS."""
    section: MachineSection = machines.fp
    if section.command.split()[:2] == ["wtemlp", "lmp"]:
        raise InputError(
            f"{machines.source.name}: fp.command",
            f"{section.command} is LAMMPS",
            f"give the command of the program of fp_style {style}",
        )
