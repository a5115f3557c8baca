"""Reference methods that are a Python function: a base class for labellers of other packages.

A job runs ``python -m wtemlp.reference.python_labeller`` where the machine file says, which
imports the labeller's class there.
"""

import importlib
import json
import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from dargs import Argument

from wtemlp.core.atomic_io import UNREADABLE, write_json
from wtemlp.core.errors import CalculationError
from wtemlp.dispatch.tasks import Task
from wtemlp.reference.base import (
    Frames,
    Labels,
    LabelSetup,
    ManyFrames,
    checked_labels,
)

SETTINGS, FRAMES, LABELS, LOG = "labeller.json", "frames.npz", "labels.npz", "labeller.log"


class PythonLabeller(ManyFrames):
    """A labeller that is a function of a frame: a subclass defines :meth:`label`.

    Parameters
    ----------
    parameters : mapping
        ``fp_params``, defaults filled in.
    type_map : sequence of str
        The run's elements.
    """

    arguments: ClassVar[Sequence[Argument]] = ()  #: the keys of ``fp_params``

    def __init__(self, parameters: Mapping[str, Any], type_map: Sequence[str]) -> None:
        self.parameters, self.type_map = dict(parameters), tuple(type_map)

    @classmethod
    def of(cls, setup: LabelSetup) -> "PythonLabeller":
        """That of a run."""
        return cls(setup.own_params, setup.params.type_map)

    @abstractmethod
    def label(
        self, coords: np.ndarray, cell: np.ndarray, symbols: Sequence[str]
    ) -> tuple[float, np.ndarray, np.ndarray | None]:
        """Label a frame.

        Parameters
        ----------
        coords : ndarray of float, shape (n_atoms, 3)
            Angstrom.
        cell : ndarray of float, shape (3, 3)
            Cell vectors as rows, Angstrom.
        symbols : sequence of str
            Elements of the atoms.

        Returns
        -------
        energy : float
            eV.
        forces : ndarray of float, shape (n_atoms, 3)
            eV/Angstrom.
        virial : ndarray of float, shape (3, 3), or None
            eV, the sum over atoms of r f; None: the method gives none.
        """

    def prepare(self, folder: Path, frames: Frames, command: str) -> Task:
        """Write the inputs of one job that labels all frames.

        Parameters
        ----------
        folder : Path
            The job's folder; made if it is not there.
        frames : Frames
        command : str
            A Python that has wtemlp and the labeller's package.
        """
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / f"new.{FRAMES}"
        np.savez(new, coords=frames.coords, cells=frames.cells)
        new.replace(folder / FRAMES)
        kind = type(self)
        settings = {
            "labeller": f"{kind.__module__}:{kind.__qualname__}",
            "parameters": self.parameters,
            "type_map": list(self.type_map),
            "symbols": [self.type_map[index] for index in frames.types],
        }
        write_json(folder / SETTINGS, settings)
        return Task(
            name=folder.name,
            folder=folder,
            command=f"{command} -m {__name__} > {LOG} 2>&1",
            forward=(SETTINGS, FRAMES),
            backward=(LABELS, LOG),
            logs=(LOG,),
        )

    def collect(self, folder: Path, frames: Frames) -> Labels:
        """Read the labels back, and refuse those that cannot be trusted.

        Raises
        ------
        CalculationError
            If they cannot be read.
        """
        file = folder / LABELS
        try:
            with np.load(file) as found:
                labels = {name: found[name] for name in found.files}
        except (OSError, *UNREADABLE) as error:
            raise CalculationError(f"{file} cannot be read: {error}") from error
        return checked_labels(frames, **labels)


def main() -> None:
    """Label the frames of the working directory."""
    settings = json.loads(Path(SETTINGS).read_text())
    sys.path.insert(0, "")  # labellers among the user's own files
    module, _, name = settings["labeller"].partition(":")
    labeller = getattr(importlib.import_module(module), name)(
        settings["parameters"], settings["type_map"]
    )
    with np.load(FRAMES) as frames:
        coords, cells = frames["coords"], frames["cells"]
    energies, forces = np.full(len(coords), np.nan), np.full(coords.shape, np.nan)
    virials, reasons = np.full((len(coords), 3, 3), np.nan), [""] * len(coords)
    for k in range(len(coords)):
        try:
            energies[k], forces[k], virial = labeller.label(
                coords[k].copy(), cells[k].copy(), settings["symbols"]
            )
            if virial is not None:
                virials[k] = virial
        except Exception as error:  # whatever a method raises is the frame's failure
            said = str(error).strip().splitlines() or [type(error).__name__]
            reasons[k] = f"the method failed: {said[0]}"
        print(k, energies[k], reasons[k], flush=True)
    np.savez(
        LABELS,
        energies=energies,
        forces=forces,
        virials=virials,
        coords=coords,
        reasons=np.array(reasons, dtype=str),
    )


if __name__ == "__main__":
    main()
