"""``job.json`` in an exploration task: what identifies a walker and its conditions."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wtemlp.config.keys.wte import Extra, Method
from wtemlp.config.templates.plumed_output import EnergyFile
from wtemlp.core import paths
from wtemlp.core.atomic_io import read_json, reading, write_json

#: DP-GEN's names of what both write there.
_NAMES = {"temperature_K": "temps", "pressure_bar": "press", "timestep_ps": "model_devi_dt"}
#: Left out of the file where there is none.
_OPTIONAL = (
    "pressure_bar",
    "own",
    "hills_from",
    "velocity_seed",
    "thermostat_seed",
    "revised",
    "energies",
    "written",
    "inputs",
    "n_beads",
    "chooses_hills",
)
#: What to do where it is damaged.
REMEDY = "put it back, or move its iteration's 01.model_devi away: the same command explores again"
TEMPLATE = "template"  #: the method of a walker whose scripts are the user's own
DPGEN = "dpgen"  #: of one whose script is DP-GEN's


@dataclass(frozen=True)
class WalkerRecord:
    """A walker's provenance."""

    temperature_K: float | None  #: None: only its template knows
    system: int = 0
    walker: int = 0
    ensemble: str = "nvt"
    pressure_bar: float | None = None  #: None: constant volume
    timestep_ps: float | None = None
    structure: str = ""  #: what it started from
    origin: Mapping[str, Any] | None = None  #: of a labelled frame: where that is from
    method: str = Method.WTE
    biasfactor: float | None = None  #: None: from the window of temperatures
    biasfactor_asked: tuple[float, ...] = ()  #: of the parameter file, that it stands for
    biasfactor_cap: float | None = None
    window_K: tuple[float, float] | None = None
    share_hills: bool = False
    variables: tuple[str, ...] = ()  #: labels of the user's own that are biased
    nvt_steps: int = 0
    nsteps: int = 0
    own: Extra | None = None  #: the user's PLUMED lines
    hills_from: str | None = None  #: file of the iteration before, if it begins with those
    velocity_seed: int | None = None
    thermostat_seed: int | None = None
    revised: Mapping[str, str | float] | None = (
        None  #: the words of its template, and what they became
    )
    energies: EnergyFile | None = None  #: where its template has the energy printed
    written: tuple[str, ...] | None = None  #: files that its template's PLUMED input writes
    inputs: tuple[str, ...] | None = None  #: its scripts
    chooses_hills: bool | None = None  #: whether its job chooses how often hills fall
    n_beads: int | None = None  #: of a path integral; None: classical MD

    @property
    def generated(self) -> bool:
        """Whether its script is wtemlp's own: no template's, and not DP-GEN's."""
        return self.method not in (TEMPLATE, DPGEN)

    @property
    def biases_energy(self) -> bool:
        """Whether the energy is among what is biased, if anything is."""
        return self.own is None or self.own.energy


def as_json(record: Any) -> dict[str, Any]:
    """A record as JSON gives it back."""
    found: dict[str, Any] = json.loads(json.dumps(asdict(record)))
    return found


def write_record(folder: Path, record: WalkerRecord) -> None:
    """Write ``job.json`` into a walker's folder."""
    content = {_NAMES.get(key, key): value for key, value in as_json(record).items()}
    for key in _OPTIONAL:
        if content[_NAMES.get(key, key)] is None:
            del content[_NAMES.get(key, key)]
    # A template's words, as DP-GEN writes them.
    write_json(folder / paths.JOB, {**(record.revised or {}), **content})


def read_record(folder: Path) -> WalkerRecord:
    """Read a walker's ``job.json``; what older versions have not written has its default.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    DamagedFile
        If it is damaged.
    """
    file = folder / paths.JOB
    with reading(file, REMEDY):
        return _record(read_json(file, REMEDY))


def _record(content: Mapping[str, Any]) -> WalkerRecord:
    ours = {name: key for key, name in _NAMES.items()}
    known = WalkerRecord.__dataclass_fields__
    found = {ours.get(key, key): value for key, value in content.items()}
    found = {key: value for key, value in found.items() if key in known}
    for key in ("biasfactor_asked", "variables", "window_K", "written", "inputs"):
        if found.get(key) is not None:
            found[key] = tuple(found[key])
    if found.get("own") is not None:
        found["own"] = Extra.of(found["own"])
    if found.get("energies") is not None:
        found["energies"] = EnergyFile(**found["energies"])
    temperature = found["temperature_K"]
    found["temperature_K"] = None if temperature is None else float(temperature)
    return WalkerRecord(**found | {"system": int(found["system"])})
