"""Data files as LAMMPS itself reads them: types, positions and box are those that wtemlp reads."""

import numpy as np
import pytest

from tests.support.structures import SAME_DATA
from wtemlp.structures.lammps_data import read_data

pytestmark = pytest.mark.engines

#: By what the file's name in SAME_DATA says; the others are "atomic".
STYLES = {
    "full": "full",
    "full, labels": "full",
    "charge": "charge",
    "molecular": "molecular",
    "bond/kk": "bond",
    "dipole": "dipole",
    "spin": "spin",
    "sphere": "sphere",
    "no style, full": "full",
    "no style, charge": "charge",
    "no style, whole charges": "charge",
    "no style, molecular": "molecular",
    "image flags, full": "full",
}
#: What LAMMPS does not take: a section without its header, columns that no style has.
OTHERS = ("topology", "hybrid")
SCRIPT = """clear
units metal
atom_style {style}
atom_modify map array
read_data {n}.data
print "$(xlo:%.10g) $(ylo:%.10g) $(zlo:%.10g) $(lx:%.10g) $(ly:%.10g) $(lz:%.10g) $(xy:%.10g) &
$(xz:%.10g) $(yz:%.10g)" file {n}.box
write_dump all custom {n}.dump id type x y z modify sort id format float %.12g
"""


def test_data_files_are_read_as_lammps_reads_them(lmp, tmp_path):
    names = [name for name in SAME_DATA if name not in OTHERS]
    script = ""
    for n, name in enumerate(names):
        (tmp_path / f"{n}.data").write_text(SAME_DATA[name][0])
        script += SCRIPT.format(style=STYLES.get(name, "atomic"), n=n)
    lmp(script)
    for n, name in enumerate(names):
        found = read_data(SAME_DATA[name][0].split("\n"))
        box = np.loadtxt(tmp_path / f"{n}.box")
        rows = np.loadtxt(tmp_path / f"{n}.dump", skiprows=9)
        cell = np.diag(box[3:6])
        cell[1, 0], cell[2, 0], cell[2, 1] = box[6:]
        np.testing.assert_allclose(found.cell, cell, atol=1e-6, err_msg=name)
        np.testing.assert_array_equal(found.types, rows[:, 1], err_msg=name)
        moved = (found.coords - rows[:, 2:] + box[:3]) @ np.linalg.inv(cell)  # whole cells
        np.testing.assert_allclose(moved, np.round(moved), atol=1e-6, err_msg=name)
