"""A short unbiased run with the reference, from one of the starting structures."""

from collections.abc import Mapping
from pathlib import Path

from wtemlp.config.records import Params
from wtemlp.config.structures import starting_structure
from wtemlp.core.seeds import derive_seed
from wtemlp.dispatch.tasks import Task
from wtemlp.md import reference_runs
from wtemlp.md.reference_script import LOG, SCRIPT, lammps_command
from wtemlp.md.systems.system_input import write_files
from wtemlp.reference.sampler import Sampler, system_of

Files = Mapping[str, str | Path]


def inputs(
    params: Params,
    sampler: Sampler,
    structure: Path,
    temperature_K: float,
    steps: int,
    pressure_bar: float | None = None,
    barostat: str = "iso",
) -> Files:
    """The input files of the run, by their names: text, or a file to be copied.

    Parameters
    ----------
    params : Params
    sampler : Sampler
        What does MD.
    structure : Path
        File in the parameter file's ``sys_format``.
    temperature_K : float
    steps : int
    pressure_bar : float, optional
        That is held; by default the volume is.
    barostat : str
        LAMMPS's word for what changes of the cell.

    Raises
    ------
    InputError
        If the structure cannot be read, or run with the reference.
    """
    system = system_of(sampler, starting_structure(params, structure), data=reference_runs.BOX_DATA)
    script = reference_runs.nvt(
        system,
        temperature_K=temperature_K,
        timestep_fs=1e3 * params.timestep_ps,
        steps=steps,
        pressure_bar=pressure_bar,
        barostat=barostat,
        velocity_seed=derive_seed(params.seed, "plan", "velocity"),
        thermostat_seed=derive_seed(params.seed, "plan", "thermostat"),
    )
    return {SCRIPT: script, **system.files}


def task(folder: Path, files: Files, command: str, steps: int) -> Task:
    """Write the inputs into a folder, which is made, and say how to run them.

    Parameters
    ----------
    folder : Path
    files : mapping
        Of :func:`inputs`.
    command : str
        The LAMMPS program, as ``wtemlp lmp``.
    steps : int
        For the progress.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_files(folder, files)
    return Task(
        name=folder.name,
        folder=folder,
        command=lammps_command(command),
        forward=tuple(files),
        backward=(reference_runs.ENERGIES, LOG),
        logs=(LOG,),
        steps=steps,
    )
