"""Shared by tests: params."""

import copy
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from wtemlp.config.params import load_params
from wtemlp.core.errors import InputError

GOOD = {
    "_comment": "dropped",
    "seed": 7,
    "type_map": ["O", "H"],
    "mass_map": [15.9994, 1.008],
    "init_data_prefix": "data",
    "init_data_sys": ["train"],
    "validation_data_sys": ["validation"],
    "sys_configs_prefix": "conf",
    "sys_configs": [["*.POSCAR"], ["b.POSCAR", "a.POSCAR"]],
    "numb_models": 4,
    "default_training_param": {
        "model": {
            "descriptor": {"type": "se_e2_a", "rcut": 6.0, "rcut_smth": 0.5, "sel": [40, 80]},
            "fitting_net": {"neuron": [32, 32, 32]},
        },
        "learning_rate": {"type": "exp", "start_lr": 0.005, "stop_lr": 1e-5},
        "loss": {"type": "ener"},
        "training": {"numb_steps": 1000},
    },
    "model_devi_engine": "wte",
    "model_devi_dt": 0.0005,
    "model_devi_skip": 0,
    "model_devi_f_trust_lo": 0.15,
    "model_devi_f_trust_hi": 0.5,
    "model_devi_jobs": [
        {
            "_idx": "00",
            "sys_idx": [0],
            "temps": [300, 330.5],
            "ensemble": "nvt",
            "nsteps": 2000,
            "trj_freq": 20,
            "wte": {
                "biasfactor": [16, 64],
                "adapt_biasfactor": False,
                "start": "both",
                "n_start": 5,
                "sigma": "12 kcal/mol",
                "height": 1,
                "pace": 50,
                "nvt_steps": 1000,
                "walkers": 2,
                "guard": {"devi_factor": 4, "devi_checks": 5},
            },
        },
        {
            "sys_idx": [0, 1],
            "temps": [300],
            "ensemble": "nvt",
            "nsteps": 4000,
            "trj_freq": 40,
            "wte": {"biasfactor": 16},
        },
    ],
    "convergence": {"accurate_ratio": 0.95, "iterations": 2},
    "fp_style": "lammps",
    "fp_params": {"force_field": "tip3p-flexible", "cutoff_A": 6.0},
    "fp_task_max": 20,
    "fp_task_min": 1,
}


JOB = "model_devi_jobs.0."


WTE = "model_devi_jobs.0.wte."


POSCAR = """water
1.0
9.0 0.0 0.0
0.0 9.5 0.0
0.0 0.0 10.0
O H
1 2
Direct
0.0 0.0 0.0
0.1 0.0 0.0
0.0 0.1 0.0
"""


WATER = [[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]]


def write_system(
    folder: Path, names: list[str] | None = None, energies: Sequence[float] = (0.0,)
) -> None:
    """Frames of one water as deepmd/npy, all with the same coordinates."""
    n = len(energies)
    (folder / "set.000").mkdir(parents=True)
    (folder / "type.raw").write_text("0\n1\n1\n")
    if names is not None:
        (folder / "type_map.raw").write_text("\n".join(names) + "\n")
    np.save(folder / "set.000" / "coord.npy", np.tile(np.ravel(WATER), (n, 1)))
    np.save(folder / "set.000" / "box.npy", np.tile(np.eye(3).ravel() * 9, (n, 1)))
    np.save(folder / "set.000" / "energy.npy", np.array(energies))
    np.save(folder / "set.000" / "force.npy", np.zeros((n, 9)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A run's folder with data and structures."""
    write_system(tmp_path / "data" / "train", ["O", "H"])
    write_system(tmp_path / "data" / "validation", ["O", "H"], energies=[0.1])
    (tmp_path / "conf").mkdir()
    for name in ("b", "a"):
        (tmp_path / "conf" / f"{name}.POSCAR").write_text(POSCAR)
    return tmp_path


def load(root: Path, data: object, check_files: bool = True):
    """Write a parameter file and load it."""
    path = root / "params.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return load_params(path, root, check_files)


def changed(changes: dict[str, object]) -> dict:
    """The good file with some values set or, where they are ``...``, removed.

    A key is a path, as ``model_devi_jobs.0.nsteps``.
    """
    data = copy.deepcopy(GOOD)
    for path, value in changes.items():
        *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
        place = data
        for part in parents:
            place = place[part]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return data


def error_of(root: Path, changes: dict[str, object]) -> str:
    """The line that a changed file is refused with."""
    with pytest.raises(InputError) as caught:
        load(root, changed(changes))
    line = str(caught.value)
    assert "\n" not in line
    assert caught.value.exit_code == 2
    return line
