"""Fluctuations of the potential energy: errors of correlated series, and what WTE predicts.

Sources: statistical inefficiency, Chodera et al., J. Chem. Theory Comput. 3, 26 (2007); the
variance of a correlated sample, Anderson, The Statistical Analysis of Time Series (1971), chapter
8; the well-tempered ensemble, Bonomi and Parrinello, Phys. Rev. Lett. 104, 190601 (2010).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wtemlp.core.units import KB_EV

NVT_EQUILIBRATION = 0.25  #: first part of an NVT run, which no average counts
WTE_FILLING = 0.5  #: first part of a WTE run, in which the bias is still being filled
FEWEST = 10  #: independent values below which there is no error bar
ENOUGH = 50  #: independent values from which on two error bars of sigma hold it in 95 % of cases
LARGEST_SHARE = 0.5  #: of the fluctuation that a mean can have taken off
SURE_SHARE = 0.2  #: from which on, in series of five independent values, nobody can tell how much
ROUNDS = 6  #: in which the inefficiency and the share settle


def equilibrated(nvt: NDArray[np.float64]) -> NDArray[np.float64]:
    """The energies of an NVT run, shape (n,), without its equilibration."""
    return nvt[int(NVT_EQUILIBRATION * len(nvt)) :]


def filled(wte: NDArray[np.float64]) -> NDArray[np.float64]:
    """The energies of a WTE run, shape (n,), without the part in which the bias was filled."""
    return wte[int(WTE_FILLING * len(wte)) :]


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of a correlated series, with their standard errors."""

    n: int  #: number of (finite) values
    mean: float
    mean_error: float  #: NaN below :data:`FEWEST` independent values, as `std_error`
    std: float  #: unbiased, in spite of the correlation
    std_error: float
    inefficiency: float  #: statistical inefficiency of the series

    @property
    def independent(self) -> float:
        """Number of independent values that the series is worth."""
        return self.n / self.inefficiency


def statistical_inefficiency(series: ArrayLike, min_lag: int = 3) -> float:
    """Number of successive values that are worth one independent value.

    ``g = 1 + 2 sum_t (1 - t/N) C(t)``, with the normalised autocorrelation ``C(t)``; the sum ends
    where ``C`` first is zero or negative beyond ``min_lag``, as in pymbar.  In a short series it
    is too small: see :func:`moments`.

    Parameters
    ----------
    series : array_like, shape (n,)
        Values at equal intervals, finite.
    min_lag : int
        Lag up to which the sum never ends.

    Returns
    -------
    float
        Between 1 (uncorrelated) and ``n``; 1 for a constant series or fewer than three values.
    """
    values = np.asarray(series, dtype=float)
    if len(values) < 3:
        return 1.0
    if not np.isfinite(values).all():
        raise ValueError("statistical inefficiency of a series with values that are not finite")
    centred = values - values.mean()
    if _constant(values, float(np.mean(centred**2))):
        return 1.0
    return _inefficiency(*_autocovariance([centred]), min_lag=min_lag)


def _constant(values: NDArray[np.float64], variance: float) -> bool:
    """Whether a variance is the rounding of the values."""
    return variance <= (1e-12 * max(1.0, float(np.abs(values).max()))) ** 2


def _autocovariance(
    centred: Sequence[NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Autocovariance at each lag of several series together, and the pairs that it is from.

    Both have the longest series' shape; zero-padded FFT.
    """
    n = max(len(run) for run in centred)
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.sum([np.abs(np.fft.rfft(run, size)) ** 2 for run in centred], axis=0)
    pairs = np.sum([np.maximum(len(run) - np.arange(n), 0) for run in centred], axis=0).astype(
        float
    )
    return np.fft.irfft(spectrum, size)[:n] / pairs, pairs


def _inefficiency(
    covariance: NDArray[np.float64],
    pairs: NDArray[np.float64],
    shift: float = 0.0,
    min_lag: int = 3,
) -> float:
    """The sum over an autocovariance, ``shift`` added to it."""
    n = pairs[0]
    correlation = (covariance[1:] + shift) / (covariance[0] + shift or 1.0)
    lags = np.arange(1, len(covariance))
    ends = np.flatnonzero((correlation <= 0) & (lags > min_lag))
    last = int(ends[0]) if len(ends) else len(lags)
    total = 2 * np.sum(pairs[1 : last + 1] / n * correlation[:last])
    return float(np.clip(1 + total, 1.0, n))


def moments(series: ArrayLike, fitted: int = 1) -> Moments:
    """Mean and standard deviation of a series, with errors that know its correlation.

    Parameters
    ----------
    series : array_like, shape (n,)
        Values at equal intervals; those that are not finite are left out.
    fitted : int
        Parameters that the values have been freed of, the mean included: 2 for residuals of a line.

    Returns
    -------
    Moments
        As :func:`pooled_moments` has them; NaN where there are too few values.
    """
    values = np.asarray(series, dtype=float)
    return _moments([values[np.isfinite(values)]], False, fitted)


def pooled_moments(runs: Sequence[ArrayLike], own_means: bool = False) -> Moments:
    """Moments of several independent series of one process.

    Parameters
    ----------
    runs : sequence of array_like, each of shape (n_i,)
        Finite values at one interval.
    own_means : bool
        Whether each series has a mean of its own, as energies of different models have.

    Returns
    -------
    Moments
        A mean taken from ``n`` correlated values takes part of the fluctuation with it: of their
        mean square deviation ``s^2`` and statistical inefficiency ``g``, the variance is
        ``s^2 / (1 - g/n)``, and the autocovariance at each lag is too small by the difference.
        ``g`` is solved for with both.  The standard error of sigma comes from the scatter and
        the inefficiency of the squared deviations, so it does not assume a Gaussian, and is
        at least that of a Gaussian whose correlation decays exponentially, ``sigma/2 sqrt(g/n)``.
    """
    return _moments(runs, own_means, 1)


def _moments(runs: Sequence[ArrayLike], own_means: bool, fitted: int) -> Moments:
    kept = [values for run in runs if len(values := np.asarray(run, dtype=float))]
    n = sum(len(run) for run in kept)
    whole = np.concatenate(kept) if kept else np.empty(0)
    mean = float(whole.mean()) if n else np.nan
    if n < 2:
        return Moments(n, mean, np.nan, np.nan, np.nan, 1.0)
    centred = [run - (run.mean() if own_means else mean) for run in kept]
    means = len(kept) if own_means else fitted
    squares = [run**2 for run in centred]
    variance = float(np.concatenate(squares).mean())
    if _constant(whole, variance):
        return Moments(n, mean, 0.0, 0.0, 0.0, 1.0)
    inefficiency = corrected_inefficiency(centred, means)
    of_squares = corrected_inefficiency([run - variance for run in squares], 1)
    square_variance = float(np.concatenate(squares).var(ddof=1))
    sigma, error = sigma_with_error(n, means, variance, square_variance, inefficiency, of_squares)
    known = n / inefficiency >= FEWEST
    return Moments(
        n=n,
        mean=mean,
        mean_error=sigma * float(np.sqrt(inefficiency / n)) if known else np.nan,
        std=sigma,
        std_error=error,
        inefficiency=inefficiency,
    )


def sigma_with_error(
    n: int,
    means: int,
    variance: float,
    square_variance: float,
    inefficiency: float,
    of_squares: float,
) -> tuple[float, float]:
    """Unbiased standard deviation of correlated values, and its standard error.

    Parameters
    ----------
    n : int
        Values.
    means : int
        Means (or other parameters) that they have been freed of.
    variance, square_variance : float
        Mean of the squared deviations, and their own variance.
    inefficiency, of_squares : float
        Statistical inefficiency of the values, and of the squared deviations.

    Returns
    -------
    float, float
        As :func:`pooled_moments` has them.  The error is NaN below :data:`FEWEST` independent
        values, and where the means have taken more than :data:`SURE_SHARE` of the fluctuation.
    """
    taken = means * inefficiency / n
    sigma = float(np.sqrt(variance / (1 - min(taken, LARGEST_SHARE))))
    if n / inefficiency < FEWEST or taken > SURE_SHARE:
        return sigma, float(np.nan)
    scatter = float(np.sqrt(square_variance * of_squares / n)) / (2 * sigma)
    return sigma, max(scatter, 0.5 * sigma * float(np.sqrt(inefficiency / n)))


def corrected_inefficiency(centred: Sequence[NDArray[np.float64]], means: int) -> float:
    """Statistical inefficiency of series about their means.

    What the means took off the autocovariance is put back.
    """
    covariance, pairs = _autocovariance(centred)
    if len(covariance) < 3:
        return 1.0
    found = _inefficiency(covariance, pairs)
    for _ in range(ROUNDS):
        share = min(means * found / pairs[0], LARGEST_SHARE)
        found = _inefficiency(covariance, pairs, float(covariance[0]) * share / (1 - share))
    return found


def shared_bins(series: Sequence[ArrayLike], width: float) -> NDArray[np.float64]:
    """Edges of bins of one width that cover several series, one edge at zero.

    Parameters
    ----------
    series : sequence of array_like
        Energies, eV; values that are not finite are left out.
    width : float
        Width of a bin, eV.

    Returns
    -------
    ndarray, shape (n_bins + 1,)
        Ascending edges, multiples of ``width``.
    """
    if not width > 0:
        raise ValueError(f"bins of width {width}")
    values = np.concatenate([np.ravel(np.asarray(one, dtype=float)) for one in series])
    values = values[np.isfinite(values)]
    if not len(values):
        raise ValueError("bins for no values")
    first, last = np.floor(values.min() / width), np.floor(values.max() / width) + 1
    return np.arange(first, last + 1) * width


def energy_histogram(
    energies_eV: ArrayLike, edges_eV: ArrayLike, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Probability density of energies.

    Parameters
    ----------
    energies_eV : array_like, shape (n,)
        Energies; those that are not finite are left out.
    edges_eV : array_like, shape (n_bins + 1,)
        Edges of the bins.
    weights : array_like, shape (n,), optional
        Weights of the values, as :func:`reweighting_weights` gives them.

    Returns
    -------
    ndarray, shape (n_bins,)
        Density, 1/eV; its integral over the bins is 1, or 0 where no value falls in them.
    """
    values, edges = np.asarray(energies_eV, dtype=float), np.asarray(edges_eV, dtype=float)
    kept = np.isfinite(values)
    chosen = None if weights is None else np.asarray(weights, dtype=float)[kept]
    counts, _ = np.histogram(values[kept], bins=edges, weights=chosen)
    total = counts.sum()
    return counts / (total * np.diff(edges)) if total > 0 else np.zeros(len(edges) - 1)


def gaussian(energies_eV: ArrayLike, sigma_eV: float, mean_eV: float = 0.0) -> NDArray[np.float64]:
    """Normal density, 1/eV, at the energies (shape kept)."""
    reduced = (np.asarray(energies_eV, dtype=float) - mean_eV) / sigma_eV
    return np.asarray(np.exp(-0.5 * reduced**2) / (sigma_eV * np.sqrt(2 * np.pi)))


def _shape(sigma_nvt_eV: float, temperature_K: float) -> float:
    """Heat capacity over the Boltzmann constant, ``k = C / k_B = (sigma_NVT / k_B T)^2``."""
    return float((sigma_nvt_eV / (KB_EV * temperature_K)) ** 2)


def sigma_ratio(biasfactor: float, sigma_nvt_eV: float, temperature_K: float) -> float:
    """sigma_WTE / sigma_NVT for energies of constant heat capacity, ``sqrt(g (k - 1 + g) / k)``.

    Energies of ``k = C / k_B`` have a gamma distribution of shape ``k`` and scale ``k_B T``;
    ``P(U) ** (1 / g)`` is one of shape ``(k - 1)/g + 1`` and scale ``g k_B T``.  For ``g`` much
    below ``k`` it is ``sqrt(g)``, as of a Gaussian (Bonomi and Parrinello 2010).

    >>> round(sigma_ratio(16, 0.5, 300), 3)
    4.079
    """
    k = _shape(sigma_nvt_eV, temperature_K)
    return float(np.sqrt(biasfactor * (k - 1 + biasfactor) / k))


def sigma_wte(sigma_nvt_eV: float, biasfactor: float, temperature_K: float) -> float:
    """Standard deviation of the energy in the well-tempered ensemble, eV: :func:`sigma_ratio`."""
    return sigma_nvt_eV * sigma_ratio(biasfactor, sigma_nvt_eV, temperature_K)


def window_ends(
    sigma_nvt_eV: float, temperature_K: float, biasfactor: float
) -> tuple[float, float]:
    """Temperatures whose mean energies are one standard deviation about the mean of WTE, K.

    With constant heat capacity the mean energy at ``T'`` is ``k k_B T'``, that of WTE
    ``s k_B T`` with ``s = k - 1 + g``, and its deviation ``sqrt(g s) k_B T``:
    ``T (s -+ sqrt(g s)) / k``.  The lower end never comes below half of ``T (k - 1)/k``.

    >>> [round(end) for end in window_ends(0.5, 300, 16)]
    [249, 375]
    """
    k = _shape(sigma_nvt_eV, temperature_K)
    s = max(k - 1, 0.0) + biasfactor
    spread = float(np.sqrt(biasfactor * s))
    return temperature_K * (s - spread) / k, temperature_K * (s + spread) / k


def biasfactor_for_ends(
    sigma_nvt_eV: float, temperature_K: float, low_K: float, high_K: float
) -> float:
    """The bias factor whose window reaches both ends, the inverse of :func:`window_ends`.

    ``(c - k + 1)^2 / (2 c - k + 1)`` with ``c = k T' / T``, of the end that needs more; infinite
    where the lower one is out of reach, as no end above half of the temperature is.  Below 1
    where the unbiased run covers both.
    """
    return max(_for_end(sigma_nvt_eV, temperature_K, end_K) for end_K in (low_K, high_K))


def _for_end(sigma_nvt_eV: float, temperature_K: float, end_K: float) -> float:
    k = _shape(sigma_nvt_eV, temperature_K)
    rest, c = max(k - 1, 0.0), k * end_K / temperature_K
    if (end_K < temperature_K) != (c < rest):
        return 0.0
    return float((c - rest) ** 2 / (2 * c - rest)) if 2 * c > rest else np.inf


def walker_biasfactor(
    sigma_nvt_eV: float, temperature_K: float, window_K: tuple[float, float]
) -> float:
    """The bias factor that a walker takes for a window of temperatures.

    That of :func:`biasfactor_for_ends`, rounded up, and 2 at least; an end that is out of reach
    does not count.
    """
    each = (_for_end(sigma_nvt_eV, temperature_K, end_K) for end_K in window_K)
    return float(max(2.0, np.ceil(max(one for one in (0.0, *each) if np.isfinite(one)))))


def heat_capacity(sigma_nvt_eV: float, temperature_K: float) -> float:
    """Configurational heat capacity of the whole system, eV/K: ``sigma_NVT^2 / (k T^2)``."""
    return float(sigma_nvt_eV**2 / (KB_EV * temperature_K**2))


def reweighting_weights(bias_eV: ArrayLike, temperature_K: float) -> NDArray[np.float64]:
    """Weights that turn biased frames into the unbiased ensemble (quasi-static bias).

    Parameters
    ----------
    bias_eV : array_like, shape (n_frames,)
        Bias potential at each frame, finite.
    temperature_K : float
        The thermostat's temperature.

    Returns
    -------
    ndarray, shape (n_frames,)
        ``exp(V / kT)``, normalised to sum 1 in the logarithm, so that no bias overflows.
    """
    from scipy.special import logsumexp  # SciPy takes its time

    exponent = np.asarray(bias_eV, dtype=float) / (KB_EV * temperature_K)
    return np.asarray(np.exp(exponent - logsumexp(exponent)))


def effective_size(weights: ArrayLike) -> float:
    """Kish's effective number of frames of a set of weights, ``(sum w)^2 / sum w^2``."""
    values = np.asarray(weights, dtype=float)
    return float(values.sum() ** 2 / np.sum(values**2))
