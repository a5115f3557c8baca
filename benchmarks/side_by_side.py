"""``dpgen run`` and ``wtemlp run`` with the same files, side by side.

    python benchmarks/side_by_side.py OUT [--files FOLDER] [--repeats 5]

FOLDER holds ``param.json``, ``machine.json`` and what they name; by default it is made: 27 waters,
four models of ten steps, two systems, two iterations and a last training, commands ``dp`` and
``lmp``.  OUT is made.  Four take turns, each with a whole run (one that is there and finished
stays): DP-GEN as it comes, which looks at its jobs every 30 s; DP-GEN that looks every 0.5 s;
wtemlp; and a plain script of the same calls of ``dp``, ``lmp`` and the label program, two at a
time: what is left of the time if nobody organises anything.  Printed are medians of the wall time
and of the CPU time of all that was started, and of the ratios of those that took turns.  On cores
that are shared with other work, the CPU time counts.

Then wtemlp sorts the frames of DP-GEN's own explorations, in ``OUT/sorted.I``: the same models, the
same trajectories.
"""

import argparse
import ctypes
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import dpdata

from wtemlp.analysis.frames import Decision
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.core.paths import RunPaths
from wtemlp.session.progress import Reporter
from wtemlp.stages import select
from wtemlp.stages.context import RunContext
from wtemlp.stages.exploration import explore
from wtemlp.workflow.loop import Loop

RUN = """
from dpgen.generator.run import run_iter
run_iter("param.json", "machine.json")
"""
OFTEN = """
import dpdispatcher
dpdispatcher.Submission.run_submission.__kwdefaults__["check_interval"] = 0.5
"""
WTEMLP = "from wtemlp.cli import main; main()"
PROGRAMS = {
    "dpgen": [sys.executable, "-c", OFTEN + RUN],
    "wtemlp": [sys.executable, "-c", WTEMLP, "run", "param.json", "machine.json"],
}
SUBREAPER = 36  #: of ``prctl``
#: And what is only timed.
OTHERS = {"as it comes": [sys.executable, "-c", RUN]}
FLOOR = "floor"
KINDS = {
    "candidate": (Decision.CANDIDATE, Decision.SELECTED),
    "accurate": (Decision.ACCURATE,),
    "failed": (Decision.FAILED,),
}


class Took(NamedTuple):
    """Time, s."""

    wall: float
    cpu: float


@contextmanager
def clocked(file: Path) -> Iterator[None]:
    """Note the time of what is done, and of all processes that it starts, in a file."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1)  # jobs lose their parents, and are this one's then
    began, before = time.monotonic(), cpu()
    yield
    wall = time.monotonic() - began
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    file.write_text(f"{wall} {cpu() - before}")


def cpu() -> float:
    """CPU time of what this process has started and waited for, s."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read(file: Path) -> Took:
    """What was noted."""
    return Took(*map(float, file.read_text().split()))


def run(name: str, source: Path, folder: Path) -> Took:
    """Do the whole run; its time."""
    took = folder.with_suffix(".seconds")
    if not took.exists():
        if folder.exists():
            shutil.rmtree(folder)
        shutil.copytree(source, folder)
        with clocked(took), folder.with_suffix(".log").open("w") as log:
            subprocess.run(
                (PROGRAMS | OTHERS)[name],
                cwd=folder,
                check=True,
                stdout=log,
                stderr=log,
                env=environment(),
            )
    return read(took)


def environment() -> dict[str, str]:
    """With the programs beside this Python."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return os.environ | {"PATH": path}


def replay(done: Path, folder: Path) -> Took:
    """The calls of a run that DP-GEN has done, again, two at a time; their time."""
    took = folder.with_suffix(".seconds")
    if took.exists():
        return read(took)
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(done, folder, symlinks=True)
    machine = json.loads((done / "machine.json").read_text())
    commands = {stage: machine[stage]["command"] for stage in ("train", "model_devi", "fp")}
    calls = {
        "00.train/[0-9]*": f"{commands['train']} train input.json && {commands['train']} freeze",
        "01.model_devi/task.*": f"{commands['model_devi']} -i input.lammps -v restart 0",
        "02.fp/task.*": commands["fp"],
    }
    variables = {k: str(v) for k, v in machine["train"]["resources"]["envs"].items()}

    def call(one: tuple[Path, str]) -> None:
        place, command = one
        with (place / "replay.log").open("w") as log:
            subprocess.run(
                command,
                shell=True,
                cwd=place,
                check=True,
                stdout=log,
                stderr=log,
                env=environment() | variables,
            )

    for pattern in ("00.train/*/model.ckpt*", "00.train/*/checkpoint", "02.fp/*/labeled"):
        for left in folder.glob(f"iter.*/{pattern}"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    with clocked(took), ThreadPoolExecutor(2) as pool:
        for iteration in sorted(folder.glob("iter.*")):
            for pattern, command in calls.items():
                places = [place for place in sorted(iteration.glob(pattern)) if place.is_dir()]
                list(pool.map(call, [(place, command) for place in places]))
    return read(took)


def label(folder: Path, data: Path) -> None:
    """Replace made-up labels by those of the label program: wtemlp holds data against it."""
    command = json.loads((folder / "machine.json").read_text())["fp"]["command"]
    made_up: Any = dpdata.LabeledSystem(str(data), fmt="deepmd/npy")
    labelled: Any = None
    for number in range(len(made_up)):
        place = folder / "labels" / str(number)
        place.mkdir(parents=True)
        made_up[number].to_vasp_poscar(str(place / "POSCAR_in"))
        subprocess.run(command, shell=True, cwd=place, check=True, env=environment())
        one = dpdata.LabeledSystem(str(place / "labeled"), fmt="deepmd/npy")
        if labelled is None:
            labelled = one
        else:
            labelled.append(one)
    shutil.rmtree(data)
    labelled.to_deepmd_npy(str(data))
    shutil.rmtree(folder / "labels")


def small_baseline(folder: Path) -> Path:
    """Make the files of the small run."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.support.handover_files import machine, write_input
    from tests.support.loop_runs import PARAM

    training = {"numb_steps": 10, "disp_freq": 5, "save_freq": 10}
    plain = {"sys_idx": [0, 1], "temps": [300], "press": [1.0], "trj_freq": 2, "nsteps": 20}
    write_input(
        folder,
        numb_models=4,
        dp_train_skip_neighbor_stat=False,
        default_training_param={**PARAM["default_training_param"], "training": training},
        model_devi_dt=0.0005,
        model_devi_jobs=[{**plain, "ensemble": "nvt", "_idx": index} for index in ("00", "01")],
        fp_task_max=3,
        reference_check=...,  # DP-GEN does not know it
    )
    label(folder, folder / "data" / "train")
    content = json.loads((folder / "machine.json").read_text())
    content["train"], content["model_devi"] = machine("dp"), machine("lmp")
    (folder / "machine.json").write_text(json.dumps(content, indent=1))
    return folder


def tree(folder: Path) -> set[str]:
    """Files of a run; frames and structures are drawn, so their numbers are left out."""
    files = (path.relative_to(folder) for path in folder.glob("iter.*/**/*") if not path.is_dir())
    return {str(file) for file in files if not any(p.startswith(".") for p in file.parts)}


def listed(folder: Path, iteration: int) -> dict[str, int]:
    """Frames in DP-GEN's lists."""
    found: Counter[str] = Counter()
    for file in folder.glob(f"iter.{iteration:06d}/02.fp/*.shuffled.*.out"):
        name = file.name.split(".")[0].removeprefix("rest_")
        found[name] += len(file.read_text().splitlines())
    return dict(found)


def sorted_by_wtemlp(dpgens: Path, iteration: int, folder: Path) -> dict[str, int]:
    """The same frames, sorted by wtemlp: it takes over DP-GEN's run before ``make_fp``."""
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(dpgens, folder, symlinks=True)
    record = folder / "record.dpgen"
    record.write_text(record.read_text().partition(f"{iteration} 6\n")[0])
    paths = RunPaths(folder)
    context = RunContext(
        load_params(folder / "param.json", folder),
        load_machines(folder / "machine.json", folder),
        paths,
    )
    loop = Loop(context, Reporter(None))
    frames, _ = explore.collect(context, iteration)
    decided = select.decide(context, iteration, frames)
    loop.step()
    found = {name: decided.count(*kinds) for name, kinds in KINDS.items()}
    assert found == {**dict.fromkeys(KINDS, 0), **listed(folder, iteration)}
    return found


def data(folder: Path) -> str:
    """Labelled frames as dpdata loads them."""
    found = [
        dpdata.LabeledSystem(str(file.parent), fmt="deepmd/npy")
        for file in sorted(folder.glob("iter.*/02.fp/data.*/**/type.raw"))
    ]
    kinds = {(one.formula, *sorted(map(str, one.data))) for one in found}
    frames = sum(map(len, found))
    return f"{frames} frames in {len(found)} systems: {'; '.join(kind[0] for kind in kinds)}"


def times(source: Path, out: Path) -> dict[str, Took]:
    """Times of one turn of all four."""
    out.mkdir(exist_ok=True)
    found = {name: run(name, source, out / name) for name in (*PROGRAMS, *OTHERS)}
    found[FLOOR] = replay(out / "dpgen", out / FLOOR)
    return found


def print_times(turns: list[dict[str, Took]]) -> None:
    """The medians, and how many times as long as wtemlp each takes."""
    for title, kind in (("wall", 0), ("CPU", 1)):
        for name in ("as it comes", "dpgen", "wtemlp", FLOOR):
            seconds = [turn[name][kind] for turn in turns]
            ratios = [turn[name][kind] / turn["wtemlp"][kind] for turn in turns]
            print(
                f"{title:6}{name:12}{statistics.median(seconds):8.0f} s"
                f"  {statistics.median(ratios):6.2f}  ({min(ratios):.2f} to {max(ratios):.2f})"
            )


def compare(out: Path) -> None:
    """What the two have made of the same files."""
    seconds = {name: read(out / f"{name}.seconds") for name in PROGRAMS}
    theirs, ours = (tree(out / name) for name in PROGRAMS)
    rows = [
        ("wall time, s", *(f"{seconds[name].wall:.0f}" for name in PROGRAMS)),
        ("CPU time, s", *(f"{seconds[name].cpu:.0f}" for name in PROGRAMS)),
        ("files", str(len(theirs)), str(len(ours))),
        ("labelled", *(data(out / name) for name in PROGRAMS)),
    ]
    for iteration in range(len(list((out / "dpgen").glob("iter.*/02.fp")))):
        counts = listed(out / "dpgen", iteration)
        same = sorted_by_wtemlp(out / "dpgen", iteration, out / f"sorted.{iteration}")
        text = (", ".join(f"{one[kind]} {kind}" for kind in KINDS) for one in (counts, same))
        rows.append((f"iteration {iteration} of dpgen's: frames", *text))
    print("| | `dpgen run` | `wtemlp run` |\n|---|---|---|")
    print("\n".join(f"| {' | '.join(row)} |" for row in rows))
    for title, names in (("dpgen's only", theirs - ours), ("wtemlp's only", ours - theirs)):
        kinds = Counter(Path(name).name for name in names)
        print(f"\n{title}: " + ", ".join(f"{kind} ({n})" for kind, n in sorted(kinds.items())))


def main() -> None:
    """Parse, take turns, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--files", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    out = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    made = out / "files"
    source = args.files.resolve() if args.files else made if made.exists() else small_baseline(made)
    turns = [times(source, out / str(number)) for number in range(args.repeats)]
    compare(out / "0")
    print()
    print_times(turns)
    ratio = statistics.median(turn["dpgen"].wall / turn["wtemlp"].wall for turn in turns)
    print(f"ratio: {ratio:.2f}")


if __name__ == "__main__":
    main()
