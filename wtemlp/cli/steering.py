"""``wtemlp clean``, ``wtemlp export`` and ``wtemlp rewind``."""

from pathlib import Path

import click


@click.command()
@click.argument("root", type=click.Path(path_type=Path), default=Path(), metavar="[DIR]")
@click.option("--yes", is_flag=True, help="Do it; without, what would be removed is shown.")
def clean(root: Path, yes: bool) -> None:
    """Remove what no later step of the run in DIR reads.

    Trajectories of iterations that are labelled, checkpoints of trainings before the last, and
    what `wtemlp rewind` has moved aside. Models, labels with their raw outputs, tables, logs and
    all that the report shows stay.

    \b
    Examples:
      wtemlp clean
      wtemlp clean runs/water --yes
    """
    from wtemlp.session.session import run_folder
    from wtemlp.workflow.clean import clean as clean_run

    for line in clean_run(run_folder(root), dry=not yes):
        click.echo(line)


@click.command()
@click.argument("root", type=click.Path(path_type=Path), default=Path(), metavar="[DIR]")
@click.option(
    "--iteration",
    type=click.IntRange(min=0),
    help="Whose models; the default is the last whose training is done.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="By default potential in DIR; a potential that is there is replaced.",
)
def export(root: Path, iteration: int | None, output: Path | None) -> None:
    """Put the potential of the run in DIR into one folder, with a card that says what it is.

    The models, as they were trained (compressed); README.md and card.json: level of theory, data,
    errors, the window of energies, densities and temperatures that is covered, what it must not be
    used for, versions; data/, all frames that were trained on, as one set of dpdata's; and files
    that show how to use it in LAMMPS, ASE and i-PI.

    \b
    Examples:
      wtemlp export
      wtemlp export runs/water -o water-potential
      wtemlp export runs/water --iteration 2
    """
    from wtemlp.session.session import run_folder
    from wtemlp.workflow.export import export as export_run

    folder = export_run(run_folder(root), iteration, output and output.absolute())
    click.echo(f"wrote {folder} (see README.md there)")


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
    "--model",
    type=click.IntRange(min=0),
    help="Of ITERATION.train: train this model again, with another seed; its siblings stay.",
)
@click.option(
    "--machine",
    type=click.Path(path_type=Path),
    help="The machine file; the default is the one that the run was last given.",
)
def rewind(to: str, yes: bool, root: Path, model: int | None, machine: Path | None) -> None:
    """Take a run back to the beginning of a stage: train, explore or label.

    What comes after is moved to rewound/NNN in the run's folder, not deleted; jobs that are
    alive there are ended.  The next `wtemlp run` goes on from there, with the parameter file as it
    is then, and redoes bit for bit what it would have done: seeds depend on iteration and purpose.
    To train again with longer trainings or other data, change the file, and rewind to N.train. One
    model that trained unlike its siblings is trained again with --model; its new seed is in the
    provenance of the report.

    \b
    Examples:
      wtemlp rewind 1.explore
      wtemlp rewind 1.explore --yes
      wtemlp rewind -C runs/water 2 --yes
      wtemlp rewind 2.train --model 1 --yes
    """
    from wtemlp.cli.cancel import recorded_machines
    from wtemlp.session.session import run_folder
    from wtemlp.workflow.rewind import rewind_run

    folder = run_folder(root)
    machines = lambda: recorded_machines(folder, machine)  # noqa: E731
    for line in rewind_run(folder, to, machines, not yes, model):
        click.echo(line)
