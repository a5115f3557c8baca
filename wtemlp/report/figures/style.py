"""Colours, fonts and the plain layout that every figure shares.

Colours of lines read on white and on dark paper alike and stay apart for colour-blind readers
(Okabe and Ito's set, muted); colours of text, axes and grids belong to the page, which knows
whether it is light or dark.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from wtemlp.report.sampling import Sampling

NEUTRAL = "#858c99"  #: unbiased sampling and initial data
ACCENT = "#8059c8"  #: iterations and data that they labelled
DECISIONS = {
    "accurate": "#8fa9bf",
    "candidate": "#ecc46a",
    "labelled": "#d58a1c",
    "failed": "#a8435a",
}
STAGES = {"train": "#6f86b5", "explore": "#d0a04a", "label": "#5aa39a"}

_BIASFACTORS = {
    1.0: "#a98f68",
    16.0: "#1f78b4",
    32.0: "#1b9e77",
    64.0: "#e08a00",
    256.0: "#d1495b",
}
SPARE = ("#56a5d8", "#b86fa6", "#8c7a2b", "#4b6fd0", "#a0522d", "#2f8f9d")


#: Labels of a logarithmic axis, in each decade, by how many decades there are at most.
_TICKS = ((0.9, (1, 2, 3, 4, 5, 7)), (2.2, (1, 2, 5)), (3.5, (1, 3)), (math.inf, (1,)))


def sampling_colours(samplings: Iterable[Sampling]) -> dict[Sampling, str]:
    """A colour for each sampling; the usual bias factors keep theirs in every report."""
    wanted = sorted(set(samplings), key=lambda one: one.order)
    usual = {
        one: _BIASFACTORS.get(one.biasfactor)
        for one in wanted
        if one.lawful and one.biasfactor is not None
    }
    unusual = [one for one in wanted if not usual.get(one)]
    spare = {one: SPARE[i % len(SPARE)] for i, one in enumerate(unusual)}
    return {one: usual.get(one) or spare[one] for one in wanted}


def gamma(name: str) -> str:
    """A sampling's name with the letter that a terminal may lack."""
    return name.replace("g=", "γ = ")


def iteration_colour(position: int, count: int) -> str:
    """The accent, the stronger the later the iteration: ``position`` of ``count``."""
    share = 1.0 if count < 2 else position / (count - 1)
    return fade(ACCENT, 0.55 + 0.45 * share)


def fade(colour: str, opacity: float) -> str:
    """A ``#rrggbb`` colour with an opacity, as CSS."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:.3g})"


def numbers(values: ArrayLike, digits: int = 5) -> list[float | None]:
    """Numbers for a plot: ``digits`` significant digits, ``None`` where not finite."""
    return [
        float(f"{value:.{digits}g}") if math.isfinite(value) else None
        for value in np.ravel(np.asarray(values, dtype=float))
    ]


def figure(x_title: str, y_title: str, **layout: Any) -> go.Figure:
    """An empty figure with the shared layout."""
    axis = {"showgrid": True, "zeroline": False, "ticks": "outside", "ticklen": 4}
    x, y = ({"text": text, "standoff": 8, "font": {"size": 12}} for text in (x_title, y_title))
    # All at once: plotly's updates look each key up again, which takes ten times as long.
    return go.Figure(
        layout={
            "template": "none",
            "height": 340,
            "margin": {"l": 62, "r": 14, "t": 34, "b": 50},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"size": 12},
            "legend": {
                "orientation": "h",
                "x": 0,
                "y": 1.02,
                "yanchor": "bottom",
                "font": {"size": 11},
            },
            "hovermode": "closest",
            "showlegend": True,
            "dragmode": False,
            "xaxis": {"title": x, "showline": True, **axis},
            "yaxis": {"title": y, "automargin": True, **axis},
            **layout,
        }
    )


def logarithmic(axis: str, plot: go.Figure) -> None:
    """Make the ``"x"`` or ``"y"`` axis logarithmic, with few and plain labels.

    The labels come from the values that the figure's lines have by now.
    """
    values = np.array([v for trace in plot.data for v in trace[axis] or () if v], dtype=float)
    values = values[values > 0]
    if not len(values):
        return
    low, high = np.log10(values.min()), np.log10(values.max())
    margin = 0.03 * (high - low) + 0.02
    log_axis(axis, plot, 10 ** (low - margin), 10 ** (high + margin))


def log_axis(axis: str, plot: go.Figure, low: float, high: float) -> None:
    """Make an axis logarithmic from ``low`` to ``high``."""
    first, last = math.log10(low), math.log10(high)
    decades = last - first
    steps = next(found for most, found in _TICKS if decades < most)
    powers = range(math.floor(first), math.ceil(last) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps]
    update = plot.update_xaxes if axis == "x" else plot.update_yaxes
    update(
        type="log",
        range=[first, last],
        tickmode="array",
        tickvals=[float(f"{tick:.3g}") for tick in ticks],
        ticktext=[_tick(tick, plain=low >= 1e-3 and high < 1e6) for tick in ticks],
    )


def _tick(value: float, plain: bool) -> str:
    power = math.floor(math.log10(value) + 1e-9)
    if plain:
        return f"{value:,.{max(-power, 0)}f}".replace(",", "\u2009")
    digit = round(value / 10.0**power)
    return (f"{digit}×" if digit > 1 else "") + f"10<sup>{power}</sup>".replace("-", "−")


def in_legend(position: int, count: int, most: int = 6) -> bool:
    """Whether the legend names the ``position``-th of ``count`` iterations: first, last, some."""
    return count <= most or position in np.linspace(0, count - 1, most).round()


def step_line(edges: ArrayLike, heights: ArrayLike, **options: Any) -> go.Scatter:
    """A histogram as an outline: heights between the edges, down to zero at both ends."""
    x = np.repeat(np.asarray(edges, dtype=float), 2)
    y = np.concatenate([[0.0], np.repeat(np.asarray(heights, dtype=float), 2), [0.0]])
    return go.Scatter(x=numbers(x), y=numbers(y), mode="lines", **options)
