"""Figures of the user's own biased variables: along time, their distributions, the free energy."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup
from numpy.typing import NDArray

from wtemlp.analysis.reweighting import TRUSTED, profile
from wtemlp.md.walker_energies import OwnVariable
from wtemlp.report.data import RunData, WalkerEnergies, group_by_sampling
from wtemlp.report.figures import style
from wtemlp.report.figures.figure import Figure, Plot
from wtemlp.report.sampling import Sampling

BINS = 40  #: of distributions and free energies
MAX_POINTS = 400  #: of a series that are drawn
MAX_VARIABLES = 4  #: that are drawn
_CAPTION = Markup(
    "The biased variables of your own, in iteration {}{}: along each walker (grey: without the "
    "bias), their distributions without it and in the second half of the biased run, when the "
    "bias is being filled no more, and the free energy in kT, from that half with the bias that "
    "each walker ended with, with one standard error from the scatter between walkers and parts "
    "of them; dots: without a bias. In PLUMED's units (Å, rad). <b>Look for</b> walkers that "
    "cross the whole range several times, and for a biased distribution that is wide and flat: "
    "only then is the free energy known. {}"
)


def variables_figure(run: RunData) -> Figure | None:
    """The own variables of the last iteration that has some; None: there are none."""
    found = [(it, [w for w in it.walkers if w.variables]) for it in run.iterations]
    found = [(it, walkers) for it, walkers in found if walkers]
    if not found:
        return None
    iteration, walkers = found[-1]
    names = list(dict.fromkeys(one.name for walker in walkers for one in walker.variables))
    plots, few = [], []
    for name in names[:MAX_VARIABLES]:
        own = [(walker, one) for walker in walkers for one in walker.variables if one.name == name]
        edges = _edges([one for _, one in own])
        if edges is None:
            continue
        free, untrusted = _free_energy(own, name, edges)
        few += untrusted
        plots += [
            Plot(_series(own, name), f"{name}: along the walkers"),
            Plot(_distributions(own, name, edges), f"{name}: distribution"),
            Plot(free, f"{name}: free energy"),
        ]
    more = len(names) - MAX_VARIABLES
    left_out = f"; {more} more are not drawn" if more > 0 else ""
    worth = ""
    if few:
        worth = (
            f"Not drawn are free energies that are worth fewer than {TRUSTED:.0f} independent "
            f"frames, or whose bias several walkers share: {', '.join(dict.fromkeys(few))}."
        )
    caption = _CAPTION.format(iteration.index, left_out, worth)
    return Figure("variables", "Own variables", caption, plots, "Nothing was recorded of them.")


Own = Sequence[tuple[WalkerEnergies, OwnVariable]]


def _edges(variables: Sequence[OwnVariable]) -> NDArray[np.float64] | None:
    """Common bins; None where no value is known."""
    values = np.concatenate(
        [part for one in variables for part in (one.unbiased[1], one.biased[1])]
    )
    values = values[np.isfinite(values)]
    if not len(values) or not np.ptp(values) > 0:
        return None
    period = variables[0].period
    if period is not None:
        return np.linspace(-period / 2, period / 2, BINS + 1)
    return np.linspace(values.min(), values.max(), BINS + 1)


def _groups(own: Own) -> dict[Sampling, list[OwnVariable]]:
    """The variable in the walkers of each sampling."""
    by_walker = {id(walker): one for walker, one in own}
    groups = group_by_sampling([walker for walker, _ in own])
    return {one: [by_walker[id(walker)] for walker in groups[one]] for one in groups}


def _series(own: Own, name: str) -> go.Figure:
    plot = style.figure("time (ps)", name)
    groups = group_by_sampling([walker for walker, _ in own])
    colours = style.sampling_colours(groups)
    variables = {id(walker): one for walker, one in own}
    for sampling, walkers in groups.items():
        for walker in walkers:
            one = variables[id(walker)]
            colour = style.fade(colours[sampling], 0.8)
            for (time, value), line in ((one.unbiased, style.NEUTRAL), (one.biased, colour)):
                kept = np.linspace(0, max(len(time) - 1, 0), min(len(time), MAX_POINTS)).astype(int)
                plot.add_scatter(
                    x=style.numbers(time[kept]),
                    y=style.numbers(value[kept]),
                    mode="markers" if one.period else "lines",
                    marker={"color": line, "size": 3},
                    line={"color": line, "width": 1},
                    name=walker.name,
                    showlegend=False,
                )
    return plot


def _distributions(own: Own, name: str, edges: NDArray[np.float64]) -> go.Figure:
    plot = style.figure(name, "probability density")
    groups = _groups(own)
    unbiased = np.concatenate([one.counted[0] for _, one in own])
    _add_outline(plot, unbiased, edges, style.NEUTRAL, "no bias")
    for sampling, colour in style.sampling_colours(groups).items():
        values = np.concatenate([one.counted[1] for one in groups[sampling]])
        _add_outline(plot, values, edges, colour, _name(own, sampling))
    plot.update_yaxes(rangemode="tozero")
    return plot


def _add_outline(
    plot: go.Figure,
    values: NDArray[np.float64],
    edges: NDArray[np.float64],
    colour: str,
    name: str,
) -> None:
    if not len(values):
        return
    density, _ = np.histogram(values, bins=edges, density=True)
    fill = {"fill": "tozeroy", "fillcolor": style.fade(colour, 0.14)}
    line = {"color": colour, "width": 1.8}
    plot.add_trace(style.step_line(edges, density, line=line, name=name, **fill))


def _free_energy(own: Own, name: str, edges: NDArray[np.float64]) -> tuple[go.Figure, list[str]]:
    """The free energy by sampling, and what of it is not to be trusted."""
    plot, few = style.figure(name, "free energy (kT)"), []
    unbiased = np.concatenate([one.counted[0] for _, one in own])
    groups = _groups(own)
    for sampling, colour in style.sampling_colours(groups).items():
        known = [one.weighted for one in groups[sampling] if one.weighted is not None]
        known = [one for one in known if one.independent > 0]
        found = profile(known, edges) if known else None
        label = _name(own, sampling)
        if found is None or found.independent < TRUSTED:
            few.append(f"{name}, {label}")
            continue
        seen = np.isfinite(found.free_energy_kT)
        plot.add_scatter(
            x=style.numbers(found.centres[seen]),
            y=style.numbers(found.free_energy_kT[seen]),
            error_y={"array": style.numbers(found.error_kT[seen]), "thickness": 1, "width": 2},
            mode="lines+markers",
            marker={"color": colour, "size": 4},
            line={"color": colour, "width": 1.8},
            name=label,
        )
    if len(unbiased):
        density, _ = np.histogram(unbiased, bins=edges, density=True)
        seen = density > 0
        free = -np.log(density[seen] / density.max())
        plot.add_scatter(
            x=style.numbers(((edges[1:] + edges[:-1]) / 2)[seen]),
            y=style.numbers(free),
            mode="markers",
            marker={"color": style.NEUTRAL, "size": 5},
            name="no bias",
        )
    plot.update_yaxes(rangemode="tozero")
    return plot, few


def _name(own: Own, sampling: Sampling) -> str:
    factors = [walker.biasfactor for walker, _ in own if walker.sampling == sampling]
    return style.gamma(sampling.name(factors))
