#!/usr/bin/env bash
# tblite 0.8.0 and dftd4 4.3.1 through ASE 3.29.0: a slab's `pbc=(True, True, False)` is taken for a crystal's.
#
# Both calculators look at whether *any* direction is periodic. The energy of a slab then depends on the length of the cell in the
# direction that was said not to be periodic, and equals that of `pbc=True` to the last digit; nothing is said. At 4 Angstrom of
# height a water layer is 41 meV off (GFN1-xTB), its dispersion 6 meV (D4). With a large vacuum the difference vanishes, so it shows
# only in thin cells.
#
# Seen: `GFN1-xTB: slab of height 4: -156.933865 eV, of height 30: -156.974450 eV`, `D4: ... -0.011369 eV, ... -0.005359 eV`.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check ase==3.29.0 numpy==2.4.6 tblite==0.8.0 dftd4==4.3.1
"$dir/venv/bin/python" - <<'PY'
from ase import Atoms
from dftd4.ase import DFTD4
from tblite.ase import TBLite


def energy(height, pbc, calculator):
    water = Atoms("OH2", [[2, 2, 1], [2.76, 2.59, 1], [1.24, 2.59, 1]], cell=[12, 12, height], pbc=pbc)
    water.calc = calculator()
    return water.get_potential_energy()


slab, crystal = (True, True, False), True
for name, calculator in {
    "GFN1-xTB": lambda: TBLite(method="GFN1-xTB", verbosity=0),
    "D4": lambda: DFTD4(method="pbe"),
}.items():
    low, high = energy(4.0, slab, calculator), energy(30.0, slab, calculator)
    print(f"{name}: slab of height 4: {low:.6f} eV, of height 30: {high:.6f} eV")
    assert abs(low - high) > 5e-3, f"{name}: a slab's height no longer matters"
    assert abs(low - energy(4.0, crystal, calculator)) < 1e-9, f"{name}: slab and crystal differ now"
PY
