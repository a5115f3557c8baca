"""All checks, one after the other."""

from dataclasses import replace
from pathlib import Path

from wtemlp.core.errors import MissingEngine
from wtemlp.preflight.before import Begin, engine_problems, show
from wtemlp.preflight.findings import Findings
from wtemlp.preflight.hosts import by_queue, check_places, open_places
from wtemlp.preflight.inputs import check_machine_file, check_params
from wtemlp.preflight.test_job import check_by_jobs


def check_everything(
    param: Path,
    machine: Path | None,
    root: Path,
    findings: Findings,
    *,
    schema_only: bool = False,
    submit: bool = False,
) -> None:
    """Look for what would make a run fail; nothing is written or submitted unless asked.

    Parameters
    ----------
    param : Path
        The parameter file.
    machine : Path, optional
        The machine file.
    root : Path
        The run's folder, absolute.
    findings : Findings
        Takes what is found.
    schema_only : bool
        Look at the two files alone.
    submit : bool
        Send a tiny job through each queue, too, and have the initial data held against the
        reference where its jobs run.
    """
    examined, sound = check_params(param, root, findings, files=not schema_only)
    params = examined.params if examined is not None else None
    machines = None
    if machine is not None:
        machines = check_machine_file(machine, findings, to_run=not schema_only)
    if schema_only:
        return
    begin = Begin(root, machines, params=params, explores=True, goes_on=True, by_check=True)
    show(replace(begin, sound=sound, submit=submit), findings)
    if machine is None or machines is None:
        return
    problems = engine_problems(machines, begin.here, root)
    lacking = {stage for stage, error in problems.items() if isinstance(error, MissingEngine)}
    usable = [stage for stage in begin.here if stage in lacking or stage not in problems]
    sections = [getattr(machines, stage) for stage in usable]
    places = open_places(sections, root, findings)
    logged_in = check_places(machines, places, lacking, findings)
    if submit:
        check_by_jobs(machine.name, by_queue(logged_in), root, findings)
