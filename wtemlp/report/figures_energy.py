"""Figures of the sampled energies: their distributions, and their widths."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup

from wtemlp.analysis import energy
from wtemlp.analysis.energy import NVT_EQUILIBRATION, WTE_FILLING
from wtemlp.analysis.reweighting import TRUSTED
from wtemlp.report import style
from wtemlp.report.data import IterationData, RunData, WalkerEnergies
from wtemlp.report.figures import Figure, Plot
from wtemlp.report.table import finite, law_factor, walker_ratio

ALL_STOPPED = "No walker came through: the guard stopped every one that has run so far."
ENERGY_CAPTION = Markup(
    "Distribution of the potential energy of the whole box, relative to each walker's own NVT "
    "mean (every model has its own zero). Outlines: what was sampled; dashed: the Gaussian of "
    "width σ<sub>NVT</sub>, and those of width √γ σ<sub>NVT</sub> that the well-tempered "
    "ensemble tends to; dotted: NVT as the biased runs have it, their energies weighted by "
    "exp(V/kT). Left out are the first {:.0f} % of each NVT run (equilibration) and "
    "{:.0f} % of each biased one (the bias was being filled){}. "
    "<b>Look for</b> outlines that fill their dashed curve and stay centred at zero: narrower "
    "means that the bias had not yet filled its window (more steps), a lean to one side that "
    "it is still on its way, an outline far beyond its curve that the model is wrong there. "
    "Dotted curves belong on the grey outline of NVT: one beside it says that the bias was "
    "still changing, or that one of the two runs was too short. Only those worth {:.0f} "
    "independent energies or more are drawn{}."
)


def energy_figure(run: RunData) -> Figure:
    """P(E) of the unbiased against the well-tempered ensemble, one view per set of walkers."""
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
    caption = ENERGY_CAPTION.format(
        100 * NVT_EQUILIBRATION, 100 * WTE_FILLING, note, TRUSTED, _distrusted(groups.values())
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
            _add_reweighted(plot, [w for w in walkers if w.biasfactor == factor], colour)


def _worth(walkers: list[WalkerEnergies]) -> float:
    """Independent energies of NVT that biased walkers are worth together."""
    return sum(w.reweighted.independent for w in walkers if w.reweighted is not None)


def _distrusted(groups: Iterable[list[WalkerEnergies]]) -> str:
    """How many sets of walkers have no reweighted curve, as the end of a sentence."""
    sets = [
        [w for w in walkers if w.biasfactor == factor]
        for walkers in groups
        for factor in sorted({w.biasfactor for w in walkers if w.biasfactor > 1})
    ]
    few = sum(1 for walkers in sets if _worth(walkers) < TRUSTED)
    return f": {few} of the {len(sets)} sets of biased walkers are not" if few else ""


def _add_reweighted(plot: go.Figure, walkers: list[WalkerEnergies], colour: str) -> None:
    """NVT as biased walkers of one kind have it, each counting by what it is worth."""
    factor, parts = walkers[0].biasfactor, [w for w in walkers if w.reweighted is not None]
    if factor == 1 or _worth(parts) < TRUSTED:
        return
    own = [w.reweighted.energy_eV - w.nvt_eV.mean() for w in parts]
    drawn = [  # bins that are next to nothing, far out
        u[w.reweighted.density > 1e-3 * w.reweighted.density.max()]
        for u, w in zip(own, parts, strict=True)
    ]
    step = min(float(u[1] - u[0]) for u in own if len(u) > 1)
    x = np.arange(min(u.min() for u in drawn) - step, max(u.max() for u in drawn) + 2 * step, step)
    density = np.average(
        [
            np.interp(x, u, w.reweighted.density, left=0.0, right=0.0)
            for u, w in zip(own, parts, strict=True)
        ],
        axis=0,
        weights=[w.reweighted.independent for w in parts],
    )
    name = f"γ = {factor:g}"
    plot.add_scatter(
        x=style.numbers(x),
        y=style.numbers(density),
        mode="lines",
        line={"color": colour, "width": 2.6, "dash": "dot"},
        name=f"{name} reweighted",
        legendgroup=name,
        hovertemplate=f"worth {_worth(parts):.0f} energies<extra>{name}, as NVT</extra>",
    )


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
