"""What ``wtemlp validate`` does: MD, errors on held-out data, and a verdict on them.

Every input is a function of the parameters, the seed and the models, and a finished job is not run
again: a validation that was killed goes on where it was, and one with changed parameters does
anew what has changed.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from wtemlp.config.records import Machines, MachineSection, Params
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch.tasks import StageTasks, no_steps
from wtemlp.md.reference_script import done_steps
from wtemlp.preflight.before import Begin, require
from wtemlp.records.validation_record import Validation, save
from wtemlp.reference.sampler import sampler_section
from wtemlp.session.progress import Reporter
from wtemlp.session.session import at_work, run_folder
from wtemlp.session.stage import run_stage
from wtemlp.validation import jobs as jobs_of
from wtemlp.validation.jobs import Job
from wtemlp.validation.page import as_text
from wtemlp.validation.verdict import judge
from wtemlp.validation.work import Work, plan_work


def validate(
    params: Params,
    machines: Machines,
    root: Path,
    iteration: int | None = None,
    *,
    quiet: bool = False,
) -> Validation:
    """Tell whether trained models are good: MD with them and with the reference, and their errors.

    As ``wtemlp validate``: what is done is said by ``validation`` in the parameter file.

    Parameters
    ----------
    params : Params
    machines : Machines
    root : Path
        The run's folder.
    iteration : int, optional
        Whose models; by default the last that were trained.
    quiet : bool, optional
        Whether to print nothing.

    Returns
    -------
    Validation

    Raises
    ------
    InputError
        If the input is wrong, or there are no models; nothing is written.
    CalculationError
        If a job failed for another reason than that its run exploded.
    """
    root = run_folder(root)
    require(Begin(root, machines, (), params, goes_on=True))
    work = plan_work(params, machines, root, iteration)
    of_reference = sampler_section(params, machines).stage
    stages = (("model_devi", work.models), (of_reference, work.reference), ("train", work.parity))
    needed = tuple(dict.fromkeys(stage for stage, jobs in stages if jobs))
    require(Begin(root, machines, needed, params))
    paths = RunPaths(root)
    with at_work(paths, "validate", params.source, machines.source, quiet=quiet) as reporter:
        found = run_validation(work, reporter)
        reporter.table(as_text(found))
        reporter.say(f"{found.verdict[0].upper()}{found.verdict[1:]}")
        reporter.say(f"record: {work.places.record}")
    return found


def run_validation(work: Work, reporter: Reporter) -> Validation:
    """Do what is to be done, and write the record.

    Raises
    ------
    CalculationError
        If a job failed for another reason than that its run exploded.
    """
    began, places, machines = time.monotonic(), work.places, work.machines
    reporter.say(_outline(work))
    places.of_iteration.mkdir(parents=True, exist_ok=True)
    common = jobs_of.link_models(places.models, work.graphs)
    _run(work.models, common, machines.model_devi, "MD with the models", done_steps, work, reporter)
    of_reference = sampler_section(work.params, machines)
    _run(work.reference, [], of_reference, "MD with the reference", done_steps, work, reporter)
    if work.parity:
        common = jobs_of.link_models(places.parity, work.graphs)
        common += jobs_of.link_data(places.parity, work.params.validation_data_sys)
        title = "errors on held-out data"
        _run([work.parity], common, machines.train, title, no_steps, work, reporter)
    reporter.say("validate: reading the results")
    found = judge(work)
    found = replace(found, seconds=round(time.monotonic() - began, 1))
    save(places.own_record, found)
    save(places.record, found)
    return found


def _run(
    jobs: Sequence[Job],
    common: Sequence[str],
    section: MachineSection,
    title: str,
    steps_of: Callable[[Path], int],
    work: Work,
    reporter: Reporter,
) -> None:
    """Run jobs of one kind; every one must succeed, and to explode is no failure."""
    if not jobs:
        return
    root, folder = work.places.root, jobs[0].folder.parent
    if renewed := jobs_of.renew(jobs, section, root):
        jobs_have = "1 job has" if renewed == 1 else f"{renewed} jobs have"
        reporter.say(f"validate: {jobs_have} other inputs than before and will be done anew")
    stage = StageTasks([job.task() for job in jobs], folder, common, steps_of)
    run_stage(stage, f"validate: {title}", section, root, reporter)


def _outline(work: Work) -> str:
    """What is going to be done, in one line."""
    settings = work.params.validation
    temps = ", ".join(f"{temperature:g}" for temperature in settings.temps_K)
    models = f"{settings.models} model{'s' * (settings.models > 1)}"
    parts = [
        f"validate: iteration {work.places.iteration}, {models} at {temps} K "
        f"({', '.join(settings.ensembles)})",
        _without_reference(work.params) or "and the reference",
        *([] if work.parity else ["no errors on held-out data: validation_data_sys is empty"]),
    ]
    return "; ".join(parts)


def _without_reference(params: Params) -> str:
    """Why there is no MD with the reference; "" if there is."""
    if params.sampler is None:
        return f'no MD with the reference: "fp_style": "{params.fp_style}" gives none'
    if params.validation.reference:
        return ""
    if params.sampler == params.reference:
        return "no MD with the reference, as asked"
    return (
        "no MD with the reference: sampler is another method than the labels "
        '("reference": true in validation, if both are one potential)'
    )
