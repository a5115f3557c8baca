"""A short unbiased run with the reference force field, from one of the starting structures."""

from pathlib import Path

from wtemlp.config.records import Params
from wtemlp.config.structures import starting_structure
from wtemlp.core.atomic_io import write_text
from wtemlp.core.errors import InputError
from wtemlp.core.seeds import derive_seed
from wtemlp.dispatch.tasks import Task
from wtemlp.md import reference_runs
from wtemlp.md.reference_script import LOG, SCRIPT, lammps_command, water_data
from wtemlp.md.topology import make_whole, water_topology


def inputs(params: Params, structure: Path, temperature_K: float, steps: int) -> dict[str, str]:
    """The input files of the run, as name to text.

    Parameters
    ----------
    params : Params
        With ``fp_style`` ``lammps``.
    structure : Path
        File in the parameter file's ``sys_format``.
    temperature_K : float
    steps : int

    Raises
    ------
    InputError
        If the structure is not water, or cannot be read.
    """
    if params.force_field is None:
        raise ValueError("there is no reference force field")
    system = starting_structure(params, structure).system()
    try:
        coords, cell, types = system["coords"][:1], system["cells"][:1], system["atom_types"]
        topology = water_topology(types, coords[0], cell[0], params.type_map)
    except ValueError as error:
        raise InputError(
            str(structure), f"cannot be run with the reference force field ({error})"
        ) from None
    whole = make_whole(coords, cell, topology)[0]
    script = reference_runs.nvt(
        params.force_field,
        temperature_K=temperature_K,
        timestep_fs=1e3 * params.timestep_ps,
        steps=steps,
        velocity_seed=derive_seed(params.seed, "plan", "velocity"),
        thermostat_seed=derive_seed(params.seed, "plan", "thermostat"),
    )
    data = water_data(params.force_field, whole, cell[0], topology)
    return {SCRIPT: script, reference_runs.BOX_DATA: data}


def task(folder: Path, files: dict[str, str], command: str, steps: int) -> Task:
    """Write the inputs into a folder, which is made, and say how to run them.

    Parameters
    ----------
    folder : Path
    files : dict
        Of :func:`inputs`.
    command : str
        The LAMMPS program, as ``wtemlp lmp``.
    steps : int
        For the progress.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        write_text(folder / name, text)
    return Task(
        name=folder.name,
        folder=folder,
        command=lammps_command(command),
        forward=tuple(files),
        backward=(reference_runs.ENERGIES, LOG),
        logs=(LOG,),
        steps=steps,
    )
