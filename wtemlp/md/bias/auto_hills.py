"""How often hills fall, and how high: chosen by a walker's job, from the energies that it measured.

LAMMPS has a line of ``awk`` read what the unbiased part has recorded.  The rule is that of
:func:`wtemlp.analysis.planning.auto_hills`.
"""

from wtemlp.analysis.energy import NVT_EQUILIBRATION
from wtemlp.analysis.planning import FASTEST, FILL_WITHIN, HILLS_FACTOR, HILLS_LESS, MAX_AUTO_KT
from wtemlp.core import paths
from wtemlp.core.units import KB_EV
from wtemlp.md.walker import Walker

AUTO_AWK, AUTO_LMP = "auto.awk", "auto.lmp"
MOST = 4000  #: energies that are looked at; of more, every second, third ...


def awk_program(w: Walker) -> str:
    """The program: energies in, LAMMPS commands out.

    Its variables: `from` (ps), `biasfactor`, and `width`, that of a hill over sigma_NVT.
    """
    walkers = 1 if w.shared is None else w.shared.walkers
    height = "0" if w.height_kT is None else f"{w.height_kT:.12g}"
    return f"""!/^#/ && NF == 2 && $1 + 0 > from {{ all[m++] = $2 }}
END {{
  every = int(m / {MOST}) + 1
  for (i = 0; i < m; i += every) {{ u[n++] = all[i]; mean += all[i] }}
  mean /= n
  for (i = 0; i < n; i++) {{ u[i] -= mean; c0 += u[i]^2 }}
  g = 1
  for (t = 1; t < n && c0 > 0; t++) {{
    c = 0
    for (i = 0; i < n - t; i++) c += u[i] * u[i + t]
    c *= n / (n - t) / c0
    if (c <= 0 && t > 3) break
    g += 2 * c * (1 - t / n)
  }}
  tau = (g > 1 ? g : 1) * every * {w.colvar_stride} / 2
  hills = {HILLS_FACTOR} * biasfactor^1.5 * (1 - {HILLS_LESS} / biasfactor) / width / {walkers}
  if (hills < 1) hills = 1
  each = ({w.nsteps} * {FILL_WITHIN} - biasfactor * tau) / hills
  if (each < 0) each = 0
  fastest = ceil(tau * {FASTEST}); slowest = ceil(tau)
  height = {height}
  pace = int(each * (height > 0 ? height : 1))
  if (pace > slowest) pace = slowest
  if (pace < fastest) pace = fastest
  if (height == 0) height = each * {MAX_AUTO_KT} > pace ? pace / each : {MAX_AUTO_KT}
  printf "variable pace equal %d\\nvariable height_kT equal %.12g\\n", pace, height
  printf "variable tau_steps equal %.6g\\n", tau
}}
function ceil(x) {{ return x > int(x) ? int(x) + 1 : (x < 1 ? 1 : int(x)) }}
"""


def lines(w: Walker) -> list[str]:
    """The commands of LAMMPS that choose; the energies are recorded, and sigma and g are known."""
    if not w.chooses_hills:
        height_kT = 0.0 if w.height_kT is None else w.height_kT  # there is no bias
        return [f"variable        height equal {height_kT * KB_EV * w.temperature_K:.12g}"]
    begin = (int(NVT_EQUILIBRATION * w.nvt_steps) + 0.5) * w.timestep_ps
    return [
        "unfix           colvar",
        f"shell awk -v from={begin:.9f} -v biasfactor=${{biasfactor}}"
        f" -v width=$(v_sigma/v_sigma_nvt:%.12g) -f {AUTO_AWK} {paths.COLVAR_NVT} > {AUTO_LMP}",
        f"include         {AUTO_LMP}",
        f"variable        height equal ${{height_kT}}*{KB_EV * w.temperature_K:.12g}",
    ]
