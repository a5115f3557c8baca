"""What decides on the explored frames: trust levels, and how many frames are labelled."""

import math
from collections.abc import Sequence

from wtemlp.config.records import Adaptive, Criteria
from wtemlp.config.schema.dpgen_schema import is_foreign
from wtemlp.config.schema.section import Section, is_number

F_KEYS = ("model_devi_f_trust_lo", "model_devi_f_trust_hi")
V_KEYS = ("model_devi_v_trust_lo", "model_devi_v_trust_hi")
OFF = 1e10  #: DP-GEN's default of the virial's levels: no deviation comes there
_ADAPTIVE = "model_devi_adapt_trust_lo"
#: Keys that go with it, and the fields of its record.
CANDIDATES = {
    "model_devi_numb_candi_f": "numb_f",
    "model_devi_perc_candi_f": "perc_f",
    "model_devi_numb_candi_v": "numb_v",
    "model_devi_perc_candi_v": "perc_v",
}

Levels = tuple[tuple[float, ...], tuple[float, ...]]


def read_trust_levels(params: Section) -> Levels:
    """Lower and upper trust level of the force deviation, for each system.

    Parameters
    ----------
    params : Section
        The parameter file.
    """
    _check_error_levels(params)
    n_systems = len(params["sys_configs"])
    return _levels(params, params, F_KEYS, range(n_systems), n_systems)


def read_criteria(
    params: Section, job: Section, systems: Sequence[int], task_max: int, task_min: int
) -> Criteria:
    """What decides on the frames of one entry of ``model_devi_jobs``.

    Parameters
    ----------
    params : Section
        The parameter file.
    job : Section
        The entry; its levels take the place of the file's.
    systems : sequence of int
        Those that it explores.
    task_max, task_min : int
        The file's ``fp_task_max`` and ``fp_task_min``.
    """
    n_systems = len(params["sys_configs"])
    f_lo, f_hi = _levels(params, job, F_KEYS, systems, n_systems)
    v_lo, v_hi = _levels(params, job, V_KEYS, systems, n_systems)
    hard, soft = read_thresholds(params)
    vacuum_A = params.get("fp_cluster_vacuum")
    if (job.get("task_min") or 0) > task_max:
        remedy = f"must not be above fp_task_max ({task_max}): no frame would ever be labelled"
        raise job.wrong("task_min", remedy)
    return Criteria(
        f_lo,
        f_hi,
        v_lo,
        v_hi,
        task_max=task_max,
        # DP-GEN's next training leaves out what has fewer frames than fp_task_min.
        task_min=max(task_min, job.get("task_min") or 0),
        adaptive=_adaptive(params),
        skip=params.get("model_devi_skip", 0),
        accurate=hard,
        accurate_soft=soft,
        vacuum_A=None if vacuum_A is None else float(vacuum_A),
        bad_box=params.get("fp_skip_bad_box"),
        lists=params.get("detailed_report_make_fp", True),
    )


def _levels(
    params: Section, job: Section, keys: tuple[str, str], systems: Sequence[int], n_systems: int
) -> Levels:
    """The two levels, each from the entry if it is there, or from the file."""
    given = [job if job.get(key) is not None else params for key in keys]
    of_virial = keys == V_KEYS
    read = [
        _per_system(section, key, systems, n_systems, OFF if of_virial else None)
        for section, key in zip(given, keys, strict=True)
    ]
    lo, hi = read
    unit = "eV/atom" if of_virial else "eV/Angstrom"
    for system in systems:
        low, high = lo[system], hi[system]
        if not low >= 0:
            raise given[0].wrong(keys[0], f"must be 0 or more ({unit})")
        if not high > 0:
            raise given[1].wrong(keys[1], f"must be above 0 ({unit}): no frame would be below it")
        if (of_virial and low >= OFF) or params.get(_ADAPTIVE):
            continue  # there is no such level
        if not low < high:
            which = "" if lo.count(low) == hi.count(high) == n_systems else f" of system {system}"
            # What the message names as wrong is in the entry, if anything is.
            at = 0 if given[0] is job or given[1] is params else 1
            words = ("below", high) if at == 0 else ("above", low)
            remedy = f"must be {words[0]} {keys[1 - at]}{which} ({words[1]:g} {unit})"
            raise given[at].wrong(keys[at], remedy)
    if of_virial:
        lo, hi = (tuple(math.inf if one >= OFF else one for one in level) for level in (lo, hi))
    return lo, hi


def _per_system(
    section: Section, key: str, systems: Sequence[int], n_systems: int, default: float | None
) -> tuple[float, ...]:
    """A number, a list or an object by index, as one number per system.

    An object of an entry need not have the systems that the entry does not explore.
    """
    given = section.get(key, default)
    if isinstance(given, list):
        if len(given) != n_systems:
            remedy = f"must be one number, or a list of one per system of sys_configs ({n_systems})"
            raise section.wrong(key, remedy)
        return tuple(float(value) for value in given)
    if isinstance(given, dict):
        names = {str(index) for index in range(n_systems)}
        needed = {str(index) for index in systems}
        if not needed <= set(given) <= names or not all(map(is_number, given.values())):
            wanted = f'"0" to "{n_systems - 1}"'
            if len(needed) < n_systems:
                wanted = ", ".join(f'"{index}"' for index in sorted(systems))
            remedy = f"must have one number per system of sys_configs, {wanted}"
            raise section.wrong(key, remedy)
        return tuple(float(given.get(str(index), OFF)) for index in range(n_systems))
    return (float(given),) * n_systems


def _adaptive(params: Section) -> Adaptive | None:
    if not params.get(_ADAPTIVE, False):
        return None
    given = {name: params[key] for key, name in CANDIDATES.items() if params.get(key) is not None}
    found = Adaptive(**given)
    if not (found.numb_f or found.perc_f or found.numb_v or found.perc_v):
        remedy = "without a candidate: give model_devi_numb_candi_f or model_devi_perc_candi_f"
        raise params.wrong(_ADAPTIVE, remedy)
    return found


def read_thresholds(params: Section) -> tuple[float, float]:
    """``fp_accurate_threshold`` and ``fp_accurate_soft_threshold``."""
    hard, soft = "fp_accurate_threshold", "fp_accurate_soft_threshold"
    high = 1.0 if params.get(hard) is None else float(params[hard])
    low = high if params.get(soft) is None else float(params[soft])
    if low > high:
        raise params.wrong(soft, f"must not be above fp_accurate_threshold ({high:g})")
    return high, low


def _check_error_levels(params: Section) -> None:
    """Check trust levels that are given as errors (``trust``)."""
    if "trust" not in params:
        return
    section = params.section("trust")
    levels = section["error_meV_A"]
    if len(levels) != 2 or not 0 <= levels[0] < levels[1]:
        remedy = "must be a lower and an upper error (meV/Angstrom), as [80, 400]"
        raise section.wrong("error_meV_A", remedy)
    if params.get(_ADAPTIVE):
        raise params.wrong("trust", f"goes without {_ADAPTIVE}: give one of them")
    if is_foreign(params):
        raise params.wrong("trust", "DP-GEN chooses with this engine: give model_devi_f_trust_lo")
