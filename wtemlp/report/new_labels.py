"""Errors on new labels, and what trust levels stood for, as the page of a run shows them."""

from collections.abc import Sequence

from wtemlp.core.formatting import number
from wtemlp.records.label_errors import PartErrors
from wtemlp.records.summary import Summary
from wtemlp.report.document import PageSection, table_section
from wtemlp.report.table import MISSING, Column, Table

_COLUMNS = [
    Column("iter"),
    Column("of", text=True),
    Column("labels"),
    Column("RMSE E", "meV/atom"),
    Column("offset E", "meV/atom"),
    Column("RMSE F", "meV/A"),
    Column("worst atom", "meV/A"),
    Column("deviation", "meV/A"),
    Column("ratio"),
    Column("scatter", "factor"),
    Column("rank corr."),
    Column("trust levels", "meV/A"),
]
_CAPTION = (
    "Errors of the models that explored on the frames that were then labelled, before these were "
    "trained on: a free test, on frames that were chosen for being hard. Means over the models; "
    "energies without the offset of each composition. Worst atom and deviation: of the force on "
    "the atom where it is largest, medians over frames; ratio: of the two, median, and the factor "
    "within which two thirds of the frames are of it. Trust levels in deviations."
)
_BY = {"biasfactor": "bias factor", "walker": "walker"}


def new_labels_section(summaries: Sequence[Summary]) -> PageSection | None:
    """A row for each iteration, and for each of its bias factors and walkers; None: no errors."""
    rows = []
    for summary in summaries:
        found = summary.new_labels
        if found is None:
            continue
        rows.append(_row(summary, "all", found))
        for by, parts in found.parts.items():
            if len(parts) > 1:
                rows += [
                    _row(summary, f"{_BY.get(by, by)} {value}", part)
                    for value, part in parts.items()
                ]
    if not rows:
        return None
    return table_section(
        "Errors on new labels", Table(_COLUMNS, rows), key="new-labels", caption=_CAPTION
    )


def _row(summary: Summary, of: str, part: PartErrors) -> list[str]:
    levels = MISSING
    if of == "all" and summary.trust:
        levels = "; ".join(
            dict.fromkeys(f"{1e3 * low:.3g} to {1e3 * high:.3g}" for low, high in summary.trust)
        )
    return [
        str(summary.iteration),
        of,
        str(part.frames),
        number(part.energy_rmse_meV_atom),
        number(part.energy_offset_meV_atom),
        number(part.force_rmse_meV_A),
        number(part.largest_meV_A),
        number(part.deviation_meV_A),
        number(part.ratio),
        number(part.scatter),
        number(part.rank_correlation, 2),
        levels,
    ]
