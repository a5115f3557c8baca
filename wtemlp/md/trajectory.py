"""The stored frames of a walker: a file each, or all in one, as LAMMPS dumps.

The beads of a path integral are DP-GEN's walkers one after the other: the steps of bead ``i`` are
moved by ``i`` times one more than the last step.
"""

import mmap
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wtemlp.core import paths
from wtemlp.core.atomic_io import write_text
from wtemlp.core.errors import CalculationError
from wtemlp.md.dump import iter_dump

_FRAME = re.compile(rb"^ITEM: TIMESTEP\r?\n(\d+)\r?\n", re.MULTILINE)


def trajectory(folder: Path) -> Path:
    """The file or folder that a walker's frames are in, or are to be in."""
    whole = folder / paths.ALL_FRAMES
    return whole if whole.is_file() else folder / paths.TRAJ


def are_stored(folder: Path, steps: ArrayLike) -> NDArray[np.bool_]:
    """Which steps have a frame.

    Parameters
    ----------
    folder : Path
        The walker's.
    steps : array_like, shape (n,)
    """
    steps = np.asarray(steps, dtype=int)
    if trajectory(folder).name == paths.ALL_FRAMES:
        return np.isin(steps, list(_places(folder / paths.ALL_FRAMES)))
    try:
        names = set(os.listdir(folder / paths.TRAJ))  # noqa: PTH208 (they may be 10,000)
    except (FileNotFoundError, NotADirectoryError):
        names = set()
    return np.array([f"{step}.lammpstrj" in names for step in steps], dtype=bool)


def read_frames(folder: Path, steps: Sequence[int]) -> dict[int, bytes]:
    """The dumps of some frames, by step, as LAMMPS wrote them.

    Raises
    ------
    FileNotFoundError
        If a frame is not there.
    """
    if trajectory(folder).name != paths.ALL_FRAMES:
        return {step: _file(folder, step).read_bytes() for step in steps}
    whole = folder / paths.ALL_FRAMES
    places = _places(whole)
    found = {}
    with whole.open("rb") as file:
        for step in steps:
            if step not in places:
                raise FileNotFoundError(2, "no frame", f"{whole} (step {step})")
            begin, end = places[step]
            file.seek(begin)
            found[step] = file.read(end - begin)
    return found


def root_mean_square_force(folder: Path) -> float:
    """Root mean square, over all stored frames and atoms, of the force on an atom, eV/Angstrom.

    Raises
    ------
    CalculationError
        If the frames have no forces.
    """
    total, n_atoms = 0.0, 0
    for file in _files(trajectory(folder)):
        for frame in iter_dump(file):
            if frame.forces is None:
                raise CalculationError(f"{file}: no forces, which model_devi_f_avg_relative needs")
            total += float(np.square(frame.forces).sum())
            n_atoms += len(frame.forces)
    if not total > 0:
        raise CalculationError(f"{trajectory(folder)}: no force to divide the deviations by")
    return float(np.sqrt(total / n_atoms))


def join_beads(folder: Path, n_beads: int) -> None:
    """Put the beads' deviations into one file, and link their frames by the moved steps.

    It may be done again.

    Parameters
    ----------
    folder : Path
        The walker's, with ``model_devi1.out`` ... and ``traj/STEP.lammpstrj1`` ...
    n_beads : int

    Raises
    ------
    CalculationError
        If the beads have not come to the same step.
    """
    names = bead_names(n_beads)
    read = [(folder / f"model_devi{name}.out").read_text().splitlines() for name in names]
    rows = [[line.split() for line in lines if not line.startswith("#")] for lines in read]
    last = [int(of_bead[-1][0]) if of_bead else -1 for of_bead in rows]
    if min(last) < 0 or len(set(last)) > 1:
        raise CalculationError(f"{folder}: its beads have come to different steps: {last}")
    text = "".join(f"{line}\n" for line in read[0][:1] if line.startswith("#"))
    for bead, of_bead in enumerate(rows):
        for row in of_bead:
            text += " ".join([str(int(row[0]) + bead * (last[0] + 1)), *row[1:]]) + "\n"
    for bead, name in enumerate(names):
        for file in (folder / paths.TRAJ).glob(f"*.lammpstrj{name}"):
            step = int(file.name.split(".")[0]) + bead * (last[0] + 1)
            link = _file(folder, step)
            link.unlink(missing_ok=True)
            link.symlink_to(file.name)
    write_text(folder / paths.MODEL_DEVI, text)


def bead_names(n_beads: int) -> list[str]:
    """The beads' numbers as LAMMPS writes them, with leading zeros."""
    return [f"{bead:0{len(str(n_beads))}d}" for bead in range(1, n_beads + 1)]


def _file(folder: Path, step: int) -> Path:
    return folder / paths.TRAJ / f"{step}.lammpstrj"


def _files(where: Path) -> Iterable[Path]:
    return [where] if where.is_file() else sorted(where.glob("*.lammpstrj"))


def _places(whole: Path) -> dict[int, tuple[int, int]]:
    """Where each frame of a dump begins and ends, by step; the last of equal steps counts."""
    if whole.stat().st_size == 0:
        return {}
    with whole.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        starts = [(int(found[1]), found.start()) for found in _FRAME.finditer(text)]
        ends = [start for _, start in starts[1:]] + [len(text)]
    return {step: (start, end) for (step, start), end in zip(starts, ends, strict=True)}
