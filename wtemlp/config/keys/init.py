"""The parameter file of ``wtemlp init``."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from wtemlp.config.keys.declare import (
    ANY_STEPS,
    COUNT,
    FRACTION,
    PRESSURE_BAR,
    SEED_KEY,
    STEPS,
    TEMPERATURE_K,
    Choice,
    Key,
    Range,
)
from wtemlp.config.keys.labels import ForceField
from wtemlp.config.keys.wte import BIASFACTORS, DEFAULT_PACE, HEIGHT, PACE

OH_STRETCH = "the O-H stretch of flexible water has a period of 9 fs"


class DataLayout(Choice):
    """How the data are written."""

    TOGETHER = "together"
    BY_ENSEMBLE = "by_ensemble"


@dataclass(frozen=True)
class InitParams:
    """An init file (``wtemlp init``).

    Parameters
    ----------
    type_map
        Elements of the data, in the order of their types.
    n_molecules
        Water molecules in the box.
    density_g_cm3
        Density of the first box.
    force_field
        The reference force field.
    temperature_K
        Temperature of the thermostat.
    pressure_bar
        Pressure of the barostat.
    timestep_fs
        MD time step.
    npt_steps
        Steps at constant pressure, to find the box.
    nvt_steps
        Steps at constant volume; frames are from the last 3/4.
    biasfactors
        Bias factors of the WTE runs with the force field; none if empty.
    wte_steps
        Steps of the WTE run of each bias factor.
    frames_per_ensemble
        Labelled frames of NVT, and of each WTE run.
    validation_fraction
        Fraction of the frames that is kept for validation.
    starting_structures
        Structures that are written for the exploration to start from.
    output
        Folder that is written.
    data
        together: the frames of all ensembles are shuffled into one set of data;
        by_ensemble: each has its own, data/g1 (NVT), data/g16, ..., and its own
        structures, conf/g1, ...
    """

    source: Path
    seed: Annotated[int, SEED_KEY]
    type_map: Annotated[tuple[str, ...], Key()]
    n_molecules: Annotated[int, COUNT]
    density_g_cm3: Annotated[float, Key(Range(gt=0, unit="g/cm3"), default=1.0)]
    force_field: Annotated[ForceField, Key()]
    temperature_K: Annotated[float, TEMPERATURE_K]
    pressure_bar: Annotated[float, Key(PRESSURE_BAR, default=1.0)]
    timestep_fs: Annotated[float, Key(Range(gt=0, le=1.0, unit="fs", why=OH_STRETCH), default=0.5)]
    npt_steps: Annotated[int, STEPS]
    nvt_steps: Annotated[int, STEPS]
    biasfactors: Annotated[tuple[float, ...], BIASFACTORS]
    wte_steps: Annotated[int, Key(ANY_STEPS, default=None)]
    height_kT: Annotated[float, HEIGHT]
    pace: Annotated[int, replace(PACE, default=DEFAULT_PACE)]
    frames_per_ensemble: Annotated[int, COUNT]
    validation_fraction: Annotated[float, Key(FRACTION, default=0.1)]
    starting_structures: Annotated[int, Key(COUNT, default=1)]
    #: Relative to the run's folder
    output: Annotated[Path, Key(default="init")]
    data: Annotated[DataLayout, Key()] = DataLayout.TOGETHER

    @property
    def ensembles(self) -> tuple[float, ...]:
        """The bias factors of all ensembles that are sampled; the first, 1, is NVT."""
        return (1.0, *(factor for factor in self.biasfactors if factor > 1))
