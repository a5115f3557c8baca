"""Training length in epochs: how many steps see as many frames as there are."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def steps_per_epoch(
    frames: Sequence[int], atoms: Sequence[int], batch_size: int | str | Sequence[int]
) -> float:
    """Steps in which a training draws as many frames as its data have.

    DeePMD-kit draws system ``i`` with probability ``n_i / N``, hence
    ``N / sum_i (n_i / N) b_i`` steps of batch sizes ``b_i``.

    Parameters
    ----------
    frames, atoms : sequence of int, shape (n_systems,)
        Frames of each system, and atoms of each of its frames.
    batch_size : int, str or sequence of int
        DeePMD-kit's ``batch_size``, of all systems or of each; ``"auto"``, ``"auto:N"``: as many
        frames as have 32 (N) atoms.

    Returns
    -------
    float
        Above 0.
    """
    counts = np.asarray(frames, dtype=float)
    sizes = batch_size if isinstance(batch_size, list | tuple) else [batch_size] * len(counts)
    batches = np.array([_batch_size(size, n) for size, n in zip(sizes, atoms, strict=True)])
    return float(counts.sum() / np.sum(counts / counts.sum() * batches))


def _batch_size(size: int | str, n_atoms: int) -> int:
    """Frames a step; ``"auto"`` is as many as have 32 atoms, as DeePMD-kit has it."""
    if isinstance(size, int):
        return size
    rule, _, number = size.partition(":")
    wanted = int(number or 32)
    return wanted if rule == "mixed" else math.ceil(wanted / n_atoms)


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
