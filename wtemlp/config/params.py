"""Reading the parameter file of ``wtemlp run``."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from wtemlp.config import foreign
from wtemlp.config.criteria import read_criteria, read_trust_levels
from wtemlp.config.data.files import below_a_prefix, data_entries
from wtemlp.config.data.report import INIT, VALIDATION, DataReport, look_at_data
from wtemlp.config.elements import odd_masses, read_mass_map, read_type_map
from wtemlp.config.foreign import foreign_problems, is_foreign
from wtemlp.config.jobs import read_job
from wtemlp.config.label_files import check_label_keys, label_file_problems
from wtemlp.config.md_options import read_md_options
from wtemlp.config.plain_md import read_timestep
from wtemlp.config.records import (
    AseMethod,
    Convergence,
    ForceField,
    Params,
    Selection,
)
from wtemlp.config.schema.dpgen_schema import ASE, FP_STYLE
from wtemlp.config.schema.ignored import ignored
from wtemlp.config.schema.plugin_keys import EXPLORER_KEYS, read_run_file, read_selector
from wtemlp.config.schema.section import MAX_SEED, Section
from wtemlp.config.schema.unsupported import refuse_unsupported
from wtemlp.config.structures import ExaminedStructures, examine_structures, read_format
from wtemlp.config.systems import (
    missing_structures,
    read_sys_configs,
)
from wtemlp.config.training import check_training, model_suffix
from wtemlp.config.training_input import check_training_input
from wtemlp.config.training_start import check_training_start, start_problems
from wtemlp.config.validation import with_validation
from wtemlp.config.wte import read_force_field
from wtemlp.core.errors import InputError, NotRunnable

DEFAULT_TIMESTEP_PS = 0.001
RATIO_FAILED = 0.05  #: DP-GEN's code, its schema has no default

_OWN_KEYS = (
    "seed",
    "convergence",
    "validation_data_sys",
    "selection",
    "validation",
    EXPLORER_KEYS,
)


def load_params(path: Path, root: Path, check_files: bool = True) -> Params:
    """Read and check a parameter file.

    Parameters
    ----------
    path : Path
        The file.
    root : Path
        The run's folder: relative paths in the file are relative to it.
    check_files : bool
        Whether the data and structures that the file names must exist and fit.

    Returns
    -------
    Params
        What the file says, defaults filled in.

    Raises
    ------
    InputError
        At the first mistake.  Nothing is written.
    """
    root = root.absolute()  # the record's paths hold wherever it is used
    params = read_run_file(path)
    refuse_unsupported(params)
    check_label_keys(params)
    record = with_validation(params, _read(params, path, root, check_files))
    _check_data_lists(params, record)
    check_training(params, record.type_map)
    record = replace(record, warnings=(*record.warnings, *check_training_input(params)))
    check_training_start(params)
    if check_files:
        data = look_at_data(params, root, record.type_map)
        if data.problems:
            raise _first(data.problems)
        record = replace(record, warnings=(*record.warnings, *data.warnings))
        examined = _structures(params, record)
        for problem in (*examined.problems, *_other_problems(params, root)):
            raise problem
        record = replace(record, warnings=(*record.warnings, *examined.notes))
    return record


def _first(problems: Sequence[InputError]) -> InputError:
    """The first of some problems, with the number of the others."""
    first, more = problems[0], len(problems) - 1
    told = f" (and {more} more, which `wtemlp check` tells)" if more else ""
    return InputError(first.where, first.problem, first.remedy + told)


def _structures(params: Section, record: Params) -> ExaminedStructures:
    """What is found in the structures that MD of a run or its validation starts from."""
    if is_foreign(params):
        return ExaminedStructures((), ())
    used = {index for job in record.jobs for index in job.sys_idx}
    if record.validation.system is not None:
        used.add(record.validation.system)
    return examine_structures(record, used)


def look_at_files(
    record: Params, root: Path
) -> tuple[DataReport, list[InputError], tuple[str, ...]]:
    """All that is wrong with the data, structures and other files that a parameter file names.

    Parameters
    ----------
    record : Params
        The file, loaded without a look at these.
    root : Path
        The run's folder.

    Returns
    -------
    DataReport
        Of the initial and the validation data.
    list of InputError
        Of the rest: one at most for each structure and each file that the ``fp_style`` names.
    tuple of str
        What structures have and MD does not get.
    """
    params = read_run_file(record.source)
    used = {index for job in record.jobs for index in job.sys_idx}
    if record.validation.system is not None:
        used.add(record.validation.system)
    examined = _structures(params, record)
    problems = [
        *([] if is_foreign(params) else missing_structures(params, root, used)),
        *examined.problems,
        *_other_problems(params, root),
    ]
    return look_at_data(params, root, record.type_map), problems, examined.notes


def _other_problems(params: Section, root: Path) -> Iterator[InputError]:
    """What is wrong with the files that the labels, the training and the engine need."""
    yield from label_file_problems(params, root)
    yield from start_problems(params, root)
    yield from foreign_problems(params, root)


def _read(params: Section, path: Path, root: Path, check_files: bool) -> Params:
    type_map = read_type_map(params)
    mass_map = read_mass_map(params, type_map)
    seed, timestep_ps = params.integer("seed", 0, MAX_SEED), _read_timestep(params)
    numb_models = _read_numb_models(params, len(params["model_devi_jobs"]))
    ratio_failed = params.fraction("ratio_failed") if "ratio_failed" in params else RATIO_FAILED
    convergence, selection = _read_convergence(params), _read_selection(params)
    lo, hi = read_trust_levels(params)
    force_field = _read_reference(params, type_map)
    task_max, task_min = _read_task_numbers(params)
    # The last: they may have scripts that are not there, while the rest of the file is to be told.
    entries = params.sections("model_devi_jobs")
    if is_foreign(params):
        jobs = foreign.read_jobs(params)
        criteria = foreign.read_criteria(params, len(jobs), task_max, task_min)
    else:
        foreign.check_styles(params)
        jobs = tuple(read_job(params, job, root) for job in entries)
        criteria = tuple(
            read_criteria(params, entry, job.sys_idx, task_max, task_min)
            for entry, job in zip(entries, jobs, strict=True)
        )
    used = {index for job in jobs for index in job.sys_idx}
    return Params(
        source=path,
        jdata=_dpgen_view(params, mass_map, root),
        seed=seed,
        type_map=type_map,
        mass_map=mass_map,
        init_data_sys=tuple(entry.path for entry in data_entries(params, INIT, root)),
        validation_data_sys=tuple(entry.path for entry in data_entries(params, VALIDATION, root)),
        sys_configs=read_sys_configs(params, root, used, check_files),
        sys_format=read_format(params),
        numb_models=numb_models,
        dp_compress=params["dp_compress"],
        f_trust_lo=lo,
        f_trust_hi=hi,
        jobs=jobs,
        timestep_ps=timestep_ps,
        fp_style=params["fp_style"],
        force_field=force_field,
        ase_method=_read_ase_method(params),
        fp_task_max=task_max,
        fp_task_min=task_min,
        ratio_failed=ratio_failed,
        convergence=convergence,
        criteria=criteria,
        md=read_md_options(params),
        model_suffix=model_suffix(params),
        warnings=(*odd_masses(params, type_map, mass_map), *ignored(params)),
        engine=params.get("model_devi_engine", "lammps"),
        explorer_params=params.get(EXPLORER_KEYS, {}),
        selection=selection,
    )


def _dpgen_view(params: Section, mass_map: tuple[float, ...], root: Path) -> dict[str, Any]:
    """The dictionary that DP-GEN's own steps can be handed."""
    data = params.data
    jdata = {key: value for key, value in data.items() if key not in _OWN_KEYS}
    if jdata.get("model_devi_engine") not in foreign.FOREIGN:
        jdata["model_devi_engine"] = "lammps"
    jdata["model_devi_jobs"] = [
        {key: value for key, value in job.items() if key != "wte"}
        for job in data["model_devi_jobs"]
    ]
    jdata["mass_map"] = list(mass_map)
    # Optional in DP-GEN's schema, but its code needs it.
    jdata.setdefault("init_data_prefix", ".")
    found = data_entries(params, INIT, root)
    jdata["init_data_prefix"], jdata[INIT] = below_a_prefix(found, root, jdata["init_data_prefix"])
    if isinstance(sizes := jdata.get("init_batch_size"), list) and len(sizes) >= len(data[INIT]):
        jdata["init_batch_size"] = [sizes[entry.index] for entry in found]
    jdata.setdefault("ratio_failed", RATIO_FAILED)
    return jdata


def _read_numb_models(params: Section, n_jobs: int) -> int:
    models = params.integer("numb_models")
    if models < 2 and n_jobs:
        remedy = "must be 2 or more: frames are chosen by the models' deviation (4 is usual)"
        raise params.wrong("numb_models", remedy)
    return models


def _read_timestep(params: Section) -> float:
    """The time step, ps; LAMMPS's own where the engine has none."""
    key = "model_devi_dt"
    return read_timestep(params, key) if key in params else DEFAULT_TIMESTEP_PS


def _read_task_numbers(params: Section) -> tuple[int, int]:
    task_max, task_min = params.integer("fp_task_max"), params.integer("fp_task_min", 0)
    if task_min > task_max:
        remedy = f"must not be above fp_task_max ({task_max}): no frame would ever be labelled"
        raise params.wrong("fp_task_min", remedy)
    return task_max, task_min


def _read_convergence(params: Section) -> Convergence | None:
    if "convergence" not in params:
        return None
    section = params.section("convergence")
    return Convergence(
        accurate_ratio=section.fraction("accurate_ratio"), iterations=section.integer("iterations")
    )


def _read_selection(params: Section) -> Selection:
    if "selection" not in params:
        return Selection()
    section = params.section("selection")
    return replace(
        read_selector(params, section),
        energy_bins=section.integer("energy_bins") if "energy_bins" in section else None,
        min_steps_apart=section.steps("min_steps_apart"),
    )


def _read_reference(params: Section, type_map: tuple[str, ...]) -> ForceField | None:
    if params["fp_style"] != FP_STYLE:
        return None
    force_field = read_force_field(params.section("fp_params"), "force_field")
    if set(type_map) != {"O", "H"}:
        remedy = f'must be O and H, in any order: the reference is water ("{force_field.name}")'
        raise params.wrong("type_map", remedy)
    return force_field


def _read_ase_method(params: Section) -> AseMethod | None:
    if params["fp_style"] != ASE:
        return None
    section = params.section("fp_params")
    path = section["calculator"]
    if "." not in path or not all(part.isidentifier() for part in path.split(".")):
        remedy = 'must be the import path of a class, as "ase.calculators.emt.EMT"'
        raise section.wrong("calculator", remedy)
    return AseMethod(path, section["kwargs"], section["periodic"])


def _check_data_lists(params: Section, record: Params) -> None:
    if not record.init_data_sys:
        raise params.wrong("init_data_sys", "must name one folder of labelled data or more")
    _check_batch_sizes(params, "init_batch_size", "init_data_sys", fewer=False)
    _check_batch_sizes(params, "sys_batch_size", "sys_configs", fewer=True)
    for index, path in enumerate(record.validation_data_sys):
        if path in record.init_data_sys:
            remedy = "is trained on (init_data_sys): validation needs data of its own"
            raise params.wrong("validation_data_sys", remedy, index)


def _check_batch_sizes(params: Section, key: str, of: str, *, fewer: bool) -> None:
    """What DP-GEN's preparation of a training takes; it does not look at sizes to spare."""
    if key not in params:
        return
    sizes, n = params[key], len(params[of])
    if not isinstance(sizes, list) or (len(sizes) < n and not fewer):
        remedy = f"must be a list of one batch size per item of {of} ({n})"
        raise NotRunnable.of(params.wrong(key, remedy))
    for index, size in enumerate(sizes):
        if size != "auto" and (isinstance(size, str) or size < 1):
            raise params.wrong(key, 'must be a positive integer or "auto"', index)
