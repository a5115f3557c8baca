"""Drawing some of many frames: at random, evenly over their energies, or apart in time."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def energy_bin(energies_eV: ArrayLike, n_bins: int) -> NDArray[np.int_]:
    """The bin of each frame, of bins of equal width between the lowest and the highest energy.

    Parameters
    ----------
    energies_eV : array_like, shape (n,)
    n_bins : int

    Returns
    -------
    ndarray of int, shape (n,)
        0 to ``n_bins - 1``; frames whose energy is not finite have a bin of their own, ``n_bins``.
    """
    energies = np.asarray(energies_eV, dtype=float)
    bins = np.full(energies.shape, n_bins, dtype=int)
    known = np.isfinite(energies)
    if known.any():
        low, high = energies[known].min(), energies[known].max()
        share = (energies[known] - low) / (high - low) if high > low else np.zeros(known.sum())
        bins[known] = np.minimum((share * n_bins).astype(int), n_bins - 1)
    return bins


def draw(
    rng: np.random.Generator,
    number: int,
    bins: ArrayLike,
    walkers: ArrayLike,
    steps: ArrayLike,
    apart: int = 1,
) -> NDArray[np.int_]:
    """Draw frames, one from each bin in turn, none of them near another of the same walker.

    Parameters
    ----------
    rng : Generator
    number : int
        Frames to draw at most.
    bins : array_like of int, shape (n,)
        The bin of each frame; a bin that has no frame left is left out.  In each turn the bins
        come in another random order, so that the last, incomplete turn favours none.
    walkers : array_like of int, shape (n,)
        Whose frame each is.
    steps : array_like of int, shape (n,)
        Its MD step.
    apart : int
        Steps between two drawn frames of a walker at least.

    Returns
    -------
    ndarray of int, shape (n_drawn,)
        Indices in the order of drawing; fewer than `number` where no other frame can be drawn.
    """
    bins, walkers, steps = np.asarray(bins), np.asarray(walkers), np.asarray(steps)
    order = rng.permutation(len(bins))
    waiting = [list(order[bins[order] == one]) for one in np.unique(bins)]
    drawn: list[int] = []
    taken: dict[int, list[int]] = {}  # steps of the drawn frames, by walker
    while len(drawn) < number and waiting:
        for frames in [waiting[place] for place in rng.permutation(len(waiting))]:
            while frames and len(drawn) < number:
                frame = int(frames.pop())
                mine = taken.setdefault(int(walkers[frame]), [])
                if all(abs(int(steps[frame]) - other) >= apart for other in mine):
                    mine.append(int(steps[frame]))
                    drawn.append(frame)
                    break
        waiting = [frames for frames in waiting if frames]
    return np.array(drawn, dtype=int)
