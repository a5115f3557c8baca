"""Shared by tests: loop runs."""

import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import dpdata
import numpy as np
import psutil
import pytest

from tests.support.engines import require_engine
from tests.support.program import Program
from tests.support.shared import made_once
from tests.support.waters import water_box

ENGINES = Path(__file__).parents[1] / "loop" / "cheap_engines.py"


ROOT = Path(__file__).parents[2]


N_SIDE, BOX_A = 3, 9.32


def machine(command: str) -> dict:
    return {
        "command": command,
        "machine": {
            "batch_type": "Shell",
            "context_type": "LazyLocalContext",
            "local_root": "./",
        },
        "resources": {"number_node": 1, "cpu_per_node": 1, "group_size": 1, "queue_name": ""},
    }


def job() -> dict:
    return {
        "sys_idx": [0],
        "temps": [300],
        "ensemble": "nvt",
        "nsteps": 400,
        "trj_freq": 100,
        "wte": {"biasfactor": [4, 16], "nvt_steps": 800},
    }


PARAM = {
    "seed": 7,
    "type_map": ["O", "H"],
    "mass_map": [15.9994, 1.008],
    "init_data_prefix": "data",
    "init_data_sys": ["train"],
    "validation_data_sys": ["validation"],
    "sys_configs": [["conf/*.POSCAR"]],
    "numb_models": 4,
    "default_training_param": {
        "model": {
            "descriptor": {
                "type": "se_e2_a",
                "rcut": 4.0,
                "rcut_smth": 0.5,
                "sel": [20, 40],
                "neuron": [4, 8],
            },
            "fitting_net": {"neuron": [4]},
        },
        "learning_rate": {"type": "exp", "start_lr": 0.01, "stop_lr": 1e-4, "decay_steps": 10},
        "loss": {"type": "ener"},
        "training": {"numb_steps": 20, "disp_freq": 10},
    },
    "dp_compress": True,
    "model_devi_engine": "wte",
    "model_devi_dt": 0.0005,
    "model_devi_skip": 0,
    "model_devi_f_trust_lo": 0.2,
    "model_devi_f_trust_hi": 0.8,
    "model_devi_jobs": [job(), job()],
    "fp_style": "lammps",
    "fp_params": {"force_field": "tip3p-flexible", "cutoff_A": 4.5, "kspace_accuracy": 1e-4},
    "fp_task_max": 5,
    "fp_task_min": 1,
    "ratio_failed": 0.0,
    "reference_check": "off",  # the labels of the data are made up
}


class Run:
    """A run's folder and the ``wtemlp run`` processes on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, live_page: bool = False, **environment: str) -> Program:
        """``wtemlp run`` in a session of its own, so that all of it can be killed."""
        words = ("run", "param.json", "machine.json")
        return Program(words, self.folder, environment, live_page=live_page)

    def finish(self, timeout_s: float = 900) -> str:
        """Run to the end; the output."""
        process = self.start()
        output = process.communicate(timeout=timeout_s)[0]
        assert process.returncode == 0, output
        return output

    def state(self) -> dict:
        file = self.folder / "wtemlp.json"
        return json.loads(file.read_text()) if file.exists() else {"iteration": 0, "step": -1}

    def kill_at(
        self,
        iteration: int,
        step: int,
        delay_s: float,
        everything: bool,
        sleep_s: float = 0.5,
        once: str = "**",
    ) -> None:
        """SIGKILL ``wtemlp run``, and with `everything` its tasks, in a step of an iteration.

        `sleep_s` is what the cheap engines take at least: where the step that is killed matters,
        it is much longer than `delay_s`.  `once` is a pattern of files: one is there before.
        """
        process = self.start(live_page=True, CHEAP_ENGINE_SLEEP=str(sleep_s))
        end = time.monotonic() + 600

        def come() -> bool:
            state = self.state()
            there = (state["iteration"], state["step"]) >= (iteration, step)
            return there and any(self.folder.glob(once))

        while not come():
            assert process.poll() is None and time.monotonic() < end, process.communicate()[0]
            time.sleep(0.01)
        time.sleep(delay_s)
        children = psutil.Process(process.pid).children(recursive=True) if everything else []
        process.send_signal(signal.SIGKILL)
        if everything:
            self.kill_tasks(children)
        process.communicate()

    def kill_tasks(self, more: Sequence[psutil.Process] = ()) -> None:
        """SIGKILL all that works in the run's folder, and more."""
        for victim in (*more, *self.tasks()):
            try:
                victim.kill()
            except psutil.NoSuchProcess:
                continue

    def tasks(self) -> list[psutil.Process]:
        """What works in the run's folder."""
        return [p for p in psutil.process_iter(["cmdline"]) if self._is_task(p)]

    def _is_task(self, process: psutil.Process) -> bool:
        try:
            return str(self.folder) in process.cwd() and process.pid != os.getpid()
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            return False

    def fingerprint(self) -> dict[str, str]:
        """A hash of every labelled frame, of every decision and of every model."""
        patterns = (
            "iter.*/02.fp/data.*/**/*.npy",
            "iter.*/01.model_devi/explored.npz",
            "iter.*/00.train/*/input.json",
            "iter.*/00.train/graph.*.pb",
            "iter.*/02.fp/*.out",
            "iter.*/02.fp/labels.json",
        )
        found = {}
        for pattern in patterns:
            for file in sorted(self.folder.glob(pattern)):
                found[str(file.relative_to(self.folder))] = _content(file)
        return found


def _content(file: Path) -> str:
    digest = hashlib.sha256()
    if file.suffix == ".npz":
        with np.load(file) as arrays:
            for name in sorted(arrays.files):
                digest.update(arrays[name].tobytes())
    else:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def write_data(folder: Path) -> None:
    """Eight frames with made-up labels, half of them to validate on, and two structures."""
    frames = [water_box(N_SIDE, BOX_A, seed=seed, shuffle=False) for seed in range(8)]
    order = np.argsort(frames[0][0], kind="stable")
    coords = np.array([frame[1][order] for frame in frames])
    rng = np.random.default_rng(0)
    system = dpdata.LabeledSystem(
        data={
            "atom_names": ["O", "H"],
            "atom_numbs": [N_SIDE**3, 2 * N_SIDE**3],
            "atom_types": frames[0][0][order],
            "orig": np.zeros(3),
            "cells": np.tile(BOX_A * np.eye(3), (8, 1, 1)),
            "coords": coords,
            "energies": rng.normal(size=8),
            "forces": rng.normal(size=coords.shape),
        }
    )
    system[:4].to_deepmd_npy(str(folder / "data/train"))
    system[4:].to_deepmd_npy(str(folder / "data/validation"))
    (folder / "conf").mkdir()
    for index in range(2):
        system[index].to_vasp_poscar(str(folder / f"conf/{index}.POSCAR"))


def write_machine(folder: Path) -> None:
    """Write the machine file of the cheap engines."""
    engine = f"{sys.executable} {ENGINES}"
    sections = {
        "train": machine(f"{engine} dp"),
        "model_devi": machine(f"{engine} lmp"),
        "fp": machine(f"{engine} lmp"),
    }
    (folder / "machine.json").write_text(
        json.dumps({"api_version": "1.0", "deepmd_version": "3.2.0", **sections}, indent=1)
    )


def make_run(folder: Path, **changes: object) -> Run:
    """Write the input of a run."""
    folder.mkdir(parents=True)
    write_data(folder)
    (folder / "param.json").write_text(json.dumps(PARAM | changes, indent=1))
    write_machine(folder)
    return Run(folder)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that nobody disturbed; one for all workers."""
    require_engine("lammps")

    def make(folder: Path) -> None:
        said = make_run(folder).finish()
        (folder / "said.txt").write_text(said)

    return Run(made_once(tmp_path_factory, "undisturbed", make))
