"""The frames of explorations that DP-GEN chooses from, and what it has made of them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wtemlp.analysis.frames import Decision, FrameTable, Phase
from wtemlp.config.foreign import PREFIXES
from wtemlp.config.schema.dpgen_schema import AMBER, CALYPSO, GROMACS
from wtemlp.core import paths
from wtemlp.core.formatting import finite
from wtemlp.core.paths import RunPaths
from wtemlp.records.labels import FrameRecord, write_frame_record
from wtemlp.stages.context import RunContext
from wtemlp.stages.exploration.walker_results import read_rows
from wtemlp.stages.select import LISTS

CALYPSO_RESULTS = "model_devi_results"
LAMMPS = "lammps"
#: The file that has a walker's deviations.
DEVIATIONS = {
    GROMACS: paths.MODEL_DEVI,
    CALYPSO: paths.MODEL_DEVI,
    AMBER: "rc.mdout",
    LAMMPS: paths.MODEL_DEVI,
}
WHOLE = -1  #: in the place of an atom's number: the whole frame
_OF_ATOMS = 7  #: columns of ``model_devi.out`` before those of the atoms
_AMBER_LINE = "Active learning frame written with max. frc. std.:"
_AMBER_AGAIN = "     ntx     =       1"  #: its first frame is that which it began with
#: Where a frame's file is linked from its label.
_LINKS = {GROMACS: paths.DPGEN_DUMP, CALYPSO: paths.POSCAR, LAMMPS: paths.DPGEN_DUMP}
_JOB = "job.json"  #: of a walker by LAMMPS: its temperature, and the electrons'

Place = tuple[Path, int, int]  #: a walker's folder, the number of a frame, and of an atom in it
Deviations = dict[tuple[int, int], float]  #: eV/Angstrom, by the numbers of a frame and of an atom


def absolute(jdata: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """DP-GEN's view with absolute paths, where DP-GEN links files from another folder."""
    found = dict(jdata)
    for key in PREFIXES.get(jdata["model_devi_engine"], ()):
        found[key] = str((root / jdata.get(key, "")).resolve())
    return found


def results(run: RunPaths, iteration: int, engine: str) -> list[Path]:
    """The folders that have deviations."""
    folder = run.explore(iteration)
    return sorted((folder / CALYPSO_RESULTS if engine == CALYPSO else folder).glob("task.*"))


def read_deviations(folder: Path, engine: str, of_atoms: bool = False) -> Deviations:
    """Largest force deviations of frames, or those of each atom, by DP-GEN's numbers of them.

    Parameters
    ----------
    folder : Path
        A walker's.
    engine : str
    of_atoms : bool
        Whether atoms are chosen, and not frames.
    """
    file = folder / DEVIATIONS[engine]
    if of_atoms:
        rows = np.loadtxt(file, ndmin=2)
        if rows.shape[1] <= _OF_ATOMS:
            raise ValueError(f"{file} has no deviations of atoms (pair_style deepmd ... atomic)")
        return {
            (int(row[0]), atom): float(value)
            for row in rows
            for atom, value in enumerate(row[_OF_ATOMS:])
        }
    if engine != AMBER:
        steps, _, forces, _ = read_rows(file)
        return {
            (step, WHOLE): devi for step, devi in zip(steps.tolist(), forces.tolist(), strict=True)
        }
    from dpdata.unit import EnergyConversion  # dpdata takes a second

    unit = EnergyConversion("kcal_mol", "eV").value()
    lines = file.read_text().splitlines()
    found, again = [], False
    for line in lines:
        again = again or line.startswith(_AMBER_AGAIN)
        if line.startswith(_AMBER_LINE):
            found.append((float(line.split()[-2]) * unit, again))
    first = next((place for place, (_, began) in enumerate(found) if began), None)
    if first is not None:
        del found[first]
    return {(number, WHOLE): value for number, (value, _) in enumerate(found)}


def decided(context: RunContext, iteration: int) -> FrameTable:
    """All frames that DP-GEN has listed, and those that it has chosen.

    Where each chosen frame is from is written beside it (``frame.json``).  Where atoms are
    chosen, each atom of a frame has a row.
    """
    rows = _listed(context.paths, iteration)
    engine = context.params.engine
    folders = [task.resolve() for task in results(context.paths, iteration, engine)]
    of_atoms = context.params.by_atoms
    deviations = {folder: read_deviations(folder, engine, of_atoms) for folder in folders}
    chosen = dict(_chosen(context, iteration, rows))
    for place, label in chosen.items():
        folder, step, atom = place
        source = folder.relative_to(context.paths.root.resolve())
        devi = deviations[folder].get((step, atom))
        temperature_K, electrons_K = temperatures(folder)
        record = FrameRecord(
            task=str(source),
            step=step,
            phase=int(Phase.WTE),
            biasfactor=1.0,
            bias_eV=0.0,
            max_devi_f=finite(devi),
            atom=None if atom == WHOLE else atom,
            temperature_K=temperature_K,
            electron_temperature_K=electrons_K,
        )
        write_frame_record(label, record)
    numbers = np.array([_numbers(*place) for place in rows], dtype=int).reshape(-1, 3)
    n = len(rows)
    return FrameTable(
        system=numbers[:, 0],
        task=numbers[:, 1],
        walker=np.zeros(n, dtype=int),
        biasfactor=np.ones(n),
        temperature_K=np.full(n, np.nan),
        phase=np.full(n, int(Phase.WTE)),
        step=numbers[:, 2],
        energy_eV=np.full(n, np.nan),
        bias_eV=np.zeros(n),
        max_devi_f=np.array([deviations[place[0]].get(place[1:], np.nan) for place in rows]),
        decision=np.array(
            [int(Decision.SELECTED) if place in chosen else kind for place, kind in rows.items()],
            dtype=int,
        ),
    )


def temperatures(folder: Path) -> tuple[float | None, float | None]:
    """The temperature of a walker and, where there is one, its electrons', K."""
    file = folder / _JOB
    job = json.loads(file.read_text()) if file.exists() else {}
    given = job.get("temps") if isinstance(job.get("temps"), int | float) else None
    return given, job.get("ele_temp")


def _numbers(folder: Path, step: int, _: int) -> tuple[int, int, int]:
    system, task = folder.name.split(".")[1:]
    return int(system), int(task), step


def _listed(run: RunPaths, iteration: int) -> dict[Place, int]:
    """Decisions by frame, in the order of DP-GEN's shuffled lists."""
    found: dict[Place, int] = {}
    folders: dict[str, Path] = {}  # some lists have a line for every atom of every frame
    for name, kind in LISTS.items():
        for file in sorted(run.label(iteration).glob(f"{name}.shuffled.*.out")):
            for line in file.read_text().splitlines():
                folder, step, *atom = line.split()
                if folder not in folders:
                    folders[folder] = (run.root / folder).resolve()
                found[folders[folder], int(step), int(atom[0]) if atom else WHOLE] = int(kind)
    return found


def _chosen(
    context: RunContext, iteration: int, rows: Mapping[Place, int]
) -> Iterator[tuple[Place, Path]]:
    """The frames that are to be labelled, and the folders of their labels."""
    of_atoms = context.params.by_atoms
    link = paths.POSCAR if of_atoms else _LINKS.get(context.params.engine)
    if context.params.engine == LAMMPS and context.params.md.merge_traj:
        link = None  # the frame has been cut out of a file of all
    labels: dict[int, list[Path]] = {}
    for label in sorted(context.paths.label(iteration).glob("task.*")):
        labels.setdefault(int(label.name.split(".")[1]), []).append(label)
    for system, its in labels.items():
        if link is not None:
            for label in its:
                frame = (label / link).resolve()
                parts = frame.name.split(".")  # as 40.lammpstrj, or 40.lammpstrj.cluster.7.POSCAR
                if of_atoms and len(parts) != 5:
                    raise ValueError(f"{label} has no cluster of atoms")
                atom = int(parts[3]) if of_atoms else WHOLE
                yield (frame.parent.parent, int(parts[0]), atom), label
            continue
        # The frames are in one file; DP-GEN takes the first of its list, in their order.
        candidates = [
            place
            for place, kind in rows.items()
            if kind == Decision.CANDIDATE and _numbers(*place)[0] == system
        ]
        yield from zip(sorted(candidates[: len(its)]), its, strict=True)
