#!/usr/bin/env bash
# dftd3 (simple-dftd3) 1.7.0: D3(BJ) of PBE by name is without the three-body term, by its published parameters it is with it.
#
# `RationalDampingParam(method="pbe")` leaves the Axilrod-Teller-Muto term out; `RationalDampingParam(s8=..., a1=..., a2=...)` has
# s9 = 1 unless it is given, so that the numbers which the name stands for give another energy: 85 meV/atom in gold, 2 in solid argon. The ASE calculator does the same with `method=` and `params_tweaks=`. dftd4 of the same authors has the
# term in both ways. Labels with a functional's name and labels with its parameters are two surfaces.
#
# Seen: `gold: D3(BJ) by name -667.48, by parameters -582.48, these with s9=0 -667.48 meV/atom; D4 -680.57, -680.57`, and for argon
# -86.37, -84.26, -86.37; -86.49, -86.49.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check ase==3.29.0 numpy==2.4.6 dftd3==1.7.0 dftd4==4.3.1
"$dir/venv/bin/python" - <<'PY'
from ase.build import bulk
from dftd3.ase import DFTD3
from dftd4.ase import DFTD4

PBE = {"s6": 1.0, "s8": 0.7875, "a1": 0.4289, "a2": 4.4407}
PBE4 = {"s6": 1.0, "s8": 0.95948085, "a1": 0.38574991, "a2": 4.80688534}


def energy(name, calculator):
    atoms = {"argon": bulk("Ar", "fcc", a=5.31), "gold": bulk("Au", "fcc", a=4.08)}[name]
    atoms.calc = calculator
    return 1000 * atoms.get_potential_energy() / len(atoms)


for solid in ("argon", "gold"):
    by_name = energy(solid, DFTD3(method="PBE", damping="d3bj"))
    by_numbers = energy(solid, DFTD3(damping="d3bj", params_tweaks=PBE))
    without = energy(solid, DFTD3(damping="d3bj", params_tweaks=PBE | {"s9": 0.0}))
    four = energy(solid, DFTD4(method="PBE")), energy(solid, DFTD4(params_tweaks=PBE4))
    three = f"by name {by_name:.2f}, by parameters {by_numbers:.2f}, these with s9=0 {without:.2f} meV/atom"
    print(f"{solid}: D3(BJ) {three}; D4 {four[0]:.2f}, {four[1]:.2f}")
    assert abs(by_name - without) < 1e-3, "the name has another meaning now"
    assert abs(by_name - by_numbers) > 1, "the name and the parameters give one energy now"
    assert abs(four[0] - four[1]) < 0.01
PY
