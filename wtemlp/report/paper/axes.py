"""Plotly's layout, drawn by Matplotlib: axes, ticks, lines across, legend and text."""

import html
import math
import re
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.ticker import FixedLocator, MultipleLocator, NullFormatter, NullLocator

GRID = "#e4e4e4"
LINE_PT = 0.62  #: points a pixel, of lines across
_DASHES = {
    None: "-",
    "solid": "-",
    "dash": (0, (4, 2)),
    "dot": (0, (1, 1.5)),
    "dashdot": (0, (4, 1.5, 1, 1.5)),
    "longdash": (0, (7, 2.5)),
}
_TYPES = (None, "-", "linear", "log", "category")


class Unknown(ValueError):
    """Something in a figure that is not known how to draw for paper."""


def colour(css: str) -> tuple[float, float, float, float]:
    """A colour as the page has it: a name, ``#rrggbb`` or ``rgba(r,g,b,a)``."""
    found = re.fullmatch(r"rgba?\(([^)]*)\)", css.replace(" ", ""))
    if found is None:
        return to_rgba(css)
    parts = [float(part) for part in found.group(1).split(",")]
    red, green, blue = (part / 255 for part in parts[:3])
    return (red, green, blue, parts[3] if len(parts) > 3 else 1.0)


def dashes(name: str | None) -> Any:
    """A line style by plotly's name of it."""
    if name not in _DASHES:
        raise Unknown(f"the dashes {name!r}")
    return _DASHES[name]


def mathtext(text: str) -> str:
    """The page's text, with its ``<sub>`` and ``<sup>``, as Matplotlib takes it."""
    text = text.replace("$", r"\$").replace("<br>", "\n")
    for tag, sign in (("sub", "_"), ("sup", "^")):
        text = re.sub(f"<{tag}>(.*?)</{tag}>", rf"${sign}{{\1}}$", text)
    text = text.replace("$$", "")  # a subscript and a superscript in a row
    if re.search(r"</?[a-z]", text):
        raise Unknown(f"the markup in {text!r}")
    return html.unescape(text)


def plain(text: str) -> str:
    """The page's text without markup."""
    return html.unescape(re.sub(r"<[^>]*>", "", text))


def label(trace: Any) -> str | None:
    """What the legend says of a trace; None if it says nothing."""
    return None if trace.showlegend is False or not trace.name else mathtext(trace.name)


def prepare(axes: Axes, layout: Any) -> None:
    """Kinds of axes, grid and frame: before anything is drawn."""
    for name, axis in (("x", layout.xaxis), ("y", layout.yaxis)):
        if axis.type not in _TYPES:
            raise Unknown(f"an axis of the type {axis.type!r}")
        getattr(axes, f"set_{name}scale")("log" if axis.type == "log" else "linear")
        if axis.showgrid is not False:
            axes.grid(True, axis="x" if name == "x" else "y", color=GRID)
        getattr(axes, f"set_{name}label")(mathtext(axis.title.text or ""))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def finish(axes: Axes, layout: Any) -> None:
    """Ranges and ticks: once everything is drawn."""
    for name, axis in (("x", layout.xaxis), ("y", layout.yaxis)):
        _limits(axes, name, axis)
        _ticks(getattr(axes, f"{name}axis"), axis)


def _limits(axes: Axes, name: str, axis: Any) -> None:
    get, put = getattr(axes, f"get_{name}lim"), getattr(axes, f"set_{name}lim")
    if axis.range is not None:
        low, high = axis.range
        put((10**low, 10**high) if axis.type == "log" else (low, high))
    elif axis.rangemode in ("tozero", "nonnegative") and axis.type != "log":
        low, high = get()
        put(
            (
                0 if low > 0 or axis.rangemode == "nonnegative" or abs(low) < 0.06 * high else low,
                max(high, 0),
            )
        )
    if axis.autorange == "reversed":
        put(sorted(get(), reverse=True))
    elif axis.autorange not in (None, True, False):
        raise Unknown(f"the autorange {axis.autorange!r}")


def _ticks(shown: Any, axis: Any) -> None:
    if axis.tickmode == "array" or axis.tickvals is not None:
        texts = axis.ticktext if axis.ticktext is not None else [f"{v:g}" for v in axis.tickvals]
        limits = sorted(shown.get_view_interval())
        kept = [
            (value, mathtext(str(text)))
            for value, text in zip(axis.tickvals, texts, strict=True)
            if limits[0] <= value <= limits[1]
        ]
        if axis.type == "log" and shown.axis_name == "x":
            kept = _with_room(kept, _panel_width(shown.axes) / math.log10(limits[1] / limits[0]))
        shown.set_major_locator(FixedLocator([value for value, _ in kept]))
        shown.set_ticklabels([text for _, text in kept])
        shown.set_minor_locator(NullLocator())
        shown.set_minor_formatter(NullFormatter())
    elif axis.dtick is not None and axis.type != "log":
        shown.set_major_locator(MultipleLocator(axis.dtick))


def _with_room(ticks: list[tuple[float, str]], decade_in: float) -> list[tuple[float, str]]:
    """Ticks of a logarithmic axis whose labels do not touch; powers of ten before others."""
    kept: list[tuple[float, str]] = []
    for tick in sorted(ticks, key=lambda one: (one[1][:1] != "1" or "×" in one[1], one[0])):
        room = 0.14 + 0.055 * _length(tick[1])
        if all(abs(math.log10(tick[0] / other)) * decade_in > room for other, _ in kept):
            kept.append(tick)
    return sorted(kept)


def _length(text: str) -> int:
    return len(re.sub(r"[${}_^\\]", "", text))


def _panel_width(axes: Axes) -> float:
    """Inches of a panel between its axes, nearly."""
    figure, grid = axes.get_figure(root=True), axes.get_gridspec()
    assert figure is not None and grid is not None  # all panels are of a figure's grid
    return figure.get_figwidth() / grid.ncols - 0.6


def add_shape(axes: Axes, shape: Any) -> None:
    """A line or a band across the plot."""
    across_x, across_y = (
        ref is not None and (ref.endswith(" domain") or ref == "paper")
        for ref in (shape.xref, shape.yref)
    )
    ends = {
        "linewidth": LINE_PT * (2 if shape.line.width is None else shape.line.width),
        "linestyle": dashes(shape.line.dash),
        "zorder": 1.5,
    }
    if shape.type == "line":
        ends["color"] = colour(shape.line.color)
        if across_y and shape.x0 == shape.x1:
            axes.axvline(shape.x0, **ends)
        elif across_x and shape.y0 == shape.y1:
            axes.axhline(shape.y0, **ends)
        elif not across_x and not across_y:
            ends |= {"scalex": False, "scaley": False}
            axes.plot([shape.x0, shape.x1], [shape.y0, shape.y1], **ends)
        else:
            raise Unknown("a line that is neither in the plot's units nor across it")
    elif shape.type == "rect" and across_x != across_y:
        look: dict[str, Any] = {"facecolor": colour(shape.fillcolor), "linewidth": 0, "zorder": 1}
        draw, span = (
            (axes.axvspan, (shape.x0, shape.x1))
            if across_y
            else (axes.axhspan, (shape.y0, shape.y1))
        )
        draw(*span, **look)
    else:
        raise Unknown(f"a shape of the type {shape.type!r}")
    if shape.label.text:
        _shape_label(axes, shape, across_y)


def _shape_label(axes: Axes, shape: Any, across_y: bool) -> None:
    text, transform = mathtext(shape.label.text), axes.get_xaxis_transform()
    if across_y:
        log = axes.get_xscale() == "log"
        middle = (shape.x0 * shape.x1) ** 0.5 if log else (shape.x0 + shape.x1) / 2
        axes.text(middle, 0.98, text, transform=transform, ha="center", va="top", fontsize=6)
    else:
        axes.text(
            0.99,
            shape.y0,
            text,
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="bottom",
            fontsize=6,
        )


def add_legend(axes: Axes, layout: Any, title: str) -> None:
    """Legend and title above the plot."""
    handles, names = axes.get_legend_handles_labels()
    if layout.showlegend is False or not handles:
        axes.set_title(title, loc="left")
        return
    unique = dict(zip(names, handles, strict=True))
    longest = max(_length(name) for name in unique)
    wide = _panel_width(axes) + 0.3
    columns = max(1, min(len(unique), int(wide / (0.4 + 0.053 * longest))))
    axes.legend(
        unique.values(),
        unique.keys(),
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=columns,
        handlelength=1.6,
        columnspacing=1.0,
        handletextpad=0.5,
        borderaxespad=0.2,
        title=title or None,
        title_fontsize=8,
        alignment="left",
        borderpad=0,
    )
