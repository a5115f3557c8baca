"""Figures of errors: against labels, against epochs, against the baselines, against cost."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from wtemlp.analysis.epochs import reaches
from wtemlp.comparison import look
from wtemlp.comparison import sampling_of_arms as sampling
from wtemlp.comparison.errors_of_arms import EPOCHS, error_of
from wtemlp.comparison.records import ComparedCurve, Run
from wtemlp.comparison.result import Comparison, Difference, Error
from wtemlp.comparison.table import intervals_in_words
from wtemlp.report.figures import style
from wtemlp.report.figures.figure import Figure, Plot

QUANTITIES = (
    ("Force", "force", "RMSE of the forces (meV/Å)"),
    ("Energy", "energy", "RMSE of the energy without offset (meV/atom)"),
)
NO_TEST = "No model was tested on validation data yet."
BINS = 48  #: of a learning curve against epochs


def labels_figure(comparison: Comparison) -> Figure:
    """Errors against the number of labels."""
    caption = Markup(
        "Errors on the validation data against the number of frames that each run has labelled "
        "(zero: the models of the initial data). {} The dashed line is the number of labels at "
        "which the table compares. <b>Look for</b> curves that fall below those of the baselines "
        "by more than the bars: a method that picks better frames needs fewer of them. Curves "
        "within each other's bars are alike, as far as these runs can tell."
    ).format(intervals_in_words(comparison.arms))
    found = look.looks(comparison.arms)
    plots = []
    for title, name, axis in QUANTITIES:
        plot = style.figure("frames labelled", axis)
        for one in comparison.arms:
            points = _course(comparison.runs_of(one.arm.key), name)
            if points:
                own = found[one.arm.key]
                plot.add_scatter(
                    x=style.numbers([labels for labels, _ in points]),
                    y=style.numbers([error.interval.mean for _, error in points]),
                    error_y=look.errors([look.half(e) for _, e in points], own.colour),
                    **look.line(own, one.arm.label),
                )
        if not plot.data:
            continue
        if comparison.budget.labels:
            mark = {"color": style.NEUTRAL, "width": 1.2, "dash": "dash"}
            plot.add_vline(comparison.budget.labels, line=mark)
        plot.update_yaxes(rangemode="tozero")
        plots.append(Plot(plot, title))
    return Figure("labels", "Errors against labels", caption, plots, NO_TEST)


def _course(runs: Sequence[Run], name: str) -> list[tuple[float, Error]]:
    """Labels and error of an arm, iteration by iteration."""
    points = []
    for iteration in sorted({one.iteration for run in runs for one in run.trainings}):
        found = [(run.seed, run.training(iteration)) for run in runs]
        tested = [(seed, one) for seed, one in found if one is not None and one.labels is not None]
        error = error_of([(seed, getattr(one, f"{name}_models")) for seed, one in tested])
        if error is not None:
            points.append((float(np.mean([one.labels for _, one in tested])), error))
    return points


def epochs_figure(comparison: Comparison) -> Figure:
    """Errors on validation batches against the epochs of the training at the budget."""
    caption = Markup(
        "Learning curves of the models that the table compares: errors on the batches that each "
        "training validates on, which may be of other data in another arm; "
        "geometric means over the models (and seeds) of each arm and over neighbouring rows. "
        "Dotted lines: {} and {} epochs, where they are in range. <b>Look for</b> the epoch from "
        "which a curve no longer falls: training beyond it is wasted. The error on the way is "
        "<b>not</b> that of a training of that length: its learning rate would have fallen by "
        "then, which lowers the error at the end, and would have been high for a shorter time, "
        "which raises it. Runs with another <code>numb_epoch</code> show it; give both folders."
    ).format(*(f"{epoch:g}" for epoch in EPOCHS))
    found = look.looks(comparison.arms)
    known = any(np.isfinite(c.epochs).any() for run in comparison.runs for c in _curves(run))
    plots = []
    for title, column, axis in (
        ("Force", "force_meV_A", "RMSE of the forces (meV/Å)"),
        ("Energy", "energy_meV_atom", "RMSE of the energy (meV/atom)"),
    ):
        plot = style.figure("epochs" if known else "training step", axis)
        for one in comparison.arms:
            chosen = comparison.budget.iterations
            curves = [
                (np.array(curve.epochs if known else curve.steps), np.array(getattr(curve, column)))
                for run in comparison.runs_of(one.arm.key)
                for curve in _curves(run, chosen.get(run.name))
            ]
            x, y = binned(curves)
            if len(x):
                own = found[one.arm.key]
                drawn = look.line(own, one.arm.label, mode="lines")
                plot.add_scatter(x=style.numbers(x), y=style.numbers(y), **drawn)
        if not plot.data:
            continue
        trained = [c.epochs for run in comparison.runs for c in _curves(run)]
        for epoch in EPOCHS if known else ():
            if any(reaches(epochs, epoch) for epochs in trained):
                mark = {"color": style.NEUTRAL, "width": 1.2, "dash": "dot"}
                plot.add_vline(epoch, line=mark)
        style.logarithmic("x", plot)
        style.logarithmic("y", plot)
        plots.append(Plot(plot, title))
    empty = "No learning curve on validation batches is there."
    return Figure("epochs", "Errors against epochs", caption, plots, empty)


def _curves(run: Run, iteration: int | None = None) -> list[ComparedCurve]:
    """Learning curves of one training, of all if none is given."""
    return [c for one in run.trainings if iteration in (None, one.iteration) for c in one.curves]


def binned(
    curves: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Geometric means of curves in bins of even width on a logarithmic axis.

    Parameters
    ----------
    curves : sequence of (ndarray, ndarray), each of shape (n_rows,)
        What is not above 0 is left out.

    Returns
    -------
    ndarray, ndarray, shape (n_bins,)
        Of the bins that hold something.
    """
    if not curves:
        return np.empty(0), np.empty(0)
    x, y = (np.concatenate(parts) for parts in zip(*curves, strict=True))
    kept = (x > 0) & (y > 0) & np.isfinite(x) & np.isfinite(y)
    x, y = np.log(x[kept]), np.log(y[kept])
    if not len(x):
        return np.empty(0), np.empty(0)
    edges = np.linspace(x.min(), x.max(), BINS + 1)
    place = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    filled = counts > 0
    means = [np.bincount(place, each, BINS)[filled] / counts[filled] for each in (x, y)]
    return np.exp(means[0]), np.exp(means[1])


def baselines_figure(comparison: Comparison) -> Figure:
    """Differences between the arms and their baselines."""
    caption = Markup(
        "Error of each arm minus that of a baseline, on the same validation data, at the labels "
        "of the table, runs of the same seed as pairs; bars of error: 95 % confidence of each "
        "difference for itself. Left of zero the arm is better. <b>Look for</b> the verdicts "
        "below, which count how many differences are looked at: of twenty intervals without a "
        "difference, one does not hold zero. Without bars there was one seed. Random picks "
        "come from explorations of the same kind, regardless of the deviation; if the arm is no "
        "better than they are, its choice of frames earns nothing."
    )
    plots = []
    for title, name, axis in (
        ("Force", "force", "Δ RMSE of the forces (meV/Å)"),
        ("Energy", "energy", "Δ RMSE of the energy (meV/atom)"),
    ):
        rows = [
            one
            for one in comparison.differences
            if one.quantity == name and one.interval is not None
        ]
        if rows:
            plots.append(Plot(_forest(comparison, rows, axis), title))
    empty = (
        "There is no baseline among the runs (unbiased MD, random picks, a higher temperature): "
        "wtemlp sweep PARAM MACHINE --baseline random,highT makes them."
    )
    return Figure("baselines", "Against the baselines", caption, plots, empty)


def _forest(comparison: Comparison, rows: Sequence[Difference], axis: str) -> Any:
    plot = style.figure(axis, "", barmode="overlay")
    found = look.looks(comparison.arms)
    for arm in dict.fromkeys(one.arm for one in rows):
        own = [(one, one.interval) for one in rows if one.arm == arm and one.interval]
        name = comparison.of(arm).arm.label
        plot.add_bar(
            y=[f"{name} − {_short(comparison.of(one.other).arm.label, name)}" for one, _ in own],
            x=style.numbers([interval.mean for _, interval in own]),
            error_x=look.errors([interval.half for _, interval in own]),
            orientation="h",
            marker={"color": style.fade(found[arm].colour, 0.6), "line": {"width": 0}},
            name=name,
            customdata=[one.verdict for one, _ in own],
            hovertemplate="%{x:.3g}: %{customdata}<extra>%{y}</extra>",
        )
    plot.add_vline(0, line={"color": style.NEUTRAL, "width": 1.2})
    look.rows(plot, len(rows))
    plot.update_layout(showlegend=False)
    return plot


def _short(other: str, name: str) -> str:
    """A baseline's name without that of the arm that it belongs to."""
    return other.removeprefix(f"{name}, ")


def cost_figure(comparison: Comparison) -> Figure:
    """What the runs cost, and what the errors cost."""
    caption = Markup(
        "Left: what a run takes until the models of the table are trained, by stage (mean over "
        "seeds). Right: errors against what had been spent by then, iteration by iteration. "
        "<b>Look for</b> the curve that is lowest at the time that you have, which need not be "
        "the one that is lowest at equal labels."
    )
    arms = [one for one in comparison.arms if one.spending.by_stage]
    if not arms:
        return Figure("cost", "Cost", caption, [], "No stage has finished yet.")
    units = {one.spending.unit for one in arms}
    unit = units.pop() if len(units) == 1 else "hours"
    bars = style.figure(unit, "", barmode="stack")
    stages = dict.fromkeys([*style.STAGES, *(s for one in arms for s in one.spending.by_stage)])
    for stage in stages:
        if not any(one.spending.by_stage.get(stage) for one in arms):
            continue
        bars.add_bar(
            y=[one.arm.label for one in arms],
            x=style.numbers([one.spending.by_stage.get(stage, 0.0) for one in arms]),
            orientation="h",
            marker={"color": style.STAGES.get(stage, style.NEUTRAL), "line": {"width": 0}},
            name=stage,
            hovertemplate=f"{stage}: %{{x:.3g}} {unit}<extra>%{{y}}</extra>",
        )
    look.rows(bars, len(arms))
    bars.update_layout(legend_traceorder="normal")
    plots = [Plot(bars, "Until the models that are compared")]
    course = _error_against_cost(comparison, unit)
    if course is not None:
        plots.append(Plot(course, "Error of the forces"))
    return Figure("cost", "Cost", caption, plots)


def _error_against_cost(comparison: Comparison, unit: str) -> Any:
    plot = style.figure(f"spent so far ({unit})", "RMSE of the forces (meV/Å)")
    found = look.looks(comparison.arms)
    for one in comparison.arms:
        runs, points = comparison.runs_of(one.arm.key), []
        for iteration in sorted({each.iteration for run in runs for each in run.trainings}):
            tested = [run for run in runs if (t := run.training(iteration)) and t.tested]
            if tested:
                spent = sampling.spending(tested, {run.name: iteration for run in tested})
                trained = [(run.seed, run.training(iteration)) for run in tested]
                values = [(seed, one.force_models) for seed, one in trained if one is not None]
                error = error_of(values)
                if error is not None and spent.by_stage and spent.unit == one.spending.unit:
                    points.append((sum(spent.by_stage.values()), error))
        if points:
            own = found[one.arm.key]
            plot.add_scatter(
                x=style.numbers([cost for cost, _ in points]),
                y=style.numbers([error.interval.mean for _, error in points]),
                error_y=look.errors([look.half(error) for _, error in points], own.colour),
                **look.line(own, one.arm.label),
            )
    plot.update_yaxes(rangemode="tozero")
    plot.update_xaxes(rangemode="tozero")
    return plot if plot.data else None
