"""Samplers: references that do MD, which LAMMPS runs for all of them.

The scripts of runs (:mod:`wtemlp.md.reference_runs`) take the commands of the force field, their
units and the files from here, and do not know which reference it is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from wtemlp.config.keys.labels import (
    AseMethod,
    DeepPotential,
    ForceField,
    Method,
    OwnForceField,
)
from wtemlp.config.records import Machines, MachineSection, Params
from wtemlp.core.errors import InputError
from wtemlp.md.systems.system_input import SystemInput
from wtemlp.md.systems.units import Units
from wtemlp.md.topology import stand_alone
from wtemlp.reference.force_field import Potential, potential_of
from wtemlp.structures.record import Structure

_LAMMPS = re.compile(r"lmp(_\w+)?")  #: names of the program


class Sampler(Protocol):
    """A reference that does MD."""

    @property
    def units(self) -> Units:
        """Those of its scripts."""

    def problems(self, structure: Structure) -> list[str]:
        """Why a structure cannot be run; nothing if it can."""

    def system(
        self, structure: Structure, *, data: str = "box.data", boundary: str | None = None
    ) -> SystemInput:
        """The commands and files of a structure.

        Parameters
        ----------
        structure : Structure
        data : str
            Name of the data file.
        boundary : str, optional
            LAMMPS's, as "p p f"; by default that of the reference.
        """


@dataclass(frozen=True)
class LammpsSampler:
    """A force field, a Deep Potential or a calculator behind LAMMPS."""

    potential: Potential

    @property
    def units(self) -> Units:
        """Those of its scripts."""
        return self.potential.units

    def problems(self, structure: Structure) -> list[str]:
        """Why a structure cannot be run; nothing if it can."""
        try:
            cell, coords = _turned(structure)
            self.potential.layout(structure.symbols, coords, cell)
        except ValueError as error:
            return [str(error)]
        return []

    def system(
        self, structure: Structure, *, data: str = "box.data", boundary: str | None = None
    ) -> SystemInput:
        """The commands and files of a structure.

        Raises
        ------
        ValueError
            If it cannot be run.
        """
        cell, coords = _turned(structure)
        bounds = boundary or self.potential.boundary
        stand_alone(coords, cell, np.array([word == "p" for word in bounds.split()]))
        layout = self.potential.layout(structure.symbols, coords, cell)
        lines = self.potential.commands(data)
        old = next(line for line in lines.splitlines() if line.startswith("boundary"))
        lines = lines.replace(old, f"boundary        {bounds}")
        return SystemInput(
            lines=lines,
            units=self.potential.units,
            elements=self.potential.elements,
            data=data,
            files={**self.potential.files, data: self.potential.data(layout, coords, cell)},
            constraints=self.potential.constraints,
        )


def sampler_of(method: Method | None, type_map: Sequence[str], root: Path) -> LammpsSampler | None:
    """The sampler of a method; None: there is none that can do MD.

    Parameters
    ----------
    method : Method or None
        :attr:`wtemlp.config.records.Params.sampler`.
    type_map : sequence of str
    root : Path
        The run's folder, which paths are relative to.
    """
    return None if method is None else LammpsSampler(potential_of(method, type_map, root))


def sampler_section(params: Params, machines: Machines) -> MachineSection:
    """The machine section whose command is LAMMPS: where the sampler runs.

    That of the labels, where the sampler is what labels and its command is LAMMPS; else that of
    the explorations, which LAMMPS does.

    Raises
    ------
    InputError
        If it cannot do MD with a calculator of ASE.
    """
    labels_by_lammps = params.sampler == params.reference and not isinstance(
        params.sampler, AseMethod
    )
    section = machines.fp if labels_by_lammps else machines.model_devi
    plain = [word for word in section.command.split() if _LAMMPS.fullmatch(word.rpartition("/")[2])]
    if isinstance(params.sampler, AseMethod) and plain and "wtemlp" not in section.command:
        raise InputError(
            f"{machines.source.name}: {section.stage}.command",
            f"{section.command} cannot do MD with the calculator {params.sampler.calculator}",
            'must be "wtemlp lmp" in a Python that has the calculator',
        )
    return section


def system_of(
    sampler: Sampler, structure: Structure, *, data: str, remedy: str = ""
) -> SystemInput:
    """As :meth:`Sampler.system`; what is wrong is the structure's.

    Raises
    ------
    InputError
        If it cannot be run.
    """
    if problems := sampler.problems(structure):
        what = f"cannot be run with the reference ({'; '.join(problems)})"
        raise InputError(str(structure.file), what, remedy)
    return sampler.system(structure, data=data)


def _turned(structure: Structure) -> tuple[np.ndarray, np.ndarray]:
    """The cell in LAMMPS's orientation, and the positions."""
    system = structure.system()
    return system["cells"][0], system["coords"][0]


def in_words(method: Method) -> str:
    """A method for people."""
    if isinstance(method, ForceField):
        accuracy = f"PPPM accuracy {method.kspace_accuracy:g}"
        return f"{method.name}, cut-off {method.cutoff_A:g} A, {accuracy}"
    if isinstance(method, OwnForceField):
        return method.name or next((line for line in method.lines), method.file)
    return method.model if isinstance(method, DeepPotential) else method.calculator
