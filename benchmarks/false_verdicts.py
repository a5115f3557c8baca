"""How often `wtemlp compare` tells arms apart that do not differ, and that do.

    python benchmarks/false_verdicts.py [--sweeps 1000]

Sweeps are simulated: each run's errors are those of its exploration (which no two runs share; its
spread is 0, 0.5, 1 and 2 times that of the models) plus those of its four models; forces,
energies, correlations and bins of energy have half of their variance in common, and the runs of
one seed a part of their own.  A false verdict is one arm "better" or "worse" than another, or
"Recommended" for its error, anywhere in the comparison.  Exits 1 where more sweeps have one than
5 % allows (binomial test at 1 %).  The last table is the power: how often the one arm that is
better is found, by the difference in units of the spread of a run's mean.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from wtemlp.comparison.compute import compare_runs
from wtemlp.comparison.records import (
    BIASED,
    HIGH_T,
    RANDOM_PICKS,
    UNBIASED,
    ComparedArm,
    ComparedBin,
    Run,
    Training,
    Validated,
)
from wtemlp.comparison.result import BETTER, WORSE, Comparison

BUDGET = 0.05  #: of sweeps without a difference that may have a false verdict
SPREADS = (0.0, 0.5, 1.0, 2.0)  #: of runs, in units of the models'
SEEDS, ARMS = (1, 2, 3, 5), (2, 3, 5)
GAINS = (2, 4, 8)  #: of the better arm, in spreads of a run's mean
MODELS, MODEL_SD = 4, 0.03  #: of an ensemble; their spread, a fraction of the error
LEVELS = {"force": 100.0, "energy": 2.0, "correlation": 5.0, "bin": 150.0}
_ARMS = (
    ("g1", 1.0, UNBIASED),
    ("g16", 16.0, BIASED),
    ("g4", 4.0, BIASED),
    ("g16-random", 16.0, RANDOM_PICKS),
    ("highT", 1.0, HIGH_T),
)


def sweep(
    rng: np.random.Generator, arms: int, seeds: int, spread: float, gain: float = 0.0
) -> list[Run]:
    """The runs of a sweep; the second arm is better by `gain` spreads of a run's mean."""
    of_run = MODEL_SD * np.hypot(spread, 1 / np.sqrt(MODELS))
    of_seed = 0.5 * of_run * rng.normal(size=seeds)
    return [
        _run(rng, arm, seed, spread, of_seed[seed] - (arm == 1) * gain * of_run)
        for arm in range(arms)
        for seed in range(seeds)
    ]


def _run(rng: np.random.Generator, arm: int, seed: int, spread: float, shift: float) -> Run:
    name, factor, baseline = _ARMS[arm]
    common = _deviations(rng, spread)
    errors = {
        key: level * np.exp(shift + (common + _deviations(rng, spread)) / np.sqrt(2))
        for key, level in LEVELS.items()
    }
    force, energy, correlation, high = (tuple(map(float, each)) for each in errors.values())
    bins = tuple(ComparedBin("held", n, n + 1, 50, energy, (force, high)[n]) for n in (0, 1))
    picks = "random" if baseline == RANDOM_PICKS else "deviation"
    return Run(
        name=f"{name}, seed {seed}",
        folder=Path(f"{name}-{seed}"),
        arm=ComparedArm(name, name, name, (factor,), 300.0, picks, baseline),
        seed=seed,
        status="finished",
        finished=True,
        system="H2 O",
        tested_on="one",
        trainings=(Training(1, 60, 100, energy, force, correlation_models=correlation),),
        explorations=(),
        costs=(),
        validated=Validated(1, True, "good", {}, {}, bins),
    )


def _deviations(rng: np.random.Generator, spread: float) -> NDArray[np.float64]:
    return MODEL_SD * (spread * rng.normal() + rng.normal(size=MODELS))


def verdicts(found: Comparison) -> bool:
    """Whether a comparison tells anything apart."""
    told = any(one.verdict in (BETTER, WORSE) for one in found.differences)
    return told or found.recommendation.clear


def rates(sweeps: int, seed: int) -> Iterator[tuple[int, int, float, int]]:
    """Of each kind of sweep without a difference: arms, seeds, spread, sweeps with a verdict."""
    for arms in ARMS:
        for seeds in SEEDS:
            for spread in SPREADS:
                rng = np.random.default_rng([seed, arms, seeds, int(10 * spread)])
                runs = (sweep(rng, arms, seeds, spread) for _ in range(sweeps))
                yield arms, seeds, spread, sum(verdicts(compare_runs(one)) for one in runs)


def too_many(wrong: int, sweeps: int) -> bool:
    """Whether so many false verdicts are more than the budget, beyond chance."""
    return bool(stats.binomtest(wrong, sweeps, BUDGET, alternative="greater").pvalue < 0.01)


def found_better(sweeps: int, arms: int, seeds: int, gain: float, seed: int) -> float:
    """How often the better arm's forces are told from a baseline's, run-to-run spread 1."""
    rng = np.random.default_rng([seed, arms, seeds, int(gain)])
    told = [
        one.verdict == BETTER
        for _ in range(sweeps)
        for one in compare_runs(sweep(rng, arms, seeds, 1.0, gain)).differences
        if one.arm == "g16" and one.quantity == "force"
    ]
    return float(np.mean(told))


def main() -> int:
    """Print the tables; 1 if there are too many false verdicts anywhere."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweeps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    bad = 0
    print(f"{'arms':>5}{'seeds':>6}{'spread':>8}{'false verdicts':>17}")
    for arms, seeds, spread, wrong in rates(options.sweeps, options.seed):
        many = too_many(wrong, options.sweeps)
        bad += many
        share = 100 * wrong / options.sweeps
        print(f"{arms:>5}{seeds:>6}{spread:>8}{share:>15.1f} %{'  TOO MANY' * many}", flush=True)
    print("\nfound to be better (forces, against its baselines), run-to-run spread 1:")
    print(f"{'arms':>5}{'seeds':>6}" + "".join(f"{f'{gain} spreads':>12}" for gain in GAINS))
    for arms in ARMS:
        for seeds in (3, 5):
            each = (
                found_better(max(options.sweeps // 10, 10), arms, seeds, gain, options.seed)
                for gain in GAINS
            )
            print(f"{arms:>5}{seeds:>6}" + "".join(f"{100 * one:>10.0f} %" for one in each))
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
