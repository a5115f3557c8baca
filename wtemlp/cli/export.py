"""``wtemlp export``."""

from pathlib import Path

import click


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
