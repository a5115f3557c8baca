"""What ``wtemlp init`` writes of its labelled frames: data, and structures to start from."""

import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wtemlp.config.init_params import reference_params
from wtemlp.config.keys.init import DataLayout, InitParams, WaterParams
from wtemlp.config.keys.labels import OwnForceField
from wtemlp.core.errors import CalculationError
from wtemlp.initialize.structure import molecules_of
from wtemlp.md.reference_runs import ReferenceRun
from wtemlp.md.reference_script import LOG
from wtemlp.md.topology import whole_cluster
from wtemlp.records.init_result import CONF, DATA, LABEL, DataSet, ensemble_name
from wtemlp.reference.base import Frames
from wtemlp.reference.dataset import (
    Dataset,
    across_energies,
    split,
    write_data,
    write_structures,
)
from wtemlp.structures.elements import STANDARD_MASSES
from wtemlp.structures.record import Structure

GAP_TIMES = 3  #: times that energies are correlated, between training and validation frames
LARGEST_GAP = 0.2  #: of an ensemble's run, whatever that is


def gap_steps(run: ReferenceRun, inefficiency: float) -> int:
    """Steps between the training and the validation frames of a run.

    :data:`GAP_TIMES` statistical inefficiencies of its energies (each twice the correlation
    time); no more than :data:`LARGEST_GAP` of a run that is too short for that.
    """
    return min(_gap_wanted(run, inefficiency), int(LARGEST_GAP * run.counted))


def _gap_wanted(run: ReferenceRun, inefficiency: float) -> int:
    return math.ceil(GAP_TIMES * inefficiency * run.energy_stride)


def gap_remark(run: ReferenceRun, inefficiency: float, name: str, key: str) -> str:
    """A line where a run's validation frames are too near to its training frames; else "".

    Parameters
    ----------
    run : ReferenceRun
    inefficiency : float
        Of its recorded energies.
    name, key : str
        For people: the run, and the key of its length.
    """
    gap, wanted = gap_steps(run, inefficiency), _gap_wanted(run, inefficiency)
    if gap >= wanted:
        return ""
    ps = run.timestep_fs / 1000
    return (
        f"validation frames of {name} are {gap * ps:.3g} ps from its training frames, and"
        f" {wanted * ps:.3g} ps is {GAP_TIMES} times that its energies are correlated: their"
        f" errors look small; more {key} part them"
    )


@dataclass(frozen=True)
class DataPart:
    """Labelled frames that are written together.

    Parameters
    ----------
    folder : str
        Below the folders of data and structures; "": these themselves.
    dataset : Dataset
        A set at a time is in memory.
    places : (n,) int
        Its frames that are of this part.
    gaps : Mapping
        Steps between training and validation frames, by run.
    start : Structure, optional
        What the system starts from; None: no structures are written.
    periodic : bool
        Whether it is.
    seed : int
        Of the shuffle.
    biasfactor : float, optional
        Of its ensemble, where each has its own data.
    """

    folder: str
    dataset: Dataset
    places: np.ndarray
    gaps: Mapping[str | float, int]
    start: Structure | None
    periodic: bool
    seed: int
    biasfactor: float | None = None


def split_purpose(biasfactor: float | None) -> tuple[str, ...]:
    """What the seed of a shuffle is for, of a box of water; None: of all frames together."""
    return ("split",) if biasfactor is None else ("split", f"{biasfactor:g}")


def parts_of_water(
    water: WaterParams, whole: DataPart, seed: Callable[..., int]
) -> Iterator[DataPart]:
    """The data of a box of water: together, or each ensemble's apart."""
    if water.data != DataLayout.BY_ENSEMBLE:
        yield replace(whole, seed=seed(*split_purpose(None)))
        return
    factors = np.array([origin.biasfactor for origin in whole.dataset.origins])
    for factor in water.ensembles:
        yield replace(
            whole,
            folder=ensemble_name(factor),
            places=np.flatnonzero(factors == factor),
            seed=seed(*split_purpose(factor)),
            biasfactor=factor,
        )


def write_start(output: Path, params: InitParams, parts: Sequence[DataPart]) -> tuple[DataSet, ...]:
    """Data and starting structures; what a killed run left of them is made anew.

    Parameters
    ----------
    output : Path
        The folder of ``wtemlp init``.
    params : InitParams
    parts : sequence of DataPart

    Returns
    -------
    tuple of DataSet
        One for each part.

    Raises
    ------
    CalculationError
        If too few labels can be used.
    """
    for part in parts:
        needed = params.starting_structures if params.water is not None else 1
        if len(part.places) < needed or not len(part.places):
            of = f" of {part.folder}" if part.folder else ""
            raise CalculationError(
                f"{output / LABEL}: only {len(part.places)} labels{of} can be used;"
                f" see {LOG} in its folders"
            )
    for name in (DATA, CONF):
        if (output / name).exists():
            shutil.rmtree(output / name)
    return tuple(_write(output, params, part) for part in parts)


def _write(output: Path, params: InitParams, part: DataPart) -> DataSet:
    """One set of data and its structures."""
    origins = [part.dataset.origins[place] for place in part.places]
    train, validation = split(origins, params.validation_fraction, part.gaps, part.seed)
    folder = output / DATA / part.folder
    write_data(folder, part.dataset, part.places[train], part.places[validation])
    if part.start is not None:
        _write_structures(output / CONF / part.folder, params, part)
    counts = len(train), len(validation)
    return DataSet(part.folder, part.biasfactor, *counts, part.start is not None)


def _write_structures(folder: Path, params: InitParams, part: DataPart) -> None:
    """Frames across the energies, molecules whole; of MD's, where there are enough."""
    assert part.start is not None
    own = [k for k, place in enumerate(part.places) if not part.dataset.origins[place].by_itself]
    count = params.starting_structures
    places = part.places[own] if len(own) >= count else part.places
    starts = across_energies(part.dataset.labels.energies[places], min(count, len(places)))
    frames = part.dataset.pick(places[starts]).frames
    write_structures(folder, _whole(frames, part), params.type_map, _has_topology(params))


def _has_topology(params: InitParams) -> bool:
    """Whether a reference knows the atoms by their order."""
    reference = reference_params(params)
    return any(
        isinstance(one, OwnForceField) and bool(one.topology)
        for one in (reference.reference, reference.sampler)
    )


def _whole(frames: Frames, part: DataPart) -> Frames:
    """The frames with every molecule in one piece."""
    assert part.start is not None
    groups = molecules_of(part.start, part.periodic) if part.periodic else None
    if groups is None or not np.array_equal(frames.types, part.start.types):
        return frames
    coords = np.array(frames.coords)
    masses = np.array([STANDARD_MASSES.get(name, 1.0) for name in part.start.symbols])
    # Wrapped into the cell as its heaviest atom is.
    ordered = [group[np.argsort(-masses[group], kind="stable")] for group in groups]
    for k, cell in enumerate(frames.cells):
        inverse = np.linalg.inv(cell)
        for group in ordered:
            first = coords[k, group[0]]
            coords[k, group[0]] = first - np.floor(first @ inverse) @ cell
            coords[k, group] = whole_cluster(coords[k, group], cell)
    return replace(frames, coords=coords)
