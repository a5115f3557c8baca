"""The ``wte`` block of an exploration, and what the init file shares with it."""

import re
from collections.abc import Sequence
from pathlib import Path

from wtemlp.config.records import (
    AUTO_HEIGHT_KT,
    BOTH,
    DROP,
    GIVEN,
    LABELLED,
    OPES,
    SHIFT,
    WTE,
    Extra,
    ForceField,
    Guard,
    WteBlock,
)
from wtemlp.config.schema.dpgen_schema import FORCE_FIELDS
from wtemlp.config.schema.section import MAX_NUMBER, Section
from wtemlp.config.templates.plumed import read_extra
from wtemlp.core.units import ENERGY_IN_EV

AUTO = "auto"
#: The same window of temperatures needs a bias factor that grows with the number of molecules; a
#: thousand waters need some hundreds, so this is enough for millions.
MAX_BIASFACTOR = 1e6
MAX_HEIGHT_KT = 1e3  #: one such hill lifts a system over anything that a simulation meets
MAX_TEMPERATURE_K = 1e5  #: there are no atoms beyond it, only ions and electrons
MIN_NVT_STEPS = 100  #: the guard's bounds are from the last 3/4 of them
MIN_NVT_STEPS_AUTO = 500  #: and so is the width of the hills

_QUANTITY = re.compile(r"\s*([+-]?[\d.]+(?:[eE][+-]?\d+)?)\s*([A-Za-z/]+)\s*")
_UNITS = {name.lower(): factor for name, factor in ENERGY_IN_EV.items()}


def read_wte(block: Section, trj_freq: int, temps_K: Sequence[float], root: Path) -> WteBlock:
    """The record of a ``wte`` block.

    Parameters
    ----------
    block : Section
        The block.
    trj_freq : int
        Steps between stored frames of its job.
    temps_K : sequence of float
        Temperatures of its job.
    root : Path
        The run's folder: a file of PLUMED lines is relative to it.
    """
    window_K = _read_window(block, temps_K)
    method = _read_method(block, window_K)
    sigma_eV = read_sigma(block)
    nvt_steps = block.steps("nvt_steps")
    if sigma_eV is None and nvt_steps < MIN_NVT_STEPS_AUTO:
        remedy = f'"sigma": "auto" needs {MIN_NVT_STEPS_AUTO} or more; or give sigma, as "0.5 eV"'
        raise block.wrong("nvt_steps", remedy)
    if nvt_steps < MIN_NVT_STEPS:
        remedy = f"must be {MIN_NVT_STEPS} or more: they measure the energy, for the guard"
        raise block.wrong("nvt_steps", remedy)
    if nvt_steps % trj_freq:
        raise block.wrong("nvt_steps", f"must be a multiple of trj_freq ({trj_freq})")
    biasfactors = (None,) if window_K else read_biasfactors(block)
    extra = read_extra(block, root)
    _check_bias(block, biasfactors, extra)
    return WteBlock(
        biasfactors=biasfactors,
        sigma_eV=sigma_eV,
        height_kT=read_height(block, "height"),
        pace=block.integer("pace"),
        nvt_steps=nvt_steps,
        walkers=block.integer("walkers"),
        checkpoint=block.integer("checkpoint", 0),
        hills=_read_hills(block, method),
        share_hills=_read_share_hills(block, method, window_K),
        extra=extra,
        method=method,
        window_K=window_K,
        start=_read_start(block),
        n_start=block.integer("n_start") if "n_start" in block else WteBlock.n_start,
        adapt_biasfactor=block["adapt_biasfactor"],
        guard=_read_guard(block.section("guard")) if "guard" in block else Guard(),
    )


def _read_window(block: Section, temps_K: Sequence[float]) -> tuple[float, float] | None:
    """The temperatures of ``"biasfactor": {"window_K": [250, 400]}``; None if it has numbers."""
    given = block["biasfactor"]
    if not isinstance(given, dict):
        return None
    ends = given.get("window_K")
    numbers = isinstance(ends, list) and len(ends) == 2 and all(map(_is_number, ends))
    if set(given) != {"window_K"} or not numbers or not 0 < ends[0] < ends[1]:
        remedy = 'must be a number, a list of numbers, or {"window_K": [low, high]} (K)'
        raise block.wrong("biasfactor", remedy)
    if ends[1] > MAX_TEMPERATURE_K:
        raise block.wrong("biasfactor", f"temperatures must be {MAX_TEMPERATURE_K:g} K or less")
    outside = [temperature for temperature in temps_K if not ends[0] <= temperature <= ends[1]]
    if outside:
        remedy = f"the window must have the run's temperature in it, and {outside[0]:g} K is not"
        raise block.wrong("biasfactor", remedy)
    return float(ends[0]), float(ends[1])


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _read_method(block: Section, window_K: tuple[float, float] | None) -> str:
    method = block["method"]
    if method not in (WTE, OPES):
        raise block.wrong("method", f'must be "{WTE}" or "{OPES}"')
    if method == OPES and window_K is None:
        remedy = f'"{OPES}" samples temperatures: must be {{"window_K": [low, high]}} (K)'
        raise block.wrong("biasfactor", remedy)
    for key in ("sigma", "height"):
        if method == OPES and block[key] != AUTO:
            raise block.wrong(key, f'"{OPES}" has no hills: remove it')
    return method


def _read_hills(block: Section, method: str) -> str:
    if block["hills"] not in (DROP, SHIFT):
        raise block.wrong("hills", f'must be "{DROP}" or "{SHIFT}"')
    if block["hills"] == SHIFT and method == OPES:
        raise block.wrong("hills", f'"{OPES}" has no hills: remove it')
    return block["hills"]


def _check_bias(block: Section, biasfactors: Sequence[float | None], extra: Extra) -> None:
    """What asks for a bias needs one."""
    if set(biasfactors) == {1.0}:
        for key, given in (("share_hills", block["share_hills"]), ("variables", extra.variables)):
            if given:
                raise block.wrong(key, "there is no bias with a bias factor of 1: remove it")


def _read_share_hills(block: Section, method: str, window_K: tuple | None) -> bool:
    if not block["share_hills"]:
        return False
    if block["walkers"] < 2:
        raise block.wrong("share_hills", "needs walkers of 2 or more")
    if method == OPES:
        raise block.wrong("share_hills", f'"{OPES}" has no hills: remove it')
    if window_K:
        remedy = "each walker of a window has a bias factor of its own: give biasfactor as a number"
        raise block.wrong("share_hills", remedy)
    if block["hills"] == SHIFT:
        raise block.wrong("share_hills", f'not supported with "hills": "{SHIFT}", use "{DROP}"')
    return True


def _read_start(block: Section) -> str:
    start = block["start"]
    if start not in (GIVEN, LABELLED, BOTH):
        raise block.wrong("start", f'must be "{GIVEN}", "{LABELLED}" or "{BOTH}"')
    if start == GIVEN and "n_start" in block:
        remedy = f'is for labelled frames: remove it, or have "start": "{LABELLED}"'
        raise block.wrong("n_start", remedy)
    return start


def read_biasfactors(section: Section, may_be_empty: bool = False) -> tuple[float, ...]:
    """The bias factors of ``biasfactor``, a number or a list of numbers."""
    given = section["biasfactor"]
    several = isinstance(given, list)
    factors = given if several else [given]
    if not factors and not may_be_empty:
        raise section.wrong("biasfactor", "must have one bias factor or more")
    for index, factor in enumerate(factors):
        place = index if several else None
        if not factor >= 1:
            raise section.wrong("biasfactor", "must be 1 or more", place)
        if factor > MAX_BIASFACTOR:
            raise section.wrong("biasfactor", f"must be {MAX_BIASFACTOR:g} or less", place)
        if factor in factors[:index]:
            raise section.wrong("biasfactor", "is given twice, remove one", place)
    return tuple(float(factor) for factor in factors)


def read_sigma(block: Section) -> float | None:
    """The width of the hills in eV; None if it is to be measured."""
    given = block["sigma"]
    if given == AUTO:
        return None
    match = _QUANTITY.fullmatch(given) if isinstance(given, str) else None
    remedy = 'must be "auto" or have a unit, as "0.5 eV", "12 kcal/mol" or "50 kJ/mol"'
    if match is None or match[2].lower() not in _UNITS:
        raise block.wrong("sigma", remedy)
    try:
        sigma_eV = float(match[1]) * _UNITS[match[2].lower()]
    except ValueError:
        raise block.wrong("sigma", remedy) from None
    if not sigma_eV > 0:
        raise block.wrong("sigma", "must be positive")
    if sigma_eV > MAX_NUMBER:
        raise block.wrong("sigma", f"must be {MAX_NUMBER:g} eV or less")
    return sigma_eV


def read_height(section: Section, key: str) -> float:
    """The first height of the hills, in kT."""
    given = section[key]
    if given == AUTO:
        return AUTO_HEIGHT_KT
    if isinstance(given, str):
        raise section.wrong(key, 'must be "auto" or a number (kT)')
    return section.number(key, "kT", MAX_HEIGHT_KT)


def read_force_field(section: Section, key: str) -> ForceField:
    """The reference force field; `key` is that of its name."""
    name = section[key]
    if name not in FORCE_FIELDS:
        known = ", ".join(f'"{field}"' for field in FORCE_FIELDS)
        raise section.wrong(key, f"unknown force field, known: {known}")
    accuracy = section.number("kspace_accuracy")
    if accuracy >= 1:
        raise section.wrong("kspace_accuracy", "must be below 1: it is relative, as 1e-5")
    return ForceField(
        name=name, cutoff_A=section.number("cutoff_A", "Angstrom"), kspace_accuracy=accuracy
    )


def _read_guard(section: Section) -> Guard:
    for key in ("devi_factor", "temp_factor"):
        if section.number(key) < 1:
            raise section.wrong(key, "must be 1 or more")
    return Guard(
        devi_factor=section.number("devi_factor"),
        devi_checks=section.integer("devi_checks"),
        temp_factor=section.number("temp_factor"),
        energy_sigmas=section.number("energy_sigmas"),
    )
