"""Self-diffusion from the mean square displacement (Einstein), with its error and its window.

``D = lim d<r^2>/dt / 6``.  A straight line is fitted, with an intercept (that of the cage), to the
mean square displacement over a window of lags that is chosen from the data by its *slope*:

- it ends at a tenth of the trajectory at most, beyond which there are too few independent
  displacements, and at ten times its start, for longer lags only add scatter;
- it begins at the shortest lag whose window has the slope of the windows that begin up to twice
  as late, within one standard error of the difference (Lepski, Theory Probab. Appl. 35, 454,
  1991), which comes from the same parts of the trajectory.  So what is ballistic or of an atom in
  its cage is left out as far as the data can tell it.  Windows that begin later still know too
  little: in a long run of a small box some of them differ by chance.

The error comes from the scatter of the same fit over parts of the trajectory, at least twice as
long as the window, hence nearly independent, and over the three axes, each about its own mean:
few, so that Student's factor belongs to it.  Where
the slope still changes at the window's longest lags, between its last two octaves, by more than
its standard error, what may still come is part of the error (:data:`REMAINDER` times that excess).

Finite size: Yeh and Hummer, J. Phys. Chem. B 108, 15873 (2004).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wtemlp.analysis.displacement import (
    FEWEST_LAGS,
    LONGEST_LAG,
    MeanSquareDisplacement,
    followed,
    mean_square,
    msd,
    segments,
)
from wtemlp.core.units import A2_PS_IN_1E5_CM2_S, KB_J

WITHIN = 1.0  #: standard errors within which slopes are alike
REMAINDER = 1.5  #: of a change that is seen over the last octave: an exponential's rest
UNSETTLED = 0.6  #: of the slope: with more to come there is no telling
WIDEST = 10.0  #: the end of the window over its start
FURTHER = 2.0  #: the latest start that a window is compared with, over its own
FEWEST_POINTS = 4  #: of a fit
BLOCKS = (5, 20)  #: fewest and most parts for the error
EWALD_CONSTANT = 2.837297  #: of a simple cubic lattice of periodic images


@dataclass(frozen=True)
class SelfDiffusion:
    """A self-diffusion coefficient in the periodic box, or the reason why there is none."""

    d: float | None  #: 1e-5 cm2/s
    error: float | None  #: its standard error
    fit_ps: tuple[float, float] | None  #: first and last lag of the fit
    exponent: float | None  #: of ``<r^2> ~ t^exponent`` in the window; below 1 with a cage's offset
    exponent_error: float | None
    n_blocks: int  #: parts of the trajectory that the errors come from
    independent: int  #: values that the error is worth: of three axes, each about its mean
    reason: str  #: why there is none, in words; "" if there is one
    msd: MeanSquareDisplacement


def self_diffusion(
    positions: ArrayLike,
    spacing_ps: float,
    *,
    masses: ArrayLike | None,
    atoms: ArrayLike | None = None,
    fit_ps: tuple[float, float] | None = None,
) -> SelfDiffusion:
    """Self-diffusion coefficient of atoms.

    Parameters
    ----------
    positions : array_like, shape (n_frames, n_atoms, 3)
        Unwrapped positions of all atoms, Angstrom, at equal intervals.
    spacing_ps : float
        The interval.
    masses : array_like, shape (n_atoms,), or None
        Of any unit: the drift of the centre of mass is removed.  None: there is none to remove.
    atoms : array_like, optional
        The atoms to follow, indices or a mask; all if left out.
    fit_ps : tuple of float, optional
        First and last lag of the fit; chosen from the data if left out (see the module).

    Returns
    -------
    SelfDiffusion
        With ``d`` None and a ``reason`` where the trajectory is too short, nothing moves,
        or the motion is far from diffusive within a tenth of it.

    Raises
    ------
    ValueError
        For arrays that :func:`~wtemlp.analysis.displacement.msd` refuses, or a ``fit_ps`` that
        holds fewer than four lags or ends beyond a tenth of the trajectory.
    """
    whole = msd(positions, spacing_ps, masses=masses, atoms=atoms)
    paths = followed(positions, masses, atoms)
    longest = whole.parts_A2.shape[1] - 1
    if fit_ps is not None:
        first, last = _given(fit_ps, spacing_ps, longest)
    elif longest < FEWEST_LAGS:
        needed = round(FEWEST_LAGS / LONGEST_LAG) + 1
        return _none(whole, f"{whole.n_frames} frames; at least {needed} are needed")
    else:
        first, last = _window(whole)
    if not whole.msd_A2[: longest + 1].any():
        return _none(whole, "the atoms do not move")
    n_blocks = int(np.clip((whole.n_frames - 1) // (2 * last), *BLOCKS))
    window = slice(first, last + 1)
    lags = whole.lag_ps[window]
    parts = _parts(paths, n_blocks, last + 1)[:, :, window]
    slopes = np.apply_along_axis(lambda part: _slope(lags, part), 2, parts)
    # The mean of three axes, each known by its own scatter over the parts.
    known = float(np.sqrt(np.sum(slopes.var(axis=0, ddof=1)) / n_blocks)) / 6 * A2_PS_IN_1E5_CM2_S
    to_come = _to_come(whole, last) if fit_ps is None else 0.0
    slope, scatter = _slope(lags, whole.msd_A2[window]), 6 * known
    if to_come > max(UNSETTLED * abs(slope), 2 * scatter / A2_PS_IN_1E5_CM2_S):
        return _none(whole, "not diffusive within a tenth of the run: the slope still changes")
    exponents = np.array([_exponent(lags, part) for part in parts.sum(axis=1)])
    return SelfDiffusion(
        d=slope / 6 * A2_PS_IN_1E5_CM2_S,
        error=float(np.hypot(known, to_come / 6 * A2_PS_IN_1E5_CM2_S)),
        fit_ps=(float(lags[0]), float(lags[-1])),
        exponent=_exponent(lags, whole.msd_A2[window]),
        exponent_error=_standard_error(exponents),
        n_blocks=n_blocks,
        independent=3 * (n_blocks - 1) + 1,
        reason="",
        msd=whole,
    )


def _parts(paths: NDArray[np.float64], n_blocks: int, n_lags: int) -> NDArray[np.float64]:
    """Mean square displacement along each axis in parts of the run, (n_blocks, 3, n_lags)."""
    return np.array(
        [
            [mean_square(paths[part][:, :, axis : axis + 1], n_lags) for axis in range(3)]
            for part in segments(len(paths), n_blocks)
        ]
    )


def _given(fit_ps: tuple[float, float], spacing_ps: float, longest: int) -> tuple[int, int]:
    """First and last lag, in frames, of a window that was asked for."""
    first = max(1, int(np.ceil(fit_ps[0] / spacing_ps - 1e-6)))
    last = int(np.floor(fit_ps[1] / spacing_ps + 1e-6))
    if last > longest:
        raise ValueError(
            f"fit_ps = {fit_ps}: must end at a tenth of the trajectory, "
            f"{longest * spacing_ps:g} ps, at the latest"
        )
    if last - first + 1 < FEWEST_POINTS:
        raise ValueError(f"fit_ps = {fit_ps}: holds fewer than {FEWEST_POINTS} lags")
    return first, last


def _window(whole: MeanSquareDisplacement) -> tuple[int, int]:
    """First and last lag, in frames, of the window."""
    longest = whole.parts_A2.shape[1] - 1
    starts = np.unique(np.geomspace(1, longest // 2, 16).astype(int))
    windows = [
        (int(s), min(longest, max(int(WIDEST * s), int(s) + FEWEST_POINTS - 1))) for s in starts
    ]
    slopes = np.array([_slopes(whole, *window) for window in windows])
    for place, own in enumerate(slopes[:-1]):
        end = np.searchsorted(starts, FURTHER * starts[place], side="right")
        differences = own - slopes[place + 1 : max(end, place + 2)]
        if all(abs(one[0]) <= WITHIN * _standard_error(one[1:]) for one in differences):
            return windows[place]
    return windows[-1]


def _to_come(whole: MeanSquareDisplacement, last: int) -> float:
    """By how much the slope may change beyond the window's last lag, Angstrom^2/ps."""
    half, quarter = last // 2, last // 4
    change = _slopes(whole, half, last) - _slopes(whole, quarter, half)
    return REMAINDER * max(abs(float(change[0])) - WITHIN * _standard_error(change[1:]), 0.0)


def _slopes(whole: MeanSquareDisplacement, first: int, last: int) -> NDArray[np.float64]:
    """Slope in a window, of the whole trajectory and of each of its parts."""
    window = slice(first, last + 1)
    curves = [whole.msd_A2[window], *whole.parts_A2[:, window]]
    return np.array([_slope(whole.lag_ps[window], curve) for curve in curves])


def _none(whole: MeanSquareDisplacement, reason: str) -> SelfDiffusion:
    return SelfDiffusion(None, None, None, None, None, 0, 0, reason, whole)


def _slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Slope of the least-squares line."""
    centred = x - x.mean()
    return float(centred @ y / (centred @ centred))


def _exponent(lags: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    return _slope(np.log(lags), np.log(np.maximum(values, 1e-300)))


def _standard_error(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def finite_size_correction(temperature_K: float, viscosity_mPa_s: float, length_A: float) -> float:
    """What to add to a self-diffusion coefficient from a cubic periodic box, 1e-5 cm2/s.

    ``D0 = D_PBC + 2.837297 k T / (6 pi eta L)`` (Yeh and Hummer 2004), for an isotropic liquid.

    Parameters
    ----------
    temperature_K : float
        Temperature.
    viscosity_mPa_s : float
        Shear viscosity ``eta`` of the *model* liquid (which hardly depends on the size of the
        box), mPa s.
    length_A : float
        Edge ``L`` of the box, Angstrom.

    Raises
    ------
    ValueError
        If one of them is not positive.
    """
    for name, value in (
        ("temperature_K", temperature_K),
        ("viscosity_mPa_s", viscosity_mPa_s),
        ("length_A", length_A),
    ):
        if not (value > 0 and np.isfinite(value)):
            raise ValueError(f"{name} = {value}: must be above 0")
    metre2_s = EWALD_CONSTANT * KB_J * temperature_K
    metre2_s /= 6 * np.pi * (viscosity_mPa_s * 1e-3) * (length_A * 1e-10)
    return float(metre2_s * 1e9)  # 1e-5 cm2/s is 1e-9 m2/s
