"""Labelled frames as DeePMD data: shuffled, split, and with where each frame is from."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from wtemlp.core.atomic_io import sync_tree, write_text
from wtemlp.reference.base import Frames, Labels

if TYPE_CHECKING:
    import dpdata

T = TypeVar("T")
TRAIN, VALIDATION = "train", "validation"
PROVENANCE = "frames.csv"
NO_VIRIAL = "no_virial"  #: folder of the frames without a virial, beside others that have one
SET_FRAMES = 5000  #: of one ``set.*``, at most: dpdata's own choice
SET_ATOM_FRAMES = 2_000_000  #: atoms in all its frames, at most: 48 MB of coordinates


@dataclass(frozen=True)
class Origin:
    """Where a frame is from."""

    biasfactor: float  #: 1: NVT; NaN: not known
    step: int
    run: str = ""  #: name of the run, where several have one bias factor
    by_itself: bool = False  #: whether it is of no run: such a frame never validates

    @property
    def group(self) -> str | float:
        """What tells its run from the others of the system."""
        return self.run or self.biasfactor


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


def split(
    origins: Sequence[Origin],
    validation_fraction: float,
    gaps: Mapping[str | float, int],
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Split each run in time, and shuffle.

    Validation frames are the last ones of each run, and those just before them are in neither
    part: a frame between two of the training data would be known already, its error that of an
    interpolation.

    Parameters
    ----------
    origins : sequence of Origin
        One a frame.
    validation_fraction : float
        Fraction of each run's frames for validation, rounded to whole frames.
    gaps : Mapping
        Least number of steps between the two parts, by :attr:`Origin.group`.
    seed : int
        Of the shuffle, which is within each part.

    Returns
    -------
    train, validation : (n_train,) int, (n_validation,) int
        Places of the frames.
    """
    train: list[int] = []
    validation: list[int] = []
    for group in dict.fromkeys(origin.group for origin in origins):
        own = [k for k, origin in enumerate(origins) if origin.group == group]
        own.sort(key=lambda k: origins[k].step)
        n = 0 if origins[own[0]].by_itself else round(len(own) * validation_fraction)
        held = own[len(own) - n :]
        begin = origins[held[0]].step - gaps.get(group, 0) if held else np.inf
        train += [k for k in own[: len(own) - n] if origins[k].step <= begin]
        validation += held
    rng = np.random.default_rng(seed)
    return rng.permutation(np.array(train, int)), rng.permutation(np.array(validation, int))


def across_energies(energies: np.ndarray, count: int) -> NDArray[np.int_]:
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
    order: NDArray[np.int_] = np.argsort(energies, kind="stable")
    return np.asarray(order[middles.astype(int)])


def labelled_system(dataset: Dataset) -> "dpdata.LabeledSystem":
    """The data in dpdata's form, with virials if all frames have one; the order of atoms stays."""
    import dpdata  # takes a second

    frames, labels = dataset.frames, dataset.labels
    data = {
        **_common(frames, dataset.type_map),
        "energies": labels.energies,
        "forces": labels.forces,
    }
    if labels.virials is not None and np.isfinite(labels.virials).all():
        data["virials"] = labels.virials
    if not frames.periodic:
        data["nopbc"] = True
    return dpdata.LabeledSystem(data=data)


def by_virial(dataset: Dataset) -> list[Dataset]:
    """The frames with a virial, and those without; no part is empty."""
    n = len(dataset)
    virials = dataset.labels.virials
    has = np.isfinite(np.full((n, 1, 1), np.nan) if virials is None else virials).all(axis=(1, 2))
    if has.all() or not has.any():
        return [dataset] if n else []
    return [dataset.pick(np.flatnonzero(has)), dataset.pick(np.flatnonzero(~has))]


def write_systems(
    folder: Path,
    systems: "Sequence[dpdata.LabeledSystem]",
    type_map: Sequence[str],
    **options: object,
) -> None:
    """Write labelled systems as deepmd/npy and deepmd/raw; what is there is made again.

    DeePMD trains on the virials of a system only if all of its frames have one, so those without
    go to a folder of their own (:data:`NO_VIRIAL`), where others have one.

    Parameters
    ----------
    folder : Path
        ``data.SSS`` of an iteration.
    systems : sequence of dpdata.LabeledSystem
        In each, all frames have a virial, or none.
    type_map : sequence of str
    **options
        For ``to_deepmd_npy``.
    """
    import dpdata

    if folder.exists():
        shutil.rmtree(folder)
    has = [system for system in systems if "virials" in system.data]
    lacks = [system for system in systems if "virials" not in system.data]
    for place, part in ((folder, has), (folder / NO_VIRIAL if has else folder, lacks)):
        if part:
            found = dpdata.MultiSystems(*part, type_map=list(type_map))
            found.to("deepmd/raw", str(place))
            found.to("deepmd/npy", str(place), set_size=sum(map(len, part)), **options)
    if systems:
        sync_tree(folder)


def write_data(folder: Path, dataset: Dataset, train: np.ndarray, validation: np.ndarray) -> None:
    """Write ``train`` and, if it has frames, ``validation`` as deepmd/npy, and the provenance.

    A set at a time is in memory, of at most :data:`SET_FRAMES` frames and
    :data:`SET_ATOM_FRAMES` atoms in all of them.

    Parameters
    ----------
    folder : Path
        A folder that does not exist yet.
    dataset : Dataset
    train, validation : (n,) int
        Places of the frames, in the order in which they are written.
    """
    folder.mkdir(parents=True)
    named = any(origin.run for origin in dataset.origins)
    rows = ["set,frame,biasfactor,step,energy_eV" + ",run" * named]
    for name, places in ((TRAIN, train), (VALIDATION, validation)):
        _write_sets(folder / name, dataset, places)
        rows += [
            f"{name},{k},{dataset.origins[place].biasfactor:g},{dataset.origins[place].step},"
            f"{dataset.labels.energies[place]:.9f}" + f",{dataset.origins[place].run}" * named
            for k, place in enumerate(places)
        ]
    write_text(folder / PROVENANCE, "\n".join(rows) + "\n")


def _write_sets(folder: Path, dataset: Dataset, places: np.ndarray) -> None:
    """Frames of a dataset as ``set.000``, ``set.001``, ...; dpdata writes each."""
    size = max(1, min(SET_FRAMES, SET_ATOM_FRAMES // len(dataset.frames.types)))
    for number, first in enumerate(range(0, len(places), size)):
        part = folder if number == 0 else folder.with_name(f"{folder.name}.part")
        one = dataset.pick(places[first : first + size])
        labelled_system(one).to("deepmd/npy", str(part), set_size=size)
        if number:
            (part / "set.000").rename(folder / f"set.{number:03d}")
            shutil.rmtree(part)


def write_structures(
    folder: Path, frames: Frames, type_map: Sequence[str], in_order: bool = False
) -> None:
    """Write frames as ``NNNN.POSCAR``.

    Parameters
    ----------
    folder : Path
        A folder that does not exist yet.
    frames : Frames
    type_map : sequence of str
    in_order : bool
        Whether the atoms keep their order, an element being named as often as it comes; else
        they are sorted by type.
    """
    folder.mkdir(parents=True)
    if in_order:
        import ase.io  # it and its readers take a moment
        from ase import Atoms

        symbols = [type_map[kind] for kind in frames.types]
        for k, (coords, cell) in enumerate(zip(frames.coords, frames.cells, strict=True)):
            atoms = Atoms(symbols, coords, cell=cell, pbc=True)
            ase.io.write(folder / f"{k:04d}.POSCAR", atoms, format="vasp", sort=False)
        return
    import dpdata

    system = dpdata.System(data=_common(frames, type_map))
    for k in range(len(frames)):
        system.to("vasp/poscar", str(folder / f"{k:04d}.POSCAR"), frame_idx=k)


def _common(frames: Frames, type_map: Sequence[str]) -> dict[str, Any]:
    return {
        "atom_names": list(type_map),
        "atom_numbs": [int((frames.types == kind).sum()) for kind in range(len(type_map))],
        "atom_types": np.asarray(frames.types),
        "orig": np.zeros(3),
        "cells": frames.cells,
        "coords": frames.coords,
    }


def _pick(values: tuple[T, ...], index: np.ndarray) -> tuple[T, ...]:
    return tuple(values[k] for k in index)
