"""Labels of the sampled frames and of the copies, computed anew on bare positions."""

import itertools
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wtemlp.config.label_files import with_absolute_paths
from wtemlp.config.records import Machines, Params
from wtemlp.core import paths
from wtemlp.core.atomic_io import write_text
from wtemlp.core.errors import CalculationError
from wtemlp.core.formatting import some
from wtemlp.dispatch.task_status import forget_finished
from wtemlp.dispatch.tasks import StageTasks, Task
from wtemlp.initialize.reference import labeller_for
from wtemlp.md.dump import write_dump
from wtemlp.records.init_result import LABEL
from wtemlp.reference.base import Frames, Labeller, Labels, no_labels
from wtemlp.reference.dataset import Dataset, Origin, accepted
from wtemlp.reference.store import Store
from wtemlp.session.progress import Reporter
from wtemlp.session.stage import run_stage

ACCEPTED = "accepted"  #: the labelled frames, as long as they are being gathered
INPUTS_MADE = "inputs.made"  #: those of all single frames are there
ATOM_FRAMES_PER_TASK = 500_000  #: frames times atoms of one labelling task
SHOWN = 3  #: frames without a label that are told


@dataclass(frozen=True)
class Sampled:
    """A frame to be labelled."""

    coords: np.ndarray  #: (n_atoms, 3), Angstrom
    cell: np.ndarray  #: (3, 3), lower triangular, Angstrom
    name: str
    origin: Origin


@dataclass(frozen=True)
class FrameKind:
    """Frames with the same atoms, which one reference labels."""

    name: str  #: unique; "": there is one kind
    types: np.ndarray  #: (n_atoms,), indices in ``type_map``
    periodic: bool
    params: Params  #: of the reference
    source: Callable[[], Iterable[Sampled]]  #: the frames, as often as they are asked for


@dataclass(frozen=True)
class _Unit:
    """Frames that one job labels."""

    kind: FrameKind
    labeller: Labeller
    folder: Path
    sampled: Sequence[Sampled]

    @property
    def frames(self) -> Frames:
        return Frames(
            np.array([one.coords for one in self.sampled]),
            np.array([one.cell for one in self.sampled]),
            self.kind.types,
            tuple(one.name for one in self.sampled),
            self.kind.periodic,
        )

    def labels(self, said: dict[str, str]) -> Labels:
        """Read them back; a job of one frame may have failed."""
        frames = self.frames
        if self.labeller.together:
            return self.labeller.collect(self.folder, frames)
        if self.folder.name in said:
            return no_labels(frames, [said[self.folder.name]])
        try:
            return self.labeller.collect(self.folder, frames)
        except CalculationError as error:
            return no_labels(frames, [str(error)])


class InitLabels:
    """Label frames of several kinds, a batch of them in memory at a time.

    Parameters
    ----------
    kinds : sequence of FrameKind
    machines : Machines
        The tasks run as its ``fp`` section says.
    root : Path
        The run's folder.
    output : Path
        The folder of ``wtemlp init``.
    seed : int
        Of whatever DP-GEN should draw.
    """

    def __init__(
        self, kinds: Sequence[FrameKind], machines: Machines, root: Path, output: Path, seed: int
    ) -> None:
        self.kinds, self.machines, self.root, self.seed = kinds, machines, root, seed
        self.folder = output / LABEL
        self.n_sent = 0
        self.failed: list[str] = []  #: frames whose calculation failed, with the reason

    def run(self, reporter: Reporter, ratio_failed: float) -> dict[str, Dataset]:
        """Label all frames; by kind, those that have a label.

        Parameters
        ----------
        reporter : Reporter
        ratio_failed : float
            Fraction of the labels that may fail.

        Raises
        ------
        CalculationError
            If more labels failed.
        """
        said = self._calculate(reporter)
        stores: dict[str, Store] = {}
        broken: set[Path] = set()
        self.n_sent, self.failed = 0, []
        for unit in self._units():
            labels, frames = unit.labels(said), unit.frames
            origins = [one.origin for one in unit.sampled]
            kept = accepted(frames, labels, origins, unit.kind.params.type_map)
            self.n_sent += len(frames)
            wrong = np.flatnonzero(~labels.ok & ~labels.refused)
            self.failed += [f"{frames.names[k]}: {labels.reasons[k]}" for k in wrong]
            broken |= {unit.folder} if len(wrong) else set()
            if not len(kept):
                continue
            if unit.kind.name not in stores:
                folder = self.folder / ACCEPTED / (unit.kind.name or "all")
                of = kept.frames
                stores[unit.kind.name] = Store(folder, of.types, kept.type_map, of.periodic)
            stores[unit.kind.name].add(kept)
        if len(self.failed) > ratio_failed * self.n_sent:
            for job in broken:
                forget_finished(job)  # calculated again by the same command
            raise CalculationError(
                f"{self.folder}: {len(self.failed)} of {self.n_sent} labels failed, more than"
                f" ratio_failed ({ratio_failed:g}): {some(self.failed, 2, '; ')}"
            )
        for line in self.failed[:SHOWN]:
            reporter.say(f"no label for {line}")
        return {name: store.dataset() for name, store in stores.items()}

    def _calculate(self, reporter: Reporter) -> dict[str, str]:
        """Run the jobs; what those of one frame said that failed."""
        stages: dict[Path, list[Task]] = {}
        costs_one_frame: dict[Path, bool] = {}
        command = self.machines.fp.command
        self._write_inputs()
        for unit in self._units():
            task = unit.labeller.prepare(unit.folder, unit.frames, command)
            stages.setdefault(unit.folder.parent, []).append(task)
            costs_one_frame[unit.folder.parent] = not unit.labeller.together
        said = {}
        for folder, tasks in stages.items():
            allowed = len(tasks) if costs_one_frame[folder] else 0
            stage = StageTasks(tasks, folder)
            section = self.machines.fp
            for one in run_stage(
                stage, "init: labels", section, self.root, reporter, allowed=allowed
            ):
                said[one.name] = (one.message.splitlines() or ["it failed"])[0]
        return said

    def _units(self) -> Iterator[_Unit]:
        """All jobs."""
        number = itertools.count()
        for system, kind in enumerate(self.kinds):
            labeller = labeller_for(kind.params, self.machines, self.root)
            if labeller.together:
                size = max(1, ATOM_FRAMES_PER_TASK // len(kind.types))
                for batch in _chunks(kind.source(), size):
                    yield _Unit(kind, labeller, self.folder / f"batch.{next(number):04d}", batch)
                continue
            # One job for each frame: DP-GEN has them in the folder of an iteration.
            own = with_absolute_paths(kind.params.jdata, self.root)
            labeller = labeller_for(replace(kind.params, jdata=own), self.machines, self.folder)
            run = paths.RunPaths(self.folder)
            for k, one in enumerate(kind.source()):
                yield _Unit(kind, labeller, run.label_task(0, system, k), [one])

    def _write_inputs(self) -> None:
        """Write what the folders of single frames need: of all systems at once, and once.

        What a killed run left of them is made anew.
        """
        folder = paths.RunPaths(self.folder).label(0)
        made = folder / INPUTS_MADE
        if made.is_file():
            return
        shutil.rmtree(folder, ignore_errors=True)
        alone = [unit for unit in self._units() if not unit.labeller.together]
        for unit in alone:
            unit.folder.mkdir(parents=True)
            frames, file = unit.frames, unit.folder / paths.FRAME_DUMP
            write_dump(file, np.zeros(1, int), frames.cells, frames.types + 1, frames.coords)
        if alone:
            alone[0].labeller.write_inputs([unit.folder for unit in alone], self.seed)
            write_text(made, "")


def _chunks(frames: Iterable[Sampled], size: int) -> Iterator[list[Sampled]]:
    given = iter(frames)
    while batch := list(itertools.islice(given, size)):
        yield batch
