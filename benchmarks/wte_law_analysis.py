"""The numbers of ``wte_law.py``, from the energies and hills that its runs left.

Energies are in kcal/mol, times in ps.  Every standard error is the larger of two: from the
statistical inefficiency of the series (``wtemlp.analysis.energy.moments``), and from averages over
blocks of growing length (Flyvbjerg and Petersen, J. Chem. Phys. 91, 461, 1989; at least 16).
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from wte_law_figures import draw
from wte_law_files import (
    STRIDE,
    TEMPERATURE_K,
    TIMESTEP_FS,
    Series,
    folder_of,
    read_hills,
    read_series,
)

from wtemlp.analysis.energy import (
    effective_size,
    heat_capacity,
    moments,
    reweighting_weights,
    statistical_inefficiency,
)
from wtemlp.core.atomic_io import write_json
from wtemlp.core.units import KB_EV, KCAL_MOL_IN_EV

RESULT = "wte_law.json"
KT = KB_EV * TEMPERATURE_K / KCAL_MOL_IN_EV  #: kcal/mol
MIN_BLOCKS = 16
DRAWS = 200  #: of decorrelated canonical samples, the median of whose tests is reported
HILL_CUT = 6.25  #: PLUMED's Gaussians end at this exponent, and are stretched to be zero there

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of a series, with standard errors."""

    ps: float  #: length of the series
    mean: float
    mean_error: float
    sigma: float
    sigma_error: float
    inefficiency_ps: float  #: time that is worth one independent value of the mean


def error_of_mean(series: Array) -> float:
    """Standard error, the larger of the two ways."""
    errors, length = [moments(series).mean_error], 1
    while (count := len(series) // length) >= MIN_BLOCKS:
        blocks = series[: count * length].reshape(count, length).mean(axis=1)
        errors.append(float(blocks.std(ddof=1)) / np.sqrt(count))
        length *= 2
    return max(errors)


def spread(energy: Array) -> Spread:
    """Mean and standard deviation of energies, with their errors."""
    m = moments(energy)
    square_error = error_of_mean((energy - m.mean) ** 2)
    interval = STRIDE * TIMESTEP_FS / 1000
    return Spread(
        ps=len(energy) * interval,
        mean=m.mean,
        mean_error=error_of_mean(energy),
        sigma=m.std,
        sigma_error=square_error / (2 * m.std),
        inefficiency_ps=m.inefficiency * interval,
    )


def against(wte: Spread, nvt: Spread, biasfactor: float) -> dict:
    """A biased run's width and mean beside those of NVT."""
    ratio = wte.sigma / nvt.sigma
    relative = np.hypot(wte.sigma_error / wte.sigma, nvt.sigma_error / nvt.sigma)
    allowed = 2 * np.hypot(wte.mean_error, nvt.mean_error) + 0.1 * nvt.sigma
    return asdict(wte) | {
        "ratio": ratio,
        "ratio_error": ratio * relative,
        "ratio_over_sqrt_g": ratio / np.sqrt(biasfactor),
        "ratio_over_sqrt_g_error": relative * ratio / np.sqrt(biasfactor),
        "within_5_percent": bool(abs(ratio / np.sqrt(biasfactor) - 1) < 0.05),
        "mean_minus_nvt": wte.mean - nvt.mean,
        "mean_allowed": allowed,
        "mean_holds": bool(abs(wte.mean - nvt.mean) < allowed),
    }


def free_energy(hills: Array, energies: Array) -> Array:
    """F(U) that hills stand for, (n,): minus their sum, the heights being those of HILLS."""
    total = np.zeros_like(energies)
    cut = np.exp(-HILL_CUT)
    for _, centre, sigma, height in hills:
        exponent = 0.5 * ((energies - centre) / sigma) ** 2
        inside = exponent < HILL_CUT
        total[inside] -= height * (np.exp(-exponent[inside]) - cut) / (1 - cut)
    return total


def convergence(chain: Path, series: Series, nvt: Spread, biasfactor: float) -> dict:
    """How much the bias and the width still change; all of it in the run with growing bias."""
    hills = read_hills(chain)
    width = np.sqrt(biasfactor) * nvt.sigma
    energies = np.linspace(nvt.mean - 2 * width, nvt.mean + 2 * width, 401)
    half, full = (free_energy(hills[: len(hills) // n], energies) for n in (2, 1))
    change = (full - half) / KT
    boltzmann = np.exp(-(full - full.min()) / (biasfactor * KT))
    parabola = np.polyfit(energies - nvt.mean, full, 2, w=np.sqrt(boltzmann))
    late = [spread(series.part(a, a + 0.25).energy) for a in (0.5, 0.75)]
    gap = abs(late[0].sigma - late[1].sigma)
    return {
        "n_hills": len(hills),
        "last_height_over_first": float(hills[-len(hills) // 20 :, 3].mean() / hills[0, 3]),
        "bias_change_since_half_kT": float(
            np.sqrt(
                np.average((change - np.average(change, weights=boltzmann)) ** 2, weights=boltzmann)
            )
        ),
        "bias_depth_kT": float(np.ptp(full) / KT),
        # Of NVT, had it the curvature of the F(U) that the bias stands for.
        "sigma_nvt_from_bias": float(np.sqrt(KT / (2 * parabola[0]))),
        "ratio_third_quarter": late[0].sigma / nvt.sigma,
        "ratio_last_quarter": late[1].sigma / nvt.sigma,
        "quarters_agree": bool(gap < 2 * np.hypot(late[0].sigma_error, late[1].sigma_error)),
    }


def canonical_samples(static: Series, weights: Array, apart: int, seed: int) -> Array:
    """Decorrelated samples of NVT from a biased run: frames `apart`, kept as their weights say."""
    rng = np.random.default_rng(seed)
    rows = np.arange(rng.integers(apart), len(weights), apart)
    return static.energy[rows][rng.random(len(rows)) < weights[rows] / weights.max()]


def reweighted(static: Series, nvt_series: Series, nvt: Spread) -> dict:
    """NVT recovered from a run under a bias that is held still, beside a run of NVT."""
    energy = static.energy
    weights = len(energy) * reweighting_weights(static.bias * KCAL_MOL_IN_EV, TEMPERATURE_K)
    mean = float(np.average(energy, weights=weights))
    variance = float(np.average((energy - mean) ** 2, weights=weights))
    # The errors of weighted averages are those of their linear parts.
    parts = weights * (energy - mean), weights * ((energy - mean) ** 2 - variance)
    mean_error, variance_error = map(error_of_mean, parts)
    apart = int(np.ceil(max(statistical_inefficiency(part) for part in parts)))
    nvt_apart = int(np.ceil(statistical_inefficiency(nvt_series.energy)))
    tests, sizes = [], []
    for seed in range(DRAWS):
        sample = canonical_samples(static, weights, apart, seed)
        if len(sample) > 1:
            tests.append(stats.ks_2samp(sample, nvt_series.energy[seed % nvt_apart :: nvt_apart]))
            sizes.append(len(sample))
    difference = mean - nvt.mean
    error = float(np.hypot(mean_error, nvt.mean_error))
    return {
        "mean": mean,
        "mean_error": mean_error,
        "sigma": np.sqrt(variance),
        "sigma_error": variance_error / (2 * np.sqrt(variance)),
        "mean_minus_nvt": difference,
        "standard_errors": difference / error,
        "mean_holds": bool(abs(difference) < 2 * error),
        "effective_frames": effective_size(weights),
        "apart_ps": apart * STRIDE * TIMESTEP_FS / 1000,
        "ks_samples": float(np.median(sizes)) if sizes else 0.0,
        "ks_samples_nvt": len(nvt_series.energy) // nvt_apart,
        "ks_p": float(np.median([test.pvalue for test in tests])) if tests else None,
    }


def biased(out: Path, biasfactor: float, nvt_series: Series, nvt: Spread) -> dict:
    """All that is said about one bias factor."""
    chain = folder_of(out, biasfactor)
    growing = read_series(chain)
    static = read_series(folder_of(out, biasfactor, static=True))
    sigma_eV = nvt.sigma * KCAL_MOL_IN_EV
    found = {
        "biasfactor": biasfactor,
        "window_K": biasfactor**0.5 * sigma_eV / heat_capacity(sigma_eV, TEMPERATURE_K),
        "wte_ps": float(growing.time_ps[-1]),
        "second_half": against(spread(growing.part(0.5).energy), nvt, biasfactor),
        "convergence": convergence(chain, growing, nvt, biasfactor),
    }
    if len(static.energy):
        found["static"] = against(spread(static.energy), nvt, biasfactor)
        found["reweighted"] = reweighted(static, nvt_series, nvt)
    return found


def analyse(out: Path, biasfactors: list[float], images: Path | None, settings: dict) -> None:
    """Write ``wte_law.json`` and the figures, from what there is; print a table.

    Parameters
    ----------
    out : Path
        The folder of the runs, and of the JSON.
    biasfactors : list of float
    images : Path or None
        The folder of the figures; `out` if None.
    settings : dict
        What the runs were made with, for the record.
    """
    series = {1.0: read_series(folder_of(out))}
    nvt = spread(series[1.0].energy)
    there = [g for g in biasfactors if len(read_series(folder_of(out, g)).energy)]
    result = {
        "settings": settings,
        "temperature_K": TEMPERATURE_K,
        "units": "kcal/mol, ps",
        "nvt": asdict(nvt)
        | {
            "heat_capacity_eV_K": heat_capacity(nvt.sigma * KCAL_MOL_IN_EV, TEMPERATURE_K),
            "skewness": float(stats.skew(series[1.0].energy)),
        },
        "biased": [biased(out, g, series[1.0], nvt) for g in there],
    }
    write_json(out / RESULT, result)
    for g in there:
        series[g] = read_series(folder_of(out, g))
    static = {g: read_series(folder_of(out, g, static=True)) for g in there}
    draw(result, series, {g: s for g, s in static.items() if len(s.energy)}, images or out)
    report(result)


def report(result: dict) -> None:
    """Print the numbers that matter."""
    nvt = result["nvt"]
    print(f"NVT {nvt['ps']:.0f} ps: sigma {nvt['sigma']:.2f} +- {nvt['sigma_error']:.2f} kcal/mol")
    print("   g  sqrt(g)  ratio         static        mean - NVT   reweighted mean - NVT   KS p")
    for row in result["biased"]:
        wte, static = row["second_half"], row.get("static", {})
        again = row.get("reweighted", {})
        held = f"{static['ratio']:5.2f} +- {static['ratio_error']:4.2f}" if static else "-"
        line = f"{row['biasfactor']:4g} {row['biasfactor'] ** 0.5:7.2f}"
        line += f"  {wte['ratio']:5.2f} +- {wte['ratio_error']:4.2f} {held:>14}"
        line += f" {wte['mean_minus_nvt']:+8.1f}"
        if again:
            line += f" {again['mean_minus_nvt']:+10.2f} ({again['standard_errors']:+.1f} s.e.)"
            line += f" {again['ks_p']}"
        print(line)
