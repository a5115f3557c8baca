#!/usr/bin/env bash
# dpdata 1.1.0: virials of SIESTA's outputs have the opposite sign of those of all other programs.
#
# SIESTA prints the stress with the sign of the strain: positive in tension. The pressure that it prints a few lines below is
# minus a third of the trace. dpdata's virial of VASP, Quantum ESPRESSO, CP2K, ABACUS and ASE is the volume times the pressure tensor;
# of `siesta/output` it is the volume times the stress as it is printed. A model that is trained on these virials expands where it
# should contract. The output below has the lines that dpdata reads of one of SIESTA 4.1 (methane; that of dpdata's own tests,
# `tests/siesta/scf/siesta_output`), and the pressure in its last lines, which is the check.
#
# Seen: `SIESTA prints -0.1846 kbar; a third of the virial's trace over the volume is +0.1848 kbar`.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check dpdata==1.1.0 numpy==2.4.6
cd "$dir"
cat > output <<'END'
Species number:            1  Label: H Atomic number:          1
Species number:            2  Label: C Atomic number:          6
initatomlists: Number of atoms, orbitals, and projectors:      5    33    52
redata: Number of Atomic Species         =        2
outcoor: Atomic coordinates (Ang):
    5.36586000    4.05415000    3.59848000   1       1  H
    3.92611000    4.82628000    4.42448000   1       2  H
    5.56360000    5.65033000    4.43064000   1       3  H
    5.28729000    4.14347000    5.36703000   1       4  H
    5.01936000    4.68879000    4.44103000   2       5  C

outcell: Unit cell vectors (Ang):
       10.269575    0.000000    0.000000
       -0.255660    9.882868    0.000000
        0.112990   -0.148019    9.809641

siesta: E_KS(eV) =             -219.1640

siesta: Atomic forces (eV/Ang):
     1   -0.219766    0.230163    0.000242
     2    0.013220    0.102811   -0.156756
     3   -0.166877    0.011241   -0.056008
     4   -0.040521    0.111642    0.032408
     5    0.412697   -0.457364    0.181026
----------------------------------------

siesta: Stress tensor (static) (eV/Ang**3):
siesta:     0.000195   -0.000004   -0.000150
siesta:    -0.000004    0.000183    0.000093
siesta:    -0.000150    0.000093   -0.000032

siesta: Cell volume =        995.608381 Ang**3

siesta: Pressure (static):
siesta:                Solid            Molecule  Units
siesta:          -0.00000125         -0.00000001  Ry/Bohr**3
siesta:          -0.00011520         -0.00000092  eV/Ang**3
siesta:          -0.18457250         -0.00147983  kBar
END
venv/bin/python - <<'PY'
import dpdata
import numpy as np

system = dpdata.LabeledSystem("output", fmt="siesta/output")
volume = abs(np.linalg.det(system["cells"][0]))
pressure = np.trace(system["virials"][0]) / 3 / volume * 1602.1766  # kbar
printed = next(float(line.split()[1]) for line in open("output") if "kBar" in line)
print(f"SIESTA prints {printed:.4f} kbar; a third of the virial's trace over the volume is {pressure:+.4f} kbar")
assert abs(pressure + printed) < 2e-3, "the sign of the virial is no longer that of the stress"
PY
