#!/usr/bin/env bash
# ASE 3.29.0: in a GROMACS structure file chloride is carbon, sodium nitrogen, and the virtual site of TIP4P tungsten.
#
# `ase.io.read("conf.gro")` takes the first two letters of an atom's name for a symbol as they are written, then the first
# alone, then the last: CL becomes C, NA becomes N, MG (magnesium) X, MW (no atom at all) W. There is no warning, and the
# formula looks like that of an organic molecule in water.
#
# Seen: `OW: O, HW1: H, MW: W, CL: C, NA: N, MG: X, ZN: N`.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check ase==3.29.0 numpy==2.4.6
"$dir/venv/bin/python" -W error - <<'PY'
import io

from ase.io import read

ATOMS = [("SOL", "OW"), ("SOL", "HW1"), ("SOL", "MW"), ("CL", "CL"), ("NA", "NA"), ("MG", "MG"), ("ZN", "ZN")]
rows = "".join(
    f"{k:5d}{residue:<5s}{name:>5s}{k:5d}{0.3 * k:8.3f}{0:8.3f}{0:8.3f}\n"
    for k, (residue, name) in enumerate(ATOMS, 1)
)
text = f"brine\n{len(ATOMS)}\n{rows}   3.00000   3.00000   3.00000\n"
found = read(io.StringIO(text), format="gromacs").get_chemical_symbols()
print(", ".join(f"{name}: {symbol}" for (_, name), symbol in zip(ATOMS, found)))
assert found == ["O", "H", "W", "C", "N", "X", "N"], "names of atoms are treated in another way now"
PY
