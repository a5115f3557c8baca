"""One real water trajectory, measured by wtemlp, by MDAnalysis and by LAMMPS itself."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysis.analysis.msd import EinsteinMSD
from MDAnalysis.analysis.rdf import InterRDF
from MDAnalysis.coordinates.memory import MemoryReader

from tests.support.engines import engine_environment, require_engine, table
from tests.support.waters import water_box
from wtemlp.analysis.displacement import msd, unwrap, without_drift
from wtemlp.analysis.green_kubo import vacf
from wtemlp.analysis.rdf import rdf
from wtemlp.analysis.stability import density
from wtemlp.analysis.structure import first_shell, rdf_with_errors
from wtemlp.config.keys.labels import ForceField
from wtemlp.md.reference_script import force_field_commands, water_data
from wtemlp.md.topology import water_topology

LENGTH, FRAMES, EVERY = 12.42, 150, 8
FIELD = ForceField(cutoff_A=6.0, kspace_accuracy=1e-4)
RUN = f"""
minimize        1e-4 1e-4 60 200
velocity        all create 300 4711
timestep        0.5
fix             1 all nvt temp 300 300 50
run             400
unfix           1
reset_timestep  0
velocity        all set 0.0012 -0.0007 0.0004 sum yes
fix             1 all nve
group           oxygen type 1
compute         r all rdf 60 1 1
fix             r all ave/time {EVERY} {FRAMES} {FRAMES * EVERY} c_r[*] file rdf.txt mode vector
compute         d all msd com yes
compute         v oxygen vacf
variable        rho equal density
fix             d all ave/time {EVERY} 1 {EVERY} c_d[4] c_v[4] v_rho file series.txt
dump            1 all custom {EVERY} dump.txt x y z xu yu zu vx vy vz
dump_modify     1 sort id format float %.10g
run             {FRAMES * EVERY}
"""


@dataclass(frozen=True)
class Trajectory:
    folder: Path
    types: np.ndarray  #: "O" or "H", (n_atoms,)
    masses: np.ndarray  #: g/mol
    wrapped: np.ndarray  #: (n_frames, n_atoms, 3), Angstrom; frame 0 included
    unwrapped: np.ndarray
    velocities: np.ndarray  #: Angstrom/ps
    spacing_ps: float

    @property
    def cells(self):
        return np.broadcast_to(LENGTH * np.eye(3), (len(self.wrapped), 3, 3))

    def universe(self, coords):
        """The same for MDAnalysis, which keeps single precision."""
        universe = mda.Universe.empty(len(self.types))
        universe.add_TopologyAttr("names", self.types)
        box = np.array([LENGTH] * 3 + [90.0] * 3, dtype=np.float32)
        return universe.load_new(coords.astype(np.float32), format=MemoryReader, dimensions=box)


@pytest.fixture(scope="module")
def water(tmp_path_factory):
    require_engine("lammps")
    folder = tmp_path_factory.mktemp("water")
    types, coords, _ = water_box(4, LENGTH, shuffle=False)
    topology = water_topology(types, coords, LENGTH * np.eye(3), ["O", "H"])
    (folder / "box.data").write_text(water_data(FIELD, coords, LENGTH * np.eye(3), topology))
    (folder / "in.lammps").write_text(force_field_commands(FIELD, "box.data") + RUN)
    done = subprocess.run(
        [sys.executable, "-m", "wtemlp.lammps_plumed.lmp", "-in", "in.lammps", "-screen", "none"],
        cwd=folder,
        env=engine_environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = (folder / "dump.txt").read_text().splitlines()
    n = len(types)
    frames = [lines[i + 9 : i + 9 + n] for i in range(0, len(lines), n + 9)]
    numbers = np.array([[line.split() for line in frame] for frame in frames], dtype=float)
    return Trajectory(
        folder=folder,
        types=np.array(["O", "H"])[types],
        masses=np.array([15.9994, 1.008])[types],
        wrapped=numbers[..., :3],
        unwrapped=numbers[..., 3:6],
        velocities=1000 * numbers[..., 6:],  # Angstrom/fs
        spacing_ps=EVERY * 0.5e-3,
    )


def test_unwrapped_is_what_lammps_unwraps(water):
    moved = unwrap(water.wrapped, water.cells)
    crossed = np.abs(water.unwrapped - water.wrapped).max(axis=(0, 2)) > 1
    assert crossed.any()
    difference = (moved - moved[0]) - (water.unwrapped - water.unwrapped[0])
    assert np.abs(difference).max() < 1e-6


def test_displacement_without_drift_is_lammps_own(water):
    theirs = table(water.folder / "series.txt")
    still = without_drift(water.unwrapped, water.masses)
    ours = np.sum((still - still[0]) ** 2, axis=-1).mean(axis=1)
    assert theirs[:, 0] * 0.5e-3 == pytest.approx(np.arange(FRAMES + 1) * water.spacing_ps)
    assert ours == pytest.approx(theirs[:, 1], abs=1e-4)
    drift = np.average(water.unwrapped[-1] - water.unwrapped[0], axis=0, weights=water.masses)
    assert drift == pytest.approx([0.72, -0.42, 0.24], abs=0.01)  # 0.6 ps at the speed given


def test_mean_square_displacement_is_mdanalysis_own(water):
    still = without_drift(water.unwrapped, water.masses)
    theirs = EinsteinMSD(water.universe(still), select="name O", fft=False).run()
    ours = msd(water.unwrapped, water.spacing_ps, masses=water.masses, atoms=water.types == "O")
    assert ours.n_atoms == 64
    assert ours.msd_A2 == pytest.approx(theirs.results.timeseries, rel=1e-4, abs=1e-5)
    # after 0.4 ps an oxygen of water at 300 K has moved by about an Angstrom
    assert 0.3 < ours.msd_A2[100] < 3.0


def test_velocities_are_in_angstrom_a_picosecond(water):
    theirs = table(water.folder / "series.txt")[:, 2] * 1e6  # (Angstrom/fs)^2
    oxygen = water.velocities[:, water.types == "O"]
    ours = np.sum(oxygen * oxygen[0], axis=-1).mean(axis=1)
    assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-3)
    found = vacf(water.velocities, water.spacing_ps, masses=water.masses, atoms=water.types == "O")
    # 3 k T / m = 3 * 0.0083145 * 300 / 0.0159994 / 100 (A/ps)^2 = 46.8 at 300 K
    assert found.mean_square_A2_ps2 == pytest.approx(46.8, rel=0.25)
    assert found.c[0] == 1.0
    assert 0.8 < found.c[1] < 0.98


def test_radial_distribution_is_lammps_own(water):
    lines = (water.folder / "rdf.txt").read_text().splitlines()[4:]
    theirs = np.array([line.split() for line in lines], dtype=float)
    ours = rdf(water.wrapped[1:], water.cells[1:], water.types, ("O", "O"), 6.0, 60)
    assert ours.r_A == pytest.approx(theirs[:, 1])
    assert ours.g == pytest.approx(theirs[:, 2], abs=0.01)
    assert ours.coordination == pytest.approx(theirs[:, 3], abs=2e-3)


@pytest.mark.parametrize("pair", [("O", "O"), ("O", "H"), ("H", "H")])
def test_radial_distribution_is_mdanalysis_own(water, pair):
    universe = water.universe(water.wrapped)
    groups = [universe.select_atoms(f"name {name}") for name in pair]
    own = {"exclusion_block": (1, 1)} if pair[0] == pair[1] else {}
    theirs = InterRDF(*groups, nbins=60, range=(0.0, 6.0), **own).run()
    ours = rdf(water.wrapped, water.cells, water.types, pair, 6.0, 60)
    assert ours.r_A == pytest.approx(theirs.results.bins)
    assert ours.g == pytest.approx(theirs.results.rdf, rel=2e-3, abs=2e-3)


def test_water_is_water(water):
    found = rdf_with_errors(water.wrapped, water.cells, water.types, ("O", "O"), 6.0, 120)
    shell = first_shell(found)
    assert shell.peak_A == pytest.approx(2.75, abs=0.1)
    assert 2.0 < shell.peak_height < 4.5
    bond = first_shell(rdf(water.wrapped, water.cells, water.types, ("O", "H"), 6.0, 120))
    assert bond.peak_A == pytest.approx(0.96, abs=0.04)
    assert bond.coordination == pytest.approx(2.0)  # hydrogens of the molecule
    theirs = table(water.folder / "series.txt")[0, 3]
    assert density(LENGTH**3, water.masses.sum()) == pytest.approx(theirs, rel=1e-5)
