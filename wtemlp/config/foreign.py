"""Parameter files of DP-GEN's engines ``gromacs``, ``amber`` and ``calypso``."""

import glob
from collections.abc import Iterator
from pathlib import Path

from wtemlp.config.criteria import read_thresholds
from wtemlp.config.jobs import read_sys_idx
from wtemlp.config.keys.declare import STEPS, Range
from wtemlp.config.keys.wte import UNBIASED
from wtemlp.config.records import Criteria, ExploreJob
from wtemlp.config.schema.dpgen_schema import AMBER, CALYPSO, GROMACS, engine_of
from wtemlp.config.schema.section import Section
from wtemlp.core.errors import InputError, NotRunnable

#: Keys that paths are relative to, which DP-GEN links from other folders.
PREFIXES = {
    AMBER: ("parm7_prefix", "mdin_prefix", "disang_prefix", "sys_configs_prefix"),
    GROMACS: (),
    CALYPSO: (),
}
_AMBER_STYLE, _GROMACS_STYLE = "amber/diff", "gaussian"
#: Lists with an item for each system.
_AMBER_LISTS = ("parm7", "mdin", "qm_region", "qm_charge", "nsteps", "disang")
_CALYPSO_INPUT, _MAX_ITER = "calypso_input_path", "model_devi_max_iter"
MAX_ITERATIONS = 10_000


def check_styles(params: Section) -> None:
    """Which ``fp_style`` goes with which engine.

    Raises
    ------
    NotRunnable
    """
    engine, style = engine_of(params), params["fp_style"]
    for key in ("labels_by_hand", "fp_by_system"):
        if engine in (AMBER, GROMACS, CALYPSO) and params.get(key):
            remedy = f"not with {engine}, whose frames DP-GEN has labelled: remove it"
            raise NotRunnable.of(params.wrong(key, remedy))
    if (style == _AMBER_STYLE) != (engine == AMBER):
        wanted = f'must be "{_AMBER_STYLE}"' if engine == AMBER else "labels what Amber explored"
        remedy = f'{wanted}: "model_devi_engine": "{AMBER}" and it go together'
        raise NotRunnable.of(params.wrong("fp_style", remedy))
    if engine == GROMACS and style != _GROMACS_STYLE:
        remedy = f'must be "{_GROMACS_STYLE}": DP-GEN makes no other inputs of GROMACS\'s frames'
        raise NotRunnable.of(params.wrong("fp_style", remedy))
    if engine == CALYPSO and style in (_GROMACS_STYLE, "lammps", "ase", "custom"):
        remedy = (
            "must be a style for periodic structures, as vasp: DP-GEN makes no inputs of "
            "CALYPSO's structures for it"
        )
        raise NotRunnable.of(params.wrong("fp_style", remedy))


def read_jobs(params: Section) -> tuple[ExploreJob, ...]:
    """One record for each iteration.

    Parameters
    ----------
    params : Section
        The parameter file.
    """
    check_styles(params)
    if params["model_devi_engine"] == CALYPSO:
        return (_job((), 0),) * _n_calypso(params)
    entries = params.sections("model_devi_jobs")
    if params["model_devi_engine"] == AMBER:
        _check_amber(params, entries)
    found = []
    for entry in entries:
        if "nsteps" in entry:
            entry.integer("nsteps", STEPS)
        found.append(_job(_systems(params, entry), entry["trj_freq"]))
    return tuple(found)


def _job(systems: tuple[int, ...], trj_freq: int) -> ExploreJob:
    return ExploreJob(
        sys_idx=systems, temps_K=(), ensemble="", nsteps=0, trj_freq=trj_freq, wte=UNBIASED
    )


def _systems(params: Section, entry: Section) -> tuple[int, ...]:
    return read_sys_idx(entry, len(params["sys_configs"]))


def _n_calypso(params: Section) -> int:
    """Iterations: as many as DP-GEN makes."""
    if _CALYPSO_INPUT in params:
        if params.get(_MAX_ITER) is None:
            raise NotRunnable.of(params.missing(_MAX_ITER, f"add it: {_CALYPSO_INPUT} needs it"))
        return params.integer(_MAX_ITER, Range(0, MAX_ITERATIONS)) + 1
    times = [time for job in params.sections("model_devi_jobs") for time in job.get("times") or ()]
    if not times:
        remedy = f"must say the iterations of each entry (times), or give {_CALYPSO_INPUT}"
        raise NotRunnable.of(params.wrong("model_devi_jobs", remedy))
    last = max(times)
    missing = sorted(set(range(last + 1)) - set(times))
    if missing:
        remedy = f"no entry has iteration {missing[0]} in its times"
        raise NotRunnable.of(params.wrong("model_devi_jobs", remedy))
    return int(min(last, MAX_ITERATIONS)) + 1


def _check_amber(params: Section, entries: list[Section]) -> None:
    n_systems = len(params["sys_configs"])
    for key in _AMBER_LISTS:
        if len(params[key]) < n_systems:
            remedy = f"must have one item per system of sys_configs ({n_systems})"
            raise NotRunnable.of(params.wrong(key, remedy))
    for index, entry in enumerate(entries):
        before = entry.get("restart_from_iter")
        if before is not None and not 0 <= before < index:
            raise NotRunnable.of(entry.wrong("restart_from_iter", "must be an earlier iteration"))


def read_criteria(
    params: Section, n_jobs: int, task_max: int, task_min: int
) -> tuple[Criteria, ...]:
    """What DP-GEN decides by, for each iteration; it reads the levels itself."""
    n_systems = len(params["sys_configs"])
    hard, soft = read_thresholds(params)
    one = Criteria(
        f_lo=(0.0,) * n_systems,
        f_hi=(0.0,) * n_systems,
        v_lo=(),
        v_hi=(),
        task_max=task_max,
        task_min=task_min,
        accurate=hard,
        accurate_soft=soft,
        lists=params.get("detailed_report_make_fp", True),
    )
    return (one,) * n_jobs


def foreign_problems(params: Section, root: Path) -> Iterator[InputError]:
    """Files of these engines that are not there.

    Parameters
    ----------
    params : Section
        The parameter file.
    root : Path
        The run's folder.
    """
    engine = engine_of(params)
    if engine == AMBER:
        for key in ("parm7", "mdin", "disang"):
            prefix = params.get(f"{key}_prefix", "")
            for index, name in enumerate(params[key]):
                if not (root / prefix / name).is_file():
                    yield params.wrong(key, f"no such file in {root / prefix}", index)
        levels = params.section("fp_params")
        for key in ("high_level_mdin", "low_level_mdin"):
            if not (root / params.get("mdin_prefix", "") / levels[key]).is_file():
                yield levels.wrong(key, f"no such file in {root / params.get('mdin_prefix', '')}")
    if engine == CALYPSO and _CALYPSO_INPUT in params:
        pattern = str(Path(params[_CALYPSO_INPUT]) / "input.dat*")
        if not glob.glob(pattern, root_dir=root):  # noqa: PTH207
            yield params.wrong(_CALYPSO_INPUT, f"no input.dat in {root / params[_CALYPSO_INPUT]}")
    if engine == GROMACS:
        yield from _gromacs_problems(params, root)


def _gromacs_problems(params: Section, root: Path) -> Iterator[InputError]:
    settings = params["gromacs_settings"]
    names = [
        "input.json",
        *(
            settings[key]
            for key in settings
            if key.endswith("_filename") and key != "traj_filename"
        ),
    ]
    prefix = params.get("sys_configs_prefix", "")
    for index, patterns in enumerate(params["sys_configs"]):
        for pattern in patterns:
            for folder in sorted(glob.glob(str(root / prefix / pattern))):  # noqa: PTH207
                missing = [name for name in names if not (Path(folder) / name).is_file()]
                if missing:
                    yield params.wrong("sys_configs", f"{folder} has no {missing[0]}", index)
