"""Coverage of the error bars of wtemlp's estimators, by simulation of processes with known answers.

    python benchmarks/estimators.py [--repeats N] [--write docs/statistics.md]

Each estimator is given many short series of a process whose answer is known, of the shortest length
that `wtemlp plan` passes without a warning, and its 95 % interval must hold the answer in 92 to
98 % of cases.  Exit 1 where one does not.  400 repeats take about three minutes on one core.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.signal import lfilter

from wtemlp.analysis.diffusion import self_diffusion
from wtemlp.analysis.energy import ENOUGH, moments, pooled_moments
from wtemlp.analysis.intervals import mean_interval
from wtemlp.analysis.stability import slope

ALLOWED = (0.92, 0.98)
DECAY = 0.95
MARK = "<!-- table of benchmarks/estimators.py -->"
Rng = np.random.Generator


@dataclass(frozen=True)
class Case:
    """An estimator, and whether its interval holds the truth in one simulation."""

    what: str
    formula: str
    source: str
    simulation: str
    holds: Callable[[Rng], bool]


def ar1(rng: Rng, n: int, sigma: float = 1.0, decay: float = DECAY) -> NDArray[np.float64]:
    """A Gaussian series of autocorrelation ``decay ** t``."""
    kicks = rng.normal(size=n) * np.sqrt(1 - decay**2)
    kicks[0] = rng.normal()
    return sigma * np.asarray(lfilter([1.0], [1.0, -decay], kicks))


def length(independent: float) -> int:
    """Values of the series that are worth so many."""
    return round(independent * (1 + DECAY) / (1 - DECAY))


def paths(rng: Rng, n_frames: int, width: float, tau_ps: float) -> NDArray[np.float64]:
    """32 Brownian particles of D = 3e-5 cm2/s, 50 fs apart, in soft cages."""
    steps = rng.normal(size=(n_frames, 32, 3)) * np.sqrt(2 * 0.3 * 0.05)
    decay = np.exp(-0.05 / tau_ps)
    kicks = rng.normal(size=steps.shape) * np.sqrt(1 - decay**2)
    kicks[0] = rng.normal(size=(32, 3))
    caged = width * lfilter([1.0], [1.0, -decay], kicks, axis=0)
    return np.asarray(np.cumsum(steps, axis=0) + caged)


def of_mean(rng: Rng) -> bool:
    """Whether two standard errors hold the mean."""
    found = moments(ar1(rng, length(ENOUGH)))
    return abs(found.mean) < 2 * found.mean_error


def of_sigma(rng: Rng) -> bool:
    """Whether two standard errors hold sigma."""
    found = moments(ar1(rng, length(ENOUGH)))
    return abs(found.std - 1) < 2 * found.std_error


def of_pooled_sigma(rng: Rng) -> bool:
    """The same of ten short walkers, each with a zero of its own."""
    runs = [ar1(rng, length(12)) + rng.normal() for _ in range(10)]
    found = pooled_moments(runs, own_means=True)
    return abs(found.std - 1) < 2 * found.std_error


def of_drift(rng: Rng) -> bool:
    """Whether two standard errors hold a drift of zero."""
    series = ar1(rng, length(ENOUGH))
    found = slope(np.arange(len(series), dtype=float), series)
    return abs(found.value) < 2 * found.error


def of_diffusion(n_frames: int, width: float, tau_ps: float) -> Callable[[Rng], bool]:
    """Whether Student's interval holds D."""

    def holds(rng: Rng) -> bool:
        found = self_diffusion(paths(rng, n_frames, width, tau_ps), 0.05, masses=None)
        if found.d is None or found.error is None:
            return False
        factor = float(stats.t.ppf(0.975, found.independent - 1))
        return abs(found.d - 3.0) < factor * found.error

    return holds


def of_replicates(rng: Rng) -> bool:
    """Whether Student's interval of four values holds their mean."""
    found = mean_interval(list(rng.normal(size=4)))
    return found is not None and found.low < 0 < found.high


AR1 = f"autocorrelated Gaussian series worth {ENOUGH} values"
CASES = (
    Case("mean", "s √(g/n)", "Chodera et al., JCTC 3, 26 (2007)", AR1, of_mean),
    Case(
        "σ",
        "s² / (1 - g/n); error of the squared deviations, at least σ/2 √(g/n)",
        "Anderson, The Statistical Analysis of Time Series (1971), ch. 8",
        AR1,
        of_sigma,
    ),
    Case(
        "σ of several walkers",
        "the same, g from all series together, each with its own mean",
        "Chodera et al., JCTC 3, 26 (2007)",
        "10 walkers worth 12 values each",
        of_pooled_sigma,
    ),
    Case("drift", "least squares, g of the residuals", "textbook", AR1, of_drift),
    Case(
        "self-diffusion",
        "slope of ⟨r²⟩ / 6, window by Lepski's rule, error of 5 to 20 parts and three axes, "
        "Student's factor",
        "Lepski, Theory Probab. Appl. 35, 454 (1991)",
        "Brownian motion, 50 ps",
        of_diffusion(1000, 0.0, 1.0),
    ),
    Case(
        "self-diffusion, caged",
        "the same",
        "",
        "cages of 0.5 Å that relax in 0.5 ps, 50 ps",
        of_diffusion(1000, 0.5, 0.5),
    ),
    Case(
        "mean of replicates",
        "Student's interval",
        "textbook",
        "4 Gaussian values",
        of_replicates,
    ),
)


def table(repeats: int, seed: int) -> tuple[list[str], bool]:
    """Lines of the table, and whether all hold."""
    lines = [
        "| estimator | formula | source | simulation | 95 % interval holds |",
        "|" + "---|" * 5,
    ]
    all_hold = True
    margin = 2 * np.sqrt(0.95 * 0.05 / repeats)  # of the simulation itself
    for number, case in enumerate(CASES):
        rng = np.random.default_rng([seed, number])
        share = float(np.mean([case.holds(rng) for _ in range(repeats)]))
        holds = ALLOWED[0] - margin <= share <= ALLOWED[1] + margin
        all_hold &= holds
        lines.append(
            f"| {case.what} | {case.formula} | {case.source} | {case.simulation} |"
            f" {100 * share:.1f} %{'' if holds else ' (NO)'} |"
        )
        print(lines[-1], flush=True)
    return lines, all_hold


def main() -> int:
    """Print the table; 1 where an interval does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, help="a document with the mark of the table")
    given = parser.parse_args()
    lines, all_hold = table(given.repeats, given.seed)
    if given.write:
        head = given.write.read_text().split(MARK)[0]
        given.write.write_text("\n".join([head + MARK, "", *lines, ""]))
    return 0 if all_hold else 1


if __name__ == "__main__":
    sys.exit(main())
