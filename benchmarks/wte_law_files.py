"""The files of ``wte_law.py``: where its runs are, and how they are read."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wtemlp.md import colvar

TEMPERATURE_K = 300.0
TIMESTEP_FS = 0.5
STRIDE = 20  #: steps between recorded energies
COLVAR, HILLS, END, DONE = "COLVAR", "HILLS", "end.data", "done"


@dataclass(frozen=True)
class Series:
    """Energies of a run, equally spaced; kcal/mol."""

    energy: NDArray[np.float64]  #: (n,), without the bias
    bias: NDArray[np.float64]  #: (n,), zero in NVT

    @property
    def time_ps(self) -> NDArray[np.float64]:
        """Times of the energies from the run's start, (n,)."""
        return (np.arange(len(self.energy)) + 1) * STRIDE * TIMESTEP_FS / 1000

    def part(self, start: float, stop: float = 1.0) -> "Series":
        """Between two fractions of the run."""
        n = len(self.energy)
        rows = slice(int(start * n), int(stop * n))
        return Series(self.energy[rows], self.bias[rows])


def folder_of(out: Path, biasfactor: float = 1.0, static: bool = False) -> Path:
    """The folder of a run's pieces."""
    if biasfactor == 1:
        return out / "nvt"
    return out / (f"g{biasfactor:g}.static" if static else f"g{biasfactor:g}")


def pieces(chain: Path) -> list[Path]:
    """The finished pieces of a run, in their order, up to the first that is not finished."""
    found: list[Path] = []
    while (chain / f"piece.{len(found):03d}" / DONE).is_file():
        found.append(chain / f"piece.{len(found):03d}")
    return found


def read_series(chain: Path, stop: int | None = None) -> Series:
    """The energies of a run's pieces, each without its first row, which the last one ended with."""
    tables = [colvar.read(piece / COLVAR) for piece in pieces(chain)[:stop]]
    if not tables:
        return Series(np.zeros(0), np.zeros(0))
    energy = np.concatenate([table["ene"][1:] for table in tables])
    bias = [table["metad.bias"][1:] for table in tables if "metad.bias" in table]
    return Series(energy, np.concatenate(bias) if bias else np.zeros_like(energy))


def read_hills(chain: Path) -> NDArray[np.float64]:
    """Time (ps), centre, width and height (kcal/mol) of a run's hills, (n, 4).

    The heights are PLUMED's: those that it added, times g / (g - 1).
    """
    table = colvar.read(pieces(chain)[-1] / HILLS)
    return np.stack([table[name] for name in ("time", "ene", "sigma_ene", "height")], axis=1)
