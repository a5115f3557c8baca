"""All checks, one after the other."""

from pathlib import Path

from wtemlp.preflight.findings import Findings
from wtemlp.preflight.hosts import by_queue, check_places, open_places
from wtemlp.preflight.inputs import (
    check_folder,
    check_label_inputs,
    check_machine_file,
    check_params,
    check_plumed,
    check_sections,
)
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
        Send a tiny job through each queue, too.
    """
    examined = check_params(param, root, findings, files=not schema_only)
    params = examined.params if examined is not None else None
    machines = None
    if machine is not None:
        machines = check_machine_file(machine, findings, to_run=not schema_only)
    if not schema_only:
        check_plumed(params, machines, root, findings)
        lacking = examined is not None and bool(examined.label_file_problems())
        check_label_inputs(params, machines, root, findings, lacking)
    if machines is None or schema_only:
        return
    check_folder(params, machines, root, findings)
    sections, lacking = check_sections(machines, root, findings)
    places = open_places(sections, root, findings)
    logged_in = check_places(machines, places, lacking, findings)
    if submit:
        check_by_jobs(machine.name, by_queue(logged_in), root, findings)
