"""Figures of what `wtemlp validate` found: errors by energy, structure, diffusion."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from markupsafe import Markup

from wtemlp.comparison import look
from wtemlp.comparison.errors_of_arms import Bins, bins_of, error_of
from wtemlp.comparison.records import Validated
from wtemlp.comparison.result import Comparison
from wtemlp.comparison.validated import together
from wtemlp.report import style
from wtemlp.report.figure import Figure, Plot
from wtemlp.validation_record import Estimate

MISSING = "No run has been validated; wtemlp validate PARAM MACHINE, in its folder, gives this."


def bins_figure(comparison: Comparison) -> Figure:
    """Errors by energy bin."""
    caption = Markup(
        "Errors on held-out frames by their reference energy, from the validations; bars of "
        "error: 95 % confidence, over seeds where an arm has several, else over the models. "
        "<b>Look for</b> the right end: it is where plain MD rarely goes and where a biased "
        "exploration should pay. A curve that rises there comes from a model that has seen "
        "too little of it."
    )
    found = look.looks(comparison.arms)
    bins = {run.name: bins_of(run) for run in comparison.runs if run.validated is not None}
    sets = list(dict.fromkeys(key[0] for own in bins.values() for key in own))
    plots = []
    for data in sets:
        keys = sorted({key for own in bins.values() for key in own if key[0] == data})
        zero = keys[0][1]
        for name, axis in (
            ("force", "RMSE of the forces (meV/Å)"), ("energy", "RMSE of the energy (meV/atom)"),
        ):  # fmt: skip
            plot = style.figure("energy above the lowest bin's edge (meV/atom)", axis)
            for one in comparison.arms:
                runs = comparison.runs_of(one.arm.key)
                values = [(run.seed, bins[run.name]) for run in runs if run.name in bins]
                points = _by_bin(values, keys, name)
                if points:
                    own = found[one.arm.key]
                    plot.add_scatter(
                        x=style.numbers([1000 * (x - zero) for x, _ in points]),
                        y=style.numbers([error.interval.mean for _, error in points]),
                        error_y=look.errors([look.half(e) for _, e in points], own.colour),
                        **look.line(own, one.arm.label),
                    )
            plot.update_yaxes(rangemode="tozero")
            if plot.data:
                title = name.capitalize() if len(sets) == 1 else f"{data}: {name}"
                plots.append(Plot(plot, title))
    return Figure("bins", "Errors by energy", caption, plots, MISSING)


def _by_bin(
    runs: Sequence[tuple[int, Bins]], keys: Sequence[tuple[str, float, float]], name: str
) -> list[tuple[float, object]]:
    points = []
    for key in keys:
        values = [(seed, getattr(own[key], f"{name}_models")) for seed, own in runs if key in own]
        error = error_of(values)
        if error is not None:
            points.append(((key[1] + key[2]) / 2, error))
    return points


def rdf_figure(comparison: Comparison) -> Figure:
    """Distance of the radial distributions from the reference's."""
    caption = Markup(
        "Mean |g(r) − g<sub>ref</sub>(r)| between MD with the models and with the reference, from "
        "the validations; bars of error: one standard error. Grey, and dashed: what two such runs "
        "of one and the same potential differ by. <b>Look for</b> bars that end at the dashed "
        "line: nothing smaller can be seen, and nothing more is to be gained there."
    )
    distances = {
        one.arm.key: _together(comparison, one.arm.key, lambda v: {
            name: each.distance for name, each in v.rdf.items()
        })
        for one in comparison.arms
    }  # fmt: skip
    floors = {
        name: [v.rdf[name].floor for v in _validated(comparison) if name in v.rdf]
        for v in _validated(comparison) for name in v.rdf
    }  # fmt: skip
    grey = {
        name: Estimate(float(np.mean([f for f in found if f is not None])))
        for name, found in floors.items()
        if any(f is not None for f in found)
    }
    caption += _without_bars(comparison, distances)
    plots = _bars(comparison, distances, grey, "noise floor", "mean |g − g<sub>ref</sub>|")
    empty = MISSING if not _validated(comparison) else "The validations have no reference MD."
    return Figure("rdf", "Radial distributions against the reference", caption, plots, empty)


def diffusion_figure(comparison: Comparison) -> Figure:
    """Self-diffusion against the reference's."""
    caption = Markup(
        "Self-diffusion coefficients in the same box, without a finite-size correction, which "
        "would move all alike, and their deviations from the reference (grey), with the errors of "
        "both; bars of error: one standard error. <b>Look for</b> deviations that are within two "
        "of these: more cannot be asked. Diffusion forgives little: it depends on barriers that "
        "the errors of forces average over."
    )
    found = {
        one.arm.key: _together(comparison, one.arm.key, lambda v: {
            name: pair.model for name, pair in v.diffusion.items()
        })
        for one in comparison.arms
    }  # fmt: skip
    names = dict.fromkeys(name for v in _validated(comparison) for name in v.diffusion)
    references = {
        name: [
            pair.reference
            for v in _validated(comparison)
            if (pair := v.diffusion.get(name)) is not None and pair.reference is not None
        ]
        for name in names
    }
    # Validations that share a reference count it once.
    grey = {name: together(list(dict.fromkeys(each))) for name, each in references.items() if each}
    caption += _without_bars(comparison, found)
    plots = _bars(
        comparison, found, grey, "reference", "D (10<sup>−5</sup> cm<sup>2</sup>/s)"
    )
    off = {key: _deviations(own, grey) for key, own in found.items()}
    apart = _bars(comparison, off, {}, "", "D / D<sub>ref</sub> − 1 (%)")
    plots += [Plot(one.figure, f"{one.title}, deviation") for one in apart]
    empty = MISSING if not _validated(comparison) else "The validations have no diffusion."
    return Figure("diffusion", "Self-diffusion against the reference", caption, plots, empty)


def _deviations(
    found: Mapping[str, Estimate], reference: Mapping[str, Estimate]
) -> dict[str, Estimate]:
    """Relative deviations in per cent, where there is a reference."""
    result = {}
    for name, one in found.items():
        held = reference.get(name)
        if held is not None and held.value > 0:
            ratio, errors = one.value / held.value, (one.error, held.error)
            error = None
            if errors[0] is not None and errors[1] is not None:
                error = 100 / held.value * math.hypot(errors[0], ratio * errors[1])
            result[name] = Estimate(100 * (ratio - 1), error)
    return result


def _validated(comparison: Comparison) -> list[Validated]:
    return [run.validated for run in comparison.runs if run.validated is not None]


def _without_bars(
    comparison: Comparison, found: Mapping[str, Mapping[str, Estimate]]
) -> Markup:
    """A sentence on validated arms of which nothing could be measured."""
    missing = [
        one.arm.label for one in comparison.arms
        if not found[one.arm.key]
        and any(run.validated is not None for run in comparison.runs_of(one.arm.key))
    ]  # fmt: skip
    if not missing or not any(found.values()):
        return Markup("")
    return Markup(
        " No bars: {}, of which no such MD came through, or none that was long enough (the last "
        "table says which)."
    ).format(", ".join(missing))


def _together(
    comparison: Comparison, key: str, read: Callable[[Validated], dict[str, Estimate]]
) -> dict[str, Estimate]:
    """Estimates by name, over the validated runs of an arm."""
    parts: dict[str, list[Estimate]] = {}
    for run in comparison.runs_of(key):
        if run.validated is not None:
            for name, one in read(run.validated).items():
                parts.setdefault(name, []).append(one)
    return {name: together(each) for name, each in parts.items()}


def _bars(
    comparison: Comparison,
    found: Mapping[str, Mapping[str, Estimate]],
    grey: Mapping[str, Estimate],
    grey_name: str,
    axis: str,
) -> list[Plot]:
    """A plot for each thing that was measured: a bar an arm, and a grey one with a line."""
    plots, colours = [], look.looks(comparison.arms)
    for name in dict.fromkeys(name for each in found.values() for name in each):
        rows = [(grey_name, style.fade(style.NEUTRAL, 0.55), grey[name])] if name in grey else []
        rows += [
            (
                one.arm.label,
                style.fade(colours[one.arm.key].colour, 0.45 if one.arm.random else 1.0),
                found[one.arm.key][name],
            )
            for one in comparison.arms
            if name in found[one.arm.key]
        ]
        plot = style.figure(axis, "", barmode="overlay")
        for label, colour, measured in rows:
            plot.add_bar(
                y=[label],
                x=style.numbers([measured.value]),
                error_x=look.errors([measured.error]),
                orientation="h",
                marker={"color": colour, "line": {"width": 0}},
                name=label,
                hovertemplate="%{x:.3g}<extra>%{y}</extra>",
            )
        if name in grey:
            mark = {"color": style.NEUTRAL, "width": 1.2, "dash": "dash"}
            plot.add_vline(grey[name].value, line=mark)
        look.rows(plot, len(rows))
        plot.update_layout(showlegend=False)
        plots.append(Plot(plot, name))
    return plots
