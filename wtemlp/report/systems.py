"""Labelled data in DeePMD-kit's npy format, thinned to what a radial distribution needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wtemlp.core.atomic_io import load_array

MAX_FRAMES = 400  #: frames of one group of data that are read, evenly spaced over all of them


@dataclass(frozen=True)
class TrainingData:
    """Frames of one system of labelled data."""

    names: NDArray[np.str_]  #: (n_atoms,), element of each atom
    coords: NDArray[np.float64]  #: (n_frames, n_atoms, 3), Angstrom
    cells: NDArray[np.float64]  #: (n_frames, 3, 3), Angstrom, vectors in rows
    n_total: int  #: frames in the files
    periodic: bool = True  #: else the cells say nothing


def read_systems(
    folders: Sequence[Path], type_map: Sequence[str], notes: list[str]
) -> list[TrainingData]:
    """Read a group of labelled data.

    Parameters
    ----------
    folders : sequence of Path
        Systems, or folders that hold systems at any depth.
    type_map : sequence of str
        Element names for systems without a ``type_map.raw``.
    notes : list of str
        Receives a line for each system that cannot be used.

    Returns
    -------
    list of TrainingData
        At most :data:`MAX_FRAMES` frames in all, and at least one of each system.
    """
    found: list[tuple[Path, list[Path], int]] = []
    for folder in dict.fromkeys(folders):
        types = sorted(folder.rglob("type.raw"))
        if not types:
            notes.append(f"{folder.name}: no labelled data (deepmd/npy) found in it")
        for system in (file.parent for file in types):
            problem = _problem(system)
            sets = [s for s in sorted(system.glob("set.*")) if (s / "coord.npy").is_file()]
            if problem:
                notes.append(f"{folder.name}: left out of the radial distributions, {problem}")
                continue
            try:
                names = ("coord.npy", "box.npy") if _periodic(system) else ("coord.npy",)
                arrays = [[load_array(s / name) for name in names] for s in sets]
                total = sum(min(map(len, pair)) for pair in arrays)
            except (OSError, ValueError, TypeError) as error:  # a run in progress is writing it
                notes.append(f"{folder.name}: {error}")
                continue
            if total:
                found.append((system, sets, total))
    stride = max(1.0, sum(total for *_, total in found) / MAX_FRAMES)
    read = []
    for system, sets, total in found:
        try:
            read.append(_read(system, sets, total, stride, type_map))
        except (OSError, ValueError, IndexError) as error:
            notes.append(f"{system}: left out of the radial distributions, {error}")
    return read


def _problem(system: Path) -> str:
    if any(system.glob("set.*/real_atom_types.npy")):
        return "its frames differ in composition"
    return ""


def _periodic(system: Path) -> bool:
    return not (system / "nopbc").exists()


def _read(
    system: Path, sets: list[Path], total: int, stride: float, type_map: Sequence[str]
) -> TrainingData:
    types = np.loadtxt(system / "type.raw", dtype=int, ndmin=1)
    own_map = system / "type_map.raw"
    elements = own_map.read_text().split() if own_map.is_file() else list(type_map)
    names = np.array([elements[t] if t < len(elements) else f"type {t}" for t in types])
    picks = np.unique((np.arange(max(1, int(total / stride))) * stride).astype(int))
    coords, cells, periodic = [], [], _periodic(system)
    start = 0
    for folder in sets:
        positions = load_array(folder / "coord.npy")
        local = picks[(picks >= start) & (picks < start + len(positions))] - start
        coords.append(np.asarray(positions[local], dtype=float).reshape(len(local), -1, 3))
        if periodic:
            vectors = np.asarray(load_array(folder / "box.npy")[local], dtype=float)
            cells.append(vectors.reshape(len(local), 3, 3))
        else:
            cells.append(np.broadcast_to(np.eye(3), (len(local), 3, 3)))
        start += len(positions)
    data, boxes = np.concatenate(coords), np.concatenate(cells)
    if not (np.isfinite(data).all() and (np.abs(np.linalg.det(boxes)) > 0).all()):
        raise ValueError("it has coordinates that are no numbers, or cells without a volume")
    return TrainingData(names, data, boxes, total, periodic)
