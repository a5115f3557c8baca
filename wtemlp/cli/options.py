"""Arguments and options of several commands."""

import json
from collections.abc import Callable
from pathlib import Path

import click
from click.decorators import FC

from wtemlp.session.told import Told

folder_option = click.option(
    "-C",
    "--directory",
    "root",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The run's folder; the default is the working directory. PARAM and MACHINE are looked "
    "for in the working directory, then there.",
)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def tell(told: Told, as_json: bool) -> None:
    """Print what a command has to say: its lines, or its facts and lines as JSON."""
    for line in () if as_json else told.lines:
        click.echo(line)
    if as_json:
        click.echo(json.dumps({**told.facts, "lines": list(told.lines)}, indent=1))


def file_argument(name: str) -> Callable[[FC], FC]:
    """An input file."""
    return click.argument(name, type=click.Path(path_type=Path))


class NumberLists(click.Command):
    """A command whose options of many values take them as `--name 1 2 3`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each of its numbers, which is what click knows."""
        names = {
            name
            for option in self.params
            if isinstance(option, click.Option) and option.multiple
            for name in option.opts
        }
        given: list[str] = []
        current = ""  # the option whose numbers go on
        for word in args:
            if current and given[-1] != current and _is_number(word):
                given.append(current)
            elif word in names or not (current and _is_number(word)):
                current = word if word in names else ""
            given.append(word)
        return super().parse_args(ctx, given)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
