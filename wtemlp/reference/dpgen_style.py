"""Labels by one of DP-GEN's ``fp_style``: a job for each frame, its files as DP-GEN makes them."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wtemlp.config.label_files import with_absolute_paths
from wtemlp.config.records import Params
from wtemlp.core import paths
from wtemlp.core.errors import CalculationError
from wtemlp.dispatch.tasks import Task
from wtemlp.dpgen.adapter import DpgenJob
from wtemlp.dpgen.labelling import label_job, prepare_labels
from wtemlp.md.topology import minimum_image, whole_cluster
from wtemlp.reference import outputs
from wtemlp.reference.base import Frames, Labels, LabelSetup, no_labels, refusal

if TYPE_CHECKING:
    import dpdata

#: Between the frame sent and what an output prints of it: three decimals (the cell of CP2K).
POSITION_TOLERANCE_A = 1e-3
NO_VIRIAL = "no virial: there is no stress in the output"
VACUUM = "gaussian"  #: the style without a cell: no bond may go through a face
ATOM_CONFIG = "atom.config"  #: of PWmat; DP-GEN's code needs it and leaves it to PWmat's tools


@dataclass(frozen=True)
class DpgenStyle:
    """The labeller of DP-GEN's fp styles.

    Parameters
    ----------
    params : Params
    mdata : Mapping
        :attr:`wtemlp.config.records.Machines.mdata`.
    root : Path
        The run's folder.
    iteration : int
    """

    params: Params
    mdata: Mapping[str, Any]
    root: Path
    iteration: int
    together: bool = field(default=False, init=False)

    @classmethod
    def of(cls, setup: LabelSetup) -> "DpgenStyle":
        """That of a run."""
        return cls(setup.params, setup.machines.mdata, setup.root, setup.iteration)

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
        import dpdata  # takes a second

        if not folders:
            return
        for folder in folders:
            frame = dpdata.System(
                str(folder / paths.FRAME_DUMP), fmt="lammps/dump", type_map=list(self._type_map)
            )
            if self.params.fp_style == VACUUM:
                frame.data["coords"][0] = whole_cluster(frame["coords"][0], frame["cells"][0])
            frame.to("vasp/poscar", str(folder / paths.POSCAR))
            if self.params.fp_style == "pwmat":
                frame.to("pwmat/atom.config", str(folder / ATOM_CONFIG))
        try:
            self._prepare(folders, seed)
        except Exception as error:  # DP-GEN raises whatever a wrong key leads to
            raise CalculationError(
                f"{folders[0].parent}: DP-GEN cannot make the input files of fp_style "
                f"{self.params.fp_style}: {type(error).__name__}: {error}"
            ) from error

    def _prepare(self, folders: Sequence[Path], seed: int) -> None:
        """Have DP-GEN make the inputs of some folders, of which it takes all that are there."""
        place = folders[0].parent
        if len(folders) == len(list(place.glob("task.*"))):
            prepare_labels(self.root, self.iteration, self.params.jdata, seed)
            return
        with tempfile.TemporaryDirectory(prefix="wtemlp.") as name:
            shown = paths.RunPaths(Path(name).resolve()).label(self.iteration)
            shown.mkdir(parents=True)
            for folder in folders:
                (shown / folder.name).symlink_to(folder.resolve())
            jdata = with_absolute_paths(self.params.jdata, self.root)
            prepare_labels(Path(name).resolve(), self.iteration, jdata, seed)
            for made in shown.iterdir():  # files beside the folders, which links in these name
                if not made.name.startswith("task."):
                    shutil.copy(made, place)

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
        named = self.params.fp_files
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
        job = label_job(self.root, self.iteration, self.params.jdata, self.mdata)
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
            Of the frame that was sent, its atoms in the order of the output, as in DP-GEN's data.
        """
        label, reason, notes = outputs.read(folder, self.params.jdata)
        if label is None:
            return no_labels(frames, [reason])
        return labels_of(label, frames, self._type_map, notes)

    @property
    def _type_map(self) -> tuple[str, ...]:
        return self.params.type_map


def labels_of(
    label: "dpdata.LabeledSystem", frames: Frames, type_map: Sequence[str], notes: list[str]
) -> Labels:
    """The label that was read from an output, refused if it cannot be trusted.

    Parameters
    ----------
    label : dpdata.LabeledSystem
        Changed in place.
    frames : Frames
        The frame that was sent.
    type_map : sequence of str
    notes : list of str
        What its user should know of the label; more is added.

    Returns
    -------
    Labels
        Of the frame that was sent, its atoms in the order of the output.
    """
    if reason := take_sent(label, frames, type_map, notes):
        return no_labels(frames, [reason])
    reason = refusal(label["forces"][0])
    good = np.array([reason == ""])
    return Labels(
        energies=label["energies"],
        forces=label["forces"],
        virials=label.data.get("virials"),
        ok=good,
        reasons=(reason,),
        refused=~good,
        frames=Frames(
            coords=label["coords"],
            cells=label["cells"],
            types=_types(label, type_map),
            names=frames.names,
            periodic=not label.nopbc,
        ),
        notes=(tuple(notes),),
    )


def take_sent(
    label: "dpdata.LabeledSystem", frames: Frames, type_map: Sequence[str], notes: list[str]
) -> str:
    """Make an output the label of the frame that was sent, if it is.

    Its positions and cell become those that were sent: programs print them with few digits (the
    cell of CP2K with three, which is 16 meV/Angstrom in the forces across a face).  What is
    printed says whether the label is of this frame.

    Parameters
    ----------
    label : dpdata.LabeledSystem
        As it was read, one frame or more; changed in place: one is left.
    frames : Frames
        The frame.
    type_map : sequence of str
    notes : list of str
        Takes what its user should know of the label.

    Returns
    -------
    str
        Why it is no label of this frame; "" if it is one.
    """
    names = [label["atom_names"][kind] for kind in label["atom_types"]]
    if sorted(names) != sorted(type_map[kind] for kind in frames.types):
        return "the labelled atoms are not those that were sent"
    types = _types(label, type_map)
    # DP-GEN sorts the atoms by element, so they are compared in that order.
    sent = np.empty_like(frames.coords[0])
    sent[np.argsort(types, kind="stable")] = frames.coords[0][
        np.argsort(frames.types, kind="stable")
    ]
    cell = frames.cells[0]
    moved = minimum_image(sent - label["coords"], np.repeat(frames.cells, len(label), axis=0))
    shifts = np.abs(moved).max(axis=(1, 2))
    if not label.nopbc:
        shifts = np.maximum(shifts, np.abs(label["cells"] - cell).max(axis=(1, 2)))
    shifts = np.nan_to_num(shifts, nan=np.inf)
    best = int(np.argmin(shifts))
    if not shifts[best] <= POSITION_TOLERANCE_A:
        return (
            f"the labelled positions or cell differ by {shifts[best]:.3g} Angstrom from those sent"
        )
    label.data.update(label.sub_system([best]).data)
    if not (np.isfinite(label["energies"]).all() and np.isfinite(label["forces"]).all()):
        return "the energy or a force is not a finite number"
    _mind_virial(label, cell, notes)
    label.data["coords"] = label["coords"] + moved[best]
    if not label.nopbc:
        label.data["cells"] = frames.cells.copy()
    return ""


def _mind_virial(label: "dpdata.LabeledSystem", cell: np.ndarray, notes: list[str]) -> None:
    """Leave a virial out that is none; have it in the volume that was sent."""
    if label.nopbc:
        return
    if "virials" not in label.data:
        if outputs.NO_STRESS not in notes:
            notes.append(NO_VIRIAL)
    elif not np.isfinite(label["virials"]).all():
        del label.data["virials"]
        notes.append(outputs.NO_STRESS)
    else:
        # Readers multiply the stress by the volume that is printed.
        printed = abs(np.linalg.det(label["cells"][0]))
        label.data["virials"] = label["virials"] * (abs(np.linalg.det(cell)) / printed)


def _types(label: "dpdata.LabeledSystem", type_map: Sequence[str]) -> np.ndarray:
    names = [label["atom_names"][kind] for kind in label["atom_types"]]
    return np.array([type_map.index(name) for name in names])
