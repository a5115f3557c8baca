"""Radial distributions and distances of the training data."""

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from wtemlp.analysis.energy import energy_histogram, shared_bins
from wtemlp.analysis.rdf import RadialDistribution, half_width, rdf
from wtemlp.report.data import RunData
from wtemlp.report.figures import style
from wtemlp.report.figures.figure import Figure, Plot
from wtemlp.report.systems import TrainingData

BIN_A = 0.1  #: width of a bin, Angstrom
REACH_A = 8.0  #: largest distance shown, where the box allows it
MAX_PAIRS = 6  #: shown
BONDED_A = 1.2  #: pairs with hydrogen start here: the bond's peak would hide all else


def structure_figures(run: RunData) -> list[Figure]:
    """Radial distributions of data in a cell, distances in those without one."""
    data = [*run.initial, *run.labelled]
    found = [rdf_figure(run)] if not data or any(one.periodic for one in data) else []
    return [*found, distance_figure(run)] if any(not one.periodic for one in data) else found


def distance_figure(run: RunData) -> Figure:
    """Distances between the atoms of molecules without a cell."""
    caption = Markup(
        "Distances between the atoms of the training data that have no cell, as probability "
        "densities. <b>Look for</b> what the iterations have added: longer distances, as of a "
        "molecule that stretches or turns, are what the bias is for; ones that are much shorter or "
        "longer than any in the initial data are of atoms that have come too near, or of a "
        "molecule that breaks."
    )
    plots = []
    for pair in _pairs([one for one in (*run.initial, *run.labelled) if not one.periodic]):
        plot = style.figure("distance (Å)", "probability density (1/Å)")
        for name, colour, systems in _groups(run):
            values, frames = _distances([one for one in systems if not one.periodic], pair)
            if len(values) and np.ptp(values) > 0:
                edges = shared_bins([values], BIN_A / 2)
                line = {"color": colour, "width": 1.8}
                density = energy_histogram(values, edges)
                label = f"{name} ({frames} frames)"
                plot.add_trace(style.step_line(edges, density, line=line, name=label))
        plot.update_yaxes(rangemode="tozero")
        if plot.data:
            plots.append(Plot(plot, f"{pair[0]}–{pair[1]}"))
    return Figure("distances", "Distances", caption, plots, "No training data to show.")


def _distances(
    systems: Sequence[TrainingData], pair: tuple[str, str]
) -> tuple[NDArray[np.float64], int]:
    """All distances of a pair of elements, and in how many frames."""
    found, frames = [np.empty(0)], 0
    for one in systems:
        if not _has_pair(one, pair):
            continue
        first, second = (np.flatnonzero(one.names == name) for name in pair)
        i, j = (each.ravel() for each in np.meshgrid(first, second))
        kept = i < j if pair[0] == pair[1] else i != j
        apart = one.coords[:, i[kept]] - one.coords[:, j[kept]]
        found.append(np.linalg.norm(apart, axis=-1).ravel())
        frames += len(one.coords)
    return np.concatenate(found), frames


def _groups(run: RunData) -> list[tuple[str, str, list[TrainingData]]]:
    return [
        ("initial data", style.NEUTRAL, run.initial),
        ("labelled in iterations", style.ACCENT, run.labelled),
    ]


def rdf_figure(run: RunData) -> Figure:
    """Radial distributions of the initial data and of those that the iterations labelled."""
    caption = Markup(
        "Radial distribution functions of the training data, up to half of the box. With hydrogen, "
        "the axis starts at 1.2 Å, beyond the bonds. <b>Look for</b> the same peaks in both: "
        "frames of the well-tempered ensemble still are of the phase that was started from, with "
        "lower and broader peaks, as of a wider range of temperatures. A peak where the initial "
        "data have none, most of all at short distances, is of atoms that have come too near, or "
        "of broken bonds; peaks that vanish at long distances are of a crystal that melts."
    )
    plots = []
    for pair in _pairs([one for one in (*run.initial, *run.labelled) if one.periodic]):
        plot = style.figure("r (Å)", "g(r)")
        for name, colour, systems in _groups(run):
            curve = _pooled(systems, pair)
            if curve is not None:
                shown = curve.r_A > first_A(pair)
                plot.add_scatter(
                    x=style.numbers(curve.r_A[shown]),
                    y=style.numbers(curve.g[shown]),
                    mode="lines",
                    line={"color": colour, "width": 2},
                    name=f"{name} ({curve.n_frames} frames)",
                )
        plot.update_yaxes(rangemode="tozero")
        if plot.data:
            plots.append(Plot(plot, f"{pair[0]}–{pair[1]}"))
    return Figure("rdf", "Radial distributions", caption, plots, "No training data to show.")


def first_A(pair: tuple[str, str]) -> float:
    """Where the axis of a pair's radial distribution starts."""
    return BONDED_A if "H" in pair and pair != ("H", "H") else 0.0


def _pairs(systems: Sequence[TrainingData]) -> list[tuple[str, str]]:
    """All pairs of elements but H-H, those of the heavier ones first, :data:`MAX_PAIRS` of them."""
    elements = list(dict.fromkeys(str(name) for system in systems for name in system.names))
    elements.sort(key=lambda name: name == "H")
    pairs = list(combinations_with_replacement(elements, 2))
    return [pair for pair in pairs if pair != ("H", "H") or len(pairs) == 1][:MAX_PAIRS]


def _pooled(systems: Sequence[TrainingData], pair: tuple[str, str]) -> RadialDistribution | None:
    """The mean over systems, weighted by frames, as far as the smallest box reaches."""
    usable = [s for s in systems if s.periodic and _has_pair(s, pair)]
    if not usable:
        return None
    reach = min(REACH_A, *(half_width(s.cells) for s in usable))
    n_bins = int(reach / BIN_A)
    if n_bins < 1:
        return None
    curves = [rdf(s.coords, s.cells, s.names, pair, n_bins * BIN_A, n_bins) for s in usable]
    weights = np.array([c.n_frames for c in curves], dtype=float)
    return RadialDistribution(
        r_A=curves[0].r_A,
        g=np.average([c.g for c in curves], axis=0, weights=weights),
        coordination=np.average([c.coordination for c in curves], axis=0, weights=weights),
        pairs=np.sum([c.pairs for c in curves], axis=0),
        n_frames=int(weights.sum()),
    )


def _has_pair(system: TrainingData, pair: tuple[str, str]) -> bool:
    counts = [int((system.names == name).sum()) for name in pair]
    return len(system.coords) > 0 and min(counts) > (1 if pair[0] == pair[1] else 0)
