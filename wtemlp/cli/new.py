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
@click.option(
    "--temperature",
    "temperature_K",
    type=click.FloatRange(0, min_open=True),
    default=300,
    help="K, of the initial MD and of the exploration.",
)
def new(
    source: str,
    folder: Path,
    full: bool,
    force_field: Path | None,
    units: str,
    calculator: str | None,
    temperature_K: float,
) -> None:
    """Write commented input files to start from, and tell the commands that follow.

    For an example (copper, mw, molecule, mixture, tip3p), or for a structure of your own in a
    file that ASE reads: init.json, param.json and machine.json in DIR, which must not be there
    yet.  Keys that begin with an underscore are comments.

    \b
    Examples:
      wtemlp new copper runs/copper
      wtemlp new POSCAR runs/mine --force-field my.lammps --temperature 1000
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
            temperature_K=temperature_K,
        )
    )


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path), default="quickstart")
def quickstart(folder: Path) -> None:
    """Run the example of copper from the crystal into the melt, to its report and validation.

    Writes the files of `wtemlp new copper` into DIR, if they are not there, and does what they are
    for: `wtemlp init`, `run` and `validate`.  Some six minutes on two free cores; given again, it
    goes on where it was.  docs/quickstart.md reads it line by line.

    \b
    Examples:
      wtemlp quickstart
      wtemlp quickstart runs/copper
    """
    from wtemlp.cli.new_command import quickstart_command

    quickstart_command(folder, click.echo)
