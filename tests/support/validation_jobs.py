"""Shared by tests: validation jobs."""

import json
from pathlib import Path

import dpdata
import numpy as np

from tests.support.loop_runs import PARAM, machine
from tests.support.params import write_system
from tests.support.waters import water_box
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params

N_SIDE, BOX_A = 2, 6.4


BLOCK = {"temps": [300, 350], "ensembles": ["nvt", "nve", "npt"], "models": 2}


def make(root: Path, cell: np.ndarray, turn: np.ndarray, **changes):
    """A trained run: models that are only files, and one structure."""
    types, coords, _ = water_box(N_SIDE, BOX_A, shuffle=False)
    order = np.argsort(types, kind="stable")
    coords = (coords @ np.linalg.inv(BOX_A * np.eye(3)) @ cell @ turn)[order]
    data = {
        "atom_names": ["O", "H"],
        "atom_numbs": [N_SIDE**3, 2 * N_SIDE**3],
        "atom_types": types[order],
        "orig": np.zeros(3),
        "cells": (cell @ turn)[None],
        "coords": coords[None],
    }
    (root / "conf").mkdir()
    dpdata.System(data=data).to_vasp_poscar(str(root / "conf/0.POSCAR"))
    for iteration in range(2):
        train = root / f"iter.{iteration:06d}/00.train"
        train.mkdir(parents=True)
        for model in range(4):
            (train / f"graph.{model:03d}.pb").write_text(f"{iteration} {model}")
    for energy, name in enumerate(("train", "validation")):
        write_system(root / "data" / name, ["O", "H"], [energy])
    content = PARAM | {"validation": BLOCK} | changes
    (root / "param.json").write_text(json.dumps(content))
    sections = {name: machine("wtemlp lmp") for name in ("train", "model_devi", "fp")}
    sections["train"]["command"] = "wtemlp dp"
    (root / "machine.json").write_text(json.dumps({"api_version": "1.0", **sections}))
    return load_params(root / "param.json", root), load_machines(root / "machine.json", root)
