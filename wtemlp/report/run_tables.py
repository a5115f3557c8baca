"""The tables of a run's page, beside that of the iterations."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from wtemlp.records.summary import Summary
from wtemlp.report.sampling import finite
from wtemlp.report.table import MISSING, Column, Table, law_factor, number, walker_ratio

_SIGMA = Markup("σ<sub>{}</sub>")
_COLUMNS = (
    Column("iter"),
    Column("task", text=True),
    Column("T", "K"),
    Column("p", "bar"),
    Column("γ"),
    Column(_SIGMA.format("NVT"), "eV"),
    Column("inefficiency", "samples"),
    Column(_SIGMA.format("WTE"), "eV"),
    Column("ratio"),
    Column("√γ"),
    Column("stopped", text=True),
)


def walker_table(summaries: Sequence[Summary]) -> Table:
    """A row for each walker of each iteration; the pressure only where there is one."""
    walkers = [(summary.iteration, walker) for summary in summaries for walker in summary.walkers]
    rows = [_walker_row(iteration, walker) for iteration, walker in walkers]
    stopped = frozenset(i for i, (_, walker) in enumerate(walkers) if walker.get("stopped"))
    kept = [
        place
        for place, column in enumerate(_COLUMNS)
        if column.title != "p" or any(row[place] != MISSING for row in rows)
    ]
    cells = [[row[place] for place in kept] for row in rows]
    return Table([_COLUMNS[place] for place in kept], cells, stopped)


def _walker_row(iteration: int, walker: dict) -> list[str]:
    factor, law = finite(walker.get("biasfactor")), law_factor(walker)
    temperature, pressure = (finite(walker.get(k)) for k in ("temperature_K", "pressure_bar"))
    return [
        str(iteration),
        str(walker.get("name", MISSING)),
        MISSING if temperature is None else f"{temperature:g}",
        MISSING if pressure is None else f"{pressure:g}",
        MISSING if factor is None else f"{factor:g}",
        number(finite(walker.get("sigma_nvt_eV"))),
        number(finite(walker.get("statistical_inefficiency")), 2),
        number(finite(walker.get("sigma_wte_eV"))),
        number(walker_ratio(walker)),
        MISSING if law is None else number(math.sqrt(law)),
        str(walker.get("stopped") or ""),
    ]
