"""A machine section's command as a shell sees it: what it prepares, and the program that it runs.

DP-GEN and wtemlp put arguments behind a command, and `&&` and `if` around it; so it must be one
program.  What people write before it to prepare the shell belongs to the whole job, and goes there.
"""

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

_OPERATOR = re.compile(r"&&|\|\||;|\||\n|(?<![<>&])&(?![>&])")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
#: Programs that start as many processes of another as they are told, or as the queue has given.
_OF_MPI = frozenset(
    {
        "aprun",
        "ibrun",
        "jsrun",
        "mpiexec",
        "mpiexec.hydra",
        "mpirun",
        "orterun",
        "prun",
        "srun",
    }
)
_PRINTED = re.compile("[\u00a0\u2007\u2009\u200b\u202f\ufeff\u2018\u2019\u201c\u201d]")
#: A shell that is given what to run, and drops what is put behind it.
_GIVEN = re.compile(r"(?:^|[\s/])(?:ba|da|k|z)?sh\s+(?:-\w+\s+)*-\w*c\s")
#: Programs that start others: the engine's own word comes later.
LAUNCHERS = _OF_MPI | {"env", "nice", "numactl", "taskset", "time", "timeout"}
_RANKS = re.compile(r"--?(?:ntasks|np|n)(?:=(\S+)|(\d+))?$")
#: What changes the shell that it is run in.
PREPARES = frozenset(
    {
        ".",
        "declare",
        "eval",
        "export",
        "ml",
        "module",
        "set",
        "shopt",
        "source",
        "spack",
        "ulimit",
        "umask",
        "unset",
    }
)


@dataclass(frozen=True)
class CommandPart:
    """One of the commands of a line."""

    text: str
    operator: str  #: that comes behind it; "": it is the last
    begin: int  #: where the text begins in the line

    @property
    def prepares(self) -> bool:
        """Whether it changes the shell, and runs nothing that takes arguments."""
        words = self.text.split()
        if self.operator not in (";", "&&", "\n"):
            return False
        if words[0] in ("conda", "mamba", "micromamba"):
            return words[1:2] == ["activate"]
        return words[0] in PREPARES or all(_ASSIGNMENT.match(word) for word in words)


def parts_of(command: str) -> list[CommandPart]:
    """The commands of a line; those in parentheses, quotes and substitutions are not taken apart.

    Parameters
    ----------
    command : str
        Its quotes are in pairs.
    """
    found, begin = [], 0
    for end, operator in [*_operators(command), (len(command), "")]:
        piece = command[begin:end]
        if text := piece.strip():
            found.append(CommandPart(text, operator, begin + piece.index(text)))
        begin = end + len(operator)
    return found


def _operators(command: str) -> Iterator[tuple[int, str]]:
    quote, depth, skip = "", 0, 0
    for at, letter in enumerate(command):
        if at < skip:
            continue
        if letter == "\\" and quote != "'":
            skip = at + 2
        elif quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"`":
            quote = letter
        elif letter in "({":
            depth += 1
        elif letter in ")}":
            depth -= 1
        elif depth <= 0 and (match := _OPERATOR.match(command, at)):
            yield at, match[0]
            skip = match.end()


def dash_or_comment(command: str, comments: bool) -> str:
    """What is wrong with words that a shell does not take for what they are meant to be; or "".

    Parameters
    ----------
    command : str
        Its quotes are in pairs.
    comments : bool
        Whether arguments are put behind it.
    """
    for word in filter(None, shlex.split(command)):
        if word[0] in "\u2010\u2011\u2012\u2013\u2014\u2212":
            return f'"{word}" begins with a dash of a word processor: write "-"'
        if word[0] != "#" and _PRINTED.search(word):
            return f'"{word}" has a blank or quote of a word processor: write a plain one'
        if word[0] == "#" and comments:
            return "ends in a comment, and so would the arguments behind it: remove it"
    return ""


def drops_arguments(command: str) -> bool:
    """Whether a command runs ``sh -c '...'`` with a text that takes no arguments."""
    return bool(_GIVEN.search(command)) and not re.search(r"\$\{?[@*1]", command)


def syntax_error(text: str) -> str:
    """What bash says of lines that it cannot read; "": it can, or there is no bash here.

    Parameters
    ----------
    text : str
        As it stands in a job script: other lines follow.
    """
    if text.rstrip("\n").endswith("\\"):
        return "the backslash at its end takes the line after it in"
    if not text.strip():
        return ""
    words = ("bash", "-O", "extglob", "-n")
    try:
        done = subprocess.run(
            words, input=text, capture_output=True, text=True, env={"LC_ALL": "C"}, check=False
        )
    except OSError:
        return ""
    said = [line for line in done.stderr.splitlines() if done.returncode or "here-doc" in line]
    return re.sub(r"^bash: (line \d+: )?", "", said[0]) if said else ""


def take_apart(command: str) -> tuple[list[str], str]:
    """What a command prepares, as lines of a job script, and what is left of it.

    A part that must succeed for the next (``&&``) ends the job if it fails.
    """
    parts = parts_of(command)
    lines: list[str] = []
    while len(parts) > 1 and parts[0].prepares:
        part = parts.pop(0)
        lines.append(f"{part.text} || exit 1" if part.operator == "&&" else part.text)
    return (lines, command[parts[0].begin :].strip()) if lines else ([], command)


def program_words(command: str) -> list[str]:
    """A command without the variables that are set before it.

    Raises
    ------
    ValueError
        Its quotes are wrong.
    """
    words = shlex.split(command)
    while words and _ASSIGNMENT.match(words[0]):
        words.pop(0)
    return words


def ranks_of(command: str, by_default: int = 1) -> int:
    """How many MPI processes a command starts; 1 if that is not known.

    Parameters
    ----------
    command : str
    by_default : int
        How many a launcher starts that is not told.
    """
    words = program_words(command)
    if not words or PurePosixPath(words[0]).name not in _OF_MPI:
        return 1
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if match := _RANKS.match(word):
            number = match[1] or match[2] or following
            return int(number) if number.isdigit() else 1
    return by_default
