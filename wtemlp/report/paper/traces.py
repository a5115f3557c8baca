"""Plotly's traces, drawn by Matplotlib."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from wtemlp.report.paper.axes import Unknown, colour, dashes, label, mathtext

WIDTH = 0.62  #: points a pixel, of lines
SIZE = 0.55  #: likewise, of markers
_MODES = ("lines", "markers", "lines+markers", "markers+lines")
_SYMBOLS = {
    None: "o",
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "triangle-up": "^",
    "triangle-down": "v",
    "x": "x",
    "cross": "P",
    "star": "*",
    "circle-open": "o",
}


def floats(values: Sequence[Any]) -> NDArray[np.float64]:
    """Numbers, NaN where there is none."""
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def draw_scatter(axes: Axes, trace: Any, order: int) -> None:
    """Lines, markers, error bars and filled areas of a scatter trace.

    Parameters
    ----------
    axes : Axes
    trace : plotly.graph_objects.Scatter
    order : int
        Its place among the traces: later ones lie above.
    """
    mode = trace.mode or "lines"
    if mode not in _MODES:
        raise Unknown(f"the mode {mode!r} of a scatter trace")
    if trace.stackgroup or (trace.line.shape or "linear") != "linear":
        raise Unknown("a stacked or stepped scatter trace")
    x, y = floats(trace.x), floats(trace.y)
    above = 2 + 0.01 * order
    _fill(axes, trace, x, y, above - 0.5)
    drawn: dict[str, Any] = {"linestyle": "none", "marker": "none"}
    if "lines" in mode and trace.line.width != 0:
        width = WIDTH * (2 if trace.line.width is None else trace.line.width)
        drawn |= {"linestyle": dashes(trace.line.dash), "linewidth": width}
    if "markers" in mode:
        drawn |= _marker(trace)
    if drawn["linestyle"] == "none" and drawn["marker"] == "none":
        return
    ink = _ink(trace, "lines" if "lines" in mode else "markers")
    _error_bars(axes, trace, x, y, above, ink)
    axes.plot(x, y, color=ink, zorder=above, label=label(trace), **drawn)


def _ink(trace: Any, of: str) -> tuple[float, float, float, float]:
    given = (trace.line.color, trace.marker.color)
    first, second = given if of == "lines" else reversed(given)
    if not isinstance(first or second, str):
        raise Unknown("a scatter trace without a colour of its own")
    return colour(first or second)


def _marker(trace: Any) -> dict[str, Any]:
    symbol = trace.marker.symbol
    if symbol not in _SYMBOLS:
        raise Unknown(f"the marker {symbol!r}")
    size = 6 if trace.marker.size is None else trace.marker.size
    if not isinstance(size, int | float):
        raise Unknown("markers of several sizes")
    face = _ink(trace, "markers")
    shown = {"marker": _SYMBOLS[symbol], "markersize": SIZE * size, "markeredgewidth": 0}
    if str(symbol).endswith("-open") or symbol == "x":
        return shown | {"markerfacecolor": "none", "markeredgecolor": face, "markeredgewidth": 0.8}
    return shown | {"markerfacecolor": face, "markeredgecolor": face}


def _error_bars(
    axes: Axes,
    trace: Any,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    above: float,
    ink: tuple[float, float, float, float],
) -> None:
    if trace.error_x.array is not None:
        raise Unknown("error bars along x")
    if trace.error_y.arrayminus is not None or trace.error_y.type not in (None, "data"):
        raise Unknown("error bars that are not symmetric, or not given by their lengths")
    if trace.error_y.array is not None:
        axes.errorbar(
            x,
            y,
            yerr=floats(trace.error_y.array),
            fmt="none",
            ecolor=ink,
            elinewidth=0.7,
            capsize=1.6,
            capthick=0.7,
            zorder=above - 0.001,
        )


def _fill(
    axes: Axes, trace: Any, x: NDArray[np.float64], y: NDArray[np.float64], below: float
) -> None:
    if trace.fill in (None, "none"):
        return
    if trace.fillcolor is None:
        raise Unknown("a filled trace without a colour")
    look: dict[str, Any] = {"facecolor": colour(trace.fillcolor), "linewidth": 0, "zorder": below}
    if trace.fill == "tozeroy":
        axes.fill_between(x, y, 0, **look)
    elif trace.fill == "toself":
        sound = np.isfinite(x) & np.isfinite(y)
        axes.fill(x[sound], y[sound], **look)
    else:
        raise Unknown(f"the fill {trace.fill!r}")


def draw_bars(axes: Axes, traces: Sequence[Any], barmode: str, gap: float | None) -> None:
    """All bar traces of a plot: beside each other, over each other or stacked.

    Parameters
    ----------
    axes : Axes
    traces : sequence of plotly.graph_objects.Bar
    barmode : str
        "group", "stack" or "overlay".
    gap : float or None
        Between the bars of two categories, as a share of their distance.
    """
    if not traces:
        return
    if barmode not in ("group", "stack", "overlay"):
        raise Unknown(f"the bar mode {barmode!r}")
    sideways = {trace.orientation == "h" for trace in traces}
    if len(sideways) > 1:
        raise Unknown("bars along both axes")
    flat = sideways.pop()
    names = list(dict.fromkeys(key for trace in traces for key in (trace.y if flat else trace.x)))
    numeric = all(isinstance(name, int | float) for name in names)
    places = {name: (float(name) if numeric else place) for place, name in enumerate(names)}
    spacing = min(np.diff(sorted(places.values())), default=1.0)
    room = spacing * (1 - (0.2 if gap is None else gap))
    beside = len(traces) if barmode == "group" else 1
    ends = dict.fromkeys(names, 0.0)
    for number, trace in enumerate(traces):
        keys, lengths = (trace.y, trace.x) if flat else (trace.x, trace.y)
        size = floats(lengths)
        start = np.zeros(len(size)) if trace.base is None else floats(trace.base)
        if barmode == "stack":
            start = np.array([ends[key] for key in keys])
            ends |= dict(zip(keys, start + np.nan_to_num(size), strict=True))
        shift = (number - (beside - 1) / 2) * room / beside if beside > 1 else 0.0
        at = np.array([places[key] for key in keys]) + shift
        _draw_bar(axes, trace, at, size, start, room / beside)
    if not numeric:
        axis = axes.yaxis if flat else axes.xaxis
        axis.set_ticks(list(places.values()), [mathtext(str(name)) for name in names])


def _draw_bar(
    axes: Axes,
    trace: Any,
    at: NDArray[np.float64],
    size: NDArray[np.float64],
    start: NDArray[np.float64],
    width: float | NDArray[np.float64],
) -> None:
    if not isinstance(trace.marker.color, str):
        raise Unknown("bars without one colour of their own")
    flat = trace.orientation == "h"
    if trace.width is not None:  # as the page has it, in units of the axis
        width = floats(list(np.broadcast_to(trace.width, at.shape)))
    error = trace.error_x if flat else trace.error_y
    look: dict[str, Any] = {
        "color": colour(trace.marker.color),
        "label": label(trace),
        "zorder": 2,
        "error_kw": {"elinewidth": 0.7, "capsize": 1.6, "ecolor": "#333"},
    }
    if error.array is not None:
        look["xerr" if flat else "yerr"] = floats(error.array)
    if flat:
        axes.barh(at, size, height=width, left=start, **look)
    else:
        axes.bar(at, size, width=width, bottom=start, **look)
