"""The report's figures, in their order, and those that show learning and cost."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup
from numpy.typing import NDArray

from wtemlp.core.formatting import finite
from wtemlp.report.data import IterationData, LearningCurve, RunData
from wtemlp.report.figures import style
from wtemlp.report.figures.figure import Figure, Plot

MAX_POINTS = 240  #: points of a learning curve that are drawn


def iteration_label(iteration: IterationData, final: int | None) -> str:
    """How a legend calls an iteration; ``final``: the one that only trains."""
    if iteration.index == final:
        return f"iteration {iteration.index} (final training)"
    return f"iteration {iteration.index}"


def learning_figure(run: RunData) -> Figure:
    """Validation and training errors against training steps, and the learning rate."""
    iterations = [it for it in run.iterations if it.curves]
    caption = Markup(
        "Learning curves. Solid: root-mean-square error on a few frames of the validation data, "
        "mean of the models of an iteration, in a band from the best to the worst of them; dotted: "
        "on the training batch of that step; last panel: the learning rate. The stronger the "
        "colour, the later the iteration. <b>Look for</b> "
        "curves that level off together: a validation error that rises while the training error "
        "falls is overfitting; curves that still fall at the last step want a longer training; "
        "a wide band, a model that did not train like its siblings."
    )
    plots = []
    for title, key, factor, axis in (
        ("Energy", "rmse_e", 1000.0, "RMSE of the energy (meV/atom)"),
        ("Force", "rmse_f", 1000.0, "RMSE of the forces (meV/Å)"),
    ):
        plot = style.figure("training step", axis)
        for position, iteration in enumerate(iterations):
            name = iteration_label(iteration, run.final)
            _add_learning(plot, iteration, name, (key, factor), (position, len(iterations)))
        style.logarithmic("x", plot)
        style.logarithmic("y", plot)
        if plot.data:
            plots.append(Plot(plot, title))
    rate = style.figure("training step", "learning rate")
    for position, iteration in enumerate(iterations):
        steps, rates = _merge(iteration.curves, "lr")
        if len(steps):
            colour = style.iteration_colour(position, len(iterations))
            kept = _thin(steps)
            rate.add_scatter(
                x=style.numbers(steps[kept]),
                y=style.numbers(np.nanmean(rates[:, kept], axis=0)),
                mode="lines",
                line={"color": colour, "width": 1.8},
                name=iteration_label(iteration, run.final),
                showlegend=style.in_legend(position, len(iterations)),
            )
    style.logarithmic("x", rate)
    style.logarithmic("y", rate)
    rate.update_layout(height=260)
    if rate.data:
        plots.append(Plot(rate, "Learning rate"))
    return Figure("learning", "Learning curves", caption, plots, "No model has trained yet.")


def _add_learning(
    plot: go.Figure,
    iteration: IterationData,
    name: str,
    column: tuple[str, float],
    place: tuple[int, int],
) -> None:
    (key, factor), (position, count) = column, place
    colour, group = style.iteration_colour(position, count), f"{iteration.index}"
    shown = False
    for suffix, dash in (("_val", "solid"), ("_trn", "dot"), ("", "solid")):
        steps, values = _merge(iteration.curves, key + suffix)
        if not len(steps):
            continue
        kept = _thin(steps)
        x, y = style.numbers(steps[kept]), values[:, kept] * factor
        if dash == "solid" and len(values) > 1:
            low, high = np.nanmin(y, axis=0), np.nanmax(y, axis=0)
            plot.add_scatter(
                x=x + x[::-1],
                y=style.numbers(np.concatenate([high, low[::-1]])),
                fill="toself",
                fillcolor=style.fade(style.ACCENT, 0.06 + 0.1 * (position + 1) / count),
                line={"width": 0},
                mode="lines",
                hoverinfo="skip",
                showlegend=False,
                legendgroup=group,
                name=f"{name}, models",
            )
        plot.add_scatter(
            x=x,
            y=style.numbers(np.nanmean(y, axis=0)),
            mode="lines",
            line={"color": colour, "width": 2 if dash == "solid" else 1.2, "dash": dash},
            name=name if not shown else f"{name}, training",
            showlegend=not shown and style.in_legend(position, count),
            legendgroup=group,
        )
        shown = True


def _merge(
    curves: Sequence[LearningCurve], column: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The models' curves on common steps.

    Returns
    -------
    steps : ndarray, shape (n_steps,)
        Ascending, above 0, each with a positive value of at least one model.
    values : ndarray, shape (n_models, n_steps)
        NaN where a model has no value, or none that a logarithmic axis can show.
    """
    usable = [curve.columns for curve in curves if column in curve.columns]
    if not usable:
        return np.empty(0), np.empty((0, 0))
    steps = np.unique(np.concatenate([columns["step"] for columns in usable]))
    values = np.full((len(usable), len(steps)), np.nan)
    for row, columns in zip(values, usable, strict=True):
        row[np.searchsorted(steps, columns["step"])] = columns[column]
    values[~(values > 0)] = np.nan
    kept = (steps > 0) & np.isfinite(values).any(axis=0)
    return steps[kept], values[:, kept]


def _thin(steps: NDArray[np.float64]) -> NDArray[np.int_]:
    """Indices of at most :data:`MAX_POINTS` steps, even on a logarithmic axis."""
    if len(steps) <= MAX_POINTS:
        return np.arange(len(steps))
    wanted = np.geomspace(steps[0], steps[-1], MAX_POINTS)
    return np.unique(np.clip(np.searchsorted(steps, wanted), 0, len(steps) - 1))


def rmse_figure(run: RunData) -> Figure:
    """Errors on the validation set against the number of labelled frames trained on."""
    caption = Markup(
        "Errors on the validation set against the number of labelled frames that the models were "
        "trained on. Line: mean over the models; dots: each model. <b>Look for</b> a fall that "
        "slows down: when more labels no longer help, the potential has learnt what this "
        "exploration can teach it. A single step within the scatter of the dots says nothing. "
        "Whether it is the choice of frames that helps, or only their number, a run with randomly "
        "picked frames and the same number of labels can tell."
    )
    plots = []
    for title, mean, models, axis in (
        ("Energy", "energy_rmse_meV_atom", "energy_rmse_models", "RMSE of the energy (meV/atom)"),
        ("Force", "force_rmse_meV_A", "force_rmse_models", "RMSE of the forces (meV/Å)"),
    ):
        plot = style.figure("labelled frames in the training data", axis)
        points = [
            (s.n_train_frames, value, [finite(v) for v in getattr(s, models)], s.iteration)
            for s in run.summaries
            if s.n_train_frames is not None and (value := finite(getattr(s, mean))) is not None
        ]
        if not points:
            continue
        plot.add_scatter(
            x=[n for n, _, each, _ in points for _ in each],
            y=[value for _, _, each, _ in points for value in each],
            mode="markers",
            marker={"color": style.fade(style.ACCENT, 0.5), "size": 6},
            name="each model",
        )
        plot.add_scatter(
            x=[n for n, *_ in points],
            y=[value for _, value, *_ in points],
            text=[f"iteration {index}" for *_, index in points],
            mode="lines+markers",
            line={"color": style.ACCENT, "width": 2},
            marker={"size": 9},
            name="mean",
        )
        plot.update_yaxes(rangemode="tozero")
        plots.append(Plot(plot, title))
    return Figure("rmse", "Errors against labels", caption, plots, "No model was tested yet.")


def timeline_figure(run: RunData) -> Figure:
    """Wall time of the stages of each iteration."""
    caption = Markup(
        "Wall time of each stage. <b>Look for</b> the stage that costs most: shorter trainings, "
        "fewer walkers or fewer labels per iteration are worth trying there, and nowhere else."
    )
    timed = [s for s in run.summaries if any(finite(v) is not None for v in s.seconds.values())]
    if not timed:
        return Figure("timeline", "Timeline", caption, [], "No stage has finished yet.")
    total = sum(finite(v) or 0.0 for s in timed for v in s.seconds.values())
    unit, divisor = ("minutes", 60.0) if total < 4 * 3600 else ("hours", 3600.0)
    plot = style.figure(f"wall time since the start ({unit})", "", barmode="overlay")
    stages = [*style.STAGES, *{k: 0 for s in timed for k in s.seconds if k not in style.STAGES}]
    bars: dict[str, list[tuple[str, float, float]]] = {stage: [] for stage in stages}
    start = 0.0
    for summary in timed:
        for stage in stages:
            spent = finite(summary.seconds.get(stage))
            if spent is not None:
                label = f"iteration {summary.iteration}"
                bars[stage].append((label, start / divisor, spent / divisor))
                start += spent
    for stage, rows in bars.items():
        if rows:
            plot.add_bar(
                y=[label for label, _, _ in rows],
                base=style.numbers([begin for _, begin, _ in rows]),
                x=style.numbers([length for *_, length in rows]),
                orientation="h",
                marker={"color": style.STAGES.get(stage, style.NEUTRAL), "line": {"width": 0}},
                name=stage,
                hovertemplate=f"{stage}: %{{x:.3g}} {unit}<extra>%{{y}}</extra>",
            )
    plot.update_yaxes(autorange="reversed", showgrid=False, type="category")
    plot.update_layout(height=130 + 34 * len(timed), bargap=0.35)
    return Figure("timeline", "Timeline", caption, [Plot(plot)])
