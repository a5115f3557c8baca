"""Labels by a calculator of ASE: many frames in one process."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from wtemlp.config.keys.labels import AseMethod
from wtemlp.config.records import Params
from wtemlp.config.structures import starting_structure
from wtemlp.core.atomic_io import UNREADABLE, replacing, write_json, write_text
from wtemlp.core.errors import CalculationError, InputError
from wtemlp.dispatch.settings import read_section
from wtemlp.dispatch.tasks import Task
from wtemlp.md.systems import ase_program as program
from wtemlp.md.topology import whole_cluster
from wtemlp.reference.base import (
    Frames,
    Labels,
    LabelSetup,
    ManyFrames,
    failure,
    no_labels,
    refusal,
)
from wtemlp.reference.force_field import settings_of
from wtemlp.structures.record import Structure

SCRIPT, LOG = "label_ase.py", "ase.log"
KINDS = {
    program.FREE_ENERGY: "the energy is the calculator's free_energy, of which the forces are the "
    "slope",
    program.ENERGY: "the energy is the calculator's energy: it has no free_energy",
}
NO_VIRIAL = "no virial: the calculator gives no stress, no finite one, or looks at no cell"


def trial_of(file: Path) -> dict[str, Any]:
    """What a job says of its calculator: ``notes``, or an ``error`` and its ``remedy``.

    Parameters
    ----------
    file : Path
        The job's result; empty where it has labels.
    """
    try:
        text = file.read_bytes()
        return dict(json.loads(text)) if text[:1] == b"{" else {}
    except (OSError, ValueError):
        return {}


@dataclass(frozen=True)
class AseCalculator(ManyFrames):
    """The labeller of ``fp_style: ase``.

    Parameters
    ----------
    method : AseMethod
        ``fp_params``.
    type_map : tuple of str
        The run's elements.
    task : str
        What the jobs do: one of the constants of :mod:`wtemlp.md.systems.ase_program`.
    seed : int
        Of what a trial draws.
    reach_A : float
        How far the models see, Angstrom; 0: unknown.
    molecules : bool
        Whether walkers start from molecules alone in their cells: a method that does not look at
        the cell may label these, so each job looks whether it does.
    """

    method: AseMethod
    type_map: tuple[str, ...]
    task: str = program.LABEL
    seed: int = 0
    reach_A: float = 0.0
    molecules: bool = False

    @classmethod
    def of(cls, setup: LabelSetup) -> "AseCalculator":
        """That of a run; the first jobs try it, where it has not been tried before the run."""
        made = ase_calculator(setup.params)
        first = first_structures(setup.params, setup.root).values()
        made = replace(made, molecules=any(map(made.is_alone, first)))
        place = read_section(setup.machines.fp, setup.root)
        if setup.iteration == 0 and not (place.local and place.shell):
            return replace(made, task=program.TRY_AND_LABEL)
        return made

    def prepare(self, folder: Path, frames: Frames, command: str) -> Task:
        """Write the inputs of one job that labels all frames.

        Parameters
        ----------
        folder : Path
            The job's folder; made if it is not there.
        frames : Frames
        command : str
            A Python that has ASE and the calculator.

        Returns
        -------
        Task
        """
        folder.mkdir(parents=True, exist_ok=True)
        frames = self._as_labelled(frames)
        write_text(folder / SCRIPT, Path(program.__file__).read_text())
        with replacing(folder / program.FRAMES) as file:
            np.savez(file, coords=frames.coords, cells=frames.cells)
        settings = {
            **settings_of(self.method),
            "periodic": self.method.periodic,
            "symbols": [self.type_map[kind] for kind in frames.types],
            "names": list(frames.names),
            "task": self.task,
            "seed": self.seed,
            "reach_A": self.reach_A,
            "molecules": self.molecules and self.method.periodic and len(frames.types) > 1,
        }
        write_json(folder / program.SETTINGS, settings)
        return Task(
            name=folder.name,
            folder=folder,
            command=f"{command} {SCRIPT} > {LOG} 2>&1",
            forward=(SCRIPT, program.FRAMES, program.SETTINGS),
            backward=(program.LABELS, LOG),
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

        Raises
        ------
        CalculationError
            If they cannot be read.
        """
        file, frames = folder / program.LABELS, self._as_labelled(frames)
        if said := self.refused(file):
            raise CalculationError(f"{folder}: {'; '.join(said)}")
        try:
            with np.load(file) as found:
                labels = {name: found[name] for name in found.files}
        except (OSError, *UNREADABLE) as error:
            raise CalculationError(f"{file} cannot be read: {error}") from error
        if labels["coords"].shape != frames.coords.shape:
            return no_labels(frames, ["the labels are of other frames"] * len(frames))
        moved = np.abs(labels["coords"] - frames.coords).max(axis=(1, 2))
        reasons = [str(reason) for reason in labels["reasons"]]
        refused = np.zeros(len(frames), dtype=bool)
        for k, reason in enumerate(reasons):
            if reason:
                continue
            reasons[k] = failure(labels["energies"][k], labels["forces"][k], moved[k])
            if not reasons[k]:
                reasons[k] = refusal(labels["forces"][k])
                refused[k] = reasons[k] != ""
        return Labels(
            energies=labels["energies"],
            forces=labels["forces"],
            virials=labels["virials"],
            ok=np.array([reason == "" for reason in reasons]),
            reasons=tuple(reasons),
            refused=refused,
            frames=frames,
            notes=self._notes(labels),
        )

    def refused(self, file: Path) -> tuple[str, ...]:
        """What stands against all labels of a job, and the remedy; empty if nothing does.

        Parameters
        ----------
        file : Path
            The job's result.
        """
        said = trial_of(file)
        if "error" not in said:
            return ()
        return f"the calculator {self.method.calculator} {said['error']}", said["remedy"]

    def is_alone(self, structure: Structure) -> bool:
        """Whether a structure is a molecule alone in its cell, as far as the models see."""
        atoms = Atoms(structure.symbols, structure.coords, cell=structure.cell, pbc=True)
        return bool(program.is_alone(atoms, self.reach_A))

    def _notes(self, labels: Mapping[str, np.ndarray]) -> tuple[tuple[str, ...], ...]:
        """Of each frame: which energy it is, whether it has a virial, what a trial found."""
        whole = tuple(f"the calculator {note}" for note in labels.get("notes", ()))
        kinds = labels.get("kinds", np.full(len(labels["energies"]), program.ENERGY))
        lacks = ~np.isfinite(labels["virials"]).all(axis=(1, 2)) & self.method.periodic
        return tuple(
            (KINDS[str(kind)], *[NO_VIRIAL] * bool(none), *whole) if str(kind) else ()
            for kind, none in zip(kinds, lacks, strict=True)
        )

    def _as_labelled(self, frames: Frames) -> Frames:
        """The frames, with their cell; or in vacuum, where no bond may go through a face."""
        if self.method.periodic:
            return frames
        pairs = zip(frames.coords, frames.cells, strict=True)
        return replace(
            frames, coords=np.array([whole_cluster(*pair) for pair in pairs]), periodic=False
        )


def ase_calculator(params: Params) -> AseCalculator:
    """The calculator of a parameter file.

    Raises
    ------
    CalculationError
        If it has none.
    """
    if not isinstance(params.reference, AseMethod):
        raise CalculationError(f"fp_style {params.fp_style} has no calculator")
    return AseCalculator(
        params.reference,
        params.type_map,
        seed=params.seed,
        reach_A=reach_A(params.jdata.get("default_training_param")),
    )


def first_structures(params: Params, root: Path) -> dict[tuple[int, str], Structure]:
    """The first structure of each system that is explored, by its system and file."""
    found = {}
    for system in sorted({index for job in params.jobs for index in job.sys_idx}):
        for file in params.sys_configs[system][:1]:
            with contextlib.suppress(InputError):  # (what cannot be read is told elsewhere)
                found[system, str(file)] = starting_structure(params, root / file)
    return found


def reach_A(model: object) -> float:
    """The largest cut-off of a model, ``rcut`` and its like, Angstrom; 0 if there is none."""
    if isinstance(model, Mapping):
        own = [v for k, v in model.items() if k.endswith("rcut") and isinstance(v, (int, float))]
        return float(max([*own, *map(reach_A, model.values())], default=0.0))
    return max(map(reach_A, model), default=0.0) if isinstance(model, (list, tuple)) else 0.0
