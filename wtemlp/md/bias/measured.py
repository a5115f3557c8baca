"""What a walker's job measures: the energy without a bias, and what follows for the bias."""

import math

from wtemlp.core.units import KB_EV
from wtemlp.md import plumed_input
from wtemlp.md.walker import Walker


def grid_bins(w: Walker) -> list[str]:
    """Points of the grid: as fine as the narrower of the hill and sigma_NVT asks for."""
    bins = f"{plumed_input.grid_bins_for(1.0)}*sqrt(${{biasfactor}})"
    if w.sigma_eV is None:
        return [f"variable        grid_bins equal ceil({bins})"]
    narrower = "((v_sigma<v_sigma_nvt)*v_sigma_nvt/v_sigma+(v_sigma>=v_sigma_nvt))"
    most = plumed_input.MAX_GRID_POINTS
    return [
        f"variable        grid_bins equal ceil({bins}*{narrower})",
        f'if "${{grid_bins}} > {most}" then &',
        f"    \"print 'ERROR: sigma {w.sigma_eV:.12g} eV is too narrow for a grid: sigma_NVT is"
        " ${sigma_nvt} eV; give a wider one, or auto'\" &",
        '    "quit 1"',
    ]


def biasfactor(w: Walker) -> list[str]:
    """The bias factor, given, or that of a window of temperatures, rounded up.

    The law of the heat capacity that sigma_NVT shows
    (:func:`wtemlp.analysis.energy.walker_biasfactor`); 2 at least, for a bias there is, and
    `biasfactor_cap` at most.  OPES, which has no bias factor, has its window narrowed alike: the
    spread is nearly proportional to it, and to ``sqrt(g)``.
    """
    if w.window_K is None:
        return [f"variable        biasfactor equal {w.biasfactor:.12g}"]
    lines = [
        f"variable        capacity equal $((v_sigma_nvt/{KB_EV * w.temperature_K:.15g})^2:%.15g)",
        "variable        rest equal $((v_capacity-1)*(v_capacity>1):%.15g)",
    ]
    for name, end in zip(("cold", "hot"), w.window_K, strict=True):
        c = f"(v_capacity*{end / w.temperature_K:.15g})"
        counts = f"({c}<v_rest)" if end < w.temperature_K else f"({c}>=v_rest)"
        reached = f"(2*{c}>v_rest)"
        # Where it is out of reach the denominator is not to be zero.
        below = f"((2*{c}-v_rest)*{reached}+({reached}==0))"
        lines.append(
            f"variable        {name} equal $({counts}*{reached}*({c}-v_rest)^2/{below}:%.15g)"
        )
    lines += [
        "variable        exact equal v_cold*(v_cold>=v_hot)+v_hot*(v_hot>v_cold)",
        "variable        full equal $(ceil(v_exact)*(v_exact>1)+2*(v_exact<=1))",
    ]
    if w.biasfactor_cap is None:
        return [*lines, "variable        biasfactor equal ${full}"]
    cap = f"{w.biasfactor_cap:.12g}"
    lines.append(f"variable        biasfactor equal $(v_full*(v_full<={cap})+{cap}*(v_full>{cap}))")
    for name, end in zip(("low", "high"), w.window_K, strict=True):
        apart = f"({end:.12g}-{w.temperature_K:.12g})*sqrt(v_biasfactor/v_full)"
        lines.append(f"variable        {name}_K equal $({w.temperature_K:.12g}+{apart}:%.12g)")
    return lines


def parse_sigma(text: str) -> tuple[float, float, float]:
    """Mean and standard deviation of the NVT energy, eV, and the bias factor, from ``sigma.out``.

    NaN what is not there, or no number: a template may have a file of that name.
    """
    found = _named(text)
    mean, sigma, biasfactor = (
        _number(found.get(key, "")) for key in ("mean_eV", "sigma_eV", "biasfactor")
    )
    return mean, sigma, biasfactor


def parse_hills(text: str) -> tuple[float, float]:
    """Steps between hills and their height, kT, where the job has chosen them; else NaN."""
    found = _named(text)
    return _number(found.get("pace", "")), _number(found.get("height_kT", ""))


def parse_volume(text: str) -> float:
    """Mean volume of the unbiased part, Angstrom^3; NaN at constant volume."""
    return _number(_named(text).get("volume_A3", ""))


def _named(text: str) -> dict[str, str]:
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=False))


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan
