"""The table of iterations, once for the terminal and for the page."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from wtemlp.summary import Summary
from wtemlp.text import duration


@dataclass(frozen=True)
class Column:
    """A column of the table of iterations."""

    title: str
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """Columns and rows; every cell is ready to print, ``-`` where nothing is known."""

    columns: list[Column]
    rows: list[list[str]]


MISSING = "-"
#: Methods of walkers, as summaries have them, that no law tells the width of.
_LAWLESS = ("opes", "template")
_COUNTS = ("explored", "accurate", "candidate", "failed", "selected", "labelled")


def number(value: float | None, digits: int = 3) -> str:
    """A number with ``digits`` significant digits, never in exponential form; or ``-``."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    exponent = int(f"{value:.{digits - 1}e}".split("e")[1])
    decimals = max(digits - 1 - exponent, 0)
    return f"{value:.{min(decimals, 6)}f}"


def finite(value: object) -> float | None:
    """The value as a float, ``None`` where it is missing or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def law_factor(walker: dict) -> float | None:
    """The bias factor whose square root is to be the walker's sigma_WTE / sigma_NVT.

    None where there is no such law: OPES samples a flat distribution of temperatures, and nobody
    knows what a template does.
    """
    return None if walker.get("method") in _LAWLESS else finite(walker.get("biasfactor"))


def biasfactors(summaries: Sequence[Summary]) -> list[float]:
    """The bias factors above 1 of all walkers that follow the law, ascending."""
    found = {law_factor(walker) for s in summaries for walker in s.walkers}
    return sorted(g for g in found if g is not None and g > 1)


def mean_sigma(summary: Summary, key: str, biasfactor: float | None = None) -> float | None:
    """Root mean square over an iteration's walkers of ``sigma_nvt_eV`` or ``sigma_wte_eV``.

    Walkers that the guard stopped are left out; so are, with ``biasfactor``, those of another.
    """
    values = [
        value
        for walker in summary.walkers
        if not walker.get("stopped")
        and (biasfactor is None or law_factor(walker) == biasfactor)
        and (value := finite(walker.get(key))) is not None
    ]
    return math.sqrt(sum(v * v for v in values) / len(values)) if values else None


def sigma_ratio(summary: Summary, biasfactor: float) -> float | None:
    """sigma_WTE / sigma_NVT of an iteration's walkers at a bias factor.

    All walkers of one system at one temperature sample the same NVT ensemble, whatever their
    bias factor, so sigma_NVT is taken over all of them; ratios of different systems and
    temperatures are averaged (root mean square).
    """
    groups: dict[tuple, list[dict]] = defaultdict(list)
    for walker in summary.walkers:
        groups[walker.get("system"), walker.get("temperature_K")].append(walker)
    ratios = []
    for walkers in groups.values():
        group = replace(summary, walkers=walkers)
        nvt = mean_sigma(group, "sigma_nvt_eV")
        wte = mean_sigma(group, "sigma_wte_eV", biasfactor)
        if nvt and wte is not None:
            ratios.append(wte / nvt)
    return math.sqrt(sum(r * r for r in ratios) / len(ratios)) if ratios else None


def walker_ratio(walker: dict) -> float | None:
    """sigma_WTE / sigma_NVT of one walker."""
    nvt, wte = finite(walker.get("sigma_nvt_eV")), finite(walker.get("sigma_wte_eV"))
    return wte / nvt if nvt and wte is not None else None


def iteration_table(summaries: Sequence[Summary]) -> Table:
    """The iterations' rows.

    Parameters
    ----------
    summaries : sequence of Summary
        One an iteration, the final training included.

    Returns
    -------
    Table
        One column per bias factor, with sigma_WTE and, in brackets, its ratio to sigma_NVT; the
        title holds the ratio that theory gives, the square root of the bias factor.
    """
    factors = biasfactors(summaries)
    columns = [Column("iter"), Column("train", "frames"), Column("RMSE E", "meV/atom")]
    columns += [Column("RMSE F", "meV/A")] + [Column(name) for name in _COUNTS]
    columns += [Column("sigma NVT", "eV")]
    columns += [Column(f"WTE g={g:g}", f"eV (x{math.sqrt(g):.3g})") for g in factors]
    columns += [Column("time")]
    return Table(columns, [_row(summary, factors) for summary in summaries])


def _row(summary: Summary, factors: Sequence[float]) -> list[str]:
    row = [
        str(summary.iteration),
        _count(summary.n_train_frames),
        number(summary.energy_rmse_meV_atom),
        number(summary.force_rmse_meV_A),
    ]
    row += [_count(getattr(summary, name)) for name in _COUNTS]
    row.append(number(mean_sigma(summary, "sigma_nvt_eV")))
    for factor in factors:
        sigma, ratio = mean_sigma(summary, "sigma_wte_eV", factor), sigma_ratio(summary, factor)
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
