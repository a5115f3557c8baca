"""``wtemlp run`` and ``wtemlp step``."""

from pathlib import Path

import click

from wtemlp.cli.options import file_argument, folder_option, json_option, tell

go_on_option = click.option(
    "--go-on",
    is_flag=True,
    help="Go on with what stop_on in PARAM has stopped the run at.",
)
quiet_option = click.option(
    "-q", "--quiet", is_flag=True, help="Print nothing but errors; wtemlp.log has all."
)


@click.command()
@file_argument("param")
@file_argument("machine")
@folder_option
@click.option("--dry-run", is_flag=True, help="Say what would be done; nothing is written.")
@click.option(
    "--new-reference",
    is_flag=True,
    help="Go on although the reference (fp_style, fp_params, the files that they name) is another "
    "than that of the labels that are there; the report then says which labels are of which.",
)
@go_on_option
@quiet_option
@json_option
def run(
    param: Path,
    machine: Path,
    root: Path,
    dry_run: bool,
    new_reference: bool,
    go_on: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run the active-learning loop; given again, it goes on where it was.

    PARAM is DP-GEN's parameter file with a `wte` block, MACHINE is DP-GEN's machine file.
    Relative paths in them are relative to the run's folder.  --json is for --dry-run; of a run
    that is at work, or has ended, `wtemlp status --json` tells.

    \b
    Examples:
      wtemlp run params/water.json machines/local.json
      wtemlp run -C runs/water param.json machine.json
      wtemlp run param.json machine.json --dry-run
      wtemlp run param.json machine.json --go-on
    """
    from wtemlp.cli.run import rehearse_command, run_command

    if dry_run:
        tell(rehearse_command(param, machine, root), as_json)
        return
    if as_json:
        raise click.UsageError("--json goes with --dry-run; use wtemlp status --json")
    run_command(param, machine, root, new_reference=new_reference, go_on=go_on, quiet=quiet)


@click.command()
@file_argument("param")
@file_argument("machine")
@folder_option
@go_on_option
@quiet_option
def step(param: Path, machine: Path, root: Path, go_on: bool, quiet: bool) -> None:
    """Do the next stage of a run, and stop: train, explore, select or label.

    For looking at what a stage has left, or changing the parameter file, before the next one.  A
    step that was interrupted is done to its end.  `wtemlp run` does all that is left.

    \b
    Examples:
      wtemlp step param.json machine.json
      wtemlp status
      wtemlp step param.json machine.json
    """
    from wtemlp.cli.run import run_command

    run_command(param, machine, root, go_on=go_on, one_stage=True, quiet=quiet)
