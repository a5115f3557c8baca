"""Figures for papers: each as PNG and PDF, drawn by Matplotlib, and its data as CSV.

A figure is described once, for plotly; here its traces are drawn again in the sizes and fonts of a
journal's column.  What is not known here raises an error and is never left out in silence.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Paper

from wtemlp.core.atomic_io import temporary, write_text
from wtemlp.report.figures.figure import Figure, Plot
from wtemlp.report.paper import axes as paper_axes
from wtemlp.report.paper.axes import Unknown
from wtemlp.report.paper.traces import draw_bars, draw_scatter

SINGLE_IN, DOUBLE_IN = 3.37, 7.0  #: widths of one and of two columns (86 and 178 mm)
PANEL_IN = 2.45  #: height of a panel
DPI = 300
FORMATS = ("png", "pdf")
STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Arial", "Liberation Sans", "DejaVu Sans"],
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 6.5,
    "axes.linewidth": 0.6,
    "grid.linewidth": 0.4,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.frameon": False,
    "mathtext.fontset": "dejavusans",
    "mathtext.default": "regular",
    "pdf.fonttype": 42,
    "axes.axisbelow": True,
}

__all__ = ["DOUBLE_IN", "SINGLE_IN", "Unknown", "export_figures", "paper_figure", "save_data"]


def export_figures(figures: Sequence[Figure], folder: Path) -> list[Path]:
    """Write ``KEY.png``, ``KEY.pdf`` and ``KEY.csv`` of each figure that has plots.

    Parameters
    ----------
    figures : sequence of Figure
    folder : Path
        Made if it is not there.

    Returns
    -------
    list of Path
        The files, in the figures' order.

    Raises
    ------
    Unknown
        If a figure has a kind of trace or shape that cannot be drawn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for figure in figures:
        if figure.plots:
            paper = paper_figure(figure)
            for kind in FORMATS:
                written.append(folder / f"{figure.key}.{kind}")
                _save(paper, written[-1], kind)
            written.append(save_data(figure, folder))
    return written


def paper_figure(figure: Figure) -> Paper:
    """A figure as Matplotlib draws it: one column wide, or two where it has several plots.

    Of a plot with views, what the page shows first is drawn.
    """
    plots = figure.plots
    columns = min(len(plots), 2 if len(plots) in (2, 4) else 3)
    rows = -(-len(plots) // max(columns, 1))
    width = SINGLE_IN if len(plots) == 1 else DOUBLE_IN
    with mpl.rc_context(STYLE):
        heights = [
            max(_height(plot) for plot in plots[row * columns : (row + 1) * columns])
            for row in range(rows)
        ]
        paper = Paper(figsize=(width, sum(heights)), layout="constrained")
        grid = paper.subplots(rows, columns, squeeze=False, height_ratios=heights)
        for place, axes in enumerate(grid.flat):
            if place >= len(plots):
                axes.remove()
                continue
            letter = f"({'abcdefghijklmnopqrstuvwxyz'[place]}) " if len(plots) > 1 else ""
            _draw(axes, plots[place], letter)
    return paper


def _height(plot: Plot) -> float:
    """Height of a panel, inches: rows of bars need more where they are many."""
    rows = {label for trace in plot.figure.data if _sideways(trace) for label in trace.y}
    return max(1.15, 0.62 + 0.19 * len(rows)) if rows else PANEL_IN


def _sideways(trace: Any) -> bool:
    return bool(trace.type == "bar" and trace.orientation == "h")


def _draw(axes: Axes, plot: Plot, letter: str) -> None:
    layout = plot.figure.layout
    known = {"xaxis", "yaxis"}
    more = {key for key in layout.to_plotly_json() if re.fullmatch(r"[xy]axis\d*", key)} - known
    if more or layout.images or layout.annotations:
        raise Unknown(f"{sorted(more)}, images or annotations")
    shown = [trace for trace in plot.figure.data if trace.visible in (None, True)]
    paper_axes.prepare(axes, layout)
    bars = [trace for trace in shown if trace.type == "bar"]
    draw_bars(axes, bars, layout.barmode or "group", layout.bargap)
    for order, trace in enumerate(shown):
        if trace.type == "scatter":
            draw_scatter(axes, trace, order)
        elif trace.type != "bar":
            raise Unknown(f"a trace of the type {trace.type!r}")
    for shape in layout.shapes:
        paper_axes.add_shape(axes, shape)
    paper_axes.finish(axes, layout)
    paper_axes.add_legend(axes, layout, (letter + paper_axes.mathtext(plot.title)).strip())


def _save(paper: Paper, target: Path, kind: str) -> None:
    """Write an image so that a reader sees the old one or the new one, the same each time."""
    nameless = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Creator": "wtemlp"}}
    with mpl.rc_context(STYLE):
        paper.savefig(temporary(target), format=kind, dpi=DPI, metadata=nameless[kind])
    temporary(target).replace(target)


def save_data(figure: Figure, folder: Path) -> Path:
    """Write the numbers of a figure's plots, those of all views, as ``KEY.csv``.

    Columns: the panel, the view (where there are several), the trace, x, y, the standard error of
    y and where a bar begins; a comment line for each panel names its axes with their units.
    """
    text = io.StringIO()
    for place, plot in enumerate(figure.plots):
        names = [
            paper_axes.plain(axis.title.text or "")
            for axis in (plot.figure.layout.xaxis, plot.figure.layout.yaxis)
        ]
        title = f" {plot.title}" if plot.title else ""
        text.write(f"# panel {place}{title}: x = {names[0]}, y = {names[1]}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["panel", "view", "trace", "x", "y", "y_error", "from"])
    for place, plot in enumerate(figure.plots):
        writer.writerows([place, *row] for row in _rows(plot))
    target = folder / f"{figure.key}.csv"
    write_text(target, text.getvalue())
    return target


def _rows(plot: Plot) -> Iterator[list[Any]]:
    for number, trace in enumerate(plot.figure.data):
        views = [name for name, shown in plot.views.items() if shown[number]]
        view = "; ".join(views) if len(views) < len(plot.views) else ""
        n = len(trace.x)
        errors = list(trace.error_y.array) if trace.error_y.array is not None else [None] * n
        base = list(trace.base) if trace.type == "bar" and trace.base is not None else [None] * n
        for row in zip(trace.x, trace.y, errors, base, strict=True):
            yield [view, trace.name or "", *row]
