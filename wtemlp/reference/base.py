"""What every reference method takes and gives: bare frames in, labels or reasons out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from wtemlp.dispatch.tasks import Task


@dataclass(frozen=True)
class Frames:
    """Frames of one system: positions only, with nothing of how they were made."""

    coords: np.ndarray  #: (n_frames, n_atoms, 3), Angstrom, wrapped or not
    cells: np.ndarray  #: (n_frames, 3, 3), cell vectors as rows, Angstrom
    types: np.ndarray  #: (n_atoms,), index of each atom's element in the run's type_map
    names: tuple[str, ...]  #: one a frame, for messages

    def __len__(self) -> int:
        return len(self.names)

    def __post_init__(self) -> None:
        n, n_atoms = len(self.names), len(self.types)
        if self.coords.shape != (n, n_atoms, 3) or self.cells.shape != (n, 3, 3):
            raise ValueError(
                f"{n} names and {n_atoms} types do not fit coords {self.coords.shape}"
                f" and cells {self.cells.shape}"
            )


@dataclass(frozen=True)
class Labels:
    """What the reference method says of frames; NaN where ``ok`` is false."""

    energies: np.ndarray  #: (n_frames,), eV
    forces: np.ndarray  #: (n_frames, n_atoms, 3), eV/Angstrom
    virials: np.ndarray | None  #: (n_frames, 3, 3), eV, DeePMD's sign: sum over atoms of r f
    ok: np.ndarray  #: (n_frames,), bool: the label may be used
    reasons: tuple[str, ...]  #: one a frame: why not; "" where ok
    refused: np.ndarray  #: (n_frames,), bool: not ok, and the frame is to blame, no calculation


def without_labels(frames: Frames, reason: str) -> Labels:
    """No label for any of some frames, for the same reason."""
    n, n_atoms = len(frames), len(frames.types)
    return Labels(
        energies=np.full(n, np.nan), forces=np.full((n, n_atoms, 3), np.nan),
        virials=np.full((n, 3, 3), np.nan), ok=np.zeros(n, bool), reasons=(reason,) * n,
        refused=np.zeros(n, bool),
    )  # fmt: skip


class Labeller(Protocol):
    """A reference method: a job for many frames, and its result."""

    def prepare(self, folder: Path, frames: Frames, command: str) -> Task:
        """Write the inputs of one job that labels all frames, and say how to run it."""

    def collect(self, folder: Path, frames: Frames) -> Labels:
        """Read the labels of those frames back."""
