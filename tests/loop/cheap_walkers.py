"""Walkers, MD and model errors of the cheap engines."""

import hashlib
import json
import os
import re
import sys
import time
from pathlib import Path

import numpy as np
from cheap_engines import SLEEP_S

HEADER = "# step max_devi_v min_devi_v avg_devi_v max_devi_f min_devi_f avg_devi_f"
#: Walkers with a larger bias factor are stopped in the middle of their biased part.
STOPS_ABOVE = float(os.environ.get("CHEAP_ENGINE_STOPS_ABOVE", "inf"))
STOPS = "CHEAP_ENGINE_STOPS" in os.environ  #: every walker is lost at its first step
EXPLODES = "CHEAP_ENGINE_EXPLODES" in os.environ  #: the MD of a validation


def compare(systems: list[Path], prefix: str) -> None:
    """The models are wrong by 0.1 eV in each energy, and by 0.02 eV/Angstrom in each force."""
    for kind in ("e", "e_peratom", "f"):
        with Path(f"{prefix}.{kind}.out").open("w") as file:
            for system in systems:
                name = "force" if kind == "f" else "energy"
                sets = sorted(system.glob(f"set.*/{name}.npy"))
                labels = np.concatenate([np.load(f) for f in sets])
                labels = labels.reshape(-1, 3 if kind == "f" else 1)
                table = np.hstack([labels, labels + (0.02 if kind == "f" else 0.1)])
                if kind == "e_peratom":
                    table /= len((system / "type.raw").read_text().split())
                np.savetxt(file, table, header=f"{system}: data pred")


def explore() -> None:
    """What a walker's job leaves, in the folder of an exploration task."""
    if STOPS:
        Path("log.lammps").write_text("ERROR: Lost atoms: original 81 current 80\n")
        sys.exit(1)
    script = Path("input.lammps").read_text()
    models = "".join(path.read_text() for path in sorted(Path("..").glob("graph.*.pb")))
    seed = hashlib.sha256((script + models).encode()).digest()[:8]
    rng = np.random.default_rng(int.from_bytes(seed, "big"))
    job = json.loads(Path("job.json").read_text()) if Path("job.json").exists() else {}
    every = int(re.search(r"out_freq (\d+)", script).group(1))
    runs = re.findall(r"^run +(\d+)(?: upto)? pre no", script, re.M)
    if len(runs) != 3:
        explore_own(script, every, rng)
        return
    equilibration, sampling, total = map(int, runs)
    nvt = equilibration + sampling
    biasfactor = _biasfactor(script)
    if biasfactor > STOPS_ABOVE:
        total = nvt + (total - nvt) // 2 // every * every
        Path("walker.stopped").write_text(f"energy 9 eV at step {total}: too far\n")
    bounds, atoms = _read_conf(Path("conf.lmp"))
    rows = [HEADER]
    stored = _stored_in(script)
    for step in range(0, total + 1, every):
        moved = atoms[:, 2:] + rng.normal(scale=0.02, size=(len(atoms), 3))
        with (stored or Path("traj") / f"{step}.lammpstrj").open("a" if stored else "w") as file:
            file.write(_frame(step, bounds, atoms, moved))
        rows.append(f"{step} 0 0 0 {rng.uniform(0, 1):.6f} 0.01 0")
        Path("model_devi.out").write_text("\n".join(rows) + "\n")
        time.sleep(SLEEP_S / 20)
    for name, first, last in (("COLVAR.nvt", 0, nvt), ("COLVAR.wte", nvt, total)):
        lines = ["#! FIELDS time ene metad.bias"]
        lines += [f"{s * 0.0005:.6f} {rng.normal():.9f} 0.0" for s in range(first, last + 1, 10)]
        Path(name).write_text("\n".join(lines) + "\n")
    Path("sigma.out").write_text(f"mean_eV 0.0 sigma_eV 1.0 biasfactor {biasfactor:g}\n")
    hills = ["#! FIELDS time ene sigma_ene height biasf"]
    hills += [
        f"{s * 0.0005:.6f} {rng.normal():.9f} 1.0 0.01 {biasfactor:g}"
        for s in range(nvt, total, 100)
    ]
    Path("HILLS").write_text("\n".join(hills) + "\n")
    Path("log.lammps").write_text(f"cheap {job}\n")


def validate(script: str) -> None:
    """What an MD job of a validation leaves: a harmonic crystal in equilibrium."""
    models = "".join(path.read_text() for path in sorted(Path("..").glob("graph.*.pb")))
    seed = hashlib.sha256((script + models).encode()).digest()[:8]
    rng = np.random.default_rng(int.from_bytes(seed, "big"))
    temperature = float(re.search(r"^velocity +all create (\S+)", script, re.M)[1])
    runs = [int(steps) for steps in re.findall(r"^run +(\d+)", script, re.M)]
    bounds, atoms = _read_conf(Path("conf.lmp"))
    n_free = 3 * len(atoms) - 3
    step = runs.pop(0)
    for part, steps in zip(re.findall(r"^fix +(\w+)_series", script, re.M), runs, strict=True):
        every = int(re.search(rf"^fix +{part}_series all print (\d+)", script, re.M)[1])
        rows = ["# step temperature potential total pressure density"]
        for now in range(step, step + steps + 1, every):
            kinetic = temperature * rng.gamma(n_free / 2, 2 / n_free)
            potential = -10 + 0.1 * rng.normal()
            rows.append(f"{now} {kinetic:.6f} {potential:.8f} 0.0 1.0 1.0")
            if EXPLODES and now > step + steps / 2:
                Path(f"series.{part}").write_text("\n".join(rows) + "\n")
                why = "ERROR: Lost atoms: original 81 current 80 (src/thermo.cpp:500)"
                Path("log.lammps").write_text(why + "\n")
                sys.exit(1)
        Path(f"series.{part}").write_text("\n".join(rows) + "\n")
        every = int(re.search(rf"^dump +{part}_traj all custom (\d+)", script, re.M)[1])
        with Path(f"traj.{part}.dump").open("w") as dump:
            for now in range(step, step + steps + 1, every):
                moved = atoms[:, 2:] + rng.normal(scale=0.05, size=(len(atoms), 3))
                dump.write(_frame(now, bounds, atoms, moved))
        step += steps
        time.sleep(SLEEP_S)
    Path("log.lammps").write_text(f"{step} cheap\n")


def explore_own(script: str, every: int, rng: np.random.Generator) -> None:
    """What a job with a template leaves: PLUMED goes on with the hills that are there."""
    total = int(re.search(r"^run +(\d+)$", script, re.M)[1])
    bounds, atoms = _read_conf(Path("conf.lmp"))
    stored = _stored_in(script)
    with Path("HILLS").open("a") as hills:
        hills.write("#! FIELDS time e sigma_e height biasf\n")
    rows, energies = [HEADER], ["#! FIELDS time e m.bias"]
    for step in range(0, total + 1, every):
        moved = atoms[:, 2:] + rng.normal(scale=0.02, size=(len(atoms), 3))
        with (stored or Path("traj") / f"{step}.lammpstrj").open("a" if stored else "w") as file:
            file.write(_frame(step, bounds, atoms, moved))
        rows.append(f"{step} 0 0 0 {rng.uniform(0, 1):.6f} 0.01 0")
        Path("model_devi.out").write_text("\n".join(rows) + "\n")
        energies.append(f"{step * 0.001:.6f} {rng.normal():.9f} 0.5")
        time.sleep(SLEEP_S / 20)
    Path("COLVAR").write_text("\n".join(energies) + "\n")
    Path("log.lammps").write_text("cheap\n")


def _biasfactor(script: str) -> float:
    """That of the script; of a window: 64, or its limit if that is lower."""
    given = re.search(r"^variable +biasfactor equal ([\d.]+)$", script, re.M)
    limit = re.search(r"v_full<=([\d.]+)", script)
    return float(given[1]) if given else min(64.0, float(limit[1]) if limit else 64.0)


def _read_conf(path: Path) -> tuple[list[str], np.ndarray]:
    text = path.read_text()
    bounds = [line for line in text.splitlines() if line.endswith(("xhi", "yhi", "zhi"))]
    rows = text.split("Atoms")[1].split("\n\n", 1)[1].strip().splitlines()
    return bounds, np.array([row.split()[:5] for row in rows], dtype=float)


def _stored_in(script: str) -> Path | None:
    """The empty file that a script stores all frames in; None: a file each, in a folder."""
    if not re.search(r"^dump .* all\.lammpstrj ", script, re.M):
        Path("traj").mkdir(exist_ok=True)
        return None
    Path("all.lammpstrj").write_text("")
    return Path("all.lammpstrj")


def _frame(step: int, bounds: list[str], atoms: np.ndarray, moved: np.ndarray) -> str:
    lines = [
        "ITEM: TIMESTEP",
        str(step),
        "ITEM: NUMBER OF ATOMS",
        str(len(atoms)),
        "ITEM: BOX BOUNDS pp pp pp",
        *(" ".join(line.split()[:2]) for line in bounds),
        "ITEM: ATOMS id type x y z",
    ]
    lines += [
        f"{int(a[0])} {int(a[1])} {x:.10f} {y:.10f} {z:.10f}"
        for a, (x, y, z) in zip(atoms, moved, strict=True)
    ]
    return "\n".join(lines) + "\n"
