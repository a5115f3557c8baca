"""``wtemlp report``."""

import shlex
import webbrowser
from pathlib import Path

import click


@click.command()
@click.argument("root", type=click.Path(path_type=Path), default=Path(), metavar="[DIR]")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The page; by default report.html in DIR.",
)
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write each figure for a paper, too, as PNG and PDF, and its numbers as CSV. This takes "
    "some seconds.",
)
@click.option("--open", "show", is_flag=True, help="Open the page in the browser.")
def report(root: Path, output: Path | None, figures: Path | None, show: bool) -> None:
    """Write report.html of the run in DIR, finished or not: one file that needs no network.

    A run writes its page itself: while it goes on, a minute apart or more, and at its end.  The
    page of a run that goes on loads itself again every minute.  What `wtemlp validate` has found
    is on it, too.

    If DIR is the folder of a sweep, or one that `wtemlp compare` wrote, the comparison is made
    anew.

    \b
    Examples:
      wtemlp report runs/quickstart
      wtemlp report runs/quickstart --figures paper/figures
    """
    from wtemlp.cli.compare_command import compared, compared_again
    from wtemlp.session.live_report import write_run_page

    if compared(root) is not None:
        if output is not None or figures is not None:
            raise click.UsageError(
                f"{root} is no run: its comparison is written as a whole; name a folder with: "
                f"wtemlp compare {shlex.quote(str(root))} -o FOLDER"
            )
        page = compared_again(root, lambda line: click.echo(line, err=True))
        click.echo(f"wrote {page}")
        if show:
            webbrowser.open(page.resolve().as_uri())
        return
    page, *drawn = write_run_page(root.resolve(), target=output, figures=figures)
    click.echo(f"wrote {page}")
    if figures is not None:
        click.echo(f"wrote {len(drawn)} files in {figures}")
    if show:
        webbrowser.open(page.resolve().as_uri())
