"""The final potential in a fixed place: models, their card, the data that they were trained on."""

import hashlib
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import dpdata
import numpy as np
from numpy.typing import NDArray

from wtemlp import __version__
from wtemlp.analysis.parity import energy_bins
from wtemlp.config.data.files import TYPE_INDEX, TYPE_NAMES, DataFault, System, systems_in
from wtemlp.config.data.systems import MIXED
from wtemlp.core.atomic_io import write_json, write_text
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.records import inputs, validation_record
from wtemlp.records import state as states
from wtemlp.records.labels import read_outcomes
from wtemlp.records.state import RunState, Step
from wtemlp.records.summary import Summary, summaries
from wtemlp.records.validation_record import Validation
from wtemlp.reference.by_hand import BY_HAND
from wtemlp.stages import held_out
from wtemlp.workflow.card import Card, SystemOfData, card_text, usage_files

FOLDER = "potential"  #: in a run's folder
CARD_FILE, RECORD, DATA = "README.md", "card.json", "data"
BINS = 4  #: of the energies of the validation data
AMU_A3_IN_G_CM3 = 1.66053906892


def final_iteration(paths: RunPaths, state: RunState) -> int | None:
    """The last iteration whose training is done; None: none is."""
    if state.finished or state.step > Step.POST_TRAIN:
        return state.iteration
    return state.iteration - 1 if state.iteration else None


def export(root: Path, iteration: int | None = None, target: Path | None = None) -> Path:
    """Put the models of a run with their card and data into one folder.

    Parameters
    ----------
    root : Path
        The run's folder, absolute.
    iteration : int, optional
        Whose models; by default the last whose training is done.
    target : Path, optional
        By default ``potential`` in the run's folder; what is there of before is replaced.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If there is no run, no such model, or another thing in the place.
    """
    paths = RunPaths(root)
    state = states.of_run(paths)
    last = final_iteration(paths, state)
    chosen = last if iteration is None else iteration
    if last is None or chosen is None or not 0 <= chosen <= last:
        which = "no training is done" if last is None else f"models are of iterations 0 to {last}"
        raise InputError(str(root), f"there is no model of iteration {chosen}: {which}")
    models = sorted(paths.train(chosen).glob("graph.[0-9][0-9][0-9].*"))
    if not models or not all(model.exists() for model in models):
        raise InputError(str(paths.train(chosen)), "the models have gone", "train again")
    if empty := [model for model in models if not model.stat().st_size]:
        raise InputError(str(empty[0]), "the file of a model is empty", "train again")
    target = target or root / FOLDER
    if target.exists() and not (target / RECORD).is_file():
        raise InputError(str(target), "is no potential that wtemlp has made", "give another (-o)")
    new = target.with_name(f"{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for model in models:
        _copy(model, new / model.name)
    masses = _masses(paths, chosen, state.type_map)
    data, described = _data(paths, state, chosen, masses)
    places = _write_data(new / DATA, data, state.type_map)
    card = _card(paths, state, chosen, new, described)
    card = replace(card, masses=tuple(masses.values()), data_folders=places)
    write_json(new / RECORD, asdict(card))
    _write_example(new, data, state.type_map)
    for name, text in {CARD_FILE: card_text(card), **usage_files(card)}.items():
        write_text(new / name, text)
    if target.exists():
        shutil.rmtree(target)
    new.rename(target)
    return target


def _copy(source: Path, goal: Path) -> None:
    if source.is_dir():
        shutil.copytree(source.resolve(), goal)
    else:
        shutil.copy2(source.resolve(), goal)


def _labels(paths: RunPaths, index: int) -> str:
    """What the labels of an iteration are called, with who made them where that was by hand."""
    try:
        outcomes = [one for one in read_outcomes(paths.label(index)) if one.labelled]
    except (OSError, ValueError):
        outcomes = []
    own = [[note for note in one.notes or () if note.startswith(BY_HAND)] for one in outcomes]
    notes = dict.fromkeys(note for found in own for note in found)
    made = f" ({sum(map(bool, own))} of {len(own)} {'; '.join(notes)})" if notes else ""
    return f"labels of iteration {index}{made}"


def _data(
    paths: RunPaths, state: RunState, iteration: int, masses: Mapping[str, float]
) -> tuple[list[dpdata.LabeledSystem], list[SystemOfData]]:
    """All that the models of an iteration were trained on."""
    systems: list[dpdata.LabeledSystem] = []
    described: list[SystemOfData] = []
    folders = [("initial data", paths.root / name) for name in state.init_data]
    for index in range(iteration):
        labelled = sorted(one for one in paths.label(index).glob("data.*") if one.is_dir())
        folders += [(_labels(paths, index), folder) for folder in labelled]
    for source, folder in folders:
        try:
            there = systems_in(folder)
            found = [one for system in there for one in _frames(system, state.type_map)]
        except DataFault as error:
            raise InputError(str(folder), str(error), "the data of a run must stay") from error
        systems += found
        described += [_described(one, source, masses) for one in found]
    return systems, described


def _frames(system: System, type_map: Sequence[str]) -> list[dpdata.LabeledSystem]:
    """The frames of a system, by composition where its types are mixed."""
    own = system.words(TYPE_NAMES) or list(type_map)
    periodic = not system.has("nopbc")
    found = []
    for arrays in system.sets().values():
        whole = {name: np.asarray(system.array(where)) for name, where in arrays.items()}
        n = len(whole["energy"])
        words = system.words(TYPE_INDEX) or []
        plain = np.tile([int(word) for word in words], (n, 1))
        types = whole.get(MIXED, plain).astype(int)
        for kinds in np.unique(types, axis=0):
            rows = np.flatnonzero((types == kinds).all(axis=1))
            found.append(_labelled(whole, rows, kinds, own, periodic))
    return found


def _labelled(
    whole: Mapping[str, NDArray[Any]],
    rows: NDArray[np.int_],
    kinds: NDArray[np.int_],
    own: Sequence[str],
    periodic: bool,
) -> dpdata.LabeledSystem:
    real, n = kinds >= 0, len(rows)
    used = sorted({int(kind) for kind in kinds[real]})
    place = {kind: index for index, kind in enumerate(used)}
    data = {
        "atom_names": [own[kind] for kind in used],
        "atom_numbs": [int((kinds == kind).sum()) for kind in used],
        "atom_types": np.array([place[int(kind)] for kind in kinds[real]]),
        "orig": np.zeros(3),
        "cells": whole["box"][rows].reshape(n, 3, 3).astype(float)
        if "box" in whole
        else np.tile(100 * np.eye(3), (n, 1, 1)),
        "coords": whole["coord"][rows].reshape(n, -1, 3)[:, real].astype(float),
        "energies": whole["energy"][rows].reshape(n).astype(float),
        "forces": whole["force"][rows].reshape(n, -1, 3)[:, real].astype(float),
    }
    if "virial" in whole:
        data["virials"] = whole["virial"][rows].reshape(n, 3, 3).astype(float)
    if not periodic:
        data["nopbc"] = True
    return dpdata.LabeledSystem(data=data)


def _described(one: dpdata.LabeledSystem, source: str, masses: Mapping[str, float]) -> SystemOfData:
    names = [one["atom_names"][kind] for kind in one["atom_types"]]
    counts = Counter(names)
    mass = sum(masses[name] for name in names)
    per_atom = one["energies"] / len(names)
    density = None
    if not one.nopbc:
        values = mass / np.abs(np.linalg.det(one["cells"])) * AMU_A3_IN_G_CM3
        density = (float(values.min()), float(values.max()))
    return SystemOfData(
        composition=" ".join(f"{name}{counts[name]}" for name in sorted(counts)),
        source=source,
        frames=len(one),
        periodic=not one.nopbc,
        virials="virials" in one.data,
        energy_eV_atom=(float(per_atom.min()), float(per_atom.max())),
        density_g_cm3=density,
        largest_force_eV_A=float(np.linalg.norm(one["forces"], axis=-1).max()),
    )


def _write_data(
    folder: Path, systems: Sequence[dpdata.LabeledSystem], type_map: Sequence[str]
) -> tuple[str, ...]:
    """One set that dpdata reads: a folder for each composition, with virials and without apart."""
    parts: dict[str, list[dpdata.LabeledSystem]] = {}
    for one in systems:
        kind = "no_cell" if one.nopbc else ("virial" if "virials" in one.data else "no_virial")
        parts.setdefault(kind, []).append(one)
    places = []
    for kind, own in sorted(parts.items()):
        place = folder / kind if len(parts) > 1 else folder
        found = dpdata.MultiSystems(*own, type_map=list(type_map))
        found.to("deepmd/npy", str(place), prec=np.float64)
        places.append(str(place.relative_to(folder.parent)))
    return tuple(places)


def _write_example(
    folder: Path, systems: Sequence[dpdata.LabeledSystem], type_map: Sequence[str]
) -> None:
    """A structure to try the models on: a frame with a cell, if the data have one."""
    one = next((system for system in systems if not system.nopbc), systems[0])
    whole = dpdata.MultiSystems(one[:1], type_map=list(type_map))
    (frame,) = whole.systems.values()
    frame.to("lammps/lmp", str(folder / "structure.data"), frame_idx=0)
    frame.to("vasp/poscar", str(folder / "structure.vasp"), frame_idx=0)


def _card(
    paths: RunPaths, state: RunState, iteration: int, folder: Path, data: Sequence[SystemOfData]
) -> Card:
    rows = [row for row in summaries(paths) if row.iteration <= iteration]
    walkers = [walker for row in rows if row.iteration < iteration for walker in row.walkers]
    last = next((row for row in rows if row.iteration == iteration), Summary(iteration))
    kept = inputs.read(paths, iteration).get("train", inputs.StageInput())
    training = kept.keys.get(inputs.TRAINING_KEY, {})
    found = _validation(paths)
    own = ("descriptor", "fitting_net")
    return Card(
        run=paths.root.name,
        iteration=iteration,
        finished=state.finished,
        made=time.strftime("%Y-%m-%d %H:%M"),
        elements=state.type_map,
        masses=(),  # as the folders: of what is exported
        models={model.name: _digest(model) for model in sorted(folder.glob("graph.*"))},
        network={key: training.get("model", {}).get(key, {}) for key in own}
        | {"training": training.get("training", {})},
        reference=tuple(one for one in state.references if one[0] < max(iteration, 1)),
        data=tuple(data),
        data_folders=(),
        versions={**state.versions, "wtemlp that exported": __version__},
        seed=state.seed,
        retrained=tuple(sorted({one for at, one in state.retrained if at == iteration})),
        temperatures_K=_sorted(one.temperature_K for one in walkers),
        pressures_bar=_sorted(one.pressure_bar for one in walkers),
        biasfactors=_sorted(one.biasfactor for one in walkers),
        validation=_errors(last),
        by_energy=_by_energy(paths, iteration, state.numb_models),
        new_labels=_new_labels([row for row in rows if row.iteration < iteration]),
        verdict=found.verdict if found is not None and found.iteration == iteration else "",
    )


def _masses(paths: RunPaths, iteration: int, elements: Sequence[str]) -> dict[str, float]:
    """Masses of the run's types, g/mol, in their order."""
    from ase.data import atomic_masses, atomic_numbers

    kept = inputs.read(paths, iteration).get("train", inputs.StageInput()).keys.get("mass_map")
    if isinstance(kept, list) and len(kept) == len(elements):
        return {name: float(mass) for name, mass in zip(elements, kept, strict=True)}
    return {name: float(atomic_masses[atomic_numbers[name]]) for name in elements}


def _digest(model: Path) -> str:
    return hashlib.sha256(model.read_bytes()).hexdigest() if model.is_file() else ""


def _sorted(values: Iterable[float | None]) -> tuple[float, ...]:
    return tuple(sorted({float(value) for value in values if value is not None}))


def _errors(row: Summary) -> dict[str, tuple[float, float | None]]:
    """Errors on the validation data: mean over models, and their standard deviation."""
    return {
        key: (float(np.mean(models)), float(np.std(models, ddof=1)) if models[1:] else None)
        for key, models in (
            ("energy_rmse_meV_atom", row.energy_rmse_models),
            ("energy_rmse_shifted_meV_atom", row.energy_shifted_models),
            ("force_rmse_meV_A", row.force_rmse_models),
        )
        if models
    }


def _by_energy(paths: RunPaths, iteration: int, models: int) -> tuple[dict[str, float], ...]:
    """Errors of the energies of the validation data, in bins of the reference energy."""
    tested = [held_out.read_energies(paths.model(iteration, model)) for model in range(models)]
    if not tested or any(one is None or not len(one.reference) for one in tested):
        return ()
    known = [one for one in tested if one is not None]
    reference = known[0].reference
    edges = energy_bins(reference, BINS)
    place = np.clip(np.searchsorted(edges, reference, side="right") - 1, 0, len(edges) - 2)
    found = []
    for bin_ in range(len(edges) - 1):
        inside = place == bin_
        if not inside.any():
            continue
        errors = [
            1e3 * float(np.sqrt(np.mean(np.square(one.without_offset[inside])))) for one in known
        ]
        found.append(
            {
                "low_eV_atom": float(edges[bin_]),
                "high_eV_atom": float(edges[bin_ + 1]),
                "frames": float(inside.sum()),
                "rmse_meV_atom": float(np.mean(errors)),
                "std_meV_atom": float(np.std(errors, ddof=1)) if errors[1:] else 0.0,
            }
        )
    return tuple(found)


def _new_labels(
    rows: Sequence[Summary],
) -> tuple[tuple[str, int, float | None, float | None], ...]:
    found = []
    for row in rows:
        if row.new_labels is None:
            continue
        parts = {"all": row.new_labels} | {
            f"bias factor {value}": part
            for value, part in row.new_labels.parts.get("biasfactor", {}).items()
        }
        found += [
            (
                f"iteration {row.iteration}, {of}",
                part.frames,
                part.energy_rmse_meV_atom,
                part.force_rmse_meV_A,
            )
            for of, part in parts.items()
        ]
    return tuple(found)


def _validation(paths: RunPaths) -> Validation | None:
    try:
        return validation_record.load(
            paths.root / validation_record.FOLDER / validation_record.FILE
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
