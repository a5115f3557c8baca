"""What `wtemlp init` sampled, ensemble by ensemble: energies, structure and self-diffusion."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from wtemlp.records.ensembles import SampledEnsemble
from wtemlp.report.figures import style
from wtemlp.report.figures.figure import Figure, Plot
from wtemlp.report.figures.structure import first_A
from wtemlp.report.sampling import Sampling
from wtemlp.report.table import MISSING, Column, Table, number

TABLE = Markup(
    "Frames of the labelled data of each ensemble that <code>wtemlp init</code> sampled, without "
    "equilibration and filling of the bias: mean and standard deviation of the potential energy of "
    "the box, and the self-diffusion coefficient in this box, of the ensemble's own dynamics. "
    "Those of a biased one are not physical: the bias scales all forces."
)


def ensemble_figures(ensembles: Sequence[SampledEnsemble]) -> list[Figure]:
    """P(E) and radial distributions of the training data of every ensemble; none without them."""
    if not ensembles:
        return []
    return [_energies(ensembles), _structure(ensembles)]


def _energies(ensembles: Sequence[SampledEnsemble]) -> Figure:
    caption = Markup(
        "Distribution of the potential energy of the box in the labelled data of each sampled "
        "ensemble, training and validation together; the filling of the bias is left out. "
        "<b>Look for</b> distributions that hold each other, the wider the larger γ: energies that "
        "an ensemble does not hold are those that its models have not seen."
    )
    plot = style.figure("potential energy of the box (eV)", "probability density (1/eV)")
    for one, colour in _coloured(ensembles):
        plot.add_scatter(
            x=style.numbers(one.energy[0]), y=style.numbers(one.energy[1]), **_line(one, colour)
        )
    plot.update_yaxes(rangemode="tozero")
    plots = [Plot(plot)] if plot.data else []
    return Figure("ensembles_energy", "Energies of the initial data", caption, plots, MISSING)


def _structure(ensembles: Sequence[SampledEnsemble]) -> Figure:
    caption = Markup(
        "Radial distribution functions of the labelled data of each sampled ensemble. With "
        "hydrogen, the axis starts at 1.2 Å, beyond the bonds. <b>Look for</b> the same peaks in "
        "all, lower and broader the larger γ: still one phase, of a wider range of temperatures."
    )
    plots = []
    for pair in dict.fromkeys(pair for one in ensembles for pair in one.rdf):
        plot = style.figure("r (Å)", "g(r)")
        first, _, second = pair.partition("-")
        for one, colour in _coloured(ensembles):
            if pair in one.rdf:
                r, g = one.rdf[pair]
                shown = [place for place, at in enumerate(r) if at > first_A((first, second))]
                plot.add_scatter(
                    x=style.numbers([r[place] for place in shown]),
                    y=style.numbers([g[place] for place in shown]),
                    **_line(one, colour),
                )
        plot.update_yaxes(rangemode="tozero")
        plots.append(Plot(plot, f"{first}–{second}"))
    return Figure("ensembles_rdf", "Structure of the initial data", caption, plots, MISSING)


def _coloured(ensembles: Sequence[SampledEnsemble]) -> list[tuple[SampledEnsemble, str]]:
    samplings = [Sampling(one.biasfactor) for one in ensembles]
    colours = style.sampling_colours(one for one in samplings if one.biased)
    return [
        (one, colours.get(sampling, style.NEUTRAL))
        for one, sampling in zip(ensembles, samplings, strict=True)
    ]


def _line(one: SampledEnsemble, colour: str) -> dict[str, Any]:
    return {
        "mode": "lines",
        "line": {"color": colour, "width": 2},
        "name": style.gamma(one.title),
    }


def ensemble_table(ensembles: Sequence[SampledEnsemble]) -> Table:
    """A row an ensemble: energy, and self-diffusion as it was sampled."""
    columns = [
        Column("ensemble", text=True),
        Column("frames"),
        Column("mean energy", "eV"),
        Column("σ of the energy", "eV"),
        Column("D", "10⁻⁵ cm²/s"),
        Column("fit", "ps"),
        Column("remark", text=True),
    ]
    return Table(columns, [_row(one) for one in ensembles])


def _row(one: SampledEnsemble) -> list[str]:
    diffusion, fit = MISSING, MISSING
    if one.diffusion is not None:
        error = "?" if one.diffusion_error is None else number(one.diffusion_error, 2)
        diffusion = f"{number(one.diffusion)} ± {error}"
    if one.diffusion_fit_ps is not None:
        fit = "{:.3g} to {:.3g}".format(*one.diffusion_fit_ps)
    return [
        style.gamma(one.title),
        str(one.n_frames),
        number(one.energy_mean_eV, 6),
        number(one.energy_std_eV),
        diffusion,
        fit,
        one.diffusion_note or MISSING,
    ]
