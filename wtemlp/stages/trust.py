"""Trust levels that are given as errors, made deviations by what the labels so far have shown.

They are worked out anew from the summaries of the iterations before, so a run that was killed
decides the same.
"""

import math
from dataclasses import dataclass, replace

from wtemlp.config.records import Criteria
from wtemlp.records.summary import Summary, read_summary
from wtemlp.stages.context import RunContext

ENOUGH = 30  #: labels whose errors are known; older iterations are asked only for so many
OLDEST = 3  #: iterations before, at most: the models become others
MILLI = 1000.0


@dataclass(frozen=True)
class ErrorLevels:
    """Deviations that stand for the errors that are asked for."""

    lo_eV_A: float
    hi_eV_A: float
    ratio: float  #: error over deviation, at the upper one
    power: float  #: of the deviation, with which errors grow
    labels: int  #: that it was measured on


def error_levels(context: RunContext, iteration: int) -> ErrorLevels | None:
    """The levels of an iteration.

    Returns
    -------
    ErrorLevels or None
        None: levels are given as deviations, or no errors are known yet.
    """
    asked = context.params.trust
    if asked is None:
        return None
    ratios, middles, powers, n = 0.0, 0.0, 0.0, 0
    for index in range(iteration - 1, max(iteration - 1 - OLDEST, -1), -1):
        found = (read_summary(context.paths.summary(index)) or Summary(index)).new_labels
        if found is None or not found.ratio or not found.deviation_meV_A:
            continue
        n += found.frames
        ratios += found.frames * math.log(found.ratio)
        middles += found.frames * math.log(found.deviation_meV_A / MILLI)
        powers += found.frames * (found.power or 1.0)
        if n >= ENOUGH:
            break
    if not n:
        return None
    ratio, middle, power = math.exp(ratios / n), math.exp(middles / n), powers / n
    # Between the levels errors grow as this power, and are those of the labels in their middle.
    low, high = (
        middle * (error / MILLI / (ratio * middle)) ** (1 / power) for error in asked.error_meV_A
    )
    return ErrorLevels(low, high, asked.error_meV_A[1] / MILLI / high, power, n)


def note_levels(context: RunContext, row: Summary) -> ErrorLevels | None:
    """Note the levels of its iteration in a summary, which :func:`error_levels` gives."""
    levels = error_levels(context, row.iteration)
    n = 0 if levels is None else len(context.params.f_trust_lo)
    row.trust = [] if levels is None else [(levels.lo_eV_A, levels.hi_eV_A)] * n
    row.trust_ratio = None if levels is None else levels.ratio
    row.trust_power = None if levels is None else levels.power
    return levels


def criteria_of(context: RunContext, iteration: int) -> Criteria:
    """What decides on an iteration's frames: the file's criteria, or levels made of errors."""
    criteria = context.params.criteria[iteration]
    levels = error_levels(context, iteration)
    if levels is None:
        return criteria
    n = len(criteria.f_lo)
    return replace(criteria, f_lo=(levels.lo_eV_A,) * n, f_hi=(levels.hi_eV_A,) * n)
