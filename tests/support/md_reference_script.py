"""Shared by tests: md reference script."""

from pathlib import Path

from wtemlp.config.init_params import of_water
from wtemlp.config.keys.init import WaterParams
from wtemlp.config.keys.labels import ForceField
from wtemlp.md.reference_runs import ReferenceRun
from wtemlp.md.systems.system_input import SystemInput
from wtemlp.reference.force_field import Water

WATER = WaterParams(
    source=Path("init.json"),
    seed=1,
    type_map=("O", "H"),
    n_molecules=32,
    density_g_cm3=1.0,
    force_field=ForceField(cutoff_A=6.0),
    temperature_K=300.0,
    pressure_bar=1.01325,
    timestep_fs=0.5,
    npt_steps=101,
    nvt_steps=402,
    biasfactors=(16.0,),
    wte_steps=400,
    height_kT=0.5,
    pace=100,
    frames_per_ensemble=7,
    validation_fraction=0.2,
    starting_structures=2,
    output=Path("init"),
)
PARAMS = of_water(WATER)
#: The runs of it.
NVT = ReferenceRun(
    temperature_K=300.0,
    timestep_fs=0.5,
    steps=402,
    frames=7,
    npt_steps=101,
    npt_pressure_bar=1.01325,
    minimize=True,
)
WTE = ReferenceRun(
    temperature_K=300.0,
    timestep_fs=0.5,
    steps=400,
    frames=7,
    new_velocities=False,
    bias=True,
    keep_end=False,
)


def water_input(data):
    """What the scripts of runs take of the water."""
    water = Water(WATER.force_field)
    return SystemInput(water.commands(data), water.units, water.elements, data, {})
