"""The initial data held against the reference: a frame of each system labelled, before a run.

Data of another method, unit, zero of energies or sign would be trained on together with the labels
of the run, and neither would be learnt.  Whatever labels is asked through its protocol, where its
jobs run.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wtemlp.config.data.files import TYPE_INDEX, TYPE_NAMES, DataFault, System, systems_in
from wtemlp.config.data.systems import MIXED
from wtemlp.config.keys.labels import ReferenceCheck
from wtemlp.config.label_files import with_absolute_paths
from wtemlp.config.records import Machines, Params
from wtemlp.config.schema.plugin_keys import is_own_style
from wtemlp.config.structures import starting_structure
from wtemlp.core import paths as names
from wtemlp.core.atomic_io import is_sound, read_json, write_json
from wtemlp.core.errors import CalculationError, InputError, together
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch.cancel import discard_stage
from wtemlp.dispatch.dispatcher import Stopped, run_tasks
from wtemlp.dispatch.staging import with_user_files
from wtemlp.dispatch.tasks import StageTasks, TaskResult
from wtemlp.md.dump import write_dump
from wtemlp.preflight.agreement import Agreement, TwoLabels, compare, pushes_all_alike
from wtemlp.records import data_check
from wtemlp.records.data_check import Held
from wtemlp.records.pins import reference_pins
from wtemlp.reference.base import Frames, Labeller, Labels
from wtemlp.reference.styles import labeller_of

ASKED = "asked.json"
MOST = 12  #: frames that are labelled; systems of different atoms come first
LOOKED_AT = 200  #: frames of a system among which one is chosen
QUANTILE = 0.75  #: of the frames' forces: neither at rest nor torn apart
VACUUM_A = 20.0  #: around a molecule whose data have no cell
PATIENCE_S = 600.0  #: how long ``check`` waits for all of them, seconds


@dataclass(frozen=True)
class Stored:
    """A frame of the initial data with its label, turned so that the cell lies as LAMMPS's do."""

    name: str  #: system and frame, for people
    frames: Frames  #: it alone
    energy_eV: float
    forces_eV_A: np.ndarray  #: (n_atoms, 3)
    virial_eV: np.ndarray | None  #: (3, 3)


def is_held(params: Params) -> bool:
    """Whether the initial data are held against the reference of a run."""
    if params.reference_check == ReferenceCheck.OFF or not params.jobs:
        return False
    # Amber's labels need its own files; electrons a temperature that the data do not tell.
    return params.fp_style != "amber/diff" and not params.electrons


def prepare(params: Params, machines: Machines, root: Path, folder: Path) -> StageTasks:
    """Write the inputs of the labels.

    What is there of a call before, with the same reference and frames, goes on.

    Parameters
    ----------
    params : Params
    machines : Machines
    root : Path
        The run's folder.
    folder : Path
        Where to calculate.

    Returns
    -------
    StageTasks

    Raises
    ------
    CalculationError
        If the inputs cannot be made.
    """
    stored = frames_to_hold(params, root)
    place, asked = RunPaths(folder), folder / ASKED
    pins = reference_pins(params, machines, root)
    question = {"reference": pins, "frames": [one.name for one in stored]}
    whole = is_sound(asked, lambda file: read_json(file, ""))
    same = whole and read_json(asked, "") == question
    if not same:
        if folder.exists():
            discard_stage(place.label(0), machines.fp, root)
            shutil.rmtree(folder)
        place.label(0).mkdir(parents=True)
    jobs = [place.label_task(0, 0, number) for number in range(len(stored))]
    settings = [params_of(one, params, root) for one in stored]
    labellers = {id(own): labeller_for(own, machines, root, folder) for own in settings}
    of = [labellers[id(own)] for own in settings]
    if not same:
        for job, one in zip(jobs, stored, strict=True):
            job.mkdir()
            frames = one.frames
            dump = job / names.FRAME_DUMP
            write_dump(dump, np.array([0]), frames.cells, frames.types + 1, frames.coords)
            write_json(job / names.FRAME, {"task": one.name})
        for labeller in labellers.values():
            own = [job for job, its in zip(jobs, of, strict=True) if its is labeller]
            labeller.write_inputs(own, params.seed)
    tasks = [
        labeller.prepare(job, one.frames, machines.fp.command)
        for job, one, labeller in zip(jobs, stored, of, strict=True)
    ]
    write_json(asked, question)
    return StageTasks(tasks, place.label(0))


def judge(
    params: Params, machines: Machines, root: Path, folder: Path, results: Sequence[TaskResult]
) -> list[Held]:
    """Read the labels of :func:`prepare`, and hold the data against them.

    Parameters
    ----------
    params, machines, root, folder
        As of :func:`prepare`.
    results : sequence of TaskResult
        At least those that failed.

    Returns
    -------
    list of Held
        Also in a file of the folder (:mod:`wtemlp.records.data_check`).
    """
    failed = {result.name: result.message for result in results if not result.ok}
    found: list[Held] = []
    for number, one in enumerate(frames_to_hold(params, root)):
        job = RunPaths(folder).label_task(0, 0, number)
        if job.name in failed:
            why = "; ".join(line.strip() for line in failed[job.name].splitlines()[:2])
            found.append(Held(one.name, (), (f"the reference failed: {why}",), failed=True))
            continue
        try:
            labeller = labeller_for(params_of(one, params, root), machines, root, folder)
            found.append(held(one, labeller.collect(job, one.frames)))
        except CalculationError as error:
            why = f"the reference failed: {error}"
            found.append(Held(one.name, (), (why,), failed=True))
    data_check.save(folder, found)
    return found


def refusal(params: Params, found: Sequence[Held]) -> InputError | None:
    """Why a run is not to begin; None: nothing speaks against it."""
    where = f"{params.source.name}: init_data_sys"
    remedy = (
        "label the data with this reference, or give the reference of the data; if both are right "
        'as they are, write "reference_check": "warn"'
    )
    errors = [
        InputError(where, f"{one.system}: {'; '.join(one.problems)}", remedy)
        for one in found
        if one.problems
    ]
    return together(errors) if errors else None


def no_answer(params: Params, found: Sequence[Held]) -> InputError | None:
    """What the reference said, if it has labelled none; None: it has.

    A run is not held up by it: there may be labels when it comes to them, or they are made by hand.
    """
    if not found or not all(one.failed for one in found):
        return None
    where = f"{params.source.name}: init_data_sys"
    first = f"{found[0].system}: {'; '.join(found[0].notes)}"
    return InputError(where, first, "see that the labels of the run can be made")


def lines(found: Sequence[Held], with_problems: bool = True) -> list[str]:
    """What a user should know of the data, a line each; the last sums up."""
    told = [
        f"{one.system}: {line}"
        for one in found
        for line in (*one.problems * with_problems, *one.notes)
    ]
    if not found:
        return []
    energies = [abs(one.energy_meV_atom) for one in found if one.energy_meV_atom is not None]
    forces = [one.force_meV_A for one in found if one.force_meV_A is not None]
    differ = "nothing could be compared"
    if energies and forces:
        differ = (
            f"energies within {max(energies):.2g} meV/atom, forces within {max(forces):.2g} "
            f"meV/Angstrom ({len(energies)} systems, a frame of each)"
        )
    return [*told, f"initial data against the reference: {differ}"]


def try_now(
    params: Params, machines: Machines, root: Path, patience_s: float = PATIENCE_S
) -> list[Held]:
    """Hold the data against the reference in a folder that is thrown away.

    Raises
    ------
    WtemlpError
        If it cannot be calculated.
    """
    begin, base = time.monotonic(), root
    while not base.is_dir():
        base = base.parent
    # In the run's folder: a compute node must see it, as it does a run.
    folder = Path(tempfile.mkdtemp(prefix="wtemlp-check.", dir=base))
    section = replace(machines.fp, machine={**machines.fp.machine, "retry_count": 0})
    stage = None
    try:
        stage = prepare(params, machines, root, folder)
        results = run_tasks(
            with_user_files(stage.tasks, section, root),
            work_dir=stage.folder,
            common_files=(),
            section=section,
            root=root,
            should_stop=lambda: time.monotonic() - begin > patience_s,
        )
        return judge(params, machines, root, folder, results)
    except Stopped:
        return [Held("initial data", (), (f"not labelled within {patience_s / 60:.0f} min",))]
    finally:
        if stage is not None:
            discard_stage(stage.folder, section, root)
        shutil.rmtree(folder, ignore_errors=True)


def params_of(one: Stored, params: Params, root: Path) -> Params:
    """The settings of a frame's labels: those of the first system that has its atoms."""
    for system, own in params.by_system.items():
        for file in params.sys_configs[system][:1]:
            with suppress(InputError):  # (what cannot be read is told elsewhere)
                types = starting_structure(params, root / file).types
                if sorted(types) == sorted(one.frames.types):
                    return own
    return params


def labeller_for(params: Params, machines: Machines, root: Path, folder: Path) -> Labeller:
    """What labels there; DP-GEN's styles look for their frames below their root."""
    if is_own_style(params.fp_style):
        return labeller_of(params, machines, root, 0)
    jdata = {**with_absolute_paths(params.jdata, root), "model_devi_engine": "lammps"}
    return labeller_of(replace(params, jdata=jdata), machines, folder, 0)


def held(one: Stored, labels: Labels, imported: bool = False) -> Held:
    """Hold a stored label against one of the reference.

    Parameters
    ----------
    one : Stored
    labels : Labels
        Of its frame.
    imported : bool, optional
        Whether the labels were made by hand: it is theirs, then, to fit the stored one.
    """
    if not labels.ok[0]:
        why = f"the reference gives no label: {labels.reasons[0]}"
        return Held(one.name, (), (why,), failed=True)
    sent = one.frames
    as_labelled = labels.frames or sent
    if as_labelled.periodic != sent.periodic:
        what = "without" if sent.periodic else "with"
        return Held(one.name, (), (f"not compared: the reference labels it {what} a cell",))
    # Some programs sort the atoms by element; within one, they stay in order.
    ours = np.argsort(sent.types, kind="stable")
    theirs = np.argsort(as_labelled.types, kind="stable")
    virial = None if labels.virials is None else labels.virials[0]
    virial = virial if virial is not None and np.isfinite(virial).all() else None
    stored = (one.energy_eV, one.forces_eV_A[ours], one.virial_eV)
    reference = (float(labels.energies[0]), labels.forces[0][theirs], virial)
    if imported:
        two = _two(reference, stored, "imported", "those of the initial data")
    else:
        two = _two(stored, reference)
        if pushes_all_alike(two):
            why = "has one force for all atoms, which no method has: see that it is one"
            return Held(one.name, (), (f"not compared: the reference {why}",))
    found: Agreement = compare(two)
    energy = -found.energy_meV_atom if imported else found.energy_meV_atom
    return Held(one.name, found.problems, found.notes, energy, found.force_meV_A)


Numbers = tuple[float, np.ndarray, np.ndarray | None]  #: energy, forces and virial of a label


def _two(left: Numbers, right: Numbers, *names: str) -> TwoLabels:
    return TwoLabels(left[0], right[0], left[1], right[1], left[2], right[2], *names)


def frames_to_hold(params: Params, root: Path) -> list[Stored]:
    """A frame of each system of the initial data, of :data:`MOST` systems at most."""
    found: dict[bytes, list[Stored]] = {}
    for data in params.init_data_sys:
        try:
            for system in systems_in(root / data):
                for one in _stored(system, params.type_map, root):
                    key = np.bincount(one.frames.types).tobytes() + bytes([one.frames.periodic])
                    found.setdefault(key, []).append(one)
        except (DataFault, OSError):
            continue  # told with the data
    depth = max(map(len, found.values()), default=0)
    turns = [own[turn] for turn in range(depth) for own in found.values() if turn < len(own)]
    return turns[:MOST]


def _stored(system: System, type_map: Sequence[str], root: Path) -> Iterator[Stored]:
    """A frame of a system; of one with mixed types the first set's alone is looked at."""
    sets = system.sets()
    names_there = system.words(TYPE_NAMES) or list(type_map)
    own = np.array([type_map.index(name) for name in names_there])
    which, arrays = max(sets.items(), key=lambda pair: len(system.array(pair[1]["energy"])))
    forces = system.array(arrays["force"])
    looked = np.unique(np.linspace(0, len(forces) - 1, LOOKED_AT).astype(int))
    size = np.array([float(np.sqrt(np.mean(np.square(forces[row])))) for row in looked])
    k = int(looked[np.argsort(size, kind="stable")[int(QUANTILE * (len(looked) - 1))]])
    if MIXED in arrays:
        types = np.asarray(system.array(arrays[MIXED])[k], dtype=int)
    else:
        types = np.array([int(word) for word in system.words(TYPE_INDEX) or []])
    real = types >= 0
    periodic = not system.has("nopbc") and "box" in arrays
    coords = np.asarray(system.array(arrays["coord"])[k], dtype=float).reshape(-1, 3)[real]
    if periodic:
        cell = np.asarray(system.array(arrays["box"])[k], dtype=float).reshape(3, 3)
    else:
        low, high = coords.min(axis=0), coords.max(axis=0)
        cell = np.diag(high - low + VACUUM_A)
        coords = coords - low + VACUUM_A / 2
    turn, cell = _lower_triangular(cell)
    virial = None
    if "virial" in arrays:
        virial = turn.T @ np.asarray(system.array(arrays["virial"])[k]).reshape(3, 3) @ turn
    shown = system.path
    shown = shown.relative_to(root) if shown.is_relative_to(root) else shown
    group = system.group or ""
    name = f"{shown}{group} ({which}, frame {k})"
    frames = Frames((coords @ turn)[None], cell[None], own[types[real]], (name,), periodic)
    force = np.asarray(forces[k], dtype=float).reshape(-1, 3)[real] @ turn
    energy = float(np.asarray(system.array(arrays["energy"])[k]).reshape(-1)[0])
    yield Stored(name, frames, energy, force, virial)


def _lower_triangular(cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The turn ``x @ turn`` into LAMMPS's orientation, and the cell there."""
    if not np.triu(cell, 1).any() and (np.diag(cell) > 0).all():
        return np.eye(3), cell
    q, r = np.linalg.qr(cell.T)
    signs = np.sign(np.diag(r))
    return q * signs, np.tril(r.T * signs)
