"""The jobs of a validation: what each is made of, and whether that has changed since."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wtemlp.analysis.stability import degrees_of_freedom, hottest
from wtemlp.config.records import MachineSection, Params
from wtemlp.core import paths
from wtemlp.core.seeds import derive_seed
from wtemlp.dispatch.cancel import discard_stage
from wtemlp.dispatch.task_status import forget_finished
from wtemlp.dispatch.tasks import Task
from wtemlp.md import dp
from wtemlp.md import validation_script as md
from wtemlp.md.reference_script import LOG, SCRIPT, lammps_command
from wtemlp.md.systems.system_input import is_another, write_files
from wtemlp.md.systems.units import METAL, Units
from wtemlp.records.validation_record import MODEL, REFERENCE
from wtemlp.validation.folders import Places, digest
from wtemlp.validation.structure import ValidationStructure

ORIGIN = "job.json"  #: what a job is of; with it a job of other models or data is another
DATA = "data"  #: links to the held-out data, in the folder of the parity jobs
TEST_LOG = "test.log"


@dataclass(frozen=True)
class Job:
    """One job: a function of the parameters, the seed and the files that it is of."""

    folder: Path
    inputs: Mapping[str, str | Path]  #: its files, by name: text, or a file to be copied
    command: str
    results: tuple[str, ...]
    logs: tuple[str, ...]
    steps: int = 0
    optional: tuple[str, ...] = ()  #: results that need not be there

    def task(self) -> Task:
        """Write the inputs that are not there, and say how to run them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lacking = {n: f for n, f in self.inputs.items() if not (self.folder / n).is_file()}
        write_files(self.folder, lacking)
        return Task(
            name=self.folder.name,
            folder=self.folder,
            command=self.command,
            forward=tuple(self.inputs),
            backward=(*self.results, *(f"{name}*" for name in self.optional)),
            logs=self.logs,
            steps=self.steps,
        )

    def is_another(self) -> bool:
        """Whether the folder has a job of other inputs: its results would be taken for ours."""
        return is_another(self.folder, self.inputs)


@dataclass(frozen=True, kw_only=True)
class MdJob(Job):
    """MD of one potential at one temperature."""

    potential: str
    model: int | None
    plan: md.MdPlan
    units: Units
    elements: tuple[str, ...]  #: of LAMMPS's types 1, 2 and so on


@dataclass(frozen=True)
class ParityJob(Job):
    """The errors of the models on the held-out data."""


def renew(jobs: Sequence[Job], section: MachineSection, root: Path) -> int:
    """Have jobs whose inputs have changed done again; how many.

    Where there are some, their stage's jobs are ended first, for one of the old inputs may run, and
    what is on the other side is removed: the models and data that all share may have changed.
    """
    others = [job for job in jobs if job.is_another()]
    if others:
        discard_stage(others[0].folder.parent, section, root)
    for job in others:
        shutil.rmtree(job.folder)
        job.folder.mkdir()
        forget_finished(job.folder)  # on the other side, too
    return len(others)


def model_jobs(
    params: Params,
    places: Places,
    graphs: Sequence[Path],
    structure: ValidationStructure,
    command: str,
) -> list[MdJob]:
    """MD with the models.

    Parameters
    ----------
    params : Params
    places : Places
    graphs : sequence of Path
        The model files, by their numbers.
    structure : ValidationStructure
    command : str
        The LAMMPS program.
    """
    found = []
    for temperature_K in params.validation.temps_K:
        for model, graph in enumerate(graphs[: params.validation.models]):
            sha256 = digest(graph)
            plan = _plan(params, structure, temperature_K, f"model {model}", sha256)
            script = md.model_script(plan, f"../{graph.name}", params.type_map, params.mass_map)
            folder = places.models / f"model.{model:03d}.{temperature_K:g}K"
            origin = {"model": graph.name, "sha256": sha256}
            inputs = {SCRIPT: script, paths.CONF: structure.conf, ORIGIN: _json(origin)}
            of = {"potential": MODEL, "units": METAL, "elements": params.type_map}
            found.append(_md_job(folder, inputs, command, plan, model=model, **of))
    return found


def reference_jobs(
    params: Params, places: Places, structure: ValidationStructure, command: str
) -> list[MdJob]:
    """MD with the reference; none where there is none that does MD."""
    system = structure.reference
    if system is None:
        return []
    found = []
    for temperature_K in params.validation.temps_K:
        plan = _plan(params, structure, temperature_K, "reference", elements=system.elements)
        script = md.reference_script(plan, system, params.type_map, params.mass_map)
        folder = places.reference / f"{temperature_K:g}K"
        inputs = {SCRIPT: script, **system.files}
        of = {"potential": REFERENCE, "units": system.units, "elements": system.elements}
        found.append(_md_job(folder, inputs, command, plan, model=None, **of))
    return found


def _plan(
    params: Params,
    structure: ValidationStructure,
    temperature_K: float,
    who: str,
    *identity: str,
    elements: Sequence[str] | None = None,
) -> md.MdPlan:
    """Seeds are of the potential itself: models of runs with one seed have noise of their own.

    `elements` are those of LAMMPS's types, by default ``type_map``.
    """
    settings = params.validation
    purpose = ("validate", who, f"{temperature_K:g}", *identity)
    kinds = enumerate(params.type_map if elements is None else elements, 1)
    n_atoms = len(structure.elements)
    n_alone = n_atoms if settings.alone else 0
    n_dof = degrees_of_freedom(n_atoms, md.at_rest(n_alone))
    followed = [i for i, name in kinds if name in settings.diffusion]
    return md.MdPlan(
        temperature_K=temperature_K,
        timestep_ps=params.timestep_ps,
        ensembles=settings.ensembles,
        equil_steps=settings.equil_steps,
        nvt_steps=settings.nvt_steps,
        nve_steps=settings.nve_steps,
        npt_steps=settings.npt_steps,
        pressure_bar=settings.pressure_bar,
        trj_freq=settings.trj_freq,
        thermo_freq=settings.thermo_freq,
        limit_K=max(settings.temp_factor * temperature_K, hottest(temperature_K, n_dof)),
        velocity_seed=derive_seed(params.seed, *purpose, "velocity"),
        thermostat_seed=derive_seed(params.seed, *purpose, "thermostat"),
        vacf_types=tuple(followed) if settings.vacf else (),
        n_alone=n_alone,
    )


def _md_job(
    folder: Path,
    inputs: Mapping[str, str | Path],
    command: str,
    plan: md.MdPlan,
    **of: Any,
) -> MdJob:
    return MdJob(
        folder=folder,
        inputs=inputs,
        command=md.command(lammps_command(command), plan.results),
        results=(*plan.results, LOG),
        logs=(LOG,),
        steps=plan.total_steps,
        optional=(md.STOPPED,),
        plan=plan,
        **of,
    )


def parity_job(
    params: Params, places: Places, graphs: Sequence[Path], command: str
) -> ParityJob | None:
    """The errors of the models on the held-out data; None where there is no such data.

    One job, for to begin costs more than to test.
    """
    data = [(link_name(i, one), one) for i, one in enumerate(params.validation_data_sys)]
    if not data:
        return None
    tests = [
        f"test -m ../{graph.name} -s ../{DATA}/{name} -n 0 -d {details(model, index)}"
        for model, graph in enumerate(graphs)
        for index, (name, _) in enumerate(data)
    ]
    origin = {
        "models": {graph.name: digest(graph) for graph in graphs},
        "data": {str(path): digest(*_data_files(path)) for _, path in data},
    }
    files = [
        file
        for model in range(len(graphs))
        for index in range(len(data))
        for file in detail_files(model, index)
    ]
    return ParityJob(
        folder=places.parity / "test",
        inputs={ORIGIN: _json(origin)},
        command=f"{{ {dp.chained(command, tests)}; }} > {TEST_LOG} 2>&1",
        results=(*files, TEST_LOG),
        logs=(TEST_LOG,),
    )


def details(model: int, index: int) -> str:
    """The prefix of the files in which ``dp test`` leaves a model's errors on a data set."""
    return f"model_{model:03d}_{index:03d}"


def detail_files(model: int, index: int) -> tuple[str, str]:
    """Its files of energies (eV) and of forces (eV/Angstrom)."""
    return f"{details(model, index)}.e.out", f"{details(model, index)}.f.out"


def link_name(index: int, data: Path) -> str:
    """The name by which jobs know a data set; that of a file tells its format."""
    return f"{index:03d}{data.suffix if data.is_file() else ''}"


def _data_files(data: Path) -> list[Path]:
    """The files of a data set, be it a folder, of one system or more, or one file."""
    if data.is_file():
        return [data]
    return sorted(file for pattern in ("set.*/*.npy", "type*.raw") for file in data.rglob(pattern))


def link_models(folder: Path, graphs: Sequence[Path]) -> list[str]:
    """Have the jobs in a folder find the models; the links' names."""
    for graph in graphs:
        _link(folder / graph.name, graph)
    return [graph.name for graph in graphs]


def link_data(folder: Path, data: Sequence[Path]) -> list[str]:
    """Have the jobs in a folder find the held-out data; the files, relative to the folder."""
    found = []
    for index, one in enumerate(data):
        link = folder / DATA / link_name(index, one)
        _link(link, one.resolve())
        inside = [link / file.relative_to(one) for file in _data_files(one)]
        found += [str(file.relative_to(folder)) for file in inside] or [str(link)]
    return found


def _link(link: Path, target: Path) -> None:
    """A relative link, so that the run's folder can be moved."""
    link.parent.mkdir(parents=True, exist_ok=True)
    wanted = os.path.relpath(target, link.parent)
    if link.is_symlink() and str(link.readlink()) == wanted:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(wanted)


def _json(content: object) -> str:
    return json.dumps(content, indent=1) + "\n"
