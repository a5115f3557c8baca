"""The command ``wtemlp new``."""

from pathlib import Path

import click


@click.command()
@click.argument("source", metavar="NAME|STRUCTURE-FILE")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--full", is_flag=True, help="Show all keys, with defaults and meanings.")
@click.option(
    "--force-field",
    type=click.Path(path_type=Path),
    help="A file with LAMMPS commands (pair_style, pair_coeff ...): the reference.",
)
@click.option(
    "--units",
    type=click.Choice(("metal", "real")),
    default="metal",
    help="LAMMPS's units of these commands.",
)
@click.option(
    "--calculator", help="A calculator of ASE as the reference: gfn2, gfn1, emt, a class."
)
def new(
    source: str,
    folder: Path,
    full: bool,
    force_field: Path | None,
    units: str,
    calculator: str | None,
) -> None:
    """Write commented input files to start from, and tell the commands that follow.

    For an example (copper, mw, molecule, mixture, tip3p), or for a structure of your own in a
    file that ASE reads: init.json, param.json and machine.json in DIR, which must not be there
    yet.  Keys that begin with an underscore are comments.

    \b
    Examples:
      wtemlp new copper runs/copper
      wtemlp new POSCAR runs/mine --force-field my.lammps
      wtemlp new ethanol.xyz runs/ethanol --calculator gfn2
    """
    from wtemlp.cli.new_command import new_command

    click.echo(
        new_command(
            source,
            folder,
            full=full,
            force_field=force_field,
            units=units,
            calculator=calculator,
        )
    )
