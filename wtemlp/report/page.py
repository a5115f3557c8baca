"""The page of a run."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from wtemlp.core.atomic_io import is_of_disk
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.records.validation_record import Validation
from wtemlp.report.citations import Used, bibtex, citations
from wtemlp.report.cost import cost_table
from wtemlp.report.data import Known, RunData, read_run
from wtemlp.report.document import PageSection, render_page, section, table_section
from wtemlp.report.failures import failures
from wtemlp.report.figures import energy, explore, learning, structure
from wtemlp.report.figures.cost import cost_figure
from wtemlp.report.figures.ensembles import TABLE as ENSEMBLES
from wtemlp.report.figures.ensembles import ensemble_figures, ensemble_table
from wtemlp.report.figures.figure import Figure
from wtemlp.report.figures.validation import validation_figures
from wtemlp.report.figures.variables import variables_figure
from wtemlp.report.findings import findings
from wtemlp.report.headlines import headlines
from wtemlp.report.input_files import InputFile
from wtemlp.report.new_labels import new_labels_section
from wtemlp.report.run_tables import changes_section, data_check_section, walker_table
from wtemlp.report.table import iteration_table, without_empty
from wtemlp.report.validation_tables import check_table, distance_table, run_table

_ITERATIONS = Markup(
    "Errors are on the validation set, means over the models; σ are standard deviations of the "
    "potential energy of the box, with σ<sub>WTE</sub>/σ<sub>NVT</sub> and its standard error in "
    "brackets (a question mark below ten independent energies) and in the heading what the law "
    "gives for the heat capacity that σ<sub>NVT</sub> shows. There σ<sub>NVT</sub> is that of all "
    "walkers of a system and "
    "condition together, for they sample the same; where walkers are shown one by one, each is "
    "divided by its own. Walkers that the guard stopped are not in the σ. {}"
)
_TRAINING = Markup(
    "Errors are on the validation set, means over the models. The run does not explore."
)
_WALKERS = Markup(
    "One row a walker, with standard errors (a question mark below ten independent energies). The "
    "inefficiency is the number of successive NVT samples that are worth one independent sample, "
    "from all walkers that sample the same: the larger it is, the less certain σ<sub>NVT</sub>. "
    "The law is √(γ (K - 1 + γ) / K) with K = C/k, the heat capacity that σ<sub>NVT</sub> shows."
)
_COST = Markup(
    "Core hours are what the stages' jobs took: the time that they ran, all attempts, times the "
    "cores that the machine file gives them; waiting in a queue is not in them, but in the wall "
    "time. The last column spreads the whole cost over the labels."
)


@dataclass(frozen=True)
class RunFacts:
    """What a page says of a run beyond what the iterations' folders hold."""

    title: str
    root: Path  #: the run's folder, absolute
    trust: Sequence[tuple[float, float]]
    """Lower and upper trust level of the force deviation of each system, eV/Angstrom."""
    init_data: Sequence[Path]  #: folders of the initial labelled data (deepmd/npy)
    type_map: Sequence[str]  #: element names in the order of the types
    versions: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)  #: seed, command, dates, ...
    inputs: Sequence[InputFile] = ()  #: the parameter file, the machine file
    final: int | None = None  #: the iteration that only trains
    #: What ``wtemlp init`` made the initial data with; empty: they are not its own
    initial: Mapping[str, Any] = field(default_factory=dict)
    status: str = ""  #: where the run stands, one line
    refresh_s: int | None = None  #: a page of a run that goes on loads itself again


def write_report(
    root: Path, facts: RunFacts, target: Path | None = None, known: Known | None = None
) -> Path:
    """Write the page of a run, finished or not.

    Parameters
    ----------
    root : Path
        The run's folder.
    facts : RunFacts
    target : Path, optional
        By default ``report.html`` in it.
    known : Known, optional
        What was read for the page before.

    Returns
    -------
    Path
        The page.
    """
    target = target or RunPaths(root).report
    text = render(read(root, facts, known), facts)
    # A name of its own: the run itself may be writing its page just now.
    new = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        new.write_text(text)
        new.replace(target)
    except OSError as error:
        if is_of_disk(error):
            error.filename = str(target)
            raise
        raise InputError(
            str(target), f"cannot be written ({error.strerror})", "give another file with -o"
        ) from error
    finally:
        new.unlink(missing_ok=True)
    return target


def read(root: Path, facts: RunFacts, known: Known | None = None) -> RunData:
    """Read what the figures and tables of a run are made of."""
    return replace(read_run(root, facts.init_data, facts.type_map, known), final=facts.final)


def all_figures(run: RunData, trust: Sequence[tuple[float, float]]) -> list[Figure]:
    """The figures of a run, in the order of the page.

    First the energies that were reached without and with the bias, and what that did to the
    errors: what a reader who turns no page should see.  Those of labels and exploration are left
    out where the run only trains.
    """
    first, explored = [], []
    if not run.only_trains:
        first = [energy.energy_figure(run), learning.rmse_figure(run)]
        explored = [
            energy.sigma_figure(run),
            explore.outcomes_figure(run),
            explore.deviation_figure(run, trust),
        ]
    if (own := variables_figure(run)) is not None:
        explored.insert(1, own)
    return [
        *first,
        learning.learning_figure(run),
        *explored,
        *structure.structure_figures(run),
        *ensemble_figures(run.ensembles),
        *(validation_figures(run.validation) if run.validation else ()),
        learning.timeline_figure(run),
        cost_figure(run.summaries),
    ]


def render(run: RunData, facts: RunFacts) -> str:
    """The page as text; see :func:`write_report`."""
    summaries = run.summaries
    troubles = {iteration.index: iteration.trouble for iteration in run.iterations}
    made = any(summary.trust for summary in summaries)
    caption = _ITERATIONS.format(levels_in_words(facts.trust, made))
    rows = iteration_table(summaries)
    if run.only_trains:
        caption, rows = _TRAINING, without_empty(rows)
    found = findings(summaries, facts.root)
    blocks: list[PageSection | Figure] = [
        section("Findings", "findings.html.j2", key="findings", found=found),
        table_section(
            "Training" if run.only_trains else "Iterations",
            rows,
            key="iterations",
            caption=caption,
            empty="No iteration has begun yet.",
            remarks=[*failures(summaries, troubles), *run.notes],
        ),
        *all_figures(run, facts.trust),
        table_section(
            "Cost in numbers",
            cost_table(summaries),
            key="hours",
            caption=_COST,
            empty="No stage has finished yet.",
        ),
    ]
    if not run.only_trains:
        walkers = table_section(
            "Walkers",
            walker_table(summaries),
            key="walkers",
            caption=_WALKERS,
            empty="No walker has finished yet.",
        )
        blocks.append(walkers)
        if (new := new_labels_section(summaries)) is not None:
            blocks.append(new)
    if run.held:
        blocks.append(data_check_section(run.held))
    if run.ensembles:
        rows = ensemble_table(run.ensembles)
        blocks.append(table_section("Initial data", rows, key="ensembles", caption=ENSEMBLES))
    if run.validation is not None:
        place = next(i for i, block in enumerate(blocks) if _is_of_validation(block))
        blocks.insert(place, _verdict(run.validation))
    if run.changes:
        blocks.append(changes_section(run.changes))
    if facts.inputs:
        blocks.append(section("Parameters", "inputs.html.j2", key="inputs", files=facts.inputs))
    cited = citations(_used(run, facts))
    blocks += [
        section(
            "Provenance",
            "provenance.html.j2",
            key="provenance",
            facts=facts.facts,
            versions=facts.versions,
        ),
        section("To cite", "citations.html.j2", key="cite", citations=cited, bibtex=bibtex(cited)),
    ]
    return render_page(
        facts.title,
        blocks,
        status=facts.status,
        headlines=headlines(summaries, run.only_trains),
        refresh_s=facts.refresh_s,
    )


def _is_of_validation(block: PageSection | Figure) -> bool:
    """Whether the validation's verdict stands before this block: its figures, else the times."""
    key = block.key if isinstance(block, Figure) else ""
    return key.startswith("validation_") or key == "timeline"


def _verdict(found: Validation) -> PageSection:
    return section(
        "Validation",
        "verdict.html.j2",
        key="validation",
        found=found,
        checks=check_table(found),
        runs=run_table(found),
        distances=distance_table(found),
    )


def _used(run: RunData, facts: RunFacts) -> Used:
    return Used(
        param=facts.inputs[0].content if facts.inputs else {},
        initial=facts.initial,
        deepmd=facts.versions.get("deepmd-kit", ""),
        explored=any(summary.walkers for summary in run.summaries),
        training_data=bool(run.initial or run.labelled),
        validation=run.validation,
    )


def levels_in_words(trust: Sequence[tuple[float, float]], made: bool) -> str:
    """The file's trust levels as a sentence, and whether others were made of errors; "": none."""
    groups = explore.trust_levels(trust)
    if not groups:
        return ""
    parts = [
        f"{low:g} and {high:g} eV/Å" + (f" ({name})" if name else "")
        for name, (low, high) in groups.items()
    ]
    later = ", until errors of labels are known; then those that are made of them" if made else ""
    return f"Trust levels: {'; '.join(parts)}{later}."
