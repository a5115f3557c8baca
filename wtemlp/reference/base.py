"""What every reference method takes and gives: bare frames in, labels or reasons out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from wtemlp.config.records import Machines, Params
from wtemlp.dispatch.tasks import Task

POSITION_TOLERANCE_A = 1e-6  #: between the frame sent and the frame labelled
MAX_FORCE = 100.0  #: eV/Angstrom; a larger force on an atom is no label to learn from


@dataclass(frozen=True)
class Frames:
    """Frames of one system: positions only, with nothing of how they were made."""

    coords: np.ndarray  #: (n_frames, n_atoms, 3), Angstrom, wrapped or not
    cells: np.ndarray  #: (n_frames, 3, 3), cell vectors as rows, Angstrom
    types: np.ndarray  #: (n_atoms,), index of each atom's element in the run's type_map
    names: tuple[str, ...]  #: one a frame, for messages
    periodic: bool = True  #: false: a molecule in vacuum, whatever the cells

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
    #: (n_frames, 3, 3), eV, DeePMD's sign: sum over atoms of r f; NaN for a frame that has none
    virials: np.ndarray | None
    ok: np.ndarray  #: (n_frames,), bool: the label may be used
    reasons: tuple[str, ...]  #: one a frame: why not; "" where ok
    refused: np.ndarray  #: (n_frames,), bool: not ok, and the frame is to blame, no calculation
    frames: Frames | None = None  #: the frames as the method had them; None: as they were sent
    #: One for each frame, or empty: what a user should know of a label that may be used.
    notes: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class LabelSetup:
    """What a labeller is made of."""

    params: Params
    machines: Machines
    root: Path  #: the run's folder
    iteration: int  #: whose frames are to be labelled

    @property
    def own_params(self) -> Mapping[str, Any]:
        """The keys of ``fp_params``, defaults filled in."""
        found: Mapping[str, Any] = self.params.jdata.get("fp_params", {})
        return found


class Labeller(Protocol):
    """A reference method: a job for many frames or for one, and its result."""

    @property
    def together(self) -> bool:
        """Whether a job takes many frames with the same atoms, or else one frame."""

    def write_inputs(self, folders: Sequence[Path], seed: int) -> None:
        """Write what each frame's own folder needs, when the frames have been chosen."""

    def prepare(self, folder: Path, frames: Frames, command: str) -> Task:
        """Write the inputs of one job that labels all frames, and say how to run it."""

    def collect(self, folder: Path, frames: Frames) -> Labels:
        """Read the labels of those frames back."""


class ManyFrames:
    """What a labeller is whose job takes many frames: their own folders need nothing."""

    together = True

    def write_inputs(self, folders: Sequence[Path], seed: int) -> None:
        """Write nothing: the inputs are those of the jobs."""


def no_labels(frames: Frames, reasons: Sequence[str]) -> Labels:
    """The labels of frames that all failed.

    Parameters
    ----------
    frames : Frames
    reasons : sequence of str
        Why, one a frame.
    """
    n, n_atoms = len(frames), len(frames.types)
    none = np.zeros(n, dtype=bool)
    return Labels(
        np.full(n, np.nan), np.full((n, n_atoms, 3), np.nan), None, none, tuple(reasons), none
    )


def failure(energy: float, forces: np.ndarray, shift_A: float) -> str:
    """Why the calculation of a label failed; "" if it did not.

    Parameters
    ----------
    energy : float
        eV.
    forces : (n_atoms, 3) float
        eV/Angstrom.
    shift_A : float
        How far the labelled positions are from those that were sent.
    """
    if not shift_A <= POSITION_TOLERANCE_A:
        return f"the labelled positions differ by {shift_A:.3g} Angstrom from those sent"
    if not (np.isfinite(energy) and np.isfinite(forces).all()):
        return "the energy or a force is not a finite number"
    return ""


def refusal(forces: np.ndarray) -> str:
    """Why a frame is nothing to learn from, though its label is right; "" if it is.

    Parameters
    ----------
    forces : (n_atoms, 3) float
        eV/Angstrom.
    """
    largest = float(np.linalg.norm(forces, axis=1).max())
    if largest > MAX_FORCE:
        return f"a force of {largest:.4g} eV/Angstrom: above {MAX_FORCE:g}"
    return ""


def checked_labels(
    frames: Frames,
    *,
    energies: np.ndarray,
    forces: np.ndarray,
    virials: np.ndarray,
    coords: np.ndarray,
    reasons: np.ndarray,
) -> Labels:
    """The labels of frames, with those refused that cannot be trusted.

    Parameters
    ----------
    frames : Frames
        The frames that were sent.
    energies, forces, virials : ndarray of float
        As of :class:`Labels`; virials are NaN where there are none.
    coords : ndarray of float, shape (n_frames, n_atoms, 3)
        The positions that were labelled, Angstrom.
    reasons : ndarray of str, shape (n_frames,)
        Why the method failed; "" where it did not.
    """
    if coords.shape != frames.coords.shape:
        return no_labels(frames, ["the labels are of other frames"] * len(frames))
    moved = np.abs(coords - frames.coords).max(axis=(1, 2))
    why = [str(reason) for reason in reasons]
    refused = np.zeros(len(frames), dtype=bool)
    for k, reason in enumerate(why):
        if reason:
            continue
        why[k] = failure(energies[k], forces[k], moved[k])
        if not why[k]:
            why[k] = refusal(forces[k])
            refused[k] = why[k] != ""
    ok = np.array([reason == "" for reason in why])
    return Labels(
        energies=energies,
        forces=forces,
        virials=virials if np.isfinite(virials[ok]).all() else None,
        ok=ok,
        reasons=tuple(why),
        refused=refused,
        frames=frames,
    )
