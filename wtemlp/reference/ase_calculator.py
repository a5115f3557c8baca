"""Labels by a calculator of ASE: many frames in one process."""

from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from wtemlp.config.records import AseMethod
from wtemlp.core.atomic_io import write_json, write_text
from wtemlp.core.errors import CalculationError
from wtemlp.dispatch.tasks import Task
from wtemlp.md.topology import whole_cluster
from wtemlp.reference import ase_program as program
from wtemlp.reference.base import Frames, Labels, LabelSetup, ManyFrames, checked_labels

SCRIPT, LOG = "label_ase.py", "ase.log"


@dataclass(frozen=True)
class AseCalculator(ManyFrames):
    """The labeller of ``fp_style: ase``.

    Parameters
    ----------
    method : AseMethod
        ``fp_params``.
    type_map : tuple of str
        The run's elements.
    """

    method: AseMethod
    type_map: tuple[str, ...]

    @classmethod
    def of(cls, setup: LabelSetup) -> "AseCalculator":
        """That of a run."""
        if setup.params.ase_method is None:
            raise CalculationError(f"fp_style {setup.params.fp_style} has no calculator")
        return cls(setup.params.ase_method, setup.params.type_map)

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
        new = folder / f"new.{program.FRAMES}"
        np.savez(new, coords=frames.coords, cells=frames.cells)
        new.replace(folder / program.FRAMES)
        settings = {
            "calculator": self.method.calculator,
            "arguments": dict(self.method.arguments),
            "periodic": self.method.periodic,
            "symbols": [self.type_map[kind] for kind in frames.types],
            "names": list(frames.names),
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
        try:
            with np.load(file) as found:
                labels = {name: found[name] for name in found.files}
        except (OSError, ValueError, EOFError, BadZipFile) as error:
            raise CalculationError(f"{file} cannot be read: {error}") from error
        return checked_labels(frames, **labels)

    def _as_labelled(self, frames: Frames) -> Frames:
        """The frames, with their cell; or in vacuum, where no bond may go through a face."""
        if self.method.periodic:
            return frames
        pairs = zip(frames.coords, frames.cells, strict=True)
        return replace(
            frames, coords=np.array([whole_cluster(*pair) for pair in pairs]), periodic=False
        )
