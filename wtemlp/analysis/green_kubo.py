"""Transport from time correlations: velocities to self-diffusion, stress to viscosity.

``D = 1/3 int <v(0) v(t)> dt`` and ``eta = V/kT int <P_ab(0) P_ab(t)> dt`` (Green, J. Chem. Phys.
22, 398, 1954; Kubo, J. Phys. Soc. Jpn. 12, 570, 1957), the latter averaged over the five
independent anisotropic components of an isotropic liquid's pressure (Daivis and Evans, J. Chem.
Phys. 100, 541, 1994).  The correlations are averaged over all time origins by tidynamics (de Buyl,
J. Open Source Softw. 3, 877, 2018).

The running integral rises to a plateau, about which it scatters the more the longer it is.  The
value is its mean over the second half of the lags that are integrated, and the error comes from
the scatter of the same over five parts of the trajectory.  Whether it *is* a plateau, the
curve tells.  Frames must be closer than the fastest decay (velocities of water: 2 fs or less).
"""

from dataclasses import dataclass

import numpy as np
import tidynamics
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import cumulative_trapezoid

from wtemlp.analysis.displacement import BLOCKS, LONGEST_LAG, followed, segments
from wtemlp.core.units import A2_PS_IN_1E5_CM2_S, KB_J

PA_PER_BAR = 1e5
FEWEST_LAGS = 4


@dataclass(frozen=True)
class VelocityAutocorrelation:
    """Velocity autocorrelation of atoms; arrays of shape (n_lags,), from lag 0."""

    lag_ps: NDArray[np.float64]
    c: NDArray[np.float64]  #: normalised: 1 at lag 0
    error: NDArray[np.float64]  #: standard error of c, from parts of the trajectory
    mean_square_A2_ps2: float  #: ``<v^2>``, by which it was divided: 3 k T / m for classical atoms
    n_atoms: int
    n_frames: int


@dataclass(frozen=True)
class RunningIntegral:
    """A transport coefficient from the plateau of a running integral."""

    value: float  #: mean of the running integral over the plateau
    error: float  #: its standard error
    plateau_ps: tuple[float, float]  #: lags that the value is the mean over
    lag_ps: NDArray[np.float64]  #: (n_lags,)
    running: NDArray[np.float64]  #: (n_lags,): the integral up to each lag, in the value's unit
    running_error: NDArray[np.float64]  #: (n_lags,)


def vacf(
    velocities: ArrayLike,
    spacing_ps: float,
    *,
    masses: ArrayLike | None,
    atoms: ArrayLike | None = None,
) -> VelocityAutocorrelation:
    """Normalised velocity autocorrelation ``<v(0) v(t)> / <v^2>``.

    Parameters
    ----------
    velocities : array_like, shape (n_frames, n_atoms, 3)
        Of all atoms, Angstrom/ps, at equal intervals.
    spacing_ps : float
        The interval.
    masses : array_like, shape (n_atoms,), or None
        Of any unit: the velocity of the centre of mass is removed.  None: there is none to remove.
    atoms : array_like, optional
        The atoms to follow, indices or a mask; all if left out.

    Returns
    -------
    VelocityAutocorrelation
        Up to a tenth of the trajectory.

    Raises
    ------
    ValueError
        For other shapes, values that are not finite or all zero, no atom, or too few frames.
    """
    vectors = followed(velocities, masses, atoms)
    whole, parts = _correlations(vectors.reshape(len(vectors), -1), spacing_ps)
    if not whole[0] > 0:
        raise ValueError("velocities that are all zero")
    return VelocityAutocorrelation(
        lag_ps=np.arange(len(whole), dtype=float) * spacing_ps,
        c=whole / whole[0],
        error=_error(parts / parts[:, :1]),
        mean_square_A2_ps2=float(whole[0] / vectors.shape[1]),
        n_atoms=vectors.shape[1],
        n_frames=len(vectors),
    )


def green_kubo_diffusion(
    velocities: ArrayLike,
    spacing_ps: float,
    *,
    masses: ArrayLike | None,
    atoms: ArrayLike | None = None,
    until_ps: float | None = None,
) -> RunningIntegral:
    """Self-diffusion coefficient from velocities, 1e-5 cm2/s: a check on the Einstein relation.

    Parameters
    ----------
    velocities, spacing_ps, masses, atoms
        As for :func:`vacf`.
    until_ps : float, optional
        Longest lag that is integrated; a tenth of the trajectory if left out, and at most.

    Returns
    -------
    RunningIntegral

    Raises
    ------
    ValueError
        As :func:`vacf`; or an `until_ps` beyond a tenth of the trajectory.
    """
    vectors = followed(velocities, masses, atoms)
    whole, parts = _correlations(vectors.reshape(len(vectors), -1), spacing_ps, until_ps)
    scale = A2_PS_IN_1E5_CM2_S / (3 * vectors.shape[1])
    return _integrated(whole * scale, parts * scale, spacing_ps)


def viscosity(
    pressure_bar: ArrayLike,
    spacing_ps: float,
    *,
    volume_A3: float,
    temperature_K: float,
    until_ps: float | None = None,
) -> RunningIntegral:
    """Shear viscosity of an isotropic liquid from the fluctuations of its pressure, mPa s.

    Parameters
    ----------
    pressure_bar : array_like, shape (n_frames, 6)
        Pressure tensor at equal intervals: xx, yy, zz, xy, xz, yz (LAMMPS's order).
    spacing_ps : float
        The interval; a few fs, for the stress of stiff bonds oscillates as fast as they do.
    volume_A3 : float
        Of the box.
    temperature_K : float
        Temperature.
    until_ps : float, optional
        Longest lag that is integrated; a tenth of the trajectory if left out, and at most.  The
        stress of water at 300 K is forgotten after some 5 ps.

    Returns
    -------
    RunningIntegral

    Raises
    ------
    ValueError
        For other shapes, values that are not finite, too few frames, or numbers that are not
        positive.
    """
    tensor = np.asarray(pressure_bar, dtype=float)
    if tensor.ndim != 2 or tensor.shape[1] != 6 or not np.isfinite(tensor).all():
        raise ValueError(f"pressures of shape {tensor.shape}; (n_frames, 6), finite, is expected")
    if not (volume_A3 > 0 and temperature_K > 0):
        raise ValueError(f"volume_A3 = {volume_A3}, temperature_K = {temperature_K}: above 0")
    xx, yy, zz = tensor[:, :3].T
    shears = np.column_stack([tensor[:, 3:], (xx - yy) / 2, (yy - zz) / 2])
    whole, parts = _correlations(shears, spacing_ps, until_ps)
    pascal_s = PA_PER_BAR**2 * volume_A3 * 1e-30 * 1e-12 / (KB_J * temperature_K)
    scale = pascal_s * 1e3 / shears.shape[1]
    return _integrated(whole * scale, parts * scale, spacing_ps)


def _correlations(
    series: NDArray[np.float64], spacing_ps: float, until_ps: float | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Autocorrelation summed over columns, (n_lags,), and the same in parts, (n_parts, n_lags)."""
    if not spacing_ps > 0:
        raise ValueError(f"spacing_ps = {spacing_ps}: must be above 0")
    n_frames = len(series)
    longest = int(LONGEST_LAG * (n_frames - 1) + 1e-9)
    if longest < FEWEST_LAGS:
        needed = round(FEWEST_LAGS / LONGEST_LAG) + 1
        raise ValueError(f"{n_frames} frames; at least {needed} are needed")
    if until_ps is not None:
        wanted = int(np.floor(until_ps / spacing_ps + 1e-6))
        if not FEWEST_LAGS <= wanted <= longest:
            raise ValueError(
                f"until_ps = {until_ps:g}: must be from {FEWEST_LAGS * spacing_ps:g} ps to a tenth "
                f"of the trajectory, {longest * spacing_ps:g} ps"
            )
        longest = wanted
    parts = [tidynamics.acf(series[p])[: longest + 1] for p in segments(n_frames, BLOCKS)]
    return tidynamics.acf(series)[: longest + 1], np.array(parts)


def _integrated(
    whole: NDArray[np.float64], parts: NDArray[np.float64], spacing_ps: float
) -> RunningIntegral:
    running, of_parts = (
        cumulative_trapezoid(c, dx=spacing_ps, initial=0, axis=-1) for c in (whole, parts)
    )
    lags = np.arange(len(running), dtype=float) * spacing_ps
    plateau = slice(len(running) // 2, None)
    return RunningIntegral(
        value=float(running[plateau].mean()),
        error=float(_error(of_parts[:, plateau].mean(axis=1))),
        plateau_ps=(float(lags[plateau][0]), float(lags[-1])),
        lag_ps=lags,
        running=running,
        running_error=_error(of_parts),
    )


def _error(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard error of the mean over parts (the first axis)."""
    return np.asarray(parts.std(axis=0, ddof=1) / np.sqrt(len(parts)))
