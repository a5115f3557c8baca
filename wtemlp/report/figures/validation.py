"""Figures of a validation, from its record alone: structure, energies, temperatures, and all."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup

from wtemlp.records.validation_record import Curve, MdRun, Validation
from wtemlp.report.figures import style
from wtemlp.report.figures.dynamics import diffusion_figure, msd_figure, vacf_figure
from wtemlp.report.figures.figure import Figure, Plot
from wtemlp.report.figures.parity import parity_figures
from wtemlp.report.figures.structure import first_A
from wtemlp.report.figures.validation_curves import (
    add_curve,
    by_temperature,
    look,
    run_name,
    runs_with,
)

MAX_PAIRS = 4  #: radial distributions that are shown
MAX_VARIABLES = 12
_UNITS = {"torsion": "rad", "angle": "rad", "distance": "Å"}  #: by how a curve's name begins


def validation_figures(found: Validation) -> list[Figure]:
    """The figures of a validation; those that it has nothing for are left out."""
    made = [
        rdf_figure(found),
        variables_figure(found),
        energy_figure(found),
        temperature_figure(found),
        msd_figure(found),
        vacf_figure(found),
        diffusion_figure(found),
        *parity_figures(found),
    ]
    return [figure for figure in made if figure.plots]


def rdf_figure(found: Validation) -> Figure:
    """Radial distributions of the models' MD against the reference's."""
    caption = Markup(
        "Radial distribution functions of MD (NVT) with each model, and with the reference, from "
        "the same start; bands: one standard error. With hydrogen, the axis starts at 1.2 Å, "
        "beyond the bonds. <b>Look for</b> lines that lie on the grey "
        "one within the bands: a first peak that is too high, too low or shifted is an error in "
        "the nearest neighbours that RMSEs do not show."
    )
    names = sorted(
        {
            name
            for run in found.runs(ensemble="nvt")
            for name in run.curves
            if name.startswith("rdf ")
        }
    )
    plots = []
    for name in names[:MAX_PAIRS]:
        plot = style.figure("r (Å)", "g(r)")

        def add(run: MdRun, plot: go.Figure = plot, name: str = name) -> None:
            add_curve(plot, run, _beyond_bonds(run.curves[name], name), found.models)

        views = by_temperature(plot, runs_with(found, ("nvt",), name), add)
        plot.update_yaxes(rangemode="tozero")
        pair = name.removeprefix("rdf ").replace("-", "–")
        if plot.data:
            views = {f"{pair}, {key}": shown for key, shown in views.items()}
            plots.append(Plot(plot, pair, views))
    return Figure("validation_rdf", "Structure: model and reference", caption, plots)


def variables_figure(found: Validation) -> Figure:
    """Distributions of distances, angles and torsions in the models' MD and the reference's."""
    caption = Markup(
        "Distributions of torsions, angles and distances of atoms in MD (NVT) with each model, and "
        "with the reference, from the same start; bands: one standard error. <b>Look for</b> the "
        "same wells with the same weights: a well that only one of them visits is a barrier, or a "
        "minimum, that the other has not, if the run is long enough to cross it many times."
    )
    names = list(
        dict.fromkeys(
            name
            for run in found.runs(ensemble="nvt")
            for name in run.curves
            if name.partition(" ")[0] in _UNITS
        )
    )
    plots = []
    for name in names[:MAX_VARIABLES]:
        unit = _UNITS[name.partition(" ")[0]]
        plot = style.figure(f"{name} ({unit})", f"probability density (1/{unit})")

        def add(run: MdRun, plot: go.Figure = plot, name: str = name) -> None:
            add_curve(plot, run, run.curves[name], found.models)

        views = by_temperature(plot, runs_with(found, ("nvt",), name), add)
        plot.update_yaxes(rangemode="tozero")
        if plot.data:
            views = {f"{name}, {key}": shown for key, shown in views.items()}
            plots.append(Plot(plot, name, views))
    return Figure("validation_variables", "Variables: model and reference", caption, plots)


def _beyond_bonds(curve: Curve, name: str) -> Curve:
    """A radial distribution without a peak of bonds that would hide all else."""
    first, second = name.removeprefix("rdf ").split("-")
    kept = [i for i, r in enumerate(curve.x) if r > first_A((first, second))]
    return Curve(
        *([each[i] for i in kept] if each else [] for each in (curve.x, curve.y, curve.y_error))
    )


def energy_figure(found: Validation) -> Figure:
    """P(E) of each NVT run about its own mean."""
    caption = Markup(
        "Distribution of the potential energy of the box in MD (NVT), relative to each run's own "
        "mean. <b>Look for</b> the same width as the reference's: it is the heat capacity. A "
        "tail or a second peak of a model alone is a hole in its potential."
    )
    runs = runs_with(found, ("nvt",), "energy")
    plot = style.figure("U − ⟨U⟩ (eV)", "probability density (1/eV)")
    views = by_temperature(
        plot,
        runs,
        lambda run: add_curve(plot, run, run.curves["energy"], found.models, _middle(run)),
    )
    plot.update_yaxes(rangemode="tozero")
    plots = [Plot(plot, _only_temperature(runs), views)] if plot.data else []
    return Figure("validation_energy", "Energy: model and reference", caption, plots)


def _middle(run: MdRun) -> float:
    if run.energy_mean_eV is not None:
        return run.energy_mean_eV.value
    curve = run.curves["energy"]
    return float(np.average(curve.x, weights=np.maximum(curve.y, 0) + 1e-300))


def _only_temperature(runs: Sequence[MdRun]) -> str:
    targets = sorted({run.target_K for run in runs})
    return f"{targets[0]:g} K" if len(targets) == 1 else ""


def temperature_figure(found: Validation) -> Figure:
    """Temperature against time of the NVT and NVE runs."""
    caption = Markup(
        "Temperature of the MD runs; dashed: what it was set to. <b>Look for</b> lines that stay "
        "on it: a temperature that runs away is a potential that is wrong where the run has come "
        "to. In NVE the energy is conserved, so a drift there is one of the potential or of too "
        "long a time step."
    )
    plots = []
    for ensemble in ("nvt", "nve"):
        if runs := runs_with(found, (ensemble,), "temperature"):
            plots.append(_temperature_plot(found, ensemble.upper(), runs))
    return Figure("validation_temperature", "Temperature: stability", caption, plots)


def _temperature_plot(found: Validation, ensemble: str, runs: Sequence[MdRun]) -> Plot:
    plot = style.figure("time (ps)", "temperature (K)")
    last = {run.target_K: run for run in runs}

    def add(run: MdRun) -> None:
        """Draw one run's temperature."""
        curve = run.curves["temperature"]
        plot.add_scatter(
            x=style.numbers(curve.x),
            y=style.numbers(curve.y),
            mode="lines",
            line={**look(run, found.models), "width": 1.2},
            name=run_name(run) + (" (ended early)" if run.failed else ""),
        )
        if run is last[run.target_K]:
            ends = [one.curves["temperature"].x for one in runs if one.target_K == run.target_K]
            plot.add_scatter(
                x=style.numbers([min(x[0] for x in ends), max(x[-1] for x in ends)]),
                y=[run.target_K] * 2,
                mode="lines",
                line={"color": "#7d828c", "width": 1.2, "dash": "dash"},
                name="target",
                showlegend=False,
                hoverinfo="skip",
            )

    views = by_temperature(plot, runs, add)
    return Plot(plot, ensemble, {f"{ensemble}, {name}": shown for name, shown in views.items()})
