"""Whether `wtemlp validate` sees that a potential is off by twice a bound, at its default lengths.

    python benchmarks/power.py [--repeats 100]

Self-diffusion and density of boxes of water are simulated: particles of 3e-5 cm2/s in soft cages
(0.3 Angstrom, 0.5 ps), and volumes of the compressibility of water (4.5e-10 1/Pa) that are
correlated for 0.5 ps, as under a barostat.  They are measured and answered with wtemlp's own
functions.  The model's number is the reference's, or off by twice the bound, up or down.  For g(r)
there is real MD: mW water (LAMMPS) at 300 K against itself, and against larger and smaller beads
at the same density, so that g(r) of long runs of 128 beads is off by twice the bound.  Exits 1
where fewer than 80 % of those that are off are "not good", or more than 5 % of the others are,
beyond the simulation's own error.
"""

import argparse
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from estimators import ar1
from numpy.typing import NDArray
from scipy.signal import lfilter

from wtemlp.analysis.diffusion import self_diffusion
from wtemlp.analysis.energy import moments
from wtemlp.analysis.rdf import half_width
from wtemlp.analysis.structure import (
    BLOCKS,
    MANY_FRAMES,
    MOST_BLOCKS,
    BlockedRdf,
    rdf_distance,
    rdf_with_errors,
)
from wtemlp.config.keys.validation import DEFAULT_PS, ValidationBounds, ValidationSettings
from wtemlp.config.reference.force_fields import BY_NAME, TEXTS
from wtemlp.config.validation import for_box
from wtemlp.records.validation_record import GOOD, NOT_GOOD, Estimate
from wtemlp.validation.answers import CheckResult, combined, fewest
from wtemlp.validation.checks import rdf_answer
from wtemlp.validation.measure import BIN_A, FARTHEST_A

STEP_PS, RECORD_PS = 0.0005, 0.01
WATERS = (32, 64, 128)
EQUILIBRATION_PS = 5.0
KT_J, KAPPA_PA, MOLECULE_M3, VOLUME_PS = 4.142e-21, 4.5e-10, 3.0e-29, 0.5
D_A2_PS, CAGE_A, CAGE_PS = 0.3, 0.3, 0.5
MW_STEP_PS, MW_SIZE_A = 0.005, 2.3925  #: the size of mW's beads ...
MW_OFF = (1.037, 0.963)  #: ... and what makes it so that g(r) is off by twice the bound
Rng = np.random.Generator


def defaults(waters: int) -> ValidationSettings:
    """What is done with so many waters where the file has no lengths."""
    steps = {key: round(ps / STEP_PS) for key, ps in DEFAULT_PS.items()}
    return for_box(ValidationSettings(**steps), 3 * waters, STEP_PS)


def paths(rng: Rng, waters: int, spacing_ps: float, frames: int, d: float) -> NDArray[np.float64]:
    """Positions of the oxygens."""
    steps = rng.normal(size=(frames, waters, 3)) * np.sqrt(2 * d * spacing_ps)
    decay = np.exp(-spacing_ps / CAGE_PS)
    kicks = rng.normal(size=steps.shape) * np.sqrt(1 - decay**2)
    kicks[0] = rng.normal(size=kicks[0].shape)
    return np.asarray(
        np.cumsum(steps, axis=0) + CAGE_A * lfilter([1.0], [1.0, -decay], kicks, axis=0)
    )


def diffusion(rng: Rng, waters: int, factor: float) -> Estimate | None:
    """As it is measured in NVE."""
    settings = defaults(waters)
    spacing_ps = settings.trj_freq * STEP_PS
    frames = settings.nve_steps // settings.trj_freq
    walked = paths(rng, waters, spacing_ps, frames, factor * D_A2_PS)
    found = self_diffusion(walked, spacing_ps, masses=None)
    if found.d is None:
        return None
    return Estimate(found.d, found.error, found.independent)


def density(rng: Rng, waters: int, factor: float) -> Estimate | None:
    """As it is measured in three quarters of NPT."""
    n = round(0.75 * defaults(waters).npt_steps * STEP_PS / RECORD_PS)
    spread = math.sqrt(KT_J * KAPPA_PA / (waters * MOLECULE_M3))
    found = moments(factor + spread * ar1(rng, n, 1.0, math.exp(-RECORD_PS / VOLUME_PS)))
    error = found.mean_error if math.isfinite(found.mean_error) else None
    return Estimate(found.mean, error, found.independent)


def structures(
    seeds: Sequence[int], beads: int, size: float, frames: int, spacing_ps: float
) -> list[BlockedRdf]:
    """g(r) of runs of mW water at 300 K and its density, as it is measured in NVT."""
    every, edge = round(spacing_ps / MW_STEP_PS), (beads * MOLECULE_M3 * 1e30) ** (1 / 3)
    one = f"""
        clear
        units real
        region box block 0 {edge} 0 {edge} 0 {edge}
        create_box 1 box
        create_atoms 1 random {beads} %(seed)d box overlap 2.2 maxtry 1000
        mass 1 {BY_NAME["mw"].masses["O"]}
        {chr(10).join(BY_NAME["mw"].lines)}
        timestep {1000 * MW_STEP_PS}
        minimize 1e-4 1e-4 100 1000
        velocity all create 300 %(seed)d
        fix move all nve
        fix bath all temp/csvr 300 300 100 %(seed)d
        run {round(EQUILIBRATION_PS / MW_STEP_PS)}
        reset_timestep 0
        dump walk all custom {every} %(seed)d.dump xu yu zu
        dump_modify walk sort id first no
        run {every * frames - 1}
    """
    cells = np.tile(np.eye(3) * edge, (frames, 1, 1))
    r_max = min(half_width(cells), FARTHEST_A)
    blocks, found = MOST_BLOCKS if frames >= MANY_FRAMES else BLOCKS, []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "mW.sw").write_text(
            TEXTS["mW.sw"].replace(f"{MW_SIZE_A}", f"{size * MW_SIZE_A:.6f}")
        )
        (folder / "in.lammps").write_text("".join(one % {"seed": seed} for seed in seeds))
        command = [sys.executable, "-m", "wtemlp", "lmp", "-in", "in.lammps"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        for seed in seeds:
            lines = (folder / f"{seed}.dump").read_text().splitlines()
            rows = np.array(lines).reshape(frames, beads + 9)[:, 9:].ravel()
            walked = np.array([row.split() for row in rows], dtype=float)
            walked = walked.reshape(frames, beads, 3)
            pair, bins = ("O", "O"), round(r_max / BIN_A)
            found.append(rdf_with_errors(walked, cells, ["O"] * beads, pair, r_max, bins, blocks))
    return found


def of_structure(rng: Rng, repeats: int, waters: int) -> list[list[str]]:
    """What is told of a model that is the reference, and of two that are off."""
    settings, bound = defaults(waters), ValidationBounds().rdf
    spacing_ps = settings.trj_freq * STEP_PS
    frames = settings.nvt_steps // settings.trj_freq
    told = []
    for size in (1.0, *MW_OFF):
        models, references = (
            structures(rng.integers(1, 2**24, repeats).tolist(), waters, one, frames, spacing_ps)
            for one in (size, 1.0)
        )
        told.append(
            [
                rdf_answer(0, rdf_distance(one, known), bound, len(known.blocks)).verdict
                for one, known in zip(models, references, strict=True)
            ]
        )
    return told


def answer(model: Estimate | None, reference: Estimate | None, bound: float) -> str:
    """The verdict's."""
    if model is None or reference is None:
        return "none"
    error = combined(model.error, reference.error)
    scale = reference.value
    off = model.value / scale - 1
    relative = None if error is None else error / scale
    return CheckResult(0, "", off, bound, relative, fewest(model, reference)).verdict


def simulated(
    measure: Callable[[Rng, int, float], Estimate | None], bound: float
) -> Callable[[Rng, int, int], list[list[str]]]:
    """What is told of a model that equals the reference, and of two that are off."""

    def told(rng: Rng, repeats: int, waters: int) -> list[list[str]]:
        return [
            [
                answer(measure(rng, waters, factor), measure(rng, waters, 1.0), bound)
                for _ in range(repeats)
            ]
            for factor in (1.0, 1 + 2 * bound, 1 - 2 * bound)
        ]

    return told


def main() -> int:
    """Print the table; 1 where it does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    bounds, holds = ValidationBounds(), True
    questions = (
        ("self-diffusion", "nve_steps", simulated(diffusion, bounds.diffusion)),
        ("density", "npt_steps", simulated(density, bounds.density)),
        ("g(r)", "nvt_steps", of_structure),
    )
    margin = 2 * math.sqrt(0.2 * 0.8 / given.repeats)
    print("| what | waters | ps | equal: good, not good | off by 2 bounds: not good (up, down) |")
    print("|" + "---|" * 5)
    for place, (what, key, ask) in enumerate(questions):
        for waters in WATERS:
            rng = np.random.default_rng([given.seed, place, waters])
            equal, *off = ask(rng, given.repeats, waters)
            power = [100 * one.count(NOT_GOOD) / given.repeats for one in off]
            good, bad = (100 * equal.count(one) / given.repeats for one in (GOOD, NOT_GOOD))
            fails = sum(power) / 2 < 100 * (0.8 - margin) or bad > 5
            holds &= not fails
            ps = getattr(defaults(waters), key) * STEP_PS
            print(
                f"| {what} | {waters} | {ps:.0f} | {good:.0f} %, {bad:.0f} % |"
                f" {power[0]:.0f} %, {power[1]:.0f} %{' (NO)' * fails} |",
                flush=True,
            )
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
