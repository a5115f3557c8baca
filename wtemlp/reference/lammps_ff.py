"""Labels by LAMMPS: many frames in one LAMMPS process, by ``rerun``.

Of ``fp_style`` ``lammps`` (a force field) and ``deepmd`` (a frozen Deep Potential).

A label is a function of its frame only.  The scripts contain no bias, so none can enter a label;
and because PPPM chooses its mesh when a system is set up, frames are grouped by cell and by
molecules, and every group sets up its own system.  In NVT that is one group.  Without a mesh, the
frames of all cells are one group.

Where a direction is not periodic, the atoms are put into one piece, in the middle of a cell whose
vector stands upright there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from wtemlp.config.keys.labels import Method
from wtemlp.core.atomic_io import write_text
from wtemlp.core.errors import CalculationError
from wtemlp.dispatch.tasks import Task
from wtemlp.md import topology as topo
from wtemlp.md.dump import DumpFrame, iter_dump, write_dump
from wtemlp.md.reference_script import LOG, SCRIPT, lammps_command
from wtemlp.md.systems.system_input import write_files
from wtemlp.reference.base import Frames, Labels, LabelSetup, ManyFrames, failure, refusal
from wtemlp.reference.force_field import Layout, Potential, potential_of

LABELS_DUMP = "labels.dump"
LABELS_ENERGY = "labels.energy"


@dataclass(frozen=True)
class _Group:
    """Frames that are one LAMMPS system."""

    members: np.ndarray  #: indices of frames, ascending
    layout: Layout
    cell: np.ndarray  #: (3, 3), lower triangular, Angstrom; that of the first


@dataclass(frozen=True)
class _Placed:
    """Frames as LAMMPS has them."""

    cells: np.ndarray  #: (n_frames, 3, 3), lower triangular, Angstrom
    coords: np.ndarray  #: (n_frames, n_atoms, 3), Angstrom
    rotations: np.ndarray  #: (n_frames, 3, 3): forces of the frames are `forces @ rotations`


@dataclass(frozen=True)
class LammpsForceField(ManyFrames):
    """The labeller of ``fp_style`` ``lammps`` and ``deepmd``.

    Parameters
    ----------
    method : Method
        ``fp_params``.
    type_map : tuple of str
        The run's elements.
    root : Path
        What paths in it are relative to.
    """

    method: Method
    type_map: tuple[str, ...]
    root: Path = Path()

    @classmethod
    def of(cls, setup: LabelSetup) -> "LammpsForceField":
        """That of a run."""
        if setup.params.reference is None:
            raise CalculationError(f"fp_style {setup.params.fp_style} has no force field")
        return cls(setup.params.reference, setup.params.type_map, setup.root)

    @cached_property
    def potential(self) -> Potential:
        """The force field."""
        return potential_of(self.method, self.type_map, self.root)

    @property
    def _periodic(self) -> np.ndarray:
        return np.array([word == "p" for word in self.potential.boundary.split()])

    def prepare(self, folder: Path, frames: Frames, command: str) -> Task:
        """Write the inputs of one LAMMPS job that labels all frames.

        Frames that the force field is not for are not sent; :meth:`collect` says so.

        Parameters
        ----------
        folder : Path
            The job's folder; made if it is not there.
        frames : Frames
        command : str
            The LAMMPS program, as ``wtemlp lmp``, or a command line with ``-in in.lammps``.

        Returns
        -------
        Task
        """
        folder.mkdir(parents=True, exist_ok=True)
        placed = self._placed(frames)
        groups, _ = self._groups(frames, placed)
        write_files(folder, self.potential.files)
        inputs = [SCRIPT, *self.potential.files]
        script = []
        for k, group in enumerate(groups):
            data, dump = f"group.{k:03d}.data", f"group.{k:03d}.dump"
            members, types = group.members, group.layout.types
            text = self.potential.data(group.layout, placed.coords[members[0]], group.cell)
            write_text(folder / data, text)
            new = folder / f"{dump}.tmp"
            cells, coords = placed.cells[members], placed.coords[members]
            write_dump(new, members, cells, types, coords, self.potential.boundary)
            new.replace(folder / dump)
            script.append(self._section(data, dump, first=k == 0))
            inputs += [data, dump]
        write_text(folder / SCRIPT, "\n".join(script) or _NOTHING)
        return Task(
            name=folder.name,
            folder=folder,
            command=lammps_command(command),
            forward=tuple(inputs),
            backward=(LABELS_DUMP, LABELS_ENERGY, LOG),
            logs=(LOG,),
        )

    def collect(self, folder: Path, frames: Frames) -> Labels:
        """Read the labels back, and refuse those that cannot be trusted.

        Parameters
        ----------
        folder : Path
            The job's folder, after the job.
        frames : Frames
            The frames that were sent.

        Returns
        -------
        Labels
        """
        n, n_atoms = len(frames), len(frames.types)
        placed, units = self._placed(frames), self.potential.units
        lower, coords, rotations = placed.cells, placed.coords, placed.rotations
        groups, reasons = self._groups(frames, placed)
        refused = np.array([reason != "" for reason in reasons])
        energies, virials = np.full(n, np.nan), np.full((n, 3, 3), np.nan)
        forces, found = np.full((n, n_atoms, 3), np.nan), np.full((n, n_atoms, 3), np.nan)
        for row in _energy_rows(folder / LABELS_ENERGY):
            k = int(row[0])
            energies[k] = row[1] * units.energy_eV
            if self._periodic.all():
                volume = np.linalg.det(lower[k])
                virials[k] = _symmetric(row[2:]) * volume * (1.0 / units.nktv2p) * units.energy_eV
        for frame in _labelled_frames(folder / LABELS_DUMP):
            found[frame.step] = frame.coords
            if frame.forces is not None:
                forces[frame.step] = frame.forces * units.energy_eV
        for group in groups:
            moved = topo.minimum_image(found - coords, lower)[group.members]
            for k, shift in zip(group.members, np.abs(moved).max(axis=(1, 2)), strict=True):
                reasons[k] = _verdict(energies[k], forces[k], shift)
                if not reasons[k]:
                    reasons[k] = refusal(forces[k])
                    refused[k] = reasons[k] != ""
        ok = np.array([reason == "" for reason in reasons])
        # Back to the frame's own orientation: x = x_lower R, so f = f_lower R, W = R^T W R.
        forces = forces @ rotations
        virials = rotations.transpose(0, 2, 1) @ virials @ rotations
        for array in (energies, forces, virials):
            array[~ok] = np.nan
        return Labels(energies, forces, virials, ok, tuple(reasons), refused)

    def _placed(self, frames: Frames) -> _Placed:
        """The frames in LAMMPS's orientation, and in one piece where they are not periodic."""
        placed = _lower_triangular(frames)
        if self._periodic.all():
            return placed
        for k in range(len(frames)):
            topo.stand_alone(placed.coords[k], placed.cells[k], self._periodic)
        return placed

    def _groups(self, frames: Frames, placed: _Placed) -> tuple[list[_Group], list[str]]:
        """The groups of frames, and for each frame why it is in none."""
        symbols = [self.type_map[kind] for kind in frames.types]
        members: dict[bytes, list[int]] = {}
        systems: dict[bytes, tuple[Layout, np.ndarray]] = {}
        reasons = [""] * len(frames)
        for k in range(len(frames)):
            cell = placed.cells[k]
            try:
                layout = self.potential.layout(symbols, placed.coords[k], cell)
            except ValueError as error:
                reasons[k] = str(error)
                continue
            alike = cell if self.potential.mesh else np.tril(cell, -1).any()
            key = alike.tobytes() + layout.key
            members.setdefault(key, []).append(k)
            systems.setdefault(key, (layout, cell))
        groups = [_Group(np.array(found), *systems[key]) for key, found in members.items()]
        return groups, reasons

    def _section(self, data: str, dump: str, first: bool) -> str:
        """The part of the script that labels one group."""
        mode, append = ("file", "no") if first else ("append", "yes")
        numbers = " ".join(f"$({name}:%.17g)" for name in ("pe", *_VIRIAL))
        return f"""\
clear
{self.potential.commands(data)}
compute         virial all pressure NULL virial
thermo_style    custom step pe {" ".join(_VIRIAL)}
thermo          1
fix             energy all print 1 "$(step) {numbers}" {mode} {LABELS_ENERGY} screen no title ""
dump            forces all custom 1 {LABELS_DUMP} id type x y z fx fy fz
dump_modify     forces sort id append {append} format float %.17g
rerun           {dump} dump x y z box {"no" if self.potential.mesh else "yes"} replace yes
"""


_VIRIAL = tuple(f"c_virial[{i}]" for i in range(1, 7))  #: xx yy zz xy xz yz, atm
_NOTHING = f"shell touch {LABELS_DUMP} {LABELS_ENERGY}\n"  #: the script of no frames


def _lower_triangular(frames: Frames) -> _Placed:
    """Cells and positions in LAMMPS's orientation; the same numbers where they were so already.

    ``frames.coords = coords @ rotations``, also for forces.
    """
    cells, coords = np.array(frames.cells, dtype=float), np.array(frames.coords, dtype=float)
    rotations = np.tile(np.eye(3), (len(frames), 1, 1))
    turned = (np.triu(cells, 1) != 0).any(axis=(1, 2)) | (
        np.diagonal(cells, axis1=1, axis2=2) <= 0
    ).any(axis=1)
    for k in np.flatnonzero(turned):
        q, r = np.linalg.qr(cells[k].T)
        signs = np.sign(np.diag(r))
        rotations[k] = (q * signs).T
        cells[k] = np.tril(r.T * signs)
        coords[k] = coords[k] @ rotations[k].T
    return _Placed(cells, coords, rotations)


def _labelled_frames(path: Path) -> Iterator[DumpFrame]:
    """The labelled frames; a damaged file is the job's failure."""
    if not path.exists():
        return
    try:
        yield from iter_dump(path)
    except ValueError as error:
        raise CalculationError(f"the labels cannot be read: {error}") from error


def _energy_rows(path: Path) -> np.ndarray:
    """The numbers of the energy file: (n_labelled, 8), step, kcal/mol and atm."""
    lines = path.read_text().splitlines() if path.exists() else []
    # A killed job leaves half a line at the end.
    rows = [words for words in map(str.split, lines) if len(words) == 8]
    return np.array(rows, dtype=float).reshape(-1, 8)


def _symmetric(values: np.ndarray) -> np.ndarray:
    """A symmetric matrix of its elements xx yy zz xy xz yz."""
    xx, yy, zz, xy, xz, yz = values
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def _verdict(energy: float, forces: np.ndarray, shift_A: float) -> str:
    """Why the calculation of a label failed; "" if it did not."""
    if np.isnan(shift_A):
        return "LAMMPS ended before this frame"
    return failure(energy, forces, shift_A)
