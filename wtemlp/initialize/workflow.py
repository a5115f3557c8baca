"""What ``wtemlp init`` does: from a number of molecules to labelled data and starting structures.

A box by Packmol; minimisation, NPT, and NVT in NPT's mean box, in one job; from the end of NVT a
well-tempered-ensemble job for each bias factor, with sigma of the NVT run; labels of all sampled
frames, computed anew on the bare positions; data, shuffled and split.

Every input is a function of the parameters and the seed, and a finished task is not run again, so
a run that was killed goes on where it was and ends with the same data.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from wtemlp import __version__
from wtemlp.analysis.energy import filled
from wtemlp.config.init_params import WATER_G_MOL, box_length_A
from wtemlp.config.keys.init import DataLayout, InitParams
from wtemlp.config.records import Machines
from wtemlp.core.atomic_io import reading, write_json, write_text
from wtemlp.core.seeds import derive_seed
from wtemlp.core.units import KCAL_MOL_IN_EV
from wtemlp.dispatch.tasks import StageTasks, Task
from wtemlp.initialize.checks import check_init, parameters_of
from wtemlp.initialize.dataset import gap_remarks, gap_steps, split_purpose, write_start
from wtemlp.initialize.ensembles import describe_ensembles
from wtemlp.initialize.packmol import pack_water
from wtemlp.md import plumed_input
from wtemlp.md import reference_runs as runs
from wtemlp.md.dump import last_frames
from wtemlp.md.reference_script import LOG, SCRIPT, done_steps, lammps_command
from wtemlp.md.systems.system_input import SystemInput
from wtemlp.records.init_result import (
    EQUILIBRATE,
    LABEL,
    PARAMETERS,
    RESULT,
    Ensemble,
    InitResult,
    ensemble_name,
    load_result,
)
from wtemlp.reference.base import Frames
from wtemlp.reference.dataset import Origin, accepted
from wtemlp.reference.force_field import Water
from wtemlp.reference.lammps_ff import LammpsForceField
from wtemlp.reference.store import Store
from wtemlp.session.progress import Reporter
from wtemlp.session.stage import run_stage

WTE = "01.wte"
#: What to do about damaged results of the MD.
SAMPLE_AGAIN = "move its folder away: the same wtemlp init does that run again"
ACCEPTED = "accepted"  #: the labelled frames, as long as they are being gathered
ATOM_FRAMES_PER_TASK = 500_000  #: frames times atoms of one labelling task
A3_G_PER_CM3_MOL = 0.602214076  #: 1 g/cm3 in g/mol/Angstrom^3


def run_init(params: InitParams, machines: Machines, root: Path, reporter: Reporter) -> InitResult:
    """Build the start of a run; called again, go on where it was.

    Parameters
    ----------
    params : InitParams
    machines : Machines
        The tasks run as its ``fp`` section says.
    root : Path
        The run's folder, absolute.
    reporter : Reporter

    Returns
    -------
    InitResult

    Raises
    ------
    InputError
        If the output folder holds the data of other parameters.
    MissingEngine
        If there is no Packmol.
    CalculationError
        If a task failed.
    """
    check_init(params, root)
    output = root / params.output
    if not (output / PARAMETERS).is_file():
        output.mkdir(parents=True, exist_ok=True)
        write_json(output / PARAMETERS, parameters_of(params))
    if not (output / RESULT).is_file():
        _Init(params, machines, root, reporter).build()
    else:
        reporter.say(f"{output} is complete already")
    return load_result(output)


class _Init:
    """The stages, in their order; each needs what the ones before left in the folder."""

    def __init__(
        self, params: InitParams, machines: Machines, root: Path, reporter: Reporter
    ) -> None:
        self.params, self.machines, self.reporter = params, machines, reporter
        self.root, self.output = root, root / params.output
        self.types = np.repeat(
            np.arange(len(params.type_map)),
            [{"O": 1, "H": 2}.get(name, 0) * params.n_molecules for name in params.type_map],
        )
        self.biasfactors = params.ensembles[1:]

    def build(self) -> None:
        """From nothing, or from what is there, to the result."""
        nvt_folder = self._equilibrate()
        with reading(nvt_folder / runs.BOX, SAMPLE_AGAIN):
            box_A = float((nvt_folder / runs.BOX).read_text())
        temperatures, energies = _series(nvt_folder)
        spacing_ps = 1e-3 * self.params.timestep_fs * runs.energy_stride(self.params, 1.0)
        nvt = Ensemble.of(1.0, temperatures, energies, spacing_ps)
        wte_folders = self._wte(nvt_folder, nvt)
        folders = {1.0: nvt_folder, **wte_folders}
        store = Store(self.output / LABEL / ACCEPTED, self.types, self.params.type_map)
        n_frames = self._label(folders, store)
        wte = tuple(_filled(g, folder) for g, folder in wte_folders.items())
        dataset = store.dataset()
        n_accepted = len(dataset)
        gaps = {one.biasfactor: gap_steps(self.params, one) for one in (nvt, *wte)}
        data = write_start(self.output, self.params, dataset, gaps, self._seed)
        store.remove()
        n_train, n_validation = (
            sum(getattr(one, key) for one in data) for key in ("n_train", "n_validation")
        )
        mass = self.params.n_molecules * WATER_G_MOL
        result = InitResult(
            output=self.output,
            n_molecules=self.params.n_molecules,
            box_A=box_A,
            density_g_cm3=mass / box_A**3 / A3_G_PER_CM3_MOL,
            nvt=nvt,
            wte=wte,
            n_train=n_train,
            n_validation=n_validation,
            n_rejected=n_frames - n_accepted,
            n_gap=n_accepted - n_train - n_validation,
            starting_structures=self.params.starting_structures,
            data=tuple(one for one in data if one.folder),
        )
        for ensemble in describe_ensembles(self.output, self.params, folders, self.types):
            self.reporter.say(ensemble.describe())
        for g, folder in wte_folders.items():
            for line in plumed_input.warnings_in(folder / runs.PLUMED_LOG):
                self.reporter.say(f"{ensemble_name(g)}: PLUMED warns: {line}")
        for line in gap_remarks(self.params, (nvt, *wte)):
            self.reporter.say(line)
        self._save(result)

    def _seed(self, *purpose: object) -> int:
        return derive_seed(self.params.seed, "init", *purpose)

    def _equilibrate(self) -> Path:
        """Box, minimisation, NPT, NVT: one task."""
        p = self.params
        folder = self.output / EQUILIBRATE / "nvt"
        if not (folder / runs.BOX_DATA).is_file():
            folder.mkdir(parents=True, exist_ok=True)
            length_A = box_length_A(p.n_molecules, p.density_g_cm3)
            molecules = pack_water(p.n_molecules, length_A, self._seed("packmol"))
            atoms = {"O": molecules[:, 0], "H": molecules[:, 1:].reshape(-1, 3)}
            coords = np.concatenate([atoms[name] for name in p.type_map if name in atoms])
            cell = np.eye(3) * length_A
            write_text(folder / runs.BOX_DATA, self._data(coords, cell))
        script = runs.box_and_nvt(
            p, self._system(runs.BOX_DATA), self._seed("velocity"), self._seed("thermostat", "1")
        )
        results = (runs.BOX, runs.ENERGIES, runs.FRAMES, runs.END_DATA, LOG)
        task = self._task(
            folder, {SCRIPT: script}, (runs.BOX_DATA,), results, p.npt_steps + p.nvt_steps
        )
        self._run("box, NPT and NVT", [task])
        return folder

    def _system(self, data: str) -> SystemInput:
        """The water that a data file holds."""
        water = Water(self.params.force_field)
        lines = water.commands(data)
        return SystemInput(lines, water.units, water.elements, data, {}, water.constraints)

    def _data(self, coords: np.ndarray, cell: np.ndarray) -> str:
        """The data file of a box of water."""
        water = Water(self.params.force_field)
        symbols = [self.params.type_map[kind] for kind in self.types]
        return water.data(water.layout(symbols, coords, cell), coords, cell)

    def _wte(self, nvt_folder: Path, nvt: Ensemble) -> dict[float, Path]:
        """One task for each bias factor, from the end of NVT."""
        p = self.params
        end = (nvt_folder / runs.END_DATA).read_text()
        folders = {g: self.output / WTE / ensemble_name(g) for g in self.biasfactors}
        results = (runs.ENERGIES, runs.FRAMES, runs.COLVAR, runs.HILLS, runs.PLUMED_LOG, LOG)
        tasks, system = [], self._system(runs.END_DATA)
        for g, folder in folders.items():
            inputs = {
                SCRIPT: runs.wte(p, system, g, self._seed("thermostat", f"{g:g}")),
                runs.PLUMED: runs.wte_plumed(p, system.units, g, nvt.mean_eV, nvt.sigma_eV),
                runs.END_DATA: end,
            }
            tasks.append(self._task(folder, inputs, (), results, p.wte_steps))
        self._run("well-tempered ensemble", tasks)
        return folders

    def _batches(self, folders: dict[float, Path]) -> Iterator[tuple[Path, Frames, list[Origin]]]:
        """The frames of all ensembles, evenly spaced in time in each, and where they are from.

        In the batches in which they are labelled, each with its folder; one is in memory at a
        time, however long the runs were.
        """
        size = max(1, ATOM_FRAMES_PER_TASK // len(self.types))
        sampled = (
            (frame, Origin(biasfactor, frame.step))
            for biasfactor, folder in folders.items()
            # The last ones: a dump also has the step that its run begins with.
            for frame in last_frames(folder / runs.FRAMES, self.params.frames_per_ensemble)
        )
        for number in itertools.count():
            batch = list(itertools.islice(sampled, size))
            if not batch:
                return
            origins = [origin for _, origin in batch]
            frames = Frames(
                np.array([frame.coords for frame, _ in batch]),
                np.array([frame.cell for frame, _ in batch]),
                self.types,
                tuple(f"{ensemble_name(origin.biasfactor)}/{origin.step}" for origin in origins),
            )
            yield self.output / LABEL / f"batch.{number:04d}", frames, origins

    def _label(self, folders: dict[float, Path], store: Store) -> int:
        """Label the bare frames, many in each task; the number of those that were sent."""
        labeller = LammpsForceField(self.params.force_field, self.params.type_map)
        command = self.machines.fp.command
        tasks = [
            labeller.prepare(folder, frames, command)
            for folder, frames, _ in self._batches(folders)
        ]
        self._run("labels", tasks)
        n_frames = 0
        for folder, frames, origins in self._batches(folders):
            labels = labeller.collect(folder, frames)
            store.add(accepted(frames, labels, origins, self.params.type_map))
            n_frames += len(frames)
        return n_frames

    def _splits(self) -> list[tuple[str, ...]]:
        apart = self.params.data == DataLayout.BY_ENSEMBLE
        return [split_purpose(g) for g in (self.params.ensembles if apart else (None,))]

    def _save(self, result: InitResult) -> None:
        """Write the provenance; the run is complete when this file is there."""
        seeds = {
            "packmol": self._seed("packmol"),
            "velocity": self._seed("velocity"),
            "thermostat_1": self._seed("thermostat", "1"),
            **{f"thermostat_{g:g}": self._seed("thermostat", f"{g:g}") for g in self.biasfactors},
            **{"_".join(purpose): self._seed(*purpose) for purpose in self._splits()},
        }
        numbers = {key: value for key, value in asdict(result).items() if key != "output"}
        content = {
            "wtemlp": __version__,
            "parameters": parameters_of(self.params),
            "seeds": seeds,
            "result": numbers,
        }
        write_json(self.output / RESULT, content)

    def _task(
        self,
        folder: Path,
        inputs: dict[str, str],
        others: tuple[str, ...],
        results: tuple[str, ...],
        steps: int,
    ) -> Task:
        """A LAMMPS task; `inputs` are written, `others` are there."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in inputs.items():
            write_text(folder / name, text)
        return Task(
            name=folder.name,
            folder=folder,
            command=lammps_command(self.machines.fp.command),
            forward=(*inputs, *others),
            backward=results,
            logs=(LOG,),
            steps=steps,
        )

    def _run(self, title: str, tasks: Sequence[Task]) -> None:
        """Run the tasks of a stage; every one must succeed."""
        if tasks:
            stage = StageTasks(tasks, tasks[0].folder.parent, done_steps=done_steps)
            run_stage(stage, f"init: {title}", self.machines.fp, self.root, self.reporter)


def _series(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Recorded temperatures (K) and unbiased energies (eV) of a run, each (n,)."""
    file = folder / runs.ENERGIES
    with reading(file, SAMPLE_AGAIN):
        table = np.loadtxt(file, ndmin=2)
        return table[:, 1], table[:, 2] * KCAL_MOL_IN_EV


def _filled(biasfactor: float, folder: Path) -> Ensemble:
    """A WTE run's numbers; the part in which the bias grows is left out."""
    temperatures, energies = _series(folder)
    return Ensemble.of(biasfactor, filled(temperatures), filled(energies))
