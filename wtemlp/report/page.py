"""The page of a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from wtemlp.files import write_text
from wtemlp.paths import RunPaths
from wtemlp.report import figures, figures_energy, figures_explore, figures_structure
from wtemlp.report.citations import CITATIONS
from wtemlp.report.data import RunData, read_run
from wtemlp.report.document import Section, render_page, section, table_section
from wtemlp.report.failures import failures
from wtemlp.report.figure import Figure
from wtemlp.report.headlines import headlines
from wtemlp.report.run_tables import walker_table
from wtemlp.report.table import iteration_table

_ITERATIONS = Markup(
    "Errors are on the validation set, means over the models; σ are standard deviations of the "
    "potential energy of the box, with σ<sub>WTE</sub>/σ<sub>NVT</sub> in brackets and its "
    "prediction √γ in the heading. Walkers that the guard stopped are not in the σ. {}"
)
_WALKERS = Markup(
    "One row a walker. The inefficiency is the number of successive NVT samples that are worth "
    "one independent sample: the larger it is, the less certain σ<sub>NVT</sub>."
)


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
    blocks: list[Section | Figure] = [
        table_section(
            "Iterations", iteration_table(run.summaries), key="iterations",
            caption=_ITERATIONS.format(levels_in_words(trust)),
            empty="No iteration has begun yet.",
            remarks=[*failures(run.summaries), *run.notes],
        ),
        *all_figures(run, trust),
        table_section(
            "Walkers", walker_table(run.summaries), key="walkers", caption=_WALKERS,
            empty="No walker has finished yet.",
        ),
        section("Provenance", "provenance.html.j2", key="provenance", seed=seed,
                versions=dict(versions)),
        section("To cite", "citations.html.j2", key="cite", citations=CITATIONS),
    ]  # fmt: skip
    return render_page(title, blocks, status=status, headlines=headlines(run.summaries))


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
