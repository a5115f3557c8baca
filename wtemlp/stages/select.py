"""Selection: a verdict and a decision for every explored frame."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wtemlp.analysis.frames import Decision, FrameTable, Phase, save_frames
from wtemlp.config.records import Params
from wtemlp.core import paths, plugins
from wtemlp.core.atomic_io import replacing
from wtemlp.core.errors import CalculationError
from wtemlp.core.fixed_width import numbered_lines
from wtemlp.core.paths import RunPaths
from wtemlp.dpgen.labelling import is_bad_box, is_too_large
from wtemlp.md.dump import DumpFrame, parse_dump
from wtemlp.md.trajectory import read_frames
from wtemlp.records.walkers import WalkerSummary
from wtemlp.stages.classification import sort_frames, task_limit
from wtemlp.stages.context import RunContext
from wtemlp.stages.protocols import ReadFrames, Selector
from wtemlp.stages.trust import criteria_of

LINES_AT_ONCE = 100_000  #: of a list
#: DP-GEN's lists of frames in 02.fp, one file a system, and the verdict that each is of.
LISTS = {
    "candidate": Decision.CANDIDATE,
    "rest_accurate": Decision.ACCURATE,
    "rest_failed": Decision.FAILED,
}


def decide(
    context: RunContext, iteration: int, table: FrameTable, selector: Selector | None = None
) -> FrameTable:
    """Judge every frame by its deviations, and select what is to be labelled.

    Frames are chosen with a seed of this iteration, `fp_task_max` for each system at most, fewer
    the more of them are accurate (``fp_accurate_threshold``), none where there are fewer than
    `fp_task_min`.  One that fails ``fp_skip_bad_box`` or ``fp_cluster_vacuum`` is not labelled.  A
    frame that is FAILED already (of a walker that had left the physical world) stays so, and is
    never chosen.

    Parameters
    ----------
    context : RunContext
    iteration : int
    table : FrameTable
        The frames as the exploration left them.
    selector : Selector, optional
        By default that of ``selection``.

    Returns
    -------
    FrameTable
        The same frames with their decisions and verdicts.
    """
    selector, criteria = selector or selector_of(context.params), criteria_of(context, iteration)
    verdict = np.array(table.decision)
    out = table.decision == Decision.FAILED
    for system in np.unique(table.system):
        judged = (table.system == system) & ~out
        verdict[judged] = sort_frames(criteria, int(system), table.where(judged))
    judged_frames = FrameTable(**{**vars(table), "decision": verdict, "verdict": verdict})
    eligible = selector.eligible(judged_frames) & ~out
    decision = verdict.copy()
    for system in np.unique(table.system):
        pool = np.flatnonzero((table.system == system) & eligible)
        most = task_limit(criteria, verdict[table.system == system])
        rng = np.random.default_rng(context.seed("select", iteration, int(system)))
        read = _reader(context.paths, iteration, table, pool)
        chosen = pool[selector.pick(judged_frames.where(pool), most, rng, read)]
        if len(chosen) >= max(criteria.task_min, 1):
            decision[chosen] = int(Decision.SELECTED)
    for row in _bad_boxes(context, iteration, table, np.flatnonzero(decision == Decision.SELECTED)):
        decision[row] = verdict[row]
    return FrameTable(**{**vars(table), "decision": decision, "verdict": verdict})


def selector_of(params: Params) -> Selector:
    """The selector of ``selection.method``."""
    found: Selector = plugins.load(plugins.SELECTORS, params.selection.method).of(params)
    return found


def _reader(run: RunPaths, iteration: int, table: FrameTable, pool: NDArray[np.int_]) -> ReadFrames:
    """Reads frames of a pool by their places in it."""

    def read(places: Sequence[int]) -> list[DumpFrame]:
        rows = pool[np.asarray(places, dtype=int)]
        texts = frame_texts(run, iteration, table, rows)
        return [parse_dump(texts[int(row)].decode())[0] for row in rows]

    return read


def _bad_boxes(
    context: RunContext, iteration: int, table: FrameTable, rows: np.ndarray
) -> list[int]:
    """Those of some frames that fail ``fp_skip_bad_box`` or ``fp_cluster_vacuum``, as DP-GEN
    judges them."""
    criteria = context.params.criteria[iteration]
    box, vacuum_A = criteria.bad_box, criteria.vacuum_A
    if box is None and vacuum_A is None:
        return []
    found = []
    with tempfile.TemporaryDirectory(prefix="wtemlp.") as folder:
        dump = Path(folder) / paths.FRAME_DUMP
        for row, text in frame_texts(context.paths, iteration, table, rows).items():
            dump.write_bytes(text)
            if (box is not None and is_bad_box(dump, box)) or (
                vacuum_A is not None and is_too_large(dump, vacuum_A)
            ):
                found.append(row)
    return found


def record(context: RunContext, iteration: int, table: FrameTable) -> None:
    """Keep the decisions: the table of all frames, and DP-GEN's lists."""
    save_frames(context.paths.explored(iteration), table)
    if not context.params.criteria[iteration].lists:
        return
    folder = context.paths.label(iteration)
    rng = np.random.default_rng(context.seed("lists", iteration))
    for system in np.unique(table.system):
        folders = _folder_names(context.paths, iteration, int(system), table)
        for name, verdict in LISTS.items():
            rows = np.flatnonzero((table.system == system) & (table.verdict == int(verdict)))
            rows = rng.permutation(rows)
            with replacing(folder / f"{name}.shuffled.{system:03d}.out") as file:
                for begin in range(0, len(rows), LINES_AT_ONCE):
                    part = rows[begin : begin + LINES_AT_ONCE]
                    file.write(numbered_lines(folders, table.task[part], table.step[part]))


def _folder_names(run: RunPaths, iteration: int, system: int, table: FrameTable) -> list[str]:
    """The exploration tasks of a system by number, relative to the run's folder."""
    most = int(table.task[table.system == system].max(initial=-1))
    tasks = (run.explore_task(iteration, system, number) for number in range(most + 1))
    return [str(task.relative_to(run.root)) for task in tasks]


def frame_folder(run: RunPaths, iteration: int, table: FrameTable, row: int) -> Path:
    """The exploration task that a frame is from, relative to the run's folder."""
    task = run.explore_task(iteration, int(table.system[row]), int(table.task[row]))
    return task.relative_to(run.root)


def frame_texts(
    run: RunPaths, iteration: int, table: FrameTable, rows: Iterable[int]
) -> dict[int, bytes]:
    """The dumps of some frames, by row.

    Raises
    ------
    CalculationError
        If one is not there.
    """
    found: dict[int, bytes] = {}
    rows = np.asarray(list(rows), dtype=int)
    for system, task in {(int(table.system[row]), int(table.task[row])) for row in rows}:
        its = rows[(table.system[rows] == system) & (table.task[rows] == task)]
        folder = run.explore_task(iteration, system, task)
        try:
            texts = read_frames(folder, [int(table.step[row]) for row in its])
        except FileNotFoundError as error:
            raise CalculationError(
                f"{error.filename} has gone; put it back, or remove the folder {folder} and give "
                "the same command again: its iteration explores anew"
            ) from error
        found |= {int(row): texts[int(table.step[row])] for row in its}
    return {int(row): found[int(row)] for row in rows}


def accurate_ratio(
    table: FrameTable,
    walkers: Sequence[WalkerSummary] = (),
    whole: Mapping[Phase, int] | None = None,
) -> float:
    """Fraction of frames on which the models agree, where they agree least.

    The parts of an exploration are judged one by one: NVT, and the biased part of each bias factor
    (or window), at each temperature of each system.  Frames that a walker would have left, had
    the guard not stopped it, count as failed; not those of one that left a grid of the user's own.

    Parameters
    ----------
    table : FrameTable
        The frames of an iteration.
    walkers : sequence of WalkerSummary
        Its rows of :attr:`wtemlp.records.summary.Summary.walkers`.
    whole : mapping of Phase to int, optional
        Frames of a part that its walker has come through, as far as the input says; at least as
        many as the longest walker has.

    Returns
    -------
    float
        0 where there are no frames.
    """
    frames: Counter[tuple[Any, ...]] = Counter()
    accurate: Counter[tuple[Any, ...]] = Counter()
    own: Counter[tuple[int, ...]] = Counter()
    asked = {_task(row): row.window_K or row.biasfactor for row in walkers}
    for system, task, kelvin, factor, phase, n_frames, n_accurate in _alike(table):
        part = _part(system, kelvin, asked.get((system, task), factor), phase)
        frames[part] += n_frames
        accurate[part] += n_accurate
        own[system, task, phase] += n_frames
    for phase in Phase:
        most = max((n for (*_, of), n in own.items() if of == phase), default=0)
        most = max(most, (whole or {}).get(phase, 0))
        for row in walkers:
            if row.stopped and not row.left_grid:
                part = _part(row.system, row.temperature_K, asked[_task(row)], phase)
                frames[part] += max(0, most - own[(*_task(row), phase)])
    return min((accurate[part] / n for part, n in frames.items() if n), default=0.0)


def _alike(
    table: FrameTable,
) -> Iterator[tuple[int, int, float | None, float | None, int, int, int]]:
    """Rows that follow each other and are of one part: system, task, temperature, bias factor
    (None where they are not known), phase; how many they are, and how many of them are accurate."""
    if not len(table):
        return
    columns = (table.system, table.task, table.temperature_K, table.biasfactor, table.phase)
    known = [np.nan_to_num(np.asarray(column, dtype=float), nan=-1.0) for column in columns]
    changes = np.any([column[1:] != column[:-1] for column in known], axis=0)
    begins = np.concatenate([[0], np.flatnonzero(changes) + 1])
    accurate = np.add.reduceat((table.verdict == Decision.ACCURATE).astype(int), begins)
    counts = np.diff(np.append(begins, len(table)))
    for begin, count, good in zip(begins, counts, accurate, strict=True):
        system, task, kelvin, factor, phase = (float(column[begin]) for column in known)
        yield (
            int(system),
            int(task),
            None if kelvin < 0 else kelvin,
            None if factor < 0 else factor,
            int(phase),
            int(count),
            int(good),
        )


def _task(row: WalkerSummary) -> tuple[int, int]:
    return int(row.system), int(row.name.split(".")[-1])


def _part(system: int, kelvin: float | None, asked: object, phase: int) -> tuple[Any, ...]:
    """What is judged by itself: NVT is the same whatever bias comes after it."""
    known = None if kelvin is None or np.isnan(kelvin) else float(kelvin)
    if phase == Phase.NVT:
        return int(system), known
    return int(system), known, tuple(asked) if isinstance(asked, list | tuple) else asked
