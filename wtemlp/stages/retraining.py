"""One model trained again with another seed, beside its siblings that stay."""

import shutil
from pathlib import Path
from typing import Any

from wtemlp.core import paths as names
from wtemlp.core.atomic_io import read_json, write_json
from wtemlp.core.paths import RunPaths
from wtemlp.core.seeds import derive_seed
from wtemlp.dispatch.task_status import forget_finished
from wtemlp.records import state as states


def train_again(paths: RunPaths, iteration: int, model: int, seed: int, times: int) -> None:
    """Have a finished training run again, from its beginning, with another seed.

    Parameters
    ----------
    paths : RunPaths
    iteration, model : int
    seed : int
        The run's.
    times : int
        How often this training is done again: once, twice ...
    """
    _set_seeds(paths, iteration, model, seed, times)
    forget_finished(paths.model(iteration, model))


def reseed(paths: RunPaths, iteration: int, seed: int) -> None:
    """Give the models that were trained again their seeds in inputs that have been made anew."""
    state = states.load(paths)
    done = [] if state is None else [one for at, one in state.retrained if at == iteration]
    for model in set(done):
        _set_seeds(paths, iteration, model, seed, done.count(model))


def _set_seeds(paths: RunPaths, iteration: int, model: int, seed: int, times: int) -> None:
    file = paths.model(iteration, model) / names.TRAIN_INPUT
    content = read_json(file, "put it back")
    write_json(file, _reseeded(content, (seed, "train again", iteration, model, times)))


def _reseeded(value: Any, purpose: tuple[Any, ...]) -> Any:
    """A part of a training input in which each seed is another one."""
    if isinstance(value, dict):
        return {
            key: derive_seed(*purpose)
            if key == "seed" and isinstance(one, int)
            else _reseeded(one, (*purpose, key))
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [_reseeded(one, (*purpose, index)) for index, one in enumerate(value)]
    return value


def keep(folder: Path, goal: Path) -> None:
    """Keep what a training has left: a copy, whole or not there."""
    part = goal.with_name(f"{goal.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(folder, part, symlinks=True)
    part.rename(goal)
