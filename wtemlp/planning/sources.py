"""Unbiased runs that are there already: found in a run's folder, or named by the user."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wtemlp.analysis.energy import equilibrated
from wtemlp.config.records import Params
from wtemlp.core import paths
from wtemlp.core.atomic_io import read_record
from wtemlp.core.errors import CalculationError, InputError
from wtemlp.core.units import ENERGY_IN_EV
from wtemlp.md import colvar, walker_record
from wtemlp.md.lammps_log import longest_run
from wtemlp.md.reference_runs import ENERGIES
from wtemlp.md.reference_script import LOG, SCRIPT
from wtemlp.md.systems.units import units_of_script
from wtemlp.planning.tables import even_rows, fields, numbers
from wtemlp.records.init_result import EQUILIBRATE, RESULT

MODELS = "the models"
REFERENCE = "the reference force field"
ANOTHER = "name another unbiased run with --from PATH, or do one with --steps"
INIT_NVT = Path(EQUILIBRATE) / "nvt" / ENERGIES  #: energies of NVT in an init folder


@dataclass(frozen=True)
class UnbiasedRun:
    """Energies of one system at one temperature without a bias, and what their steps cost."""

    where: str  #: for people
    engine: str  #: what gave the energies; "" if it is not known
    energies_eV: tuple[NDArray[np.float64], ...]  #: of each run, without its equilibration
    spacing_ps: float
    temperature_K: float
    system: int | None  #: of ``sys_configs``, if it is known
    n_atoms: int | None
    seconds_per_step: float | None
    pressure_held: bool | None = None  #: whether it is at constant pressure, if that is known


def find(params: Params, root: Path) -> list[UnbiasedRun]:
    """The newest unbiased runs of a run's folder.

    Parameters
    ----------
    params : Params
    root : Path
        The run's folder.

    Returns
    -------
    list of UnbiasedRun
        The NVT parts of the newest exploration, one for each system and temperature; else the NVT
        run of the init folder that the data or the structures are from; else nothing.
    """
    for iteration in sorted(root.glob("iter.*"), reverse=True):
        tasks = _finished_tasks(iteration / "01.model_devi")
        if tasks:
            return _of_tasks(tasks, root)
    named = [*params.init_data_sys, *(file for files in params.sys_configs for file in files)]
    for folder in dict.fromkeys(parent for path in named for parent in path.parents):
        if (folder / RESULT).is_file() and (found := _of_init(folder, root)):
            return found
    return []


def read(
    path: Path, params: Params, root: Path, unit: str | None, temperature_K: float | None
) -> list[UnbiasedRun]:
    """The unbiased runs of a file or folder that the user names.

    Parameters
    ----------
    path : Path
        A folder of explorations or of one of them, an init folder, or a file of energies.
    params : Params
    root : Path
        The run's folder.
    unit : str, optional
        Of the energies of a file: a name of :data:`wtemlp.core.units.ENERGY_IN_EV`.
    temperature_K : float, optional
        Of a file; by default the one temperature of the parameter file.

    Raises
    ------
    InputError
        If there is nothing, it cannot be read, or it is of a biased run.
    """
    if not path.exists():
        raise InputError(str(path), "no such file or folder", "give the path of an unbiased run")
    folder = path if path.is_dir() else path.parent
    if path.name in (paths.COLVAR_NVT, folder.name) and (folder / paths.JOB).is_file():
        return _of_tasks([folder], root)
    energies = path / ENERGIES if path.is_dir() else path
    if energies.name == ENERGIES and energies.is_file() and (made := _init_folder(energies)):
        runs = [run for run in _of_init(made, root) if (root / run.where).samefile(energies)]
        if not runs:
            remedy = f"give an unbiased one, or the folder of wtemlp init: {made}"
            raise InputError(str(path), "is of a run with a bias, or one without frames", remedy)
        return runs
    if path.is_file():
        return [_of_file(path, params, root, unit, temperature_K)]
    if (folder / RESULT).is_file() and (found := _of_init(folder, root)):
        return found
    for exploration in (folder, folder / "01.model_devi", *_newest_first(folder)):
        if tasks := _finished_tasks(exploration):
            return _of_tasks(tasks, root)
    raise InputError(
        str(path),
        "no unbiased run is in this folder",
        f"give an exploration task, an init folder ({RESULT}), or a file of energies",
    )


def _newest_first(root: Path) -> list[Path]:
    return [folder / "01.model_devi" for folder in sorted(root.glob("iter.*"), reverse=True)]


def _init_folder(energies: Path) -> Path | None:
    """The init folder that a file of energies is in."""
    parents = energies.absolute().parents
    return next((one for one in list(parents)[:4] if (one / RESULT).is_file()), None)


def _finished_tasks(exploration: Path) -> list[Path]:
    """Exploration tasks whose NVT part has ended: LAMMPS has written sigma then."""
    tasks = sorted(exploration.glob("task.*"))
    return [
        task for task in tasks if (task / paths.SIGMA).is_file() and (task / paths.JOB).is_file()
    ]


def _of_tasks(tasks: Sequence[Path], root: Path) -> list[UnbiasedRun]:
    """The unbiased parts of exploration tasks, those of the same conditions together."""
    groups: dict[_Conditions, list[Path]] = {}
    for task in tasks:
        try:
            made = walker_record.read_record(task)
        except CalculationError:
            raise InputError(str(task / paths.JOB), "is damaged", ANOTHER) from None
        if made.temperature_K is not None:  # a template may be the only one that knows it
            pressure = math.inf if made.pressure_bar is None else made.pressure_bar
            groups.setdefault((made.system, made.temperature_K, pressure), []).append(task)
    return [_of_group(group, key, root) for key, group in sorted(groups.items())]


#: System, temperature (K) and pressure (bar; infinite: the volume is held) of walkers.
_Conditions = tuple[int, float, float]


def _of_group(tasks: Sequence[Path], conditions: _Conditions, root: Path) -> UnbiasedRun:
    system, temperature_K, pressure_bar = conditions
    held = math.isfinite(pressure_bar)
    series, spacing_ps = [], 0.0
    for task in tasks:
        file = task / paths.COLVAR_NVT
        table = colvar.read_series(file)
        if not table:
            raise InputError(str(file), "holds no energies", "give another run")
        times, spacing_ps = even_rows(table["time"], file)
        series.append(equilibrated(table["ene"][times]))
    loop = longest_run(tasks[0] / paths.LMP_LOG)
    more = f" and {len(tasks) - 1} more like it" if len(tasks) > 1 else ""
    return UnbiasedRun(
        where=f"the {'unbiased' if held else 'NVT'} part of {_shown(tasks[0], root)}{more}"
        + (f", at {pressure_bar:g} bar" if held else ""),
        engine=MODELS,
        energies_eV=tuple(series),
        spacing_ps=spacing_ps,
        temperature_K=temperature_K,
        system=system,
        n_atoms=loop.n_atoms if loop else None,
        seconds_per_step=loop.seconds_per_step if loop else None,
        pressure_held=held,
    )


def _of_init(folder: Path, root: Path) -> list[UnbiasedRun]:
    """The runs without a bias whose frames are in the initial data."""
    file = folder / RESULT
    try:
        made = read_record(file, ANOTHER)
        systems = made.get("result", {}).get("systems", [])
        runs = [run for one in systems for run in one["runs"] if run["biasfactor"] == 1]
        given = [
            (Path(run["folder"]), run["held_K"], run["timestep_fs"])
            for run in runs
            if run["folder"] and run["n_asked"]
        ]
        if not given and "temperature_K" in made["parameters"]:  # a box of water
            of = made["parameters"]
            given = [(INIT_NVT.parent, of["temperature_K"], of["timestep_fs"])]
        told = [(one, float(held_K), float(step_fs)) for one, held_K, step_fs in given]
    except (KeyError, TypeError, ValueError):
        raise InputError(str(file), "is damaged: its parameters", ANOTHER) from None
    return [
        of_reference(
            folder / one / ENERGIES,
            temperature_K=held_K,
            timestep_ps=1e-3 * step_fs,
            system=None,
            root=root,
        )
        for one, held_K, step_fs in told
        if (folder / one / ENERGIES).is_file()
    ]


def of_reference(
    energies: Path,
    *,
    temperature_K: float,
    timestep_ps: float,
    system: int | None,
    root: Path,
    pressure_bar: float | None = None,
) -> UnbiasedRun:
    """A run with the reference force field, whose equilibration was not recorded.

    Parameters
    ----------
    energies : Path
        As the scripts of :mod:`wtemlp.md.reference_runs` write them, the log beside them.
    temperature_K, timestep_ps : float
        Of the run.
    system : int, optional
        Its system of ``sys_configs``.
    root : Path
        The run's folder.
    pressure_bar : float, optional
        That was held; by default the volume was.
    """
    table = numbers(energies)
    if table.shape[1] < 3:
        raise InputError(str(energies), "must have three columns: step, temperature, energy")
    rows, spacing = even_rows(table[:, 0], energies)
    loop = longest_run(energies.with_name(LOG))
    return UnbiasedRun(
        where=_shown(energies, root)
        + ("" if pressure_bar is None else f", at {pressure_bar:g} bar"),
        engine=REFERENCE,
        energies_eV=(table[rows, 2] * units_of_script(energies.with_name(SCRIPT)).energy_eV,),
        spacing_ps=spacing * timestep_ps,
        temperature_K=temperature_K,
        system=system,
        n_atoms=loop.n_atoms if loop else None,
        seconds_per_step=loop.seconds_per_step if loop else None,
        pressure_held=pressure_bar is not None,
    )


def _of_file(
    path: Path, params: Params, root: Path, unit: str | None, temperature_K: float | None
) -> UnbiasedRun:
    """A file of the user's: two columns, or a COLVAR; its first quarter is left out."""
    if unit is None:
        known = ", ".join(ENERGY_IN_EV)
        raise InputError(
            str(path), "the unit of its energies is not known", f"add --unit, one of: {known}"
        )
    names = fields(path)
    biased = next((name for name in names if name.endswith("bias")), None)
    if biased is not None:
        raise InputError(
            str(path), f"has a column {biased}: it is of a biased run", "give an unbiased one"
        )
    table = numbers(path)
    columns = 2 if not names else len(names)
    if table.shape[1] != columns or columns < 2:
        raise InputError(
            str(path),
            f"has {table.shape[1]} columns",
            "must have two: MD step and energy, or be a COLVAR with time and energy",
        )
    column = names.index("ene") if "ene" in names else 1
    if not names and (table[:, 0] != np.rint(table[:, 0])).any():
        raise InputError(
            str(path),
            "its first column is not the MD step",
            'add a header "#! FIELDS time ene" if it is the time in ps',
        )
    rows, spacing = even_rows(table[:, 0], path)
    loop = longest_run(path.with_name(LOG))
    return UnbiasedRun(
        where=f"{_shown(path, root)} without its first quarter",
        engine="",
        energies_eV=(equilibrated(table[rows, column] * ENERGY_IN_EV[unit]),),
        spacing_ps=spacing * (1.0 if names else params.timestep_ps),
        temperature_K=temperature_of(params, temperature_K, path),
        system=None,
        n_atoms=loop.n_atoms if loop else None,
        seconds_per_step=loop.seconds_per_step if loop else None,
    )


def temperature_of(params: Params, given_K: float | None, path: Path) -> float:
    """The temperature that the user gave, or the only one of the parameter file."""
    if given_K is not None:
        return given_K
    temperatures = sorted({t for job in params.jobs for t in job.temps_K})
    if len(temperatures) == 1:
        return temperatures[0]
    known = ", ".join(f"{t:g}" for t in temperatures) or "none"
    raise InputError(
        str(path),
        f"its temperature is not known ({params.source.name} has {known})",
        "add --temperature, in K",
    )


def _shown(path: Path, root: Path) -> str:
    """A path for people: short where it is in the run's folder."""
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
