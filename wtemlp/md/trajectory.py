"""The stored frames of a walker: a file each, or all in one, as LAMMPS dumps.

One file needs no index beside it.  Where wtemlp's own script has written it, each step is in it
once, in their order: a job that goes on from a checkpoint first cuts off what came after it.  So a
frame is found by halving, wherever it is.  In a file of another script a step may be there several
times, and the last counts: it is read through.  A frame that is cut, as a killed job or a full disk
leaves it, is not there.

The beads of a path integral are DP-GEN's walkers one after the other: the steps of bead ``i`` are
moved by ``i`` times one more than the last step.
"""

import mmap
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wtemlp.core import paths
from wtemlp.core.atomic_io import write_text
from wtemlp.core.errors import CalculationError
from wtemlp.md.dump import iter_dump
from wtemlp.md.walker_record import read_record

_TITLE = b"ITEM: TIMESTEP"
_FRAME = re.compile(_TITLE + rb"\r?\n(\d+)\r?\nITEM: NUMBER OF ATOMS\r?\n(\d+)\r?\n")
_HEAD_LINES = 9  #: of a frame, above its atoms


def trajectory(folder: Path) -> Path:
    """The file or folder that a walker's frames are in, or are to be in."""
    whole, each = folder / paths.ALL_FRAMES, folder / paths.TRAJ
    if whole.is_file():
        # A job makes it before its engine begins, which may write a file a frame all the same.
        unused = not whole.stat().st_size and each.is_dir() and any(each.iterdir())
        return each if unused else whole
    if each.exists():
        return each
    script = folder / paths.LMP_INPUT
    return folder / stored_in(script.read_text(errors="replace") if script.is_file() else "")


def stored_in(script: str) -> str:
    """The name of the file or folder that a LAMMPS script stores a walker's frames in."""
    dumps = (words for words in map(str.split, script.splitlines()) if words[:1] == ["dump"])
    return paths.ALL_FRAMES if any(paths.ALL_FRAMES in words for words in dumps) else paths.TRAJ


def are_stored(folder: Path, steps: ArrayLike) -> NDArray[np.bool_]:
    """Which steps have a frame.

    Parameters
    ----------
    folder : Path
        The walker's.
    steps : array_like, shape (n,)
        Those of its deviations.
    """
    steps = np.asarray(steps, dtype=int)
    if trajectory(folder).name == paths.ALL_FRAMES:
        with _opened(folder / paths.ALL_FRAMES) as text:
            if read_record(folder).generated:  # none is missing before the last
                return np.asarray(steps <= _last(text))
            return np.isin(steps, list(_places(text)))
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
    found = {}
    with _opened(whole) as text:
        places = None if read_record(folder).generated else _places(text)
        for step in steps:
            begin = _sought(text, step) if places is None else places.get(step)
            frame = None if begin is None else _frame(text, begin)
            if frame is None:
                raise FileNotFoundError(2, "no frame", f"the frame of step {step} in {whole}")
            found[step] = frame
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


@contextmanager
def _opened(whole: Path) -> Iterator[bytes | mmap.mmap]:
    """A file's bytes, of which those that are looked at are read; none where it is not there."""
    if not whole.is_file():
        yield b""
        return
    with whole.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            yield text


def _places(text: bytes | mmap.mmap) -> dict[int, int]:
    """Where each whole frame begins, by step; the last of equal steps counts."""
    titles = list(_FRAME.finditer(text))
    ends = [*(title.start() for title in titles[1:]), len(text)]
    return {
        int(title[1]): title.start()
        for title, end in zip(titles, ends, strict=False)
        if text[title.start() : end].count(b"\n") >= _n_lines(title)
    }


def _sought(text: bytes | mmap.mmap, step: int) -> int | None:
    """Where the frame of a step begins, in a file in which the steps only rise."""
    low, high = 0, len(text)  # it begins at or after the one and before the other
    while low < high:
        middle = (low + high) // 2
        begin = text.find(_TITLE, middle, high - 1 + len(_TITLE))
        title = _FRAME.match(text, begin) if begin >= 0 else None
        if title is None or int(title[1]) > step:
            high = middle
        elif int(title[1]) < step:
            low = begin + 1
        else:
            return begin
    return None


def _last(text: bytes | mmap.mmap) -> int:
    """The step of the last whole frame; -1: there is none."""
    begin = text.rfind(_TITLE)
    while begin >= 0:
        if _frame(text, begin) is not None and (title := _FRAME.match(text, begin)):
            return int(title[1])
        begin = text.rfind(_TITLE, 0, begin)
    return -1


def _frame(text: bytes | mmap.mmap, begin: int) -> bytes | None:
    """A frame from where it begins; None if it is cut."""
    title, end = _FRAME.match(text, begin), text.find(_TITLE, begin + 1)
    frame = text[begin : end if end >= 0 else len(text)]
    if title is None or frame.count(b"\n") < _n_lines(title):
        return None
    # More may follow: the beginning of a title that is cut, or what a script has LAMMPS add.
    return b"".join(frame.splitlines(keepends=True)[: _n_lines(title)])


def _n_lines(title: re.Match[bytes]) -> int:
    return _HEAD_LINES + int(title[2])
