"""Errors of an arm's models, and what they are known to."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from wtemlp.analysis.epochs import value_at
from wtemlp.analysis.intervals import mean_interval
from wtemlp.comparison.records import ComparedBin, ComparedCurve, Run
from wtemlp.comparison.result import MODELS, SEEDS, EpochError, Error

EPOCHS = (5.0, 25.0)  #: training lengths that are held against each other


def error_of(values: Sequence[tuple[int, Sequence[float]]]) -> Error | None:
    """An error with its interval, over seeds where there are several, else over models.

    Parameters
    ----------
    values : sequence of (int, sequence of float)
        Of each run its seed and the values of its models.

    Returns
    -------
    Error or None
        Runs of one seed are no independent values: they count as one, their mean.
    """
    seeds: dict[int, list[float]] = defaultdict(list)
    models: list[float] = []
    for seed, given in values:
        kept = [value for value in given if np.isfinite(value)]
        if kept:
            seeds[seed].append(float(np.mean(kept)))
            models = models or kept
    over_seeds = len(seeds) > 1
    samples = [float(np.mean(each)) for each in seeds.values()] if over_seeds else models
    interval = mean_interval(samples)
    if interval is None:
        return None
    return Error(interval, SEEDS if over_seeds else MODELS, tuple(samples))


def errors_at(runs: Sequence[Run], iterations: Mapping[str, int], name: str) -> Error | None:
    """An arm's RMSE on the validation data at the budget: ``"force"`` or ``"energy"``."""
    values = []
    for run in runs:
        training = run.training(iterations[run.name]) if run.name in iterations else None
        if training is not None:
            values.append((run.seed, getattr(training, f"{name}_models")))
    return error_of(values)


def epoch_errors(runs: Sequence[Run], iterations: Mapping[str, int]) -> tuple[EpochError, ...]:
    """Errors at the epochs of :data:`EPOCHS` that the trainings at the budget reach."""
    found = []
    for epochs in EPOCHS:
        force = _at(runs, iterations, epochs, lambda curve: curve.force_meV_A)
        energy = _at(runs, iterations, epochs, lambda curve: curve.energy_meV_atom)
        if force is not None or energy is not None:
            found.append(EpochError(epochs, force, energy))
    return tuple(found)


def _at(
    runs: Sequence[Run],
    iterations: Mapping[str, int],
    epochs: float,
    column: Callable[[ComparedCurve], tuple[float, ...]],
) -> Error | None:
    values = []
    for run in runs:
        training = run.training(iterations[run.name]) if run.name in iterations else None
        curves = training.curves if training is not None else ()
        values.append((run.seed, [value_at(one.epochs, column(one), epochs) for one in curves]))
    return error_of(values)


Bins = dict[tuple[str, float, float], ComparedBin]


def bins_of(run: Run) -> Bins:
    """A run's energy bins, by data set and edges."""
    found = run.validated.bins if run.validated is not None else ()
    return {(b.data, round(b.low_eV_atom, 6), round(b.high_eV_atom, 6)): b for b in found}


def high_bins(runs: Sequence[Run]) -> list[tuple[str, float, float]]:
    """The upper half of the energy bins that all validations share, of each data set."""
    validated = [bins_of(run) for run in runs if run.validated is not None]
    shared = sorted(set.intersection(*map(set, validated))) if validated else []
    result = []
    for data in dict.fromkeys(key[0] for key in shared):
        own = [key for key in shared if key[0] == data]
        result += own[-(len(own) // 2) :] if len(own) > 1 else []
    return result


def high_energy_error(
    runs: Sequence[Run], wanted: Sequence[tuple[str, float, float]]
) -> Error | None:
    """An arm's force RMSE over some energy bins together, weighted by their frames."""
    values = []
    for run in runs:
        own = bins_of(run)
        chosen = [own[key] for key in wanted if key in own]
        if chosen:
            frames = [one.n_frames for one in chosen]
            models = zip(*(one.force_models for one in chosen), strict=False)
            squares = [np.average(np.square(model), weights=frames) for model in models]
            values.append((run.seed, [float(np.sqrt(square)) for square in squares]))
    return error_of(values)
