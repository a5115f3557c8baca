"""The report: one self-contained HTML page of a run."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from wtemlp.files import write_text
from wtemlp.paths import RunPaths
from wtemlp.report import figures, figures_energy, figures_explore, figures_structure, style
from wtemlp.report.citations import CITATIONS
from wtemlp.report.data import RunData, read_run
from wtemlp.report.figures import Figure
from wtemlp.report.sampling import Sampling, expected_ratio, finite
from wtemlp.report.table import (
    MISSING,
    iteration_table,
    law_factor,
    lawful_samplings,
    number,
    sigma_ratio,
    walker_ratio,
)
from wtemlp.summary import Summary
from wtemlp.text import duration

TEMPLATE = "page.html.j2"


@dataclass(frozen=True)
class Headline:
    """A number at the top of the page."""

    value: str
    label: str
    note: str = ""


def write_report(
    root: Path,
    *,
    title: str,
    trust: Sequence[tuple[float, float]],
    init_data: Sequence[Path],
    type_map: Sequence[str],
    versions: Mapping[str, str] | None = None,
    seed: int | None = None,
    status: str = "",
) -> Path:
    """Write ``report.html`` of a run, finished or not.

    Parameters
    ----------
    root : Path
        The run's folder.
    title : str
        Heading of the page.
    trust : sequence of (float, float)
        Lower and upper trust level of the force deviation of each system, eV/Angstrom.
    init_data : sequence of Path
        Folders of the initial labelled data (deepmd/npy).
    type_map : sequence of str
        Element names in the order of the types.
    versions : mapping of str to str, optional
        Programs and their versions.
    seed : int, optional
        The run's seed.
    status : str, optional
        Where the run stands, one line.

    Returns
    -------
    Path
        The page.
    """
    run = read_run(root, init_data, type_map)
    page = render(run, title, trust, versions or {}, seed, status)
    target = RunPaths(root).report
    write_text(target, page)
    return target


def all_figures(run: RunData, trust: Sequence[tuple[float, float]]) -> list[Figure]:
    """The figures of a run, in the order of the page."""
    return [
        figures.rmse_figure(run),
        figures.learning_figure(run),
        figures_explore.outcomes_figure(run),
        figures_explore.deviation_figure(run, trust),
        figures_energy.energy_figure(run),
        figures_energy.sigma_figure(run),
        figures_structure.rdf_figure(run),
        figures.timeline_figure(run),
    ]


def render(
    run: RunData,
    title: str,
    trust: Sequence[tuple[float, float]],
    versions: Mapping[str, str],
    seed: int | None,
    status: str,
) -> str:
    """The page as text; see :func:`write_report`."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["typeset"] = typeset
    shown = all_figures(run, trust)
    drawn = {
        f"{figure.key}-{place}": {
            **plot.figure.to_plotly_json(),
            "views": list(plot.views.values()),
        }
        for figure in shown
        for place, plot in enumerate(figure.plots)
    }
    return environment.get_template(TEMPLATE).render(
        title=title,
        status=status,
        headlines=headlines(run.summaries),
        table=iteration_table(run.summaries),
        walkers=walker_rows(run.summaries),
        failures=failures(run.summaries),
        figures=shown,
        notes=run.notes,
        trust=levels_in_words(trust),
        versions=dict(versions),
        seed=seed,
        citations=CITATIONS,
        plotlyjs=Markup(get_plotlyjs()),
        plots=_embedded(drawn),
        missing=MISSING,
    )


def typeset(text: str) -> str:
    """The table's plain text with the letters and signs that a terminal may lack."""
    for plain, sign in (("sigma ", "σ "), ("g=", "γ = "), ("(x", "(×"), ("meV/A", "meV/Å")):
        text = text.replace(plain, sign)
    return text


def levels_in_words(trust: Sequence[tuple[float, float]]) -> str:
    """The trust levels as a sentence; "" if there are none."""
    groups = figures_explore.trust_levels(trust)
    if not groups:
        return ""
    parts = [
        f"{low:g} and {high:g} eV/Å" + (f" ({name})" if name else "")
        for name, (low, high) in groups.items()
    ]
    return f"Trust levels: {'; '.join(parts)}."


def _embedded(content: Any) -> Markup:
    """JSON that can stand in a script element whatever strings it holds."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


def headlines(summaries: Sequence[Summary]) -> list[Headline]:
    """The numbers at the top of the page."""
    explored = [s for s in summaries if s.explored is not None]
    tested = [s for s in summaries if finite(s.force_rmse_meV_A) is not None]
    labelled = sum(s.labelled or 0 for s in summaries)
    frames = sum(s.explored or 0 for s in summaries)
    trained = [s.n_train_frames for s in summaries if s.n_train_frames is not None]
    result = [
        Headline(str(len(explored)), "iterations", f"{frames} frames explored"),
        Headline(
            str(labelled),
            "frames labelled",
            f"{trained[-1]} in the last training" if trained else "",
        ),
        _rmse_headline(tested),
        *(_ratio_headline(explored, *one) for one in lawful_samplings(summaries).items()),
    ]
    spent = [finite(v) or 0.0 for s in summaries for v in s.seconds.values()]
    if spent:
        result.append(Headline(duration(sum(spent)), "wall time", "all stages"))
    return result


def _rmse_headline(tested: Sequence[Summary]) -> Headline:
    label = "force RMSE, meV/Å"
    if not tested:
        return Headline(MISSING, label, "no model was tested yet")
    first, last = tested[0].force_rmse_meV_A, tested[-1].force_rmse_meV_A
    if len(tested) < 2 or not first or last is None:
        return Headline(number(first), label, "on the validation set")
    change = 100 * (last - first) / first
    word = "lower" if change < 0 else "higher"
    return Headline(
        f"{number(first)} → {number(last)}",
        label,
        f"first to last training, {abs(change):.0f} % {word}",
    )


def _ratio_headline(
    explored: Sequence[Summary], sampling: Sampling, factors: Sequence[float]
) -> Headline:
    label = f"σ WTE / σ NVT at {style.gamma(sampling.name(factors))}"
    predicted = f"predicted √γ = {number(expected_ratio(factors))}"
    for summary in reversed(explored):
        ratio = sigma_ratio(summary, sampling)
        if ratio is not None:
            note = f"{predicted}; iteration {summary.iteration}"
            return Headline(number(ratio), label, note)
    return Headline(MISSING, label, f"{predicted}; none measured")


def walker_rows(summaries: Sequence[Summary]) -> list[dict[str, str]]:
    """A row for each walker of each iteration, every cell ready to print."""
    rows = []
    for summary in summaries:
        for walker in summary.walkers:
            factor, law = finite(walker.get("biasfactor")), law_factor(walker)
            temperature = finite(walker.get("temperature_K"))
            pressure = finite(walker.get("pressure_bar"))
            inefficiency = finite(walker.get("statistical_inefficiency"))
            rows.append(
                {
                    "iteration": str(summary.iteration),
                    "name": str(walker.get("name", MISSING)),
                    "temperature": MISSING if temperature is None else f"{temperature:g}",
                    "pressure": MISSING if pressure is None else f"{pressure:g}",
                    "biasfactor": MISSING if factor is None else f"{factor:g}",
                    "sigma_nvt": number(finite(walker.get("sigma_nvt_eV"))),
                    "inefficiency": number(inefficiency, 2),
                    "sigma_wte": number(finite(walker.get("sigma_wte_eV"))),
                    "ratio": number(walker_ratio(walker)),
                    "predicted": MISSING if law is None else number(math.sqrt(law)),
                    "stopped": str(walker.get("stopped") or ""),
                }
            )
    return rows


def failures(summaries: Sequence[Summary]) -> list[str]:
    """What went wrong and was dealt with, a line each."""
    lines = []
    for summary in summaries:
        ended = [walker for walker in summary.walkers if walker.get("stopped")]
        left = [walker for walker in ended if walker.get("left_grid")]
        if left:
            lines.append(
                f"Iteration {summary.iteration}: {len(left)} of {len(summary.walkers)} walkers "
                f"ended early, their frames are kept; {left[0].get('name')}: {left[0]['stopped']}."
            )
        if stopped := len(ended) - len(left):
            lines.append(
                f"Iteration {summary.iteration}: the guard stopped {stopped} of "
                f"{len(summary.walkers)} walkers; their last frames count as failed and were not "
                "labelled."
            )
        lines += [
            f"Iteration {summary.iteration}: {note['text']}."
            for note in summary.lowered
            if isinstance(note, dict) and "text" in note
        ]
        if summary.label_failures:
            lines.append(
                f"Iteration {summary.iteration}: {summary.label_failures} of "
                f"{summary.selected or 0} labels failed and were left out."
            )
    return lines
