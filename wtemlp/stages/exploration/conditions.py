"""What the walkers of an exploration are run with: every combination of what its job asks for."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wtemlp.config.records import ExploreJob, Revision
from wtemlp.records.summary import Summary
from wtemlp.records.walkers import LoweredBias
from wtemlp.stages.exploration import biasfactor_limits as limits
from wtemlp.stages.exploration.biasfactor_limits import Ceiling, Place
from wtemlp.stages.exploration.starting_structures import Start


@dataclass(frozen=True)
class Combination:
    """What one walker is run with."""

    system: int
    task: int  #: number within its system
    start: Start
    temperature_K: float | None  #: None: only its template knows
    pressure_bar: float | None  #: None: constant volume
    biasfactor: float | None  #: None: from the window of temperatures
    walker: int
    asked: tuple[float, ...] = ()  #: bias factors of the parameter file that it stands for
    cap: float | None = None  #: the largest bias factor of a window; None: any
    revision: Revision | None = None  #: of its template


def combinations(
    job: ExploreJob, starts: Mapping[int, list[Start]], ceilings: Mapping[Place, Ceiling]
) -> list[Combination]:
    """Every structure at every temperature, pressure and bias factor, `walkers` times.

    With a template, once for each of its combinations.
    """
    found = []
    for system in job.sys_idx:
        biases = [
            (temperature, pressure, bias)
            for temperature in job.temps_K or (None,)
            for pressure in job.press_bar or (None,)
            for bias in _biases(job, ceilings.get((system, temperature)))
        ]
        revisions = job.template.revisions[system] if job.template else (None,)
        walkers = itertools.product(starts[system], biases, revisions, range(job.wte.walkers))
        for task, (start, conditions, revision, walker) in enumerate(walkers):
            temperature, pressure, (used, asked, cap) = conditions
            found.append(
                Combination(
                    system, task, start, temperature, pressure, used, walker, asked, cap, revision
                )
            )
    return found


def _biases(
    job: ExploreJob, ceiling: Ceiling | None
) -> list[tuple[float | None, tuple[float, ...], float | None]]:
    """Bias factor, those that it stands for, and the limit of a window's."""
    if job.wte.window_K is None:
        used = limits.under(job.wte.known_biasfactors, ceiling)
        return [(biasfactor, asked, None) for biasfactor, asked in used.items()]
    if ceiling is None:
        return [(None, (), None)]
    if ceiling.biasfactor < limits.SMALLEST:
        return [(1.0, (), ceiling.biasfactor)]
    return [(None, (), ceiling.biasfactor)]


def ceilings_of(job: ExploreJob, before: Sequence[Summary]) -> dict[Place, Ceiling]:
    """How far the bias of a job may go, as the iterations before have shown."""
    walkers = ((row.iteration, row.walkers) for row in before)
    return limits.ceilings(walkers) if job.wte.adapt_biasfactor else {}


def lowered(job: ExploreJob, ceilings: Mapping[Place, Ceiling]) -> list[LoweredBias]:
    """A note for each system and temperature where a ceiling holds."""
    found = []
    for system, temperature_K in itertools.product(job.sys_idx, job.temps_K):
        place = (system, temperature_K)
        ceiling = ceilings.get(place)
        if ceiling is not None:
            given = job.wte.known_biasfactors
            asked = [factor for factor in given if factor > ceiling.biasfactor]
            if asked or job.wte.window_K is not None:
                found.append(limits.note(place, asked, ceiling))
    return found
