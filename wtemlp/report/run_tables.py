"""The tables of a run's page, beside that of the iterations."""

from collections.abc import Sequence

from markupsafe import Markup

from wtemlp.core.formatting import number
from wtemlp.records.data_check import Held
from wtemlp.records.inputs import Change
from wtemlp.records.summary import Summary
from wtemlp.records.walkers import WalkerSummary
from wtemlp.report.document import PageSection, table_section
from wtemlp.report.table import MISSING, Column, Table, measured
from wtemlp.report.widths import Widths

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
    Column("law"),
    Column("V", "Å³", text=True),
    Column("stopped", text=True),
)
_WHERE_ANY = ("p", "V")  #: columns that are left out where no walker has anything in them


def walker_table(summaries: Sequence[Summary]) -> Table:
    """A row for each walker of each iteration; pressure and volume only where there are some."""
    walkers = [(summary.iteration, walker) for summary in summaries for walker in summary.walkers]
    widths = Widths.of_run(summaries)
    rows = [_walker_row(iteration, walker, widths) for iteration, walker in walkers]
    stopped = frozenset(i for i, (_, walker) in enumerate(walkers) if walker.stopped)
    kept = [
        place
        for place, column in enumerate(_COLUMNS)
        if column.title not in _WHERE_ANY or any(row[place] != MISSING for row in rows)
    ]
    cells = [[row[place] for place in kept] for row in rows]
    return Table([_COLUMNS[place] for place in kept], cells, stopped)


def _walker_row(iteration: int, walker: WalkerSummary, widths: Widths) -> list[str]:
    factor, found = walker.biasfactor, widths.walker(iteration, walker)
    width = found.width if found else None
    temperature, pressure = walker.temperature_K, walker.pressure_bar
    return [
        str(iteration),
        walker.name or MISSING,
        MISSING if temperature is None else f"{temperature:g}",
        MISSING if pressure is None else f"{pressure:g}",
        MISSING if factor is None else f"{factor:g}",
        measured(found.nvt_eV) if found else number(walker.sigma_nvt_eV),
        number(walker.nvt.inefficiency if walker.nvt else walker.statistical_inefficiency, 2),
        measured(width.wte_eV if width else None),
        measured(width.ratio if width else None),
        measured(width.law if width else None),
        _volumes(walker),
        walker.stopped,
    ]


def _volumes(walker: WalkerSummary) -> str:
    """The mean without the bias, and what the biased part has reached."""
    mean, low, high = walker.volume_A3, walker.volume_low_A3, walker.volume_high_A3
    if mean is None:
        return MISSING
    return f"{mean:.5g}" + ("" if low is None or high is None else f" ({low:.5g} to {high:.5g})")


_CHANGE_COLUMNS = [
    Column("iter"),
    Column("from", text=True),
    Column("key", text=True),
    Column("before", text=True),
    Column("after", text=True),
]
_CHANGES = (
    "Keys of the parameter file that are not what they were, from the stage on that was the first "
    "to be prepared with the new value. What a file that a key names holds is not in it."
)


def changes_section(changes: Sequence[Change]) -> PageSection:
    """A row for each key that changed."""
    rows = [
        [str(one.iteration), one.stage, one.key, one.before or MISSING, one.after or MISSING]
        for one in changes
    ]
    return table_section(
        "Changes on the way", Table(_CHANGE_COLUMNS, rows), key="changes", caption=_CHANGES
    )


_CHECK_COLUMNS = [
    Column("frame", text=True),
    Column("energy", "meV/atom"),
    Column("forces", "meV/A"),
    Column("", text=True),
]
_CHECK = (
    "A frame of each initial system, labelled before the run began as the run labels, and held "
    "against its stored label: energy, stored less reference; forces, root mean square difference "
    "of the components. Both are next to nothing where the data are of this reference."
)


def data_check_section(held: Sequence[Held]) -> PageSection:
    """A row for each frame."""
    rows = [
        [
            one.system,
            number(one.energy_meV_atom),
            number(one.force_meV_A),
            "; ".join((*one.problems, *one.notes)) or ("agrees" if not one.failed else MISSING),
        ]
        for one in held
    ]
    warned = frozenset(k for k, one in enumerate(held) if one.problems)
    table = Table(_CHECK_COLUMNS, rows, warned)
    return table_section(
        "Initial data against the reference", table, key="data-check", caption=_CHECK
    )
