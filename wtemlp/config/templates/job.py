"""An entry of ``model_devi_jobs`` that has a template: what its other keys come to."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from wtemlp.config.keys.wte import UNBIASED, Guard, WteBlock
from wtemlp.config.records import ExploreJob, Template
from wtemlp.config.schema.own_keys import defaults
from wtemlp.config.schema.section import Section
from wtemlp.config.templates.scripts import read_template
from wtemlp.config.templates.text import occurs

#: Words that wtemlp replaces in templates of its own engine, and what they stand for.
WORDS = {
    "V_TEMP": "temperature, K (temps)",
    "V_PRESS": "pressure, bar (press); at constant pressure only",
    "V_TAUP": "relaxation time of the barostat, ps (taup); at constant pressure only",
    "V_DT": "time step, ps (model_devi_dt)",
    "V_NSTEPS": "biased steps (nsteps)",
    "V_NVT_STEPS": "steps before the bias (wte.nvt_steps)",
    "V_TRJ_FREQ": "steps between stored frames (trj_freq)",
    "V_BIASFACTOR": "bias factor (wte.biasfactor)",
    "V_PACE": "steps between hills (wte.pace)",
    "V_SIGMA": "width of the hills, eV (wte.sigma); only where it is given",
    "V_HEIGHT": "first height of the hills, eV (wte.height)",
    "V_VELOCITY_SEED": "seed of the velocities",
    "V_THERMOSTAT_SEED": "seed of the thermostat",
    "V_TEMP_MAX": "temperature that stops a walker, K (wte.guard.temp_factor)",
    "V_ENERGY_SIGMAS": "distance of the energy that stops a walker (wte.guard.energy_sigmas)",
    "V_DEVI_CHECKS": "outputs that the guard on the deviation looks at (wte.guard.devi_checks)",
    "V_GUARD_EVERY": "steps between two looks of it",
}
CONSTANT_PRESSURE = ("V_PRESS", "V_TAUP")
SEEDS = ("V_VELOCITY_SEED", "V_THERMOSTAT_SEED")
GUARD_FILE = "guard.awk"  #: of the generated walkers, and beside a template's script

#: Words by which a key of the wte block reaches a template; its default needs none.
_NEEDED = {
    "nvt_steps": "V_NVT_STEPS",
    "pace": "V_PACE",
    "height": "V_HEIGHT",
    "sigma": "V_SIGMA",
    "biasfactor": "V_BIASFACTOR",
}
#: Keys of the wte block that are about generated scripts; their defaults change nothing.
_GENERATED = ("method", "hills", "share_hills", "plumed", "variables", "bias", "checkpoint")
#: What of the script a guard's setting needs.
_GUARDS = {
    "devi_factor": GUARD_FILE,
    "devi_checks": GUARD_FILE,
    "temp_factor": "V_TEMP_MAX",
    "energy_sigmas": "V_ENERGY_SIGMAS",
}


def read_dpgens(params: Section, job: Section, root: Path, systems: Sequence[int]) -> ExploreJob:
    """The record of an entry for DP-GEN's own engine: the scripts alone say what is done.

    Parameters
    ----------
    params : Section
        The whole file.
    job : Section
        The entry.
    root : Path
        The run's folder.
    systems : sequence of int
        Those that the entry explores.
    """
    template = read_template(params, job, root, systems, own=(), wte=False)
    return ExploreJob(
        sys_idx=tuple(systems),
        temps_K=(),
        ensemble="",
        nsteps=0,
        trj_freq=job["trj_freq"],
        wte=UNBIASED,
        template=template,
    )


def with_template(params: Section, job: Section, root: Path, record: ExploreJob) -> ExploreJob:
    """The record of an entry for the engine ``wte``, with the template that it has.

    Parameters
    ----------
    params, job : Section
    root : Path
    record : ExploreJob
        What the other keys say.
    """
    block = job.section("wte")
    if isinstance(block["biasfactor"], dict):
        raise block.wrong("biasfactor", "not with a template: give numbers")
    if record.wte.pace is None:
        raise block.wrong("pace", "not with a template: give a number of steps")
    usual = defaults(WteBlock)
    for key in _GENERATED:
        if block[key] != usual[key]:
            remedy = "is of generated scripts: remove it, and write it into the template"
            raise block.wrong(key, remedy)
    for key in ("taut", "neidelay"):
        if job.get(key) is not None:
            raise job.wrong(key, "does not reach the template: remove it, and write it there")
    own = _own_words(record)
    template = read_template(params, job, root, record.sys_idx, own, wte=True)
    _check_reach(job, block, template, record)
    return replace(record, template=template, wte=replace(record.wte, checkpoint=0))


def _own_words(record: ExploreJob) -> tuple[str, ...]:
    """The words that there are values for."""
    without: set[str] = set()
    if not record.press_bar:
        without |= set(CONSTANT_PRESSURE)
    if record.wte.sigma_eV is None:
        without.add("V_SIGMA")
    return tuple(name for name in WORDS if name not in without)


def _check_reach(job: Section, block: Section, template: Template, record: ExploreJob) -> None:
    """Refuse what is asked for and does not reach the scripts."""
    used = set(template.own)
    wanted = [(job, "temps", "V_TEMP"), (job, "nsteps", "V_NSTEPS")]
    if record.press_bar:
        wanted.append((job, "press", "V_PRESS"))
    if record.press_bar and job.get("taup") is not None:
        wanted.append((job, "taup", "V_TAUP"))
    usual = defaults(WteBlock) | {"biasfactor": [1]}
    wanted += [
        (block, key, word)
        for key, word in _NEEDED.items()
        if block[key] != usual[key] and [block[key]] != usual[key]
    ]
    for section, key, word in wanted:
        if word not in used:
            raise section.wrong(key, f"does not reach the template: write {word} there")
    if record.wte.walkers > 1 and not used & set(SEEDS):
        remedy = f"all would be the same: write {SEEDS[0]} into the template"
        raise block.wrong("walkers", remedy)
    if "guard" not in block:
        return
    guard, free = block.section("guard"), Guard()
    if guard["volume_factor"] != free.volume_factor:
        remedy = "is of generated scripts: remove it, and write it into the template"
        raise guard.wrong("volume_factor", remedy)
    for key, word in _GUARDS.items():
        if guard[key] != getattr(free, key) and not occurs(word, template.lmp):
            raise guard.wrong(key, f"does not reach the template: write {word} there")
