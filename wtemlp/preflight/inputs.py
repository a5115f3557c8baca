"""The parameter and the machine file, looked at as ``wtemlp run`` looks at them."""

from collections.abc import Sequence
from pathlib import Path

from wtemlp.config.keys.machine import Stage
from wtemlp.config.machine.sections import examine_machines
from wtemlp.config.params import Examined, examine_params
from wtemlp.config.records import Machines, MachineSection, Params
from wtemlp.config.schema.dpgen_schema import OWN_STYLES
from wtemlp.core.errors import InputError, MissingEngine, NotRunnable, WtemlpError
from wtemlp.core.paths import RunPaths
from wtemlp.preflight.findings import Findings
from wtemlp.preflight.fp_inputs import check_labels
from wtemlp.preflight.installed_engines import check_backend, check_machines, check_ranks
from wtemlp.preflight.plumed_lines import jobs_with_lines, refusals
from wtemlp.preflight.reference_trial import is_tried_here, try_reference
from wtemlp.preflight.user_files import check_included, check_user_files
from wtemlp.records.compatibility import check_run


def check_params(param: Path, root: Path, findings: Findings, files: bool) -> Examined | None:
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
    Examined or None
        None: it is not well-formed.
    """
    try:
        examined = examine_params(param, root)
    except WtemlpError as error:
        findings.refused(error)
        return None
    params = examined.params
    if params is None:
        _tell_not_runnable(param, examined.problems, findings, files)
        return examined
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
        if not problems and not data.problems:
            used = {index for job in params.jobs for index in job.sys_idx}
            structures = sum(len(params.sys_configs[index]) for index in used)
            elements = ", ".join(params.type_map)
            findings.ok(
                param.name,
                f"{len(data.systems)} systems of data and {structures} "
                f"structures are there, of {elements}",
            )
    return examined


def check_label_inputs(
    params: Params | None,
    machines: Machines | None,
    root: Path,
    findings: Findings,
    lacking: bool = False,
) -> None:
    """Check the back end of the trainings, and that DP-GEN can make the inputs of its ``fp_style``,
    unless files are lacking that this style names."""
    if params is None:
        return
    if machines is not None:
        for check in (check_backend, check_ranks):
            try:
                check(params, machines)
            except WtemlpError as error:
                findings.refused(error)
    own = params.fp_style in OWN_STYLES
    if lacking:
        return  # told already
    try:
        check_labels(params, machines, root)
    except WtemlpError as error:
        findings.refused(error)
        return
    if not own:
        findings.ok(params.source.name, f"DP-GEN makes the inputs of fp_style {params.fp_style}")
    if machines is not None and params.ase_method is not None:
        _try_calculator(params, machines, root, findings)


def _try_calculator(params: Params, machines: Machines, root: Path, findings: Findings) -> None:
    """Try the calculator of the labels, if its command runs here."""
    where = f"{params.source.name}: fp_params.calculator"
    if not is_tried_here(params, machines):
        findings.ok(where, "is not tried here: the first labelling job tries it, before it labels")
        return
    try:
        check_machines(machines, ("fp",), root)
        check_user_files(machines, root)
    except WtemlpError:
        return  # told with the sections
    try:
        notes = try_reference(params, machines, root)
    except WtemlpError as error:
        findings.refused(error, where)
        return
    for note in notes:
        findings.warning(where, note.removeprefix(f"{where}: "))
    if not notes:
        findings.ok(where, "was made and tried on the first structure of each system")


def check_plumed(
    params: Params | None, machines: Machines | None, root: Path, findings: Findings
) -> None:
    """Look at the files that scripts include, and have the PLUMED of this machine, if there is one,
    read the user's own lines."""
    if params is not None and machines is not None:
        try:
            check_included(params, machines, root)
        except InputError as error:
            findings.refused(error)
    if params is None or not (indices := jobs_with_lines(params)):
        return
    where = f"{params.source.name}: model_devi_jobs[{indices[0]}].wte.plumed"
    before = len(findings.all)
    try:
        for refused in refusals(params, machines, root):
            if refused.certain:
                findings.refused(refused.error)
            else:
                findings.warning(refused.error.where, refused.error.problem, refused.error.remedy)
    except MissingEngine as error:
        findings.warning(where, f"is not looked at: {error.problem} on this machine", error.remedy)
    except InputError as error:
        findings.refused(error)
    if len(findings.all) == before:
        findings.ok(where, "PLUMED on this machine accepts the lines")


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


def check_sections(
    machines: Machines, root: Path, findings: Findings
) -> tuple[list[MachineSection], set[str]]:
    """Check what the machine file says of each stage, and the engines that are on this machine.

    Returns
    -------
    list of MachineSection
        Those whose places can be looked at.
    set of str
        Stages whose engine is known to be missing here.
    """
    usable: list[MachineSection] = []
    lacking: set[str] = set()
    try:
        check_user_files(machines, root)
    except WtemlpError as error:
        findings.refused(error)
    for stage in Stage:
        try:
            check_machines(machines, (stage,), root)
        except MissingEngine as error:
            findings.refused(error)
            lacking.add(stage)
        except InputError as error:
            findings.refused(error)
            continue
        usable.append(getattr(machines, stage))
    return usable, lacking


def check_folder(
    params: Params | None, machines: Machines | None, root: Path, findings: Findings
) -> None:
    """Check that the input goes with the run that is in the folder, if there is one."""
    paths = RunPaths(root)
    if params is None or machines is None:
        return
    try:
        check_run(params, machines, paths)
    except WtemlpError as error:
        findings.refused(error)
        return
    there = paths.state.is_file()
    findings.ok(str(root), "the input goes with the run that is here" if there else "no run yet")


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
