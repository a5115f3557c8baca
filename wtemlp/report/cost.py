"""What a run cost: wall time, core hours and GPU hours of each stage, and labels."""

from collections.abc import Iterable, Sequence

from wtemlp.core.formatting import duration, finite, number
from wtemlp.records.summary import Summary
from wtemlp.report.table import MISSING, Column, Table

STAGES = ("train", "explore", "label")


def total(summaries: Sequence[Summary], of: str) -> float | None:
    """Core or GPU hours of all iterations: ``of`` is ``"core_hours"`` or ``"gpu_hours"``.

    None where no job has noted its time, as in runs of the first versions.
    """
    known = [finite(v) for summary in summaries for v in getattr(summary, of).values()]
    hours = [value for value in known if value is not None]
    return sum(hours) if hours else None


def cost_in_words(summaries: Sequence[Summary]) -> str:
    """As ``"12.3 core hours, 4.00 GPU hours"``; "" where nothing is known."""
    cores, gpus = (total(summaries, of) for of in ("core_hours", "gpu_hours"))
    words = [] if cores is None else [f"{number(cores)} core hours"]
    return ", ".join(words + ([f"{number(gpus)} GPU hours"] if gpus else []))


def cost_table(summaries: Sequence[Summary]) -> Table:
    """A row for each iteration and one for all: the stages' hours, wall time and labels."""
    spent = [s for s in summaries if s.seconds or s.core_hours]
    gpus = bool(total(summaries, "gpu_hours"))
    columns = [Column("iter")]
    columns += [Column(stage, "core h") for stage in STAGES] + [Column("all", "core h")]
    columns += [Column("all", "GPU h")] * gpus
    columns += [Column("wall time"), Column("labels"), Column("a label", "core h")]
    rows = [_row(str(s.iteration), [s], gpus) for s in spent]
    return Table(columns, [*rows, _row("all", spent, gpus)] if rows else [])


def _row(name: str, of: Sequence[Summary], gpus: bool) -> list[str]:
    hours = [_sum(s.core_hours.get(stage) for s in of) for stage in STAGES]
    everything = _sum(hours)
    labels = sum(s.labelled or 0 for s in of)
    wall = _sum(v for s in of for v in s.seconds.values())
    each = None if everything is None or not labels else everything / labels
    return [
        name,
        *map(number, hours),
        number(everything),
        *[number(_sum(v for s in of for v in s.gpu_hours.values()))] * gpus,
        MISSING if wall is None else duration(wall),
        str(labels) if any(s.labelled is not None for s in of) else MISSING,
        number(each),
    ]


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for one in values if (value := finite(one)) is not None]
    return sum(known) if known else None
