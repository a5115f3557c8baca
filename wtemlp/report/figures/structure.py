"""Radial distributions of the training data."""

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
from markupsafe import Markup

from wtemlp.analysis.rdf import RadialDistribution, half_width, rdf
from wtemlp.report.data import RunData
from wtemlp.report.figures import style
from wtemlp.report.figures.figure import Figure, Plot
from wtemlp.report.systems import TrainingData

BIN_A = 0.1  #: width of a bin, Angstrom
REACH_A = 8.0  #: largest distance shown, where the box allows it
MAX_PAIRS = 6  #: shown
BONDED_A = 1.2  #: pairs with hydrogen start here: the bond's peak would hide all else


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
    groups = [
        ("initial data", style.NEUTRAL, run.initial),
        ("labelled in iterations", style.ACCENT, run.labelled),
    ]
    plots = []
    for pair in _pairs([*run.initial, *run.labelled]):
        plot = style.figure("r (Å)", "g(r)")
        for name, colour, systems in groups:
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
    usable = [s for s in systems if _has_pair(s, pair)]
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
