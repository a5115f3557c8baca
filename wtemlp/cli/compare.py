"""``wtemlp compare``."""

from pathlib import Path

import click


@click.command()
@click.argument("directories", metavar="DIR...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "out",
    type=click.Path(path_type=Path),
    default=Path("compare"),
    show_default=True,
    help="The folder to write.",
)
def compare(directories: tuple[Path, ...], out: Path) -> None:
    """Compare runs: tables, figures, and which bias factor to use.

    Each DIR is the folder of a run or of a sweep, finished or not; one run alone will do.  Runs
    that differ by their seed alone are one arm.  Errors are compared at the number of labels that
    all reach, with 95 % confidence: over seeds, or over the models of a run where it is the only
    one.  Nothing is started.

    \b
    Examples:
      wtemlp compare runs/sweep
      wtemlp compare runs/g1 runs/g16 runs/g16-seed2 -o runs/compare

    OUT holds report.html (self-contained), table.csv, table.json, and figures/ with each figure
    as PNG, PDF and CSV.
    """
    from wtemlp.cli.compare_command import compare as do_compare

    if not directories:
        raise click.UsageError("no DIR given; name folders of runs or sweeps")
    click.echo(do_compare(directories, out, lambda line: click.echo(line, err=True)))
