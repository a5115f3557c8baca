"""The table of iterations, once for the terminal and for the page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wtemlp.analysis.widths import WithError
from wtemlp.core import formatting
from wtemlp.core.formatting import duration, finite
from wtemlp.records.summary import Summary
from wtemlp.records.validation_record import Estimate
from wtemlp.report.sampling import Sampling, samplings
from wtemlp.report.widths import Widths


@dataclass(frozen=True)
class Column:
    """A column of the table of iterations."""

    title: str  #: plain, or Markup for the page only
    unit: str = ""
    text: bool = False  #: words, on the left side of the column


@dataclass(frozen=True)
class Table:
    """Columns and rows; every cell is ready to print, ``-`` where nothing is known."""

    columns: list[Column]
    rows: list[list[str]]
    warned: frozenset[int] = frozenset()  #: rows that stand out on the page


MISSING = "-"
number = formatting.number  #: for cells
_COUNTS = ("explored", "accurate", "candidate", "failed", "selected", "labelled")


def without_empty(table: Table) -> Table:
    """A table without the columns that say nothing in any row."""
    kept = [i for i in range(len(table.columns)) if any(row[i] != MISSING for row in table.rows)]
    rows = [[row[i] for i in kept] for row in table.rows]
    return Table([table.columns[i] for i in kept], rows, table.warned)


def measured(one: WithError | Estimate | None) -> str:
    """A number with its standard error; the error is "?" where it is unknown.

    >>> measured(Estimate(1.312, 0.2)), measured(Estimate(1.312))
    ('1.31 ± 0.20', '1.31 ± ?')
    """
    if one is None or not math.isfinite(one.value):
        return MISSING
    if one.error is None:
        return f"{number(one.value)} ± ?"
    if not one.error > 0:
        return number(one.value)
    # To two digits of the error, and never to fewer than the value would have alone.
    decimals = max(1 - math.floor(math.log10(one.error)), 0)
    decimals = min(decimals, max(2 - math.floor(math.log10(abs(one.value) or 1.0)), 0))
    error = f"{one.error:.{decimals}f}"
    return f"{one.value:.{decimals}f} ± {error if float(error) else number(one.error, 1)}"


def lawful_samplings(summaries: Sequence[Summary]) -> dict[Sampling, list[float]]:
    """The biased samplings of all walkers that follow the law, with their bias factors."""
    found = samplings(walker for summary in summaries for walker in summary.walkers)
    return {one: factors for one, factors in found.items() if one.lawful and one.biased}


def iteration_table(summaries: Sequence[Summary]) -> Table:
    """The iterations' rows.

    Parameters
    ----------
    summaries : sequence of Summary
        One an iteration, the final training included.

    Returns
    -------
    Table
        One column per bias factor, or window of temperatures, with sigma_WTE and, in brackets,
        its ratio to sigma_NVT and the standard error of the ratio (``?`` below ten independent
        energies); the title holds the ratio that the heat capacity gives.
    """
    biased, widths = lawful_samplings(summaries), Widths.of_run(summaries)
    columns = [Column("iter"), Column("train", "frames"), Column("RMSE E", "meV/atom")]
    columns += [Column("RMSE F", "meV/A"), Column("new F", "meV/A")] + [
        Column(name) for name in _COUNTS
    ]
    columns += [Column("sigma NVT", "eV")]
    columns += [_sigma_column(one, factors, widths) for one, factors in biased.items()]
    columns += [Column("time")]
    return Table(columns, [_row(summary, list(biased), widths) for summary in summaries])


def _sigma_column(sampling: Sampling, factors: Sequence[float], widths: Widths) -> Column:
    law = widths.law(sampling)
    unit = "eV" if law is None else f"eV (law: x{measured(law)})"
    return Column(f"WTE {sampling.name(factors)}", unit)


def _row(summary: Summary, biased: Sequence[Sampling], widths: Widths) -> list[str]:
    row = [
        str(summary.iteration),
        _count(summary.n_train_frames),
        number(summary.energy_rmse_meV_atom),
        number(summary.force_rmse_meV_A),
        number(summary.new_labels.force_rmse_meV_A if summary.new_labels else None),
    ]
    row += [_count(getattr(summary, name)) for name in _COUNTS]
    nvt = widths.nvt(summary.iteration)
    row.append(number(nvt.value if nvt else None))
    for one in biased:
        found = widths.of(summary.iteration, one)
        cell = number(found.wte_eV.value if found else None)
        ratio = found.ratio if found else None
        row.append(cell + (f" (x{measured(ratio)})" if ratio is not None else ""))
    spent = [value for value in summary.seconds.values() if finite(value) is not None]
    row.append(duration(sum(spent)) if spent else MISSING)
    return row


def _count(value: int | None) -> str:
    return MISSING if value is None else str(value)


def format_table(summaries: Sequence[Summary]) -> str:
    """The table of iterations as aligned plain text, for a terminal.

    Parameters
    ----------
    summaries : sequence of Summary
        One an iteration; may be empty.

    Returns
    -------
    str
        Two lines of titles and units, a rule, and a line per iteration; no line break at the end.
        Columns that say nothing in any row are left out, and so, for the width of a terminal, is
        the number of selected frames.
    """
    if not summaries:
        return "no iteration has finished yet"
    table = iteration_table(summaries)
    kept = [
        index
        for index in range(len(table.columns))
        if any(row[index] != MISSING for row in table.rows)
        and table.columns[index].title != "selected"
    ]
    lines = [[table.columns[i].title for i in kept], [table.columns[i].unit for i in kept]]
    lines += [[row[i] for i in kept] for row in table.rows]
    lines = [[cell.replace("±", "+-") for cell in line] for line in lines]
    widths = [max(len(line[i]) for line in lines) for i in range(len(kept))]
    text = [
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    text.insert(2, "-" * (sum(widths) + 2 * (len(widths) - 1)))
    return "\n".join(text)
