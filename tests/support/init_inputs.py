"""Shared by tests: init inputs."""

import io
import sys
from pathlib import Path

from rich.console import Console

from wtemlp.config.init_params import of_water
from wtemlp.config.keys.init import WaterParams
from wtemlp.config.keys.labels import ForceField
from wtemlp.config.records import Machines, MachineSection
from wtemlp.session.progress import Reporter

WATER = WaterParams(
    source=Path("init.json"),
    seed=5,
    type_map=("H", "O"),
    n_molecules=16,
    density_g_cm3=1.0,
    force_field=ForceField(cutoff_A=5.0),
    temperature_K=300.0,
    pressure_bar=1.0,
    timestep_fs=0.5,
    npt_steps=300,
    nvt_steps=400,
    biasfactors=(1.0, 9.0),
    wte_steps=600,
    height_kT=0.5,
    pace=10,
    frames_per_ensemble=10,
    validation_fraction=0.25,
    starting_structures=3,
    output=Path("start"),
)
PARAMS = of_water(WATER)


LMP = f"{sys.executable} -m wtemlp.lammps_plumed.lmp"


def machines(command=LMP):
    section = MachineSection(
        stage="fp",
        command=command,
        machine={"batch_type": "Shell", "context_type": "LazyLocalContext", "local_root": "./"},
        resources={"cpu_per_node": 1, "group_size": 1, "envs": {"OMP_NUM_THREADS": "1"}},
    )
    return Machines(Path("machine.json"), section, section, section, "3", {})


def reporter():
    return Reporter(None, Console(file=io.StringIO()))
