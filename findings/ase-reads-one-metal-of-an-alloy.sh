#!/usr/bin/env bash
# ASE 3.29.0: a CIF file of a disordered alloy is read as one pure metal, and a PDB file of one model as no atoms.
#
# `ase.io.read("alloy.cif")` puts one atom on each site: of two elements that share it half and half one, without a warning (the
# occupancies are in `atoms.info`). Of a PDB file that ends with ENDMDL and END, as the format's own entries do, it reads the empty
# image between both lines; the cell (CRYST1), which is above all models, is that of the first alone.
#
# Seen: `CuAu, half and half: one element; PDB with ENDMDL and END: 0 atoms; models with a cell: True False`.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check ase==3.29.0 numpy==2.4.6
"$dir/venv/bin/python" -W error - <<'PY'
import io

from ase.io import read

CIF = """data_alloy
_cell_length_a 3.85
_cell_length_b 3.85
_cell_length_c 3.85
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_Int_Tables_number 225
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Cu1 Cu 0 0 0 0.5
Au1 Au 0 0 0 0.5
"""
CELL = "CRYST1    9.000    9.000    9.000  90.00  90.00  90.00 P 1           1\n"
ATOM = "ATOM      1  O   HOH A   1       1.000   1.000   1.000  1.00  0.00           O\n"
MODEL = f"MODEL        1\n{ATOM}ENDMDL\n"
alloy = read(io.StringIO(CIF), format="cif")
one = read(io.StringIO(f"{CELL}{MODEL}END\n"), format="proteindatabank")
two = read(io.StringIO(CELL + 2 * MODEL), format="proteindatabank", index=":")
elements = len(set(alloy.get_chemical_symbols()))
said = (
    f"CuAu, half and half: {'one element' if elements == 1 else elements}; PDB with ENDMDL and END: {len(one)} atoms; "
    f"models with a cell: {' '.join(str(atoms.cell.rank == 3) for atoms in two)}"
)
print(said)
assert said == "CuAu, half and half: one element; PDB with ENDMDL and END: 0 atoms; models with a cell: True False"
PY
