"""Reading the parameter file of ``wtemlp init``."""

import re
from pathlib import Path

from wtemlp.config.elements import masses_of, read_type_map
from wtemlp.config.init_runs import planned_runs
from wtemlp.config.keys.declare import STEPS
from wtemlp.config.keys.init import (
    Copies,
    DataLayout,
    InitBias,
    InitParams,
    InitRun,
    InitSystem,
    MdHeld,
    MixturePart,
    StructureSpec,
    WaterParams,
)
from wtemlp.config.keys.labels import ForceField
from wtemlp.config.keys.wte import MIN_OPES_UPDATES, Method
from wtemlp.config.label_files import FORMATS, check_label_keys, label_file_problems
from wtemlp.config.records import Params
from wtemlp.config.reference.reading import (
    RIGID,
    check_labels,
    check_reference,
    own_masses,
    read_reference,
    read_sampler,
    reference_problems,
)
from wtemlp.config.schema.dpgen_schema import LAMMPS, SAMPLER, init_schema, water_schema
from wtemlp.config.schema.messages import validated
from wtemlp.config.schema.own_keys import names, read
from wtemlp.config.schema.read_files import Kind, read_object
from wtemlp.config.schema.section import Section
from wtemlp.config.templates.plumed import read_extra
from wtemlp.config.wte import read_window, with_auto_hills

WATER_G_MOL = 18.01528
NM3_PER_CM3_MOL = 1.66053906660  #: Angstrom^3 per molecule at 1 g/mol and 1 g/cm3: 1e24 / N_A
WITH_HYDROGEN_FS, WITHOUT_FS = 0.5, 1.0  #: time steps where the file gives none
SHORTEST_UNBIASED = 100  #: steps that the width of hills is measured in
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")
_KINDS = ("file", "bulk", "molecule", "mixture")
#: Keys that an init file of earlier versions has alone.
_OF_WATER = {*names(WaterParams)} - {*names(InitParams)}
_OWN_KEYS = {*names(InitParams), SAMPLER} - {"type_map"}
#: Keys that go with some kinds of structure only.
_ONLY_WITH = {
    "format": ("file",),
    "crystal": ("bulk",),
    "a_A": ("bulk",),
    "c_A": ("bulk",),
    "miller": ("bulk", "file"),
    "density_g_cm3": ("mixture",),
    "cell_A": ("molecule",),
}


def load_init_params(path: Path, root: Path, check_files: bool = True) -> InitParams:
    """Read and check an init file.

    Parameters
    ----------
    path : Path
        The file: of any systems, or of a box of water as in earlier versions.
    root : Path
        The run's folder, which `output` and other paths are relative to.
    check_files : bool
        Whether the files that it names must be there, and the output folder must not be a file.

    Returns
    -------
    InitParams
        What the file says, defaults filled in.

    Raises
    ------
    InputError
        At the first mistake.  Nothing is written.
    """
    content = read_object(path, Kind.INIT)
    if "systems" not in content and _OF_WATER & content.keys():
        section = Section(path.name, validated(water_schema(), content, path.name))
        _check_output(section, root, check_files)
        return of_water(_read_water(section, path))
    section = Section(path.name, validated(init_schema(), content, path.name))
    _check_output(section, root, check_files)
    return _read_systems(section, path, root, check_files)


def reference_params(params: InitParams) -> Params:
    """The reference of an init file in the terms of a parameter file, without anything else."""
    section = Section(params.source.name, params.jdata)
    reference = read_reference(section)
    jdata = {key: value for key, value in params.jdata.items() if key not in _OWN_KEYS}
    masses = masses_of(params.type_map, own_masses(section))
    more = {"mass_map": list(masses), "model_devi_engine": LAMMPS, "model_devi_jobs": []}
    return Params(
        source=params.source,
        jdata={**jdata, **more, "fp_task_max": 1, "fp_task_min": 1},
        seed=params.seed,
        type_map=params.type_map,
        mass_map=masses,
        init_data_sys=(),
        validation_data_sys=(),
        sys_configs=(),
        sys_format="vasp/poscar",
        numb_models=0,
        dp_compress=False,
        f_trust_lo=(),
        f_trust_hi=(),
        jobs=(),
        timestep_ps=params.timestep_fs / 1000,
        fp_style=params.fp_style,
        reference=reference,
        sampler=read_sampler(section, reference),
        fp_task_max=1,
        fp_task_min=1,
        ratio_failed=params.ratio_failed,
        convergence=None,
        fp_files=tuple(params.jdata.get("fp_pp_files", ())),
        fp_formats={
            key: value
            for key, value in (params.jdata.get("fp_params") or {}).items()
            if key in FORMATS
        },
    )


def _check_output(data: Section, root: Path, check_files: bool) -> None:
    if not data["output"].strip():
        raise data.wrong("output", "must be the name of a folder")
    if check_files and (root / data["output"]).is_file():
        raise data.wrong("output", "is a file: give the name of a folder")


def _read_systems(data: Section, path: Path, root: Path, check_files: bool) -> InitParams:
    type_map = read_type_map(data)
    _check_reference(data, type_map, root, check_files)
    systems = tuple(_read_system(one, root, check_files) for one in data.sections("systems"))
    if not systems:
        raise data.wrong("systems", "must have one system or more")
    names = [system.name for system in systems]
    for index, system in enumerate(systems):
        section = data.section("systems", index)
        if system.name in names[:index]:
            raise section.wrong("name", "is given twice: it is the name of a folder")
        _check_counts(section, system)
        _check_rigid(section, system, data)
    usual = WITH_HYDROGEN_FS if "H" in type_map else WITHOUT_FS
    return read(
        InitParams,
        data,
        source=path,
        type_map=type_map,
        systems=systems,
        timestep_fs=float(data.get("timestep_fs") or usual),
        fp_style=data["fp_style"],
        jdata=data.data,
    )


def _check_rigid(section: Section, system: InitSystem, data: Section) -> None:
    """Refuse a biased pressure of rigid molecules.

    PLUMED scales the virial that it is handed, and SHAKE's is that of the step before.
    """
    sampler = read_sampler(data, read_reference(data)) if SAMPLER in data else None
    if not isinstance(sampler, ForceField) or sampler.name not in RIGID:
        return
    for index, run in enumerate(system.runs):
        if run.bias is not None and run.ensemble == MdHeld.NPT:
            remedy = f'not at constant pressure with {sampler.name}: have "ensemble": "nvt"'
            raise section.section("runs", index).wrong("wte", remedy)


def _check_reference(
    data: Section, type_map: tuple[str, ...], root: Path, check_files: bool
) -> None:
    """See that what labels and what does MD fit the elements, and that their files are there."""
    check_label_keys(data)
    reference = read_reference(data)
    check_reference(data, reference, type_map)
    check_labels(data, reference)
    problems = [*label_file_problems(data, root)]
    problems += reference_problems(data, reference, type_map, root)
    if SAMPLER in data:
        block, sampler = data.section(SAMPLER), read_sampler(data, reference)
        check_reference(block, sampler, type_map)
        problems += reference_problems(block, sampler, type_map, root)
    for problem in problems if check_files else ():
        raise problem


def _read_system(data: Section, root: Path, check_files: bool) -> InitSystem:
    if not _NAME.fullmatch(data["name"]):
        raise data.wrong("name", "must be the name of a folder: letters, digits, . + - _")
    spec = _read_structure(data.section("structure"), root, check_files)
    runs = tuple(_read_run(one, root) for one in data.sections("runs") if one.data)
    system = read(InitSystem, data, structure=spec, runs=runs)
    try:
        planned_runs(system)
    except ValueError as error:
        entry, remedy = error.args
        raise data.section("runs", entry).wrong("wte", remedy) from None
    return system


def _read_structure(data: Section, root: Path, check_files: bool) -> StructureSpec:
    spec = read(StructureSpec, data)
    given = [kind for kind in _KINDS if getattr(spec, kind)]
    if len(given) != 1:
        key = given[1] if given else _KINDS[0]
        remedy = f"give one of {', '.join(_KINDS)}"
        if given:
            raise data.wrong(key, f"{remedy}: there is {given[0]}, too")
        raise data.missing(key, remedy)
    kind = given[0]
    usual = StructureSpec()
    for key, kinds in _ONLY_WITH.items():
        if kind not in kinds and getattr(spec, key) != getattr(usual, key):
            raise data.wrong(key, f"goes with {' or '.join(kinds)}: remove it")
    for key in ("layers", "vacuum_A"):
        if spec.miller is None and getattr(spec, key) != getattr(usual, key):
            raise data.wrong(key, "is of a slab: give miller, too, or remove it")
    if spec.miller is not None and not any(spec.miller):
        raise data.wrong("miller", "must be the indices of a surface, as [1, 1, 1]")
    for section, part in zip(
        data.sections("mixture") if kind == "mixture" else (), spec.mixture, strict=True
    ):
        if (part.molecule is None) == (part.file is None):
            raise section.wrong("count", "give molecule or file with it, one of them")
    if check_files:
        _check_structure_files(data, spec, root)
    return spec


def _check_structure_files(data: Section, spec: StructureSpec, root: Path) -> None:
    if spec.file is not None and not (root / spec.file).exists():
        raise data.wrong("file", f"no such file in {root}")
    for index, part in enumerate(spec.mixture):
        if part.file is not None and not (root / part.file).exists():
            raise data.section("mixture", index).wrong("file", f"no such file in {root}")


def _read_run(data: Section, root: Path) -> InitRun:
    bias = _read_bias(data.section("wte"), data, root) if "wte" in data else None
    run = read(InitRun, data, bias=bias)
    nvt = run.ensemble == MdHeld.NVT
    if run.npt_steps and not nvt:
        raise data.wrong("npt_steps", 'goes before "ensemble": "nvt": remove it')
    if run.lengths != (1.0,) and not nvt:
        raise data.wrong("lengths", "the pressure makes the cell: remove it")
    if nvt and not run.npt_steps and run.barostat != InitRun(1, (1.0,)).barostat:
        raise data.wrong("barostat", "the cell is held: remove it")
    if bias is not None and run.npt_steps:
        raise data.wrong("npt_steps", "goes before a run without a bias: remove it")
    if bias is not None and bias.method == Method.OPES:
        least = MIN_OPES_UPDATES * (bias.pace or 0)
        if run.steps < least:
            remedy = f"must be {least} or more: OPES begins with unbiased steps"
            raise data.wrong("steps", remedy)
    part = "its second half" if bias else "its last 3/4"
    counted = run.steps - int((0.5 if bias else 0.25) * run.steps)
    if run.frames > counted:
        raise data.wrong("frames", f"steps ({run.steps}) gives at most {counted}: {part}")
    if run.steps < SHORTEST_UNBIASED:
        raise data.wrong("steps", f"must be {SHORTEST_UNBIASED} or more: energies are averaged")
    return run


def _read_bias(block: Section, run: Section, root: Path) -> InitBias:
    temperatures = run["temperature_K"]
    temperatures = temperatures if isinstance(temperatures, list) else [temperatures]
    window = read_window(block, temperatures)
    bias = read(InitBias, block, window_K=window, extra=read_extra(block, root))
    if (bias.method == Method.OPES) != (window is not None):
        remedy = f'"{Method.OPES}" has a window of temperatures, {{"window_K": [low, high]}}'
        raise block.wrong("biasfactor", f'{remedy}, "{Method.WTE}" has numbers')
    if bias.pace is None:
        bias = with_auto_hills(block, bias)
    if bias.biasfactors == (1.0,):
        raise block.wrong("biasfactor", "1 is no bias: leave wte out")
    return bias


def _check_counts(data: Section, system: InitSystem) -> None:
    """That the system gives data."""
    copies = system.copies
    frames = sum(run.frames for run in system.runs)
    if not (frames or copies.perturbed or copies.n_lengths or system.minimize):
        remedy = "give runs with frames, or copies: there is nothing to label"
        raise data.missing("runs", remedy)


def _read_water(data: Section, path: Path) -> WaterParams:
    if sorted(data["type_map"]) != ["H", "O"]:
        raise data.wrong("type_map", "must be O and H, in any order: the start is a box of water")
    record = read(WaterParams, data, source=path, wte_steps=_read_wte_steps(data))
    _check_frames(data, record)
    return record


def _read_wte_steps(data: Section) -> int:
    if not data["biasfactor"]:
        return int(data.get("wte_steps", 0))
    if "wte_steps" not in data:
        raise data.missing("wte_steps", "add it: steps of the run at each bias factor")
    return data.integer("wte_steps", STEPS)


def box_length_A(n_molecules: int, density_g_cm3: float) -> float:
    """Edge of the cubic box of a number of water molecules, Angstrom."""
    return float((n_molecules * WATER_G_MOL * NM3_PER_CM3_MOL / density_g_cm3) ** (1 / 3))


def _check_frames(data: Section, record: WaterParams) -> None:
    frames = record.frames_per_ensemble
    available = record.nvt_steps - record.nvt_steps // 4
    if frames > available:
        remedy = f"nvt_steps ({record.nvt_steps}) gives at most {available}: its last 3/4"
        raise data.wrong("frames_per_ensemble", remedy)
    if record.biasfactors and frames > record.wte_steps - record.wte_steps // 2:
        most = record.wte_steps - record.wte_steps // 2
        remedy = f"wte_steps ({record.wte_steps}) gives at most {most}: its second half"
        raise data.wrong("frames_per_ensemble", remedy)
    split_apart = record.data == DataLayout.BY_ENSEMBLE
    total = frames if split_apart else frames * (1 + len(record.biasfactors))
    if record.validation_fraction and not 0 < round(total * record.validation_fraction) < total:
        of = f"the {total} frames of each ensemble" if split_apart else f"{total} frames"
        remedy = f"of {of} it must leave some to train on and some to validate"
        raise data.wrong("validation_fraction", remedy)
    if record.starting_structures > frames:
        raise data.wrong("starting_structures", f"must not be above frames_per_ensemble ({frames})")


def of_water(water: WaterParams) -> InitParams:
    """A file of a box of water in the terms of any system: NPT and NVT, then WTE."""
    nvt = InitRun(
        water.nvt_steps,
        (water.temperature_K,),
        pressure_bar=water.pressure_bar,
        frames=water.frames_per_ensemble,
        npt_steps=water.npt_steps,
    )
    factors = water.ensembles[1:]
    biased = InitRun(
        water.wte_steps,
        (water.temperature_K,),
        frames=water.frames_per_ensemble,
        bias=InitBias(factors, height_kT=water.height_kT, pace=water.pace),
    )
    spec = StructureSpec(
        mixture=(MixturePart(water.n_molecules, "H2O"),), density_g_cm3=water.density_g_cm3
    )
    runs = (nvt, *[biased] * bool(factors))
    system = InitSystem("", spec, Copies(n_lengths=0, single_atoms=False), runs=runs)
    field = water.force_field
    jdata = {
        "type_map": list(water.type_map),
        "fp_style": LAMMPS,
        "fp_params": {
            "force_field": field.name,
            "cutoff_A": field.cutoff_A,
            "kspace_accuracy": field.kspace_accuracy,
        },
    }
    return InitParams(
        source=water.source,
        seed=water.seed,
        type_map=water.type_map,
        systems=(system,),
        timestep_fs=water.timestep_fs,
        fp_style=LAMMPS,
        jdata=jdata,
        validation_fraction=water.validation_fraction,
        starting_structures=water.starting_structures,
        output=water.output,
        water=water,
    )
