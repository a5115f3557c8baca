"""The text of the user's own scripts: words that stand for values, and the commands that it holds.

A *word* is whole: ``V_T`` is not in ``V_TEMP``.  (DP-GEN replaces the letters wherever they are.)
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from wtemlp.config.templates.includes import Grammar, Include

_VARIABLE = re.compile(r"(?<!\w)V_\w+", re.ASCII)
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_WORD = re.compile(r"\w", re.ASCII)


def replaced(text: str, values: Mapping[str, object]) -> str:
    """The text with words replaced by values, all at once: a value is not looked at again."""
    if not values:
        return text
    return _pattern(values).sub(lambda found: str(values[found[0]]), text)


def _pattern(names: Iterable[str]) -> re.Pattern[str]:
    """Any of the names as a whole word, the longest that fits."""
    words = []
    for name in sorted(names, key=len, reverse=True):
        before = r"(?<!\w)" if _WORD.match(name[0]) else ""
        after = r"(?!\w)" if _WORD.match(name[-1]) else ""
        words.append(before + re.escape(name) + after)
    return re.compile("|".join(words), re.ASCII)


def occurs(name: str, text: str) -> bool:
    """Whether a name is in a text as a word, and not in a comment only."""
    return any(_pattern([name]).search(line) for line in _without_comments(text))


def left_over(text: str, names: Iterable[str]) -> tuple[int, str] | None:
    """The first thing in a text that looks as if it had to be replaced, and would not be.

    Parameters
    ----------
    text : str
    names : iterable of str
        What is replaced.

    Returns
    -------
    (int, str) or None
        Line number, from 1, and the word: a ``V_...`` that is none of the names, or a longer word
        that ends with one of them, as ``colvar_V_TEMP``.
    """
    known = set(names)
    variables = [re.escape(name) for name in known if name.startswith("V_")]
    glued = re.compile(rf"\w+(?:{'|'.join(variables)})(?!\w)", re.ASCII) if variables else None
    for number, line in enumerate(_without_comments(text), start=1):
        for found in _VARIABLE.finditer(line):
            if found[0] not in known:
                return number, found[0]
        if glued and (longer := glued.search(replaced(line, dict.fromkeys(known, " ")))):
            return number, longer[0]
    return None


def _without_comments(text: str) -> Iterator[str]:
    """The lines of a script, what comes after a ``#`` that is not in quotes taken away."""
    for line in text.splitlines():
        quote, end = "", len(line)
        for place, letter in enumerate(line):
            if letter == "#" and not quote:
                end = place
                break
            if letter in "\"'" and quote in ("", letter):
                quote = "" if quote else letter
        yield line[:end]


@dataclass(frozen=True)
class Command:
    """One command of a LAMMPS script."""

    words: tuple[str, ...]
    text: str
    first: int  #: its lines, from 0
    end: int  #: the line after it

    @property
    def nested(self) -> list[list[str]]:
        """The commands that it has LAMMPS do: in quotes, of ``if`` and ``run ... every``."""
        if self.words[0] not in ("if", "run"):
            return []
        found = (double or single for double, single in _QUOTED.findall(self.text))
        return [words for words in map(str.split, found) if words]


def lammps_commands(text: str) -> list[Command]:
    """The commands of a LAMMPS script: comments taken away, lines that go on (``&``) joined."""
    found: list[Command] = []
    parts: list[str] = []
    first = 0
    for number, line in enumerate(_without_comments(text)):
        if not parts:
            first = number
        stripped = line.rstrip()
        parts.append(stripped.removesuffix("&"))
        if stripped.endswith("&"):
            continue
        found.append(_command(parts, first, number + 1))
        parts = []
    if parts:
        found.append(_command(parts, first, first + len(parts)))
    return [one for one in found if one.words]


def _command(parts: list[str], first: int, end: int) -> Command:
    text = " ".join(parts)
    return Command(tuple(text.split()), text, first, end)


def commands(text: str) -> list[list[str]]:
    """The words of each command of :func:`lammps_commands`."""
    return [list(one.words) for one in lammps_commands(text)]


def made_by(text: str, name: str) -> bool:
    """Whether a script makes a file itself, as far as can be seen: another command names it."""
    read = re.compile(rf"\b(include|jump|plumedfile)\s+[\"']?{re.escape(name)}(?![\w.])")
    return any(
        name in re.split(r"[\s\"'>]+", read.sub("", one.text)) for one in lammps_commands(text)
    )


def _includes(text: str) -> list[Include]:
    found = [
        Include(one.first, one.end, one.words[1].strip("\"'"))
        for one in lammps_commands(text)
        if one.words[0] == "include" and len(one.words) > 1
    ]
    return [one for one in found if not made_by(text, one.name)]


GRAMMAR = Grammar(_includes, str)
