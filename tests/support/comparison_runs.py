"""Runs to compare, made of numbers whose differences can be counted by hand."""

from pathlib import Path

from wtemlp.analysis.widths import Scatter
from wtemlp.comparison.records import (
    BIASED,
    HIGH_T,
    RANDOM_PICKS,
    UNBIASED,
    ComparedArm,
    ComparedWalker,
    Cost,
    Exploration,
    Run,
    Training,
    Validated,
)
from wtemlp.records.walkers import WalkerSummary

LAW = (16 * (374.1 + 15) / 374.1) ** 0.5
"""Of bias factor 16 at 300 K with sigma_NVT of 0.5 eV: K = (0.5 eV / kT)^2 = 374.1."""

BASELINES = {"random": RANDOM_PICKS, "highT": HIGH_T}


def arm(name: str, biasfactor: float, selection: str = "deviation", **more) -> ComparedArm:
    """An arm as a sweep has it."""
    baseline = UNBIASED if biasfactor == 1 else BIASED
    if selection == "random":
        baseline = RANDOM_PICKS
    return ComparedArm(
        **{
            "key": name,
            "name": name,
            "label": name,
            "biasfactors": (biasfactor,),
            "temperature_K": 300.0,
            "selection": selection,
            "baseline": baseline,
            **more,
        }
    )


def scatter(sigma_eV: float, independent: float = 100) -> Scatter:
    """A Gaussian's, whose unbiased sigma is this."""
    variance = sigma_eV**2 * (1 - 1 / independent)
    return Scatter(round(20 * independent), variance, 3 * variance**2, 20.0, 10.0)


def walker(biasfactor: float, ratio: float, stopped: bool = False, **more) -> ComparedWalker:
    """A walker that was so many times as wide as NVT (0.5 eV), with 100 frames.

    Both are measured by 100 independent energies, of a Gaussian: sigma to a twentieth.
    """
    nvt, wte = (scatter(sigma) if sigma > 0 else None for sigma in (0.5, 0.5 * ratio))
    row = WalkerSummary(
        name="task.000.000000",
        method="wte",
        biasfactor=biasfactor,
        temperature_K=300.0,
        sigma_nvt_eV=0.5,
        sigma_wte_eV=0.5 * ratio,
        nvt=nvt,
        wte=wte,
        stopped="too hot" if stopped else "",
    )
    return ComparedWalker(
        **{
            "row": row,
            "sampling": f"g={biasfactor:g}",
            "stopped": stopped,
            "explored": 100,
            "candidate": 20,
            "failed": 5,
            **more,
        }
    )


def run(
    of: ComparedArm,
    forces: list[tuple[float, ...]],
    *,
    seed: int = 1,
    per_iteration: int = 30,
    walkers: tuple[ComparedWalker, ...] | None = None,
    validated: Validated | None = None,
    **more,
) -> Run:
    """A run whose models have these force errors (meV/A), iteration by iteration.

    Energies' errors are a tenth of the forces'; each iteration but the last explores.
    """
    if walkers is None:
        factor = of.biasfactor or 1.0
        walkers = (walker(factor, factor**0.5), walker(factor, factor**0.5))
    last = len(forces) - 1
    trainings = [
        Training(
            iteration=i,
            labels=i * per_iteration,
            frames=40 + i * per_iteration,
            energy_models=tuple(value / 10 for value in models),
            force_models=tuple(models),
            correlation_models=tuple(value / 100 for value in models),
            offset_models=tuple(3.0 for _ in models),
        )
        for i, models in enumerate(forces)
    ]
    explorations = [
        Exploration(
            iteration=i,
            explored=100 * len(walkers),
            candidate=20 * len(walkers),
            failed=5 * len(walkers),
            labelled=per_iteration,
            walkers=walkers,
        )
        for i in range(last)
    ]
    costs = [
        Cost(
            i,
            {"train": 60.0, "explore": 30.0, "label": 10.0},
            {"train": 2.0, "explore": 1.0, "label": 0.5},
            {},
        )
        for i in range(last + 1)
    ]
    return Run(
        **{
            "name": f"{of.name}, seed {seed}",
            "folder": Path("/runs") / f"{of.name}-{seed}",
            "arm": of,
            "seed": seed,
            "status": "finished",
            "finished": True,
            "system": "H32 O16",
            "tested_on": "abc",
            "trainings": tuple(trainings),
            "explorations": tuple(explorations),
            "costs": tuple(costs),
            "validated": validated,
            **more,
        }
    )


def seeds(of: ComparedArm, finals: list[float], **more) -> list[Run]:
    """Runs of one arm, a seed each, whose models end with these force errors."""
    return [
        run(of, [(100.0, 102.0), (80.0, 82.0), (final - 1, final + 1)], seed=seed, **more)
        for seed, final in enumerate(finals, 1)
    ]
