"""MD with force fields by name that are for sampling: rigid water, biased and not."""

import numpy as np
import pytest

from tests.support.waters import water_box
from wtemlp.config.keys.labels import ForceField
from wtemlp.md import colvar
from wtemlp.md.dump import read_dump
from wtemlp.md.reference_script import WATER_MODELS
from wtemlp.md.systems.system_input import write_files
from wtemlp.reference.sampler import sampler_of
from wtemlp.structures.record import Structure

pytestmark = pytest.mark.engines

LENGTH = 12.4


def rigid_water(name, folder):
    """64 molecules, their bonds and angles near those that SHAKE keeps."""
    types, coords, molecules = water_box(4, LENGTH, noise=0.0)
    model = WATER_MODELS[name]
    half = np.radians(model.angle_theta0) / 2
    for o, one, other in molecules:
        a, b = coords[one] - coords[o], coords[other] - coords[o]
        middle, across = (a + b) / np.linalg.norm(a + b), (a - b) / np.linalg.norm(a - b)
        coords[one] = coords[o] + model.bond_r0 * (np.cos(half) * middle + np.sin(half) * across)
        coords[other] = coords[o] + model.bond_r0 * (np.cos(half) * middle - np.sin(half) * across)
    cell = LENGTH * np.eye(3)
    structure = Structure(folder / "here", ("O", "H"), types, coords, cell)
    field = ForceField(name, cutoff_A=6.0, kspace_accuracy=1e-4)
    system = sampler_of(field, ("O", "H"), folder).system(structure)
    write_files(folder, system.files)
    return system, molecules


@pytest.mark.parametrize("name", ["tip3p-rigid", "spce"])
def test_molecules_stay_rigid_under_a_bias_on_the_energy(name, tmp_path, lmp, require_engine):
    """SHAKE comes behind the bias: it corrects the scaled forces, and bonds keep their lengths."""
    require_engine("plumed")
    system, molecules = rigid_water(name, tmp_path)
    (tmp_path / "plumed.dat").write_text(
        "UNITS LENGTH=A TIME=ps ENERGY=kcal/mol\nene: ENERGY\n"
        "r: RESTRAINT ARG=ene AT=-400 KAPPA=0.01\nPRINT ARG=ene,r.bias FILE=COLVAR STRIDE=10\n"
    )
    lmp(
        f"""{system.lines}
timestep 1.0
velocity all create 300 5 mom yes dist gaussian
fix bias all plumed plumedfile plumed.dat outfile plumed.log
fix_modify bias energy no
{system.constraints}
fix i all nve
fix t all temp/csvr 300 300 100 6
dump d all custom 50 out id type x y z
dump_modify d sort id format float %.12g
run 200
"""
    )
    model = WATER_MODELS[name]
    frames = read_dump(tmp_path / "out")
    for coords in frames.coords[1:]:
        for o, *hydrogens in molecules:
            for h in hydrogens:
                bond = coords[h] - coords[o]
                bond -= LENGTH * np.rint(bond / LENGTH)
                assert np.linalg.norm(bond) == pytest.approx(model.bond_r0, abs=5e-4)
    assert np.abs(colvar.read(tmp_path / "COLVAR")["r.bias"]).max() > 1.0
