"""All that a validation is to do."""

from dataclasses import dataclass, replace
from pathlib import Path

from wtemlp.config.records import Machines, Params
from wtemlp.config.validation import for_box
from wtemlp.core.errors import InputError
from wtemlp.reference.sampler import sampler_section
from wtemlp.validation import jobs
from wtemlp.validation.folders import Places, find_models
from wtemlp.validation.jobs import MdJob, ParityJob
from wtemlp.validation.structure import ValidationStructure, read_structure


@dataclass(frozen=True)
class Work:
    """All that a validation is to do, found before anything is written."""

    params: Params
    machines: Machines
    places: Places
    graphs: tuple[Path, ...]
    structure: ValidationStructure
    models: tuple[MdJob, ...]
    reference: tuple[MdJob, ...]
    parity: ParityJob | None


def plan_work(params: Params, machines: Machines, root: Path, iteration: int | None) -> Work:
    """Look at the models, the structure and the settings.

    Raises
    ------
    InputError
        If a validation cannot be made of them; nothing has been written.
    """
    number, graphs = find_models(root, iteration, params.numb_models)
    if not params.validation.temps_K:
        raise InputError(
            f"{params.source.name}: validation.temps",
            "is missing, and the explorations have no temperature",
            "add it: a list (K)",
        )
    if params.electrons:
        raise InputError(
            f"{params.source.name}: use_ele_temp",
            "is on, and the MD of a validation gives the models no electron temperature",
            "validate by hand",
        )
    structure = read_structure(params, root)
    settings = for_box(params.validation, len(structure.elements), params.timestep_ps)
    params = replace(params, validation=replace(settings, variables=structure.variables))
    places = Places(root, number)
    command, of_reference = machines.model_devi.command, sampler_section(params, machines)
    return Work(
        params=params,
        machines=machines,
        places=places,
        graphs=tuple(graphs),
        structure=structure,
        models=tuple(jobs.model_jobs(params, places, graphs, structure, command)),
        reference=tuple(jobs.reference_jobs(params, places, structure, of_reference.command)),
        parity=jobs.parity_job(params, places, graphs, machines.train.command),
    )
