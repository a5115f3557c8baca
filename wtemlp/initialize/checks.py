"""Whether ``wtemlp init`` may work in a folder: looked at before anything is written."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wtemlp.config.init_params import reference_params
from wtemlp.config.keys.init import DataLayout, InitParams
from wtemlp.config.reference.reading import reference_files
from wtemlp.core.atomic_io import read_record, temporary
from wtemlp.core.errors import InputError
from wtemlp.core.seeds import derive_seed
from wtemlp.initialize.packmol import find_packmol
from wtemlp.initialize.reference import check_charge, params_of, sampler_for, system_input
from wtemlp.initialize.runs import SystemPlan
from wtemlp.initialize.structure import SystemStart, build, water_start
from wtemlp.md.reference_runs import BOX_DATA
from wtemlp.records.init_result import PARAMETERS, RESULT, load_result
from wtemlp.records.pins import content_of, differences, digest, in_words, reference_pins

#: Keys that came later, with what folders without them were made with.
_EARLIER = {"data": DataLayout.TOGETHER}
FILES = "files"  #: key of the contents of files, in the record of what a folder was made with
STRUCTURES = "00.structures"  #: folder of what the systems start from


def parameters_of(params: InitParams) -> dict[str, Any]:
    """What the data depend on."""
    if params.water is not None:
        record = asdict(params.water)
        del record["source"]
    else:
        record = {**params.jdata}
    record.pop("output", None)
    plain: dict[str, Any] = json.loads(json.dumps(record, default=str))
    return plain


def begun_with(params: InitParams, root: Path) -> dict[str, Any]:
    """What is kept of the input when the folder is made: the parameters, and files by content."""
    files = _files(params, root)
    return parameters_of(params) | ({FILES: files} if files else {})


def _files(params: InitParams, root: Path) -> dict[str, str]:
    """What is in the files that are named: structures, PLUMED lines, references."""
    if params.water is not None:
        return {}
    named: dict[str, Path] = {}
    lines: dict[str, str] = {}
    for number, system in enumerate(params.systems):
        where, spec = f"systems[{number}]", system.structure
        if spec.file is not None:
            named[f"{where}.structure.file"] = root / spec.file
        for k, part in enumerate(spec.mixture):
            if part.file is not None:
                named[f"{where}.structure.mixture[{k}].file"] = root / part.file
        for k, run in enumerate(system.runs):
            if run.bias is not None and run.bias.extra.lines:
                key = f"{where}.runs[{k}].wte.plumed"
                lines[key] = digest({key: run.bias.extra.lines})
    reference = reference_params(params)
    samplers = reference_files(reference.sampler, root)
    named |= {f"sampler: {word}": file for word, file in samplers.items()}
    return {**content_of(named), **lines, **reference_pins(reference, None, root)}


def check_init(params: InitParams, root: Path) -> list[SystemPlan]:
    """Refuse what :func:`~wtemlp.initialize.workflow.run_init` cannot do, before writing anything.

    Returns
    -------
    list of SystemPlan
        The systems, their structures built: those of an earlier, equal call, where it came to
        them.

    Raises
    ------
    InputError
        If the output folder holds something else than what an earlier, equal call left; or a
        structure cannot be built, read, or run with the reference.
    MissingEngine
        If there is no Packmol, where it is needed.
    """
    if any(system.structure.mixture for system in params.systems):
        find_packmol()
    _check_folder(params, root)
    return [_planned(params, number, root) for number in range(len(params.systems))]


def _check_folder(params: InitParams, root: Path) -> None:
    output = root / params.output
    where, file = f"{params.source.name}: output", output / PARAMETERS
    if file.is_file():
        mine = parameters_of(params)
        remedy = "put it back from a backup, or give another folder as output"
        other = {**(_EARLIER if params.water else {}), **read_record(file, remedy)}
        files = other.pop(FILES, None)
        changed = sorted(key for key in mine | other if mine.get(key) != other.get(key))
        if changed:
            raise InputError(
                where,
                f"{output} holds data of another {', '.join(changed)}",
                "give another folder, or remove that one",
            )
        if files is not None and (news := differences(files, _files(params, root))):
            raise InputError(
                where,
                f"{output} was begun with other files ({in_words(news)})",
                "put them back, give another folder, or remove that one",
            )
        if (output / RESULT).is_file():
            load_result(output)
    # A call that was killed in its first write leaves the beginning of that file.
    elif output.is_dir() and {one.name for one in output.iterdir()} - {temporary(file).name}:
        raise InputError(where, f"{output} is not empty", "give another folder")


def structure_file(params: InitParams, number: int, root: Path) -> Path:
    """Where the structure that a system starts from is kept."""
    return root / params.output / STRUCTURES / f"{params.systems[number].name or 'water'}.json"


def _planned(params: InitParams, number: int, root: Path) -> SystemPlan:
    system = params.systems[number]
    where = f"{params.source.name}: systems[{number}]"
    kept = structure_file(params, number, root)
    if kept.is_file():
        start = SystemStart.load(kept)
    elif params.water is not None:
        start = water_start(params.water, derive_seed(params.seed, "init", "packmol"))
    else:
        seed = derive_seed(params.seed, "init", system.name, "packmol")
        start = build(params, system, root, seed)
    reference = params_of(params, system, start.periodic)
    check_charge(where, reference, system)
    if not system.runs and not system.minimize:
        return SystemPlan(system, start, reference, None)
    sampler = sampler_for(reference, root)
    if sampler is None:
        remedy = 'give "sampler", a reference that does (lammps, deepmd, ase), or copies alone'
        raise InputError(f"{where}.runs", f"fp_style {params.fp_style} does no MD", remedy)
    for run_number, run in enumerate(system.runs):
        if not start.periodic and (run.ensemble == "npt" or run.npt_steps or run.lengths != (1.0,)):
            key = f"{where}.runs[{run_number}]"
            raise InputError(key, "a molecule alone has no cell", 'use "nvt" and nothing of a cell')
    if problems := sampler.problems(start.structure):
        raise InputError(
            f"{where}.structure", "; ".join(problems), "correct it, or the reference's fp_params"
        )
    return SystemPlan(system, start, reference, system_input(sampler, start, BOX_DATA))
