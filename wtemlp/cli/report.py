"""``wtemlp report``."""

from pathlib import Path

import click


@click.command()
@click.argument("root", type=click.Path(path_type=Path), default=Path())
def report(root: Path) -> None:
    """Write report.html of the run in ROOT, finished or not.

    \b
    Example:
      wtemlp report runs/quickstart
    """
    from wtemlp.commands import write_run_report

    click.echo(f"wrote {write_run_report(root.resolve())}")
