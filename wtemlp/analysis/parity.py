"""Models against labels: errors of energies and forces, by energy, and what the committee knows.

Energies are per atom.  A model's energies may be off by a constant, which changes no force and no
average: the errors are given with it and without it.  The spread of a committee of ``M`` models
that are draws from one distribution, the truth being another draw, has
``<(mean - truth)^2> = (1 + 1/M) s^2`` with the unbiased variance ``s^2`` over the models.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

MILLI = 1000.0
FEWEST = 10  #: frames of a bin


@dataclass(frozen=True)
class Errors:
    """How far one set of numbers is from another; standard errors from the scatter over frames."""

    n: int  #: frames
    rmse: float
    rmse_error: float
    mae: float
    mae_error: float
    largest: float  #: largest absolute difference


@dataclass(frozen=True)
class EnergyErrors:
    """Energies of a model against the reference, meV/atom."""

    as_it_is: Errors
    shifted: Errors  #: the mean offset removed
    offset_meV_atom: float  #: mean of model less reference
    offset_error_meV_atom: float


@dataclass(frozen=True)
class RelativeEnergies:
    """Energies within each composition: what forces and averages know of."""

    rmse_meV_atom: float  #: the mean offset of each composition removed
    one_minus_r: float  #: 1 - Pearson's correlation, of energies less their composition's mean
    offset_meV_atom: float  #: mean of model less reference over all frames


@dataclass(frozen=True)
class EnergyBin:
    """Errors of the frames whose reference energy is in a bin."""

    low_eV_atom: float
    high_eV_atom: float
    n_frames: int
    energy_rmse_meV_atom: float  #: as it is
    energy_rmse_shifted_meV_atom: float  #: the mean offset over *all* frames removed
    force_rmse_meV_A: float  #: of a Cartesian component


@dataclass(frozen=True)
class Calibration:
    """The spread of a committee against its error; arrays of shape (n_bins,)."""

    n: int  #: values
    rank_correlation: float  #: Spearman's, of the spread with the absolute error
    ratio: float  #: root mean square error over the root mean square spread expected of it
    spread: NDArray[np.float64]  #: root mean square spread in bins of as many values, ascending
    error: NDArray[np.float64]  #: root mean square error in the same bins
    count: NDArray[np.int_]  #: values in each


def _errors(differences: NDArray[np.float64], scale: float) -> Errors:
    """Errors of differences, (n_frames,) or (n_frames, ...)."""
    flat = differences.reshape(len(differences), -1) * scale
    squares, absolutes = (flat**2).mean(axis=1), np.abs(flat).mean(axis=1)
    n = len(flat)
    rmse = float(np.sqrt(squares.mean()))
    several = n > 1
    square_error = float(squares.std(ddof=1) / np.sqrt(n)) if several else np.nan
    return Errors(
        n=n,
        rmse=rmse,
        rmse_error=square_error / (2 * rmse) if rmse > 0 else square_error,
        mae=float(absolutes.mean()),
        mae_error=float(absolutes.std(ddof=1) / np.sqrt(n)) if several else np.nan,
        largest=float(np.abs(flat).max()),
    )


def _pair(
    reference: ArrayLike, model: ArrayLike, what: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both as arrays of one shape, with at least one frame, finite."""
    ref, mod = np.asarray(reference, dtype=float), np.asarray(model, dtype=float)
    if ref.shape != mod.shape or not ref.size:
        raise ValueError(f"{what}: {ref.shape} of the reference, {mod.shape} of the model")
    if not np.isfinite(ref).all() or not np.isfinite(mod).all():
        raise ValueError(f"{what}: values that are not finite")
    return ref, mod


def energy_errors(
    reference_eV: ArrayLike, model_eV: ArrayLike, n_atoms: int | ArrayLike
) -> EnergyErrors:
    """Errors of energies per atom.

    Parameters
    ----------
    reference_eV, model_eV : array_like, shape (n_frames,)
        Energies of the boxes, finite.
    n_atoms : int or array_like, shape (n_frames,)
        Atoms in the box.

    Returns
    -------
    EnergyErrors
        Standard errors take the frames for independent.

    Raises
    ------
    ValueError
        For different shapes, no frame, or values that are not finite.
    """
    reference, model = _pair(reference_eV, model_eV, "energies")
    differences = (model - reference) / np.asarray(n_atoms, dtype=float)
    offset, n = float(differences.mean()), len(differences)
    scatter = float(differences.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan
    return EnergyErrors(
        as_it_is=_errors(differences, MILLI),
        shifted=_errors(differences - offset, MILLI),
        offset_meV_atom=offset * MILLI,
        offset_error_meV_atom=scatter * MILLI,
    )


def relative_energies(
    reference_eV_atom: ArrayLike, model_eV_atom: ArrayLike, composition: ArrayLike
) -> RelativeEnergies:
    """Errors of energies, the mean offset of each composition removed.

    A constant in the energies of one composition changes no force and no average, and small ones
    would decide between models whose potentials are alike.

    Parameters
    ----------
    reference_eV_atom, model_eV_atom : array_like, shape (n_frames,)
        Energies per atom, finite.
    composition : array_like, shape (n_frames,)
        What each frame's composition is called.

    Returns
    -------
    RelativeEnergies
        RMSE and correlation are NaN where no composition has two frames.

    Raises
    ------
    ValueError
        For different shapes, no frame, or values that are not finite.
    """
    reference, model = _pair(reference_eV_atom, model_eV_atom, "energies")
    first, second = reference * MILLI, model * MILLI
    _, group, counts = np.unique(np.asarray(composition), return_inverse=True, return_counts=True)
    means = [np.bincount(group, each)[group] / counts[group] for each in (first, second)]
    offsets = means[1] - means[0]
    first, second = first - means[0], second - means[1]
    freedom = len(first) - len(counts)
    rmse = np.sqrt(np.sum((second - first) ** 2) / freedom) if freedom else np.nan
    norm = float(np.sqrt((first @ first) * (second @ second)))
    return RelativeEnergies(
        rmse_meV_atom=float(rmse),
        one_minus_r=1 - float(first @ second) / norm if norm > 0 else float("nan"),
        offset_meV_atom=float(offsets.mean()),
    )


def force_errors(reference_eV_A: ArrayLike, model_eV_A: ArrayLike) -> Errors:
    """Errors of the Cartesian components of forces, meV/Angstrom.

    Parameters
    ----------
    reference_eV_A, model_eV_A : array_like, shape (n_frames, n_atoms, 3)
        Forces, finite.

    Returns
    -------
    Errors
        Standard errors take frames, not atoms, for independent.
    """
    reference, model = _pair(reference_eV_A, model_eV_A, "forces")
    return _errors(model - reference, MILLI)


def energy_bins(
    energies_eV_atom: ArrayLike, n_bins: int, *, equal: str = "count", fewest: int = FEWEST
) -> NDArray[np.float64]:
    """Edges of bins of energies with enough frames in each.

    Parameters
    ----------
    energies_eV_atom : array_like, shape (n_frames,)
        Reference energies per atom, finite.
    n_bins : int
        Bins wanted; there are fewer where there are too few frames.
    equal : {"count", "width"}
        Bins with as many frames each, or as wide each; of the latter, one with too few frames is
        joined to the next towards the middle.
    fewest : int
        Frames that each must have; all frames make one bin if there are not as many.

    Returns
    -------
    ndarray, shape (n_found + 1,)
        Ascending edges; the last bin holds its upper edge.
    """
    values = np.sort(np.asarray(energies_eV_atom, dtype=float))
    if not len(values) or not np.isfinite(values).all():
        raise ValueError("bins of no energies, or of some that are not finite")
    if equal == "count":
        n_bins = max(1, min(n_bins, len(values) // max(fewest, 1)))
        return np.unique(np.quantile(values, np.linspace(0, 1, n_bins + 1)))
    if equal != "width":
        raise ValueError(f'equal = "{equal}"; must be "count" or "width"')
    edges = list(np.linspace(values[0], values[-1], n_bins + 1))
    while len(edges) > 2:
        counts = np.histogram(values, edges)[0]
        poor = np.flatnonzero(counts < fewest)
        if not len(poor):
            break
        bin_ = int(poor[0]) if poor[0] < len(counts) / 2 else int(poor[-1])
        inner = bin_ + 1 if bin_ < len(counts) / 2 else bin_
        del edges[min(max(inner, 1), len(edges) - 2)]
    return np.unique(edges)


def errors_by_energy(
    reference_eV_atom: ArrayLike,
    model_eV_atom: ArrayLike,
    reference_eV_A: ArrayLike,
    model_eV_A: ArrayLike,
    edges_eV_atom: ArrayLike,
) -> tuple[EnergyBin, ...]:
    """Errors in bins of the reference energy per atom.

    Parameters
    ----------
    reference_eV_atom, model_eV_atom : array_like, shape (n_frames,)
        Energies per atom, finite.
    reference_eV_A, model_eV_A : array_like, shape (n_frames, n_atoms, 3)
        Forces, finite.
    edges_eV_atom : array_like, shape (n_bins + 1,)
        As :func:`energy_bins` gives them; frames outside are in no bin.

    Returns
    -------
    tuple of EnergyBin
        Those that hold a frame, ascending.
    """
    reference, model = _pair(reference_eV_atom, model_eV_atom, "energies")
    differences = (model - reference) * MILLI
    forces, of_model = _pair(reference_eV_A, model_eV_A, "forces")
    squares = (((of_model - forces) * MILLI) ** 2).reshape(len(reference), -1).mean(axis=1)
    edges = np.asarray(edges_eV_atom, dtype=float)
    if len(edges) == 1:
        edges = np.repeat(edges, 2)
    place = np.searchsorted(edges, reference, side="right") - 1
    place[reference == edges[-1]] = len(edges) - 2
    bins = []
    for number in range(len(edges) - 1):
        inside = place == number
        if not inside.any():
            continue
        bins.append(
            EnergyBin(
                low_eV_atom=float(edges[number]),
                high_eV_atom=float(edges[number + 1]),
                n_frames=int(inside.sum()),
                energy_rmse_meV_atom=_rms(differences[inside]),
                energy_rmse_shifted_meV_atom=_rms(differences[inside] - differences.mean()),
                force_rmse_meV_A=float(np.sqrt(squares[inside].mean())),
            )
        )
    return tuple(bins)


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2)))


def committee_calibration(
    predictions: ArrayLike, reference: ArrayLike, n_bins: int = 10
) -> Calibration:
    """Does the spread of a committee tell its error.

    Parameters
    ----------
    predictions : array_like, shape (n_models, ...)
        Of two or more models: energies per atom, or components of forces; finite.
    reference : array_like, shape (...)
        The labels.
    n_bins : int
        Bins of as many values, by spread.

    Returns
    -------
    Calibration
        A ``ratio`` of 1 is a committee whose spread is as large as its error; above 1 it is too
        sure of itself.  In the unit of the input.

    Raises
    ------
    ValueError
        For other shapes, fewer than two models, or values that are not finite.
    """
    from scipy import stats  # SciPy takes its time

    models = np.asarray(predictions, dtype=float)
    if models.ndim < 2 or len(models) < 2:
        raise ValueError(f"predictions of shape {models.shape}: two models or more are needed")
    labels, mean = _pair(reference, models.mean(axis=0), "predictions")
    variance = models.var(axis=0, ddof=1).ravel() * (1 + 1 / len(models))
    squares = ((mean - labels) ** 2).ravel()
    order = np.argsort(variance, kind="stable")
    parts = [p for p in np.array_split(order, n_bins) if len(p)]
    expected = float(np.sqrt(variance.mean()))
    return Calibration(
        n=len(squares),
        rank_correlation=float(stats.spearmanr(variance, squares).statistic),
        ratio=float(np.sqrt(squares.mean())) / expected if expected > 0 else float("inf"),
        spread=np.array([np.sqrt(variance[p].mean()) for p in parts]),
        error=np.array([np.sqrt(squares[p].mean()) for p in parts]),
        count=np.array([len(p) for p in parts]),
    )


def thinned(n: int, most: int, seed: int) -> NDArray[np.int_]:
    """Indices of at most so many of ``n`` points, drawn at random, ascending: for a plot.

    ``seed`` comes from :func:`wtemlp.core.seeds.derive_seed`.
    """
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))
