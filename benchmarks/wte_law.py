"""The law of the well-tempered ensemble, measured: sigma_WTE = sqrt(g) sigma_NVT.

    python benchmarks/wte_law.py [--molecules 64] [--biasfactors 4 16 64] [--out DIR]
        [--nvt-ns 0.3] [--fill-ns 0.1 0.3 0.4] [--static-ns 0.1 0.2 0.2] [--only-analyse]
        [--model graph.pb]

Flexible TIP3P water with the reference force field at 300 K, CSVR, 0.5 fs: equilibration; NVT;
for each bias factor a well-tempered run, and then a run under its final bias, held still, from
which NVT is recovered by reweighting.  The runs are made of pieces of 50 ps: finished pieces are
kept, so that a run that was stopped goes on, and one with longer times extends what is there.
``--static-ns 0`` leaves the second run out.  With ``--model`` the force field equilibrates only,
and a DeePMD model of it does the rest (``wte_law_model/`` tells how to make one).

One LAMMPS at a time, on one thread.  ``wte_law_analysis.py`` reads the pieces and writes
``wte_law.json`` and the figures; nothing but the pieces is read.
"""

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from wte_law_analysis import analyse
from wte_law_files import (
    COLVAR,
    DONE,
    END,
    HILLS,
    STRIDE,
    TEMPERATURE_K,
    TIMESTEP_FS,
    folder_of,
    pieces,
    read_series,
)

from wtemlp import __version__
from wtemlp.analysis.energy import moments
from wtemlp.config.init_params import box_length_A
from wtemlp.config.keys.labels import ForceField
from wtemlp.core.seeds import derive_seed
from wtemlp.core.units import KB_EV, KCAL_MOL_IN_EV
from wtemlp.initialize.packmol import pack_water
from wtemlp.md import plumed_input
from wtemlp.md.reference_script import force_field_commands, water_data
from wtemlp.md.topology import water_topology

DENSITY_G_CM3 = 0.997
PIECE_STEPS = 100_000
EQUILIBRATION_STEPS = 80_000
THERMOSTAT_FS = 100.0
PACE = 200  #: steps between hills
ONE_THREAD = (
    "OMP_NUM_THREADS",
    "DP_INTRA_OP_PARALLELISM_THREADS",
    "DP_INTER_OP_PARALLELISM_THREADS",
    "TF_INTRA_OP_PARALLELISM_THREADS",
    "TF_INTER_OP_PARALLELISM_THREADS",
)
NEVER = 10**9  #: pace of a bias that is held still
#: Sums are cheap on purpose: the law holds for any potential, this one's Ewald error included.
FORCE_FIELD = ForceField(name="tip3p-flexible", cutoff_A=6.0, kspace_accuracy=5e-4)


@dataclass(frozen=True)
class Bias:
    """What the PLUMED input of a biased run depends on; kcal/mol."""

    biasfactor: float
    sigma: float
    mean: float
    static: bool

    @property
    def height_kT(self) -> float:
        """Initial height of the hills: sqrt(g) / 2, for a window as much wider to be filled."""
        return self.biasfactor**0.5 / 2

    def plumed(self) -> str:
        """The PLUMED input."""
        half = plumed_input.grid_half_width(self.biasfactor) * self.sigma
        return plumed_input.wte_input(
            biasfactor=self.biasfactor,
            sigma=self.sigma,
            height=0 if self.static else self.height_kT * KB_EV * TEMPERATURE_K / KCAL_MOL_IN_EV,
            pace=NEVER if self.static else PACE,
            temperature_K=TEMPERATURE_K,
            grid_min=self.mean - half,
            grid_max=self.mean + half,
            stride=STRIDE,
            hills=HILLS,
            colvar=COLVAR,
            units="real",
        )


def start_data(molecules: int, seed: int) -> str:
    """The LAMMPS data file of a packed box."""
    length_A = box_length_A(molecules, DENSITY_G_CM3)
    coords = pack_water(molecules, length_A, derive_seed(seed, "packmol")).reshape(-1, 3)
    types, cell = np.tile([0, 1, 1], molecules), np.eye(3) * length_A
    topology = water_topology(types, coords, cell, ("O", "H"))
    return water_data(FORCE_FIELD, coords, cell, topology)


def model_commands(model: Path, data: str) -> str:
    """Read water of the force field, and give it a model's energy instead."""
    return f"""\
units           real
atom_style      full
boundary        p p p
bond_style      zero nocoeff
angle_style     zero nocoeff
special_bonds   lj/coul 1 1 1
pair_style      deepmd {model}
read_data       {data}
pair_coeff      * * O H
bond_coeff      *
angle_coeff     *
neighbor        1.0 bin
neigh_modify    every 1 delay 0 check yes
"""


def potential(model: Path | None) -> str:
    """Commands that read ``start.data`` and set the potential."""
    if model is None:
        return force_field_commands(FORCE_FIELD, "start.data")
    return model_commands(model, "start.data")


def dynamics(seed: int) -> str:
    """Integrator and thermostat."""
    return f"""\
thermo          5000
fix             integrate all nve
fix             thermostat all temp/csvr {TEMPERATURE_K} {TEMPERATURE_K} {THERMOSTAT_FS} {seed}
"""


def equilibration_script(seed: int) -> str:
    """From the packed box to a liquid at the temperature."""
    return f"""\
{force_field_commands(FORCE_FIELD, "start.data")}
minimize        1e-6 1e-6 500 5000
reset_timestep  0
timestep        {TIMESTEP_FS}
velocity        all create {TEMPERATURE_K} {derive_seed(seed, "velocity")} mom yes dist gaussian
{dynamics(derive_seed(seed, "equilibrate"))}
run             {EQUILIBRATION_STEPS}
write_data      {END} nocoeff
"""


def piece_script(seed: int, model: Path | None) -> str:
    """A piece with PLUMED: it reads ``start.data`` and ``plumed.dat``."""
    return f"""\
{potential(model)}
timestep        {TIMESTEP_FS}
fix             plumed all plumed plumedfile plumed.dat outfile plumed.log
# PLUMED's ENERGY must be the energy without the bias.
fix_modify      plumed energy no
{dynamics(seed)}
run             {PIECE_STEPS}
write_data      {END} nocoeff
"""


def run_lammps(folder: Path, script: str) -> None:
    """Run a script in a folder with ``wtemlp lmp``, one thread, and mark the folder done."""
    (folder / "in.lammps").write_text(script)
    command = [sys.executable, "-m", "wtemlp.lammps_plumed.lmp"]
    command += ["-in", "in.lammps", "-log", "log.lammps", "-screen", "none"]
    environment = os.environ | dict.fromkeys(ONE_THREAD, "1")
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{folder}: {done.stderr[-800:]}")
    (folder / DONE).touch()


def equilibrate(out: Path, molecules: int, seed: int) -> Path:
    """The folder of the equilibrated liquid."""
    folder = out / "equilibrate"
    if not (folder / DONE).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "start.data").write_text(start_data(molecules, seed))
        run_lammps(folder, equilibration_script(seed))
    return folder


@dataclass(frozen=True)
class Chain:
    """A run in pieces, each of which goes on where the one before ended, with its hills."""

    folder: Path
    start: Path  #: the folder whose end the first piece starts from
    plumed: str
    seed: int
    model: Path | None  #: None: the force field


def extend(chain: Chain, ns: float) -> None:
    """Add pieces to a run until it is `ns` long."""
    previous, plumed = chain.start, chain.plumed
    count = max(1, round(ns * 1e6 / TIMESTEP_FS / PIECE_STEPS))
    for i in range(count):
        folder = chain.folder / f"piece.{i:03d}"
        if not (folder / DONE).is_file():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            shutil.copyfile(previous / END, folder / "start.data")
            (folder / "plumed.dat").write_text(plumed)
            if (previous / HILLS).is_file():
                shutil.copyfile(previous / HILLS, folder / HILLS)
                (folder / "plumed.dat").write_text(f"RESTART\n{plumed}")
            print(folder.relative_to(chain.folder.parent), flush=True)
            seed = derive_seed(chain.seed, chain.folder.name, i)
            run_lammps(folder, piece_script(seed, chain.model))
        previous = folder


def simulate(options: argparse.Namespace) -> None:
    """All runs; what is there is kept."""
    out, seed, model = options.out, options.seed, options.model
    liquid = equilibrate(out, options.molecules, seed)
    nvt_input = plumed_input.nvt_input(STRIDE, COLVAR, "real")
    nvt = Chain(folder_of(out), liquid, nvt_input, seed, model)
    # The hills' width must not change when NVT is made longer, so its first 100 ps give it.
    extend(nvt, min(options.nvt_ns, 0.1))
    first = moments(read_series(folder_of(out), stop=2).energy)
    lengths = zip(options.biasfactors, options.fill_ns, options.static_ns, strict=True)
    for g, fill_ns, static_ns in lengths:
        filling = Bias(g, first.std, first.mean, static=False)
        extend(Chain(folder_of(out, g), liquid, filling.plumed(), seed, model), fill_ns)
        if not static_ns:
            continue
        held = folder_of(out, g, static=True)
        if not held.is_dir():
            held.mkdir()
            # It stays with this bias even if the filling is made longer afterwards.
            shutil.copytree(pieces(folder_of(out, g))[-1], held / "bias")
        still = Bias(g, first.std, first.mean, static=True)
        extend(Chain(held, held / "bias", still.plumed(), seed, model), static_ns)
    extend(nvt, options.nvt_ns)


def settings(options: argparse.Namespace) -> dict:
    """What the numbers were made with."""
    return {
        "wtemlp": __version__,
        "molecules": options.molecules,
        "density_g_cm3": DENSITY_G_CM3,
        "force_field": asdict(FORCE_FIELD),
        "model": options.model and options.model.name,
        "timestep_fs": TIMESTEP_FS,
        "thermostat_fs": THERMOSTAT_FS,
        "pace_steps": PACE,
        "height_kT": {f"{g:g}": Bias(g, 1, 0, False).height_kT for g in options.biasfactors},
        "seed": options.seed,
    }


def main() -> None:
    """Simulate what is not there yet, and analyse all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--molecules", type=int, default=64)
    parser.add_argument("--biasfactors", type=float, nargs="+", default=[4, 16, 64])
    parser.add_argument("--nvt-ns", type=float, default=0.3)
    parser.add_argument("--fill-ns", type=float, nargs="+", default=[0.1, 0.3, 0.4])
    parser.add_argument("--static-ns", type=float, nargs="+", default=[0.1, 0.2, 0.2])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/wte_law"))
    parser.add_argument("--images", type=Path, help="also write the figures here")
    parser.add_argument("--model", type=Path, help="a DeePMD model of O and H")
    parser.add_argument("--only-analyse", action="store_true", help="run no LAMMPS")
    options = parser.parse_args()
    options.out = options.out.resolve()
    options.model = options.model and options.model.resolve()
    if not options.only_analyse:
        simulate(options)
    analyse(options.out, options.biasfactors, options.images, settings(options))


if __name__ == "__main__":
    main()
