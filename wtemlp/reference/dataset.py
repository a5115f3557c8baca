"""Labelled frames as DeePMD data: shuffled, split, and with where each frame is from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import dpdata
import numpy as np

from wtemlp.reference.base import Frames, Labels

TRAIN, VALIDATION = "train", "validation"
PROVENANCE = "frames.csv"


@dataclass(frozen=True)
class Origin:
    """Where a frame is from."""

    biasfactor: float  #: 1: NVT
    step: int


@dataclass(frozen=True)
class Dataset:
    """Labelled frames of one system; all labels are good ones."""

    frames: Frames
    labels: Labels
    origins: tuple[Origin, ...]  #: one a frame
    type_map: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.frames)

    def pick(self, index: np.ndarray) -> "Dataset":
        """The frames at some places, in that order."""
        f, y = self.frames, self.labels
        return replace(
            self,
            frames=replace(
                f, coords=f.coords[index], cells=f.cells[index], names=_pick(f.names, index)
            ),
            labels=Labels(
                energies=y.energies[index],
                forces=y.forces[index],
                virials=None if y.virials is None else y.virials[index],
                ok=y.ok[index],
                reasons=_pick(y.reasons, index),
                refused=y.refused[index],
            ),
            origins=_pick(self.origins, index),
        )


def accepted(
    frames: Frames, labels: Labels, origins: Sequence[Origin], type_map: Sequence[str]
) -> Dataset:
    """The frames that have a good label."""
    labelled = labels.frames or frames
    everything = Dataset(labelled, labels, tuple(origins), tuple(type_map))
    return everything.pick(np.flatnonzero(labels.ok))


def split(dataset: Dataset, validation_fraction: float, seed: int) -> tuple[Dataset, Dataset]:
    """Shuffle and split.

    Parameters
    ----------
    dataset : Dataset
    validation_fraction : float
        Fraction of the frames for validation, rounded to whole frames.
    seed : int
        Of the shuffle.

    Returns
    -------
    train, validation : Dataset
    """
    order = np.random.default_rng(seed).permutation(len(dataset))
    n_validation = round(len(dataset) * validation_fraction)
    return dataset.pick(order[n_validation:]), dataset.pick(order[:n_validation])


def across_energies(energies: np.ndarray, count: int) -> np.ndarray:
    """Places of `count` frames spread evenly over the sorted energies, lowest first.

    Parameters
    ----------
    energies : (n_frames,) float
    count : int
        Not more than the number of frames.

    Returns
    -------
    (count,) int
    """
    middles = (np.arange(count) + 0.5) * len(energies) / count
    return np.argsort(energies, kind="stable")[middles.astype(int)]


def labelled_system(dataset: Dataset) -> dpdata.LabeledSystem:
    """The data in dpdata's form; the order of the atoms stays."""
    frames, labels = dataset.frames, dataset.labels
    data = {
        **_common(frames, dataset.type_map),
        "energies": labels.energies,
        "forces": labels.forces,
    }
    if labels.virials is not None:
        data["virials"] = labels.virials
    if not frames.periodic:
        data["nopbc"] = True
    return dpdata.LabeledSystem(data=data)


def write_data(folder: Path, train: Dataset, validation: Dataset) -> None:
    """Write ``train`` and, if it has frames, ``validation`` as deepmd/npy, and the provenance.

    Parameters
    ----------
    folder : Path
        A folder that does not exist yet.
    train, validation : Dataset
    """
    folder.mkdir(parents=True)
    rows = ["set,frame,biasfactor,step,energy_eV"]
    for name, dataset in ((TRAIN, train), (VALIDATION, validation)):
        if len(dataset) == 0:
            continue
        labelled_system(dataset).to_deepmd_npy(str(folder / name))
        rows += [
            f"{name},{k},{origin.biasfactor:g},{origin.step},{energy:.9f}"
            for k, (origin, energy) in enumerate(
                zip(dataset.origins, dataset.labels.energies, strict=True)
            )
        ]
    (folder / PROVENANCE).write_text("\n".join(rows) + "\n")


def write_structures(folder: Path, frames: Frames, type_map: Sequence[str]) -> None:
    """Write frames as ``NNNN.POSCAR``, which sorts the atoms by type.

    Parameters
    ----------
    folder : Path
        A folder that does not exist yet.
    frames : Frames
    type_map : sequence of str
    """
    folder.mkdir(parents=True)
    system = dpdata.System(data=_common(frames, type_map))
    for k in range(len(frames)):
        system.to_vasp_poscar(str(folder / f"{k:04d}.POSCAR"), frame_idx=k)


def _common(frames: Frames, type_map: Sequence[str]) -> dict:
    return {
        "atom_names": list(type_map),
        "atom_numbs": [int((frames.types == kind).sum()) for kind in range(len(type_map))],
        "atom_types": np.asarray(frames.types),
        "orig": np.zeros(3),
        "cells": frames.cells,
        "coords": frames.coords,
    }


def _pick(values: tuple, index: np.ndarray) -> tuple:
    return tuple(values[k] for k in index)
