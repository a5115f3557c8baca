"""The page of a comparison."""

from markupsafe import Markup

from wtemlp.comparison import (
    figures_errors,
    figures_sampling,
    figures_validation,
    table,
)
from wtemlp.comparison.recommendation import error_words
from wtemlp.comparison.result import Comparison
from wtemlp.report.document import Headline, PageSection, render_page, table_section
from wtemlp.report.figures.figure import Figure
from wtemlp.report.table import MISSING, Column, Table, without_empty

_ARMS = Markup(
    "One row an arm: runs that differ by their seed alone. Errors are on the validation data, at "
    "the labels given (those that the run itself had made). {} {}Cost: of one run, until these "
    "models were trained.{}"
)
_EXPLORED = Markup(
    "Candidates and failed: share of the explored frames, ± one standard error over walkers. "
    "Width ratio: σ<sub>WTE</sub>/σ<sub>NVT</sub>, and in brackets the law of the heat capacity "
    "that σ<sub>NVT</sub> shows, ± one standard error (a question mark below ten independent "
    "energies); dT: half-width of the range of temperatures that this is worth. "
)
_BASELINES = (
    "The arm's error minus the baseline's, runs of the same seed as pairs, ± 95 % confidence of "
    "that difference for itself. The verdict counts all that this comparison looks at (Holm): the "
    "chance of any false one is 5 % at most. Energies differ where RMSE and correlation say so "
    "alike. One seed of an arm is one value, and gets no verdict."
)
_EPOCHS = (
    "Errors on the batches that each training validates on (which may be of other data in another "
    "arm), averaged over a fifth around the epoch. Of a training that ends there it is its result; "
    "of a longer one it is an error on the way, with a learning rate that had not fallen yet."
)
_INVALID = " Red: its validation failed (the last table says why)."
_RUNS = "What to cite for a run is on its own page (wtemlp report DIR)."


def figures(comparison: Comparison) -> list[Figure]:
    """All figures, in the order of the page; those without data say what is missing.

    Those of labels and exploration are left out where the runs only train.
    """
    errors = [figures_errors.labels_figure, figures_errors.baselines_figure]
    sampling = [
        figures_sampling.yield_figure,
        figures_sampling.sigma_figure,
        figures_sampling.window_figure,
    ]
    if comparison.trained_only:
        errors, sampling = [], []
    makers = [
        *errors,
        figures_errors.epochs_figure,
        *sampling,
        figures_validation.bins_figure,
        figures_validation.rdf_figure,
        figures_validation.diffusion_figure,
        figures_errors.cost_figure,
    ]
    return [make(comparison) for make in makers]


def render(comparison: Comparison, title: str, drawn: list[Figure]) -> str:
    """The page as text.

    Parameters
    ----------
    comparison : Comparison
    title : str
        Its heading.
    drawn : list of Figure
        Those of :func:`figures`.
    """
    arms = without_empty(table.main_table(comparison))
    caption = _ARMS.format(
        table.intervals_in_words(comparison.arms),
        "" if comparison.trained_only else _EXPLORED,
        _INVALID if arms.warned else "",
    )
    beside = {}
    if (rows := table.baseline_table(comparison)).rows:
        beside["baselines"] = table_section(
            "Differences from the baselines", rows, key="differences", caption=_BASELINES
        )
    if (rows := table.epoch_table(comparison)).rows:
        beside["epochs"] = table_section(
            "Errors at some epochs", rows, key="at_epochs", caption=_EPOCHS
        )
    blocks: list[PageSection | Figure] = [
        PageSection("Recommendation", _recommendation(comparison), "recommendation"),
        table_section("Arms", arms, key="arms", caption=caption, remarks=comparison.notes),
        *(block for figure in drawn for block in (figure, beside.get(figure.key)) if block),
        table_section("Runs", _runs(comparison), key="runs", caption=_RUNS),
    ]
    return render_page(
        title,
        blocks,
        kicker="wtemlp comparison",
        status=_status(comparison),
        headlines=_headlines(comparison),
    )


def _recommendation(comparison: Comparison) -> Markup:
    found = comparison.recommendation
    lines = [Markup("<p><b>{}</b></p>").format(found.sentence)]
    if found.reasons:
        items = Markup("").join(Markup("<li>{}</li>").format(one) for one in found.reasons)
        lines.append(Markup("<ul>{}</ul>").format(items))
    if found.next_step:
        lines.append(Markup("<p>{}</p>").format(found.next_step))
    return Markup("\n").join(lines)


def _status(comparison: Comparison) -> str:
    going = [run.name for run in comparison.runs if not run.finished]
    if not going:
        return ""
    return f"{len(going)} of {len(comparison.runs)} runs are not finished."


def _headlines(comparison: Comparison) -> list[Headline]:
    arms, found = comparison.arms, comparison.recommendation
    n = len(comparison.runs)
    runs = Headline(
        str(len(arms)), "arms" if len(arms) != 1 else "arm", f"{n} runs" if n != 1 else "1 run"
    )
    budget = _trained_on(comparison) if comparison.trained_only else _budget(comparison)
    chosen = comparison.of(found.arm) if found.arm else None
    sure = "told apart from the others" if found.clear else "not told apart from all others"
    advice = Headline(
        MISSING if chosen is None else chosen.arm.label,
        "recommended",
        sure if chosen is not None else "none can be; see below",
    )
    result = [runs, budget, advice]
    known = [(one.force, one) for one in arms if one.force is not None]
    if known:
        force, best = min(known, key=lambda one: one[0].interval.mean)
        result.append(Headline(error_words(force), "lowest force RMSE, meV/Å", best.arm.label))
    return result


def _budget(comparison: Comparison) -> Headline:
    labels = comparison.budget.labels
    return Headline(
        MISSING if labels is None else str(labels),
        "labels, common to all runs",
        "what errors are compared at" if comparison.budget.equal else "not reached by all alike",
    )


def _trained_on(comparison: Comparison) -> Headline:
    """Of runs that only train: their data, for they label nothing."""
    frames = sorted({one.frames for run in comparison.runs for one in run.trainings if one.frames})
    value = "–".join(str(n) for n in dict.fromkeys([frames[0], frames[-1]])) if frames else MISSING
    return Headline(value, "frames, trained on", "the runs have labelled nothing")


def _runs(comparison: Comparison) -> Table:
    columns = [
        Column("run", text=True),
        Column("arm", text=True),
        Column("seed"),
        Column("system"),
        Column("iterations"),
        Column("labels"),
        Column("status", text=True),
        Column("validated", text=True),
    ]
    rows = []
    for run in comparison.runs:
        labels = [one.labels for one in run.trainings if one.labels is not None]
        rows.append(
            [
                run.name,
                run.arm.label,
                str(run.seed),
                run.system or MISSING,
                str(len(run.explorations)),
                str(max(labels)) if labels else MISSING,
                run.status,
                run.validated.verdict if run.validated else "no",
            ]
        )
    return Table(columns, rows)
