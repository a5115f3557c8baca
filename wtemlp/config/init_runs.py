"""The runs of an init file, one by one: which there are, and where each starts from."""

from collections.abc import Iterator
from dataclasses import dataclass

from wtemlp.config.keys.init import InitRun, InitSystem, MdHeld
from wtemlp.config.keys.wte import Method

MINIMIZED = "minimized"  #: name of the run that only minimises


@dataclass(frozen=True)
class PlannedRun:
    """A run of an init file: one temperature, one cell, one bias."""

    name: str  #: in its system
    entry: int  #: of ``runs``; -1: the minimisation
    of: InitRun | None  #: the entry; None: the minimisation
    temperature_K: float = 0.0
    length: float = 1.0
    biasfactor: float | None = 1.0  #: 1: no bias; None: OPES
    start: "PlannedRun | None" = None  #: whose end it starts from; None: the structure

    @property
    def biased(self) -> bool:
        """Whether there is a bias."""
        return self.biasfactor != 1

    @property
    def level(self) -> int:
        """How many runs go before it."""
        return 0 if self.start is None else self.start.level + 1


def planned_runs(system: InitSystem) -> list[PlannedRun]:
    """All runs of a system, each after those that it starts from.

    Raises
    ------
    ValueError
        If a biased run has nothing to measure its bias in; ``args`` are the entry and what to do.
    """
    found = [PlannedRun(MINIMIZED, -1, None)] if system.minimize else []
    for number, entry in enumerate(system.runs):
        before = list(found)
        found += [_started(run, before) for run in _of_entry(number, entry)]
    return found


def _of_entry(number: int, entry: InitRun) -> Iterator[PlannedRun]:
    factors: tuple[float | None, ...] = (1.0,) if entry.bias is None else entry.bias.biasfactors
    opes = entry.bias is not None and entry.bias.method == Method.OPES
    for temperature in entry.temperatures_K:
        for length in entry.lengths:
            for factor in (None,) if opes else factors:
                words = [f"{number:02d}", str(entry.ensemble), f"{temperature:g}K"]
                words += [f"l{length:g}"] * (length != 1)
                words += ["opes"] if factor is None else [f"g{factor:g}"] * (factor != 1)
                yield PlannedRun(".".join(words), number, entry, temperature, length, factor)


def _started(run: PlannedRun, before: list[PlannedRun]) -> PlannedRun:
    """A run with its start: the last unbiased one before it, of its own kind where there is one."""
    plain = [one for one in before if not one.biased]
    alike = [one for one in plain if _alike(one, run)]
    if run.biased and not alike:
        assert run.of is not None
        lengths = f" and lengths {run.length:g}" if run.length != 1 else ""
        raise ValueError(
            run.entry,
            f"put an unbiased {run.of.ensemble} run at {run.temperature_K:g} K{lengths} before it: "
            "the width of the hills is measured there",
        )
    same = [one for one in plain if one.temperature_K == run.temperature_K]
    for choice in (alike if run.biased else [], same, plain):
        if choice:
            start = next((one for one in reversed(choice) if one.length == 1), choice[-1])
            break
    else:
        start = None
    length = 1.0 if run.biased else run.length
    return PlannedRun(run.name, run.entry, run.of, run.temperature_K, length, run.biasfactor, start)


def _alike(one: PlannedRun, run: PlannedRun) -> bool:
    """Whether the energies of two runs are of one ensemble, but for a bias."""
    if one.of is None or run.of is None or one.of.ensemble != run.of.ensemble:
        return False
    held = run.of.ensemble == MdHeld.NVT or one.of.pressure_bar == run.of.pressure_bar
    return held and (one.temperature_K, one.length) == (run.temperature_K, run.length)
