"""What an exploration's walkers did, as ``iter.*/summary.json`` keeps it: one row a walker."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wtemlp.analysis.energy import equilibrated, filled
from wtemlp.analysis.widths import Scatter, scatters
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
    """As the walker measured it, for its hills; :attr:`nvt` has what is known afterwards."""
    mean_wte_eV: float | None = None
    sigma_wte_eV: float | None = None
    n_nvt: int = 0  #: recorded energies of NVT, after equilibration
    n_wte: int = 0  #: recorded energies of WTE, once the bias was filled
    statistical_inefficiency: float | None = None
    """Of NVT, in recorded energies, from all walkers that sample the same."""
    nvt: Scatter | None = None  #: energies of NVT; None in summaries of earlier versions
    wte: Scatter | None = None  #: energies of WTE, once the bias was filled
    stopped: str = ""  #: why it ended early
    left_grid: bool = False
    """Whether it did because one of the user's own variables left its grid, and not the physical
    world."""
    volume_A3: float | None = None  #: mean of the unbiased part; None: constant, or not known
    volume_low_A3: float | None = None  #: smallest of the biased part
    volume_high_A3: float | None = None  #: largest
    alone: int = 0  #: frames with an atom of no neighbours, on which all models agree

    @property
    def asked(self) -> float | None:
        """The bias factor that was asked for; one that was lowered has another."""
        return self.biasfactor_asked or self.biasfactor

    @property
    def place(self) -> tuple[object, ...]:
        """What walkers have in common that sample the same without a bias, with the same models."""
        return self.system, self.temperature_K, self.pressure_bar

    @property
    def kind(self) -> tuple[object, ...]:
        """What walkers have in common that are biased alike."""
        return (
            self.method,
            self.window_K,
            None if self.window_K else self.biasfactor,
            self.biases_energy,
        )

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "WalkerSummary":
        """Read a row; what earlier versions have not written, and what is damaged, is not known."""
        found: dict[str, Any] = {}
        for field in fields(cls):
            value = row.get(field.name)
            if field.name == "window_K":
                found[field.name] = _window(value)
            elif field.name in ("nvt", "wte"):
                found[field.name] = _scatter(value)
            elif field.name == "biasfactor_asked" and isinstance(value, list):
                known = [factor for one in value if (factor := finite(one)) is not None]
                found[field.name] = max(known, default=None)
            elif field.default is None:
                found[field.name] = finite(value)
            elif value is not None:
                kind: Callable[[Any], Any] = type(field.default)
                found[field.name] = kind(value)
        return cls(**found)


@dataclass(frozen=True)
class CountedEnergies:
    """The energies of a walker that count: after equilibration, and once the bias was filled."""

    nvt_eV: NDArray[np.float64]  #: (n_nvt,)
    wte_eV: NDArray[np.float64]  #: (n_wte,)
    spacing_ps: float | None = None  #: between them; None: not known

    @classmethod
    def of(
        cls, nvt: Mapping[str, NDArray[np.float64]], wte: Mapping[str, NDArray[np.float64]]
    ) -> "CountedEnergies":
        """Those of recorded series, with ``time`` (ps) and ``ene`` (eV)."""
        parts = [series.get("ene", np.empty(0)) for series in (nvt, wte)]
        spacing = None
        for series in (nvt, wte):
            if spacing is None and len(series.get("time", ())) > 1:
                spacing = finite(float(np.median(np.diff(series["time"]))))
        nvt_eV, wte_eV = equilibrated(parts[0]), filled(parts[1])
        return cls(nvt_eV[np.isfinite(nvt_eV)], wte_eV[np.isfinite(wte_eV)], spacing or None)


def with_scatters(
    rows: Sequence[WalkerSummary], energies: Mapping[str, "CountedEnergies"]
) -> list[WalkerSummary]:
    """The walkers of an iteration with the scatter of their energies.

    Parameters
    ----------
    rows : sequence of WalkerSummary
    energies : mapping of str to CountedEnergies
        By name of the walker.

    Returns
    -------
    list of WalkerSummary
        In the same order.  Walkers that are alike have the inefficiency of all of them together.
    """
    found: dict[str, list[Scatter | None]] = {row.name: [None, None] for row in rows}
    for part, alike in enumerate((_place_of, _place_and_kind_of)):
        groups: dict[tuple[object, ...], list[str]] = defaultdict(list)
        for row in rows:
            if row.name in energies:
                groups[(*alike(row), bool(row.stopped))].append(row.name)
        for names in groups.values():
            parts = [energies[name] for name in names]
            series = [(one.nvt_eV, one.wte_eV)[part] for one in parts]
            each = scatters(series, parts[0].spacing_ps)
            for name, one in zip(names, each, strict=True):
                found[name][part] = one
    return [_with(row, *found[row.name]) for row in rows]


def _with(row: WalkerSummary, nvt: Scatter | None, wte: Scatter | None) -> WalkerSummary:
    inefficiency = row.statistical_inefficiency if nvt is None else nvt.inefficiency
    return replace(row, nvt=nvt, wte=wte, statistical_inefficiency=inefficiency)


def _place_of(row: WalkerSummary) -> tuple[object, ...]:
    return row.place


def _place_and_kind_of(row: WalkerSummary) -> tuple[object, ...]:
    return row.place + row.kind


def _scatter(value: object) -> Scatter | None:
    try:
        return Scatter(**value) if isinstance(value, dict) else None
    except TypeError:
        return None


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
