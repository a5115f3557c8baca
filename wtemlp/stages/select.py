"""Selection: a verdict and a decision for every explored frame."""

from pathlib import Path

import numpy as np

from wtemlp import paths
from wtemlp.analysis.deviation import classify
from wtemlp.analysis.frames import Decision, FrameTable, save_frames
from wtemlp.analysis.picking import draw, energy_bin
from wtemlp.config.records import RANDOM, Params
from wtemlp.dpgen_labels import is_bad_box
from wtemlp.paths import RunPaths
from wtemlp.stages.context import RunContext

#: DP-GEN's lists of frames in 02.fp, one file a system, and the verdict that each is of.
LISTS = {
    "candidate": Decision.CANDIDATE,
    "rest_accurate": Decision.ACCURATE,
    "rest_failed": Decision.FAILED,
}


def decide(context: RunContext, iteration: int, table: FrameTable) -> FrameTable:
    """Judge every frame by its force deviation, and select what is to be labelled.

    Frames are drawn with a seed of this iteration, `fp_task_max` for each system at most, none
    where there are fewer than `fp_task_min`.  By ``selection`` they are drawn from the candidates,
    or from all frames of which a deviation is known, whatever it is.  One that fails
    ``fp_skip_bad_box`` is not labelled.  A frame that is FAILED already (of a walker that had left
    the physical world) stays so, and is never drawn.

    Parameters
    ----------
    table : FrameTable
        The frames as the exploration left them.

    Returns
    -------
    FrameTable
        The same frames with their decisions and verdicts.
    """
    params = context.params
    verdict = np.array(table.decision)
    out = table.decision == Decision.FAILED
    for system in np.unique(table.system):
        rows = table.system == system
        verdict[rows] = classify(
            table.max_devi_f[rows], params.f_trust_lo[system], params.f_trust_hi[system]
        )
    verdict[out] = int(Decision.FAILED)
    if params.selection.method == RANDOM:
        eligible = ~out & np.isfinite(table.max_devi_f)
    else:
        eligible = verdict == Decision.CANDIDATE
    decision = verdict.copy()
    for system in np.unique(table.system):
        pool = np.flatnonzero((table.system == system) & eligible)
        rng = np.random.default_rng(context.seed("select", iteration, int(system)))
        chosen = _draw(params, table, pool, rng)
        if len(chosen) >= max(params.fp_task_min, 1):
            decision[chosen] = int(Decision.SELECTED)
    for row in _bad_boxes(context, iteration, table, np.flatnonzero(decision == Decision.SELECTED)):
        decision[row] = verdict[row]
    return FrameTable(**{**vars(table), "decision": decision, "verdict": verdict})


def _draw(
    params: Params, table: FrameTable, pool: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The rows of one system that are to be labelled, of those that can be."""
    how = params.selection
    if how.energy_bins is None and how.min_steps_apart == 1:
        return rng.choice(pool, min(params.fp_task_max, len(pool)), replace=False)
    bins = energy_bin(table.energy_eV[pool], how.energy_bins or 1)
    if how.energy_bins is None:
        bins[:] = 0
    chosen = draw(
        rng, params.fp_task_max, bins, table.task[pool], table.step[pool], how.min_steps_apart
    )
    return pool[chosen]


def _bad_boxes(
    context: RunContext, iteration: int, table: FrameTable, rows: np.ndarray
) -> list[int]:
    """Those of some frames that fail ``fp_skip_bad_box``, as DP-GEN judges them."""
    criteria = context.params.jdata.get("fp_skip_bad_box")
    if criteria is None:
        return []
    dumps = {row: frame_dump(context.paths, iteration, table, row) for row in rows}
    return [row for row, dump in dumps.items() if is_bad_box(dump, criteria)]


def record(context: RunContext, iteration: int, table: FrameTable) -> None:
    """Keep the decisions: the table of all frames, and DP-GEN's lists."""
    save_frames(context.paths.explored(iteration), table)
    folder = context.paths.label(iteration)
    rng = np.random.default_rng(context.seed("lists", iteration))
    for system in np.unique(table.system):
        for name, verdict in LISTS.items():
            rows = np.flatnonzero((table.system == system) & (table.verdict == int(verdict)))
            lines = [
                f"{frame_folder(context.paths, iteration, table, row)} {table.step[row]}\n"
                for row in rng.permutation(rows)
            ]
            (folder / f"{name}.shuffled.{system:03d}.out").write_text("".join(lines))


def frame_folder(run: RunPaths, iteration: int, table: FrameTable, row: int) -> Path:
    """The exploration task that a frame is from, relative to the run's folder."""
    task = run.explore_task(iteration, int(table.system[row]), int(table.task[row]))
    return task.relative_to(run.root)


def frame_dump(run: RunPaths, iteration: int, table: FrameTable, row: int) -> Path:
    """The file that holds a frame, in the exploration task that it is from."""
    folder = run.root / frame_folder(run, iteration, table, row)
    return folder / paths.TRAJ / f"{int(table.step[row])}.lammpstrj"


def accurate_ratio(table: FrameTable) -> float:
    """Fraction of the explored frames on which the models agree; 0 where there are none."""
    return table.judged(Decision.ACCURATE) / len(table) if len(table) else 0.0
