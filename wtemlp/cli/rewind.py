"""``wtemlp rewind``."""

from pathlib import Path

import click


@click.command()
@click.argument("to", metavar="ITERATION[.STAGE]")
@click.option("--yes", is_flag=True, help="Do it; without, what would be done is shown.")
@click.option(
    "-C",
    "--directory",
    "root",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The run's folder; the default is the working directory.",
)
@click.option(
    "--machine",
    type=click.Path(path_type=Path),
    help="The machine file; the default is the one that the run was last given.",
)
def rewind(to: str, yes: bool, root: Path, machine: Path | None) -> None:
    """Take a run back to the beginning of a stage: train, explore or label.

    What comes after is moved to rewound/NNN in the run's folder, not deleted; jobs that are
    alive there are ended.  The next `wtemlp run` goes on from there, with the parameter file as it
    is then, and redoes bit for bit what it would have done: seeds depend on iteration and purpose.
    To train again with longer trainings or other data, change the file, and rewind to N.train.

    \b
    Examples:
      wtemlp rewind 1.explore
      wtemlp rewind 1.explore --yes
      wtemlp rewind -C runs/water 2 --yes
    """
    from wtemlp.cli.cancel import recorded_machines
    from wtemlp.session.session import run_folder
    from wtemlp.workflow.rewind import rewind_run

    folder = run_folder(root)
    for line in rewind_run(folder, to, lambda: recorded_machines(folder, machine), dry=not yes):
        click.echo(line)
