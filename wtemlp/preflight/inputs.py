"""The parameter and the machine file, looked at as ``wtemlp run`` looks at them."""

from collections.abc import Sequence
from pathlib import Path

from wtemlp.config.machine.sections import examine_machines
from wtemlp.config.params import Examined, examine_params
from wtemlp.config.records import Machines
from wtemlp.core.errors import NotRunnable, WtemlpError
from wtemlp.preflight.findings import Findings


def check_params(
    param: Path, root: Path, findings: Findings, files: bool
) -> tuple[Examined | None, bool]:
    """Check a parameter file.

    Parameters
    ----------
    param : Path
    root : Path
        The run's folder.
    findings : Findings
        Takes what is found.
    files : bool
        Whether to look at the data and structures that it names, too, and whether it is an error
        if the file is well-formed, but no run can be made of it.

    Returns
    -------
    examined : Examined or None
        None: it is not well-formed.
    sound : bool
        Whether the data and structures that it names are as they must be, as far as is known.
    """
    try:
        examined = examine_params(param, root)
    except WtemlpError as error:
        findings.refused(error)
        return None, True
    params, sound = examined.params, True
    if params is None:
        _tell_not_runnable(param, examined.problems, findings, files)
        return examined, True
    jobs, models = len(params.jobs), params.numb_models
    findings.ok(param.name, f"keys and values are right ({jobs} iterations, {models} models)")
    for line in params.warnings:
        _warn(line, findings)
    templates = sum(job.template is not None for job in params.jobs)
    if templates:
        findings.ok(param.name, f"the scripts of {templates} iterations have all that is needed")
    if files:
        found = examined.look_at_files()
        data, problems = found.data, found.problems
        for line in (*data.warnings, *found.notes):
            _warn(line, findings)
        for problem in (*data.shown, *problems):
            findings.refused(problem)
        for key, summary in data.summaries():
            findings.ok(f"{param.name}: {key}", summary)
        sound = not problems and not data.problems
        if sound:
            used = {index for job in params.jobs for index in job.sys_idx}
            structures = sum(len(params.sys_configs[index]) for index in used)
            elements = ", ".join(params.type_map)
            findings.ok(
                param.name,
                f"{len(data.systems)} systems of data and {structures} "
                f"structures are there, of {elements}",
            )
    return examined, sound


def check_machine_file(machine: Path, findings: Findings, to_run: bool) -> Machines | None:
    """Check a machine file alone.

    Parameters
    ----------
    machine : Path
    findings : Findings
        Takes what is found.
    to_run : bool
        Whether it is an error if the file is well-formed, but no task can be run with it.

    Returns
    -------
    Machines or None
        None: it is of no use.
    """
    try:
        machines, ignored, problems = examine_machines(machine)
    except WtemlpError as error:
        findings.refused(error)
        return None
    for idle in ignored:
        findings.warning(idle.where, idle.problem, idle.remedy)
    if problems:
        _tell_not_runnable(machine, problems, findings, to_run)
        return None
    findings.ok(machine.name, "keys and values are right")
    return machines


def _warn(line: str, findings: Findings) -> None:
    """Tell a warning of the parameter file."""
    where, _, what = line.partition(": ")
    findings.warning(where, what)


def _tell_not_runnable(
    file: Path, problems: Sequence[NotRunnable], findings: Findings, to_run: bool
) -> None:
    """Tell that a file is well-formed, and why there is no run with it all the same."""
    findings.ok(file.name, "is well-formed")
    for problem in problems:
        if to_run:
            findings.refused(problem)
        else:
            words = f"well-formed, but `wtemlp run` refuses it: {problem.problem}"
            findings.warning(problem.where, words, problem.remedy)
