"""NVT from a biased run: the final bias from its hills, and the distribution of the energy.

Metadynamics: the bias at the end, summed from the hills, stands for the one that acted in the
filled part of the run, so that a frame there has the weight ``exp(V_end(U)/kT)`` (Branduardi,
Bussi and Parrinello, J. Chem. Theory Comput. 8, 2247, 2012).  That is right once the bias changes
no more but by a constant, which a well-tempered one comes to (Barducci, Bussi and Parrinello,
Phys. Rev. Lett. 100, 020603, 2008).  The multithermal bias of OPES converges early (Invernizzi,
Piaggi and Parrinello, Phys. Rev. X 10, 041034, 2020), so there the weight is ``exp(V/kT)`` with
the bias that each frame had.

How much a set of weights is worth is Kish's effective number, ``(sum w)^2 / sum w^2`` (Survey
Sampling, 1965), which takes the frames for independent.  They are not: it is divided by the
statistical inefficiency of the energies or of the weights, whichever is larger, corrected for what
the mean of a short series takes off it (:func:`wtemlp.analysis.energy.moments`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wtemlp.analysis.energy import (
    effective_size,
    energy_histogram,
    moments,
    reweighting_weights,
    shared_bins,
)

CUTOFF = 6.25  #: half of the squared distance, in widths, at which PLUMED's hills end
TRUSTED = 10.0  #: independent frames below which a reweighted distribution is not to be trusted
BINS_PER_SIGMA = 4  #: bins of the distributions in one sigma_NVT
REACH = 10.0  #: half width of what they cover, in sigma_NVT sqrt(biasfactor)
GRID_PER_WIDTH = 20  #: points of the bias in one width of a hill, where it is interpolated
FEWEST_PARTS = 4  #: of walkers, from which the error of a free energy is
CHUNK = 1_000_000  #: energies times hills at once


def hills_bias(energies: ArrayLike, hills: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
    """The bias that hills make at some energies.

    PLUMED writes heights of the free energy: the bias's times ``g / (g - 1)``.  Its Gaussians
    are stretched to be zero where they end, at a distance of ``sqrt(2 * 6.25)`` widths (manual of
    PLUMED 2.10, METAD).

    Parameters
    ----------
    energies : array_like, shape (n,)
        In the unit of the hills.
    hills : mapping of str to array_like, each of shape (n_hills,)
        Columns of a HILLS file: ``ene``, ``sigma_ene``, ``height`` and ``biasf``.

    Returns
    -------
    ndarray, shape (n,)
        In the same unit; to 1e-5 of the largest, where there are so many energies that it is
        interpolated.
    """
    at = np.atleast_1d(np.asarray(energies, dtype=float))
    centres, widths = (np.asarray(hills[name], dtype=float) for name in ("ene", "sigma_ene"))
    if not len(centres):
        return np.zeros(len(at))
    half = np.sqrt(2 * CUTOFF) * widths
    at = np.clip(at, (centres - half).min(), (centres + half).max())  # beyond them it is zero
    n_grid = np.ptp(at) / (widths.min() / GRID_PER_WIDTH) + 4
    if n_grid < len(at):
        from scipy.interpolate import CubicSpline  # SciPy takes its time

        grid = np.linspace(at.min(), at.max(), int(n_grid))
        return np.asarray(CubicSpline(grid, bias_of_hills({"ene": grid}, hills))(at))
    return bias_of_hills({"ene": at}, hills)


def bias_of_hills(
    values: Mapping[str, ArrayLike],
    hills: Mapping[str, ArrayLike],
    periods: Mapping[str, float] | None = None,
) -> NDArray[np.float64]:
    """The bias that hills make, as :func:`hills_bias`, where they are of several variables.

    Parameters
    ----------
    values : mapping of str to array_like, each of shape (n,)
        The variables, by their names in the HILLS file.
    hills : mapping of str to array_like, each of shape (n_hills,)
        Of each variable its column and ``sigma_NAME``; ``height`` and ``biasf``.
    periods : mapping of str to float, optional
        Of the variables that have one.

    Returns
    -------
    ndarray, shape (n,)
    """
    names = list(values)
    at = np.stack([np.asarray(values[name], dtype=float) for name in names], axis=-1)
    centres, widths = (
        np.stack([np.asarray(hills[before + name], dtype=float) for name in names], axis=-1)
        for before in ("", "sigma_")
    )
    period = np.array([(periods or {}).get(name, np.inf) for name in names])
    factors = np.asarray(hills["biasf"], dtype=float)
    heights = np.asarray(hills["height"], dtype=float) * (1 - 1 / factors)
    total, end = np.zeros(len(at)), np.exp(-CUTOFF)
    step = max(1, CHUNK // max(1, centres.size))
    for first in range(0, len(at), step):
        part = slice(first, first + step)
        away = np.abs(at[part, None] - centres)
        away = np.minimum(away, np.abs(period - away))
        half_square = np.square(away / widths).sum(axis=-1) / 2
        shapes = np.where(half_square < CUTOFF, (np.exp(-half_square) - end) / (1 - end), 0.0)
        total[part] = shapes @ heights
    return total


@dataclass(frozen=True)
class Distributions:
    """The energy of one walker, unbiased, biased and reweighted; arrays of shape (n_bins,)."""

    energy_eV: NDArray[np.float64]  #: middles of the bins
    p_nvt: NDArray[np.float64]  #: densities, 1/eV: histogram of the unbiased part
    p_biased: NDArray[np.float64]  #: of the biased part
    p_reweighted: NDArray[np.float64]  #: NVT from the biased part
    free_energy_kT: NDArray[np.float64]  #: -ln p_reweighted, 0 at its minimum; inf where none
    kish: float  #: Kish's effective number of frames
    inefficiency: float  #: of the biased energies and weights
    n_nvt: int  #: energies
    n_biased: int

    @property
    def independent(self) -> float:
        """Independent frames that the reweighted distribution is worth."""
        return self.kish / self.inefficiency

    @property
    def trusted(self) -> bool:
        """Whether they are :data:`TRUSTED` or more."""
        return self.independent >= TRUSTED


def distributions(
    nvt_eV: ArrayLike,
    biased_eV: ArrayLike,
    bias_eV: ArrayLike,
    temperature_K: float,
    biasfactor: float,
) -> Distributions | None:
    """Distributions of a walker's energy, in common bins.

    Parameters
    ----------
    nvt_eV : array_like, shape (n_nvt,)
        Energies of the unbiased part, without its equilibration.
    biased_eV : array_like, shape (n,)
        Energies of the biased part, once the bias has been filled, at equal intervals.
    bias_eV : array_like, shape (n,)
        The bias that reweights each: 0 for a run without bias.
    temperature_K : float
        The thermostat's.
    biasfactor : float
        Sets how wide a range of energies is covered.

    Returns
    -------
    Distributions or None
        None where there are fewer than two energies in a part, or none that differ.  Energies
        that are not finite, or outside :data:`REACH`, are left out.
    """
    nvt = np.asarray(nvt_eV, dtype=float)
    biased, bias = (np.asarray(values, dtype=float) for values in (biased_eV, bias_eV))
    nvt = nvt[np.isfinite(nvt)]
    if len(nvt) < 2 or not nvt.std() > 0:
        return None
    mean, sigma = nvt.mean(), nvt.std()
    reach = REACH * sigma * np.sqrt(max(biasfactor, 1.0))
    kept = np.isfinite(biased) & np.isfinite(bias)
    kept[kept] &= np.abs(biased[kept] - mean) <= reach
    biased, bias = biased[kept], bias[kept]
    if len(biased) < 2:
        return None
    weights = reweighting_weights(bias, temperature_K)
    edges = shared_bins([nvt - mean, biased - mean], sigma / BINS_PER_SIGMA)
    reweighted = energy_histogram(biased - mean, edges, weights)
    with np.errstate(divide="ignore"):
        free_energy = -np.log(reweighted)
    return Distributions(
        energy_eV=mean + (edges[1:] + edges[:-1]) / 2,
        p_nvt=energy_histogram(nvt - mean, edges),
        p_biased=energy_histogram(biased - mean, edges),
        p_reweighted=reweighted,
        free_energy_kT=free_energy - free_energy.min(),
        kish=effective_size(weights),
        inefficiency=max(moments(biased).inefficiency, moments(weights).inefficiency),
        n_nvt=len(nvt),
        n_biased=len(biased),
    )


@dataclass(frozen=True)
class Weighted:
    """A variable along one walker, at equal intervals; arrays of shape (n,)."""

    values: NDArray[np.float64]
    weights: NDArray[np.float64]  #: that turn its frames into unbiased ones
    period: float | None = None  #: of the variable

    @property
    def independent(self) -> float:
        """Independent frames that it is worth."""
        if len(self.values) < 2:
            return 0.0
        turned = [self.values]
        if self.period is not None:  # a step over the end of its range is none
            angle = 2 * np.pi * self.values / self.period
            turned = [np.sin(angle), np.cos(angle)]
        slowest = max(moments(one).inefficiency for one in (*turned, self.weights))
        return effective_size(self.weights) / slowest


@dataclass(frozen=True)
class Profile:
    """A free energy; arrays of shape (n_bins,)."""

    centres: NDArray[np.float64]  #: of the bins, in the variable's unit
    free_energy_kT: NDArray[np.float64]  #: 0 at its minimum; inf where nothing was seen
    error_kT: NDArray[np.float64]  #: one standard error; NaN where it is not known
    independent: float  #: frames that it is worth


def profile(walkers: Sequence[Weighted], edges: NDArray[np.float64]) -> Profile:
    """The free energy along a variable.

    Parameters
    ----------
    walkers : sequence of Weighted
        Each counts by what it is worth.
    edges : ndarray, shape (n_bins + 1,)
        Of the bins.
    """
    worth = np.array([one.independent for one in walkers])
    parts = -(-FEWEST_PARTS // max(len(walkers), 1))
    densities, counts = [], []
    for one, each in zip(walkers, worth, strict=True):
        pieces = zip(
            np.array_split(one.values, parts), np.array_split(one.weights, parts), strict=True
        )
        whole = one.weights.sum() * np.diff(edges)
        for values, weights in pieces:
            found, _ = np.histogram(values, bins=edges, weights=weights)
            densities.append(found * parts / whole)
            counts.append(each / parts)
    table, shares = np.array(densities), np.array(counts) / np.sum(counts)
    mean = shares @ table
    scatter = np.sqrt((shares**2) @ (table - mean) ** 2 * len(shares) / (len(shares) - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        free = -np.log(mean)
        error = np.where(mean > 0, scatter / mean, np.nan)
    return Profile((edges[1:] + edges[:-1]) / 2, free - free.min(), error, float(worth.sum()))
