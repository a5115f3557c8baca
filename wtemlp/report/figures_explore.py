"""Figures of the exploration: decisions, deviations, energy distributions, their widths."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup

from wtemlp.analysis import energy
from wtemlp.analysis.deviation import log_bins, log_histogram
from wtemlp.analysis.energy import NVT_EQUILIBRATION, WTE_FILLING
from wtemlp.analysis.frames import FrameTable, Phase
from wtemlp.report import style
from wtemlp.report.data import IterationData, RunData, WalkerEnergies
from wtemlp.report.figures import Figure, Plot
from wtemlp.report.table import finite, law_factor, walker_ratio

ALL_STOPPED = "No walker came through: the guard stopped every one that has run so far."


def outcomes_figure(run: RunData) -> Figure:
    """What became of the explored frames."""
    caption = Markup(
        "Explored frames by what the ensemble says of them: accurate, below the lower trust level; "
        "candidate, between the levels, some of them labelled; failed, above the upper one, or "
        "what made a walker stop. <b>Look for</b> the accurate share to grow from one iteration to "
        "the next, and for failures to vanish; if nearly all frames fail, the upper level is too "
        "low, the model too young, or the bias factor too high for it."
    )
    rows = [s for s in run.summaries if s.explored]
    if not rows:
        return Figure("outcomes", "Explored frames", caption, [], "Nothing was explored yet.")
    plot = style.figure("share of the explored frames (%)", "", barmode="stack")
    labels = [f"iteration {s.iteration}" for s in rows]
    labelled = [s.labelled or 0 for s in rows]
    counts = {
        "accurate": [s.accurate or 0 for s in rows],
        "candidate": [
            max((s.candidate or 0) - done, 0) for s, done in zip(rows, labelled, strict=True)
        ],
        "labelled": labelled,
        "failed": [s.failed or 0 for s in rows],
    }
    for name, values in counts.items():
        plot.add_bar(
            y=labels,
            x=style.numbers([100 * v / s.explored for v, s in zip(values, rows, strict=True)]),
            customdata=values,
            orientation="h",
            marker={"color": style.DECISIONS[name], "line": {"width": 0}},
            name=name,
            hovertemplate=f"{name}: %{{customdata}} frames, %{{x:.1f}} %<extra>%{{y}}</extra>",
        )
    plot.update_yaxes(autorange="reversed", showgrid=False, type="category")
    plot.update_xaxes(range=[0, 100])
    plot.update_layout(height=150 + 34 * len(rows), bargap=0.35, legend_traceorder="normal")
    return Figure("outcomes", "Explored frames", caption, [Plot(plot)])


def deviation_figure(run: RunData, trust: Sequence[tuple[float, float]]) -> Figure:
    """Distributions of the force deviation: by iteration, and by bias factor in the last one."""
    caption = Markup(
        "Largest force deviation of each explored frame among the models, with the band of "
        "candidates between the trust levels. Left: by iteration; right: in the last exploration, "
        "by sampling. <b>Look for</b> the distributions to move left as labels are added, out of "
        "the band and below the lower level; and for the bias to reach further right than "
        "unbiased sampling: that is what it is there for."
    )
    explored = [it for it in run.iterations if it.frames is not None and _usable(it.frames).any()]
    if not explored:
        return Figure("deviation", "Force deviation", caption, [], "Nothing was explored yet.")
    values = np.concatenate([it.frames.max_devi_f[_usable(it.frames)] for it in explored])
    edges = log_bins(values.min(), values.max())
    # A hole of the potential gives any number: the axis keeps to what most frames have.
    reach = [*np.quantile(values, [0.005, 0.995]), *(level for levels in trust for level in levels)]
    low, high = max(min(reach) / 1.3, 1e-6), max(reach) * 1.3
    beyond = 100 * float(np.mean(values > high))
    by_iteration = _deviation_plot(trust, low, high)
    for position, iteration in enumerate(explored):
        by_iteration.add_trace(
            style.step_line(
                edges,
                100 * log_histogram(iteration.frames.max_devi_f, edges),
                line={"color": style.iteration_colour(position, len(explored)), "width": 2},
                name=f"iteration {iteration.index}",
                showlegend=style.in_legend(position, len(explored)),
            )
        )
    last = explored[-1]
    by_factor = _deviation_plot(trust, low, high)
    for name, colour, rows in _samplings(last.frames):
        by_factor.add_trace(
            style.step_line(
                edges,
                100 * log_histogram(rows.max_devi_f, edges),
                line={"color": colour, "width": 2},
                name=name,
            )
        )
    plots = [
        Plot(by_iteration, "By iteration"),
        Plot(by_factor, f"By sampling, iteration {last.index}"),
    ]
    if beyond > 0:
        caption += Markup(" {:.2g} % of the frames lie beyond the axis.").format(beyond)
    return Figure("deviation", "Force deviation", caption, plots)


def _usable(frames: FrameTable) -> np.ndarray:
    return np.isfinite(frames.max_devi_f) & (frames.max_devi_f > 0)


def _samplings(frames: FrameTable) -> list[tuple[str, str, FrameTable]]:
    """Name, colour and frames of each way of sampling: NVT first, then by bias factor."""
    colours = style.biasfactor_colours(np.unique(frames.biasfactor).tolist())
    parts = []
    unbiased = frames.phase == int(Phase.NVT)
    if unbiased.any():
        parts.append(("NVT", style.NEUTRAL, frames.where(unbiased)))
    for factor, colour in colours.items():
        rows = frames.where(~unbiased & (frames.biasfactor == factor))
        if len(rows):
            parts.append((f"γ = {factor:g}", colour, rows))
    return parts


def _deviation_plot(trust: Sequence[tuple[float, float]], low: float, high: float) -> go.Figure:
    plot = style.figure("largest force deviation (eV/Å)", "share of frames (%)")
    style.log_axis("x", plot, low, high)
    plot.update_yaxes(rangemode="tozero")
    candidate = style.DECISIONS["labelled"]
    for place, (name, levels) in enumerate(trust_levels(trust).items()):
        label = {"text": name, "textposition": "top center", "yanchor": "top"}
        plot.add_vrect(
            *levels, fillcolor=style.fade(candidate, 0.1), line={"width": 0}, layer="below",
            label=label if name else None,
        )
        dash = ("dash", "dot", "dashdot")[place % 3]
        for level in levels:
            plot.add_vline(level, line={"color": candidate, "width": 1.2, "dash": dash})
    return plot


def trust_levels(trust: Sequence[tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Distinct pairs of trust levels, each by the systems that have it.

    Returns
    -------
    dict of str to (float, float)
        The name is "" if all systems have the same, else as ``"systems 0, 2"``.
    """
    owners: dict[tuple[float, float], list[int]] = {}
    for system, levels in enumerate(trust):
        owners.setdefault(tuple(levels), []).append(system)
    if len(owners) == 1:
        return {"": next(iter(owners))}
    return {
        f"system{'s' * (len(systems) > 1)} {', '.join(map(str, systems))}": levels
        for levels, systems in owners.items()
    }


def energy_figure(run: RunData) -> Figure:
    """P(E) of the unbiased against the well-tempered ensemble, one view per set of walkers."""
    caption = Markup(
        "Distribution of the potential energy of the whole box, relative to each walker's own NVT "
        "mean (every model has its own zero). Outlines: what was sampled; dashed: the Gaussian of "
        "width σ<sub>NVT</sub>, and those of width √γ σ<sub>NVT</sub> that the well-tempered "
        "ensemble tends to. Left out are the first {:.0f} % of each NVT run (equilibration) and "
        "{:.0f} % of each biased one (the bias was being filled){}. "
        "<b>Look for</b> outlines that fill their dashed curve and stay centred at zero: narrower "
        "means that the bias had not yet filled its window (more steps), a lean to one side that "
        "it is still on its way, an outline far beyond its curve that the model is wrong there."
    )
    groups: dict[tuple[int, int, float], list[WalkerEnergies]] = defaultdict(list)
    left_out = 0
    for iteration in run.iterations:
        for walker in iteration.walkers:
            if walker.stopped:
                left_out += 1
            elif len(walker.nvt_eV) > 1 and np.std(walker.nvt_eV) > 0:
                groups[iteration.index, walker.system, walker.temperature_K].append(walker)
    walkers_out = "1 walker" if left_out == 1 else f"{left_out} walkers"
    note = f", with {walkers_out} that the guard stopped" if left_out else ""
    caption = Markup(caption).format(
        100 * NVT_EQUILIBRATION, 100 * WTE_FILLING, note
    )
    if not groups:
        empty = ALL_STOPPED if left_out else "No energies sampled yet."
        return Figure("energy", "Energy distribution", caption, [], empty)
    plot = style.figure("U − ⟨U⟩<sub>NVT</sub> (eV)", "probability density (1/eV)")
    spans: list[tuple[str, int, int]] = []
    for (index, system, temperature), walkers in groups.items():
        first = len(plot.data)
        _add_energies(plot, walkers)
        name = f"Iteration {index}, system {system}, {temperature:g} K"
        spans.append((name, first, len(plot.data)))
    plot.update_layout(height=420)
    shown = Plot(plot, spans[-1][0], _views(plot, spans))
    return Figure("energy", "Energy distribution", caption, [shown])


def _add_energies(plot: go.Figure, walkers: list[WalkerEnergies]) -> None:
    """Outlines and Gaussians of the walkers of one model, system and temperature."""
    sigma = float(np.sqrt(np.mean([np.var(w.nvt_eV, ddof=1) for w in walkers])))
    nvt = np.concatenate([w.nvt_eV - w.nvt_eV.mean() for w in walkers])
    _add_distribution(plot, "NVT", nvt, sigma, style.NEUTRAL)
    factors = sorted({w.biasfactor for w in walkers})
    for factor, colour in style.biasfactor_colours(factors).items():
        parts = [
            w.wte_eV - w.nvt_eV.mean() for w in walkers if w.biasfactor == factor and len(w.wte_eV)
        ]
        if parts:
            expected = energy.sigma_wte(sigma, factor)
            _add_distribution(plot, f"γ = {factor:g}", np.concatenate(parts), expected, colour)


def _add_distribution(
    plot: go.Figure, name: str, values: np.ndarray, expected: float, colour: str
) -> None:
    low, quarter, three, high = np.quantile(values, [0.002, 0.25, 0.75, 0.998])
    inside = values[(values >= low) & (values <= high)]  # a hole of the potential has no bottom
    # Freedman-Diaconis, kept between what the eye can use
    width = 2 * float(three - quarter) / len(values) ** (1 / 3)
    width = max(float(np.clip(width, expected / 12, expected / 2)), float(high - low) / 400)
    edges = energy.shared_bins([inside], width)
    density = energy.energy_histogram(inside, edges) * len(inside) / len(values)
    plot.add_trace(
        style.step_line(
            edges,
            density,
            line={"color": colour, "width": 1.8},
            fill="tozeroy",
            fillcolor=style.fade(colour, 0.14),
            name=name,
            legendgroup=name,
        )
    )
    x = np.linspace(-3.5, 3.5, 121) * expected
    plot.add_scatter(
        x=style.numbers(x),
        y=style.numbers(energy.gaussian(x, expected)),
        mode="lines",
        line={"color": colour, "width": 1.4, "dash": "dash"},
        name=f"{name}, predicted",
        legendgroup=name,
        showlegend=False,
        hoverinfo="skip",
    )


def _views(plot: go.Figure, spans: list[tuple[str, int, int]]) -> dict[str, list[bool]]:
    """Show the last span of traces, and let the reader choose another."""
    places = range(len(plot.data))
    views = {name: [first <= i < last for i in places] for name, first, last in spans}
    for trace, shown in zip(plot.data, views[spans[-1][0]], strict=True):
        trace.visible = shown
    return views


def sigma_figure(run: RunData) -> Figure:
    """Measured sigma_WTE / sigma_NVT of every walker against the square root of the bias factor."""
    caption = Markup(
        "Width of the biased energy distribution over that of the unbiased one, walker by walker; "
        "error bars: one standard error, with the correlation of the series accounted for. Dashed: "
        "√γ, what a converged well-tempered ensemble gives. <b>Look for</b> points that reach "
        "their line. Below it, the bias was still growing: the time to convergence grows with γ, "
        "and short explorations stay below without being wrong for selection."
    )
    points: dict[float, list[tuple[float, float, float | None, str]]] = defaultdict(list)
    for iteration in run.iterations:
        for walker in iteration.summary.walkers if iteration.summary else []:
            factor, ratio = law_factor(walker), walker_ratio(walker)
            if factor is not None and ratio is not None and not walker.get("stopped"):
                name = str(walker.get("name", ""))
                error = _ratio_error(iteration, name, ratio)
                points[factor].append((iteration.index, ratio, error, name))
    if not points:
        stopped = any(w.get("stopped") for summary in run.summaries for w in summary.walkers)
        empty = ALL_STOPPED if stopped else "No width was measured yet."
        return Figure("sigma", "Width against √γ", caption, [], empty)
    plot = style.figure("iteration", "σ<sub>WTE</sub> / σ<sub>NVT</sub>")
    colours = style.biasfactor_colours(points)
    for place, factor in enumerate(sorted(points)):
        rows = sorted(points[factor])
        shift = 0.12 * (place - (len(points) - 1) / 2)
        x = _spread([row[0] for row in rows], shift)
        plot.add_hline(
            float(np.sqrt(factor)), line={"color": colours[factor], "width": 1.4, "dash": "dash"}
        )
        plot.add_scatter(
            x=style.numbers(x),
            y=style.numbers([row[1] for row in rows]),
            error_y={"array": [row[2] for row in rows], "thickness": 1.2, "width": 3},
            text=[row[3] for row in rows],
            mode="markers",
            marker={"color": colours[factor], "size": 8},
            name=f"γ = {factor:g}",
            hovertemplate=f"%{{y:.3g}}, predicted {np.sqrt(factor):.3g}<extra>%{{text}}</extra>",
        )
    indices = sorted({row[0] for rows in points.values() for row in rows})
    plot.update_xaxes(range=[indices[0] - 0.5, indices[-1] + 0.5], tickformat="d")
    plot.update_xaxes(dtick=max(1, len(indices) // 10))
    highest = max(np.sqrt(max(points)), *(row[1] for rows in points.values() for row in rows))
    plot.update_yaxes(range=[0, 1.1 * float(highest)])
    return Figure("sigma", "Width against √γ", caption, [Plot(plot)])


def _spread(indices: list[float], shift: float) -> list[float]:
    """Iterations as positions, with walkers of the same iteration a little apart."""
    seen: dict[float, int] = defaultdict(int)
    positions = []
    for index in indices:
        positions.append(index + shift + 0.025 * seen[index])
        seen[index] += 1
    return positions


def _ratio_error(iteration: IterationData, name: str, ratio: float) -> float | None:
    """Standard error of sigma_WTE / sigma_NVT, from the walker's series."""
    for walker in iteration.walkers:
        if walker.name == name and len(walker.nvt_eV) > 3 and len(walker.wte_eV) > 3:
            parts = [energy.moments(walker.nvt_eV), energy.moments(walker.wte_eV)]
            relative = [part.std_error / part.std for part in parts if part.std > 0]
            if len(relative) == 2:
                return finite(float(ratio * np.hypot(*relative)))
    return None
