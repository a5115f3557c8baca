"""Whether trust levels that are given as errors bring frames with such errors.

    python benchmarks/trust_errors.py [--out runs/trust_errors] [--systems copper,silicon]
        [--seeds 1,2,3,4]

Copper (EAM) and silicon (Stillinger-Weber) from the crystal, four runs each on the same initial
data, with the seed of the run in everything else.  The first iteration's levels are deviations,
those of the second errors.  The labels of this one are held-out data: chosen by what the models
believe of their errors, and in no training of theirs.  Each frame's true error is held against the
one that its deviation stood for, from the files of the run, not from its findings.  Where their
ratio is off by more than 30 %, the run must have said so; else this ends with 1.

A run explores twice: 12 trainings, of which 8 are worth the name, and 4 walkers.  Every step is a
command of wtemlp's, so a call that was killed goes on where it was.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from wtemlp.core.atomic_io import write_json
from wtemlp.core.paths import RunPaths
from wtemlp.records.label_errors import FrameError, read_errors
from wtemlp.records.summary import Summary, summaries
from wtemlp.report.findings import findings

HERE = Path(__file__).parent
MACHINE = HERE.parent / "machines" / "local.json"
WITHIN = 1.3  #: factor between true and expected errors
STEPS = 2000  #: of a training; the last is there only to have its labels tested
LAST_STEPS = 10


@dataclass(frozen=True)
class System:
    """What is explored."""

    symbol: str
    mass: float
    force_field: str
    crystal: dict[str, Any]
    rcut_A: tuple[float, float]  #: where the smoothing begins, and the cut-off
    sel: int
    kelvin: float
    levels: tuple[float, float]  #: deviations of the first iteration, eV/Angstrom
    errors: tuple[float, float]  #: of the others, meV/Angstrom


SYSTEMS = {
    "copper": System(
        "Cu",
        63.546,
        "eam-copper",
        {"bulk": "Cu", "crystal": "fcc", "a_A": 3.68, "supercell": [2, 2, 2]},
        (3.5, 5.0),
        80,
        1200,
        (0.05, 0.6),
        (100, 1000),
    ),
    "silicon": System(
        "Si",
        28.085,
        "sw-silicon",
        {"bulk": "Si", "crystal": "diamond", "a_A": 5.45, "supercell": [2, 2, 2]},
        (2.5, 4.2),
        30,
        1600,
        (0.05, 0.6),
        (150, 2000),
    ),
}


def init_file(system: System) -> dict[str, Any]:
    """The crystal with strained copies, as in ``wtemlp quickstart``."""
    kelvin = {"ensemble": "npt", "temperature_K": system.kelvin, "pressure_bar": 0}
    return {
        "seed": 1,
        "type_map": [system.symbol],
        "fp_style": "lammps",
        "fp_params": {"force_field": system.force_field},
        "timestep_fs": 2,
        "systems": [
            {
                "name": "crystal",
                "structure": system.crystal,
                "copies": {
                    "lengths": [0.93, 1.2],
                    "n_lengths": 10,
                    "amplitude_A": 0.1,
                    "single_atoms": False,
                },
                "runs": [kelvin | {"steps": 10000, "frames": 40}],
            }
        ],
        "validation_fraction": 0.5,
        "starting_structures": 1,
    }


def param_file(system: System, seed: int, data: Path, jobs: int) -> dict[str, Any]:
    """Networks and walkers of ``wtemlp quickstart``, shorter."""
    example = json.loads((HERE.parent / "wtemlp/cli/examples/copper/param.json").read_text())
    training = example["default_training_param"]
    smooth, cut = system.rcut_A
    del training["model"]["type_map"]
    training["model"]["descriptor"] |= {"rcut": cut, "rcut_smth": smooth, "sel": [system.sel]}
    steps = STEPS if jobs == 1 else LAST_STEPS
    training["training"] |= {"numb_steps": steps, "disp_freq": steps, "save_freq": steps}
    job = example["model_devi_jobs"][0] | {"temps": [system.kelvin], "nsteps": 2000, "trj_freq": 10}
    job["wte"] |= {"nvt_steps": 1000}
    del example["validation"]
    return example | {
        "seed": seed,
        "type_map": [system.symbol],
        "mass_map": [system.mass],
        "init_data_prefix": str(data),
        "init_data_sys": ["data/crystal/train"],
        "validation_data_sys": ["data/crystal/validation"],
        "sys_configs": [[str(data / "conf/crystal/*.POSCAR")]],
        "model_devi_dt": 0.002,
        "model_devi_f_trust_lo": system.levels[0],
        "model_devi_f_trust_hi": system.levels[1],
        "model_devi_jobs": [job] * jobs,
        "trust": {"error_meV_A": list(system.errors)},
        "fp_params": {"force_field": system.force_field},
    }


def wtemlp(command: str, folder: Path, content: dict[str, Any]) -> None:
    """Run ``wtemlp init`` or ``run`` on a file that is written first."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{command}.json"
    write_json(file, content)
    words = [sys.executable, "-m", "wtemlp", command, "-C", str(folder), str(file), str(MACHINE)]
    with (folder / f"{command}.out").open("a") as out:
        done = subprocess.run(words, stdout=out, stderr=subprocess.STDOUT, env=os.environ)
    if done.returncode:
        last = (folder / f"{command}.out").read_text().strip().splitlines()[-1]
        raise SystemExit(f"{' '.join(words)}: status {done.returncode}: {last}")


@dataclass(frozen=True)
class Found:
    """An iteration whose trust levels were made of errors, and what its labels say of them."""

    system: str
    seed: int
    iteration: int
    labels: int
    expected_meV_A: float  #: median over the labels of what their deviations stood for
    error_meV_A: float  #: median of their errors
    factor: float  #: median of error over expected
    scatter: float  #: a factor, one standard deviation of single frames
    low: float  #: the factor in the third of the labels with the smallest deviations
    high: float  #: and the largest
    inside: float  #: share of the labels whose error is within the levels, 30 % added
    said: bool  #: whether the run says that the committee is not calibrated

    @property
    def holds(self) -> bool:
        """Whether errors came out as asked for, or it is said that they did not."""
        return self.said or 1 / WITHIN <= self.factor <= WITHIN


def look(name: str, seed: int, folder: Path, asked: tuple[float, float]) -> list[Found]:
    """What the labels of a finished run say, from their errors frame by frame."""
    paths = RunPaths(folder)
    rows = summaries(paths)
    said = {one.iteration for one in findings(rows, folder) if "not calibrated" in one.what}
    found = []
    for row in rows:
        errors = [one for one in read_errors(paths.label(row.iteration)) if one.deviation_meV_A]
        if row.trust_ratio and errors:
            found.append(_found(name, seed, row, errors, asked, row.iteration in said))
    return found


def _found(
    name: str,
    seed: int,
    row: Summary,
    errors: list[FrameError],
    asked: tuple[float, float],
    said: bool,
) -> Found:
    deviations = np.array([one.deviation_meV_A for one in errors], dtype=float)
    true = np.array([one.largest_meV_A for one in errors])
    beside = deviations / (1e3 * row.trust[0][1])  # of the upper level
    expected = (row.trust_ratio or 1.0) * deviations * beside ** ((row.trust_power or 1.0) - 1)
    logs = np.log(true / expected)
    thirds = np.array_split(logs[np.argsort(deviations)], 3)
    inside = (true > asked[0] / WITHIN) & (true < asked[1] * WITHIN)
    return Found(
        name,
        seed,
        row.iteration,
        len(errors),
        float(np.median(expected)),
        float(np.median(true)),
        float(np.exp(np.median(logs))),
        float(np.exp(1.4826 * np.median(np.abs(logs - np.median(logs))))),
        float(np.exp(np.median(thirds[0]))),
        float(np.exp(np.median(thirds[-1]))),
        float(inside.mean()),
        said,
    )


def table(found: list[Found]) -> str:
    """As the documentation has it."""
    head = "| system | seed | iteration | labels | expected (meV/Å) | true | factor"
    head += " | of the smallest, largest third | within the levels | said |\n|" + "---|" * 10
    lines = [
        f"| {one.system} | {one.seed} | {one.iteration} | {one.labels} | {one.expected_meV_A:.0f} "
        f"| {one.error_meV_A:.0f} | {one.factor:.2f} (scatter {one.scatter:.1f}) "
        f"| {one.low:.2f}, {one.high:.2f} | {one.inside:.0%} | {'yes' if one.said else ''} |"
        for one in found
    ]
    return "\n".join([head, *lines])


def main() -> None:
    """Run what is not there yet, print the table, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/trust_errors"))
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--seeds", default="1,2,3,4")
    given = parser.parse_args()
    found: list[Found] = []
    names = given.systems.split(",")
    for seed, name in product(map(int, given.seeds.split(",")), names):
        system, folder = SYSTEMS[name], (given.out / name).resolve()
        if not (folder / "done").exists():
            wtemlp("init", folder, init_file(system))
            (folder / "done").touch()
        place = folder / f"seed.{seed}"
        for jobs in (1, 2):
            if not (place / f"iter.{jobs:06d}/00.train/graph.003.pb").exists():
                wtemlp("run", place, param_file(system, seed, folder / "init", jobs))
        found += look(name, seed, place, system.errors)
        print(f"{name}, seed {seed}: done", flush=True)
    found.sort(key=lambda one: names.index(one.system))
    write_json(given.out / "trust_errors.json", [asdict(one) for one in found])
    print(table(found))
    missed = [one for one in found if not one.holds]
    right = sum(1 / WITHIN <= one.factor <= WITHIN for one in found)
    print(f"{right} of {len(found)} within 30 %; of the others {len(missed)} are not told")
    sys.exit(bool(missed) or not found)


if __name__ == "__main__":
    main()
