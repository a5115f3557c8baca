"""What a PLUMED input of the user's own says of the energy, and of the files that it writes."""

from collections.abc import Sequence
from dataclasses import dataclass

from wtemlp.config.templates.plumed_text import Action
from wtemlp.core.units import ENERGY_IN_EV

_EV = {name.lower(): factor for name, factor in ENERGY_IN_EV.items()}
_PS = {"ps": 1.0, "fs": 1e-3, "ns": 1e3}
#: Keys whose value is a file that is written ...
_OUTPUT_KEYS = ("FILE", "GRID_WFILE", "STATE_WFILE", "ACCELERATION_WFILE")
#: ... unless it is a key of one of these.
_READERS = ("INCLUDE", "LOAD", "READ", "EXTERNAL", "PLUMED", "UNITS")
#: Files of actions that are not told a name.
_DEFAULT_FILES = {
    "METAD": "HILLS",
    "PBMETAD": "HILLS",
    "OPES_METAD": "KERNELS",
    "OPES_METAD_EXPLORE": "KERNELS",
    "OPES_EXPANDED": "DELTAFS",
}
_BIASES = tuple(_DEFAULT_FILES)


@dataclass(frozen=True)
class EnergyFile:
    """A file into which PLUMED prints the potential energy."""

    file: str
    energy: str  #: name of the column
    bias: str | None  #: name of the column of the bias, if there is one
    unit_eV: float
    time_ps: float


def energy_unit(actions: Sequence[Action]) -> float | None:
    """PLUMED's unit of energy in eV; None if it is not known here.

    kJ/mol unless ``UNITS`` says otherwise.
    """
    return _unit(actions, "ENERGY", _EV, _EV["kj/mol"])


def time_unit(actions: Sequence[Action]) -> float | None:
    """PLUMED's unit of time in ps; None if it is not known here."""
    return _unit(actions, "TIME", _PS, 1.0)


def _unit(
    actions: Sequence[Action], key: str, known: dict[str, float], default: float
) -> float | None:
    given = [one.keywords[key] for one in actions if one.name == "UNITS" and key in one.keywords]
    return known.get(given[-1].lower()) if given else default


def acts_on_energy(actions: Sequence[Action]) -> bool:
    """Whether the potential energy is asked for, or may be, in a file that is included."""
    return any(one.name in ("ENERGY", "INCLUDE") for one in actions)


def energy_file(actions: Sequence[Action]) -> EnergyFile | None:
    """Where the energy is printed, and in which units; None if it is not, or nobody knows."""
    labels = {one.label for one in actions if one.name == "ENERGY"}
    biases = {f"{one.label}.bias" for one in actions if one.name in _BIASES and one.label}
    unit_eV, time_ps = energy_unit(actions), time_unit(actions)
    for one in actions:
        columns = one.keywords.get("ARG", "").split(",")
        energy = next((name for name in columns if name in labels), None)
        if one.name == "PRINT" and energy and "FILE" in one.keywords and unit_eV and time_ps:
            bias = next((name for name in columns if name in biases), None)
            return EnergyFile(one.keywords["FILE"], energy, bias, unit_eV, time_ps)
    return None


def written_files(actions: Sequence[Action]) -> tuple[str, ...]:
    """Names of the files that an input has PLUMED write."""
    found: dict[str, None] = {}
    for one in actions:
        if one.name in _READERS:
            continue
        names = [one.keywords[key] for key in _OUTPUT_KEYS if key in one.keywords]
        if "FILE" not in one.keywords and one.name in _DEFAULT_FILES:
            names.append(_DEFAULT_FILES[one.name])
        found |= dict.fromkeys(name for entry in names for name in entry.split(","))
    return tuple(found)
