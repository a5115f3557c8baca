"""The endpoints of ``warm_start.py``, from its table alone.

    python benchmarks/warm_start_analysis.py [benchmarks/results/warm_start.csv]

Prints Markdown: each arm against trainings from random numbers, after the last training, and
whether the bounds of the design are kept.
An arm is compared in the replicates that have it.
"""

import argparse
import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wtemlp.analysis.intervals import Interval, difference_interval

RESULT = Path(__file__).parent / "results" / "warm_start.csv"
SCRATCH = "scratch"
CRYSTALS, MELTS = ("crystal600", "crystal1200"), ("melt1500", "melt2000")
SETS = (*CRYSTALS, *MELTS, "between")
NEXT = "next"
ONE_SIDED = 0.90  #: of a two-sided interval, either end of which is a one-sided 95 % bound
#: (iteration, arm) -> set -> the numbers of a replicate
Replicate = Mapping[tuple[int, str], Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True)
class Endpoint:
    """A number of a committee, and how much worse than from random numbers it may be."""

    name: str
    of: Callable[[Mapping[str, Mapping[str, float]]], float]
    bound: float | None  #: of the difference; of logarithms, of the ratio; None: told alone
    logs: bool = False  #: whether it is a logarithm
    digits: int = 2

    def text(self, value: float) -> str:
        """A difference, or a ratio."""
        return f"{np.exp(value) if self.logs else value:.{self.digits}f}"

    def keeps(self, found: Interval) -> bool:
        """Whether an interval is within the bound."""
        assert self.bound is not None
        limit = np.log(self.bound) if self.logs else self.bound
        return bool(found.high < limit if limit > 0 else found.low > limit)


def _mean_log(column: str) -> Callable[[Mapping[str, Mapping[str, float]]], float]:
    return lambda sets: float(np.mean([np.log(sets[name][column]) for name in SETS]))


def latent_heat(sets: Mapping[str, Mapping[str, float]]) -> float:
    """How wrong crystal and melt are against each other, meV/atom."""
    melt, crystal = (
        np.mean([sets[name]["energy_offset_meV_atom"] for name in names])
        for names in (MELTS, CRYSTALS)
    )
    return float(abs(melt - crystal))


ENDPOINTS = (
    Endpoint("force RMSE, ratio", _mean_log("force_rmse_meV_A"), 1.1, True),
    Endpoint("energy RMSE, ratio", _mean_log("energy_rmse_shifted_meV_atom"), 1.2, True),
    Endpoint("latent heat, meV/atom", latent_heat, 2.0, digits=1),
    Endpoint(
        "error over deviation, ratio",
        lambda sets: float(np.log(sets[NEXT]["error_over_deviation"])),
        1.2,
        True,
    ),
    Endpoint("rank correlation", lambda sets: sets[NEXT]["rank_correlation"], -0.1),
    Endpoint(
        "deviation, ratio", lambda sets: float(np.log(sets[NEXT]["deviation_meV_A"])), None, True
    ),
    Endpoint("CPU time, ratio", lambda sets: float(np.log(sets[NEXT]["cpu_s"])), None, True),
)


def read(file: Path) -> dict[int, Replicate]:
    """The replicates of a table."""
    found: dict[int, dict[tuple[int, str], dict[str, dict[str, float]]]] = {}
    with file.open() as text:
        for row in csv.DictReader(text):
            place = int(row["iteration"]), row["arm"]
            numbers = {k: float(v) for k, v in row.items() if k not in ("arm", "set")}
            of = found.setdefault(int(row["seed"]), {}).setdefault(place, {})
            of[row["set"]] = numbers
    return dict(found)


def against(
    data: Mapping[int, Replicate], arm: str, iteration: int, one: Endpoint, level: float
) -> Interval:
    """An arm less trainings from random numbers, paired over replicates."""
    mine, other = (
        {
            seed: one.of(replicate[iteration, name])
            for seed, replicate in data.items()
            if (iteration, arm) in replicate
        }
        for name in (arm, SCRATCH)
    )
    found = difference_interval(mine, other, level)
    assert found is not None
    return found


def absolute(data: Mapping[int, Replicate]) -> list[str]:
    """What each arm comes to, mean over replicates."""
    last = max(k for replicate in data.values() for k, _ in replicate)
    arms = list(dict.fromkeys(arm for one in data.values() for _, arm in one))
    columns = ("force_rmse_meV_A", "energy_rmse_shifted_meV_atom")
    head = "| iteration | arm | steps | CPU s | " + " | ".join(f"F {one}" for one in SETS)
    head += " | E, all | latent heat | deviation, next | error over it | rank |"
    lines = [head, "|" + "---|" * (9 + len(SETS))]
    for k in range(last + 1):
        for arm in arms:
            of = [one[k, arm] for one in data.values() if (k, arm) in one]
            if not of:
                continue
            force = [np.mean([one[name][columns[0]] for one in of]) for name in SETS]
            energy = np.exp(np.mean([_mean_log(columns[1])(one) for one in of]))
            heat = np.mean([latent_heat(one) for one in of])
            steps, cpu, deviation, ratio, rank = (
                np.mean([one[NEXT][name] for one in of])
                for name in (
                    "steps",
                    "cpu_s",
                    "deviation_meV_A",
                    "error_over_deviation",
                    "rank_correlation",
                )
            )
            lines.append(
                f"| {k} | {arm} | {steps:.0f} | {cpu:.0f} | "
                + " | ".join(f"{one:.0f}" for one in force)
                + f" | {energy:.2f} | {heat:.1f} | {deviation:.0f} | {ratio:.2f} | {rank:.2f} |"
            )
    return lines


def compared(data: Mapping[int, Replicate], iteration: int) -> list[str]:
    """Each arm against trainings from random numbers, with 95 % intervals."""
    arms = list(dict.fromkeys(arm for one in data.values() for _, arm in one if arm != SCRATCH))
    have = [sum((iteration, arm) in one for one in data.values()) for arm in arms]
    head = " | ".join(f"{arm}, n = {n}" for arm, n in zip(arms, have, strict=True))
    lines = [f"| | {head} |", "|" + "---|" * (1 + len(arms))]
    for one in ENDPOINTS:
        cells = []
        for arm in arms:
            found = against(data, arm, iteration, one, 0.95)
            known = np.isfinite(found.low)
            span = f"{one.text(found.low)} to {one.text(found.high)}" if known else "?"
            cells.append(f"{one.text(found.mean)} ({span})")
        lines.append(f"| {one.name} | {' | '.join(cells)} |")
    return lines


def verdicts(data: Mapping[int, Replicate], last: int) -> list[str]:
    """Whether each arm keeps the bounds after the last training."""
    lines = []
    for arm in dict.fromkeys(arm for one in data.values() for _, arm in one if arm != SCRATCH):
        missed = [
            one.name
            for one in ENDPOINTS
            if one.bound is not None and not one.keeps(against(data, arm, last, one, ONE_SIDED))
        ]
        lines.append(f"{arm}: {'holds' if not missed else 'not shown for ' + '; '.join(missed)}")
    return lines


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, nargs="?", default=RESULT)
    data = read(parser.parse_args().table)
    last = max(k for replicate in data.values() for k, _ in replicate)
    print(f"{len(data)} replicates: {', '.join(map(str, data))}\n")
    print("\n".join(absolute(data)))
    print(f"\nAfter the last training, against {SCRATCH}, with 95 % intervals:\n")
    print("\n".join(compared(data, last)))
    print("\nBounds after the last training:\n")
    print("\n".join(verdicts(data, last)))


if __name__ == "__main__":
    main()
