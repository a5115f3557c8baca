"""What the embedded PLUMED costs a step of molecular dynamics.

    python benchmarks/plumed_overhead.py [--waters 64] [--steps 1000] [--repeats 40]
        [--models graph.000.pb graph.001.pb ...]

Flexible TIP3P water, NVT, with the reference force field or, with ``--models``, with a committee
of DeePMD models (types O H).  In one LAMMPS, on one thread, short runs without and with ``fix
plumed`` (well-tempered metadynamics on the potential energy) take turns; the time is the CPU time
of each run's loop, so that other work on the machine matters less.  Printed is the median of the
ratios of neighbours, with its standard error (bootstrap), once over a plain run and once over
a run whose energy is tallied on every step, which a bias on the energy cannot do without; and,
less noisy, what LAMMPS's fixes take of a step (*Modify*) more than in a plain run.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from wtemlp.config.keys.labels import ForceField
from wtemlp.md.reference_script import force_field_commands, water_data
from wtemlp.md.topology import water_topology

MOLECULE = np.array([[0.0, 0.0, 0.0], [0.9572, 0.0, 0.0], [-0.24, 0.9266, 0.0]])  # O H H, A
VOLUME_A3 = 30.0  #: of one water molecule at 0.997 g/cm3
KCAL_MOL_IN_EV = 0.0433641

METAD = {
    "real": "SIGMA=12 HEIGHT=0.3 GRID_MIN=-20000 GRID_MAX=5000",  # kcal/mol
    "metal": "SIGMA=0.5 HEIGHT=0.013 GRID_MIN=-60000 GRID_MAX=5000",  # eV
}
VARIANTS = ("plain", "tallied", "plumed")


def water_box(n_waters: int) -> str:
    """A LAMMPS data file of water molecules on a cubic lattice, to be relaxed."""
    edge = (n_waters * VOLUME_A3) ** (1 / 3)
    per_side = int(np.ceil(n_waters ** (1 / 3)))
    sites = np.stack(np.meshgrid(*[np.arange(per_side)] * 3), -1).reshape(-1, 3)[:n_waters]
    coords = ((sites * edge / per_side)[:, None] + MOLECULE).reshape(-1, 3)
    types = np.tile([0, 1, 1], n_waters)
    cell = np.eye(3) * edge
    topology = water_topology(types, coords, cell, ("O", "H"))
    return water_data(force_field(), coords, cell, topology)


def force_field() -> ForceField:
    """The reference force field, its cut-off small enough for 32 waters."""
    return ForceField(name="tip3p-flexible", cutoff_A=4.9, kspace_accuracy=1e-4)


def equilibrate(folder: Path, n_waters: int) -> None:
    """Write ``water.data`` (units real) and ``water.metal.data`` (atomic) of a liquid."""
    (folder / "lattice.data").write_text(water_box(n_waters))
    script = (
        force_field_commands(force_field(), "lattice.data")
        + """\
minimize        1e-4 1e-6 200 400
velocity        all create 300 1
fix             nve all nve
fix             thermostat all langevin 300 300 50 1
timestep        0.5
run             3000
write_data      water.data nocoeff
write_dump      all custom last.dump id type xu yu zu modify sort id
"""
    )
    run(folder, "equilibrate.in", script)
    atoms = np.loadtxt(folder / "last.dump", skiprows=9)
    edge = np.diff(np.loadtxt(folder / "last.dump", skiprows=5, max_rows=3)[0])[0]
    rows = "".join(f"{a[0]:.0f} {a[1]:.0f} {a[2]} {a[3]} {a[4]}\n" for a in atoms)
    bounds = "".join(f"0 {edge} {axis}lo {axis}hi\n" for axis in "xyz")
    (folder / "water.metal.data").write_text(
        f"water\n\n{len(atoms)} atoms\n2 atom types\n\n{bounds}\nMasses\n\n1 15.9994\n2 1.008\n"
        f"\nAtoms # atomic\n\n{rows}"
    )


def system(models: list[Path]) -> str:
    """The liquid and its potential, up to the thermostat."""
    if models:
        timestep, potential = (
            0.0005,
            f"""\
units           metal
atom_style      atomic
read_data       water.metal.data
pair_style      deepmd {" ".join(map(str, models))} out_freq 20 out_file model_devi.out
pair_coeff      * * O H
""",
        )
    else:
        timestep, potential = 0.5, force_field_commands(force_field(), "water.data")
    return f"""{potential}
timestep        {timestep}
velocity        all create 300 1
fix             nve all nve
fix             thermostat all temp/csvr 300 300 $(200*dt) 1
thermo          1000
variable        u equal c_thermo_pe
"""


def plumed_input(units: str, turn: int) -> str:
    """Well-tempered metadynamics on the energy, its files named by the turn."""
    unit = {"real": "kcal/mol", "metal": "eV"}[units]
    return f"""\
UNITS ENERGY={unit} LENGTH=A
ene: ENERGY
m: METAD ARG=ene PACE=100 BIASFACTOR=16 TEMP=300 FILE=HILLS.{turn} GRID_BIN=5000 {METAD[units]}
PRINT ARG=ene,m.bias STRIDE=10 FILE=COLVAR.{turn}
"""


def script(steps: int, models: list[Path], turn: int) -> str:
    """One turn: each variant runs, the first steps to warm up."""
    tally = "fix added all ave/time 1 1 1 v_u\n"
    bias = f"fix added all plumed plumedfile plumed.{turn}.dat outfile plumed.log\n"
    before = {"plain": "", "tallied": tally, "plumed": bias + "fix_modify added energy no\n"}
    runs = f"run {max(steps // 10, 1)}\nrun {steps}\n"
    return "".join(
        f"{before[variant]}{runs}{'unfix added' if before[variant] else ''}\n"
        for variant in VARIANTS
    )


def run(folder: Path, name: str, text: str) -> np.ndarray:
    """Run a script with ``wtemlp lmp``.

    Returns
    -------
    ndarray, (n_runs, 2)
        CPU time of each run's loop and of the fixes in it, seconds.
    """
    (folder / name).write_text(text)
    environment = os.environ | dict.fromkeys(
        (
            "OMP_NUM_THREADS",
            "TF_INTRA_OP_PARALLELISM_THREADS",
            "TF_INTER_OP_PARALLELISM_THREADS",
            "DP_INTRA_OP_PARALLELISM_THREADS",
            "DP_INTER_OP_PARALLELISM_THREADS",
        ),
        "1",
    )
    command = [
        sys.executable,
        "-m",
        "wtemlp.lammps_plumed.lmp",
        "-in",
        name,
        "-log",
        "log",
        "-screen",
        "none",
    ]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr[-500:]}")
    log = (folder / "log").read_text()
    loops = re.findall(r"Loop time of (\S+)", log)
    shares = re.findall(r"(\S+)% CPU use", log)
    fixes = re.findall(r"Modify +\| +(\S+)", log)
    times = np.array([loops, fixes], float).T
    return times * np.array(shares, float)[:, None] / 100


def measure(waters: int, steps: int, repeats: int, models: list[Path]) -> np.ndarray:
    """CPU time of a step and of its fixes, milliseconds, (repeats, len(VARIANTS), 2)."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        equilibrate(folder, waters)
        for turn in range(repeats):
            text = plumed_input("metal" if models else "real", turn)
            (folder / f"plumed.{turn}.dat").write_text(text)
        turns = [script(steps, models, turn) for turn in range(repeats)]
        loops = run(folder, "turns.in", system(models) + "".join(turns))
    return 1e3 * loops[1::2].reshape(repeats, len(VARIANTS), 2) / steps


def median_error(values: np.ndarray) -> float:
    """Standard error of a median, by bootstrap."""
    rng = np.random.default_rng(1)
    return float(np.median(rng.choice(values, (1000, len(values))), axis=1).std())


def main() -> None:
    """Print the times and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--waters", type=int, default=64)
    parser.add_argument("--steps", type=int, default=1000, help="of one run")
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--models", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    models = [model.resolve() for model in options.models]
    times, fixes = np.moveaxis(
        measure(options.waters, options.steps, options.repeats, models), -1, 0
    )
    print(
        f"{3 * options.waters} atoms, {len(models) or 'no'} models,"
        f" {options.repeats} turns of {options.steps} steps"
    )
    for variant, time in zip(VARIANTS, np.median(times, axis=0), strict=True):
        print(f"  {variant:8s} {time:9.4f} ms a step")
    plain, tallied, plumed = times.T
    for name, reference in (("plain", plain), ("tallied", tallied)):
        more = 100 * (plumed / reference - 1)
        middle, error = np.median(more), median_error(more)
        print(f"  fix plumed over {name:8s} {middle:+6.2f} +- {error:.2f} %")
    more = fixes[:, 2] - fixes[:, 0]
    share = 100 * more / plain
    print(
        f"  in the fixes {np.median(more):.4f} ms a step more than plain,"
        f" {np.median(share):+.2f} +- {median_error(share):.2f} %"
    )


if __name__ == "__main__":
    main()
