"""The entries of ``model_devi_jobs``: what each iteration explores."""

from dataclasses import replace
from pathlib import Path

from wtemlp.config import atoms
from wtemlp.config.keys.declare import PRESSURE_BAR, STEPS, TEMPERATURE_K
from wtemlp.config.keys.wte import MIN_OPES_UPDATES, UNBIASED, Method, WteBlock
from wtemlp.config.plain_md import first_quarter, refuse_with_bias, setting, whose_script
from wtemlp.config.records import DPGEN, OWN, ExploreJob
from wtemlp.config.schema.dpgen_schema import ENGINE, engine_of
from wtemlp.config.schema.section import Section, key_path
from wtemlp.config.templates.job import read_dpgens, with_template
from wtemlp.config.wte import read_wte
from wtemlp.core.errors import NotRunnable

#: What an entry must have beside DP-GEN's own required keys.
NEEDED = {"ensemble": '"nvt" or "npt"', "temps": "a list (K)", "nsteps": "an integer"}
#: DP-GEN's names of the ensembles, and what of the cell moves in them.
BAROSTATS = {
    "nvt": "",
    "npt": "iso",
    "npt-i": "iso",
    "npt-iso": "iso",
    "npt-a": "aniso",
    "npt-aniso": "aniso",
    "npt-t": "tri",
    "npt-tri": "tri",
}


def read_job(params: Section, job: Section, root: Path) -> ExploreJob:
    """The record of an entry of ``model_devi_jobs``.

    Parameters
    ----------
    params : Section
        The whole file.
    job : Section
        The entry.
    root : Path
        The run's folder.
    """
    biased = engine_of(params) == ENGINE
    if "template" in job and not biased:
        return read_dpgens(params, job, root, read_sys_idx(job, len(params["sys_configs"])))
    for key, what in NEEDED.items():
        if key not in job:
            raise job.missing(key, f"add it: {what}")
    _check_temps(params, job)
    nsteps, trj_freq = job.integer("nsteps", STEPS), job["trj_freq"]
    script = OWN if biased else whose_script(params, job)
    if trj_freq > nsteps and script == OWN:
        raise job.wrong("trj_freq", f"must not be above nsteps ({nsteps}): no frame is stored")
    if script == DPGEN:
        wte = UNBIASED
    elif not biased:
        nsteps, wte = _plain_md(nsteps, trj_freq)
    else:
        refuse_with_bias(params, job)
        wte = _biased(job, nsteps, trj_freq, root)
    last = nsteps + (wte.nvt_steps if script == OWN else 0)
    if params.get("model_devi_skip", 0) > last:
        remedy = (
            f"must not be above the last step of {key_path(job.path)} ({last}): no frame is left"
        )
        raise params.wrong("model_devi_skip", remedy)
    record = ExploreJob(
        sys_idx=read_sys_idx(job, len(params["sys_configs"])),
        temps_K=_temps(params, job),
        ensemble=job["ensemble"],
        nsteps=nsteps,
        trj_freq=trj_freq,
        wte=wte,
        press_bar=_read_pressures(job, biased),
        barostat=BAROSTATS.get(job["ensemble"], ""),
        barostat_ps=setting(params, job, "taup") or ExploreJob.barostat_ps,
        script=script,
        timestep_ps=job.get("dt"),
        thermostat_ps=setting(params, job, "taut") or ExploreJob.thermostat_ps,
        neigh_delay=_neigh_delay(params, job),
        n_beads=job.get("nbeads") or 0,
    )
    return with_template(params, job, root, record) if "template" in job else record


def _temps(params: Section, job: Section) -> tuple[float, ...]:
    """Temperatures of the nuclei, K; with an electron temperature they may be pairs with it."""
    found = []
    for index, one in enumerate(job["temps"]):
        if isinstance(one, list) and not (atoms.with_electrons(params) and len(one) == 2):
            remedy = f"must be a number (K), or with {atoms.ELECTRONS} a pair with the electrons'"
            raise job.wrong("temps", remedy, index)
        if isinstance(one, list) and not all(isinstance(t, int | float) and t > 0 for t in one):
            raise job.wrong("temps", "must be a pair of positive numbers (K)", index)
        found.append(float(one[0] if isinstance(one, list) else one))
    return tuple(found)


def _check_temps(params: Section, job: Section) -> None:
    if not job["temps"]:
        raise job.wrong("temps", "must have one temperature or more (K)")
    for index, temperature in enumerate(_temps(params, job)):
        if remedy := TEMPERATURE_K.remedy(temperature):
            raise job.wrong("temps", remedy, index)


def _biased(job: Section, nsteps: int, trj_freq: int, root: Path) -> WteBlock:
    """What the entry's ``wte`` block says."""
    if "wte" not in job:
        raise job.missing("wte", 'add it, as {"biasfactor": [16, 64]}, or change model_devi_engine')
    if nsteps % trj_freq:
        raise job.wrong("nsteps", f"must be a multiple of trj_freq ({trj_freq})")
    wte = read_wte(job.section("wte"), trj_freq, job["temps"], root)
    least = MIN_OPES_UPDATES * (wte.pace or 0)
    if wte.method == Method.OPES and nsteps < least:
        raise job.wrong("nsteps", f"must be {least} or more: OPES begins with unbiased steps")
    return wte


def _neigh_delay(params: Section, job: Section) -> int | None:
    for section, key in ((job, "neidelay"), (params, "model_devi_neidelay")):
        if section.get(key) is not None:
            return int(section[key])
    return None


def _read_pressures(job: Section, biased: bool) -> tuple[float, ...]:
    """Pressures of the barostat, bar; none at constant volume."""
    if job["ensemble"] not in BAROSTATS and (biased or job["ensemble"] != "nve"):
        known = ", ".join(f'"{name}"' for name in BAROSTATS)
        error = job.wrong("ensemble", f"must be one of {known}: the thermostat is CSVR")
        raise NotRunnable.of(error) if job["ensemble"] == "nve" else error
    given = job.get("press") or []
    if not BAROSTATS.get(job["ensemble"]):
        if len(given) > 1 and biased:
            # One value changes nothing at constant volume, neither here nor in DP-GEN.
            raise job.wrong("press", "must be left out: at constant volume there is no pressure")
        return ()
    if not given:
        raise job.missing("press", "add it: a list (bar)")
    for index, pressure in enumerate(given):
        if remedy := PRESSURE_BAR.remedy(pressure):
            raise job.wrong("press", remedy, index)
        if pressure in given[:index]:
            raise job.wrong("press", "is given twice, remove one", index)
    return tuple(float(pressure) for pressure in given)


def _plain_md(nsteps: int, trj_freq: int) -> tuple[int, WteBlock]:
    """Unbiased MD in the terms of a biased run: a first quarter that measures the energy for the
    guard, then a run with bias factor 1; together they have `nsteps` steps."""
    nvt_steps = first_quarter(nsteps, trj_freq)
    return nsteps - nvt_steps, replace(UNBIASED, nvt_steps=nvt_steps)


def read_sys_idx(job: Section, n_systems: int) -> tuple[int, ...]:
    """Indices of systems; ``"0-4"`` and ``"0-4:2"`` are Python ranges, as for DP-GEN."""
    indices: list[int] = []
    for place, item in enumerate(job["sys_idx"]):
        if isinstance(item, str):
            span, _, step = item.partition(":")
            bounds = span.split("-")
            if len(bounds) != 2 or not all(part.isdigit() for part in (*bounds, step or "1")):
                raise job.wrong("sys_idx", 'must be an index, or a range as "0-4"', place)
            if int(step or 1) == 0:
                raise job.wrong("sys_idx", "the step of a range must be positive", place)
            new = list(range(int(bounds[0]), int(bounds[1]), int(step or 1)))
        else:
            new = [item]
        if any(not 0 <= index < n_systems for index in new):
            remedy = f"must be from 0 to {n_systems - 1}: sys_configs has {n_systems} systems"
            if n_systems == 0:
                remedy = "sys_configs has no system"
            raise job.wrong("sys_idx", remedy, place)
        if set(new) & set(indices):
            raise job.wrong("sys_idx", "is given twice, remove one", place)
        indices += new
    if not indices:
        raise job.wrong("sys_idx", "must have one system or more")
    return tuple(indices)
