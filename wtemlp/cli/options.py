"""Arguments and options of several commands."""

from collections.abc import Callable
from pathlib import Path

import click
from click.decorators import FC

folder_option = click.option(
    "-C",
    "--directory",
    "root",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The run's folder; the default is the working directory. PARAM and MACHINE are looked "
    "for in the working directory, then there.",
)


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
