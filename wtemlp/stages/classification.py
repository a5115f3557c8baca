"""What an iteration's criteria make of the frames of a system."""

import numpy as np
from numpy.typing import NDArray

from wtemlp.analysis.deviation import classify, classify_adaptive
from wtemlp.analysis.frames import Decision, FrameTable
from wtemlp.config.records import Criteria


def sort_frames(criteria: Criteria, system: int, table: FrameTable) -> NDArray[np.int_]:
    """The decision on each frame: accurate, candidate or failed.

    Parameters
    ----------
    criteria : Criteria
    system : int
    table : FrameTable
        The frames of the system.

    Returns
    -------
    ndarray of int, shape (n_frames,)
    """
    f_hi, v_hi = criteria.f_hi[system], criteria.v_hi[system]
    # Where no virials were computed, the forces decide alone.
    virials = np.where(np.isnan(table.max_devi_v), 0.0, table.max_devi_v)
    many = criteria.adaptive
    if many is None:
        return classify(
            table.max_devi_f,
            criteria.f_lo[system],
            f_hi,
            virials,
            criteria.v_lo[system],
            v_hi,
        )
    order = np.empty(len(table), dtype=int)  # as DP-GEN breaks ties: by task, then by step
    order[np.lexsort((table.step, table.task))] = np.arange(len(table))
    return classify_adaptive(
        table.max_devi_f,
        virials,
        f_hi,
        v_hi,
        (many.numb_f, many.numb_v),
        (many.perc_f, many.perc_v),
        order,
    )


def task_limit(criteria: Criteria, decision: NDArray[np.int_]) -> int:
    """How many frames of a system are labelled at most: fewer as the models learn.

    Parameters
    ----------
    criteria : Criteria
    decision : ndarray of int, shape (n_frames,)
        On each frame of the system.
    """
    ratio = float((decision == Decision.ACCURATE).mean()) if len(decision) else 0.0
    if ratio < criteria.accurate_soft:
        return criteria.task_max
    if ratio >= criteria.accurate:
        return 0
    span = criteria.accurate - criteria.accurate_soft
    return int(criteria.task_max * (criteria.accurate - ratio) / span)
