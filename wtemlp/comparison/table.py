"""The comparison as tables: one row an arm, to print, and with all numbers for other programs."""

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wtemlp.analysis.intervals import Interval
from wtemlp.comparison.recommendation import (
    count_words,
    difference_words,
    error_words,
    verdict_words,
)
from wtemlp.comparison.result import ArmResult, Comparison, Error, Spending
from wtemlp.core.formatting import duration, number
from wtemlp.records.validation_record import Estimate
from wtemlp.report.table import MISSING, Column, Table, measured, without_empty

FORMAT = 1  #: of ``table.json``
_QUANTITIES = {"force": "forces", "energy": "energies"}


def main_table(comparison: Comparison, *, short: bool = False) -> Table:
    """One row an arm, every cell ready to print.

    Parameters
    ----------
    comparison : Comparison
    short : bool
        For the width of a terminal: only the errors of the models have their intervals.
    """
    columns = [
        Column("arm", text=True),
        Column("seeds"),
        Column("labels"),
        Column("RMSE F", "meV/A"),
        Column("RMSE E", "meV/atom"),
        Column("1 − r", "1e-3"),
        Column("offset E", "meV/atom"),
        Column("cand.", "%"),
        Column("failed", "%"),
        Column("stopped", "walkers"),
        Column("width", "ratio (law)"),
        Column("dT", "K"),
        Column("cost"),
        Column("valid"),
    ]
    rows = [_row(one, short) for one in comparison.arms]
    failed = [i for i, one in enumerate(comparison.arms) if one.validated is False]
    return Table(columns, rows, warned=frozenset(failed))


def _row(one: ArmResult, short: bool) -> list[str]:
    ratio = measured(one.ratio)
    if ratio != MISSING and one.law is not None:
        ratio += f" ({measured(one.law)})"
    return [
        one.arm.label,
        str(len(set(one.seeds))),
        count_words(one).replace(" labels", "") if one.labels else MISSING,
        _error(one.force),
        _error(one.energy),
        _short_error(one.correlation, short),
        _short_error(one.offset, short),
        _percent(one.candidates, short),
        _percent(one.failed, short),
        f"{one.stopped}/{one.walkers}" if one.walkers else MISSING,
        ratio,
        _estimate(one.window_K, short),
        cost_words(one.spending),
        {None: MISSING, True: "yes", False: "no"}[one.validated],
    ]


def _error(error: Error | None) -> str:
    return MISSING if error is None else error_words(error)


def _short_error(error: Error | None, short: bool) -> str:
    if error is None or not short:
        return _error(error)
    return number(error.interval.mean)


def _estimate(one: Estimate | None, short: bool) -> str:
    if one is None or not math.isfinite(one.value):
        return MISSING
    text = number(one.value)
    return text if one.error is None or short else f"{text} ± {number(one.error, 2)}"


def _percent(one: Estimate | None, short: bool) -> str:
    if one is None:
        return MISSING
    text = f"{100 * one.value:.1f}"
    return text if one.error is None or short else f"{text} ± {100 * one.error:.1f}"


def cost_words(spent: Spending) -> str:
    """What a run takes, as "1.2 core h", "3.1 GPU h", else its wall time."""
    words = [
        f"{value:.3g} {unit}"
        for value, unit in ((spent.gpu_hours, "GPU h"), (spent.core_hours, "core h"))
        if value
    ]
    if words:
        return words[0]
    return MISSING if spent.seconds is None else duration(spent.seconds)


def baseline_table(comparison: Comparison) -> Table:
    """Each arm against its baselines."""
    columns = [
        Column("arm", text=True),
        Column("against", text=True),
        Column("RMSE of", text=True),
        Column("difference"),
        Column("labels"),
        Column("interval over", text=True),
        Column("verdict", text=True),
    ]
    rows = []
    for one in comparison.differences:
        arms = [comparison.of(key) for key in (one.arm, one.other)]
        labels = " vs ".join(count_words(arm).replace(" labels", "") for arm in arms)
        rows.append(
            [
                arms[0].arm.label,
                arms[1].arm.label,
                _QUANTITIES[one.quantity],
                f"{difference_words(one.interval)} {one.unit}",
                labels,
                one.source or MISSING,
                verdict_words(one),
            ]
        )
    return Table(columns, rows)


def epoch_table(comparison: Comparison) -> Table:
    """Errors at the epochs that are held against each other, beside each other."""
    found = {one.arm.key: {e.epochs: e for e in one.epochs} for one in comparison.arms}
    epochs = sorted({epoch for own in found.values() for epoch in own})
    columns = [Column("arm", text=True)]
    for name, unit in (("RMSE F", "meV/A"), ("RMSE E", "meV/atom")):
        columns += [Column(f"{name}, {epoch:g} epochs", unit) for epoch in epochs]
    rows = []
    for one in comparison.arms:
        own = [found[one.arm.key].get(epoch) for epoch in epochs]
        if any(own):
            cells = [_error(e.force if e else None) for e in own]
            cells += [_error(e.energy if e else None) for e in own]
            rows.append([one.arm.label, *cells])
    return Table(columns, rows)


def as_lines(table: Table) -> str:
    """A table as aligned plain text; columns that say nothing in any row are left out."""
    table = without_empty(table)
    lines = [[one.title for one in table.columns], [one.unit for one in table.columns]]
    lines += table.rows
    lines = [[plain(cell) for cell in line] for line in lines]
    if not any(lines[1]):
        del lines[1]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.columns))]
    text = []
    for line in lines:
        first, *others = zip(line, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        text.append("  ".join(cells).rstrip())
    text.insert(len(text) - len(table.rows), "-" * (sum(widths) + 2 * (len(widths) - 1)))
    return "\n".join(text)


def plain(text: str) -> str:
    """Text with letters that every terminal has."""
    for sign, letters in (
        ("√γ", "sqrt(g)"),
        ("γ", "g"),
        ("σ", "sigma"),
        ("Å", "A"),
        ("±", "+-"),
        ("−", "-"),
    ):
        text = text.replace(sign, letters)
    return text


#: Columns of ``table.csv``, each with what gives it.
_NUMBERS: dict[str, Callable[[ArmResult], dict[str, float | None]]] = {
    "RMSE_force_meV_A": lambda one: _parts(one.force),
    "RMSE_energy_meV_atom": lambda one: _parts(one.energy),
    "energy_one_minus_r_1e-3": lambda one: _parts(one.correlation),
    "energy_offset_meV_atom": lambda one: _parts(one.offset),
    "RMSE_force_high_energy_meV_A": lambda one: _parts(one.high_energy_force),
    "candidate_fraction": lambda one: _with_error(one.candidates),
    "failed_fraction": lambda one: _with_error(one.failed),
    "sigma_ratio": lambda one: _with_error(one.ratio),
    "sigma_WTE_eV": lambda one: _with_error(one.spread_eV),
    "window_K": lambda one: _with_error(one.window_K),
    "sigma_ratio_expected": lambda one: _with_error(one.law),
    "sigma_ratio_over_law": lambda one: _with_error(one.reached),
    "window_expected_K": lambda one: _with_error(one.window_expected_K),
}


def as_csv(comparison: Comparison) -> str:
    """``table.csv``: a row an arm; ``_ci95`` is half of the 95 % interval, ``_se`` one error."""
    rows = [_flat(one) for one in comparison.arms]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _flat(one: ArmResult) -> dict[str, Any]:
    row: dict[str, Any] = {
        "arm": one.arm.name,
        "label": plain(one.arm.label),
        "biasfactor": " ".join(f"{g:g}" for g in one.arm.biasfactors),
        "temperature_K": one.arm.temperature_K,
        "selection": one.arm.selection,
        "baseline": one.arm.baseline,
        "seeds": " ".join(map(str, one.seeds)),
        "labels": " ".join(map(str, one.labels)),
    }
    for name, parts in _NUMBERS.items():
        for ending, value in parts(one).items():
            row[name + ending] = value
    return row | {
        "intervals_over": one.force.source if one.force else "",
        "explored": one.explored,
        "walkers": one.walkers,
        "stopped": one.stopped,
        "wall_s": one.spending.seconds,
        "core_hours": one.spending.core_hours,
        "gpu_hours": one.spending.gpu_hours,
        "validated": one.validated,
    }


def _parts(error: Error | None) -> dict[str, float | None]:
    interval: Interval | None = error.interval if error else None
    if interval is None:
        return {"": None, "_ci95": None}
    return {"": interval.mean, "_ci95": interval.half}


def _with_error(one: Estimate | None) -> dict[str, float | None]:
    if one is None:
        return {"": None, "_se": None}
    return {"": one.value, "_se": one.error}


def as_json(comparison: Comparison) -> dict[str, Any]:
    """``table.json``: all of a comparison but the learning curves' rows, which figures have."""
    content = asdict(comparison)
    for run in content["runs"]:
        for training in run["trainings"]:
            training.pop("curves")
    return {"format": FORMAT, **_for_json(content)}


def _for_json(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(key): _for_json(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_for_json(one) for one in content]
    if isinstance(content, Path):
        return str(content)
    return None if isinstance(content, float) and not math.isfinite(content) else content


def dump(content: dict[str, Any]) -> str:
    """JSON text without numbers that JSON does not have."""
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def describe(comparison: Comparison) -> str:
    """What a terminal shows: the table, the baselines, what is to be known, the recommendation."""
    parts = [as_lines(main_table(comparison, short=True)), intervals_in_words(comparison.arms)]
    against = _against_baselines(comparison)
    if against:
        parts.append("\n".join(["against the baselines (RMSE of forces):", *against]))
    if comparison.notes:
        parts.append("\n".join(comparison.notes))
    parts.append(comparison.recommendation.text)
    return plain("\n\n".join(part for part in parts if part))


def _against_baselines(comparison: Comparison) -> list[str]:
    lines = []
    for one in comparison.differences:
        if one.quantity == "force":
            arms = [comparison.of(key) for key in (one.arm, one.other)]
            labels = " vs ".join(count_words(arm).removesuffix(" labels") for arm in arms)
            lines.append(
                f"  {arms[0].arm.label} against {arms[1].arm.label}: "
                f"{difference_words(one.interval)} {one.unit}, labels {labels}: "
                f"{verdict_words(one)}"
            )
    return lines


def intervals_in_words(arms: Sequence[ArmResult]) -> str:
    """What the intervals of the errors are over."""
    sources = {one.force.source for one in arms if one.force is not None}
    if not sources:
        return ""
    over = {
        "seeds": "± of the errors: 95 % confidence, over the runs of different seeds.",
        "models": "± of the errors: 95 % over the models of one run, not over seeds: what another "
        "exploration would have given is not in them, so no difference gets a verdict.",
    }
    if len(sources) == 2:
        return (
            "± of the errors: 95 % confidence, over seeds where an arm has several, else over the "
            "models of its one run, which gets no verdict."
        )
    return over[sources.pop()]
