"""Commands that messages, reports and pages name: the command line knows them and their options."""

import ast
import re
from pathlib import Path

import click

import wtemlp
from wtemlp.cli import cli

ROOT = Path(wtemlp.__file__).parent
#: A command in a text, and what tells that it is one and no prose: a colon or a quote before it.
COMMAND = re.compile(
    r"((?:: |`|<code>)?)\bwtemlp ([a-z]+)((?: +(?:--?[A-Za-z][a-z-]*|[\w./{}\[\]=\"-]+))*)"
)


def texts():
    """The texts of the package, f-strings with their values as ``X``."""
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr):
                yield (
                    file,
                    "".join(
                        part.value if isinstance(part, ast.Constant) else "X"
                        for part in node.values
                    ),
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield file, node.value


def options(command: click.Command) -> set[str]:
    return {word for one in command.params for word in (*one.opts, *one.secondary_opts)}


def unknown(name: str, rest: list[str]) -> str:
    """What the command line does not know of a command; "": it knows all."""
    command = cli.commands.get(name)
    if command is None:
        return name
    if isinstance(command, click.Group) and rest and rest[0] in command.commands:
        command = command.commands[rest[0]]
    if command.ignore_unknown_options:  # LAMMPS's and DeePMD-kit's own
        return ""
    return " ".join({word for word in rest if word.startswith("--")} - options(command))


def test_commands_that_are_named_are_there_with_their_options():
    named, wrong = set(), []
    for file, text in texts():
        for match in COMMAND.finditer(text):
            if match[1] or match[2] in cli.commands:
                named.add(match[2])
                if what := unknown(match[2], match[3].split()):
                    wrong.append(f"{file.relative_to(ROOT)}: {match[0]!r}: no {what}")
    assert not wrong
    assert {"run", "check", "rewind", "clean", "doctor", "labels", "export"} <= named


#: Commands that work in no folder of a run, or name it themselves.
ANYWHERE = {"compare", "doctor", "dp", "lmp", "new", "schema"}


def test_a_command_to_be_typed_is_for_the_folder_of_the_run():
    """A text has place-holders in it; what is to be typed as it stands knows where the run is."""
    wrong = [
        f"{file.relative_to(ROOT)}: {match[0]!r}"
        for file, text in texts()
        for match in re.finditer(r"(?:: |with: )wtemlp ([a-z]+)(?! [A-Z]{3})", text)
        if match[1] in set(cli.commands) - ANYWHERE
    ]
    assert not wrong
