"""Figures of a validation's dynamics: displacements, velocities and self-diffusion."""

import plotly.graph_objects as go
from markupsafe import Markup

from wtemlp.records.validation_record import Curve, MdRun, Validation
from wtemlp.report.figures import style
from wtemlp.report.figures.figure import Figure, Plot
from wtemlp.report.figures.validation_curves import (
    add_curve,
    by_temperature,
    look,
    run_name,
    runs_with,
)


def msd_figure(found: Validation) -> Figure:
    """Mean square displacements, with the window that diffusion was fitted in."""
    caption = Markup(
        "Mean square displacement. Shaded: the lags that the diffusion coefficient was fitted in. "
        "<b>Look for</b> a straight line of slope 1 there (both axes are logarithmic): shorter "
        "lags are ballistic or caged, at longer ones too few independent pieces are left."
    )
    return _transport(
        found,
        "msd ",
        "validation_msd",
        "Mean square displacement",
        ("lag (ps)", "⟨Δr²⟩ (Å²)"),
        caption,
        logarithmic=True,
    )


def vacf_figure(found: Validation) -> Figure:
    """Velocity autocorrelation."""
    caption = Markup(
        "Velocity autocorrelation. <b>Look for</b> the reference's minimum, the rebound in the "
        "cage of the neighbours, at the same time and depth: it tells of the forces at short "
        "times as diffusion does of long ones."
    )
    return _transport(
        found,
        "vacf ",
        "validation_vacf",
        "Velocity autocorrelation",
        ("lag (ps)", "⟨v(0)·v(t)⟩ / ⟨v²⟩"),
        caption,
        logarithmic=False,
    )


def _transport(
    found: Validation,
    prefix: str,
    key: str,
    title: str,
    axes: tuple[str, str],
    caption: Markup,
    logarithmic: bool,
) -> Figure:
    names = sorted({name for run in found.md for name in run.curves if name.startswith(prefix)})
    plots = []
    for name in names:
        runs = [
            run
            for run in runs_with(found, ("nve", "nvt"), name)
            if run.ensemble == "nve" or not _has_nve(found, run, name)
        ]
        plot = style.figure(*axes)

        def add(run: MdRun, plot: go.Figure = plot, name: str = name) -> None:
            curve = run.curves[name]
            add_curve(plot, run, _positive(curve) if logarithmic else curve, found.models)

        views = by_temperature(plot, runs, add)
        what = name.removeprefix(prefix)
        windows = {one.fit_ps for run in runs for one in run.diffusion if one.what == what}
        if logarithmic:
            style.logarithmic("x", plot)
            style.logarithmic("y", plot)
            for low, high in sorted(windows)[:1]:
                plot.add_vrect(
                    low,
                    high,
                    fillcolor=style.fade(style.NEUTRAL, 0.14),
                    line={"width": 0},
                    layer="below",
                )
        views = {f"{what}, {name}": shown for name, shown in views.items()}
        if plot.data:
            plots.append(Plot(plot, what, views))
    return Figure(key, title, caption, plots)


def _has_nve(found: Validation, run: MdRun, curve: str) -> bool:
    """Whether dynamics without a thermostat is known of the same potential and temperature."""
    like = found.runs(
        potential=run.potential, model=run.model, target_K=run.target_K, ensemble="nve"
    )
    return any(curve in other.curves for other in like)


def _positive(curve: Curve) -> Curve:
    kept = [i for i, (x, y) in enumerate(zip(curve.x, curve.y, strict=True)) if x > 0 and y > 0]
    error = [min(curve.y_error[i], 0.9 * curve.y[i]) for i in kept] if curve.y_error else []
    return Curve([curve.x[i] for i in kept], [curve.y[i] for i in kept], error)


def diffusion_figure(found: Validation) -> Figure:
    """Self-diffusion against temperature."""
    caption = Markup(
        "Self-diffusion coefficient with its standard error, in the box (open) and, where the "
        "viscosity is known, corrected for the box's finite size (filled). <b>Look for</b> models "
        "within the error bars of the reference, in the same box; the corrected ones are those to "
        "compare with experiment."
    )
    plots = []
    for what in sorted({one.what for run in found.md for one in run.diffusion}):
        plot = style.figure("temperature (K)", "D (10<sup>−5</sup> cm²/s)")
        for place, name in enumerate(dict.fromkeys(run_name(run) for run in found.md)):
            _add_diffusion(plot, found, what, name, place)
        plot.update_yaxes(rangemode="tozero")
        plots.append(Plot(plot, what))
    return Figure("validation_diffusion", "Self-diffusion", caption, plots)


def _add_diffusion(plot: go.Figure, found: Validation, what: str, name: str, place: int) -> None:
    runs = [run for run in found.md if run_name(run) == name]
    for corrected in (False, True):
        points = [
            (run.target_K, value)
            for run in runs
            for one in run.diffusion
            if one.what == what and (value := one.d_corrected if corrected else one.d_pbc)
        ]
        if not points:
            continue
        targets = [run.target_K for run in found.md]
        shift = 0.012 * (max(targets) - min(targets) or 40.0) * place
        plot.add_scatter(
            x=style.numbers([target + shift for target, _ in points], 7),
            y=style.numbers([value.value for _, value in points]),
            error_y={"array": [value.error for _, value in points], "thickness": 1.2, "width": 3},
            mode="markers",
            marker={
                "color": look(runs[0], found.models)["color"],
                "size": 9,
                "symbol": "circle" if corrected else "circle-open",
            },
            name=name + (", corrected" if corrected else ""),
        )
