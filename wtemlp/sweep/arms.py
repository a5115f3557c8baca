"""The arms of a sweep: what the command line asks for, and whether it makes sense."""

from collections.abc import Sequence
from dataclasses import dataclass

from wtemlp.config.keys.declare import MAX_BIASFACTOR, MAX_SEED, MAX_TEMPERATURE_K
from wtemlp.config.keys.labels import Picking
from wtemlp.config.keys.wte import Method
from wtemlp.config.records import ExploreJob, Params
from wtemlp.config.schema.dpgen_schema import ENGINE
from wtemlp.core.errors import InputError
from wtemlp.records.sweep_record import Arm

RANDOM_PICKS, HIGH_T = "random", "highT"  #: baselines that can be asked for
OPTION = "--baseline"
MAX_SEEDS = 100


@dataclass(frozen=True)
class Request:
    """What is asked for."""

    biasfactors: tuple[float, ...]
    random: tuple[float, ...]  #: those that have an arm with random picks, too
    high_K: tuple[float | None, ...]  #: temperatures of unbiased arms; None: from the window
    n_seeds: int

    @property
    def widest(self) -> float:
        """The largest bias factor."""
        return max(self.biasfactors)


def read_request(
    params: Params,
    engine: str,
    biasfactors: Sequence[float],
    baselines: Sequence[str],
    n_seeds: int,
) -> Request:
    """Check what the command line asks for against the parameter file.

    Parameters
    ----------
    params : Params
    engine : str
        Its ``model_devi_engine``.
    biasfactors : sequence of float
    baselines : sequence of str
        As ``"random,highT:400"``.
    n_seeds : int

    Raises
    ------
    InputError
        At the first mistake.
    """
    if engine != ENGINE:
        raise InputError(
            f"{params.source.name}: model_devi_engine",
            f'"{engine}" has no bias factor',
            f'must be "{ENGINE}", with a wte block in each of model_devi_jobs',
        )
    _check_params(params)
    if not biasfactors:
        raise InputError("--biasfactor", "is missing", "give one or more, as --biasfactor 1 16 64")
    for index, factor in enumerate(biasfactors):
        if not 1 <= factor <= MAX_BIASFACTOR:
            remedy = f"must be 1 or more (1 is unbiased), and {MAX_BIASFACTOR:g} or less"
            raise InputError("--biasfactor", f"{factor:g}", remedy)
        if factor in biasfactors[:index]:
            raise InputError("--biasfactor", f"{factor:g} is given twice", "remove one")
    if not 1 <= n_seeds <= MAX_SEEDS:
        raise InputError("--seeds", str(n_seeds), f"must be from 1 to {MAX_SEEDS}")
    if params.seed > MAX_SEED - n_seeds:
        raise InputError(f"{params.source.name}: seed", str(params.seed), "take a smaller one")
    random: list[float] = []
    high_K: list[float | None] = []
    for word in (part.strip() for text in baselines for part in text.split(",")):
        kind, _, value = word.partition(":")
        if kind == RANDOM_PICKS:
            random += _random_of(word, value, biasfactors)
        elif kind == HIGH_T:
            high_K.append(_temperature_of(word, value, params, biasfactors))
        else:
            remedy = f"must be {RANDOM_PICKS}, {RANDOM_PICKS}:G, {HIGH_T} or {HIGH_T}:T (K)"
            raise InputError(OPTION, f'"{word}"', remedy)
    return Request(
        tuple(biasfactors), tuple(dict.fromkeys(random)), tuple(dict.fromkeys(high_K)), n_seeds
    )


def _check_params(params: Params) -> None:
    """Refuse a parameter file whose explorations have no bias factor to replace."""
    name = params.source.name
    if not params.jobs:
        raise InputError(
            f"{name}: model_devi_jobs", "has no exploration", "add one with a wte block"
        )
    if params.labels_by_hand:
        raise InputError(
            f"{name}: labels_by_hand",
            "true: each run of a sweep would stop at its first labels",
            "remove it; or make the runs one by one, each in a folder of its own (-C DIR)",
        )
    if params.selection.method != Picking.DEVIATION:
        raise InputError(
            f"{name}: selection.method",
            params.selection.method,
            f'must be "{Picking.DEVIATION}": {OPTION} {RANDOM_PICKS} asks for random picks',
        )
    for index, job in enumerate(params.jobs):
        why = _unsupported(job)
        if why:
            key, problem, remedy = why
            raise InputError(f"{name}: model_devi_jobs[{index}]{key}", problem, remedy)


def _unsupported(job: ExploreJob) -> tuple[str, str, str] | None:
    """Key, problem and remedy, if a sweep cannot change the bias factor of a job."""
    block = job.wte
    if job.template is not None:
        return ".template", "is not supported by a sweep", "its bias is in scripts of your own"
    if block.method != Method.WTE:
        return (
            ".wte.method",
            f"{block.method} is not supported by a sweep",
            f'it has no bias factor: have "{Method.WTE}"',
        )
    if block.window_K is not None:
        return (
            ".wte.biasfactor",
            "window_K is not supported by a sweep",
            "give a number: the sweep puts its own in the place of it",
        )
    if block.extra.variables:
        return (
            ".wte.variables",
            "are not supported by a sweep",
            "it compares bias factors of the energy alone: remove them",
        )
    return None


def _random_of(word: str, value: str, biasfactors: Sequence[float]) -> list[float]:
    biased = [factor for factor in biasfactors if factor > 1]
    if not value and ":" not in word:
        if not biased:
            raise InputError(OPTION, f'"{word}"', "needs a bias factor above 1 in --biasfactor")
        return biased
    factor = _number(value)
    if factor not in biased:
        known = ", ".join(f"{one:g}" for one in biased) or "none"
        remedy = f"must be a bias factor above 1 of --biasfactor ({known})"
        raise InputError(OPTION, f'"{word}"', remedy)
    return [factor]


def _temperature_of(
    word: str, value: str, params: Params, biasfactors: Sequence[float]
) -> float | None:
    temperatures = sorted({T for job in params.jobs for T in job.temps_K})
    if len(temperatures) > 1:
        known = ", ".join(f"{one:g}" for one in temperatures)
        raise InputError(
            OPTION,
            f'"{word}" with explorations at {known} K',
            f"needs one temperature in {params.source.name}: temps",
        )
    if not value and ":" not in word:
        if max(biasfactors) <= 1:
            remedy = f"needs a bias factor above 1 in --biasfactor, or write {HIGH_T}:T (K)"
            raise InputError(OPTION, f'"{word}"', remedy)
        return None
    temperature_K = _number(value)
    if temperature_K is None or not temperatures[0] < temperature_K <= MAX_TEMPERATURE_K:
        remedy = (
            f"must be above that of {params.source.name} ({temperatures[0]:g} K), and "
            f"{MAX_TEMPERATURE_K:g} K or less"
        )
        raise InputError(OPTION, f'"{word}"', remedy)
    return temperature_K


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def make_arms(params: Params, request: Request, window_K: float | None) -> tuple[Arm, ...]:
    """The arms that are asked for, those of the first seed first.

    Parameters
    ----------
    params : Params
    request : Request
    window_K : float, optional
        The highest temperature of the widest bias factor's window, K; None if it is not asked for.
    """
    temperature_K = params.jobs[0].temps_K[0]
    kinds = [
        (f"g{_name(g)}", g, temperature_K, Picking.DEVIATION, "unbiased" if g == 1 else "")
        for g in request.biasfactors
    ]
    kinds += [
        (f"g{_name(g)}-random", g, temperature_K, Picking.RANDOM, "random") for g in request.random
    ]
    asked = (window_K if one is None else one for one in request.high_K)
    high_K = [one for one in asked if one is not None]
    kinds += [
        (f"g1-{_name(one)}K", 1.0, one, Picking.DEVIATION, "highT") for one in dict.fromkeys(high_K)
    ]
    return tuple(
        Arm(
            name=name,
            folder=folder_of(name, params.seed + number, params.seed),
            biasfactor=factor,
            temperature_K=temperature,
            selection=selection,
            seed=params.seed + number,
            baseline=baseline,
        )
        for number in range(request.n_seeds)
        for name, factor, temperature, selection, baseline in kinds
    )


def folder_of(name: str, seed: int, first: int) -> str:
    """The folder of an arm, or of a start; that of the first seed has the plain name."""
    return name if seed == first else f"{name}.seed.{seed}"


def _name(number: float) -> str:
    return f"{number:.10g}"


def budget(params: Params) -> int:
    """Frames that an iteration labels at most."""
    return params.fp_task_max * max(len(job.sys_idx) for job in params.jobs)
