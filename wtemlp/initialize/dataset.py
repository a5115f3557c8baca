"""What ``wtemlp init`` writes of its labelled frames: data, and structures to start from."""

import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from wtemlp.config.keys.init import DataLayout, InitParams
from wtemlp.core.errors import CalculationError
from wtemlp.md import reference_runs as runs
from wtemlp.md.reference_script import LOG
from wtemlp.md.topology import make_whole, water_topology
from wtemlp.records.init_result import CONF, DATA, LABEL, DataSet, Ensemble, ensemble_name
from wtemlp.reference.dataset import (
    Dataset,
    across_energies,
    split,
    write_data,
    write_structures,
)

GAP_TIMES = 3  #: times that energies are correlated, between training and validation frames
LARGEST_GAP = 0.2  #: of an ensemble's run, whatever that is


def gap_steps(params: InitParams, ensemble: Ensemble) -> int:
    """Steps between the training and the validation frames of an ensemble.

    :data:`GAP_TIMES` statistical inefficiencies of its energies (each twice the correlation
    time); no more than :data:`LARGEST_GAP` of a run that is too short for that.
    """
    most = int(LARGEST_GAP * runs.counted(params, ensemble.biasfactor))
    return min(_gap_wanted(params, ensemble), most)


def _gap_wanted(params: InitParams, ensemble: Ensemble) -> int:
    energies = ensemble.statistical_inefficiency
    return math.ceil(GAP_TIMES * energies * runs.energy_stride(params, ensemble.biasfactor))


def gap_remarks(params: InitParams, ensembles: Iterable[Ensemble]) -> list[str]:
    """A line for each ensemble whose validation frames are too near to its training frames."""
    if not params.validation_fraction:
        return []
    short = [(one, gap_steps(params, one), _gap_wanted(params, one)) for one in ensembles]
    ps = params.timestep_fs / 1000
    key = {True: "nvt_steps", False: "wte_steps"}
    return [
        f"validation frames of {ensemble_name(one.biasfactor)} are {gap * ps:.3g} ps from its "
        f"training frames, and {wanted * ps:.3g} ps is {GAP_TIMES} times that its energies are "
        f"correlated: their errors look small; more {key[one.biasfactor == 1]} part them"
        for one, gap, wanted in short
        if gap < wanted
    ]


def write_start(
    output: Path,
    params: InitParams,
    dataset: Dataset,
    gaps: Mapping[float, int],
    seed: Callable[..., int],
) -> tuple[DataSet, ...]:
    """Data and starting structures; what a killed run left of them is made anew.

    Parameters
    ----------
    output : Path
        The folder of ``wtemlp init``.
    params : InitParams
    dataset : Dataset
        The labelled frames of all ensembles; a set at a time is in memory.
    gaps : Mapping of float to int
        Steps between training and validation frames, by bias factor.
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
        _write(output, params, biasfactor, dataset, places, gaps, seed(*split_purpose(biasfactor)))
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
    gaps: Mapping[float, int],
    seed: int,
) -> DataSet:
    """One set of data and its structures, of the frames at some places."""
    below = "" if biasfactor is None else ensemble_name(biasfactor)
    origins = [dataset.origins[place] for place in places]
    train, validation = split(origins, params.validation_fraction, gaps, seed)
    write_data(output / DATA / below, dataset, places[train], places[validation])
    starts = across_energies(dataset.labels.energies[places], params.starting_structures)
    frames = dataset.pick(places[starts]).frames
    topology = water_topology(frames.types, frames.coords[0], frames.cells[0], params.type_map)
    whole = replace(frames, coords=make_whole(frames.coords, frames.cells, topology))
    write_structures(output / CONF / below, whole, params.type_map)
    return DataSet(below, biasfactor, len(train), len(validation))
