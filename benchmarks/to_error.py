"""``dpgen run`` with its habits and ``wtemlp run``, on copper to the same error across phases.

    python benchmarks/to_error.py OUT [--repeats 5] [--force 100] [--heat 10]

Both begin with the same 30 labelled frames of the crystal at 1200 K and strained copies of it, at
zero pressure; with the same network, loss, 1,000 training steps from random numbers, trust levels
in the file, label program, 30 labels an iteration, and two jobs at a time on this machine.

- DP-GEN as it comes looks every 30 s, and explores as people do: each iteration is hotter, from
  300 to 2400 K in four iterations, 12 ps at each temperature.
- wtemlp explores at 1200 K alone, with the energy biased (bias factor 16) and from structures that
  it has labelled too, with trust levels that are errors from the second iteration on.

After each training the four models are held against independent runs of the reference (crystal
at 600 and 1200 K, melt at 1500 and 2000 K, states in between; 20 frames each; those of
``warm_start.py``).  The error is reached where the geometric mean over the sets of the force RMSE
is below ``--force`` (meV/Angstrom), and the offset of the melts differs from that of the crystals
by less than ``--heat`` (meV/atom), both root mean squares over the models.  The time is that from
the start to the end of this training, labels and waiting counted.  A run that does not get there
counts with all of its time, and is told.  The two take turns; a run that is finished stays.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from copper import init, md
from numpy.typing import NDArray
from side_by_side import run
from warm_start import EXAMPLE, tests

from wtemlp.core.atomic_io import write_json

HERE = Path(__file__).parent
STEPS = 1000  #: of a training
LABELS = 30  #: an iteration
LADDER_K = ((300, 600, 900), (1200, 1500), (1800, 2100), (2400,))
ITERATIONS = 4
AS_IT_COMES, WTEMLP = "as it comes", "wtemlp"  #: programs of ``side_by_side.py``
CRYSTALS, MELTS = ("crystal600", "crystal1200"), ("melt1500", "melt2000")


@dataclass(frozen=True)
class Trained:
    """The models of an iteration."""

    seconds: float  #: since the start of the run
    labels: int  #: that were made for them
    force_meV_A: float
    heat_meV_atom: float

    def reaches(self, force: float, heat: float) -> bool:
        """Whether they are good enough."""
        return self.force_meV_A < force and self.heat_meV_atom < heat


def files(out: Path, seed: int, program: str) -> Path:
    """What a program is given."""
    folder = out / f"{seed:02d}" / f"files.{program.partition(' ')[0]}"
    if (folder / "machine.json").exists():
        return folder
    sys.path.insert(0, str(HERE.parent))
    from tests.support.handover_files import machine

    copies = {"lengths": [0.93, 1.2], "n_lengths": 10, "amplitude_A": 0.1, "single_atoms": False}
    system = {"name": "crystal", "copies": copies, "runs": [md(1200, 8000, LABELS - 10)]}
    made = init(out / f"{seed:02d}" / "data", seed, [system])
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "param.json", ours(seed, made) if program == WTEMLP else theirs(made))
    label = f"{sys.executable} {HERE / 'copper_label.py'}"
    content: dict[str, Any] = {"api_version": "1.0", "deepmd_version": "3.2.0"}
    # Two jobs at a time, as there are cores.
    walkers = 1 if program == WTEMLP else 2
    each_of = (("train", "dp", 2), ("model_devi", "lmp", walkers), ("fp", label, LABELS // 2))
    for stage, command, each in each_of:
        content[stage] = machine(command)
        content[stage]["resources"]["group_size"] = each
    write_json(folder / "machine.json", content)
    return folder


def theirs(made: Path) -> dict[str, Any]:
    """DP-GEN's parameters."""
    training = json.loads(EXAMPLE.read_text())["default_training_param"]
    training["training"] |= {"numb_steps": STEPS, "disp_freq": STEPS, "save_freq": STEPS}
    explored = {"sys_idx": [0], "ensemble": "npt", "press": [0.0], "nsteps": 3000, "trj_freq": 20}
    return {
        "type_map": ["Cu"],
        "mass_map": [63.546],
        "init_data_prefix": str(made / "data"),
        "init_data_sys": ["crystal/train"],
        "sys_configs": [[str(made / "conf/crystal/0000.POSCAR")]],
        "sys_format": "vasp/poscar",
        "numb_models": 4,
        "default_training_param": training,
        "dp_compress": True,
        "model_devi_engine": "lammps",
        "model_devi_dt": 0.004,
        "model_devi_skip": 0,
        "model_devi_f_trust_lo": 0.1,
        "model_devi_f_trust_hi": 0.6,
        "model_devi_clean_traj": False,
        "model_devi_jobs": [
            explored | {"temps": list(kelvin), "_idx": str(number)}
            for number, kelvin in enumerate(LADDER_K)
        ],
        "fp_style": "custom",
        "fp_params": {
            "input_fmt": "vasp/poscar",
            "input_fn": "POSCAR_in",
            "output_fmt": "deepmd/npy",
            "output_fn": "labeled",
        },
        "shuffle_poscar": False,
        "fp_task_max": LABELS,
        "fp_task_min": 1,
        "ratio_failed": 0.05,
    }


def ours(seed: int, made: Path) -> dict[str, Any]:
    """wtemlp's."""
    content = theirs(made)
    job = json.loads(EXAMPLE.read_text())["model_devi_jobs"][0]
    return content | {
        "seed": seed,
        "sys_configs": [[str(made / "conf/crystal/*.POSCAR")]],
        "model_devi_engine": "wte",
        "model_devi_jobs": [job | {"nsteps": 6000}] * ITERATIONS,
        "trust": {"error_meV_A": [150, 3000]},
    }


def trained(out: Path, folder: Path) -> Iterator[Trained]:
    """The models of each iteration of a finished run, one after another."""
    from deepmd.infer import DeepPot

    start = (folder / "machine.json").stat().st_ctime  # when it was copied
    labels = 0
    for iteration in sorted(folder.glob("iter.*")):
        graphs = sorted(iteration.glob("00.train/graph.*.pb"))
        if len(graphs) == 4:
            ended = max(graph.stat().st_mtime for graph in graphs) - start
            yield Trained(ended, labels, *errors(out, [DeepPot(str(one)) for one in graphs]))
        new = iteration.glob("02.fp/data.*/**/set.*/energy.npy")
        labels += sum(len(np.load(one)) for one in new)


def errors(out: Path, models: list[Any]) -> tuple[float, float]:
    """Force error over all sets (meV/Angstrom), and that of melt against crystal (meV/atom)."""
    force: dict[str, float] = {}
    offset: dict[str, NDArray[np.float64]] = {}
    for name, frames in tests(out).items():
        kinds = [0] * frames.coord.shape[1]
        said = [one.eval(frames.coord, frames.box.reshape(-1, 9), kinds)[:2] for one in models]
        wrong = np.array([one[1] for one in said]) - frames.force
        force[name] = 1000 * float(np.sqrt(np.square(wrong).mean()))
        energies = np.array([one[0].ravel() for one in said]) - frames.energy
        offset[name] = 1000 * energies.mean(axis=1) / len(kinds)
    melt, crystal = (
        np.mean([offset[name] for name in names], axis=0) for names in (MELTS, CRYSTALS)
    )
    heat = float(np.sqrt(np.square(melt - crystal).mean()))
    return float(np.exp(np.mean(np.log(list(force.values()))))), heat


def main() -> None:
    """Take turns, look, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--force", type=float, default=100.0)
    parser.add_argument("--heat", type=float, default=10.0)
    given = parser.parse_args()
    out = given.out.resolve()
    tests(out)
    ratios = []
    print("| seed | program | iteration | s | labels | force, meV/Å | latent heat, meV/atom | |")
    print("|" + "---|" * 8, flush=True)
    for seed in range(1, given.repeats + 1):
        took = {}
        for program in (AS_IT_COMES, WTEMLP):
            folder = out / f"{seed:02d}" / program.replace(" ", "_")
            whole = run(program, files(out, seed, program), folder)
            took[program] = whole.wall
            for number, one in enumerate(trained(out, folder)):
                enough = one.reaches(given.force, given.heat)
                print(
                    f"| {seed} | {program} | {number} | {one.seconds:.0f} | {one.labels} "
                    f"| {one.force_meV_A:.0f} | {one.heat_meV_atom:.1f} | {'reached' * enough} |",
                    flush=True,
                )
                if enough:
                    took[program] = one.seconds
                    break
        ratios.append(took[AS_IT_COMES] / took[WTEMLP])
    print(f"\nof {len(ratios)} turns {min(ratios):.2f} to {max(ratios):.2f}")
    print(f"ratio: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
