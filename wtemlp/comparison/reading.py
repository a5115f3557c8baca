"""One run's folder as a typed record.

A run may be going on, or may have been killed: what is missing or cut short is left out, and
what could not be read is told in :attr:`Run.notes`.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from wtemlp.analysis.epochs import steps_per_epoch
from wtemlp.analysis.frames import Decision, FrameTable
from wtemlp.comparison import records
from wtemlp.comparison.validated import read_validation
from wtemlp.core import paths
from wtemlp.core.atomic_io import load_array
from wtemlp.core.formatting import finite
from wtemlp.core.paths import RunPaths
from wtemlp.records.state import RunState
from wtemlp.records.summary import Summary, read_summary
from wtemlp.records.walkers import WalkerSummary
from wtemlp.report import data as folders
from wtemlp.report.sampling import sampling_of

VALIDATION_DATA = "data.valid"  #: links to the validation systems, in a training's folder
NO_ENERGIES = (
    "an earlier version tested some of its models, and kept no energies of frames: their offset "
    "cannot be removed, so these energies are not compared"
)
MAX_ROWS = 400  #: of a learning curve that are kept, evenly spaced


def read_run(folder: Path, name: str, arm: records.ComparedArm, state: RunState) -> records.Run:
    """Read a run's folder.

    Parameters
    ----------
    folder : Path
        Absolute.
    name : str
        What the run is to be called.
    arm : ComparedArm
        What it has in common with runs of other seeds.
    state : RunState
        Its state, from the same folder.

    Returns
    -------
    Run
    """
    run, found = RunPaths(folder), folders.read_run(folder, (), state.type_map)
    indices = [it.index for it in found.iterations]
    labelled = {it.index: it.summary.labelled for it in found.iterations if it.summary}
    first = next((it.summary.n_train_frames for it in found.iterations[:1] if it.summary), None)
    trainings = [
        _training(run, iteration, _labels(iteration, labelled, first))
        for iteration in found.iterations
    ]
    validated, notes = read_validation(folder)
    if any(one.tested and not one.energy_models for one in trainings):
        notes.append(NO_ENERGIES)
    return records.Run(
        name=name,
        folder=folder,
        arm=arm,
        seed=state.seed,
        status=_status(state),
        finished=bool(state.finished),
        system=_composition(run, indices, state.type_map),
        tested_on=_fingerprint(run, indices),
        trainings=tuple(trainings),
        explorations=tuple(
            exploration
            for iteration in found.iterations
            if (exploration := _exploration(iteration)) is not None
        ),
        costs=tuple(_cost(it.summary) for it in found.iterations if it.summary is not None),
        validated=validated,
        notes=(*(note for note in found.notes if note.startswith("iter.")), *notes),
    )


def summaries_of(folder: Path) -> list[Summary]:
    """The summaries that a run's folder has, by iteration."""
    files = sorted(folder.glob(f"iter.[0-9]*/{paths.SUMMARY}"))
    return [one for file in files if (one := read_summary(file)) is not None]


def _status(state: RunState) -> str:
    if state.finished:
        return "finished"
    return f"in iteration {state.iteration} of {state.n_iterations}, {state.step.stage}"


def _labels(
    iteration: folders.IterationData, labelled: dict[int, int | None], first: int | None
) -> int | None:
    """Frames that a run had labelled when it began an iteration."""
    frames = iteration.summary.n_train_frames if iteration.summary else None
    if frames is not None and first is not None:
        return frames - first
    earlier = [labelled.get(index) for index in range(iteration.index)]
    counted = [one for one in earlier if one is not None]
    return sum(counted) if len(counted) == len(earlier) else None


def _training(
    run: RunPaths, iteration: folders.IterationData, labels: int | None
) -> records.Training:
    done = iteration.summary or Summary(iteration.index)
    epoch = _epoch(run.model(iteration.index, 0))
    return records.Training(
        iteration=iteration.index,
        labels=labels,
        frames=done.n_train_frames,
        energy_models=_finite(done.energy_shifted_models),
        force_models=_finite(done.force_rmse_models),
        correlation_models=tuple(1e3 * r for r in _finite(done.energy_one_minus_r_models)),
        offset_models=_finite(done.energy_offset_models),
        curves=tuple(
            curve for one in iteration.curves if (curve := _curve(one, epoch)) is not None
        ),
    )


def _curve(curve: folders.LearningCurve, epoch: float) -> records.ComparedCurve | None:
    """A learning curve on validation batches; None where it has none."""
    columns = curve.columns
    if not {"rmse_e_val", "rmse_f_val"} <= columns.keys():
        return None
    known = np.isfinite(columns["rmse_e_val"]) & np.isfinite(columns["rmse_f_val"])
    kept = np.flatnonzero((columns["step"] > 0) & known)
    if len(kept) > MAX_ROWS:
        kept = kept[np.linspace(0, len(kept) - 1, MAX_ROWS).astype(int)]
    if not len(kept):
        return None
    steps = columns["step"][kept]
    return records.ComparedCurve(
        model=curve.model,
        epochs=tuple(map(float, steps / epoch)),
        steps=tuple(map(float, steps)),
        energy_meV_atom=tuple(map(float, 1000 * columns["rmse_e_val"][kept])),
        force_meV_A=tuple(map(float, 1000 * columns["rmse_f_val"][kept])),
    )


def _epoch(model: Path) -> float:
    """Steps of an epoch, from a training's input and its data; NaN where they have gone."""
    try:
        data = json.loads((model / paths.TRAIN_INPUT).read_text())["training"]["training_data"]
        systems = [model / system for system in data["systems"]]
        sets = [_frames_of_sets(system) for system in systems]
        atoms = [len(_types(system)) for system in systems]
        return steps_per_epoch(
            sets,
            atoms,
            data["batch_size"],
            sys_probs=data.get("sys_probs"),
            auto_prob=data.get("auto_prob", "prob_sys_size"),
        )
    except (OSError, ValueError, KeyError, TypeError, StopIteration, ZeroDivisionError):
        return math.nan


def _frames_of_sets(system: Path) -> list[int]:
    files = list(system.glob("**/set.*/energy.npy"))
    if not files:
        raise FileNotFoundError(system)
    return [len(load_array(file)) for file in files]


def _types(system: Path) -> list[str]:
    return next(iter(sorted(system.rglob("type.raw")))).read_text().split()


def _exploration(iteration: folders.IterationData) -> records.Exploration | None:
    done = iteration.summary
    if done is None or done.explored is None:
        return None
    series = {walker.name: walker for walker in iteration.walkers}
    own = iteration.frames.by_task() if iteration.frames is not None else {}
    frames = {
        name: table
        for name, one in series.items()
        if (table := own.get((one.system, one.task))) is not None
    }
    return records.Exploration(
        iteration=iteration.index,
        explored=done.explored,
        candidate=done.candidate,
        failed=done.failed,
        labelled=done.labelled,
        walkers=tuple(
            _walker(row, series.get(row.name), frames.get(row.name)) for row in done.walkers
        ),
        lowered=tuple(note.text for note in done.lowered),
    )


def _walker(
    row: WalkerSummary, series: folders.WalkerEnergies | None, own: FrameTable | None
) -> records.ComparedWalker:
    one, factor = sampling_of(row), row.biasfactor
    counts: dict[str, int] = {}
    if own is not None:
        counts = {
            "explored": len(own),
            "candidate": own.count(Decision.CANDIDATE, Decision.SELECTED),
            "failed": own.count(Decision.FAILED),
        }
    return records.ComparedWalker(
        row=row,
        sampling=one.name([] if factor is None else [factor]) if one else "",
        stopped=bool(row.stopped) and not row.left_grid,
        **counts,
    )


def _cost(summary: Summary) -> records.Cost:
    return records.Cost(
        iteration=summary.iteration,
        **{
            name: {
                stage: value
                for stage, given in getattr(summary, name).items()
                if (value := finite(given)) is not None
            }
            for name in ("seconds", "core_hours", "gpu_hours")
        },
    )


def _validation_systems(run: RunPaths, indices: Iterable[int]) -> list[Path]:
    """The systems of the validation data, of the first training that still has them."""
    for index in indices:
        links = sorted((run.train(index) / VALIDATION_DATA).glob("*"))
        systems = [file.parent for link in links for file in sorted(link.rglob("type.raw"))]
        if systems:
            return systems
    return []


def _fingerprint(run: RunPaths, indices: Iterable[int]) -> str:
    """The same for runs that were tested on the same data, wherever and in what order those are."""
    found = []
    try:
        for system in _validation_systems(run, indices):
            digest = hashlib.sha256()
            for file in [system / "type.raw", *sorted(system.glob("set.*/energy.npy"))]:
                digest.update(file.read_bytes())
            found.append(digest.hexdigest())
    except OSError:
        return ""
    return hashlib.sha256("".join(sorted(found)).encode()).hexdigest()[:16] if found else ""


def _composition(run: RunPaths, indices: Sequence[int], type_map: Sequence[str]) -> str:
    """What is simulated, as "O16 H32", of the validation data or the first training's."""
    systems = _validation_systems(run, indices)
    systems += [file.parent for i in indices[:1] for file in _training_types(run, i)]
    kinds = []
    for system in systems:
        try:
            types = Counter(int(word) for word in (system / "type.raw").read_text().split())
            own = system / "type_map.raw"
            names = own.read_text().split() if own.is_file() else list(type_map)
            parts = [f"{names[kind]}{n}" for kind, n in types.items()]
            kinds.append(" ".join(sorted(parts)))
        except (OSError, ValueError, IndexError):
            continue
    return ", ".join(dict.fromkeys(kinds))


def _training_types(run: RunPaths, index: int) -> list[Path]:
    links = sorted((run.train(index) / "data.init").glob("*"))
    return [file for link in links for file in sorted(link.rglob("type.raw"))]


def _finite(values: Sequence[object]) -> tuple[float, ...]:
    return tuple(value for given in values if (value := finite(given)) is not None)
