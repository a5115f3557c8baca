"""The user's own PLUMED lines, read by PLUMED before anything is written or submitted."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wtemlp.config.records import ExploreJob, Machines, Params
from wtemlp.config.schema.section import show
from wtemlp.config.structures import starting_structure
from wtemlp.config.templates.includes import place as at
from wtemlp.core.errors import InputError
from wtemlp.dispatch.staging import forwarded
from wtemlp.lammps_plumed import kernel, plumed_trial
from wtemlp.preflight.installed_engines import is_local

#: What depends on the PLUMED at hand, and on what is there when it runs.
_ELSEWHERE = re.compile(
    r"is not known|cannot understand|cannot be found|missing file|cannot open|Could not load"
    r"|not (?:installed|compiled|available)|ended without a word",
    re.IGNORECASE,
)
_NOT_LOADED = re.compile(r"Could not load library (\S+)")
LONGEST = 300  #: characters of PLUMED's words


@dataclass(frozen=True)
class RefusedLines:
    """What PLUMED does not accept."""

    error: InputError
    certain: bool  #: False: the PLUMED that will read it, elsewhere, may know better


def jobs_with_lines(params: Params) -> list[int]:
    """The entries of ``model_devi_jobs`` that have PLUMED lines of the user's own."""
    return [index for index, job in enumerate(params.jobs) if job.wte.extra.lines]


def refusals(params: Params, machines: Machines | None, root: Path) -> Iterator[RefusedLines]:
    """What PLUMED does not accept, one for each entry of ``model_devi_jobs`` at most.

    Parameters
    ----------
    params : Params
    machines : Machines, optional
        None: it is not known where the walkers will run.
    root : Path
        The run's folder.

    Raises
    ------
    MissingEngine
        If there is no PLUMED on this machine.
    InputError
        If a starting structure cannot be read.
    """
    indices = jobs_with_lines(params)
    if not indices:
        return
    library = kernel.find_kernel()
    here = machines is not None and _embedded(machines)
    files = () if machines is None else forwarded(machines.model_devi, root)
    seen: dict[plumed_trial.Trial, str] = {}  # a PLUMED takes half a second to begin
    for index in indices:
        job = params.jobs[index]
        text = plumed_trial.generated_input(job.wte, job.temps_K[0])
        for n_atoms in _sizes(params, job):
            trial = plumed_trial.Trial(
                text, job.wte.extra.lines, n_atoms, params.timestep_ps, root, files
            )
            if trial not in seen:
                seen[trial] = plumed_trial.refusal(trial, library)
            if words := seen[trial]:
                certain = here or not _ELSEWHERE.search(words)
                yield RefusedLines(refused_by_plumed(params, index, n_atoms, words), certain)
                break


def _embedded(machines: Machines) -> bool:
    """Whether the walkers run here, with the PLUMED that was found here."""
    section = machines.model_devi
    return is_local(section) and shlex.split(section.command)[:2] == ["wtemlp", "lmp"]


def _sizes(params: Params, job: ExploreJob) -> list[int]:
    """Numbers of atoms of the structures that an exploration starts from."""
    files = [file for system in job.sys_idx for file in params.sys_configs[system]]
    return sorted({starting_structure(params, file).n_atoms for file in files})


def refused_by_plumed(params: Params, index: int, n_atoms: int, words: str) -> InputError:
    """The line for the user: file, key, value, and PLUMED's words."""
    extra = params.jobs[index].wte.extra
    place, where = plumed_trial.guilty(words, extra), f"model_devi_jobs[{index}].wte"
    if place is not None:
        key = f"plumed, {at(extra.lines, place)}: {extra.lines.splitlines()[place].strip()}"
    elif extra.variables:
        names = show([variable.name for variable in extra.variables])
        key = f"variables = {names}"
    else:
        key = f"plumed = {show(extra.lines)}"
    remedy = f"; {hint}" if (hint := _about_libraries(words)) else ""
    words = words if len(words) <= LONGEST else words[: LONGEST - 3] + "..."
    return InputError(
        params.source.name, f"{where}.{key}", f"PLUMED ({n_atoms} atoms) says: {words}{remedy}"
    )


def _about_libraries(words: str) -> str:
    """What to do about a LOAD that failed."""
    if found := _NOT_LOADED.search(words):
        name = found[1]
        return "" if "/" in name else f"write FILE=./{name}: else only the system's are looked for"
    if "mklib" in words:
        return "compile it with `plumed mklib` where the walkers run, and load the library (.so)"
    return ""
