"""Curves of a validation's MD runs: how they are named, coloured, chosen and drawn."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from wtemlp.records.validation_record import REFERENCE, Curve, MdRun, Validation
from wtemlp.report.figures import style

Span = tuple[float, int, int]  #: a temperature, its first trace, and the first of the next


def run_name(run: MdRun) -> str:
    """How a legend calls the potential of an MD run."""
    return "reference" if run.potential == REFERENCE else f"model {run.model}"


def look(run: MdRun, models: Sequence[int]) -> dict[str, Any]:
    """Colour and width of a run's line: the reference stands out, the models are a family."""
    if run.potential == REFERENCE:
        return {"color": style.NEUTRAL, "width": 3}
    place = models.index(run.model) if run.model in models else 0
    return {"color": style.iteration_colour(place, len(models)), "width": 1.6}


def runs_with(found: Validation, ensembles: Sequence[str], curve: str) -> list[MdRun]:
    """Runs with a curve, by temperature, the reference last: it is drawn on top."""
    chosen = [run for run in found.md if run.ensemble in ensembles and curve_of(run, curve)]
    return sorted(
        chosen,
        key=lambda run: (run.target_K, run.potential == REFERENCE, run.ensemble, run.model or 0),
    )


def curve_of(run: MdRun, name: str) -> Curve | None:
    """A run's curve, None where it has none."""
    curve = run.curves.get(name)
    return curve if curve is not None and len(curve.x) > 1 else None


def _views(plot: go.Figure, spans: Sequence[Span]) -> dict[str, list[bool]]:
    """A view for each temperature, the lowest first on the page."""
    if len(spans) < 2:
        return {}
    places = range(len(plot.data))
    views = {
        f"{target:g} K": [first <= place < last for place in places]
        for target, first, last in reversed(spans)
    }
    for trace, shown in zip(plot.data, list(views.values())[-1], strict=True):
        trace.visible = shown
    return views


def by_temperature(
    plot: go.Figure, runs: Sequence[MdRun], add: Callable[[MdRun], None]
) -> dict[str, list[bool]]:
    """Add the runs of one temperature after the other; the views to choose between them."""
    spans: list[Span] = []
    for target in dict.fromkeys(run.target_K for run in runs):
        first = len(plot.data)
        for run in runs:
            if run.target_K == target:
                add(run)
        spans.append((target, first, len(plot.data)))
    return _views(plot, spans)


def add_curve(
    plot: go.Figure, run: MdRun, curve: Curve, models: Sequence[int], shift: float = 0.0
) -> None:
    """Draw a run's curve with the band of its standard error, ``shift`` taken off its x."""
    line, name = look(run, models), run_name(run)
    x, y = np.array(curve.x, dtype=float) - shift, np.array(curve.y, dtype=float)
    error = np.array(curve.y_error, dtype=float)
    if len(error) == len(y):
        plain = style.NEUTRAL if run.potential == REFERENCE else style.ACCENT
        plot.add_scatter(
            x=style.numbers(np.concatenate([x, x[::-1]])),
            y=style.numbers(np.concatenate([y + error, (y - error)[::-1]])),
            fill="toself",
            fillcolor=style.fade(plain, 0.18),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
            legendgroup=name,
            name=f"{name}, standard error",
        )
    plot.add_scatter(
        x=style.numbers(x), y=style.numbers(y), mode="lines", line=line, name=name, legendgroup=name
    )
