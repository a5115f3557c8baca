"""The figures of ``wte_law.py``."""

from pathlib import Path

import matplotlib
import numpy as np
from wte_law_files import TEMPERATURE_K, Series

from wtemlp.analysis.energy import energy_histogram, gaussian, reweighting_weights, shared_bins
from wtemlp.core.units import KCAL_MOL_IN_EV

matplotlib.use("Agg")
from matplotlib import pyplot as plt

COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown")
SIZE = (5.2, 3.4)  #: inches
DPI = 110


def draw(
    result: dict, series: dict[float, Series], static: dict[float, Series], folder: Path
) -> None:
    """Write all figures into a folder.

    Parameters
    ----------
    result : dict
        What ``wte_law_analysis.py`` found.
    series : dict
        NVT, as bias factor 1, and the runs with growing bias.
    static : dict
        The runs under a bias that is held still.
    folder : Path
    """
    folder.mkdir(parents=True, exist_ok=True)
    _distributions(result, series, folder / "wte_law_energies.png")
    _ratios(result, folder / "wte_law_ratio.png")
    _running(result, series, folder / "wte_law_running.png")
    if static:
        _reweighted(result, series[1.0], static, folder / "wte_law_reweighted.png")


def _save(figure: plt.Figure, file: Path) -> None:
    figure.tight_layout()
    figure.savefig(file, dpi=DPI)
    plt.close(figure)


def _distributions(result: dict, series: dict[float, Series], file: Path) -> None:
    """P(U) of every run, and the Gaussians of the law."""
    mean, sigma = result["nvt"]["mean"], result["nvt"]["sigma"]
    figure, axes = plt.subplots(figsize=SIZE)
    for colour, (g, one) in zip(COLOURS, sorted(series.items()), strict=False):
        energy = (one.energy if g == 1 else one.part(0.5).energy) - mean
        edges = shared_bins([energy], sigma * g**0.5 / 4)
        axes.stairs(
            energy_histogram(energy, edges),
            edges,
            color=colour,
            label="NVT" if g == 1 else f"γ = {g:g}",
        )
        points = np.linspace(-4, 4, 200) * sigma * g**0.5
        axes.plot(points, gaussian(points, sigma * g**0.5), color=colour, lw=0.8, ls="--")
    axes.set(xlabel="U − ⟨U⟩ of NVT (kcal/mol)", ylabel="P(U) (mol/kcal)", yscale="log")
    axes.set_ylim(1e-5, 0.1)
    axes.legend(frameon=False, title="dashed: √γ σ of NVT", fontsize=8, title_fontsize=8)
    _save(figure, file)


def _ratios(result: dict, file: Path) -> None:
    """The ratio of the widths against the root of the bias factor."""
    rows = result["biased"]
    roots = np.array([row["biasfactor"] ** 0.5 for row in rows])
    figure, axes = plt.subplots(figsize=SIZE)
    line = np.array([0, 1.15 * roots.max()])
    axes.plot(line, line, color="black", lw=0.8, label="√γ")
    axes.fill_between(line, 0.95 * line, 1.05 * line, color="0.9", label="± 5 %")
    for shift, key, mark, label in (
        (0, "second_half", "o", "growing bias, second half"),
        (0.08, "static", "s", "bias held still"),
    ):
        have = [i for i, row in enumerate(rows) if key in row]
        axes.errorbar(
            roots[have] + shift,
            [rows[i][key]["ratio"] for i in have],
            yerr=[rows[i][key]["ratio_error"] for i in have],
            fmt=mark,
            ms=4,
            capsize=3,
            label=label,
        )
    axes.set(xlabel="√γ", ylabel="σ of WTE / σ of NVT")
    axes.legend(frameon=False, fontsize=8)
    _save(figure, file)


def _running(result: dict, series: dict[float, Series], file: Path) -> None:
    """The ratio over a moving window, a quarter of the run, against time."""
    sigma = result["nvt"]["sigma"]
    figure, axes = plt.subplots(figsize=SIZE)
    for colour, g in zip(COLOURS[1:], sorted(g for g in series if g > 1), strict=False):
        energy, time = series[g].energy, series[g].time_ps
        window = len(energy) // 4
        ends = np.linspace(window, len(energy), 60).astype(int)
        ratio = [energy[end - window : end].std() / sigma for end in ends]
        axes.plot(time[ends - 1], np.array(ratio) / g**0.5, color=colour, label=f"γ = {g:g}")
    axes.axhspan(0.95, 1.05, color="0.9")
    axes.axhline(1, color="black", lw=0.8)
    axes.set(xlabel="time (ps)", ylabel="σ of WTE / (√γ σ of NVT)", ylim=(0, 1.6))
    axes.legend(
        frameon=False, title="moving window of a quarter of the run", fontsize=8, title_fontsize=8
    )
    _save(figure, file)


def _reweighted(result: dict, nvt: Series, static: dict[float, Series], file: Path) -> None:
    """P(U) of NVT, and what the biased runs say that it is."""
    mean, sigma = result["nvt"]["mean"], result["nvt"]["sigma"]
    edges = np.arange(-5, 5.01, 0.5) * sigma
    figure, axes = plt.subplots(figsize=SIZE)
    axes.stairs(
        energy_histogram(nvt.energy - mean, edges), edges, color="0.85", fill=True, label="NVT"
    )
    for colour, (g, one) in zip(COLOURS[1:], sorted(static.items()), strict=False):
        weights = reweighting_weights(one.bias * KCAL_MOL_IN_EV, TEMPERATURE_K)
        density = energy_histogram(one.energy - mean, edges, weights)
        axes.plot(
            (edges[1:] + edges[:-1]) / 2,
            density,
            color=colour,
            marker=".",
            label=f"γ = {g:g}, reweighted",
        )
    axes.set(xlabel="U − ⟨U⟩ of NVT (kcal/mol)", ylabel="P(U) (mol/kcal)")
    axes.legend(frameon=False, fontsize=8)
    _save(figure, file)
