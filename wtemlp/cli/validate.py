"""``wtemlp validate``."""

from pathlib import Path

import click

from wtemlp.cli.options import file_argument, folder_option, json_option, tell


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
@json_option
def validate(param: Path, machine: Path, root: Path, iteration: int | None, as_json: bool) -> None:
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
      wtemlp validate param.json machine.json --json
    """
    from dataclasses import asdict

    from wtemlp.config.machine.sections import load_machines
    from wtemlp.config.params import load_params
    from wtemlp.records.validation_record import FILE, FOLDER
    from wtemlp.session.session import find_input, run_folder
    from wtemlp.session.told import Told
    from wtemlp.validation.run import validate as validate_run

    root = run_folder(root)
    param, machine = find_input(param, root), find_input(machine, root)
    params, machines = load_params(param, root), load_machines(machine, root)
    found = validate_run(params, machines, root, iteration, quiet=as_json)
    if as_json:
        known = {"iteration": found.iteration, "answer": found.answer}
        checks = {"checks": list(map(asdict, found.checks))}
        record = {"record": str(root / FOLDER / FILE)}
        tell(Told([found.verdict], {**known, **checks, **record}), as_json)
