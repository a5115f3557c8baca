"""``wtemlp doctor``: the engines of this machine."""

import sys

import click

from wtemlp.cli.options import json_option


@click.command()
@click.option("--install", "do_install", is_flag=True, help="Install by pip what is missing.")
@json_option
def doctor(do_install: bool, as_json: bool) -> None:
    """List the engines of this machine, what is missing, and the command that installs it.

    Exit 0: a run on this machine has all that it needs; 1: something is missing.  Programs on
    other machines are looked at by `wtemlp check`.

    \b
    Examples:
      wtemlp doctor
      wtemlp doctor --install
      wtemlp doctor --json
    """
    import json
    from dataclasses import asdict

    from wtemlp.preflight.doctor import as_lines, examine, install

    parts = examine(trial=not do_install)
    if do_install:
        if not install(parts, lambda line: click.echo(line, err=True)):
            click.echo("wtemlp: pip failed; its last words are above", err=True)
            sys.exit(1)
        parts = examine()
    if as_json:
        click.echo(
            json.dumps([asdict(part) | {"ok": part.ok, "remedy": part.remedy} for part in parts])
        )
    else:
        for line in as_lines(parts):
            click.echo(line)
    sys.exit(0 if all(part.ok for part in parts if part.needed) else 1)
