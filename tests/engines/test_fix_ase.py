"""MD with calculators of ASE by ``wtemlp lmp``: energy, forces, virial, temperature, bias."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT

from tests.support.engines import engine_environment, require_engine
from wtemlp.config.keys.labels import AseMethod, Method
from wtemlp.core.units import KB_EV
from wtemlp.md import colvar
from wtemlp.md.dump import read_dump
from wtemlp.md.systems import ase_program
from wtemlp.md.systems.system_input import write_files
from wtemlp.reference.ase_calculator import AseCalculator
from wtemlp.reference.base import Frames
from wtemlp.reference.sampler import sampler_of
from wtemlp.structures.record import Structure

pytestmark = pytest.mark.engines

COPPER = AseMethod("emt", {})
#: Three atoms on springs: a molecule whose mean energy is known.
SPRINGS = """
import numpy as np
from ase.calculators.calculator import Calculator, all_changes

class Springs(Calculator):
    implemented_properties = ["energy", "forces"]

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        gap = atoms.positions[[1, 2, 0]] - atoms.positions
        length = np.linalg.norm(gap, axis=1)
        push = (5.0 * (length - 2.0) / length)[:, None] * gap
        self.results = {"energy": float(2.5 * ((length - 2.0) ** 2).sum())}
        self.results["forces"] = push - push[[2, 0, 1]]
"""


def structure(atoms: Atoms) -> Structure:
    names = tuple(dict.fromkeys(atoms.symbols))
    kinds = np.array([names.index(name) for name in atoms.symbols])
    return Structure(Path("here"), names, kinds, atoms.positions.copy(), np.array(atoms.cell))


@dataclass
class Finished:
    said: str
    code: int


def do(folder: Path, method: Method, atoms: Atoms, script: str) -> Finished:
    """Run a script after the commands of a sampler."""
    require_engine("lammps")
    one = structure(atoms)
    sampler = sampler_of(method, one.elements, folder)
    assert sampler.problems(one) == []
    system = sampler.system(one)
    assert sampler.units.name == "metal"
    write_files(folder, system.files)
    (folder / "in.lammps").write_text(system.lines + script)
    command = [sys.executable, "-m", "wtemlp.lammps_plumed.lmp", "-in", "in.lammps"]
    done = subprocess.run(
        [*command, "-screen", "none"],
        cwd=folder,
        env=engine_environment(),
        capture_output=True,
        text=True,
        timeout=400,
    )
    return Finished(done.stderr, done.returncode)


def shaken_copper(turned: bool = False) -> Atoms:
    atoms = bulk("Cu", "fcc", 3.6, cubic=not turned) * ((3, 3, 3) if turned else (2, 2, 2))
    atoms.positions += np.random.default_rng(2).normal(0, 0.08, atoms.positions.shape)
    return atoms


DUMP = """
timestep 0.001
dump 1 all custom 1 out id type x y z fx fy fz
dump_modify 1 sort id format float %.17g
thermo_style custom step pe pxx pyy pzz pxy pxz pyz
variable all equal pe
run 0
print "$(pe:%.15g) $(pxx:%.15g) $(pyy:%.15g) $(pzz:%.15g) &
$(pxy:%.15g) $(pxz:%.15g) $(pyz:%.15g)" file found
"""


@pytest.mark.parametrize("turned", [False, True])
def test_energy_forces_and_virial_are_the_calculators(tmp_path, turned):
    """In a tilted cell that lies otherwise than LAMMPS's, too."""
    atoms = shaken_copper(turned)
    assert do(tmp_path, COPPER, atoms, DUMP).code == 0
    energy, *pressure = map(float, (tmp_path / "found").read_text().split())
    lower = structure(atoms).system()
    there = Atoms(atoms.symbols, lower["coords"][0], cell=lower["cells"][0], pbc=True)
    there.calc = EMT()
    assert energy == pytest.approx(there.get_potential_energy(), abs=1e-9)
    assert read_dump(tmp_path / "out").forces[0] == pytest.approx(there.get_forces(), abs=1e-9)
    xx, yy, zz, yz, xz, xy = -there.get_stress() * 1.6021765e6
    assert pressure == pytest.approx([xx, yy, zz, xy, xz, yz], rel=1e-6, abs=1e-3)


def test_the_total_energy_is_conserved(tmp_path):
    script = """
timestep 0.002
velocity all create 800 3 mom yes dist gaussian
fix i all nve
fix p all print 10 "$(step) $(etotal:%.9f) $(ke:%.9f)" file total screen no title ""
run 400
"""
    assert do(tmp_path, COPPER, shaken_copper(), script).code == 0
    found = np.loadtxt(tmp_path / "total")
    assert found[:, 2].std() > 0.1  # kinetic and potential energy are exchanged, eV
    assert np.ptp(found[:, 1]) < 0.01
    drift = np.polyfit(found[:, 0], found[:, 1], 1)[0] * 400
    assert abs(drift) < 2e-3


def test_a_molecule_of_three_atoms_has_its_temperature(tmp_path):
    """And what is within it has: three vibrations hold 3/2 kT of potential energy."""
    (tmp_path / "mine.py").write_text(SPRINGS)
    atoms = Atoms("Ar3", 2.0 * np.array([[0, 0, 0], [1, 0, 0], [0.5, 0.75**0.5, 0]]))
    atoms.positions += 20.0
    atoms.set_cell([40] * 3)
    script = """
timestep 0.002
velocity all create 300 3 mom yes rot no dist gaussian
fix i all nve
fix t all temp/csvr 300 300 0.02 7
run 3000
fix p all ave/time 5 1 5 c_thermo_temp c_thermo_pe file found format " %.9g"
run 40000
"""
    method = AseMethod("mine.Springs", {}, periodic=False)
    assert do(tmp_path, method, atoms, script).code == 0
    _, temperature, potential = np.loadtxt(tmp_path / "found").mean(axis=0)
    assert temperature == pytest.approx(300, rel=0.05)
    assert potential == pytest.approx(1.5 * KB_EV * 300, rel=0.12)


def test_plumeds_energy_is_unbiased_and_its_bias_scales_the_forces(tmp_path):
    """A restraint on ENERGY: the forces are (1 + dV/dU) times the calculator's, exactly."""
    require_engine("plumed")
    atoms = shaken_copper()
    there = atoms.copy()
    there.calc = EMT()
    energy, forces = there.get_potential_energy(), there.get_forces()
    kappa, at = 0.4, energy - 1.5
    (tmp_path / "plumed.dat").write_text(
        f"UNITS LENGTH=A TIME=ps ENERGY=eV\nene: ENERGY\n"
        f"r: RESTRAINT ARG=ene AT={at:.12g} KAPPA={kappa}\n"
        "PRINT ARG=ene,r.bias FILE=COLVAR STRIDE=1 FMT=%.10f\n"
    )
    script = """
timestep 0.001
fix bias all plumed plumedfile plumed.dat outfile plumed.log
fix_modify bias energy no
fix i all nve
dump 1 all custom 1 out id type x y z fx fy fz
dump_modify 1 sort id format float %.17g
fix p all print 1 "$(step) $(pe:%.10f)" file pe screen no title ""
run 3
"""
    assert do(tmp_path, COPPER, atoms, script).code == 0
    found = colvar.read(tmp_path / "COLVAR")
    assert found["ene"][0] == pytest.approx(energy, abs=1e-8)
    assert found["r.bias"][0] == pytest.approx(0.5 * kappa * 1.5**2, rel=1e-6)
    assert found["ene"][-3:] == pytest.approx(np.loadtxt(tmp_path / "pe")[-3:, 1], abs=1e-8)
    scaled = (1 + kappa * 1.5) * forces
    assert read_dump(tmp_path / "out").forces[0] == pytest.approx(scaled, abs=1e-6)


def test_what_cannot_be_is_said(tmp_path):
    """A class that is not there, and a pressure without a stress: exit 2 and 1, in one line."""
    atoms = shaken_copper()
    missing = do(tmp_path, AseMethod("ase.calculators.emt.EMTT", {}), atoms, "run 0\n")
    assert missing.code == 2, missing.said
    assert "ase.calculators.emt.EMTT: cannot be made: AttributeError" in missing.said
    (tmp_path / "mine.py").write_text(SPRINGS)
    three = Atoms("Ar3", 3.0 * np.eye(3), cell=[30] * 3)
    script = "fix i all nph iso 0 0 1\nrun 1\n"
    method = AseMethod("mine.Springs", {})
    held = do(tmp_path, method, three, script)
    assert held.code == 1 and "the pressure is to be held, and the calculator gives no" in held.said


def label(folder: Path, method: AseMethod, atoms: Atoms):
    type_map = tuple(dict.fromkeys(atoms.symbols))
    types = np.array([type_map.index(name) for name in atoms.symbols])
    frames = Frames(atoms.positions[None], np.array(atoms.cell)[None], types, ("f",))
    labeller = AseCalculator(method, type_map, task=ase_program.LABEL)
    task = labeller.prepare(folder, frames, sys.executable)
    subprocess.run(["bash", "-c", task.command], cwd=folder, check=True)
    return labeller.collect(folder, frames)


def test_charge_and_multiplicity_reach_the_calculator(tmp_path):
    """tblite by its short name, in labels and in MD, against tblite itself."""
    tblite = pytest.importorskip("tblite.ase")
    atoms = molecule("CH3OH", cell=[14] * 3)
    atoms.positions += 7.0
    energies = []
    for charge, spin in ((0, 1), (1, 2)):
        there = atoms.copy()
        there.calc = tblite.TBLite(method="GFN2-xTB", charge=charge, multiplicity=spin, verbosity=0)
        method = AseMethod("gfn2", {}, periodic=False, charge=charge, spin=spin)
        folder = tmp_path / f"{charge}"
        labels = label(folder, method, atoms)
        assert labels.ok.all(), labels.reasons
        energy, forces = there.get_potential_energy(), there.get_forces()
        assert labels.energies[0] == pytest.approx(energy, abs=1e-6)
        assert labels.forces[0] == pytest.approx(forces, abs=1e-5)
        (tmp_path / f"md{charge}").mkdir()
        assert do(tmp_path / f"md{charge}", method, atoms, DUMP).code == 0
        found = float((tmp_path / f"md{charge}" / "found").read_text().split()[0])
        assert found == pytest.approx(energy, abs=1e-6)
        energies.append(energy)
    assert energies[1] - energies[0] > 5.0  # an ionisation energy, eV


def test_a_charge_that_no_argument_takes_is_in_the_atoms_and_said(tmp_path):
    labels = label(tmp_path, AseMethod("emt", {}, charge=1.0), shaken_copper())
    assert labels.ok.all()
    assert any("charge = 1 is in Atoms.info alone" in note for note in labels.notes[0])
