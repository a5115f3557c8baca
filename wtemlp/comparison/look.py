"""How arms look in every figure: a colour, a line, a marker, and the order of their rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from wtemlp.comparison import records
from wtemlp.comparison.result import ArmResult, Error
from wtemlp.report.figures import style
from wtemlp.report.sampling import Sampling

HOT = "#a8435a"
APART = 3  #: spare colours that nobody takes for another


@dataclass(frozen=True)
class Look:
    """An arm in a figure."""

    colour: str
    dash: str
    symbol: str


def looks(arms: Sequence[ArmResult]) -> dict[str, Look]:
    """A look for each arm, by its key.

    Bias factors keep the colours that they have in every report; random picks have those of the
    arm that they belong to, with dotted lines and open markers.  Of arms without a colour of
    their own, those after the third are dashed: some of the spare colours are near to each other.
    """
    factors = {one.arm.biasfactor for one in arms if one.arm.biasfactor is not None}
    usual = style.sampling_colours(Sampling(factor) for factor in factors)
    spare = [colour for colour in style.SPARE if colour not in usual.values()]
    found: dict[str, Look] = {}
    taken: dict[bool, set[str]] = {True: set(), False: set()}
    for one in arms:
        arm = one.arm
        colour = usual.get(Sampling(arm.biasfactor)) if arm.biasfactor is not None else None
        if arm.baseline == records.HIGH_T:
            colour = HOT
        if colour is None or colour in taken[arm.random]:
            free = [c for c in spare if c not in taken[True] | taken[False]]
            colour = free[0] if free else style.NEUTRAL
        near = colour in spare[APART:] or colour == style.NEUTRAL
        taken[arm.random].add(colour)
        plain = arm.baseline in (records.UNBIASED, records.HIGH_T)
        found[arm.key] = Look(
            colour,
            "dot" if arm.random else "dash" if plain else "longdash" if near else "solid",
            "circle-open" if arm.random else "square" if plain else "circle",
        )
    return found


def line(look: Look, name: str, **more: Any) -> dict[str, Any]:
    """Options of a scatter trace with lines and markers."""
    return {
        "mode": "lines+markers",
        "line": {"color": look.colour, "width": 2, "dash": look.dash},
        "marker": {"color": look.colour, "size": 8, "symbol": look.symbol},
        "name": name,
        **more,
    }


def errors(lengths: Iterable[float | None], colour: str | None = None) -> dict[str, Any]:
    """Error bars of these half-widths."""
    given = [None if length is None else float(f"{length:.4g}") for length in lengths]
    bars: dict[str, Any] = {"array": given, "thickness": 1.3, "width": 3}
    return bars if colour is None else bars | {"color": colour}


def half(error: Error | None) -> float | None:
    """Half of the interval of an error."""
    return None if error is None else error.interval.half


def rows(plot: Any, count: int) -> None:
    """Make a figure of horizontal bars as high as its rows need, the first row on top."""
    plot.update_yaxes(autorange="reversed", showgrid=False, type="category")
    plot.update_layout(height=120 + 32 * count, bargap=0.3)
