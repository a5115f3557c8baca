"""The text of a PLUMED input as PLUMED reads it.

Names of actions and of keywords may be in lower case, words and values in braces; an action may
take several lines (``...``), its label may be before or behind it; ``#`` begins a comment.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from wtemlp.config.templates.includes import Grammar, Include

_DOTS, _END = "...", "ENDPLUMED"
_READ_IN = "INCLUDE"


@dataclass(frozen=True)
class Action:
    """One action of a PLUMED input."""

    label: str
    name: str  #: in capitals
    keywords: Mapping[str, str]  #: ``KEY=value``, keys in capitals
    first: int = 0  #: its lines in the text, from 0
    end: int = 1  #: the line after it
    closed: bool = True  #: whether its ``...`` has an end
    flags: tuple[str, ...] = ()  #: keywords without a value, in capitals


def actions(text: str) -> list[Action]:
    """All actions of a text."""
    found: list[Action] = []
    words: list[str] = []
    first, inside = 0, False
    lines = text.splitlines()
    for number, line in enumerate(lines):
        new = _words(line.partition("#")[0])
        if not new:
            continue
        if not inside:
            first = number
        if inside and new[0] == _DOTS:
            inside, new = False, []
        elif new[-1] == _DOTS:
            inside, new = True, new[:-1]
        words += new
        if words and not inside:
            found.append(_action(words, first, number + 1))
            words = []
    if words:
        found.append(_action(words, first, len(lines), closed=False))
    return found


def effective(text: str) -> list[Action]:
    """The actions up to ``ENDPLUMED``."""
    found = actions(text)
    end = next((place for place, one in enumerate(found) if one.name == _END), len(found))
    return found[:end]


def _words(line: str) -> list[str]:
    """Words of a line; what is in braces is one, and the braces around it go."""
    words, word, depth = [], "", 0
    for letter in line:
        depth += (letter == "{") - (letter == "}")
        if letter.isspace() and depth <= 0:
            words.append(word)
            word = ""
        elif not (letter == "{" and depth == 1) and not (letter == "}" and depth == 0):
            word += letter
    return [one for one in [*words, word] if one]


def _action(words: list[str], first: int, end: int, closed: bool = True) -> Action:
    label = ""
    if words[0].endswith(":"):
        label, words = words[0][:-1], words[1:]
    pairs = [word.partition("=") for word in words[1:]]
    keywords = {key.upper(): value for key, equals, value in pairs if equals}
    name = words[0].upper() if words else ""
    flags = tuple(key.upper() for key, equals, _ in pairs if not equals)
    return Action(keywords.get("LABEL", label), name, keywords, first, end, closed, flags)


def _includes(text: str) -> list[Include]:
    return [
        Include(one.first, one.end, one.keywords["FILE"])
        for one in actions(text)
        if one.name == _READ_IN and "FILE" in one.keywords
    ]


def _cut(text: str) -> str:
    """``ENDPLUMED`` ends the file that it is in, and not those that include it."""
    end = next((one.first for one in actions(text) if one.name == _END), None)
    return text if end is None else "".join(f"{line}\n" for line in text.splitlines()[:end])


GRAMMAR = Grammar(_includes, _cut)
#: With ``ENDPLUMED`` kept, where it is refused.
WHOLE = Grammar(_includes, str)
