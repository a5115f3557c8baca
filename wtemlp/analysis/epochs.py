"""Training length in epochs, counted as DeePMD-kit counts them."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def steps_per_epoch(
    sets: Sequence[Sequence[int]],
    atoms: Sequence[int],
    batch_size: int | str | Sequence[int | str],
    *,
    sys_probs: Sequence[float] | None = None,
    auto_prob: str = "prob_sys_size",
) -> int:
    """Steps of an epoch, as DeePMD-kit counts them for its ``num_epoch``.

    A batch lies within one set, so an epoch of a system is the sum of the whole batches of its
    sets, at least one of each.  With the probability :math:`p_i` that a step draws from system
    :math:`i`, all have been seen after the largest of :math:`n_i / p_i` steps.

    Parameters
    ----------
    sets : sequence of sequence of int, shape (n_systems, n_sets)
        Frames of each set of each system.
    atoms : sequence of int, shape (n_systems,)
        Atoms of a frame of each system.
    batch_size : int, str or sequence of int or str
        DeePMD-kit's ``batch_size``, of all systems or of each: frames, or ``"auto"``,
        ``"auto:N"``, ``"mixed:N"``, ``"max:N"``, ``"filter:N"``.
    sys_probs : sequence of float, optional
        DeePMD-kit's ``sys_probs``; a negative one: what is left, by the number of batches.
    auto_prob : str
        DeePMD-kit's ``auto_prob``, which counts where `sys_probs` is not given.

    Returns
    -------
    int
        Above 0.

    Raises
    ------
    ValueError
        If a batch size or probability is not understood.
    """
    sizes = [batch_size] * len(sets) if isinstance(batch_size, int | str) else list(batch_size)
    kept = [
        (one, _batch_size(size, n))
        for one, n, size in zip(sets, atoms, sizes, strict=True)
        if not _filtered(size, n)
    ]
    batches = np.array([sum(max(1, n // size) for n in one) for one, size in kept], dtype=float)
    probs: NDArray[np.float64]
    if sys_probs is not None:
        probs = _given_probabilities(np.asarray(sys_probs, dtype=float), batches)
    elif auto_prob == "prob_uniform":
        probs = np.ones(len(batches))
    elif auto_prob.startswith("prob_sys_size"):
        probs = _of_blocks(auto_prob, batches)
    else:
        raise ValueError(f"unknown auto_prob {auto_prob}")
    probs = probs / probs.sum()
    seen = probs > 0
    return math.ceil(float(np.max(batches[seen] / probs[seen])))  # rounded as DeePMD-kit rounds


def _given_probabilities(
    probs: NDArray[np.float64], batches: NDArray[np.float64]
) -> NDArray[np.float64]:
    given = probs >= 0
    rest = 1.0 - np.sum(given * probs)
    if np.isclose(rest, 0):
        return probs
    left = ~given * batches
    return rest * left / np.sum(left) + given * probs


def _of_blocks(auto_prob: str, batches: NDArray[np.float64]) -> NDArray[np.float64]:
    """``prob_sys_size; 0:2:0.7; 2:5:0.3``: within a block of systems by the number of batches."""
    blocks = [block.split(":") for block in auto_prob.split(";")[1:]]
    blocks = blocks or [["0", str(len(batches)), "1.0"]]
    weights = np.array([float(weight) for _, _, weight in blocks])
    probs = np.zeros(len(batches))
    for (first, last, _), share in zip(blocks, weights / weights.sum(), strict=True):
        block = slice(int(first), int(last))
        probs[block] = batches[block] / np.sum(batches[block]) * share
    return probs


def _batch_size(size: int | str, n_atoms: int) -> int:
    """Frames a step."""
    if isinstance(size, int):
        return size
    rule, _, number = size.partition(":")
    wanted = int(number or 32)
    if rule == "auto":
        return math.ceil(wanted / n_atoms)
    if rule in ("max", "filter"):
        return max(1, wanted // n_atoms)
    if rule == "mixed":
        return wanted
    raise ValueError(f"unknown batch_size {size}")


def _filtered(size: int | str, n_atoms: int) -> bool:
    """Whether DeePMD-kit leaves a system out."""
    rule, _, number = str(size).partition(":")
    return rule == "filter" and n_atoms > int(number)


def reaches(epochs: ArrayLike, wanted: float) -> bool:
    """Whether the training of a learning curve was as long; its last row may be before its end."""
    where = np.unique(np.asarray(epochs, dtype=float))
    if not len(where) or not np.isfinite(where[-1]):
        return False
    row = where[-1] - where[-2] if len(where) > 1 else 0.0
    ends_there = where[-1] + row >= wanted and where[-1] >= 0.9 * wanted
    return bool(where[-1] >= 0.98 * wanted or ends_there)


def value_at(epochs: ArrayLike, values: ArrayLike, wanted: float, factor: float = 1.2) -> float:
    """What a learning curve says at some epoch.

    A curve is a test on a few frames and jumps from row to row, so it is averaged (geometric
    mean) over all rows within a factor of the epoch wanted.

    Parameters
    ----------
    epochs, values : array_like, shape (n_rows,)
        The curve; values that are not above 0 are left out.
    wanted : float
        The epoch.  A curve reaches it that ends before it by less than a row and a tenth: a
        training writes no row at its last step, unless that is a multiple of ``disp_freq``.
    factor : float
        Rows from ``wanted / factor`` to ``wanted * factor`` count.

    Returns
    -------
    float
        NaN where the curve ends before, or has no row there.
    """
    where, what = np.asarray(epochs, dtype=float), np.asarray(values, dtype=float)
    if not reaches(where, wanted):
        return math.nan
    kept = (where >= wanted / factor) & (where <= wanted * factor) & np.isfinite(what) & (what > 0)
    return float(np.exp(np.mean(np.log(what[kept])))) if kept.any() else math.nan
