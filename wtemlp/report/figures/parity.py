"""Figures of models against labels that they were not trained on."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup

from wtemlp.records.validation_record import Parity, Validation
from wtemlp.report.figures import style
from wtemlp.report.figures.figure import Figure, Plot


def parity_figures(found: Validation) -> list[Figure]:
    """Energies and forces against the labels, and errors by energy."""
    caption = Markup(
        "Model against label, of frames that no model was trained on; energies relative to the "
        "labels' mean. <b>Look for</b> points on the diagonal over the whole range: a cloud that "
        "turns away from it at high energies is extrapolation."
    )
    plots = []
    for title, field, axes in (
        ("Energy", "energies_eV_atom", ("label (meV/atom)", "model (meV/atom)")),
        ("Force components", "forces_eV_A", ("label (eV/Å)", "model (eV/Å)")),
    ):
        plot = style.figure(*axes)
        shown = [one for one in found.parity if getattr(one, field)]
        _add_parity(plot, shown, field, found.models)
        if plot.data:
            plots.append(Plot(plot, title))
    bins = Markup(
        "Errors on those frames by the energy of their label. <b>Look for</b> flat bars: errors "
        "that grow at the ends say which energies the training data lack."
    )
    return [
        Figure("validation_parity", "Parity", caption, plots),
        Figure("validation_bins", "Errors by energy", bins, _bin_plots(found)),
    ]


def _add_parity(
    plot: go.Figure, shown: Sequence[Parity], field: str, models: Sequence[int]
) -> None:
    pairs = [np.array(getattr(one, field), dtype=float) for one in shown]
    if not pairs:
        return
    energies = field == "energies_eV_atom"
    zero, scale = (float(np.mean(pairs[0][:, 0])), 1e3) if energies else (0.0, 1.0)
    pairs = [(pair - zero) * scale for pair in pairs]
    several = len({one.data for one in shown}) > 1
    for one, pair in zip(shown, pairs, strict=True):
        place = list(models).index(one.model) if one.model in models else 0
        plot.add_scatter(
            x=style.numbers(pair[:, 0]),
            y=style.numbers(pair[:, 1]),
            mode="markers",
            marker={"color": style.iteration_colour(place, len(models)), "size": 4},
            name=f"model {one.model}" + (f", {one.data}" if several else ""),
        )
    ends = style.numbers([min(p.min() for p in pairs), max(p.max() for p in pairs)])
    plot.add_scatter(
        x=ends,
        y=ends,
        mode="lines",
        line={"color": "#7d828c", "width": 1.2, "dash": "dash"},
        name="equal",
        showlegend=False,
        hoverinfo="skip",
    )


def _bin_plots(found: Validation) -> list[Plot]:
    binned = [one for one in found.parity if one.bins]
    if not binned:
        return []
    plots, zero = [], binned[0].bins[0].low_eV_atom
    for title, field, axis in (
        ("Energy", "energy_rmse_meV_atom", "RMSE of the energy (meV/atom)"),
        ("Force", "force_rmse_meV_A", "RMSE of the forces (meV/Å)"),
    ):
        plot = style.figure("energy of the label above the lowest bin (meV/atom)", axis)
        for one in binned:
            place = found.models.index(one.model) if one.model in found.models else 0
            plot.add_scatter(
                x=style.numbers(
                    [500 * (b.low_eV_atom + b.high_eV_atom - 2 * zero) for b in one.bins]
                ),
                y=style.numbers([getattr(b, field) for b in one.bins]),
                text=[f"{b.n_frames} frames" for b in one.bins],
                mode="lines+markers",
                marker={"size": 6},
                line={"color": style.iteration_colour(place, len(found.models)), "width": 1.6},
                name=f"model {one.model}, {one.data}",
            )
        plot.update_yaxes(rangemode="tozero")
        plots.append(Plot(plot, title))
    return plots
