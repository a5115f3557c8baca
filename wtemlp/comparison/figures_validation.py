"""Figures of what `wtemlp validate` found: errors by energy, structure, diffusion."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from markupsafe import Markup

from wtemlp.comparison import look
from wtemlp.comparison.errors_of_arms import Bins, bins_of, error_of
from wtemlp.comparison.records import Validated
from wtemlp.comparison.result import Comparison, Error
from wtemlp.comparison.validated import together
from wtemlp.records.validation_record import Estimate
from wtemlp.report.figures import style
from wtemlp.report.figures.figure import Figure, Plot

MISSING = "No run has been validated; wtemlp validate PARAM MACHINE, in its folder, gives this."

_BINS = Markup(
    "<b>Look for</b> the right end: it is where plain MD rarely goes and where a biased "
    "exploration should pay. A curve that rises there comes from a model that has seen "
    "too little of it."
)
_ONE_BIN = Markup(
    "Each set has too few frames for more than one bin, so a bar is the error on all of it. "
    "<b>Look for</b> an arm that is worse on the sets that reach further in energy than its own "
    "data."
)


def bins_figure(comparison: Comparison) -> Figure:
    """Errors by energy bin."""
    caption = Markup(
        "Errors on held-out frames by their reference energy, from the validations; bars of "
        "error: 95 % confidence, over seeds where an arm has several, else over the models. {}"
    )
    bins = {run.name: bins_of(run) for run in comparison.runs if run.validated is not None}
    keys = sorted({key for own in bins.values() for key in own})
    sets = list(dict.fromkeys(key[0] for own in bins.values() for key in own))
    # A set of few frames has one bin: its energy says nothing, and points would hide each other.
    single = len(keys) == len(sets)
    plots = []
    for data in sets:
        of_data = [key for key in keys if key[0] == data]
        for name, axis in (
            ("force", "RMSE of the forces (meV/Å)"),
            ("energy", "RMSE of the energy (meV/atom)"),
        ):
            courses = {}
            for one in comparison.arms:
                runs = comparison.runs_of(one.arm.key)
                values = [(run.seed, bins[run.name]) for run in runs if run.name in bins]
                courses[one.arm.key] = _by_bin(values, of_data, name)
            title = name.capitalize() if len(sets) == 1 else f"{data}: {name}"
            if single:
                whole = {
                    key: {title: _estimate(points[0][1])} if points else {}
                    for key, points in courses.items()
                }
                plots += _bars(comparison, whole, {}, "", axis)
            elif any(courses.values()):
                course = _energy_course(comparison, courses, of_data[0][1], axis)
                plots.append(replace(course, title=title))
    return Figure(
        "bins", "Errors by energy", caption.format(_ONE_BIN if single else _BINS), plots, MISSING
    )


def _estimate(error: Error) -> Estimate:
    return Estimate(error.interval.mean, look.half(error))


def _energy_course(
    comparison: Comparison,
    courses: Mapping[str, Sequence[tuple[float, Error]]],
    zero: float,
    axis: str,
) -> Plot:
    """Errors of the arms against the energy of the bins, from ``zero`` (eV/atom) on."""
    found = look.looks(comparison.arms)
    plot = style.figure("energy above the lowest bin's edge (meV/atom)", axis)
    for one in comparison.arms:
        own, points = found[one.arm.key], courses[one.arm.key]
        if points:
            plot.add_scatter(
                x=style.numbers([1000 * (x - zero) for x, _ in points]),
                y=style.numbers([error.interval.mean for _, error in points]),
                error_y=look.errors([look.half(e) for _, e in points], own.colour),
                **look.line(own, one.arm.label),
            )
    plot.update_yaxes(rangemode="tozero")
    return Plot(plot)


def _by_bin(
    runs: Sequence[tuple[int, Bins]], keys: Sequence[tuple[str, float, float]], name: str
) -> list[tuple[float, Error]]:
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
        one.arm.key: _together(
            comparison, one.arm.key, lambda v: {name: each.distance for name, each in v.rdf.items()}
        )
        for one in comparison.arms
    }
    floors = {
        name: [v.rdf[name].floor for v in _validated(comparison) if name in v.rdf]
        for v in _validated(comparison)
        for name in v.rdf
    }
    grey = {
        name: Estimate(float(np.mean([f for f in found if f is not None])))
        for name, found in floors.items()
        if any(f is not None for f in found)
    }
    caption += _without_bars(comparison, distances, "such MD exploded, or had no such pairs")
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
        one.arm.key: _together(
            comparison,
            one.arm.key,
            lambda v: {name: pair.model for name, pair in v.diffusion.items()},
        )
        for one in comparison.arms
    }
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
    caption += _without_bars(
        comparison, found, "such MD exploded, or was too short for the motion to become diffusive"
    )
    bare = sorted({name for each in found.values() for name in each} - set(grey), key=_place)
    if bare and grey:
        caption += Markup(" No grey bar and no deviation: {}; the reference's MD was too short.")
        caption = caption.format(", ".join(bare))
    plots = _bars(comparison, found, grey, "reference", "D (10<sup>−5</sup> cm<sup>2</sup>/s)")
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
    comparison: Comparison, found: Mapping[str, Mapping[str, Estimate]], why: str
) -> Markup:
    """Sentences on what could not be measured of validated arms: ``why`` tells the reasons."""
    if not any(found.values()):
        return Markup("")
    names = _in_order(found)
    lost: dict[tuple[str, ...], list[str]] = {}
    for one in comparison.arms:
        missing = tuple(name for name in names if name not in found[one.arm.key])
        runs = comparison.runs_of(one.arm.key)
        if missing and any(run.validated is not None for run in runs):
            lost.setdefault(missing, []).append(one.arm.label)
    if not lost:
        return Markup("")
    parts = [
        ", ".join(arms) + ("" if len(missing) == len(names) else f" ({', '.join(missing)})")
        for missing, arms in lost.items()
    ]
    return Markup(" No bars: {}; {}.").format("; ".join(parts), why)


def _in_order(found: Mapping[str, Mapping[str, Estimate]]) -> list[str]:
    """The quantities, those of one pair or element together, by temperature."""
    names = dict.fromkeys(name for each in found.values() for name in each)
    first = list(dict.fromkeys(name.split()[0] for name in names))
    return sorted(names, key=lambda name: (first.index(name.split()[0]), _place(name)))


def _place(name: str) -> list[float | str]:
    """What a quantity is sorted by, as "O 300 K NVE": its words, the temperature by its size."""
    parts = re.split(r"(\d+\.?\d*)", name)
    return [float(part) if i % 2 else part for i, part in enumerate(parts)]


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
    for name in _in_order(found):
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
