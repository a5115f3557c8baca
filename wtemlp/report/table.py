"""The table of iterations, once for the terminal and for the page."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wtemlp.core.formatting import duration, finite
from wtemlp.records.summary import Summary
from wtemlp.records.walkers import WalkerSummary
from wtemlp.report.sampling import Sampling, expected_ratio, sampling_of, samplings


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
_COUNTS = ("explored", "accurate", "candidate", "failed", "selected", "labelled")


def without_empty(table: Table) -> Table:
    """A table without the columns that say nothing in any row."""
    kept = [i for i in range(len(table.columns)) if any(row[i] != MISSING for row in table.rows)]
    rows = [[row[i] for i in kept] for row in table.rows]
    return Table([table.columns[i] for i in kept], rows, table.warned)


def number(value: float | None, digits: int = 3) -> str:
    """A number with ``digits`` significant digits, never in exponential form; or ``-``."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    exponent = int(f"{value:.{digits - 1}e}".split("e")[1])
    decimals = max(digits - 1 - exponent, 0)
    return f"{value:.{min(decimals, 6)}f}"


def law_factor(walker: WalkerSummary) -> float | None:
    """The bias factor whose square root is to be the walker's sigma_WTE / sigma_NVT.

    None where there is no such law (:attr:`wtemlp.report.sampling.Sampling.lawful`).
    """
    one = sampling_of(walker)
    return walker.biasfactor if one is not None and one.lawful else None


def lawful_samplings(summaries: Sequence[Summary]) -> dict[Sampling, list[float]]:
    """The biased samplings of all walkers that follow the law, with their bias factors."""
    found = samplings(walker for summary in summaries for walker in summary.walkers)
    return {one: factors for one, factors in found.items() if one.lawful and one.biased}


def mean_sigma(
    walkers: Iterable[WalkerSummary], of: str, sampling: Sampling | None = None
) -> float | None:
    """Root mean square over walkers of ``sigma_nvt_eV`` or ``sigma_wte_eV``.

    Walkers that were stopped are left out; so are, with ``sampling``, those of another.
    """
    values = [
        value
        for walker in walkers
        if not walker.stopped
        and (sampling is None or sampling_of(walker) == sampling)
        and (value := getattr(walker, of)) is not None
    ]
    return math.sqrt(sum(v * v for v in values) / len(values)) if values else None


def sigma_ratio(summary: Summary, sampling: Sampling) -> float | None:
    """sigma_WTE / sigma_NVT of an iteration's walkers of a sampling.

    All walkers of one system at one temperature and pressure sample the same unbiased ensemble,
    whatever their bias factor, so sigma_NVT is taken over all of them; ratios of different
    systems and conditions are averaged (root mean square).
    """
    groups: dict[tuple[object, ...], list[WalkerSummary]] = defaultdict(list)
    for walker in summary.walkers:
        groups[walker.system, walker.temperature_K, walker.pressure_bar].append(walker)
    ratios = []
    for walkers in groups.values():
        nvt = mean_sigma(walkers, "sigma_nvt_eV")
        wte = mean_sigma(walkers, "sigma_wte_eV", sampling)
        if nvt and wte is not None:
            ratios.append(wte / nvt)
    return math.sqrt(sum(r * r for r in ratios) / len(ratios)) if ratios else None


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
        its ratio to sigma_NVT; the title holds the ratio that theory gives, the square root of
        the bias factor.
    """
    biased = lawful_samplings(summaries)
    columns = [Column("iter"), Column("train", "frames"), Column("RMSE E", "meV/atom")]
    columns += [Column("RMSE F", "meV/A")] + [Column(name) for name in _COUNTS]
    columns += [Column("sigma NVT", "eV")]
    columns += [_sigma_column(one, factors) for one, factors in biased.items()]
    columns += [Column("time")]
    return Table(columns, [_row(summary, list(biased)) for summary in summaries])


def _sigma_column(sampling: Sampling, factors: Sequence[float]) -> Column:
    ratio = expected_ratio(factors)
    unit = "eV" if ratio is None else f"eV (x{ratio:.3g})"
    return Column(f"WTE {sampling.name(factors)}", unit)


def _row(summary: Summary, biased: Sequence[Sampling]) -> list[str]:
    row = [
        str(summary.iteration),
        _count(summary.n_train_frames),
        number(summary.energy_rmse_meV_atom),
        number(summary.force_rmse_meV_A),
    ]
    row += [_count(getattr(summary, name)) for name in _COUNTS]
    row.append(number(mean_sigma(summary.walkers, "sigma_nvt_eV")))
    for one in biased:
        sigma, ratio = mean_sigma(summary.walkers, "sigma_wte_eV", one), sigma_ratio(summary, one)
        row.append(number(sigma) + (f" (x{number(ratio)})" if ratio is not None else ""))
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
    widths = [max(len(line[i]) for line in lines) for i in range(len(kept))]
    text = [
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    text.insert(2, "-" * (sum(widths) + 2 * (len(widths) - 1)))
    return "\n".join(text)
