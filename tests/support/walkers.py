"""Shared by tests: walkers."""

from wtemlp.config.keys.wte import Guard
from wtemlp.md.walker import Walker

WALKER = Walker(
    graphs=("../graph.000.pb", "../graph.001.pb"),
    type_map=("O", "H"),
    mass_map=(15.9994, 1.008),
    temperature_K=300.0,
    biasfactor=16.0,
    sigma_eV=None,
    height_kT=0.5,
    pace=100,
    nvt_steps=2000,
    nsteps=4000,
    trj_freq=20,
    timestep_ps=0.0005,
    trust_hi=0.5,
    guard=Guard(),
    velocity_seed=1,
    thermostat_seed=2,
)
