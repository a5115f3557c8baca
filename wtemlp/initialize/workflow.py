"""What ``wtemlp init`` does: from structures to labelled data and structures to start from.

A structure for each system, built or read; minimisation, and runs of MD with the reference, each
from the end of one before it; copies, perturbed and strained; labels of all of these, computed
anew on the bare positions; data, shuffled and split.

A box of water (a file of earlier versions) goes the same way: Packmol's box; minimisation, NPT,
and NVT in NPT's mean box, in one job; from its end a well-tempered-ensemble job for each bias
factor.

Every input is a function of the parameters and the seed, and a finished task is not run again, so
a run that was killed goes on where it was and ends with the same data.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np

from wtemlp import __version__
from wtemlp.config.init_params import WATER_G_MOL
from wtemlp.config.keys.init import DataLayout, InitParams
from wtemlp.config.records import Machines, MachineSection
from wtemlp.config.schema.plugin_keys import is_own_style
from wtemlp.core.atomic_io import reading, write_json
from wtemlp.core.errors import CalculationError
from wtemlp.core.seeds import derive_seed
from wtemlp.core.units import AMU_G
from wtemlp.dispatch.tasks import StageTasks, Task
from wtemlp.initialize.checks import begun_with, check_init, parameters_of, structure_file
from wtemlp.initialize.copies import ALONE_A, make_copies, plan_copies
from wtemlp.initialize.dataset import (
    DataPart,
    gap_remark,
    gap_steps,
    parts_of_water,
    split_purpose,
    write_start,
)
from wtemlp.initialize.ensembles import describe_ensembles
from wtemlp.initialize.labels import ACCEPTED, FrameKind, InitLabels, Sampled
from wtemlp.initialize.reference import section_for
from wtemlp.initialize.runs import SAMPLE_AGAIN, SampledRun, SystemPlan, sampled_runs
from wtemlp.md import plumed_input
from wtemlp.md import reference_runs as md
from wtemlp.md.dump import last_frames
from wtemlp.md.reference_script import done_steps
from wtemlp.records.init_result import (
    LABEL,
    PARAMETERS,
    RESULT,
    DataSet,
    Ensemble,
    InitResult,
    SystemResult,
    load_result,
    water_title,
)
from wtemlp.reference.dataset import Dataset, Origin
from wtemlp.session.progress import Reporter
from wtemlp.session.stage import run_stage
from wtemlp.structures.record import Structure

A3_IN_CM3 = 1e-24
ATOM = "atom"  #: folder of the data of an atom alone, with the element


def run_init(
    params: InitParams,
    machines: Machines,
    root: Path,
    reporter: Reporter,
    plans: Sequence[SystemPlan] | None = None,
) -> InitResult:
    """Build the start of a run; called again, go on where it was.

    Parameters
    ----------
    params : InitParams
    machines : Machines
        Labels run as its ``fp`` section says; MD where the reference's LAMMPS does.
    root : Path
        The run's folder, absolute.
    reporter : Reporter
    plans : sequence of SystemPlan, optional
        Of :func:`~wtemlp.initialize.checks.check_init`, where that has been called.

    Returns
    -------
    InitResult

    Raises
    ------
    InputError
        If the output folder holds the data of other parameters, or the input is wrong.
    MissingEngine
        If there is no Packmol, where it is needed.
    CalculationError
        If a task failed.
    """
    if plans is None:
        plans = check_init(params, root)
    output = root / params.output
    if not (output / PARAMETERS).is_file():
        output.mkdir(parents=True, exist_ok=True)
        write_json(output / PARAMETERS, begun_with(params, root))
    if not (output / RESULT).is_file():
        _Init(params, plans, machines, root, reporter).build()
    else:
        reporter.say(f"{output} is complete already")
    return load_result(output)


class _Init:
    """The stages, in their order; each needs what the ones before left in the folder."""

    def __init__(
        self,
        params: InitParams,
        plans: Sequence[SystemPlan],
        machines: Machines,
        root: Path,
        reporter: Reporter,
    ) -> None:
        self.params, self.plans, self.machines = params, plans, machines
        self.root, self.output, self.reporter = root, root / params.output, reporter
        self.runs = [sampled_runs(params, plan, self.output) for plan in plans]
        self.ensembles: dict[SampledRun, Ensemble] = {}
        self.copies: list[int] = []

    def build(self) -> None:
        """From nothing, or from what is there, to the result."""
        for number, plan in enumerate(self.plans):
            file = structure_file(self.params, number, self.root)
            file.parent.mkdir(parents=True, exist_ok=True)
            if not file.is_file():
                plan.start.save(file)
        self._sample()
        labelling = InitLabels(
            self._kinds(), self.machines, self.root, self.output, self._seed("labels")
        )
        ratio = 1.0 if self.params.water is not None else self.params.ratio_failed
        datasets = labelling.run(self.reporter, ratio)
        parts = [*self._parts(datasets)]
        written = write_start(self.output, self.params, parts)
        shutil.rmtree(self.output / LABEL / ACCEPTED)
        n_accepted = sum(len(one) for one in datasets.values())
        result = InitResult(
            output=self.output,
            systems=tuple(self._results(datasets, written)),
            n_rejected=labelling.n_sent - n_accepted,
            starting_structures=self.params.starting_structures,
        )
        self._tell()
        self._save(result)

    def _seed(self, *purpose: object) -> int:
        return derive_seed(self.params.seed, "init", *purpose)

    # -- MD

    def _sample(self) -> None:
        """All runs, those side by side that can be."""
        stages: dict[str, list[SampledRun]] = {}
        for run in sorted((run for own in self.runs for run in own), key=lambda one: one.run.level):
            stages.setdefault(run.stage, []).append(run)
        for number, (name, runs) in enumerate(stages.items(), 1):
            section = section_for(runs[0].plan.params, self.machines)
            tasks = [run.task(section.command, self._before(run)) for run in runs]
            title = f"MD, {number} of {len(stages)}"
            if self.params.water is not None:
                title = "well-tempered ensemble" if runs[0].run.biased else "box, NPT and NVT"
            self._run(title, tasks, section, self.output / name)
            for run in runs:
                before = self._before(run)
                if run.chooses_hills and before is not None:
                    pace, height_kT = run.hills(before)
                    every = f"hills every {pace} steps, the first of {height_kT:.2g} kT"
                    self.reporter.say(f"{run.title}: {every}")
                if run.run.of is not None:
                    self.ensembles[run] = run.ensemble(self._before(run))

    def _before(self, run: SampledRun) -> Ensemble | None:
        """Of a biased run: that of the run that it starts from."""
        return self.ensembles[run.start] if run.run.biased and run.start is not None else None

    def _run(self, title: str, tasks: list[Task], section: MachineSection, folder: Path) -> None:
        """Run the tasks of a stage; every one must succeed."""
        stage = StageTasks(tasks, folder, done_steps=done_steps)
        run_stage(stage, f"init: {title}", section, self.root, self.reporter)

    # -- frames

    def _kinds(self) -> list[FrameKind]:
        """What is labelled: the frames and copies of each system, and atoms alone."""
        found: list[FrameKind] = []
        alone: dict[str, FrameKind] = {}
        for plan, runs in zip(self.plans, self.runs, strict=True):
            one, start = plan.system, plan.start
            copies = self._copies(plan, runs)
            self.copies.append(len(copies))
            source = partial(self._frames, runs, copies)
            found.append(
                FrameKind(one.name, start.structure.types, start.periodic, plan.params, source)
            )
            wanted = plan_copies(one, start, not is_own_style(self.params.fp_style)).single_atoms
            for element in wanted:
                alone.setdefault(element, self._alone(element, plan))
        return [*found, *alone.values()]

    def _alone(self, element: str, plan: SystemPlan) -> FrameKind:
        sampled = Sampled(
            np.full((1, 3), ALONE_A / 2),
            np.eye(3) * ALONE_A,
            f"{ATOM}.{element}",
            Origin(float("nan"), 0, ATOM, by_itself=True),
        )
        types = np.array([self.params.type_map.index(element)])
        return FrameKind(f"{ATOM}.{element}", types, True, plan.params, lambda: [sampled])

    def _copies(self, plan: SystemPlan, runs: Sequence[SampledRun]) -> list[Sampled]:
        one, start = plan.system, plan.start
        wanted = plan_copies(one, start, not is_own_style(self.params.fp_style))
        structure = start.structure
        relaxed = next((run for run in runs if run.run.of is None), None)
        if relaxed is not None:
            (frame,) = last_frames(relaxed.folder / md.FRAMES, 1)
            structure = replace(structure, coords=frame.coords, cell=frame.cell)
        made = make_copies(
            structure, start.periodic, wanted, one.copies, self._seed(one.name, "copies")
        )
        return [
            Sampled(coords, cell, f"{one.name}/{name}", Origin(float("nan"), k, "copies", True))
            for k, (coords, cell, name) in enumerate(zip(*made, strict=True))
        ]

    def _frames(self, runs: Sequence[SampledRun], copies: Sequence[Sampled]) -> Iterator[Sampled]:
        """The frames of a system, evenly spaced in time in each run, and its copies."""
        for run in runs:
            measured = self._before(run) or self.ensembles.get(run)
            factor = run.run.biasfactor
            of = Origin(float("nan") if factor is None else factor, 0, run.name, run.run.of is None)
            for frame in run.frames(measured):
                origin = replace(of, step=frame.step)
                yield Sampled(frame.coords, frame.cell, f"{run.title}/{frame.step}", origin)
        yield from copies

    # -- results

    def _parts(self, datasets: dict[str, Dataset]) -> Iterator[DataPart]:
        for plan, runs in zip(self.plans, self.runs, strict=True):
            name, start = plan.system.name, plan.start
            if name not in datasets:
                raise CalculationError(f"{self.output / LABEL}: no label of {name or 'water'}")
            gaps: dict[str | float, int] = {
                run.group: gap_steps(run.job, self.ensembles[run].statistical_inefficiency)
                for run in runs
                if run in self.ensembles and run.job.frames
            }
            dataset = datasets[name]
            whole = DataPart(
                name,
                dataset,
                np.arange(len(dataset)),
                gaps,
                start.structure,
                start.periodic,
                self._seed(name, *split_purpose(None)),
            )
            water = self.params.water
            yield from [whole] if water is None else parts_of_water(water, whole, self._seed)
        for name, dataset in datasets.items():
            if name.startswith(f"{ATOM}."):
                places = np.arange(len(dataset))
                yield DataPart(name, dataset, places, {}, None, True, self._seed(name, "split"))

    def _results(
        self, datasets: dict[str, Dataset], written: Sequence[DataSet]
    ) -> Iterator[SystemResult]:
        for plan, runs, n_copies in zip(self.plans, self.runs, self.copies, strict=True):
            name, structure = plan.system.name, plan.start.structure
            water = self.params.water is not None
            data = tuple(written) if water else tuple(d for d in written if d.folder == name)
            used = sum(one.n_train + one.n_validation for one in data)
            yield SystemResult(
                name=name,
                title=self._title(plan, runs),
                n_atoms=structure.n_atoms,
                runs=tuple(self.ensembles[run] for run in runs if run in self.ensembles),
                data=data,
                n_copies=n_copies,
                n_gap=len(datasets[name]) - used,
            )
        for one in written:
            if one.folder.startswith(f"{ATOM}."):
                title = f"{one.folder.partition('.')[2]}, the atom alone"
                yield SystemResult(one.folder, title, 1, (), (one,))

    def _title(self, plan: SystemPlan, runs: Sequence[SampledRun]) -> str:
        structure, water = plan.start.structure, self.params.water
        if water is None:
            kind = "periodic" if plan.start.periodic else "alone"
            return f"{plan.system.name}: {formula(structure)}, {structure.n_atoms} atoms, {kind}"
        file = runs[0].folder / md.BOX
        with reading(file, SAMPLE_AGAIN):
            box_A = float(file.read_text().split()[0])
        density = water.n_molecules * WATER_G_MOL * AMU_G / (box_A**3 * A3_IN_CM3)
        return water_title(water.n_molecules, box_A, density)

    def _tell(self) -> None:
        """What a user should know of the runs."""
        runs = [run for own in self.runs for run in own]
        with_frames = [run for run in runs if run.job.frames and run.run.of is not None]
        for ensemble in describe_ensembles(self.output, with_frames):
            if ensemble.diffusion is not None or self.params.water is not None:
                self.reporter.say(ensemble.describe())
        for run in runs:
            for line in plumed_input.warnings_in(run.folder / md.PLUMED_LOG):
                self.reporter.say(f"{run.title}: PLUMED warns: {line}")
        for run in with_frames:
            found = self.ensembles[run]
            if self.params.validation_fraction:
                key = "steps"
                if self.params.water is not None:
                    key = "wte_steps" if run.run.biased else "nvt_steps"
                inefficiency = found.statistical_inefficiency
                if line := gap_remark(run.job, inefficiency, run.title, key):
                    self.reporter.say(line)
            if found.n_frames != found.n_asked:
                self.reporter.say(
                    f"{run.title}: {found.n_frames} frames of {found.n_asked} are as far apart as"
                    " its energy is correlated: more steps give more"
                )

    def _save(self, result: InitResult) -> None:
        """Write the provenance; the run is complete when this file is there."""
        numbers = {key: value for key, value in asdict(result).items() if key != "output"}
        content = {
            "wtemlp": __version__,
            "parameters": parameters_of(self.params),
            "seeds": self._seeds(),
            "result": numbers,
        }
        write_json(self.output / RESULT, content)

    def _seeds(self) -> dict[str, int]:
        """Every seed that was used, by what it was for."""
        runs = [run for own in self.runs for run in own if run.run.of is not None]
        water = self.params.water
        if water is None:
            words = ("velocity", "thermostat")
            of = {"velocity": lambda run: run.seed("velocity")}
            of["thermostat"] = lambda run: run.thermostat_seed
            found = {f"{run.name}_{word}": of[word](run) for run in runs for word in words}
            for plan in self.plans:
                name = plan.system.name
                found |= {
                    f"{name}_packmol": self._seed(name, "packmol"),
                    f"{name}_copies": self._seed(name, "copies"),
                    f"{name}_split": self._seed(name, "split"),
                }
            return found
        apart = water.data == DataLayout.BY_ENSEMBLE
        return {
            "packmol": self._seed("packmol"),
            "velocity": self._seed("velocity"),
            **{f"thermostat_{run.run.biasfactor:g}": run.thermostat_seed for run in runs},
            **{
                "_".join(split_purpose(g)): self._seed(*split_purpose(g))
                for g in (water.ensembles if apart else (None,))
            },
        }


def formula(structure: Structure) -> str:
    """As ``Cu108``, in the order of the elements."""
    counts = {name: structure.symbols.count(name) for name in structure.elements}
    return "".join(f"{name}{count if count > 1 else ''}" for name, count in counts.items() if count)
