"""What an exploration's walkers did, as ``iter.*/summary.json`` keeps it: one row a walker."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from wtemlp.core.formatting import finite


@dataclass(frozen=True)
class WalkerSummary:
    """How a walker was run, and how it fared.  ``None``: not known, or there is none."""

    name: str = ""  #: its folder
    system: int = 0
    method: str = ""  #: "wte", "opes", "template", "dpgen" or DP-GEN's engine; "": not known
    biasfactor: float | None = None  #: that it had; of a window the one that came out
    biasfactor_asked: float | None = None  #: the largest of the parameter file that it stands for
    window_K: tuple[float, float] | None = None
    biases_energy: bool = True  #: whether the energy is among what is biased, if anything is
    temperature_K: float | None = None
    pressure_bar: float | None = None  #: None: constant volume, or not known
    walker: int = 0  #: number within its combination of conditions
    mean_nvt_eV: float | None = None
    sigma_nvt_eV: float | None = None
    mean_wte_eV: float | None = None
    sigma_wte_eV: float | None = None
    n_nvt: int = 0  #: recorded energies of NVT, after equilibration
    n_wte: int = 0  #: recorded energies of WTE, once the bias was filled
    statistical_inefficiency: float | None = None  #: of NVT, in recorded energies
    stopped: str = ""  #: why it ended early
    left_grid: bool = False
    """Whether it did because one of the user's own variables left its grid, and not the physical
    world."""
    alone: int = 0  #: frames with an atom of no neighbours, on which all models agree

    @property
    def asked(self) -> float | None:
        """The bias factor that was asked for; one that was lowered has another."""
        return self.biasfactor_asked or self.biasfactor

    @property
    def ratio(self) -> float | None:
        """sigma_WTE / sigma_NVT."""
        nvt, wte = self.sigma_nvt_eV, self.sigma_wte_eV
        return wte / nvt if nvt and wte is not None else None

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "WalkerSummary":
        """Read a row; what earlier versions have not written, and what is damaged, is not known."""
        found: dict[str, Any] = {}
        for field in fields(cls):
            value = row.get(field.name)
            if field.name == "window_K":
                found[field.name] = _window(value)
            elif field.name == "biasfactor_asked" and isinstance(value, list):
                known = [factor for one in value if (factor := finite(one)) is not None]
                found[field.name] = max(known, default=None)
            elif field.default is None:
                found[field.name] = finite(value)
            elif value is not None:
                kind: Callable[[Any], Any] = type(field.default)
                found[field.name] = kind(value)
        return cls(**found)


def _window(value: object) -> tuple[float, float] | None:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    return float(value[0]), float(value[1])


@dataclass(frozen=True)
class LoweredBias:
    """A system and temperature at which a bias factor is lower than asked for."""

    system: int
    temperature_K: float
    asked: tuple[float, ...]  #: bias factors that are lowered; none for that of a window
    biasfactor: float
    text: str  #: for people

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "LoweredBias":
        """Read a row."""
        return cls(**{**row, "asked": tuple(row["asked"])})
