"""Labels by one of DP-GEN's ``fp_style``: a job for each frame, its files as DP-GEN makes them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import dpdata
import numpy as np

from wtemlp.core import paths
from wtemlp.core.errors import CalculationError
from wtemlp.dispatch.tasks import Task
from wtemlp.dpgen.adapter import DpgenJob
from wtemlp.dpgen.labelling import label_job, prepare_labels, read_label
from wtemlp.md.topology import minimum_image, whole_cluster
from wtemlp.reference.base import Frames, Labels, LabelSetup, no_labels, refusal

#: Between the frame sent and the frame labelled: the formats have 5 decimals or more.
POSITION_TOLERANCE_A = 1e-3
VACUUM = "gaussian"  #: the style without a cell: no bond may go through a face
ATOM_CONFIG = "atom.config"  #: of PWmat; DP-GEN's code needs it and leaves it to PWmat's tools

#: Where an engine says that its self-consistent field did not converge, and in which words.
#: What DP-GEN's own readers look at (VASP) is not repeated.
UNCONVERGED = {
    "pwscf": ("output", r"convergence NOT achieved"),
    "cp2k": ("output", r"SCF run NOT converged"),
    "siesta": ("output", r"SCF_NOT_CONV|SCF did not converge"),
    "gaussian": ("output", r"Convergence failure"),
    "abacus": ("OUT.ABACUS/running_scf.log", r"(?i)convergence has not been achieved"),
}


@dataclass(frozen=True)
class DpgenStyle:
    """The labeller of DP-GEN's fp styles.

    Parameters
    ----------
    jdata, mdata : Mapping
        :attr:`wtemlp.config.records.Params.jdata` and
        :attr:`wtemlp.config.records.Machines.mdata`.
    root : Path
        The run's folder.
    iteration : int
    """

    jdata: Mapping[str, Any]
    mdata: Mapping[str, Any]
    root: Path
    iteration: int
    together: bool = field(default=False, init=False)

    @classmethod
    def of(cls, setup: LabelSetup) -> "DpgenStyle":
        """That of a run."""
        return cls(setup.params.jdata, setup.machines.mdata, setup.root, setup.iteration)

    def write_inputs(self, folders: Sequence[Path], seed: int) -> None:
        """Write the input files of all frames' jobs.

        Parameters
        ----------
        folders : sequence of Path
            ``02.fp/task.SSS.NNNNNN``, each with the dump of its frame.
        seed : int
            Of whatever DP-GEN should draw.

        Raises
        ------
        CalculationError
            If DP-GEN cannot make them.
        """
        if not folders:
            return
        for folder in folders:
            frame = dpdata.System(
                str(folder / paths.FRAME_DUMP), fmt="lammps/dump", type_map=list(self._type_map)
            )
            if self.jdata["fp_style"] == VACUUM:
                frame.data["coords"][0] = whole_cluster(frame["coords"][0], frame["cells"][0])
            frame.to("vasp/poscar", str(folder / paths.POSCAR))
            if self.jdata["fp_style"] == "pwmat":
                frame.to("pwmat/atom.config", str(folder / ATOM_CONFIG))
        try:
            prepare_labels(self.root, self.iteration, self.jdata, seed)
        except Exception as error:  # DP-GEN raises whatever a wrong key leads to
            raise CalculationError(
                f"{folders[0].parent}: DP-GEN cannot make the input files of fp_style "
                f"{self.jdata['fp_style']}: {type(error).__name__}: {error}"
            ) from error

    def prepare(self, folder: Path, frames: Frames, command: str) -> Task:
        """Say how to run a frame's job.

        Parameters
        ----------
        folder : Path
            The frame's, with the input files.
        frames : Frames
            The frame.
        command : str
            The machine file's; DP-GEN makes the whole command line of it.

        Returns
        -------
        Task
        """
        job = self._job
        # Files that DP-GEN links into the folder and, for CP2K, does not send.
        named = self.jdata.get("fp_pp_files", ())
        linked = [name for name in named if (folder / name).is_symlink()]
        whole = " && ".join(job.commands).rstrip("; ")
        return Task(
            name=folder.name,
            folder=folder,
            command=f"{{ {whole}; }} >> {job.outlog} 2>&1",
            forward=tuple(dict.fromkeys((*job.forward, *linked))),
            backward=tuple(dict.fromkeys(job.backward)),
            logs=(job.outlog,),
        )

    @cached_property
    def _job(self) -> DpgenJob:
        job = label_job(self.root, self.iteration, self.jdata, self.mdata)
        if job is None:
            raise CalculationError(f"iteration {self.iteration} has no labelling tasks")
        return job

    def collect(self, folder: Path, frames: Frames) -> Labels:
        """Read a frame's label, and refuse one that cannot be trusted.

        Parameters
        ----------
        folder : Path
            The frame's, after the job.
        frames : Frames
            The frame that was sent.

        Returns
        -------
        Labels
            With the frame as the engine had it, so that the data are those that DP-GEN makes.
        """
        if reason := _unconverged(folder, self.jdata["fp_style"]):
            return no_labels(frames, [reason])
        try:
            label = read_label(folder, self.jdata)
        except ValueError as error:
            return no_labels(frames, [f"its output cannot be read ({error})"])
        if label is None or len(label) == 0:
            return no_labels(frames, ["there is no converged label in its output"])
        return _checked(label, frames, self._type_map)

    @property
    def _type_map(self) -> tuple[str, ...]:
        return tuple(self.jdata["type_map"])


def _unconverged(folder: Path, style: str) -> str:
    """What an engine says if its self-consistent field did not converge; else ""."""
    name, words = UNCONVERGED.get(style, ("", ""))
    if not name or not (folder / name).is_file():
        return ""
    found = re.search(words, (folder / name).read_text(errors="replace"))
    return f"the self-consistent field did not converge ({found[0]})" if found else ""


def _checked(label: dpdata.LabeledSystem, frames: Frames, type_map: Sequence[str]) -> Labels:
    """The label of the frame that was sent, among those of an output."""
    names = [label["atom_names"][kind] for kind in label["atom_types"]]
    if sorted(names) != sorted(type_map[kind] for kind in frames.types):
        return no_labels(frames, ["the labelled atoms are not those that were sent"])
    types = np.array([type_map.index(name) for name in names])
    shifts = _shifts(label, types, frames)
    best = int(np.argmin(shifts))
    if not shifts[best] <= POSITION_TOLERANCE_A:
        moved = f"the labelled positions or cell differ by {shifts[best]:.3g} Angstrom from those"
        return no_labels(frames, [f"{moved} sent"])
    chosen = slice(best, best + 1)
    energies, forces = label["energies"][chosen], label["forces"][chosen]
    if not (np.isfinite(energies).all() and np.isfinite(forces).all()):
        return no_labels(frames, ["the energy or a force is not a finite number"])
    reason = refusal(forces[0])
    good = np.array([reason == ""])
    return Labels(
        energies=energies,
        forces=forces,
        virials=label["virials"][chosen] if "virials" in label.data else None,
        ok=good,
        reasons=(reason,),
        refused=~good,
        frames=Frames(
            coords=label["coords"][chosen],
            cells=label["cells"][chosen],
            types=types,
            names=frames.names,
            periodic=not label.nopbc,
        ),
    )


def _shifts(label: dpdata.LabeledSystem, types: np.ndarray, frames: Frames) -> np.ndarray:
    """How far each frame of an output is from the one that was sent, Angstrom.

    DP-GEN sorts the atoms by element, so they are compared in that order.
    """
    sent = frames.coords[:, np.argsort(frames.types, kind="stable")]
    found = label["coords"][:, np.argsort(types, kind="stable")]
    cells = np.repeat(frames.cells, len(label), axis=0)
    shifts = np.abs(minimum_image(found - sent, cells)).max(axis=(1, 2))
    if not label.nopbc:
        shifts = np.maximum(shifts, np.abs(label["cells"] - cells).max(axis=(1, 2)))
    return np.asarray(np.nan_to_num(shifts, nan=np.inf))
