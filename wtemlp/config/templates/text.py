"""The text of the user's own scripts: words that stand for values, and the commands that it holds.

A *word* is whole: ``V_T`` is not in ``V_TEMP``.  (DP-GEN replaces the letters wherever they are.)
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_VARIABLE = re.compile(r"(?<!\w)V_\w+", re.ASCII)
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


def commands(text: str) -> list[list[str]]:
    """The words of each LAMMPS command: comments taken away, lines that go on (``&``) joined."""
    found: list[list[str]] = []
    goes_on = False
    for line in _without_comments(text):
        stripped = line.rstrip()
        words = stripped.removesuffix("&").split()
        if goes_on:
            found[-1] += words
        else:
            found.append(words)
        goes_on = stripped.endswith("&")
    return [words for words in found if words]


@dataclass(frozen=True)
class Action:
    """One line of a PLUMED input."""

    label: str
    name: str
    keywords: Mapping[str, str]  #: ``KEY=value``


def actions(text: str) -> list[Action]:
    """The actions of a PLUMED input, those that take several lines (``...``) joined."""
    found: list[Action] = []
    words: list[str] = []
    inside = False
    for line in text.splitlines():
        new = line.partition("#")[0].split()
        if inside and new[:1] == ["..."]:
            inside, new = False, []
        elif new[-1:] == ["..."]:
            inside, new = True, new[:-1]
        words += new
        if words and not inside:
            found.append(_action(words))
            words = []
    return found + ([_action(words)] if words else [])


def _action(words: list[str]) -> Action:
    label = ""
    if words[0].endswith(":"):
        label, words = words[0][:-1], words[1:]
    pairs = [word.partition("=") for word in words[1:]]
    keywords = {key: value for key, equals, value in pairs if equals}
    return Action(keywords.get("LABEL", label), words[0] if words else "", keywords)
