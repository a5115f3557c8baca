"""LAMMPS scripts of a validation: the same MD with a model and with the reference force field.

One job is NVT (CSVR thermostat), then, where asked, NVE from its end and NPT from there.  A model
is run in ``units metal`` and the reference in ``units real``; lengths, times and the thermostat are
the same.  A run that explodes is stopped by LAMMPS's ``fix halt`` and leaves a note.

NVE begins with the velocities of NVT's last step, scaled so that the total energy is the mean one
of NVT: as it is, the last step's would differ by one fluctuation, which in a small box is a tenth
of the temperature.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from wtemlp.core import paths
from wtemlp.md.reference_script import LOG, SCRIPT
from wtemlp.md.systems.system_input import SystemInput
from wtemlp.md.systems.units import METAL, Units
from wtemlp.md.wte_command import UNPHYSICAL

START = "start.data"  #: the reference's structure; a model's is :data:`wtemlp.core.paths.CONF`
STOPPED = "md.stopped"  #: one line: why the run ended early
NVT, NVE, NPT = "nvt", "nve", "npt"
THERMOSTAT_PS = 0.1  #: relaxation times, those of the explorations
BAROSTAT_PS = 0.5
GUARD_EVERY = 10  #: steps between looks at the temperature
VACF_EVERY_PS = 0.002  #: between recorded velocities: a stretch of O-H has a period of 9 fs
VACF_PS = 10.0  #: the longest that velocities are recorded

#: Columns of :func:`series`: step, K, potential and total energy, pressure, g/cm3.
SERIES_COLUMNS = ("step", "temperature", "potential", "total", "pressure", "density")
_END = "end"


def series(ensemble: str) -> str:
    """The file of a part's temperatures, energies, pressures and densities."""
    return f"series.{ensemble}"


def trajectory(ensemble: str) -> str:
    """The file of a part's unwrapped positions."""
    return f"traj.{ensemble}.dump"


VELOCITIES = "velocities.nve.dump"


@dataclass(frozen=True)
class MdPlan:
    """The MD of one potential at one temperature; what both potentials share."""

    temperature_K: float
    timestep_ps: float
    ensembles: tuple[str, ...]  #: NVT first
    equil_steps: int
    nvt_steps: int
    nve_steps: int
    npt_steps: int
    pressure_bar: float
    trj_freq: int
    thermo_freq: int
    limit_K: float  #: a run that is hotter has exploded
    velocity_seed: int
    thermostat_seed: int
    vacf_types: tuple[int, ...] = ()  #: LAMMPS types whose velocities are recorded in NVE
    n_alone: int = 0  #: atoms of a molecule in vacuum, which neither moves nor turns; 0: it is none

    @property
    def total_steps(self) -> int:
        """Steps of the whole job."""
        steps = {NVT: self.nvt_steps, NVE: self.nve_steps, NPT: self.npt_steps}
        return self.equil_steps + sum(steps[name] for name in self.ensembles)

    @property
    def vacf_freq(self) -> int:
        """Steps between recorded velocities."""
        return max(1, round(VACF_EVERY_PS / self.timestep_ps))

    @property
    def vacf_steps(self) -> int:
        """Steps of NVE in which velocities are recorded."""
        return min(self.nve_steps, round(VACF_PS / self.timestep_ps))

    @property
    def results(self) -> tuple[str, ...]:
        """The files that the job leaves, but its log and its note."""
        files = [f(name) for name in self.ensembles for f in (series, trajectory)]
        return (*files, *([VELOCITIES] if self.vacf_types and NVE in self.ensembles else []))


def model_script(
    plan: MdPlan, graph: str, type_map: Sequence[str], mass_map: Sequence[float]
) -> str:
    """Script of MD with one model, ``units metal``; it reads :data:`wtemlp.core.paths.CONF`.

    Parameters
    ----------
    plan : MdPlan
    graph : str
        The model file, relative to the job's folder.
    type_map : sequence of str
    mass_map : sequence of float
        g/mol, in the order of `type_map`.
    """
    masses = [f"mass            {i} {m:.8g}" for i, m in enumerate(mass_map, start=1)]
    head = [
        "units           metal",
        "boundary        p p p",
        "atom_style      atomic",
        "neighbor        1.0 bin",
        "box             tilt large",
        f"read_data       {paths.CONF}",
        "change_box      all triclinic",
        *masses,
        f"pair_style      deepmd {graph}",
        f"pair_coeff      * * {' '.join(type_map)}",
    ]
    return "\n".join([*head, *_md(plan, METAL)])


def reference_script(
    plan: MdPlan, system: SystemInput, type_map: Sequence[str], mass_map: Sequence[float]
) -> str:
    """Script of MD with the reference, in its own units.

    The masses are those of the models: they decide the dynamics.
    """
    mass = dict(zip(type_map, mass_map, strict=True))
    head = [
        "box             tilt large",
        system.lines.rstrip(),
        *(f"mass            {i} {mass[name]:.8g}" for i, name in enumerate(system.elements, 1)),
        *system.constraints.splitlines(),
    ]
    return "\n".join([*head, *_md(plan, system.units)])


def _md(p: MdPlan, u: Units) -> list[str]:
    """All but the system and its potential."""
    temperature = f"{p.temperature_K:.10g}"
    lines = [
        f"timestep        {p.timestep_ps * u.time:.10g}",
        f"thermo_style    custom step temp pe ke etotal{' press density' * (not p.n_alone)}",
        "thermo_modify   format float %.10g lost error flush yes",
        *_freedom(p),
        f"thermo          {_thermo_every(p)}",
        f"velocity        all create {temperature} {p.velocity_seed} mom yes"
        f" rot {'yes' if p.n_alone else 'no'} dist gaussian{_OWN_FREEDOM * bool(p.n_alone)}",
        "# A comparison with NaN is false, so NaN ends the run, too.",
        f'variable        temp_ok equal "temp < {p.limit_K:.10g}"',
        f"fix             guard all halt {GUARD_EVERY} v_temp_ok != 1 error soft message no",
        "",
        "fix             integrate all nve",
        f"fix             thermostat all temp/csvr {temperature} {temperature}"
        f" {THERMOSTAT_PS * u.time:.10g} {p.thermostat_seed}",
        *["fix_modify      thermostat temp thermo_temp"] * bool(p.n_alone),
    ]
    if p.equil_steps:
        lines += [f"run             {p.equil_steps}", *_stop(p, "equilibration")]
    lines += ["", *_nvt(p)]
    if NVE in p.ensembles:
        lines += ["", *_nve(p)]
    if NPT in p.ensembles:
        lines += ["", *_npt(p, u, temperature)]
    return [*lines, "", f"label           {_END}", ""]


#: Of ``velocity``, which has a temperature of its own otherwise.
_OWN_FREEDOM = " temp thermo_temp"


def at_rest(n_alone: int) -> int:
    """Degrees of freedom that a molecule in vacuum of so many atoms lacks, beside its place."""
    return 0 if not n_alone else 3 if n_alone > 2 else 2


def _freedom(p: MdPlan) -> list[str]:
    """Degrees of freedom of a molecule in vacuum: it neither moves nor turns."""
    if not p.n_alone:
        return []
    return [f"compute_modify  thermo_temp extra/dof {3 + at_rest(p.n_alone)}"]


def _thermo_every(p: MdPlan) -> int:
    """Steps between lines of the log, from which the progress is told."""
    return max(p.thermo_freq, 100)


def _nvt(p: MdPlan) -> list[str]:
    return [
        "variable        total equal etotal",
        f"fix             mean all ave/time {p.thermo_freq} 1 {p.thermo_freq} v_total ave running",
        *_record(p, NVT),
        f"run             {p.nvt_steps}",
        *_stop(p, NVT.upper()),
        *_unrecord(NVT),
    ]


def _nve(p: MdPlan) -> list[str]:
    lines = [
        "# With the mean total energy of NVT, and not that of its last step.",
        "variable        start_K equal $(temp*(f_mean-pe)/ke:%.10g)",
        "unfix           mean",
        "unfix           thermostat",
        'if "${start_K} > 0" then "velocity all scale ${start_K}'
        f'{_OWN_FREEDOM * bool(p.n_alone)}"',
        *_record(p, NVE),
    ]
    if p.vacf_types:
        lines += [
            f"group           followed type {' '.join(map(str, p.vacf_types))}",
            f"dump            velocities followed custom {p.vacf_freq} {VELOCITIES}"
            " id type vx vy vz",
            'dump_modify     velocities sort id format float "%.5g"',
            f"run             {p.vacf_steps}",
            *_stop(p, NVE.upper()),
            "undump          velocities",
        ]
    rest = p.nve_steps - (p.vacf_steps if p.vacf_types else 0)
    if rest:
        lines += [f"run             {rest}", *_stop(p, NVE.upper())]
    return [*lines, *_unrecord(NVE)]


def _npt(p: MdPlan, u: Units, temperature: str) -> list[str]:
    pressure = f"{p.pressure_bar / u.pressure_bar:.10g}"
    thermostat = (
        f"fix             thermostat all temp/csvr {temperature} {temperature}"
        f" {THERMOSTAT_PS * u.time:.10g} {p.thermostat_seed + 1}"
    )
    return [
        "unfix           integrate",
        *(["unfix           mean", "unfix           thermostat"] if NVE not in p.ensembles else []),
        f"fix             integrate all nph iso {pressure} {pressure} {BAROSTAT_PS * u.time:.10g}",
        thermostat,
        *_record(p, NPT),
        f"run             {p.npt_steps}",
        *_stop(p, NPT.upper()),
        *_unrecord(NPT),
    ]


def _record(p: MdPlan, ensemble: str) -> list[str]:
    """Begin a part's files."""
    of_cell = "0 0" if p.n_alone else "$(press:%.4f) $(density:%.8f)"
    values = f"$(step) $(temp:%.6f) $(pe:%.8f) $(etotal:%.8f) {of_cell}"
    columns = " ".join(SERIES_COLUMNS)
    return [
        f'fix             {ensemble}_series all print {p.thermo_freq} "{values}"'
        f' file {series(ensemble)} screen no title "# {columns}"',
        f"dump            {ensemble}_traj all custom {p.trj_freq} {trajectory(ensemble)}"
        " id type xu yu zu",
        f'dump_modify     {ensemble}_traj sort id format float "%.5f"',
    ]


def _unrecord(ensemble: str) -> list[str]:
    return [f"unfix           {ensemble}_series", f"undump          {ensemble}_traj"]


def _stop(p: MdPlan, part: str) -> list[str]:
    """End the job with a note, if the guard has halted it."""
    reason = f"temperature $(temp:%.6g) K at step $(step) of the run, in {part}: above"
    return [
        'if "$(v_temp_ok) != 1" then &',
        f"  'print \"{reason} {p.limit_K:.6g} K\" file {STOPPED}' &",
        f'  "jump SELF {_END}"',
    ]


def command(lammps: str, results: Sequence[str]) -> str:
    """The shell command of a task: LAMMPS, and a note if it says that the run has exploded.

    Parameters
    ----------
    lammps : str
        The command line of LAMMPS.
    results : sequence of str
        Files that are there afterwards, be they empty.
    """
    noted = f"grep -m 1 -E 'ERROR.*({UNPHYSICAL})' {LOG} > {STOPPED}"
    return (
        f"rm -f {STOPPED}; {{ {lammps} || {{ code=$?; {noted} || {{ rm -f {STOPPED};"
        f" (exit $code); }}; }}; }} && touch {' '.join(results)}"
    )


__all__ = ["LOG", "SCRIPT", "MdPlan", "command", "model_script", "reference_script"]
