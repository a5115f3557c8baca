"""Figures of the exploration: what it yielded, and how wide it went."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from wtemlp.comparison import look
from wtemlp.comparison import sampling_of_arms as sampling
from wtemlp.comparison.records import ComparedWalker, Exploration
from wtemlp.comparison.result import ArmResult, Comparison
from wtemlp.records.validation_record import Estimate
from wtemlp.report.figures import style
from wtemlp.report.figures.figure import Figure, Plot
from wtemlp.report.figures.style import gamma
from wtemlp.report.sampling import Sampling
from wtemlp.report.widths import LikeWalkers

NO_WALKER = "No walker has come through yet."


def yield_figure(comparison: Comparison) -> Figure:
    """Fractions of candidates and of failed frames, by bias factor and iteration."""
    caption = Markup(
        "What the ensemble said of the explored frames: candidates (between the trust levels, the "
        "labelled ones included) and failed ones (above the upper level, or of a walker that was "
        "stopped). Bars of error: one standard error over the walkers, for the frames of one "
        "walker are correlated. <b>Look for</b> a bias that finds more candidates than unbiased "
        "MD, above all in later iterations, when plain MD finds none; and for a failed fraction "
        "that falls: one that stays high says that the bias factor is too large for the models."
    )
    plots = []
    for title, name in (("Candidates", "candidate"), ("Failed", "failed")):
        plot = style.figure("iteration", "share of the explored frames (%)")
        indices: set[int] = set()
        lines = _yields(comparison, name)
        for place, (own, label, points) in enumerate(lines):
            indices |= set(points)
            parts = [points[i] for i in sorted(points)]
            shift = 0.2 * ((place + 0.5) / len(lines) - 0.5)  # bars of error beside each other
            plot.add_scatter(
                x=style.numbers([i + shift for i in sorted(points)]),
                y=style.numbers([100 * one.value for one in parts]),
                error_y=look.errors(
                    [None if one.error is None else 100 * one.error for one in parts], own.colour
                ),
                **look.line(own, label),
            )
        if plot.data:
            ends = [min(indices) - 0.3, max(indices) + 0.3]
            plot.update_xaxes(range=ends, dtick=max(1, len(indices) // 10), tickformat="d")
            plot.update_yaxes(rangemode="tozero")
            plots.append(Plot(plot, title))
    return Figure("yield", "Yield of the exploration", caption, plots, "Nothing was explored yet.")


def _yields(comparison: Comparison, name: str) -> list[tuple[look.Look, str, dict[int, Estimate]]]:
    """Look, name and fractions by iteration, of each arm and each way in which it sampled."""
    found, lines = look.looks(comparison.arms), []
    for one in comparison.arms:
        own = found[one.arm.key]
        for position, (label, parts) in enumerate(_by_sampling(comparison, one).items()):
            points = {
                iteration: estimate
                for iteration, explored in parts.items()
                if (estimate := sampling.fraction(explored, name)) is not None
            }
            if points:
                mark = look.Look(own.colour, ("solid", "dash", "dot")[position % 3], own.symbol)
                lines.append((own if position == 0 else mark, label, points))
    return lines


def _by_sampling(comparison: Comparison, one: ArmResult) -> dict[str, dict[int, list[Exploration]]]:
    """Explorations of an arm by iteration; taken apart where walkers differ in their bias."""
    result: dict[str, dict[int, list[Exploration]]] = defaultdict(lambda: defaultdict(list))
    explorations = [e for run in comparison.runs_of(one.arm.key) for e in run.explorations]
    names = {w.sampling for e in explorations for w in e.walkers if w.explored}
    for exploration in explorations:
        if one.arm.biasfactor is not None or len(names) < 2:
            result[one.arm.label][exploration.iteration].append(exploration)
            continue
        for name in sorted(names):
            walkers = [w for w in exploration.walkers if w.sampling == name and w.explored]
            if walkers:
                label = gamma(name)
                if len(comparison.arms) > 1:
                    label = f"{one.arm.label}: {label}"
                result[label][exploration.iteration].append(_of_walkers(exploration, walkers))
    return result


def _of_walkers(exploration: Exploration, walkers: Sequence[ComparedWalker]) -> Exploration:
    return Exploration(
        exploration.iteration,
        explored=sum(one.explored or 0 for one in walkers),
        candidate=sum(one.candidate or 0 for one in walkers),
        failed=sum(one.failed or 0 for one in walkers),
        labelled=None,
        walkers=tuple(walkers),
    )


def _last_by_factor(comparison: Comparison) -> list[tuple[ArmResult, str, list[LikeWalkers]]]:
    """Widths of the last exploration of each arm, by bias factor."""
    rows = []
    for one in comparison.arms:
        groups: dict[Sampling, list[LikeWalkers]] = defaultdict(list)
        for run in comparison.runs_of(one.arm.key):
            for like in sampling.last_widths(run, comparison.budget.iterations):
                groups[like.sampling].append(like)
        for kind, widths in sorted(groups.items(), key=lambda item: item[0].order):
            name = gamma(kind.name(g for like in widths for g in like.biasfactors))
            label = one.arm.label if len(groups) == 1 else f"{one.arm.label}: {name}"
            rows.append((one, label, widths))
    return rows


def sigma_figure(comparison: Comparison) -> Figure:
    """sigma_WTE / sigma_NVT against the law of the heat capacity."""
    caption = Markup(
        "Width of the biased energy distribution over that of the unbiased one, against what a "
        "converged well-tempered ensemble gives for the heat capacity that σ<sub>NVT</sub> shows, "
        "√(γ (K - 1 + γ) / K) with K = C/k; the last exploration before the models of the table "
        "(walkers that "
        "the guard stopped are left out). Bars of error: one standard error, from the correlated "
        "series or from the scatter of three or more runs, whichever is larger; none below ten "
        "independent energies. Dashed: the law. "
        "<b>Look for</b> points on the line within two errors; below it the "
        "bias was still growing, so a larger γ has not been tried yet but only begun: it wants "
        "longer walkers before it is judged."
    )
    plot = style.figure("law", "σ<sub>WTE</sub> / σ<sub>NVT</sub>")
    found, highest, seen = look.looks(comparison.arms), 1.0, 0
    for one, label, widths in _last_by_factor(comparison):
        ratio, law = sampling.ratio(widths), sampling.law(widths)
        if ratio is None or law is None:
            continue
        own = found[one.arm.key]
        seen += 1
        highest = max(highest, law.value, ratio.value + (ratio.error or 0))
        plot.add_scatter(
            x=style.numbers([law.value * (1 + 0.012 * (seen % 3 - 1))]),
            y=style.numbers([ratio.value]),
            error_y=look.errors([ratio.error], own.colour),
            **look.line(own, label, mode="markers"),
        )
    if not seen:
        return Figure("sigma", "Width against its law", caption, [], NO_WALKER)
    ends = [0, 1.12 * highest]
    plot.add_scatter(
        x=style.numbers(ends),
        y=style.numbers(ends),
        mode="lines",
        name="law",
        hoverinfo="skip",
        line={"color": style.NEUTRAL, "width": 1.4, "dash": "dash"},
    )
    plot.update_xaxes(range=ends)
    plot.update_yaxes(range=ends)
    plot.update_layout(height=420)
    return Figure("sigma", "Width against its law", caption, [Plot(plot)])


def window_figure(comparison: Comparison) -> Figure:
    """The window of energies, and the range of temperatures that it is worth."""
    caption = Markup(
        "Left: standard deviation of the potential energy of the box in the biased runs, "
        "σ<sub>WTE</sub>. Right: the change of temperature that moves the mean energy by as much, "
        "σ<sub>WTE</sub>/C, with the heat capacity C = σ<sub>NVT</sub>²/(kT²) of the same "
        "walkers. Pale: what a converged bias gives for that heat capacity. Bars of error: one "
        "standard error. <b>Look for</b> a window that holds the temperatures that "
        "the potential is to be used at."
    )
    rows = _last_by_factor(comparison)
    found = look.looks(comparison.arms)
    energy = _window_plot(
        "σ<sub>WTE</sub> (eV)",
        [
            (
                label,
                found[one.arm.key].colour,
                sampling.spread(widths),
                sampling.expected_spread(widths),
            )
            for one, label, widths in rows
        ],
    )
    warmth = _window_plot(
        "half-width of the window (K)",
        [
            (label, found[one.arm.key].colour, *sampling.windows(widths))
            for one, label, widths in rows
        ],
    )
    plots = [
        Plot(plot, title)
        for plot, title in ((energy, "Energy"), (warmth, "Temperature"))
        if plot is not None
    ]
    return Figure("window", "Windows covered", caption, plots, NO_WALKER)


def _window_plot(
    axis: str, rows: Sequence[tuple[str, str, Estimate | None, Estimate | None]]
) -> Any:
    known = [(label, colour, one, law) for label, colour, one, law in rows if one is not None]
    if not known:
        return None
    plot = style.figure(axis, "", barmode="overlay")
    for label, colour, measured, expected in known:
        plot.add_bar(
            y=[label],
            x=style.numbers([math.nan if expected is None else expected.value]),
            orientation="h",
            marker={"color": style.fade(colour, 0.22), "line": {"width": 0}},
            name=f"{label}, converged",
            hovertemplate="converged: %{x:.3g}<extra>%{y}</extra>",
        )
        plot.add_bar(
            y=[label],
            x=style.numbers([measured.value]),
            error_x=look.errors([measured.error]),
            width=[0.4],
            orientation="h",
            marker={"color": colour, "line": {"width": 0}},
            name=label,
            hovertemplate="%{x:.3g}<extra>%{y}</extra>",
        )
    look.rows(plot, len(known))
    plot.update_layout(showlegend=False)
    return plot
