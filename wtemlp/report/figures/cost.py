"""The figure of what a run cost."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from markupsafe import Markup

from wtemlp.core.formatting import finite
from wtemlp.records.summary import Summary
from wtemlp.report.cost import STAGES, total
from wtemlp.report.figures import style
from wtemlp.report.figures.figure import Figure, Plot


def cost_figure(run_summaries: Sequence[Summary]) -> Figure:
    """Core hours of each stage of each iteration, and GPU hours where there are any."""
    caption = Markup(
        "Core hours (and GPU hours) of each stage: the time that its jobs ran, all attempts, times "
        "the cores (GPUs) that the machine file gives a job; waiting in a queue is not in it. "
        "<b>Look for</b> what the labels cost against the rest: where labels are dear, more "
        "exploration to choose them from costs little; where they are cheap, it is the training "
        "that wants to be shorter."
    )
    plots = []
    for of, title in (("core_hours", "Core hours"), ("gpu_hours", "GPU hours")):
        if total(run_summaries, of):
            plots.append(Plot(_bars(run_summaries, of, title), title))
    return Figure("cost", "Cost", caption, plots, "No job has noted how long it ran.")


def _bars(summaries: Sequence[Summary], of: str, title: str) -> go.Figure:
    plot = style.figure(title.lower(), "", barmode="stack")
    rows = [s for s in summaries if getattr(s, of)]
    labels = [f"iteration {s.iteration}" for s in rows]
    hours: list[Mapping[str, float]] = [getattr(s, of) for s in rows]
    for stage in STAGES:
        values = [finite(one.get(stage)) or 0.0 for one in hours]
        plot.add_bar(
            y=labels,
            x=style.numbers(values),
            orientation="h",
            name=stage,
            marker={"color": style.STAGES[stage], "line": {"width": 0}},
            hovertemplate=f"{stage}: %{{x:.3g}} {title.lower()}<extra>%{{y}}</extra>",
        )
    plot.update_yaxes(autorange="reversed", showgrid=False, type="category")
    plot.update_layout(height=130 + 34 * len(rows), bargap=0.35, legend_traceorder="normal")
    return plot
