"""``wtemlp validate``."""

from pathlib import Path

import click

from wtemlp.cli.options import file_argument, folder_option


@click.command()
@file_argument("param")
@file_argument("machine")
@folder_option
@click.option(
    "--iteration",
    type=click.IntRange(min=0),
    metavar="N",
    help="Whose models; by default the last that were trained.",
)
def validate(param: Path, machine: Path, root: Path, iteration: int | None) -> None:
    """Tell whether the trained models are good: MD with them, and with the reference.

    NVT, NVE and, if asked, NPT runs with each model and with the reference force field, in the
    same box, give radial distribution functions, energies, temperatures, self-diffusion and
    density; the models' errors are taken on `validation_data_sys`.  What is run is said by the
    block `validation` of PARAM, all keys of which have defaults.  A model that explodes is a
    result: the verdict says so, and the exit code is 0.  Given again, it goes on where it was.

    \b
    Examples:
      wtemlp validate param.json machine.json
      wtemlp validate -C runs/water --iteration 1 param.json machine.json
    """
    from wtemlp.config.machine.sections import load_machines
    from wtemlp.config.params import load_params
    from wtemlp.core.paths import RunPaths
    from wtemlp.preflight.before import Begin, require
    from wtemlp.session.session import at_work, find_input, run_folder
    from wtemlp.validation.page import as_text
    from wtemlp.validation.run import run_validation
    from wtemlp.validation.work import plan_work

    root = run_folder(root)
    param, machine = find_input(param, root), find_input(machine, root)
    params = load_params(param, root)
    machines = load_machines(machine, root)
    require(Begin(root, machines, (), params, goes_on=True))
    work = plan_work(params, machines, root, iteration)
    stages = {"model_devi": work.models, "fp": work.reference, "train": work.parity}
    needed = tuple(stage for stage, jobs in stages.items() if jobs)
    require(Begin(root, machines, needed, params))
    with at_work(RunPaths(root), "validate", param, machine) as reporter:
        found = run_validation(work, reporter)
        reporter.table(as_text(found))
        reporter.say(f"{found.verdict[0].upper()}{found.verdict[1:]}")
        reporter.say(f"record: {work.places.record}")
