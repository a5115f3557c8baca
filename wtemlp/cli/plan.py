"""What ``wtemlp plan`` does."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from wtemlp.config.keys.declare import MAX_BIASFACTOR, MAX_TEMPERATURE_K
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import examine_params
from wtemlp.config.records import Machines, Params
from wtemlp.config.structures import look_at_structures
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.planning import own_run, page, sources
from wtemlp.planning.plan import check_window, make_plan
from wtemlp.preflight.before import Begin, require
from wtemlp.reference.sampler import sampler_section
from wtemlp.session.lock import locked
from wtemlp.session.progress import reporter_on_stderr
from wtemlp.session.session import run_log


def plan_command(
    param: Path,
    machine: Path | None,
    root: Path,
    *,
    source: Path | None,
    unit: str | None,
    temperature_K: float | None,
    steps: int | None,
    biasfactors: Sequence[float],
    window_K: tuple[float, float] | None,
    as_json: bool,
) -> str:
    """Do ``wtemlp plan``.

    Parameters
    ----------
    param, machine, root : Path
    source : Path, optional
        The unbiased run; by default the newest in the run's folder.
    unit, temperature_K
        Of a file of energies; the temperature also of an own run.
    steps : int, optional
        Do a run of this length with the reference force field, whatever is there.
    biasfactors, window_K, as_json
        As :func:`wtemlp.planning.plan.make_plan` and the page want them.

    Returns
    -------
    str
        The page.
    """
    root = root.resolve()
    examined = examine_params(param, root)
    params = examined.record()
    machines = load_machines(machine, root) if machine is not None else None
    if steps is not None and source is not None:
        raise InputError(
            "--steps", "is the length of a run to be done, and --from names one", "give one of them"
        )
    wrong = next((g for g in biasfactors if not 1 <= g <= MAX_BIASFACTOR), None)
    if wrong is not None:
        raise InputError(
            "--biasfactor", f"{wrong:g}", f"must be 1 or more, and {MAX_BIASFACTOR:g} or less"
        )
    if temperature_K is not None and not 0 < temperature_K <= MAX_TEMPERATURE_K:
        raise InputError(
            "--temperature",
            f"{temperature_K:g}",
            f"must be a positive number (K), {MAX_TEMPERATURE_K:g} or less",
        )
    if source is not None:
        if not source.exists() and (root / source).exists():
            source = root / source
        runs = sources.read(source.absolute(), params, root, unit, temperature_K)
    else:
        runs = sources.find(params, root) if steps is None else []
    if not runs:
        own = own_run.OwnRun(params, root, steps or own_run.STEPS, temperature_K)
        check_window(window_K, own.temperature_K)
        runs = [_do_own_run(own, params, machines, root)]
    _, notes = look_at_structures(examined.file, params, root)
    plans = [make_plan(run, params, biasfactors, window_K) for run in runs]
    plans = [replace(plan, warnings=(*plan.warnings, *notes)) for plan in plans]
    if as_json:
        return json.dumps([page.as_record(plan) for plan in plans], indent=1)
    return "\n\n".join(page.as_text(plan) for plan in plans)


def _do_own_run(
    own: own_run.OwnRun, params: Params, machines: Machines | None, root: Path
) -> sources.UnbiasedRun:
    if machines is None:
        here = own_run.THIS_MACHINE
        machines = Machines(params.source, here, here, here, "3", {})
    section = sampler_section(params, machines)
    require(Begin(root, machines, (section.stage,)))
    paths = RunPaths(root / own_run.FOLDER)
    paths.root.mkdir(parents=True, exist_ok=True)
    reporter = reporter_on_stderr()
    with locked(paths), run_log(paths, reporter.say):
        return own.do(section, reporter)
