"""What ``wtemlp init`` writes of its labelled frames: data, and structures to start from."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from wtemlp.config.keys.init import DataLayout, InitParams
from wtemlp.core.errors import CalculationError
from wtemlp.md.reference_script import LOG
from wtemlp.md.topology import make_whole, water_topology
from wtemlp.records.init_result import CONF, DATA, LABEL, DataSet, ensemble_name
from wtemlp.reference.dataset import (
    Dataset,
    across_energies,
    split,
    write_data,
    write_structures,
)


def write_start(
    output: Path, params: InitParams, dataset: Dataset, seed: Callable[..., int]
) -> tuple[DataSet, ...]:
    """Data and starting structures; what a killed run left of them is made anew.

    Parameters
    ----------
    output : Path
        The folder of ``wtemlp init``.
    params : InitParams
    dataset : Dataset
        The labelled frames of all ensembles; a set at a time is in memory.
    seed : callable
        The seed of a purpose, as ``seed("split")``.

    Returns
    -------
    tuple of DataSet
        One; or, by ensemble, one for each.

    Raises
    ------
    CalculationError
        If too few labels can be used.
    """
    parts = list(_parts(params, dataset))
    for biasfactor, places in parts:
        if len(places) < params.starting_structures or len(places) == 0:
            of = "" if biasfactor is None else f" of {ensemble_name(biasfactor)}"
            raise CalculationError(
                f"{output / LABEL}: only {len(places)} labels{of} can be used;"
                f" see {LOG} in its folders"
            )
    for name in (DATA, CONF):
        if (output / name).exists():
            shutil.rmtree(output / name)
    return tuple(
        _write(output, params, biasfactor, dataset, places, seed(*split_purpose(biasfactor)))
        for biasfactor, places in parts
    )


def split_purpose(biasfactor: float | None) -> tuple[str, ...]:
    """What the seed of a shuffle is for; None: of all frames together."""
    return ("split",) if biasfactor is None else ("split", f"{biasfactor:g}")


def _parts(params: InitParams, dataset: Dataset) -> Iterator[tuple[float | None, np.ndarray]]:
    """The places of the frames of each set of data, with its bias factor."""
    if params.data != DataLayout.BY_ENSEMBLE:
        yield None, np.arange(len(dataset))
        return
    factors = np.array([origin.biasfactor for origin in dataset.origins])
    for biasfactor in params.ensembles:
        yield biasfactor, np.flatnonzero(factors == biasfactor)


def _write(
    output: Path,
    params: InitParams,
    biasfactor: float | None,
    dataset: Dataset,
    places: np.ndarray,
    seed: int,
) -> DataSet:
    """One set of data and its structures, of the frames at some places."""
    below = "" if biasfactor is None else ensemble_name(biasfactor)
    train, validation = split(len(places), params.validation_fraction, seed)
    write_data(output / DATA / below, dataset, places[train], places[validation])
    starts = across_energies(dataset.labels.energies[places], params.starting_structures)
    frames = dataset.pick(places[starts]).frames
    topology = water_topology(frames.types, frames.coords[0], frames.cells[0], params.type_map)
    whole = replace(frames, coords=make_whole(frames.coords, frames.cells, topology))
    write_structures(output / CONF / below, whole, params.type_map)
    return DataSet(below, biasfactor, len(train), len(validation))
