"""Figures of the exploration: what became of its frames, and what the models say of them."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup

from wtemlp.analysis.deviation import log_bins, log_histogram
from wtemlp.analysis.frames import FrameTable, Phase
from wtemlp.config.keys.labels import Picking
from wtemlp.report.data import IterationData, RunData, group_by_sampling
from wtemlp.report.figures import style
from wtemlp.report.figures.figure import Figure, Plot


def outcomes_figure(run: RunData) -> Figure:
    """What became of the explored frames."""
    caption = Markup(
        "Explored frames by what the ensemble says of them: accurate, below the lower trust level; "
        "candidate, between the levels, some of them labelled (frames that were picked at random "
        "are not marked); failed, above the upper one, or "
        "what made a walker stop. <b>Look for</b> the accurate share to grow from one iteration to "
        "the next, and for failures to vanish; if nearly all frames fail, the upper level is too "
        "low, the model too young, or the bias factor too high for it."
    )
    rows = [s for s in run.summaries if s.explored]
    explored = [s.explored or 0 for s in rows]
    if not rows:
        return Figure("outcomes", "Explored frames", caption, [], "Nothing was explored yet.")
    plot = style.figure("share of the explored frames (%)", "", barmode="stack")
    labels = [f"iteration {s.iteration}" for s in rows]
    # Of random picks, some were accurate or failed: these stand where the ensemble puts them.
    labelled = [0 if s.selection == Picking.RANDOM else s.labelled or 0 for s in rows]
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
            x=style.numbers([100 * v / n for v, n in zip(values, explored, strict=True)]),
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
        "candidates between the trust levels of the last exploration. First by iteration, then "
        "in the last exploration, by sampling. <b>Look for</b> the distributions to move left as "
        "labels are added, out of the band and below the lower level; and for the bias to reach "
        "further right than unbiased sampling: that is what it is there for."
    )
    explored = [
        (it, it.frames)
        for it in run.iterations
        if it.frames is not None and _usable(it.frames).any()
    ]
    if not explored:
        return Figure("deviation", "Force deviation", caption, [], "Nothing was explored yet.")
    last, last_frames = explored[-1]
    if last.summary is not None and last.summary.trust:  # made of errors, in the file's place
        trust = last.summary.trust
    values = np.concatenate([frames.max_devi_f[_usable(frames)] for _, frames in explored])
    edges = log_bins(values.min(), values.max())
    # A hole of the potential gives any number: the axis keeps to what most frames have.
    reach = [*np.quantile(values, [0.005, 0.995]), *(level for levels in trust for level in levels)]
    low, high = max(min(reach) / 1.3, 1e-6), max(reach) * 1.3
    beyond = 100 * float(np.mean(values > high))
    by_iteration = _deviation_plot(trust, low, high)
    for position, (iteration, frames) in enumerate(explored):
        by_iteration.add_trace(
            style.step_line(
                edges,
                100 * log_histogram(frames.max_devi_f, edges),
                line={"color": style.iteration_colour(position, len(explored)), "width": 2},
                name=f"iteration {iteration.index}",
                showlegend=style.in_legend(position, len(explored)),
            )
        )
    by_factor = _deviation_plot(trust, low, high)
    for name, colour, rows in _samplings(last, last_frames):
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
    return np.asarray(np.isfinite(frames.max_devi_f) & (frames.max_devi_f > 0))


def _samplings(iteration: IterationData, frames: FrameTable) -> list[tuple[str, str, FrameTable]]:
    """Name, colour and frames of each way of sampling: NVT first, then by bias."""
    groups = group_by_sampling(iteration.walkers)
    parts = []
    unbiased = frames.phase == int(Phase.NVT)
    if unbiased.any():
        parts.append(("NVT", style.NEUTRAL, frames.where(unbiased)))
    for one, colour in style.sampling_colours(groups).items():
        made = {(walker.system, walker.task) for walker in groups[one]}
        pairs = zip(frames.system.astype(int), frames.task.astype(int), strict=True)
        rows = frames.where(~unbiased & np.array([pair in made for pair in pairs], dtype=bool))
        if len(rows):
            name = one.name(walker.biasfactor for walker in groups[one])
            parts.append((style.gamma(name), colour, rows))
    return parts


def _deviation_plot(trust: Sequence[tuple[float, float]], low: float, high: float) -> go.Figure:
    plot = style.figure("largest force deviation (eV/Å)", "share of frames (%)")
    style.log_axis("x", plot, low, high)
    plot.update_yaxes(rangemode="tozero")
    candidate = style.DECISIONS["labelled"]
    for place, (name, levels) in enumerate(trust_levels(trust).items()):
        label = {"text": name, "textposition": "top center", "yanchor": "top"}
        plot.add_vrect(
            *levels,
            fillcolor=style.fade(candidate, 0.1),
            line={"width": 0},
            layer="below",
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
        owners.setdefault((levels[0], levels[1]), []).append(system)
    if len(owners) == 1:
        return {"": next(iter(owners))}
    return {
        f"system{'s' * (len(systems) > 1)} {', '.join(map(str, systems))}": levels
        for levels, systems in owners.items()
    }
