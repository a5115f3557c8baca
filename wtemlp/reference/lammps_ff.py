"""Labels from a LAMMPS force field: many frames in one LAMMPS process, by ``rerun``.

A label is a function of its frame only.  The scripts contain no bias, so none can enter a label;
and because PPPM chooses its mesh when a system is set up, frames are grouped by cell and by
molecules, and every group sets up its own system.  In NVT that is one group.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wtemlp.config.keys.labels import ForceField
from wtemlp.core.atomic_io import write_text
from wtemlp.core.errors import CalculationError
from wtemlp.core.units import KCAL_MOL_IN_EV
from wtemlp.dispatch.tasks import Task
from wtemlp.md import topology as topo
from wtemlp.md.dump import DumpFrame, iter_dump, write_dump
from wtemlp.md.reference_script import (
    LOG,
    SCRIPT,
    force_field_commands,
    lammps_command,
    water_data,
)
from wtemlp.md.topology import WaterTopology, water_topology
from wtemlp.reference.base import Frames, Labels, LabelSetup, ManyFrames, failure, refusal

ATM_A3_IN_KCAL_MOL = 1.0 / 68568.415  #: LAMMPS's ``nktv2p`` of ``units real`` (src/update.cpp)

LABELS_DUMP = "labels.dump"
LABELS_ENERGY = "labels.energy"


@dataclass(frozen=True)
class _Group:
    """Frames that share a cell and a topology, so one LAMMPS system."""

    members: np.ndarray  #: indices of frames, ascending
    topology: WaterTopology
    cell: np.ndarray  #: (3, 3), lower triangular, Angstrom


@dataclass(frozen=True)
class LammpsForceField(ManyFrames):
    """The labeller of ``fp_style: lammps``.

    Parameters
    ----------
    force_field : ForceField
        ``fp_params``.
    type_map : tuple of str
        The run's elements.
    """

    force_field: ForceField
    type_map: tuple[str, ...]

    @classmethod
    def of(cls, setup: LabelSetup) -> "LammpsForceField":
        """That of a run."""
        if setup.params.force_field is None:
            raise CalculationError(f"fp_style {setup.params.fp_style} has no force field")
        return cls(setup.params.force_field, setup.params.type_map)

    def prepare(self, folder: Path, frames: Frames, command: str) -> Task:
        """Write the inputs of one LAMMPS job that labels all frames.

        Frames that are not water are not sent; :meth:`collect` says so.

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
        lower, coords, _ = _lower_triangular(frames)
        groups, _ = self._groups(frames)
        inputs = [SCRIPT]
        script = []
        for k, group in enumerate(groups):
            data, dump = f"group.{k:03d}.data", f"group.{k:03d}.dump"
            first = coords[group.members[:1]]
            whole = topo.make_whole(first, group.cell[None], group.topology)[0]
            text = water_data(self.force_field, whole, group.cell, group.topology)
            write_text(folder / data, text)
            types = np.full(group.topology.n_atoms, 2)
            types[group.topology.oxygens] = 1
            members = group.members
            new = folder / f"{dump}.tmp"
            write_dump(new, members, lower[members], types, coords[members])
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
        lower, coords, rotations = _lower_triangular(frames)
        groups, reasons = self._groups(frames)
        refused = np.array([reason != "" for reason in reasons])
        energies, virials = np.full(n, np.nan), np.full((n, 3, 3), np.nan)
        forces, found = np.full((n, n_atoms, 3), np.nan), np.full((n, n_atoms, 3), np.nan)
        for row in _energy_rows(folder / LABELS_ENERGY):
            k = int(row[0])
            energies[k] = row[1] * KCAL_MOL_IN_EV
            volume = np.linalg.det(lower[k])
            virials[k] = _symmetric(row[2:]) * volume * ATM_A3_IN_KCAL_MOL * KCAL_MOL_IN_EV
        for frame in _labelled_frames(folder / LABELS_DUMP):
            found[frame.step] = frame.coords
            if frame.forces is not None:
                forces[frame.step] = frame.forces * KCAL_MOL_IN_EV
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

    def _groups(self, frames: Frames) -> tuple[list[_Group], list[str]]:
        """The groups of frames, and for each frame why it is in none."""
        lower, coords, _ = _lower_triangular(frames)
        members: dict[bytes, list[int]] = {}
        systems: dict[bytes, tuple[WaterTopology, np.ndarray]] = {}
        reasons = [""] * len(frames)
        for k in range(len(frames)):
            try:
                topology = water_topology(frames.types, coords[k], lower[k], self.type_map)
            except ValueError as error:
                reasons[k] = str(error)
                continue
            key = lower[k].tobytes() + topology.hydrogens.tobytes()
            members.setdefault(key, []).append(k)
            systems.setdefault(key, (topology, lower[k]))
        groups = [_Group(np.array(found), *systems[key]) for key, found in members.items()]
        return groups, reasons

    def _section(self, data: str, dump: str, first: bool) -> str:
        """The part of the script that labels one group."""
        mode, append = ("file", "no") if first else ("append", "yes")
        numbers = " ".join(f"$({name}:%.17g)" for name in ("pe", *_VIRIAL))
        return f"""\
clear
{force_field_commands(self.force_field, data)}
compute         virial all pressure NULL virial
thermo_style    custom step pe {" ".join(_VIRIAL)}
thermo          1
fix             energy all print 1 "$(step) {numbers}" {mode} {LABELS_ENERGY} screen no title ""
dump            forces all custom 1 {LABELS_DUMP} id type x y z fx fy fz
dump_modify     forces sort id append {append} format float %.17g
rerun           {dump} dump x y z box no replace yes
"""


_VIRIAL = tuple(f"c_virial[{i}]" for i in range(1, 7))  #: xx yy zz xy xz yz, atm
_NOTHING = f"shell touch {LABELS_DUMP} {LABELS_ENERGY}\n"  #: the script when no frame is water


def _lower_triangular(frames: Frames) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells and positions in LAMMPS's orientation.

    Returns
    -------
    cells : (n_frames, 3, 3) float
        Lower triangular, Angstrom; the same numbers where they were so already.
    coords : (n_frames, n_atoms, 3) float
        Angstrom.
    rotations : (n_frames, 3, 3) float
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
    return cells, coords, rotations


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
