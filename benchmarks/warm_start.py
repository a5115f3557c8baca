"""Whether trainings may begin with the models of the iteration before, at a quarter of the steps.

    python benchmarks/warm_start.py [--out runs/warm_start] [--seeds 1,2,3,4,5,6,7,8] [--arms ...]
    python benchmarks/warm_start_analysis.py [benchmarks/results/warm_start.csv]

The design, written before the runs:

**Data.**  108 atoms of copper (EAM), zero pressure.  Five data sets that grow, as a run's do: 20
frames of the crystal at 1200 K and 10 strained copies, then four times 30 frames of a biased run
(bias factor 16, 32 ps each; fewer where energies are correlated for long) from the crystal, in the
order of time: it reaches the melt on the way.  The potential itself samples and labels, so the data
are the same for all arms, whose differences are of the training alone; what a loop would label
otherwise because of them is not seen.

**Arms.**  Each is a committee of four: network, loss and schedule of ``wtemlp quickstart``.

- ``scratch``: from random numbers, all steps, in each iteration;
- ``short``: the same with a quarter of the steps, the schedule scaled: what the time of the next
  three would do without the old models;
- ``warm``: from the arm's own last models, a quarter of the steps, start_lr 3e-3 in the place of
  1e-2, and frames drawn as DP-GEN's ``training_reuse_old_ratio: auto`` has it: new ones ten times
  as often as old ones;
- ``slow``: the same with start_lr 1e-3;
- ``even``: as ``warm``, but all frames alike (``auto:1``).

Added after the first replicate, in which ``warm`` had lost the energies, and no part of the
endpoints: a loss that weighs energies from the beginning, as DP-GEN's
``training_reuse_start_pref_*`` can (``both``: 1 and 100 in the place of 0.1 and 1000, all frames
alike; ``end``, ``end3``: 10 and 10, the weights at the end of a training, start_lr 1e-3 and 3e-3;
``endhalf``: that with half the steps); and ``all``: all steps from the last models, start_lr 3e-3,
all frames alike.

The first iteration's models are the same in all arms.  Those from random numbers are trained in
the first and the fifth alone, for none is needed for the next.  A run whose last training alone is
from random numbers would end with the models of ``scratch``, for the data are the same.

**Replicates.**  One is a biased run of its own and 4 networks an arm and iteration, of its own
seeds; arms are paired within it.  Intervals are Student's over replicates.

**Tests.**  Independent runs of the potential, 20 frames each: crystal at 600 and 1200 K, melt at
1500 and 2000 K, states in between (a biased run).  RMSE of forces and of energies without their
mean offset, root mean squares over the models; the offset itself.  For the spread: frames of the
next iteration, which no model has seen (a fifth part of the biased run for the last one): the
force deviation (DP-GEN's), the ratio of error to deviation, and their rank correlation.

**Endpoints**, of an arm against ``scratch``, after the last training; the start from the last
models *holds* where all bounds are kept by one-sided 95 % intervals:

- force RMSE, geometric mean of the five sets: at most 10 % larger;
- energy RMSE, likewise: at most 20 % larger;
- crystal and melt against each other (the error of the latent heat), absolute: at most 2 meV/atom
  larger;
- error over deviation on the next frames: at most 20 % larger; rank correlation: at most 0.1 less.

Every finished training is a file, and a call that was killed goes on where it was.  The table has
the arms of a replicate that have come to their end.
"""

import argparse
import csv
import ctypes
import json
import os
import signal
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from copper import init, md
from numpy.typing import NDArray

from wtemlp.analysis.deviation import calibrate, largest_force_errors
from wtemlp.core.atomic_io import write_json
from wtemlp.core.seeds import derive_seed
from wtemlp.md import dp

HERE = Path(__file__).parent
EXAMPLE = HERE.parent / "wtemlp" / "cli" / "examples" / "copper" / "param.json"
MODELS = 4
ITERATIONS = 5
LOOKED_AT = (0, 4)  #: iterations whose models are held against the tests
NEW = 30  #: frames an iteration
TEST_FRAMES = 20
STEPS = 800  #: of a training from random numbers
TEST_SEED = 1_000_003  #: of no replicate
BIAS = {"biasfactor": 16, "height": 1.0, "pace": 20}
BIASED_STEPS = 8000  #: an iteration
PR_SET_PDEATHSIG = 1
NEXT = "next"  #: the frames of the next iteration, among the sets
ONE_CORE = ("OMP_NUM_THREADS", "DP_INTER_OP_PARALLELISM_THREADS", "DP_INTRA_OP_PARALLELISM_THREADS")


@dataclass(frozen=True)
class Arm:
    """How the models after the first are trained."""

    share: float  #: of all steps
    start_lr: float | None = None  #: None: the file's
    new_to_old: float | None = None  #: how often new frames are drawn; None: from random numbers
    start_pref: tuple[float, float] | None = None  #: of energies and forces; None: the file's


ARMS = {
    "scratch": Arm(1),
    "short": Arm(1 / 4),
    "warm": Arm(1 / 4, 3e-3, 10),
    "slow": Arm(1 / 4, 1e-3, 10),
    "even": Arm(1 / 4, 3e-3, 1),
    "both": Arm(1 / 4, 3e-3, 1, (1, 100)),
    "end": Arm(1 / 4, 1e-3, 10, (10, 10)),
    "end3": Arm(1 / 4, 3e-3, 10, (10, 10)),
    "endhalf": Arm(1 / 2, 3e-3, 10, (10, 10)),
    "all": Arm(1, 3e-3, 1),
}


@dataclass(frozen=True)
class Frames:
    """Labelled frames: (n,) eV, (n, atoms, 3) Angstrom and eV/Angstrom, (n, 3, 3) Angstrom."""

    energy: NDArray[np.float64]
    coord: NDArray[np.float64]
    force: NDArray[np.float64]
    box: NDArray[np.float64]

    @classmethod
    def read(cls, folder: Path) -> "Frames":
        """All sets of a system, in their order."""
        sets = sorted(folder.glob("set.*"))
        names = ("energy", "coord", "force", "box")
        energy, coord, force, box = (
            np.concatenate([np.load(one / f"{name}.npy") for one in sets]) for name in names
        )
        n = len(energy)
        coord, force = coord.reshape(n, -1, 3), force.reshape(n, -1, 3)
        return cls(energy.ravel(), coord, force, box.reshape(n, 3, 3))

    def part(self, rows: Sequence[int]) -> "Frames":
        """Some of them."""
        return Frames(self.energy[rows], self.coord[rows], self.force[rows], self.box[rows])

    def write(self, folder: Path) -> None:
        """A system of one set, as DeePMD-kit reads it."""
        (folder / "set.000").mkdir(parents=True, exist_ok=True)
        (folder / "type.raw").write_text("0\n" * self.coord.shape[1])
        (folder / "type_map.raw").write_text("Cu\n")
        for name, array in vars(self).items():
            np.save(folder / "set.000" / f"{name}.npy", array.reshape(len(array), -1))


@cache
def tests(out: Path) -> dict[str, Frames]:
    """The frames that all models are held against."""
    runs = {f"crystal{k}": [md(k, 8000, TEST_FRAMES)] for k in (600, 1200)}
    runs |= {f"melt{k}": [md(3500, 5000, 0), md(k, 8000, TEST_FRAMES)] for k in (1500, 2000)}
    runs["between"] = [md(1200, 2000, 0), md(1200, 40_000, TEST_FRAMES, wte=BIAS)]
    systems = [{"name": name, "runs": of} for name, of in runs.items()]
    data = init(out / "tests", TEST_SEED, systems) / "data"
    return {name: Frames.read(next((data / name).rglob("type.raw")).parent) for name in runs}


@cache
def parts(out: Path, seed: int) -> list[Frames]:
    """What each iteration of a replicate adds, and what would come after the last."""
    strained = {"lengths": [0.93, 1.2], "n_lengths": 10, "amplitude_A": 0.1, "single_atoms": False}
    biased = md(1200, ITERATIONS * BIASED_STEPS, ITERATIONS * NEW, wte=BIAS)
    one = {"name": "walker", "copies": strained, "runs": [md(1200, 8000, NEW - 10), biased]}
    data = init(out / f"{seed:02d}" / "data", seed, [one]) / "data" / "walker"
    frames = Frames.read(data / "train")
    with (data / "frames.csv").open() as table:  # they are in no order
        origin = [(row["run"], int(row["step"])) for row in csv.DictReader(table)]
    order = sorted(range(len(origin)), key=origin.__getitem__)
    later = [k for k in order if origin[k][0].startswith("walker.01")]
    start = [k for k in order if k not in later]
    each = [rows.tolist() for rows in np.array_split(later, ITERATIONS)]
    return [frames.part(rows) for rows in (start, *each)]


@dataclass(frozen=True)
class Training:
    """One model: of a replicate, an arm, an iteration."""

    seed: int
    arm: str
    iteration: int
    model: int

    def folder(self, out: Path) -> Path:
        """Where it is trained; in the first iteration there is one for all arms."""
        arm = self.arm if self.iteration else next(iter(ARMS))
        return out / f"{self.seed:02d}" / f"{arm}.{self.iteration}.{self.model}"

    @property
    def rule(self) -> Arm:
        """How it is trained."""
        return ARMS[self.arm] if self.iteration else ARMS[next(iter(ARMS))]

    @property
    def before(self) -> "Training | None":
        """The model that it begins with."""
        if self.rule.new_to_old is None:
            return None
        return Training(self.seed, self.arm, self.iteration - 1, self.model)

    @property
    def steps(self) -> int:
        """Its length."""
        return round(STEPS * self.rule.share)


def training_input(one: Training, systems: Sequence[Path], frames: Sequence[int]) -> dict[str, Any]:
    """DeePMD-kit's input, as DP-GEN writes it, with a system an iteration, the new one last."""
    content: dict[str, Any] = json.loads(EXAMPLE.read_text())["default_training_param"]
    for part in ("descriptor", "fitting_net"):
        content["model"][part]["seed"] = derive_seed(one.seed, part, one.iteration, one.model)
    data: dict[str, Any] = {"systems": list(map(str, systems)), "batch_size": 1}
    if one.rule.new_to_old is not None:
        old, new = sum(frames[:-1]), frames[-1] * one.rule.new_to_old
        share, n = old / (old + new), len(frames)
        data["auto_prob"] = f"prob_sys_size; 0:{n - 1}:{share:f}; {n - 1}:{n}:{1 - share:f}"
    if one.rule.start_lr is not None:
        content["learning_rate"]["start_lr"] = one.rule.start_lr
    if one.rule.start_pref is not None:
        energy, force = one.rule.start_pref
        content["loss"] |= {"start_pref_e": energy, "start_pref_f": force}
    content["training"] |= {
        "training_data": data,
        "seed": derive_seed(one.seed, "training", one.iteration, one.model),
        "numb_steps": one.steps,
        "disp_freq": one.steps,
        "save_freq": one.steps,
    }
    return content


def sets_of(out: Path, seed: int, iteration: int) -> dict[str, Frames]:
    """All frames that a model is held against."""
    return tests(out) | {NEXT: parts(out, seed)[iteration + 1]}


def train(out: Path, one: Training) -> None:
    """Train a model and write what it says of all frames, in this process."""
    folder, n = one.folder(out), one.iteration + 1
    given = parts(out, one.seed)[:n]
    systems = [out / f"{one.seed:02d}" / f"part.{k}" for k in range(n)]
    content = training_input(one, systems, [len(part.energy) for part in given])
    write_json(folder / "input.json", content)
    os.chdir(folder)
    begin = one.before
    old = [] if begin is None else ["--init-model", str(begin.folder(out) / "model.ckpt")]
    words = ["train", "--skip-neighbor-stat", "input.json", *old, dp.SEPARATOR, "freeze"]
    if code := dp.run(words):
        raise SystemExit(code)
    from deepmd.infer import DeepPot

    potential = DeepPot("frozen_model.pb")
    found: dict[str, Any] = {}
    for name, frames in sets_of(out, one.seed, one.iteration).items():
        kinds = [0] * frames.coord.shape[1]
        energy, force, _ = potential.eval(frames.coord, frames.box.reshape(-1, 9), kinds)
        found |= {f"{name}.energy": energy.ravel(), f"{name}.force": force}
    np.savez("said.part.npz", **found)


def in_a_copy(out: Path, one: Training) -> None:
    """The same in a copy of this process, which has TensorFlow; with the CPU time that it took."""
    folder = one.folder(out)
    if (folder / "said.npz").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    if not (child := os.fork()):
        code = 1
        try:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # it ends with the original
            with (folder / "train.log").open("w") as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
                train(out, one)
            code = 0
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    _, status, used = os.wait4(child, 0)
    if status:
        raise SystemExit(f"a training failed: {folder / 'train.log'}")
    write_json(folder / "cpu.json", used.ru_utime + used.ru_stime)
    (folder / "said.part.npz").rename(folder / "said.npz")


def chain(seed: int, arm: str) -> list[Training]:
    """All that an arm needs of a replicate, in its order."""
    needed = range(ITERATIONS) if ARMS[arm].new_to_old is not None else LOOKED_AT
    return [Training(seed, arm, k, model) for k in needed for model in range(MODELS)]


def rows(out: Path, seed: int, arm: str) -> Iterator[dict[str, Any]]:
    """What a finished arm of a replicate says: a row an iteration and set."""
    for iteration in LOOKED_AT:
        folders = [Training(seed, arm, iteration, model).folder(out) for model in range(MODELS)]
        said = [np.load(one / "said.npz") for one in folders]
        cpu_s = sum(json.loads((one / "cpu.json").read_text()) for one in folders)
        steps = Training(seed, arm, iteration, 0).steps
        for name, frames in sets_of(out, seed, iteration).items():
            force = np.array([one[f"{name}.force"] for one in said])
            energy = np.array([one[f"{name}.energy"] for one in said])
            yield {
                "seed": seed,
                "arm": arm,
                "iteration": iteration,
                "steps": steps,
                "cpu_s": round(cpu_s, 1),
                "set": name,
                **errors(energy, force, frames),
            }


def write_table(out: Path) -> None:
    """Write what is there of all replicates."""
    seeds = sorted(int(one.name) for one in out.iterdir() if one.name.isdigit())
    found = [
        row
        for seed in seeds
        for arm in ARMS
        if all((one.folder(out) / "said.npz").exists() for one in chain(seed, arm))
        for row in rows(out, seed, arm)
    ]
    with (out / "warm_start.csv").open("w") as file:
        table = csv.DictWriter(file, list(found[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(found)


def errors(
    energy: NDArray[np.float64], force: NDArray[np.float64], frames: Frames
) -> dict[str, float]:
    """A committee against the labels: (models, n) eV, (models, n, atoms, 3) eV/Angstrom."""
    wrong = 1000 * (energy - frames.energy) / frames.coord.shape[1]
    scattered = wrong - wrong.mean(axis=1, keepdims=True)
    spread = np.square(force - force.mean(axis=0)).sum(axis=-1).mean(axis=0)
    deviation = 1000 * np.sqrt(spread).max(axis=-1)
    largest = 1000 * largest_force_errors(force, frames.force)
    fit = calibrate(deviation, largest)
    assert fit is not None
    return {
        "frames": len(frames.energy),
        "force_rmse_meV_A": round(1000 * float(np.sqrt(np.square(force - frames.force).mean())), 3),
        "energy_rmse_shifted_meV_atom": round(float(np.sqrt(np.square(scattered).mean())), 4),
        "energy_offset_meV_atom": round(float(wrong.mean()), 4),
        "deviation_meV_A": round(float(np.median(deviation)), 3),
        "error_over_deviation": round(fit.ratio, 4),
        "rank_correlation": round(fit.rank_correlation, 4),
    }


def main() -> None:
    """Train what is not there yet, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/warm_start"))
    parser.add_argument("--seeds", default="1,2,3,4,5,6,7,8")
    parser.add_argument("--arms", default=",".join(ARMS))
    given = parser.parse_args()
    out, seeds = given.out.resolve(), list(map(int, given.seeds.split(",")))
    os.environ.update(dict.fromkeys(ONE_CORE, "1"))
    if not dp.load_all():
        raise SystemExit("DeePMD-kit with TensorFlow is not installed")
    tests(out)
    for seed in seeds:
        for k, part in enumerate(parts(out, seed)):
            part.write(out / f"{seed:02d}" / f"part.{k}")
        for arm in given.arms.split(","):
            for one in chain(seed, arm):
                in_a_copy(out, one)
            write_table(out)
            print(f"replicate {seed}: {arm} done", flush=True)


if __name__ == "__main__":
    main()
