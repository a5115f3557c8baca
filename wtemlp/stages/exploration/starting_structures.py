"""The structures that walkers start from: given ones, and frames that were labelled before.

Labelled frames are spread over the energies: of ``n`` the k-th lowest is the one at the quantile
``(k - 1/2) / n`` of the reference energies, so that there is one from each n-th of them and never
the very lowest or highest.  Energies can be compared between equal compositions only; a system
whose frames differ has ``n`` of each.  Nothing is drawn, so no seed is needed.

A labelled frame may be one of a walker's last moments before the guard stopped it, and high in
energy.  It is physical enough to start from: the reference method has calculated it, a label with
a force of 100 eV/Angstrom or more is refused, and selection takes no frame above the upper trust
level.  The walker's NVT part has to bring it to equilibrium, as it has any structure.
"""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wtemlp.config.keys.wte import StartFrom
from wtemlp.config.records import ExploreJob, Params
from wtemlp.config.structures import starting_structure
from wtemlp.core import paths
from wtemlp.core.atomic_io import what_is_wrong
from wtemlp.core.errors import CalculationError, InputError
from wtemlp.core.paths import RunPaths
from wtemlp.md.dump import read_dump
from wtemlp.records.labels import LabelOutcome, read_outcomes
from wtemlp.reference.dataset import across_energies
from wtemlp.stages.context import RunContext
from wtemlp.structures.record import Structure

if TYPE_CHECKING:
    import dpdata

ORIGIN = ("iteration", "frame", "task", "step", "phase", "biasfactor", "temperature_K", "label_eV")


@dataclass(frozen=True)
class LabelledFrame:
    """A frame that the reference method has labelled, with its energy."""

    iteration: int
    outcome: LabelOutcome
    label_eV: float

    @property
    def origin(self) -> dict[str, Any]:
        """What the record of a walker that starts from it says of it."""
        known = {**self.outcome.as_json(), "iteration": self.iteration}
        return {key: known[key] for key in ORIGIN}


@dataclass(frozen=True)
class Start:
    """A structure to start from."""

    conf: str  #: its file in the folder of starting structures
    structure: str  #: what it was made of
    origin: Mapping[str, Any] | None  #: of a labelled frame: its iteration, walker, step and energy
    atoms: Mapping[str, int]  #: of each element
    volume_A3: float  #: of the cell

    @classmethod
    def of(
        cls, system: "dpdata.System", conf: str, structure: str, origin: Mapping[str, Any] | None
    ) -> "Start":
        """That of what is written to `conf`."""
        data = system.data
        atoms = dict(zip(data["atom_names"], map(int, data["atom_numbs"]), strict=True))
        return cls(conf, structure, origin, atoms, float(abs(np.linalg.det(data["cells"][0]))))


def write_structures(
    context: RunContext, iteration: int, job: ExploreJob, folder: Path
) -> dict[int, list[Start]]:
    """Write the starting structures of an iteration as LAMMPS data files.

    Parameters
    ----------
    context : RunContext
    iteration : int
    job : ExploreJob
        ``wte.start`` and ``wte.n_start`` say which; where no frame of a system is labelled yet,
        as in iteration 0, they are the given ones.
    folder : Path
        A folder that does not exist yet.

    Returns
    -------
    dict of int to list of Start
        By system.
    """
    folder.mkdir()
    starts: dict[int, list[Start]] = {}
    for system in job.sys_idx:
        frames = []
        if job.wte.start != StartFrom.GIVEN:
            frames = spread(labelled_frames(context.paths, iteration, system), job.wte.n_start)
        found: list[Start] = []
        if job.wte.start != StartFrom.LABELLED or not frames:
            found += _given(context, iteration, system, folder)
        for frame in frames:
            conf = f"{system:03d}.{len(found):04d}.lmp"
            found.append(_labelled(context, frame, folder / conf))
        starts[system] = found
    return starts


def labelled_frames(run: RunPaths, n_iterations: int, system: int) -> list[LabelledFrame]:
    """The labelled frames of a system.

    Parameters
    ----------
    run : RunPaths
    n_iterations : int
        Iterations that are looked at, from the first.
    system : int

    Returns
    -------
    list of LabelledFrame
        In the order of labelling.

    Raises
    ------
    CalculationError
        If an iteration's ``labels.json`` has gone, or is damaged.
    """
    found = []
    for index in range(n_iterations):
        try:
            outcomes = read_outcomes(run.label(index))
        except (OSError, ValueError) as error:
            raise _lost(run.label(index) / paths.LABELS, error) from error
        found += [
            LabelledFrame(index, outcome, outcome.label_eV)
            for outcome in outcomes
            # Runs of the first versions have not kept the energy here.
            if outcome.system == system and outcome.label_eV is not None
        ]
    return found


def spread(frames: Sequence[LabelledFrame], count: int) -> list[LabelledFrame]:
    """`count` frames of each composition spread evenly over the energies, lowest first.

    Parameters
    ----------
    frames : sequence of LabelledFrame
    count : int
        All frames of a composition where there are not so many.
    """
    alike: dict[tuple[tuple[str, int], ...], list[LabelledFrame]] = defaultdict(list)
    for frame in frames:
        alike[tuple(sorted((frame.outcome.atoms or {}).items()))].append(frame)
    chosen = []
    for _, members in sorted(alike.items()):
        energies = np.array([frame.label_eV for frame in members])
        places = across_energies(energies, min(count, len(members)))
        chosen += [members[place] for place in places]
    return chosen


def _given(context: RunContext, iteration: int, system: int, folder: Path) -> list[Start]:
    params, found = context.params, []
    for index, structure in enumerate(params.sys_configs[system]):
        read = given_structure(params, context.paths.root / structure).system()
        conf = f"{system:03d}.{index:04d}.lmp"
        if params.md.shuffle:
            rng = np.random.default_rng(context.seed("shuffle", iteration, system, index))
            rng.shuffle(read.data["coords"], axis=1)
        if not params.md.periodic:
            read.remove_pbc()
        read.to("lammps/lmp", str(folder / conf))
        link = folder / Path(conf).with_suffix(".poscar")  # as DP-GEN has it
        link.symlink_to(os.path.relpath(context.paths.root / structure, folder))
        found.append(Start.of(read, conf, str(structure), None))
    return found


def given_structure(params: Params, file: Path) -> Structure:
    """Read a structure of ``sys_configs``, within a run.

    Raises
    ------
    CalculationError
        If MD cannot start from it.
    """
    try:
        return starting_structure(params, file)
    except InputError as error:  # it was right when the command began
        raise CalculationError(str(error)) from error


def _labelled(context: RunContext, frame: LabelledFrame, conf: Path) -> Start:
    """Write a labelled frame, from the positions that were sent to the reference method."""
    folder = context.paths.label(frame.iteration) / frame.outcome.frame
    try:
        dump = read_dump(folder / paths.FRAME_DUMP)
    except (OSError, ValueError) as error:
        raise _lost(folder / paths.FRAME_DUMP, error) from error
    types, names = dump.types - 1, list(context.params.type_map)
    data = {
        "atom_names": names,
        "atom_numbs": [int((types == kind).sum()) for kind in range(len(names))],
        "atom_types": types,
        "orig": np.zeros(3),
        "cells": dump.cells,
        "coords": dump.coords,
    }
    import dpdata  # takes a second

    system = dpdata.System(data=data)
    system.to("lammps/lmp", str(conf))
    made_of = str(folder.relative_to(context.paths.root))
    return Start.of(system, conf.name, made_of, frame.origin)


def _lost(file: Path, error: Exception) -> CalculationError:
    why = "has gone"
    if not isinstance(error, FileNotFoundError):
        why = f"cannot be read ({what_is_wrong(file, error.__cause__ or error)})"
    return CalculationError(
        f'{file} {why}, from which "start" of the wte block takes structures; put it back, or '
        f'have this iteration start from the "{StartFrom.GIVEN}" ones'
    )
