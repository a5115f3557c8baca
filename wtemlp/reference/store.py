"""Labelled frames that are many: kept in files while they are gathered, not in memory."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wtemlp.reference.base import Frames, Labels
from wtemlp.reference.dataset import Dataset, Origin


class FileRows:
    """An array in a file: what is picked of it is read, and nothing else is in memory.

    Parameters
    ----------
    path : Path
        Floats in C order.
    shape : tuple of int
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self.path, self.shape = path, shape

    def __getitem__(self, index: np.ndarray) -> np.ndarray:
        rows = np.empty((len(index), *self.shape[1:]))
        # Row by row: of a memory map, the pages around each would be taken in, too.
        with self.path.open("rb") as file:
            for place, row in zip(index, rows, strict=True):
                file.seek(int(place) * row.nbytes)
                file.readinto(row)
        return rows


_SHAPES = {"coords": (-1, 3), "forces": (-1, 3), "cells": (3, 3), "virials": (3, 3)}


@dataclass
class Store:
    """A dataset that grows in a folder, a batch at a time.

    Parameters
    ----------
    folder : Path
        Made anew; :meth:`remove` takes it away.
    types : (n_atoms,) int
        Index of each atom's element in `type_map`.
    type_map : tuple of str
    periodic : bool
        Whether the frames are.
    """

    folder: Path
    types: np.ndarray
    type_map: tuple[str, ...]
    periodic: bool = True
    _names: list[str] = field(default_factory=list)
    _origins: list[Origin] = field(default_factory=list)
    _energies: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.remove()
        self.folder.mkdir(parents=True)

    def add(self, batch: Dataset) -> None:
        """Append labelled frames; a virial that they have not is NaN."""
        virials = batch.labels.virials
        arrays = {
            "coords": batch.frames.coords,
            "cells": batch.frames.cells,
            "forces": batch.labels.forces,
            "virials": np.full((len(batch), 3, 3), np.nan) if virials is None else virials,
        }
        for name, values in arrays.items():
            with (self.folder / name).open("ab") as file:
                np.ascontiguousarray(values, dtype=float).tofile(file)
        self._names += batch.frames.names
        self._origins += batch.origins
        self._energies.append(batch.labels.energies)

    def dataset(self) -> Dataset:
        """All that was added, its large arrays in the files: pick some frames at a time."""
        n = len(self._names)
        maps: dict[str, Any] = {name: self._rows(name, n) for name in _SHAPES}
        frames = Frames(
            maps["coords"], maps["cells"], self.types, tuple(self._names), self.periodic
        )
        labels = Labels(
            energies=np.concatenate([np.empty(0), *self._energies]),
            forces=maps["forces"],
            virials=maps["virials"],
            ok=np.ones(n, dtype=bool),
            reasons=("",) * n,
            refused=np.zeros(n, dtype=bool),
        )
        return Dataset(frames, labels, tuple(self._origins), self.type_map)

    def _rows(self, name: str, n: int) -> FileRows:
        rows, columns = _SHAPES[name]
        return FileRows(self.folder / name, (n, len(self.types) if rows < 0 else rows, columns))

    def remove(self) -> None:
        """Take the files away; what :meth:`dataset` gave is then gone, too."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
