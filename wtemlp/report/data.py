"""What a run's folder says, as typed arrays: the report's only reading of files.

A run may be going on, or may have been killed: whatever is missing or cut short is left out, and
what could not be read is named in :attr:`RunData.notes`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wtemlp.analysis.frames import FrameTable, Phase, load_frames
from wtemlp.core import paths
from wtemlp.core.errors import CalculationError, InputError
from wtemlp.core.formatting import finite
from wtemlp.dispatch.journal import JOURNAL
from wtemlp.md import energy_file
from wtemlp.md.energy_file import Reweighted
from wtemlp.md.text_table import lcurve_names, read_table
from wtemlp.md.walker_energies import OwnVariable, own_variables, read_energies
from wtemlp.md.walker_record import read_record
from wtemlp.records import data_check, validation_record
from wtemlp.records.data_check import Held
from wtemlp.records.ensembles import ENSEMBLES, SampledEnsemble, load_ensembles
from wtemlp.records.inputs import Change, changes
from wtemlp.records.labels import LabelOutcome, read_outcomes
from wtemlp.records.summary import Summary, read_summary
from wtemlp.records.validation_record import Validation
from wtemlp.records.walkers import CountedEnergies, WalkerSummary, with_scatters
from wtemlp.report.failures import Trouble, read_trouble
from wtemlp.report.sampling import Sampling, sampling_of
from wtemlp.report.systems import TrainingData, read_systems


@dataclass(frozen=True)
class LearningCurve:
    """The ``lcurve.out`` of one model."""

    model: int
    columns: dict[str, NDArray[np.float64]]  #: by DeePMD-kit's names; each (n_rows,)


@dataclass(frozen=True)
class WalkerEnergies:
    """The energies of one walker."""

    name: str  #: the task's folder
    system: int
    task: int  #: within its system
    sampling: Sampling
    biasfactor: float
    temperature_K: float | None  #: None: only its template knows
    pressure_bar: float | None  #: None: constant volume, or not known
    stopped: bool
    nvt_eV: NDArray[np.float64]  #: (n_nvt,), unbiased part, after equilibration
    wte_eV: NDArray[np.float64]  #: (n_wte,), biased part, once the bias has been filled
    source: str  #: "COLVAR" or "frames"
    spacing_ps: float | None = None  #: between energies; None: not known
    reweighted: Reweighted | None = None  #: NVT as the biased part has it
    variables: tuple[OwnVariable, ...] = ()  #: of the user's own that are biased


@dataclass(frozen=True)
class IterationData:
    """One ``iter.*`` folder."""

    index: int
    summary: Summary | None  #: ``None``: not finished
    curves: list[LearningCurve] = field(default_factory=list)
    frames: FrameTable | None = None
    walkers: list[WalkerEnergies] = field(default_factory=list)
    trouble: Trouble = field(default_factory=Trouble)
    labels: list[LabelOutcome] = field(default_factory=list)  #: of the chosen frames


@dataclass(frozen=True)
class RunData:
    """A run's folder."""

    iterations: list[IterationData]
    initial: list[TrainingData]
    labelled: list[TrainingData]
    notes: list[str]  #: what could not be read, and why
    validation: Validation | None = None  #: of its models, if there was one
    final: int | None = None  #: the iteration that only trains; None: not known
    changes: list[Change] = field(default_factory=list)  #: of the parameter file, on the way
    ensembles: tuple[SampledEnsemble, ...] = ()  #: that the initial data are from, where known
    held: list[Held] = field(default_factory=list)  #: initial data against the reference

    @property
    def only_trains(self) -> bool:
        """Whether it is to explore nothing, and has not."""
        return self.final == 0 and all(one.explored is None for one in self.summaries)

    @property
    def summaries(self) -> list[Summary]:
        """The summaries that there are, a bare one for an iteration that has none yet."""
        return [it.summary or Summary(iteration=it.index) for it in self.iterations]


@dataclass
class Known:
    """Iterations that have been read, for who reads a run again and again."""

    iterations: dict[int, tuple[object, IterationData, list[str]]] = field(default_factory=dict)
    """What its files were like, what was in them, and the notes about it."""


def read_run(
    root: Path,
    init_data: Sequence[Path] = (),
    type_map: Sequence[str] = (),
    known: Known | None = None,
) -> RunData:
    """Read a run's folder; a run that is going on is not disturbed.

    Parameters
    ----------
    root : Path
        The run's folder.
    init_data : sequence of Path, optional
        Folders of the initial labelled data (deepmd/npy), at any depth.
    type_map : sequence of str, optional
        Element names, for data without a ``type_map.raw``.
    known : Known, optional
        What was read before: iterations that have not changed since are taken from there.

    Returns
    -------
    RunData
    """
    run = paths.RunPaths(root)
    notes: list[str] = []
    indices = sorted(
        int(match.group(1))
        for folder in root.glob("iter.*")
        if folder.is_dir() and (match := re.fullmatch(r"iter\.(\d+)", folder.name))
    )
    iterations = []
    for index in indices:
        # In the last one, files grow that nobody has noted yet.
        before = known if index != indices[-1] else None
        iteration, remarks = _iteration(run, index, before or Known())
        iterations.append(iteration)
        notes += remarks
    label_folders = [
        folder for i in indices for folder in sorted(run.label(i).glob("data.*")) if folder.is_dir()
    ]
    initial = read_systems(init_data, type_map, notes)
    labelled = read_systems(label_folders, type_map, notes)
    return RunData(
        iterations,
        initial,
        labelled,
        notes,
        validation=_read_validation(run, notes),
        changes=changes(run, len(indices)),
        ensembles=_read_ensembles(init_data, notes),
        # Of the runs of a sweep, in its folder: it is done once.
        held=data_check.load(root / data_check.FOLDER)
        or data_check.load(root.parent / data_check.FOLDER),
    )


def _read_ensembles(init_data: Sequence[Path], notes: list[str]) -> tuple[SampledEnsemble, ...]:
    """What ``wtemlp init`` sampled to make the initial data, if it is told by ensemble."""
    places = (parent / ENSEMBLES for folder in init_data for parent in list(folder.parents)[:4])
    file = next((place for place in places if place.is_file()), None)
    try:
        return () if file is None else tuple(load_ensembles(file))
    except InputError as error:
        notes.append(str(error))
        return ()


def _read_validation(run: paths.RunPaths, notes: list[str]) -> Validation | None:
    file = run.root / validation_record.FOLDER / validation_record.FILE
    if not file.is_file():
        return None
    try:
        return validation_record.load(file)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        notes.append(f"{file.relative_to(run.root)}: {type(error).__name__}: {error}")
        return None


def _iteration(run: paths.RunPaths, index: int, known: Known) -> tuple[IterationData, list[str]]:
    """An iteration and the notes about it, read anew if something in it has changed."""
    files = (run.summary(index), run.explored(index), run.label(index) / paths.LABELS)
    stages = (run.train(index), run.explore(index), run.label(index))
    state = [_state(file) for file in (*files, *(stage / JOURNAL for stage in stages))]
    if index in known.iterations and known.iterations[index][0] == state:
        return known.iterations[index][1:]
    notes: list[str] = []
    iteration = _read_iteration(run, index, notes)
    known.iterations[index] = state, iteration, notes
    return iteration, notes


def _state(file: Path) -> tuple[int, int] | None:
    """Size and time of a file; None if it is missing."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _read_iteration(run: paths.RunPaths, index: int, notes: list[str]) -> IterationData:
    summary = read_summary(run.summary(index))
    curves = []
    for folder in sorted(run.train(index).glob("[0-9][0-9][0-9]")):
        if (folder / paths.LCURVE).is_file():
            file = folder / paths.LCURVE
            columns, left_out = read_lcurve(file)
            if left_out:
                notes.append(
                    f"{file.relative_to(run.root)}: {left_out} rows are cut or damaged and left out"
                )
            if columns:
                curves.append(LearningCurve(int(folder.name), columns))
    frames = None
    if run.explored(index).is_file():
        try:
            frames = load_frames(run.explored(index))
        except (OSError, CalculationError) as error:
            notes.append(str(error).replace(f"{run.root}/", ""))
    walkers = _read_walkers(run, index, frames, summary) if frames is not None else []
    if summary is not None and not any(row.nvt or row.wte for row in summary.walkers):
        # A summary of an earlier version does not have them.
        energies = {
            one.name: CountedEnergies(one.nvt_eV, one.wte_eV, one.spacing_ps) for one in walkers
        }
        summary.walkers = with_scatters(summary.walkers, energies)
    outcomes = _read_outcomes(run, index)
    trouble = read_trouble(run, index, outcomes)
    return IterationData(index, summary, curves, frames, walkers, trouble, outcomes)


def _read_outcomes(run: paths.RunPaths, index: int) -> list[LabelOutcome]:
    try:
        return read_outcomes(run.label(index))
    except (OSError, ValueError):
        return []


def read_lcurve(path: Path) -> tuple[dict[str, NDArray[np.float64]], int]:
    """Columns of an ``lcurve.out`` by name.

    A training that went on writes a header of its own, whose columns may be others, and some steps
    again: the last of them counts.

    Returns
    -------
    dict of ndarray, shape (n_rows,)
        Empty when there is no row yet.  The names are DeePMD-kit's: ``step``, ``rmse_e_val``,
        ``rmse_f_trn``, ``lr``, ...; NaN where the header of a row has no such column.
    int
        Rows that are cut or damaged, which are left out.
    """
    table = read_table(path.read_text(errors="replace"), lcurve_names)
    if "step" not in table.columns:
        return {}, table.left_out
    steps = table.columns["step"]
    _, last = np.unique(steps[::-1], return_index=True)
    rows = len(steps) - 1 - last
    rows = rows[np.isfinite(steps[rows])]
    return {name: values[rows] for name, values in table.columns.items()}, table.left_out


def _read_walkers(
    run: paths.RunPaths, index: int, frames: FrameTable, summary: Summary | None
) -> list[WalkerEnergies]:
    """The energies of each task of an iteration: its COLVAR files, or its stored frames."""
    known = {row.name: row for row in summary.walkers} if summary else {}
    walkers = []
    for (system, task), rows in frames.by_task().items():
        folder = run.explore_task(index, system, task)
        energies, source, variables = _task_energies(folder, rows)
        row = known.get(folder.name, WalkerSummary())
        factor = float(rows.biasfactor[0])
        walkers.append(
            WalkerEnergies(
                name=folder.name,
                system=system,
                task=task,
                sampling=sampling_of(row) or Sampling(finite(factor)),
                biasfactor=factor,
                temperature_K=finite(float(rows.temperature_K[0])),
                pressure_bar=row.pressure_bar,
                stopped=bool(row.stopped) or (folder / paths.STOPPED).is_file(),
                nvt_eV=energies.nvt_eV,
                wte_eV=energies.wte_eV,
                source=source,
                spacing_ps=energies.spacing_ps,
                reweighted=energy_file.read(folder / paths.P_ENERGY),
                variables=variables,
            )
        )
    return walkers


def group_by_sampling(
    walkers: Sequence[WalkerEnergies],
) -> dict[Sampling, list[WalkerEnergies]]:
    """The walkers of each sampling, in the samplings' order."""
    found = sorted({walker.sampling for walker in walkers}, key=lambda one: one.order)
    return {one: [walker for walker in walkers if walker.sampling == one] for one in found}


def _task_energies(
    folder: Path, rows: FrameTable
) -> tuple[CountedEnergies, str, tuple[OwnVariable, ...]]:
    """Energies and own variables of a task, and where the former are from."""
    variables: tuple[OwnVariable, ...] = ()
    try:
        made = read_record(folder)
        recorded = read_energies(folder, made)
        variables = own_variables(folder, made, *recorded)
    except (FileNotFoundError, CalculationError):  # it has been cleared away, or is damaged
        recorded = ({}, {})
    found, source = CountedEnergies.of(*recorded), "COLVAR"
    if not len(recorded[0].get("ene", ())):
        ordered = rows.where(np.argsort(rows.step, kind="stable"))
        nvt, wte = ({"ene": ordered.energy_eV[ordered.phase == int(phase)]} for phase in Phase)
        found, source = CountedEnergies.of(nvt, wte), "frames"
    return found, source, variables
