"""What pace, OPES's first observations and the guard's factor do, on liquid copper.

    python benchmarks/bias_settings.py [--out runs/bias_settings] [--replicates 10]

108 atoms (EAM) at 2000 K in the volume of zero pressure, all by ``wtemlp init``: each replicate has
its own melt and 80 ps of NVT, and from these

- the first four: the same 600 hills of 1 kT at a bias factor of 16, every 20, 100, 300 and 1000
  steps of 2 fs (the statistical inefficiency of the energy is 120);
- OPES over the energies of 2000 to 4000 K in 120 ps, whose temperatures PLUMED chooses from its
  first 10, 30 or 100 observations (always the first tenth of the run);
- two walkers of 40 ps at a bias factor of 16 as a user's run has them (pace and height chosen), for
  what a guard on the energy would leave of them.

Printed are the tables of ``docs/physics.md``.  A call that was killed goes on where it was.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from copper import init, md
from numpy.typing import NDArray

from wtemlp.analysis import energy
from wtemlp.md import colvar

KELVIN, HOT = 2000, 4000
FACTOR = 16
PACES = (20, 100, 300, 1000)
HILLS = 600
WITH_PACES = 4  #: replicates
OBSERVATIONS = {600: 10, 200: 30, 60: 100}  #: by steps between updates
OPES_STEPS = 60_000
WALKERS = 2  #: a replicate
WALKER_STEPS = 20_000
GUARDS = (2, 3, 5, 10)

Series = NDArray[np.float64]


def biased(steps: int, factor: Any, **how: Any) -> dict[str, Any]:
    """A run with a bias, in the volume of the one before."""
    return nvt(KELVIN, steps, wte={"biasfactor": factor, **how})


def nvt(kelvin: float, steps: int, **more: Any) -> dict[str, Any]:
    """A run whose volume stays."""
    return {"ensemble": "nvt", "temperature_K": kelvin, "steps": steps, "frames": 0, **more}


def runs(replicate: int) -> dict[str, dict[str, Any]]:
    """All of a replicate, by what they are for."""
    found = {
        "melt": md(3500, 5000, 0),
        "nvt": nvt(KELVIN, 40_000, npt_steps=10_000, frames=1),
    }
    if replicate < WITH_PACES:
        found |= {f"pace{p}": biased(HILLS * p, FACTOR, height=1.0, pace=p) for p in PACES}
    window = {"window_K": [KELVIN, HOT]}
    found |= {f"opes{p}": biased(OPES_STEPS, window, method="opes", pace=p) for p in OBSERVATIONS}
    walker = biased(WALKER_STEPS, FACTOR, pace="auto")
    return found | {f"walker{k}": walker for k in range(WALKERS)} | {"hot": nvt(HOT, 20_000)}


def folders(out: Path, replicates: int) -> list[dict[str, Path]]:
    """Where each run of each replicate is; they are done if they are not there."""
    systems = [
        {"name": f"r{number}", "runs": list(runs(number).values())} for number in range(replicates)
    ]
    made = init(out, 1, systems, timestep_fs=2)
    return [
        {
            what: next(made.glob(f"01.md.*/r{number}.{position:02d}.*"))
            for position, what in enumerate(runs(number))
        }
        for number in range(replicates)
    ]


def unbiased(folder: Path) -> Series:
    """Energies (eV) of a run without a bias, without its first quarter."""
    return energy.equilibrated(np.loadtxt(folder / "energies.out")[:, 2])


def biased_energies(folder: Path) -> Series:
    """Energies (eV) of a whole biased run."""
    return colvar.read(next(folder.glob("COLVAR*")))["ene"]


def mean(values: Sequence[float], digits: int = 2) -> str:
    """With its standard error."""
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{np.mean(values):.{digits}f} ± {error:.{digits}f}"


def pace_rows(places: list[dict[str, Path]], sigma: float) -> Iterator[str]:
    """Widths of the second half, at the same number of hills."""
    law = energy.sigma_ratio(FACTOR, sigma, KELVIN)
    yield f"| pace | ps | σ over σ_NVT (law: {law:.2f}) | mean energy, σ_NVT | temperature, K |"
    yield "|---|---|---|---|---|"
    for pace in PACES:
        widths, shifts, kelvin = [], [], []
        for place in places[:WITH_PACES]:
            half = energy.filled(biased_energies(place[f"pace{pace}"]))
            widths.append(float(half.std(ddof=1)) / sigma)
            shifts.append(float(half.mean() - unbiased(place["nvt"]).mean()) / sigma)
            table = np.loadtxt(place[f"pace{pace}"] / "energies.out")
            kelvin.append(float(table[len(table) // 2 :, 1].mean()))
        length = HILLS * pace * 0.002
        yield (f"| {pace} | {length:g} | {mean(widths)} | {mean(shifts, 1)} | {mean(kelvin, 0)} |")


def opes_rows(places: list[dict[str, Path]]) -> Iterator[str]:
    """How evenly the window is covered, by the observations that its temperatures come from."""
    ends = [
        float(np.mean([unbiased(place[key]).mean() for place in places])) for key in ("nvt", "hot")
    ]
    middle, quarter = np.mean(ends), (ends[1] - ends[0]) / 4
    yield (
        "| observations | temperatures chosen | time in the upper half of the window (least, most) "
        "| reached both outer quarters |\n|---|---|---|---|"
    )
    for pace, number in OBSERVATIONS.items():
        chosen, upper, both = [], [], 0
        for place in places:
            folder = place[f"opes{pace}"]
            fields = next(folder.glob("DELTAFS*")).read_text().split("\n", 1)[0].split()
            chosen.append(sum(field.startswith("DeltaF") for field in fields))
            half = energy.filled(biased_energies(folder))
            upper.append(float((half > middle).mean()))
            both += bool((half < ends[0] + quarter).any() and (half > ends[1] - quarter).any())
        yield (
            f"| {number} | {min(chosen)} to {max(chosen)} | {np.mean(upper):.0%} "
            f"({min(upper):.0%}, {max(upper):.0%}) | {both} of {len(places)} |"
        )


def guard_rows(places: list[dict[str, Path]], sigma: float) -> Iterator[str]:
    """What is left of the walkers, and what their width says."""
    walkers = []
    for place in places:
        centre = unbiased(place["nvt"]).mean()
        walkers += [(biased_energies(place[f"walker{k}"]) - centre) / sigma for k in range(WALKERS)]
    law = energy.sigma_ratio(FACTOR, sigma, KELVIN)
    yield f"| guard, σ_NVT √γ | walkers stopped | σ over σ_NVT of the others (law: {law:.2f}) |"
    yield "|---|---|---|"
    for guard in (*GUARDS, np.inf):
        left = [one for one in walkers if np.abs(one).max() <= guard * np.sqrt(FACTOR)]
        said = "-"
        if len(left) > 1:
            halves = [energy.filled(one) for one in left]
            found = energy.pooled_moments(halves)
            said = f"{found.std:.2f} ± {found.std_error:.2f}"
        yield f"| {guard:g} | {len(walkers) - len(left)} of {len(walkers)} | {said} |"


def main() -> None:
    """Run what is not there, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/bias_settings"))
    parser.add_argument("--replicates", type=int, default=10)
    given = parser.parse_args()
    places = folders(given.out.resolve(), given.replicates)
    pooled = energy.pooled_moments([unbiased(place["nvt"]) for place in places], own_means=True)
    sigma = pooled.std
    print(f"sigma_NVT = {sigma:.3f} +- {pooled.std_error:.3f} eV\n")
    for rows in (pace_rows(places, sigma), opes_rows(places), guard_rows(places, sigma)):
        print("\n".join(rows), end="\n\n")


if __name__ == "__main__":
    main()
