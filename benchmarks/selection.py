"""Selection of explored frames by wtemlp and by DP-GEN, side by side.

    python benchmarks/selection.py [--walkers 200] [--frames 10000] [--repeats 5]

The deviations of all frames are read, sorted by the trust levels, and listed in the files that
DP-GEN leaves in ``02.fp``.  The two take turns with the same files, each in a process of its own;
the counts and the frames in the lists must be the same.  wtemlp does so twice: with walkers of
plain MD, as DP-GEN's are, and with those of the well-tempered ensemble, whose energies and biases
it reads for each frame, too.  Printed are medians of CPU time, the peak memory, and what of it is
above that of the imports.

    python benchmarks/selection.py --trajectories [--walkers 20] [--frames 2000] [--repeats 5]

The chosen frames are taken out of the trajectories, with a file a frame and with a file a walker,
and of those with four times as many frames: 100 frames drawn at random.  Printed are files and
bytes on the disk, and medians of the CPU time a frame takes, and a walker that was stopped: it is
asked which of its frames are there.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TRUST = (0.1, 0.3)
UNIQUE = 20  #: walkers with numbers of their own; the others have the same
EVERY = 10  #: steps between frames
TIMESTEP_PS = 0.001
LISTS = ("candidate", "rest_accurate", "rest_failed")
PROGRAMS = ("dpgen", "plain", "wte")


def write_files(root: Path, n_walkers: int, n_frames: int) -> None:
    """Write what walkers leave, as DeePMD-kit and PLUMED print it."""
    rng = np.random.default_rng(1)
    names = ("step", *(f"{of}_devi_{kind}" for kind in "vf" for of in ("max", "min", "avg")))
    header = "#" + " ".join(f"{name:>18}" for name in names)
    steps = EVERY * np.arange(n_frames)
    half = EVERY * (n_frames // 2)
    columns = {"COLVAR.nvt": "time ene", "COLVAR.wte": "time ene metad.bias"}
    for number in range(n_walkers):
        task = root / "iter.000000" / "01.model_devi" / f"task.000.{number:06d}"
        (task / "traj").mkdir(parents=True)
        if number >= UNIQUE:
            for file in task.with_name(f"task.000.{number % UNIQUE:06d}").iterdir():
                if file.is_file():
                    (task / file.name).write_bytes(file.read_bytes())
            continue
        deviations = rng.uniform(0, 0.5, (n_frames, 6))
        np.savetxt(
            task / "model_devi.out",
            np.column_stack([steps, deviations]),
            fmt="%12d" + "%19.6e" * 6,
            header=header,
            comments="",
        )
        for name, (first, last) in {"COLVAR.nvt": (0, half), "COLVAR.wte": (half, None)}.items():
            recorded = np.arange(
                first, (EVERY * n_frames if last is None else last) + 1, EVERY // 2
            )
            table = [recorded * TIMESTEP_PS, -1234.5 + rng.normal(size=len(recorded))]
            if last is None:
                table.append(rng.uniform(0, 3, len(recorded)))
            np.savetxt(
                task / name,
                np.column_stack(table),
                fmt=" %.9f",
                header=f"#! FIELDS {columns[name]}",
                comments="",
            )


def select_dpgen(root: Path) -> None:
    """DP-GEN's own selection, up to the frames themselves."""
    from dpgen.generator import run

    begin()
    (root / "iter.000000" / "02.fp").mkdir()
    os.chdir(root)
    folders = ("iter.000000/01.model_devi", "iter.000000/02.fp")
    levels = (1e10, 1e10, *TRUST)
    run._make_fp_vasp_inner(0, *folders, 0, *levels, 1, 0, [], ["O", "H"], {"type_map": ["O", "H"]})


def select_wtemlp(root: Path, engine: str) -> None:
    """wtemlp's: collect, decide, record."""
    from wtemlp.config.params import load_params
    from wtemlp.core.paths import RunPaths
    from wtemlp.md.walker_record import WalkerRecord, write_record
    from wtemlp.stages import select
    from wtemlp.stages.context import RunContext
    from wtemlp.stages.exploration import explore

    params = load_params(root / "param.json", root, check_files=False)
    context = RunContext(params, None, RunPaths(root))
    folders = sorted((root / "iter.000000" / "01.model_devi").glob("task.*"))
    n_frames = sum(1 for _ in (folders[0] / "model_devi.out").open()) - 1
    half = EVERY * (n_frames // 2)
    for number, folder in enumerate(folders):
        record = WalkerRecord(
            300.0,
            walker=number,
            biasfactor=4.0 if engine == "wte" else 1.0,
            nvt_steps=half if engine == "wte" else 0,
            nsteps=half,
            timestep_ps=TIMESTEP_PS,
        )
        write_record(folder, record)
        if engine == "plain":
            for name in ("COLVAR.nvt", "COLVAR.wte"):
                (folder / name).unlink()
    explore.list_walkers(context, 0, [folder.name for folder in folders])
    begin()
    (root / "iter.000000" / "02.fp").mkdir()
    frames, _ = explore.collect(context, 0)
    decided = select.decide(context, 0, frames)
    select.record(context, 0, decided)


STARTED: list[float] = []


def begin() -> None:
    """The imports are done."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    STARTED[:] = [time.process_time(), memory]


def worker(program: str, root: Path) -> None:
    """Select, and print what it took and what was found."""
    if program == "dpgen":
        select_dpgen(root)
    else:
        select_wtemlp(root, program)
    seconds = time.process_time() - STARTED[0]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {}
    for name in LISTS:
        lines = (root / "iter.000000" / "02.fp" / f"{name}.shuffled.000.out").read_text()
        found[name] = [len(lines.splitlines()), hash(tuple(sorted(lines.splitlines())))]
    print("RESULT", json.dumps([seconds, memory / 1024, (memory - STARTED[1]) / 1024, found]))


PARAM = {
    "type_map": ["O", "H"],
    "mass_map": [16.0, 1.0],
    "seed": 1,
    "init_data_sys": ["data"],
    "sys_configs": [["conf"]],
    "numb_models": 4,
    "default_training_param": {
        "model": {
            "descriptor": {"type": "se_e2_a", "rcut": 6.0, "rcut_smth": 0.5, "sel": [40, 80]},
            "fitting_net": {"neuron": [32, 32, 32]},
        },
        "learning_rate": {"type": "exp", "start_lr": 0.005, "stop_lr": 1e-5},
        "loss": {"type": "ener"},
        "training": {"numb_steps": 1000},
    },
    "model_devi_dt": TIMESTEP_PS,
    "model_devi_skip": 0,
    "model_devi_f_trust_lo": TRUST[0],
    "model_devi_f_trust_hi": TRUST[1],
    "model_devi_engine": "wte",
    "model_devi_jobs": [
        {
            "sys_idx": [0],
            "temps": [300],
            "ensemble": "nvt",
            "trj_freq": EVERY,
            "nsteps": 1000,
            "wte": {"biasfactor": 4},
        }
    ],
    "fp_style": "lammps",
    "fp_task_max": 100,
    "fp_task_min": 1,
    "fp_params": {"force_field": "tip3p-flexible"},
}


def measure(program: str, args: argparse.Namespace) -> list:
    """One selection in a folder and a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_files(root, args.walkers, args.frames)
        (root / "param.json").write_text(json.dumps(PARAM))
        done = subprocess.run(
            [sys.executable, __file__, "--worker", program, "--folder", folder],
            text=True,
            capture_output=True,
            check=False,
            cwd=folder,
            env=os.environ | {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"},
        )
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-4000:])
    line = next(x for x in done.stdout.splitlines() if x.startswith("RESULT "))
    return json.loads(line.removeprefix("RESULT "))


ATOMS = 96
CHOSEN = 100  #: frames that are taken out of the trajectories


def write_trajectories(root: Path, n_walkers: int, n_frames: int, merged: bool) -> None:
    """Write the frames of walkers, as wtemlp's script has them stored."""
    from wtemlp.md.walker_record import WalkerRecord, write_record

    rng = np.random.default_rng(1)
    rows = "".join(f"{atom} 1 %.10f %.10f %.10f\n" for atom in range(1, ATOMS + 1))
    box = "ITEM: BOX BOUNDS pp pp pp\n" + "0.0000000000 9.8600000000\n" * 3
    for number in range(n_walkers):
        task = root / "iter.000000" / "01.model_devi" / f"task.000.{number:06d}"
        task.mkdir(parents=True)
        write_record(task, WalkerRecord(300.0, walker=number, biasfactor=4.0))
        if not merged:
            (task / "traj").mkdir()
        with (task / "all.lammpstrj" if merged else Path(os.devnull)).open("w") as whole:
            for step in range(0, EVERY * n_frames, EVERY):
                coords = rows % tuple(rng.uniform(0, 9.86, 3 * ATOMS))
                head = f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{ATOMS}\n{box}"
                text = f"{head}ITEM: ATOMS id type x y z\n{coords}"
                if merged:
                    whole.write(text)
                else:
                    (task / f"traj/{step}.lammpstrj").write_text(text)


def take_out(args: argparse.Namespace, n_frames: int, merged: bool) -> None:
    """Take frames out of trajectories, and print what it took."""
    from wtemlp.core.paths import RunPaths
    from wtemlp.md.trajectory import are_stored, read_frames

    rng = np.random.default_rng(2)
    with tempfile.TemporaryDirectory() as folder:
        run = RunPaths(Path(folder))
        write_trajectories(run.root, args.walkers, n_frames, merged)
        tasks = [run.explore_task(0, 0, number) for number in range(args.walkers)]
        stored = [file for task in tasks for file in task.rglob("*.lammpstrj")]
        disk = sum(file.stat().st_blocks * 512 for file in stored) / args.walkers / n_frames
        read, asked = [], []
        for _ in range(args.repeats):
            places = rng.integers((args.walkers, n_frames), size=(CHOSEN, 2))
            begin = time.process_time()
            for walker, frame in places.tolist():
                read_frames(tasks[walker], [EVERY * frame])
            read.append((time.process_time() - begin) / CHOSEN * 1e6)
            begin = time.process_time()
            assert are_stored(tasks[0], EVERY * np.arange(n_frames)).all()
            asked.append((time.process_time() - begin) * 1e3)
    print(
        f"{'a walker' if merged else 'a frame':10}{n_frames:8}{len(stored):8}{disk:8.0f}"
        f"{statistics.median(read):10.0f}{statistics.median(asked):12.1f}"
    )


def trajectories(args: argparse.Namespace) -> None:
    """Both layouts, of two lengths."""
    print(f"{args.walkers} walkers of {ATOMS} atoms, medians of {args.repeats}")
    print(f"{'a file':10}{'frames':>8}{'files':>8}{'bytes':>8}{'us/chosen':>10}{'ms/stopped':>12}")
    for merged in (False, True):
        for n_frames in (args.frames, 4 * args.frames):
            take_out(args, n_frames, merged)


def main() -> None:
    """Parse, take turns, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--walkers", type=int, help="200, or 20 with --trajectories")
    parser.add_argument("--frames", type=int, help="10,000, or 2,000 with --trajectories")
    parser.add_argument("--trajectories", action="store_true")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--worker", choices=PROGRAMS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        worker(args.worker, args.folder)
        return
    args.walkers = args.walkers or (20 if args.trajectories else 200)
    args.frames = args.frames or (2000 if args.trajectories else 10000)
    if args.trajectories:
        trajectories(args)
        return
    found: dict[str, list[list]] = {program: [] for program in PROGRAMS}
    for _ in range(args.repeats):
        for program in PROGRAMS:
            found[program].append(measure(program, args))
    assert all(one[3] == found["dpgen"][0][3] for ones in found.values() for one in ones)
    print(f"{args.walkers} walkers of {args.frames} frames, medians of {args.repeats} runs")
    print(f"{'':10}{'CPU s':>8}{'ratio':>8}{'MB':>8}{'MB above imports':>18}")
    theirs = [statistics.median(one[0] for one in found["dpgen"])]
    for program in PROGRAMS:
        seconds, peak, above = (
            statistics.median(one[k] for one in found[program]) for k in range(3)
        )
        print(f"{program:10}{seconds:8.2f}{theirs[0] / seconds:8.1f}{peak:8.0f}{above:18.0f}")
    pairs = zip(found["dpgen"], found["plain"], strict=True)
    print(f"ratio: {statistics.median(a[0] / b[0] for a, b in pairs):.1f}")


if __name__ == "__main__":
    main()
