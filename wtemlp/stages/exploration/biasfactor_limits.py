"""How far the bias may go: lowered where most walkers were lost, raised again where they were not.

A walker that the guard stopped has found that the models are wrong where its bias took it.  If
most walkers of a bias factor were, the next exploration at that system and temperature has a
*ceiling* of half of it: its spread of energies and its window of temperatures are narrower by
sqrt(2).  Half, and not less, because the models learn from what the walkers saw before they were
stopped, so those of the next iteration reach further.  Below 2 there is hardly any bias left (the
spread of g = 2 is 1.4 times that of NVT): the next step is none.

The ceiling stands until most walkers at it came through; then it is doubled, until it is at what
the parameter file asks for.  Not at once: the larger bias factor was seen to be too much, and
nothing is known of it since.  It holds for all larger bias factors too, which reach further.

Nothing is remembered but the walkers' rows in the summaries, so that a run that was killed, or
whose exploration is made anew, decides the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wtemlp.records.walkers import LoweredBias, WalkerSummary

SMALLEST = 2.0  #: bias factor; the step below it is no bias

Place = tuple[int, float | None]  #: system, temperature (K; None: only a template knows it)


@dataclass(frozen=True)
class Ceiling:
    """The largest bias factor that is used at a system and temperature."""

    biasfactor: float
    why: str


@dataclass(frozen=True)
class _Walkers:
    """The walkers of one bias factor, or of one window, in one iteration."""

    biasfactor: float  #: the smallest that was used
    largest: float  #: the largest; that of a window differs from walker to walker
    n: int
    stopped: int


def lowered(biasfactor: float) -> float:
    """The next bias factor below: half of it; 1 (no bias) where that is below 2.

    >>> [lowered(g) for g in (16, 4, 3)]
    [8.0, 2.0, 1.0]
    """
    half = biasfactor / 2
    return half if half >= SMALLEST else 1.0


def raised(biasfactor: float) -> float:
    """The next bias factor above, the way that :func:`lowered` came."""
    return max(2 * biasfactor, SMALLEST)


def ceilings(iterations: Iterable[tuple[int, Sequence[WalkerSummary]]]) -> dict[Place, Ceiling]:
    """The ceilings after some iterations.

    Parameters
    ----------
    iterations : iterable of (int, sequence of WalkerSummary)
        Number and walkers of each, in their order.

    Returns
    -------
    dict of (int, float) to Ceiling
        By system and temperature (K); one that is not there has no ceiling.  A walker that was
        stopped in NVT counts as the others: the bias would have taken it further yet.  Only
        where its bias factor is that of a window, nobody knows it.
    """
    found: dict[Place, Ceiling] = {}
    for index, rows in iterations:
        places: dict[Place, list[WalkerSummary]] = defaultdict(list)
        for row in rows:
            places[row.system, row.temperature_K].append(row)
        for place, walkers in places.items():
            new = _next(found.pop(place, None), walkers, index)
            if new is not None:
                found[place] = new
    return found


def _next(old: Ceiling | None, rows: Sequence[WalkerSummary], index: int) -> Ceiling | None:
    """The ceiling of a place after an iteration."""
    groups = _groups(rows)
    lost = [g for g in groups if g.biasfactor > 1 and 2 * g.stopped > g.n]
    if lost:
        least = min(lost, key=lambda group: group.biasfactor)
        why = (
            f"{least.stopped} of {least.n} walkers at {least.biasfactor:g} were stopped in "
            f"iteration {index}"
        )
        return Ceiling(lowered(least.biasfactor), why)
    if old is None:
        return None
    at_it = [group for group in groups if group.largest >= old.biasfactor]
    if not at_it or any(2 * group.stopped >= group.n for group in at_it):
        return old
    new = raised(old.biasfactor)
    if new >= max(row.asked or 0.0 for row in rows):
        return None
    return Ceiling(new, f"up from {old.biasfactor:g}, where most came through in iteration {index}")


def held_back(rows: Sequence[WalkerSummary]) -> bool:
    """Whether some of an iteration's walkers had a smaller bias factor than was asked for."""
    return any((row.asked or 0.0) > (row.biasfactor or 0.0) for row in rows)


def _groups(rows: Sequence[WalkerSummary]) -> list[_Walkers]:
    """The walkers of a place by what was asked of them and used."""
    groups: dict[object, list[WalkerSummary]] = defaultdict(list)
    for row in rows:
        if not row.left_grid:  # of a variable of the user's own: nothing about the bias factor
            groups[row.window_K or row.biasfactor].append(row)
    found = []
    for walkers in groups.values():
        known = [row.biasfactor for row in walkers if row.biasfactor is not None]
        if known:
            stopped = sum(1 for row in walkers if row.stopped)
            found.append(_Walkers(min(known), max(known), len(walkers), stopped))
    return found


def under(biasfactors: Sequence[float], ceiling: Ceiling | None) -> dict[float, tuple[float, ...]]:
    """The bias factors that are used for those that the parameter file asks for.

    Parameters
    ----------
    biasfactors : sequence of float
        Distinct ones.
    ceiling : Ceiling or None

    Returns
    -------
    dict of float to tuple of float
        Each that is used, once, with those that it stands for: two that come to the same are
        explored once, as the same walkers again would see nothing new.
    """
    top = float("inf") if ceiling is None else ceiling.biasfactor
    found: dict[float, tuple[float, ...]] = {}
    for asked in biasfactors:
        used = min(asked, top)
        found[used] = (*found.get(used, ()), asked)
    return found


def note(place: tuple[int, float], asked: Sequence[float], ceiling: Ceiling) -> LoweredBias:
    """What an iteration's summary keeps of a ceiling that holds, and the line that is said.

    Parameters
    ----------
    place : (int, float)
    asked : sequence of float
        Bias factors that are lowered; none for that of a window, which is not known yet.
    ceiling : Ceiling
    """
    system, temperature_K = place
    what = (
        f"bias factor {', '.join(f'{g:g}' for g in asked)}" if asked else "the window's bias factor"
    )
    to = f"{ceiling.biasfactor:g}" + ("" if asked else " at most")
    text = f"system {system}, {temperature_K:g} K: {what} lowered to {to} ({ceiling.why})"
    return LoweredBias(system, temperature_K, tuple(asked), ceiling.biasfactor, text)
