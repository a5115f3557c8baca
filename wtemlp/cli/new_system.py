"""Commented input files for a structure of the user's own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wtemlp.cli.new_command import (
    FORCE_FIELD,
    INIT,
    MACHINE,
    PARAM,
    UNWRITTEN,
    Written,
    machine_text,
)
from wtemlp.config.keys.labels import OwnForceField
from wtemlp.config.reference.force_fields import commands, named_files
from wtemlp.core.errors import InputError
from wtemlp.core.formatting import first_line, pretty_json
from wtemlp.initialize.by_ase import read_atoms
from wtemlp.initialize.structure import is_molecular

#: Without hydrogen 2 fs, with it 0.5 fs: the O-H stretch has a period of 9 fs.
WITH_HYDROGEN_FS, WITHOUT_FS = 0.5, 2.0
SMALLEST_EDGE_A = 9.0  #: a cell below is repeated


@dataclass(frozen=True)
class _Own:
    """What the files are made of."""

    name: str
    file: str
    type_map: list[str]
    periodic: bool
    molecular: bool
    supercell: list[int]
    reference: dict[str, Any]
    temperature_K: float

    @property
    def timestep_fs(self) -> float:
        return WITH_HYDROGEN_FS if "H" in self.type_map else WITHOUT_FS


def own_system(
    source: Path,
    examples: Sequence[str],
    force_field: Path | None,
    units: str,
    calculator: str | None,
    temperature_K: float,
) -> Written:
    """The files for a structure.

    Parameters
    ----------
    source : Path
        Of any format that ASE reads.
    examples : sequence of str
        Names that could have been meant instead.
    force_field : Path, optional
        LAMMPS commands.
    units : str
        Of them.
    calculator : str, optional
        Of ASE.
    temperature_K : float
        Of all MD.
    """
    atoms = _read(source, examples)
    periodic = bool(atoms.pbc.any() and atoms.cell.rank == 3)
    type_map = list(dict.fromkeys(map(str, atoms.get_chemical_symbols())))
    edges = atoms.cell.lengths() if periodic else ()
    supercell = [max(1, -(-SMALLEST_EDGE_A // edge)) for edge in edges] or [1, 1, 1]
    copies = {source.name: source}
    files, todo = {}, []
    if calculator is None:
        field = {"units": units, "atom_style": "atomic", "file": FORCE_FIELD}
        reference = {"fp_style": "lammps", "fp_params": {"force_field": field}}
        if force_field is None:
            files[FORCE_FIELD] = UNWRITTEN
            todo.append(f"first: write your force field into {FORCE_FIELD}")
        else:
            if not force_field.is_file():
                raise InputError(str(force_field), "no such file", "give LAMMPS commands in a file")
            copies |= {FORCE_FIELD: force_field, **_potential_files(force_field, units)}
    else:
        keys: dict[str, Any] = {"calculator": calculator}
        reference = {
            "fp_style": "ase",
            "fp_params": keys if periodic else {**keys, "periodic": False},
        }
    name = re.sub(r"[^\w.+-]", "_", source.stem.lower()) or "system"
    molecular = is_molecular(atoms, periodic)
    repeats = [int(n) for n in supercell]
    kelvin = int(temperature_K) if temperature_K.is_integer() else temperature_K
    own = _Own(name, source.name, type_map, periodic, molecular, repeats, reference, kelvin)
    files |= {
        INIT: pretty_json(_init(own)) + "\n",
        PARAM: pretty_json(_param(own)) + "\n",
        MACHINE: machine_text(labels_by_python=calculator is not None),
    }
    return Written(files, copies, todo)


def _potential_files(force_field: Path, units: str) -> dict[str, Path]:
    """The files that the commands name and that lie beside them, by these names."""
    method = OwnForceField(units, file=force_field.name)
    beside = force_field.parent
    lines = commands(method, beside)
    return {
        word: file
        for word, file in named_files(method, lines, beside).items()
        if file == beside / word and not Path(word).is_absolute() and ".." not in Path(word).parts
    }


def _read(source: Path, examples: Sequence[str]) -> Any:
    if not source.exists():
        remedy = f"give a file, or one of the examples: {', '.join(examples)}"
        raise InputError(str(source), "no such file or example", remedy)
    try:
        return read_atoms(source)
    except Exception as error:  # ASE's readers raise whatever they meet
        usual = "give a file that ASE reads, as POSCAR, .cif, .extxyz or .pdb"
        remedy = getattr(error, "remedy", "") or usual  # of what ASE would misread
        raise InputError(
            str(source), f"cannot be read ({first_line(error)[:120]})", remedy
        ) from error


def _init(own: _Own) -> dict[str, Any]:
    run: dict[str, Any] = {"temperature_K": own.temperature_K}
    if own.periodic:
        run = {"ensemble": "npt", **run, "pressure_bar": 1}
    spec: dict[str, Any] = {"file": own.file}
    if own.periodic:
        spec["supercell"] = own.supercell
    copies: dict[str, Any] = {"perturbed": 10, "amplitude_A": 0.05}
    if own.periodic:
        copies["strain"] = 0.03
    return {
        "_comment": "wtemlp init: initial data and starting structures; keys that begin with _ are "
        "comments, and docs/init.md has all keys",
        "seed": 1,
        "type_map": own.type_map,
        "_reference": "what labels, and does the MD where it can; docs/init.md, docs/labels.md",
        **own.reference,
        "timestep_fs": own.timestep_fs,
        "systems": [
            {
                "name": own.name,
                "structure": spec,
                "minimize": True,
                "_copies": "labelled beside the frames of MD; where a run is npt, strained copies "
                "(0.93 to 1.35 of the edges) and atoms alone come by themselves",
                "copies": copies,
                "_runs": "MD with the reference, one from the end of the other; the biased one "
                "takes the width of its hills from the unbiased one",
                "runs": [
                    {**run, "steps": 4000, "frames": 0},
                    {**run, "steps": 20000, "frames": 30},
                    {**run, "steps": 20000, "frames": 30, "wte": {"biasfactor": 8, "pace": 50}},
                ],
            }
        ],
        "validation_fraction": 0.2,
        "starting_structures": 2,
        "output": "init",
    }


def _param(own: _Own) -> dict[str, Any]:
    job: dict[str, Any] = {"sys_idx": [0], "temps": [own.temperature_K], "ensemble": "nvt"}
    if own.periodic:
        job |= {"ensemble": "npt", "press": [1.0]}
    job |= {"nsteps": 20000, "trj_freq": 50}
    alone = [] if own.molecular or not own.periodic else own.type_map
    return {
        "_comment": "wtemlp run: DP-GEN's parameter file, with a block wte; keys that begin with _ "
        "are comments, and docs/parameters.md has all keys",
        "seed": 1,
        "type_map": own.type_map,
        "mass_map": "auto",
        "_data": "what wtemlp init writes; it says which folders there are",
        "init_data_prefix": "init/data",
        "init_data_sys": [
            f"{own.name}/train",
            *(f"atom.{name}/train" for name in alone),
        ],
        "validation_data_sys": [f"{own.name}/validation"],
        "sys_configs": [[f"init/conf/{own.name}/*.POSCAR"]],
        "sys_format": "vasp/poscar",
        "numb_models": 4,
        "_training": "small networks for a first look; DeePMD-kit's documentation has the keys",
        "default_training_param": training(own.type_map),
        "dp_compress": True,
        "model_devi_engine": "wte",
        "model_devi_dt": own.timestep_fs / 1000,
        "model_devi_skip": 0,
        "_trust": "force deviations (eV/A) below the first are accurate, above the second failed; "
        "what lies between is labelled",
        "model_devi_f_trust_lo": 0.1,
        "model_devi_f_trust_hi": 0.4,
        "_jobs": "an iteration each; wtemlp plan helps with the bias factor",
        "model_devi_jobs": [
            {**job, "wte": {"biasfactor": [factor], "pace": "auto", "nvt_steps": 2000}}
            for factor in (4, 8)
        ],
        "_errors": "from the first labels on, the levels are deviations at which the force error "
        "is this large",
        "trust": {"error_meV_A": [150, 2000]},
        **own.reference,
        "fp_task_max": 30,
        "fp_task_min": 1,
        "ratio_failed": 0.05,
    }


def training(type_map: Sequence[str], rcut: float = 6.0) -> dict[str, Any]:
    """A small training of DeePMD-kit, a minute on a core."""
    return {
        "model": {
            "type_map": list(type_map),
            "descriptor": {
                "type": "se_e2_a",
                "rcut": rcut,
                "rcut_smth": 1.0,
                "sel": "auto",
                "neuron": [8, 16, 32],
                "axis_neuron": 4,
                "resnet_dt": False,
            },
            "fitting_net": {"neuron": [32, 32, 32], "resnet_dt": True},
        },
        "learning_rate": {"type": "cosine", "start_lr": 0.005, "stop_lr": 1e-5},
        "loss": {
            "type": "ener",
            "start_pref_e": 0.1,
            "limit_pref_e": 10,
            "start_pref_f": 1000,
            "limit_pref_f": 10,
            "start_pref_v": 0,
            "limit_pref_v": 0,
        },
        "training": {
            "numb_steps": 4000,
            "disp_file": "lcurve.out",
            "disp_freq": 200,
            "save_freq": 4000,
        },
    }
