#!/usr/bin/env bash
# PLUMED 2.11.0-dev (the kernel in hillclimber 0.1.8): hills that are read again are weighed with the BIASFACTOR of the new input.
#
# HILLS has heights of the free energy, i.e. of the bias times G / (G - 1), and a column `biasf` with the G that they were made with. A
# restart reads past that column: the heights are multiplied by (G' - 1) / G' of the METAD line that reads them. Going on with
# another BIASFACTOR, as to end more carefully, so changes the bias that is there: from 10 to 2 it falls to 0.556 of what it was,
# from 10 to 100 it grows by a tenth. The log says nothing of it.
#
# Seen: `three hills of 9 made with BIASFACTOR 10: read with 10: 27.000, with 2: 15.000, with 100: 29.700`.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps hillclimber==0.1.8
cd "$dir"
for step in 0 1 2 3; do printf '1\n100 100 100\nAr 0 0 0\n'; done > still.xyz
run() { venv/bin/plumed --no-mpi driver --ixyz still.xyz --plumed "$1" > "$1.log"; }
# At so high a temperature all hills have the height that is asked for.
cat > make.dat <<'PLUMED'
p: POSITION ATOM=1
m: METAD ARG=p.x PACE=1 HEIGHT=9 SIGMA=0.1 BIASFACTOR=10 TEMP=1e12 FILE=HILLS
PLUMED
run make.dat
[ "$(grep -vc '^#' HILLS)" = 3 ]
for factor in 10 2 100; do
  cp HILLS "hills.$factor"
  cat > "read.$factor" <<PLUMED
RESTART
p: POSITION ATOM=1
m: METAD ARG=p.x PACE=1000 HEIGHT=9 SIGMA=0.1 BIASFACTOR=$factor TEMP=1e12 FILE=hills.$factor
PRINT ARG=m.bias FILE=bias.$factor FMT=%.3f RESTART=NO
PLUMED
  run "read.$factor"
done
bias() { awk 'END {print $2}' "bias.$1"; }
echo "three hills of 9 made with BIASFACTOR 10: read with 10: $(bias 10), with 2: $(bias 2), with 100: $(bias 100)"
[ "$(bias 10)" = 27.000 ] || { echo "a restart with the same BIASFACTOR is another bias"; exit 1; }
[ "$(bias 2)" = 15.000 ] && [ "$(bias 100)" = 29.700 ] || { echo "hills are weighed otherwise now"; exit 1; }
