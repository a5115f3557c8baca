"""Figures of the sampled energies: their distributions, and their widths."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup

from wtemlp.analysis import energy
from wtemlp.analysis.energy import NVT_EQUILIBRATION, WTE_FILLING
from wtemlp.analysis.reweighting import TRUSTED
from wtemlp.analysis.widths import WithError, law_density, law_ratio, scatters, sigma_of
from wtemlp.core.units import KB_EV
from wtemlp.report.data import RunData, WalkerEnergies, group_by_sampling
from wtemlp.report.figures import style
from wtemlp.report.figures.figure import Figure, Plot
from wtemlp.report.sampling import Sampling
from wtemlp.report.widths import Widths

ALL_STOPPED = "No walker came through: every one that has run so far was stopped."
ENERGY_CAPTION = Markup(
    "Distribution of the potential energy of the whole box, relative to each walker's own NVT "
    "mean (every model has its own zero). Outlines: what was sampled; dashed: energies of constant "
    "heat capacity, that of σ<sub>NVT</sub>, without a bias and in the well-tempered "
    "ensemble (not for OPES and for a bias on other variables alone, which follow no "
    "such law); dotted: NVT as the biased runs have it, their energies weighted by "
    "exp(V/kT). Left out are the first {:.0f} % of each NVT run (equilibration) and "
    "{:.0f} % of each biased one (the bias was being filled){}. "
    "<b>Look for</b> outlines that fill their dashed curve: narrower "
    "means that the bias had not yet filled its window (more steps), a lean to one side of it that "
    "it is still on its way, an outline far beyond its curve that the model is wrong there. "
    "Dotted curves belong on the grey outline of NVT: one beside it says that the bias was "
    "still changing, or that one of the two runs was too short. Only those worth {:.0f} "
    "independent energies or more are drawn{}."
)


@dataclass(frozen=True)
class _Point:
    """A walker in the figure of widths."""

    iteration: int
    ratio: WithError  #: sigma_WTE / sigma_NVT
    law: WithError
    name: str
    biasfactor: float


@dataclass(frozen=True)
class _Law:
    """What energies of constant heat capacity are distributed like."""

    sigma_nvt_eV: float
    temperature_K: float
    biasfactors: tuple[float, ...]

    @property
    def width_eV(self) -> float:
        """Standard deviation."""
        found, _ = law_ratio(WithError(self.sigma_nvt_eV), self.temperature_K, self.biasfactors)
        return found.value * self.sigma_nvt_eV

    @property
    def mean_eV(self) -> float:
        """Above that of NVT."""
        return KB_EV * self.temperature_K * (float(np.mean(self.biasfactors)) - 1)


def energy_figure(run: RunData) -> Figure:
    """P(E) of the unbiased against the well-tempered ensemble, one view per set of walkers."""
    groups: dict[tuple[object, ...], list[WalkerEnergies]] = defaultdict(list)
    left_out = 0
    for iteration in run.iterations:
        for walker in iteration.walkers:
            if walker.stopped:
                left_out += 1
            elif len(walker.nvt_eV) > 1 and np.std(walker.nvt_eV) > 0:
                conditions = walker.system, walker.temperature_K, walker.pressure_bar
                groups[(iteration.index, *conditions)].append(walker)
    walkers_out = "1 walker" if left_out == 1 else f"{left_out} walkers"
    note = f", with {walkers_out} stopped before the end" if left_out else ""
    caption = ENERGY_CAPTION.format(
        100 * NVT_EQUILIBRATION, 100 * WTE_FILLING, note, TRUSTED, _distrusted(groups.values())
    )
    if not groups:
        empty = ALL_STOPPED if left_out else "No energies sampled yet."
        return Figure("energy", "Energy distribution", caption, [], empty)
    plot = style.figure("U − ⟨U⟩<sub>NVT</sub> (eV)", "probability density (1/eV)")
    spans: list[tuple[str, int, int]] = []
    for (index, system, temperature, pressure), walkers in groups.items():
        first = len(plot.data)
        _add_energies(plot, walkers)
        name = f"Iteration {index}, system {system}"
        name += "" if temperature is None else f", {temperature:g} K"
        name += "" if pressure is None else f", {pressure:g} bar"
        spans.append((name, first, len(plot.data)))
    plot.update_layout(height=420)
    shown = Plot(plot, spans[-1][0], _views(plot, spans))
    return Figure("energy", "Energy distribution", caption, [shown])


def _add_energies(plot: go.Figure, walkers: list[WalkerEnergies]) -> None:
    """Outlines and Gaussians of the walkers of one model, system and temperature."""
    found = sigma_of([one for one in scatters([w.nvt_eV for w in walkers]) if one is not None])
    temperature_K, sigma = walkers[0].temperature_K, found.value if found else 0.0
    known = bool(sigma and temperature_K)
    nvt = np.concatenate([w.nvt_eV - w.nvt_eV.mean() for w in walkers])
    law = _Law(sigma, temperature_K or 0.0, (1.0,)) if known else None
    unbiased = "NVT" if walkers[0].pressure_bar is None else "no bias"
    _add_distribution(plot, unbiased, nvt, law, style.NEUTRAL)
    groups = group_by_sampling(walkers)
    for one, colour in style.sampling_colours(groups).items():
        sampled = [w for w in groups[one] if len(w.wte_eV)]
        if sampled:
            factors = [w.biasfactor for w in sampled]
            name = style.gamma(one.name(factors))
            lawful = known and one.lawful and np.isfinite(factors).all()
            law = _Law(sigma, temperature_K or 0.0, tuple(factors)) if lawful else None
            energies = np.concatenate([w.wte_eV - w.nvt_eV.mean() for w in sampled])
            _add_distribution(plot, name, energies, law, colour)
            _add_reweighted(plot, name, groups[one], colour)


def _worth(walkers: list[WalkerEnergies]) -> float:
    """Independent energies of NVT that biased walkers are worth together."""
    return sum(w.reweighted.independent for w in walkers if w.reweighted is not None)


def _distrusted(groups: Iterable[list[WalkerEnergies]]) -> str:
    """How many sets of walkers have no reweighted curve, as the end of a sentence."""
    sets = [
        members
        for walkers in groups
        for one, members in group_by_sampling(walkers).items()
        if one.biased and not one.template
    ]
    few = sum(1 for walkers in sets if _worth(walkers) < TRUSTED)
    return f": {few} of the {len(sets)} sets of biased walkers are not" if few else ""


def _add_reweighted(plot: go.Figure, name: str, walkers: list[WalkerEnergies], colour: str) -> None:
    """NVT as biased walkers of one kind have it, each counting by what it is worth."""
    parts = [w for w in walkers if w.reweighted is not None]
    found = [(w, w.reweighted) for w in walkers if w.reweighted is not None]
    if not walkers[0].sampling.biased or _worth(parts) < TRUSTED:
        return
    own = [r.energy_eV - w.nvt_eV.mean() for w, r in found]
    drawn = [  # bins that are next to nothing, far out
        u[r.density > 1e-3 * r.density.max()] for u, (_, r) in zip(own, found, strict=True)
    ]
    step = min(float(u[1] - u[0]) for u in own if len(u) > 1)
    x = np.arange(min(u.min() for u in drawn) - step, max(u.max() for u in drawn) + 2 * step, step)
    density = np.average(
        [
            np.interp(x, u, r.density, left=0.0, right=0.0)
            for u, (_, r) in zip(own, found, strict=True)
        ],
        axis=0,
        weights=[r.independent for _, r in found],
    )
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
    plot: go.Figure, name: str, values: np.ndarray, law: _Law | None, colour: str
) -> None:
    """An outline, and what the law says of it, if there is one."""
    low, quarter, three, high = np.quantile(values, [0.002, 0.25, 0.75, 0.998])
    inside = values[(values >= low) & (values <= high)]  # a hole of the potential has no bottom
    # Freedman-Diaconis, kept between what the eye can use
    width = 2 * float(three - quarter) / len(values) ** (1 / 3)
    scale = (law.width_eV if law else 0.0) or float(three - quarter) or 1.0
    width = max(float(np.clip(width, scale / 12, scale / 2)), float(high - low) / 400)
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
    if law is None:
        return
    x = law.mean_eV + np.linspace(-3.5, 3.5, 121) * law.width_eV
    plot.add_scatter(
        x=style.numbers(x),
        y=style.numbers(law_density(x, law.sigma_nvt_eV, law.temperature_K, law.biasfactors)),
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
    """WithError sigma_WTE / sigma_NVT of every walker against the law of the heat capacity."""
    caption = Markup(
        "Width of the biased energy distribution over that of the unbiased one, walker by walker; "
        "error bars: one standard error, with the correlation of the series accounted for; none "
        "below ten independent energies. Dashed: "
        "what a converged well-tempered ensemble gives, √(γ (K - 1 + γ) / K), with its standard "
        "error pale; K = C/k is the heat capacity that σ<sub>NVT</sub> shows. "
        "<b>Look for</b> points that reach "
        "their line within two errors. Below it, the bias was still growing: the time to "
        "convergence grows with γ, "
        "and short explorations stay below without being wrong for selection."
    )
    points: dict[Sampling, list[_Point]] = defaultdict(list)
    widths = Widths.of_run(run.summaries)
    for summary in run.summaries:
        for walker in summary.walkers:
            found = None if walker.stopped else widths.walker(summary.iteration, walker)
            if found is None or found.width.ratio is None or found.width.law is None:
                continue
            point = _Point(
                summary.iteration,
                found.width.ratio,
                found.width.law,
                walker.name,
                found.biasfactors[0],
            )
            points[found.sampling].append(point)
    if not points:
        stopped = any(w.stopped for summary in run.summaries for w in summary.walkers)
        empty = ALL_STOPPED if stopped else "No width was measured yet."
        return Figure("sigma", "Width against its law", caption, [], empty)
    plot = style.figure("iteration", "σ<sub>WTE</sub> / σ<sub>NVT</sub>")
    colours, highest = style.sampling_colours(points), 0.0
    for place, (one, colour) in enumerate(colours.items()):
        rows = sorted(points[one], key=lambda row: (row.iteration, row.name))
        factors = [row.biasfactor for row in rows]
        line = widths.law(one) or rows[-1].law
        highest = max(highest, line.value, *(row.ratio.value for row in rows))
        plot.add_hline(line.value, line={"color": colour, "width": 1.4, "dash": "dash"})
        for end in (-1, 1) if line.error else ():
            level = line.value + end * (line.error or 0.0)
            plot.add_hline(level, line={"color": style.fade(colour, 0.5), "width": 0.8})
        shift = 0.12 * (place - (len(points) - 1) / 2)
        plot.add_scatter(
            x=style.numbers(_spread([row.iteration for row in rows], shift)),
            y=style.numbers([row.ratio.value for row in rows]),
            error_y={"array": [row.ratio.error for row in rows], "thickness": 1.2, "width": 3},
            text=[row.name for row in rows],
            customdata=[row.law.value for row in rows],
            mode="markers",
            marker={"color": colour, "size": 8},
            name=style.gamma(one.name(factors)),
            hovertemplate="%{y:.3g}, by the law %{customdata:.3g}<extra>%{text}</extra>",
        )
    indices = sorted({row.iteration for rows in points.values() for row in rows})
    plot.update_xaxes(range=[indices[0] - 0.5, indices[-1] + 0.5], tickformat="d")
    plot.update_xaxes(dtick=max(1, len(indices) // 10))
    plot.update_yaxes(range=[0, 1.1 * highest])
    return Figure("sigma", "Width against its law", caption, [Plot(plot)])


def _spread(indices: list[float], shift: float) -> list[float]:
    """Iterations as positions, with walkers of the same iteration a little apart."""
    seen: dict[float, int] = defaultdict(int)
    positions = []
    for index in indices:
        positions.append(index + shift + 0.025 * seen[index])
        seen[index] += 1
    return positions
