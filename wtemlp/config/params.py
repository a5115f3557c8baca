"""Reading the parameter file of ``wtemlp run``."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from wtemlp.config import atoms, foreign
from wtemlp.config.by_system import files_by_system, in_place
from wtemlp.config.criteria import read_criteria, read_thresholds, read_trust_levels
from wtemlp.config.data.files import below_a_prefix, data_entries
from wtemlp.config.data.report import INIT, VALIDATION, DataReport, look_at_data
from wtemlp.config.elements import odd_masses, read_mass_map, read_type_map
from wtemlp.config.foreign import foreign_problems
from wtemlp.config.jobs import read_job
from wtemlp.config.keys.validation import ValidationSettings
from wtemlp.config.label_files import FORMATS, check_label_keys, label_file_problems
from wtemlp.config.plain_md import read_md_options
from wtemlp.config.records import TENSORFLOW, Criteria, ExploreJob, Params
from wtemlp.config.reference.reading import (
    check_labels,
    check_reference,
    read_reference,
    read_sampler,
    reference_problems,
)
from wtemlp.config.schema.dpgen_schema import FOREIGN, LAMMPS, SAMPLER, engine_of, is_foreign
from wtemlp.config.schema.ignored import ignored
from wtemlp.config.schema.own_keys import names, read
from wtemlp.config.schema.plugin_keys import EXPLORER_KEYS, read_run_file, read_selection
from wtemlp.config.schema.section import Section
from wtemlp.config.structures import look_at_structures, read_format
from wtemlp.config.systems import (
    read_sys_configs,
)
from wtemlp.config.templates.scripts import refuse_without_template
from wtemlp.config.training import check_training, model_suffix
from wtemlp.config.training_input import check_training_input
from wtemlp.config.training_start import check_training_start, read_reuse, start_problems
from wtemlp.config.validation import with_validation
from wtemlp.config.wte import too_few_hills
from wtemlp.core.errors import InputError, NotRunnable, together

DEFAULT_TIMESTEP_PS = 0.001
#: What each goes with, and whether it may have fewer items.
_BATCH_SIZES = {"init_batch_size": (INIT, False), "sys_batch_size": ("sys_configs", True)}
RATIO_FAILED = 0.05  #: DP-GEN's code, its schema has no default


@dataclass(frozen=True)
class FilesFound:
    """What is found in the files that a parameter file names."""

    data: DataReport  #: of the initial and the validation data
    problems: tuple[InputError, ...]  #: of the rest
    notes: tuple[str, ...]  #: what structures have and MD does not get


@dataclass(frozen=True)
class Examined:
    """A well-formed parameter file.

    Parameters
    ----------
    file : Section
        The file, checked against its schema.
    root : Path
        The run's folder.
    params : Params or None
        None: no run can be made of it.
    problems : tuple of NotRunnable
        Why not.
    """

    file: Section
    root: Path
    params: Params | None
    problems: tuple[NotRunnable, ...] = ()

    def look_at_files(self) -> "FilesFound":
        """All that is wrong with the data, structures and other files that it names.

        One problem at most for each structure and each file that is no data.
        """
        record, file, root = self.params, self.file, self.root
        assert record is not None
        problems: list[InputError] = []
        found, notes = look_at_structures(file, record, root)
        problems += [*found, *self.label_file_problems()]
        if SAMPLER in file:
            block = file.section(SAMPLER)
            problems += reference_problems(block, record.sampler, record.type_map, root)
        problems += [*start_problems(file, root), *foreign_problems(file, root)]
        return FilesFound(look_at_data(file, root, record.type_map), tuple(problems), notes)

    def record(self) -> Params:
        """What the file says.

        Raises
        ------
        NotRunnable
            If no run can be made of it.
        """
        if self.params is None:
            raise self.problems[0]
        return self.params

    def label_file_problems(self) -> list[InputError]:
        """The files that its ``fp_style`` names and that are not there."""
        found = label_file_problems(self.file, self.root)
        for system, section in files_by_system(self.file).items():
            for problem in label_file_problems(section, self.root):
                if str(problem) not in map(str, found):
                    found.append(in_place(problem, system))
        return found


def examine_params(path: Path, root: Path) -> Examined:
    """Look at a parameter file alone: its keys, their types and their values.

    Parameters
    ----------
    path : Path
        The file.
    root : Path
        The run's folder: relative paths in the file are relative to it.

    Raises
    ------
    InputError
        With all that is wrong, one line each: with keys and types, or else with what they mean.
    """
    root = root.absolute()  # the record's paths hold wherever it is used
    file = read_run_file(path)
    if features := tuple(_unsupported(file)):
        return Examined(file, root, None, features)
    try:
        record = _read(file, path, root)
        own = {
            system: _read_of_system(section, path, root, system)
            for system, section in files_by_system(file).items()
        }
        return Examined(file, root, replace(record, by_system=own))
    except NotRunnable as error:
        return Examined(file, root, None, (error,))
    except InputError as error:
        raise _with_all_others(file, root, error) from error


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
    examined = examine_params(path, root)
    params = examined.record()
    if not check_files:
        return params
    found = examined.look_at_files()
    if found.data.problems:
        raise _first(found.data.problems)
    for problem in found.problems:
        raise problem
    warnings = (*params.warnings, *found.data.warnings, *found.notes)
    return replace(params, warnings=warnings)


def _first(problems: Sequence[InputError]) -> InputError:
    """The first of some problems, with the number of the others."""
    first, more = problems[0], len(problems) - 1
    told = f" (and {more} more, which `wtemlp check` tells)" if more else ""
    return InputError(first.where, first.problem, first.remedy + told)


def _unsupported(params: Section) -> Iterator[NotRunnable]:
    """Every feature of a well-formed file that this version does not have."""
    yield from atoms.problems(params)
    try:
        refuse_without_template(params)
    except InputError as error:
        yield NotRunnable.of(error)


def _read_of_system(params: Section, path: Path, root: Path, system: int) -> Params:
    try:
        return _read(params, path, root)
    except InputError as error:
        raise in_place(error, system) from error


def _read(params: Section, path: Path, root: Path) -> Params:
    check_label_keys(params)
    type_map = read_type_map(params)
    mass_map = read_mass_map(params, type_map)
    numb_models = _read_numb_models(params, len(params["model_devi_jobs"]))
    lo, hi = read_trust_levels(params)
    reference = read_reference(params)
    check_reference(params, reference, type_map)
    check_labels(params, reference)
    if SAMPLER in params:
        check_reference(params.section(SAMPLER), read_sampler(params, reference), type_map)
    style = params["fp_style"]
    fp_params = Section(params.file, params.get("fp_params") or {}, ("fp_params",))
    task_max, task_min = _read_task_numbers(params)
    # The last: they may have scripts that are not there, while the rest of the file is to be told.
    jobs, criteria = _read_jobs(params, root, task_max, task_min)
    used = {index for job in jobs for index in job.sys_idx}
    record = read(
        Params,
        params,
        source=path,
        jdata=_dpgen_view(params, mass_map, root),
        type_map=type_map,
        mass_map=mass_map,
        init_data_sys=tuple(entry.path for entry in data_entries(params, INIT, root)),
        validation_data_sys=tuple(entry.path for entry in data_entries(params, VALIDATION, root)),
        sys_configs=read_sys_configs(params, root, used, check_files=False),
        sys_format=read_format(params),
        numb_models=numb_models,
        dp_compress=params["dp_compress"],
        f_trust_lo=lo,
        f_trust_hi=hi,
        jobs=jobs,
        timestep_ps=params.get("model_devi_dt", DEFAULT_TIMESTEP_PS),
        fp_style=style,
        reference=reference,
        sampler=read_sampler(params, reference),
        fp_task_max=task_max,
        fp_task_min=task_min,
        ratio_failed=float(params.get("ratio_failed", RATIO_FAILED)),
        criteria=criteria,
        md=read_md_options(params),
        model_suffix=model_suffix(params),
        warnings=(*odd_masses(params, type_map, mass_map), *ignored(params)),
        engine=engine_of(params),
        explorer_params=params.get(EXPLORER_KEYS, {}),
        selection=read_selection(params),
        by_atoms=atoms.by_atoms(params),
        electrons=atoms.with_electrons(params),
        train_backend=params.get("train_backend", TENSORFLOW),
        reuse=read_reuse(params),
        fp_files=tuple(params.get("fp_pp_files", ())),
        fp_formats={key: fp_params[key] for key in FORMATS if key in fp_params},
        validation=ValidationSettings(),
    )
    record = with_validation(params, record)
    _check_data_lists(params, record)
    more = (*_check_training(params), *too_few_hills(params.file, record.jobs))
    return replace(record, warnings=(*record.warnings, *more))


def _read_jobs(
    params: Section, root: Path, task_max: int, task_min: int
) -> tuple[tuple[ExploreJob, ...], tuple[Criteria, ...]]:
    """The explorations, and by what the frames of each are chosen."""
    if is_foreign(params):
        foreign_jobs = foreign.read_jobs(params)
        return foreign_jobs, foreign.read_criteria(params, len(foreign_jobs), task_max, task_min)
    foreign.check_styles(params)
    entries = params.sections("model_devi_jobs")
    jobs = tuple(read_job(params, job, root) for job in entries)
    criteria = tuple(
        read_criteria(params, entry, job.sys_idx, task_max, task_min)
        for entry, job in zip(entries, jobs, strict=True)
    )
    return jobs, criteria


def _with_all_others(params: Section, root: Path, first: InputError) -> InputError:
    """An error of :func:`_read`, with what its other parts say, each for itself."""
    found = {str(error): error for error in first.each}
    for part in _parts(params, root):
        try:
            part()
        except NotRunnable:
            continue
        except InputError as error:
            found.update({str(one): one for one in error.each})
        except Exception:  # what a part reads may be wrong, which is told
            continue
    return together(list(found.values()))


def _parts(params: Section, root: Path) -> Iterator[Callable[[], object]]:
    """What is read of a parameter file, as far as it can be read alone."""
    entries = params.sections("model_devi_jobs")
    yield lambda: check_label_keys(params)
    yield lambda: read_type_map(params)
    yield lambda: read_mass_map(params, read_type_map(params))
    yield lambda: _read_numb_models(params, len(entries))
    yield lambda: read_trust_levels(params)
    yield lambda: read_thresholds(params)
    yield lambda: check_reference(params, read_reference(params), read_type_map(params))
    yield lambda: check_labels(params, read_reference(params))
    yield lambda: _read_task_numbers(params)
    yield lambda: read_format(params)
    yield lambda: read_selection(params)
    yield lambda: read_md_options(params)
    yield lambda: read_reuse(params)
    yield from (partial(_check_batch_sizes, params, key, *of) for key, of in _BATCH_SIZES.items())
    if is_foreign(params):
        yield lambda: foreign.read_jobs(params)
    else:
        for entry in entries:
            yield partial(read_job, params, entry, root)
            yield partial(read_criteria, params, entry, (), params["fp_task_max"], 0)
    yield lambda: _check_training(params)
    yield lambda: check_training_start(params)


def _dpgen_view(params: Section, mass_map: tuple[float, ...], root: Path) -> dict[str, Any]:
    """The dictionary that DP-GEN's own steps can be handed."""
    data, own = params.data, (*names(Params), SAMPLER)
    jdata = {key: value for key, value in data.items() if key not in own}
    if jdata.get("model_devi_engine") not in FOREIGN:
        jdata["model_devi_engine"] = LAMMPS
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


def _check_training(params: Section) -> tuple[str, ...]:
    """What DeePMD-kit says of keys that are wrong already is no other mistake."""
    check_training(params, tuple(params["type_map"]) or read_type_map(params))
    return (*check_training_input(params), *check_training_start(params))


def _read_numb_models(params: Section, n_jobs: int) -> int:
    models = int(params["numb_models"])
    if models < 2 and n_jobs:
        remedy = "must be 2 or more: frames are chosen by the models' deviation (4 is usual)"
        raise params.wrong("numb_models", remedy)
    return models


def _read_task_numbers(params: Section) -> tuple[int, int]:
    task_max, task_min = params["fp_task_max"], params["fp_task_min"]
    if task_min > task_max:
        remedy = f"must not be above fp_task_max ({task_max}): no frame would ever be labelled"
        raise params.wrong("fp_task_min", remedy)
    return task_max, task_min


def _check_data_lists(params: Section, record: Params) -> None:
    if not record.init_data_sys:
        raise params.wrong("init_data_sys", "must name one folder of labelled data or more")
    for key, (of, fewer) in _BATCH_SIZES.items():
        _check_batch_sizes(params, key, of, fewer)
    for index, path in enumerate(record.validation_data_sys):
        if path in record.init_data_sys:
            remedy = "is trained on (init_data_sys): validation needs data of its own"
            raise params.wrong("validation_data_sys", remedy, index)


def _check_batch_sizes(params: Section, key: str, of: str, fewer: bool) -> None:
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
