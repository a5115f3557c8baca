"""What an MD job has left, in wtemlp's units; a run that ended early leaves less of it."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wtemlp.md import validation_script as md
from wtemlp.md.dump import DumpFrame, iter_dump
from wtemlp.validation.jobs import MdJob

_STEP = re.compile(r"at step (\d+)")


@dataclass(frozen=True)
class Series:
    """What was recorded of a part of a run; the arrays have shape (n,)."""

    step: NDArray[np.int_]  #: of the whole job
    temperature_K: NDArray[np.float64]
    potential_eV: NDArray[np.float64]  #: of the box
    total_eV: NDArray[np.float64]
    pressure_bar: NDArray[np.float64]
    density_g_cm3: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.step)

    def after(self, step: int) -> "Series":
        """The values after a step."""
        kept = self.step > step
        return Series(**{name: values[kept] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Trajectory:
    """Stored frames of a part of a run."""

    step: NDArray[np.int_]  #: (n_frames,)
    cells: NDArray[np.float64]  #: (n_frames, 3, 3), Angstrom
    coords: NDArray[np.float64]  #: (n_frames, n_atoms, 3), Angstrom, unwrapped
    elements: NDArray[np.str_]  #: (n_atoms,)

    def __len__(self) -> int:
        return len(self.step)


@dataclass(frozen=True)
class Velocities:
    """Recorded velocities of the followed elements."""

    step: NDArray[np.int_]  #: (n_frames,)
    values: NDArray[np.float64]  #: (n_frames, n_atoms, 3), Angstrom/ps
    elements: NDArray[np.str_]  #: (n_atoms,)


@dataclass(frozen=True)
class Part:
    """A part of a run: NVT, NVE or NPT."""

    ensemble: str
    begins: int  #: the job's step at which it begins
    steps: int  #: its length, as asked for
    steps_done: int
    failed: str = ""  #: why it ended early, or has not begun; "" if it did not
    failed_at_ps: float | None = None  #: when it ended, from the beginning of the job
    series: Series = field(default_factory=lambda: _no_series())


def read_parts(job: MdJob, timestep_ps: float) -> list[Part]:
    """The parts of a job that has ended, and which of them the run has not come through."""
    plan = job.plan
    lengths = {md.NVT: plan.nvt_steps, md.NVE: plan.nve_steps, md.NPT: plan.npt_steps}
    whole = {name: read_series(job, name) for name in plan.ensembles}
    note = job.folder / md.STOPPED
    why = note.read_text().strip() if note.is_file() else ""
    last = _last_step(why, whole) if why else plan.total_steps
    parts, begins, stopped = [], plan.equil_steps, ""
    for name in plan.ensembles:
        done = int(np.clip(last - begins, 0, lengths[name]))
        failed = ""
        if why and not stopped and last < begins + lengths[name]:
            where = "" if last >= begins else ", in the equilibration"
            stopped = _in_words(why, last * timestep_ps) + where
            failed = stopped
        elif stopped:
            failed = f"not run: {stopped}"
        parts.append(
            Part(
                name,
                begins,
                lengths[name],
                done,
                failed,
                last * timestep_ps if failed else None,
                whole[name],
            )
        )
        begins += lengths[name]
    return parts


def _last_step(why: str, series: dict[str, Series]) -> int:
    """The step at which a run ended: as its note says, else the last that was recorded."""
    if found := _STEP.search(why):
        return int(found[1])
    return max((int(one.step[-1]) for one in series.values() if len(one)), default=0)


def _in_words(why: str, time_ps: float) -> str:
    """As ``exploded at 3.2 ps (temperature 12345 K)``."""
    if found := re.match(r"temperature (\S+) K", why):
        number = float(found[1])
        detail = f"temperature {number:.0f} K" if np.isfinite(number) else "temperature NaN"
    else:
        detail = re.sub(r"\s*\((?:src/)?\S+:\d+\)\s*$", "", why.removeprefix("ERROR").lstrip(": "))
        detail = re.sub(r"^on proc \d+: ", "", detail)
    return f"exploded at {time_ps:.3g} ps ({detail})"


def read_series(job: MdJob, ensemble: str) -> Series:
    """The series of a part; a last line that is not whole is left out."""
    units = job.units
    columns = len(md.SERIES_COLUMNS)
    path = job.folder / md.series(ensemble)
    text = path.read_text(errors="replace") if path.is_file() else ""
    lines = text.split("\n")[:-1]  # what follows the last newline is not a whole line
    rows = [
        words
        for line in lines
        if not line.startswith("#") and len(words := line.split()) == columns
    ]
    try:
        table = np.array(rows, dtype=float).reshape(-1, columns)
    except ValueError:
        table = np.array([row for row in rows if _are_numbers(row)], float).reshape(-1, columns)
    table = table[np.isfinite(table).all(axis=1)]
    # LAMMPS prints twice at the seam of two runs.
    table = table[np.unique(table[:, 0], return_index=True)[1]]
    return Series(
        step=table[:, 0].astype(int),
        temperature_K=table[:, 1],
        potential_eV=table[:, 2] * units.energy_eV,
        total_eV=table[:, 3] * units.energy_eV,
        pressure_bar=table[:, 4] * units.pressure_bar,
        density_g_cm3=table[:, 5],
    )


def _are_numbers(words: list[str]) -> bool:
    try:
        [float(word) for word in words]
    except ValueError:
        return False
    return True


def _no_series() -> Series:
    empty = np.zeros(0)
    return Series(empty.astype(int), empty, empty, empty, empty, empty)


def read_trajectory(job: MdJob, ensemble: str, type_map: tuple[str, ...]) -> Trajectory | None:
    """The frames of a part, up to the first that is damaged; None where there are none."""
    frames = _whole_frames(job.folder / md.trajectory(ensemble))
    # An explosion has frames that no one can count pairs in.
    frames = [frame for frame in frames if np.isfinite(frame.coords).all()]
    if not frames:
        return None
    names = np.array(job.elements)
    return Trajectory(
        step=np.array([frame.step for frame in frames]),
        cells=np.array([frame.cell for frame in frames]),
        coords=np.array([frame.coords for frame in frames], dtype=np.float32),
        elements=names[frames[0].types - 1],
    )


def _whole_frames(path: Path) -> list[DumpFrame]:
    frames: list[DumpFrame] = []
    if not path.is_file():
        return frames
    read = iter_dump(path)
    while True:
        try:
            frame = next(read)
        except (StopIteration, ValueError):
            return frames
        if frames and not np.array_equal(frame.types, frames[0].types):
            return frames
        frames.append(frame)


def read_velocities(job: MdJob, type_map: tuple[str, ...]) -> Velocities | None:
    """The recorded velocities, up to the first damaged frame; None where there are none."""
    path = job.folder / md.VELOCITIES
    if not path.is_file():
        return None
    steps: list[int] = []
    tables: list[NDArray[np.float64]] = []
    with path.open(errors="replace") as file:
        while file.readline().startswith("ITEM: TIMESTEP"):
            head = [file.readline() for _ in range(8)]
            try:
                step, n_atoms = int(head[0]), int(head[2])
                rows = [file.readline().split() for _ in range(n_atoms)]
                table = np.array(rows, dtype=float).reshape(n_atoms, 5)
            except ValueError:
                break
            if tables and table.shape != tables[0].shape:
                break
            steps.append(step)
            tables.append(table)
    if not tables:
        return None
    names = np.array(job.elements)
    scale = job.units.time  # Angstrom/fs in units real
    return Velocities(
        step=np.array(steps),
        values=np.array([table[:, 2:] for table in tables]) * scale,
        elements=names[tables[0][:, 1].astype(int) - 1],
    )
