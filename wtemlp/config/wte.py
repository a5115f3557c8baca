"""The ``wte`` block of an exploration: which of its keys go together, and what it cannot reach."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from wtemlp.analysis.planning import MAX_AUTO_KT, hills_to_fill
from wtemlp.config.keys.declare import AUTO, MAX_TEMPERATURE_K
from wtemlp.config.keys.init import InitBias
from wtemlp.config.keys.wte import Method, OldHills, StartFrom, WteBlock
from wtemlp.config.records import ExploreJob
from wtemlp.config.schema.own_keys import defaults, read
from wtemlp.config.schema.section import Section, is_number
from wtemlp.config.templates.plumed import read_extra

Biased = TypeVar("Biased", WteBlock, InitBias)
MELTING_KT = 1.0  #: an atom; the entropy of melting is about that (Richards' rule)
REACH = 3.0  #: standard deviations of the energy that a biased run goes to
HARMONIC = 1.5  #: heat capacity of the potential energy of a crystal, k an atom
HEATING = 0.1  #: of the temperature, which hills may raise it by: as much as sigma is known to
MIN_NVT_STEPS = 100  #: the guard's bounds are from the last 3/4 of them
MIN_NVT_STEPS_AUTO = 500  #: and so is the width of the hills


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
    window_K = read_window(block, temps_K)
    record = read(WteBlock, block, window_K=window_K, extra=read_extra(block, root))
    if record.pace is None:
        record = with_auto_hills(block, record)
    _check_opes(block, record)
    _check_window(block, record, temps_K)
    _check_nvt(block, record, trj_freq)
    if set(record.biasfactors) == {1.0}:
        for key, given in (
            ("share_hills", record.share_hills),
            ("variables", record.extra.variables),
        ):
            if given:
                raise block.wrong(key, "there is no bias with a bias factor of 1: remove it")
    if record.share_hills:
        _check_shared(block, record)
    if record.start == StartFrom.GIVEN and "n_start" in block:
        remedy = f'is for labelled frames: remove it, or have "start": "{StartFrom.LABELLED}"'
        raise block.wrong("n_start", remedy)
    return record


def read_window(block: Section, temps_K: Sequence[float]) -> tuple[float, float] | None:
    """The temperatures of ``"biasfactor": {"window_K": [250, 400]}``; None if it has numbers."""
    given = block["biasfactor"]
    if not isinstance(given, dict):
        return None
    ends = given.get("window_K")
    numbers = ends if isinstance(ends, list) and all(map(is_number, ends)) else []
    if set(given) != {"window_K"} or len(numbers) != 2 or not 0 < numbers[0] < numbers[1]:
        remedy = 'must be a number, a list of numbers, or {"window_K": [low, high]} (K)'
        raise block.wrong("biasfactor", remedy)
    low, high = map(float, numbers)
    if high > MAX_TEMPERATURE_K:
        raise block.wrong("biasfactor", f"temperatures must be {MAX_TEMPERATURE_K:g} K or less")
    outside = [temperature for temperature in temps_K if not low <= temperature <= high]
    if outside:
        remedy = f"the window must have the run's temperature in it, and {outside[0]:g} K is not"
        raise block.wrong("biasfactor", remedy)
    return low, high


def with_auto_hills(block: Section, record: Biased) -> Biased:
    """The record of a block in which the pace of the hills is to be chosen."""
    if record.method == Method.OPES:
        raise block.wrong("pace", f'"{Method.OPES}" has no hills: give a number of steps')
    if record.extra.variables:
        raise block.wrong("pace", f'"{AUTO}" is for a bias on the energy alone: give a number')
    return replace(record, height_kT=None) if block["height"] == AUTO else record


def _check_window(block: Section, record: WteBlock, temps_K: Sequence[float]) -> None:
    if record.window_K is None or record.method != Method.WTE:
        return
    far = [temperature for temperature in temps_K if record.window_K[0] <= 0.5 * temperature]
    if far:
        raise block.wrong(
            "biasfactor",
            f"no bias factor reaches {record.window_K[0]:g} K from {far[0]:g} K: the low end must "
            "be above half of the temperature; or explore at a lower one",
        )


def _check_opes(block: Section, record: WteBlock) -> None:
    if record.method != Method.OPES:
        return
    if record.window_K is None:
        remedy = f'"{Method.OPES}" samples temperatures: must be {{"window_K": [low, high]}} (K)'
        raise block.wrong("biasfactor", remedy)
    usual = defaults(WteBlock)
    for key in ("sigma", "height", "hills", "share_hills"):
        if block[key] != usual[key]:
            raise block.wrong(key, f'"{Method.OPES}" has no hills: remove it')


def _check_nvt(block: Section, record: WteBlock, trj_freq: int) -> None:
    if record.sigma_eV is None and record.nvt_steps < MIN_NVT_STEPS_AUTO:
        remedy = f'"sigma": "auto" needs {MIN_NVT_STEPS_AUTO} or more; or give sigma, as "0.5 eV"'
        raise block.wrong("nvt_steps", remedy)
    if record.nvt_steps < MIN_NVT_STEPS:
        remedy = f"must be {MIN_NVT_STEPS} or more: they measure the energy, for the guard"
        raise block.wrong("nvt_steps", remedy)
    if record.nvt_steps % trj_freq:
        raise block.wrong("nvt_steps", f"must be a multiple of trj_freq ({trj_freq})")


def _check_shared(block: Section, record: WteBlock) -> None:
    if record.walkers < 2:
        raise block.wrong("share_hills", "needs walkers of 2 or more")
    if record.window_K:
        remedy = "each walker of a window has a bias factor of its own: give biasfactor as a number"
        raise block.wrong("share_hills", remedy)
    if record.hills == OldHills.SHIFT:
        remedy = f'not supported with "hills": "{OldHills.SHIFT}", use "{OldHills.DROP}"'
        raise block.wrong("share_hills", remedy)


def too_few_hills(file: str, jobs: Sequence[ExploreJob]) -> list[str]:
    """A line for each bias factor whose hills do not fill its window in half of the steps."""
    found: dict[str, list[int]] = {}
    for index, job in enumerate(jobs):
        for what in _not_filled(job):
            found.setdefault(what, []).append(index)
    return [f"{file}: {_of_jobs(places)}.wte: {what}" for what, places in found.items()]


def _not_filled(job: ExploreJob) -> Iterator[str]:
    wte = job.wte
    measured = wte.method == Method.WTE and wte.extra.energy and not wte.extra.variables
    if not measured or job.template or wte.sigma_eV is not None:
        return
    walkers = wte.walkers if wte.share_hills else 1
    pace, height_kT = wte.pace or 1, wte.height_kT or MAX_AUTO_KT
    for factor in wte.known_biasfactors:
        n_hills = hills_to_fill(factor, height_kT, 1.0) / walkers
        if 2 * n_hills * pace > job.nsteps:
            auto = "" if wte.pace is None else ', or "pace": "auto"'
            yield (
                f"a bias factor of {factor:g} takes about {n_hills:.0f} hills of {height_kT:g} kT"
                f" ({n_hills * pace:.2g} steps with one every {pace}) to fill, and as many steps"
                f" again to be measured; nsteps is {job.nsteps}: give more{auto}"
            )


def hills_that_heat(
    file: str, jobs: Sequence[ExploreJob], timestep_ps: float, n_atoms: Mapping[int, int]
) -> list[str]:
    """A line for each job whose hills come faster than the thermostat takes their energy away.

    A hill of h kT raises the energy of where the system is, and its motion becomes that much
    warmer; a thermostat of relaxation time t leads ``(T' - T) n k / 2t`` away, n being the degrees
    of freedom.  So the temperature begins a factor ``1 + 2 (h / n) (t / time between hills)`` too
    high, and falls as hills become lower.  It is a matter of molecules alone, of a few atoms.

    Parameters
    ----------
    file : str
    jobs : sequence of ExploreJob
    timestep_ps : float
        Of jobs without one of their own.
    n_atoms : mapping of int to int
        Atoms of the smallest starting structure, by system.
    """
    found: dict[str, list[int]] = {}
    for index, job in enumerate(jobs):
        wte, sizes = job.wte, [n_atoms[one] for one in job.sys_idx if one in n_atoms]
        biased = max(wte.known_biasfactors, default=1.0) > 1
        if not (biased and sizes and wte.method == Method.WTE and wte.pace and wte.height_kT):
            continue
        free = max(3 * min(sizes) - 3, 1)
        steps = job.thermostat_ps / (job.timestep_ps or timestep_ps)
        slowest = 2 * wte.height_kT / free * steps / HEATING
        if wte.pace < slowest and not job.template:
            what = (
                f"hills of {wte.height_kT:g} kT every {wte.pace} steps heat {min(sizes)} atoms at"
                f" first by {HEATING * slowest / wte.pace:.0%} of the temperature, faster than the"
                f" thermostat cools: give a pace of {math.ceil(slowest)} or more, or lower hills"
            )
            found.setdefault(what, []).append(index)
    return [f"{file}: {_of_jobs(places)}.wte: {what}" for what, places in found.items()]


def _of_jobs(places: Sequence[int]) -> str:
    return f"model_devi_jobs[{', '.join(map(str, places))}]"


def melts_in_a_fixed_box(
    file: str, jobs: Sequence[ExploreJob], crystals: Mapping[int, Mapping[Path, int]]
) -> list[str]:
    """A line for each job whose bias would melt a crystal at the crystal's density.

    What can be known before there is any MD: of n harmonic atoms the potential energy has a
    standard deviation of ``sqrt(3 n / 2) kT``; the bias goes to three times ``sqrt(g)`` of these,
    and melting takes about 1 kT an atom.

    Parameters
    ----------
    file : str
    jobs : sequence of ExploreJob
    crystals : mapping of int to mapping of Path to int
        Starting structures that are crystals, by system, and their numbers of atoms.
    """
    found: dict[str, list[int]] = {}
    for index, job in enumerate(jobs):
        highest = max(job.wte.known_biasfactors, default=1.0)
        if job.press_bar or not job.wte.extra.energy or highest == 1 or job.template:
            continue
        for system in job.sys_idx:
            for name, n_atoms in crystals.get(system, {}).items():
                limit = n_atoms * (MELTING_KT / REACH) ** 2 / HARMONIC
                if highest > limit:
                    reach = REACH * (HARMONIC * highest / n_atoms) ** 0.5
                    what = (
                        f"a bias factor of {highest:g} goes to energies about {reach:.1f} kT an"
                        f" atom above the mean, where the crystal {name} may melt (that takes about"
                        f' {MELTING_KT:g}), and "{job.ensemble}" keeps the crystal\'s density:'
                        ' the melt at its own is not learnt. Have "ensemble": "npt", or a bias'
                        f" factor below {limit:.2g}"
                    )
                    found.setdefault(what, []).append(index)
    return [f"{file}: {_of_jobs(places)}: {what}" for what, places in found.items()]
