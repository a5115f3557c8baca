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
from wtemlp.config.keys.reference import ForceField
from wtemlp.config.keys.wte import BIASFACTORS, DEFAULT_PACE, HEIGHT, PACE

OH_STRETCH = "the O-H stretch of flexible water has a period of 9 fs"


class DataLayout(Choice):
    """How the data are written."""

    TOGETHER = "together"
    BY_ENSEMBLE = "by_ensemble"


@dataclass(frozen=True)
class InitParams:
    """An init file (``wtemlp init``)."""

    source: Path
    seed: Annotated[int, SEED_KEY]
    type_map: Annotated[tuple[str, ...], Key("Elements of the data, in the order of their types.")]
    n_molecules: Annotated[int, Key("Water molecules in the box.", COUNT)]
    density_g_cm3: Annotated[
        float, Key("Density of the first box.", Range(gt=0, unit="g/cm3"), default=1.0)
    ]
    force_field: Annotated[ForceField, Key("The reference force field.")]
    temperature_K: Annotated[float, Key("Temperature of the thermostat.", TEMPERATURE_K)]
    pressure_bar: Annotated[float, Key("Pressure of the barostat.", PRESSURE_BAR, default=1.0)]
    timestep_fs: Annotated[
        float,
        Key("MD time step.", Range(gt=0, le=1.0, unit="fs", why=OH_STRETCH), default=0.5),
    ]
    npt_steps: Annotated[int, Key("Steps at constant pressure, to find the box.", STEPS)]
    nvt_steps: Annotated[int, Key("Steps at constant volume; frames are from the last 3/4.", STEPS)]
    biasfactors: Annotated[tuple[float, ...], BIASFACTORS]
    wte_steps: Annotated[
        int,
        Key(
            "Steps of the WTE run of each bias factor.",
            ANY_STEPS,
            default=None,
        ),
    ]
    height_kT: Annotated[float, HEIGHT]
    pace: Annotated[int, replace(PACE, default=DEFAULT_PACE)]
    frames_per_ensemble: Annotated[int, Key("Labelled frames of NVT, and of each WTE run.", COUNT)]
    validation_fraction: Annotated[
        float, Key("Fraction of the frames that is kept for validation.", FRACTION, default=0.1)
    ]
    starting_structures: Annotated[
        int,
        Key("Structures that are written for the exploration to start from.", COUNT, default=1),
    ]
    #: Relative to the run's folder
    output: Annotated[Path, Key("Folder that is written.", default="init")]
    data: Annotated[
        DataLayout,
        Key(
            "together: the frames of all ensembles are shuffled into one set of data; "
            "by_ensemble: each has its own, data/g1 (NVT), data/g16, ..., and its own structures, "
            "conf/g1, ..."
        ),
    ] = DataLayout.TOGETHER

    @property
    def ensembles(self) -> tuple[float, ...]:
        """The bias factors of all ensembles that are sampled; the first, 1, is NVT."""
        return (1.0, *(factor for factor in self.biasfactors if factor > 1))
