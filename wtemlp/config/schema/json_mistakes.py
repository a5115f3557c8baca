"""What is wrong with a text that is not JSON, and where: a guess for people.

The parser says what it expected; people make few kinds of mistake, which can be told apart by what
is at that place and by the brackets and quotes before it.
"""

import json
import re
from dataclasses import dataclass

_BRACKETS = {"{": "}", "[": "]"}
_PYTHON = {"True": "true", "False": "false", "None": "null"}
_NUMBERS = ("nan", "inf", "infinity")
_NUMBER_BEFORE = re.compile(r"[\d.+-]*$")
_NUMBER_AFTER = re.compile(r"[^\s,\]}]*")
_TOKEN = re.compile(r"[A-Za-z_][\w.-]*|[+.]?\d[\w.+-]*|\+\.?\w+|\.\w+")


@dataclass(frozen=True)
class _Before:
    """What is before a place: brackets that are open, the string that is, the last sign."""

    open: tuple[int, ...]
    string: int | None
    last: int  #: -1: there is none


def guess(text: str, error: json.JSONDecodeError) -> str:
    """What to do about a text that is not JSON.

    Parameters
    ----------
    text : str
    error : json.JSONDecodeError
        What the parser said.

    Returns
    -------
    str
        A remedy, for people.
    """
    if not text.strip():
        return 'the file is empty: it must hold one object, {"key": value, ...}'
    if text.startswith("\ufeff"):
        return "save the file without a byte order mark"
    before = _look(text, error.pos)
    here, rest = text[error.pos : error.pos + 1], text[error.pos :]
    if error.msg.startswith("Invalid control character"):
        return _missing_quote(text, before.string, error)
    if error.msg.startswith("Unterminated string"):
        return _missing_quote(text, error.pos, error)
    if error.msg.startswith("Invalid \\"):
        return "a backslash in a text must be written twice"
    if words := _no_json_at_all(rest):
        return words
    if error.msg.startswith("Extra data"):
        return _after_the_end(text, here)
    if before.last < 0 and before.string is None and here:
        return "JSON begins with {: write it, or name a file in YAML .yaml"
    if not here:
        return _unclosed(text, before)
    last = text[before.last] if before.last >= 0 else ""
    if last == "," and here in "]}":
        where = _line(text, before.last)
        return f"the comma before this bracket (line {where}) is one too many: remove it"
    if here == "," and (rest[1:].lstrip()[:1] in ("]", "}")) and last not in ("", ",", ":"):
        return "the comma before the bracket is one too many: remove it"
    if here == "," and last in (",", "[", "{"):
        return "a comma is one too many: remove it"
    if here in ",]}" and last == ":":
        return "a value is missing after the colon: write it"
    if here == "'":
        return 'write double quotes ("), JSON has no single ones'
    if here in "]}" and before.open and _BRACKETS[text[before.open[-1]]] != here:
        opened = before.open[-1]
        return (
            f"the bracket {text[opened]} of line {_line(text, opened)} is not closed: write "
            f"{_BRACKETS[text[opened]]} before this {here}"
        )
    if here in "\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019":
        return 'write straight double quotes (")'
    word = found[0] if (found := _TOKEN.match(rest)) else ""
    if word in _PYTHON:
        return f"write {_PYTHON[word]}, that is how JSON has it"
    if error.msg.startswith("Expecting ':'"):
        return _no_colon(here, before)
    if error.msg.startswith("Expecting ','"):
        return _no_comma(text, before, error.pos, word)
    if word.lower().lstrip("+") in _NUMBERS:
        return "write a finite number"
    if word[:1].isdigit() or word[:1] in ("+", "."):
        return f"write the number {word} as JSON has it: no plus, no zero in front, 0. in full"
    if word:
        what = "a key" if error.msg.startswith("Expecting property") else "a text"
        return f'a quote is missing: {what} must be in double quotes, as "{word}"'
    if here in "}]":
        return f"the bracket {here} is one too many, or something is missing before it"
    return "correct the text there"


def _no_json_at_all(rest: str) -> str:
    """What to do about marks of people and of programs that JSON does not have; or ""."""
    if rest.startswith(("<<<<<<<", "=======", ">>>>>>>")):
        return "a conflict of two versions is not resolved: keep one, and remove the marks"
    if rest.startswith("..."):
        return "write what the three dots stand for"
    if comment := next((sign for sign in ("//", "/*", "#") if rest.startswith(sign)), ""):
        return f'JSON has no comments ({comment}): remove it, or write "_comment": "..."'
    return ""


def _look(text: str, end: int) -> _Before:
    """Go through a text up to a place."""
    stack: list[int] = []
    string, last, place = None, -1, 0
    while place < end:
        letter = text[place]
        if string is not None:
            if letter == "\\":
                place += 1
            elif letter == '"':
                string, last = None, place
        elif letter == '"':
            string = place
        elif letter in "{[":
            stack.append(place)
            last = place
        elif not letter.isspace():
            last = place
            if letter in "]}" and stack:
                stack.pop()
        place += 1
    return _Before(tuple(stack), string, last)


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _missing_quote(text: str, start: int | None, error: json.JSONDecodeError) -> str:
    if text[error.pos] == "\t":
        return 'write a tab in a text as "\\t", or a blank for it'
    line = error.lineno if start is None else _line(text, start)
    return f"a quote is missing in line {line}: the text that begins there has no end"


def _after_the_end(text: str, here: str) -> str:
    if here and here in "]}":
        return f"the bracket {here} is one too many: remove it, or add the one that it closes"
    if here == ",":
        return "the first bracket is closed too early: remove the one before this comma"
    return "there must be one object in the file, and nothing behind it"


def _unclosed(text: str, before: _Before) -> str:
    if not before.open:
        return "the file ends too early"
    opened = before.open[-1]
    sign = text[opened]
    return (
        f"the bracket {sign} of line {_line(text, opened)} is never closed: add {_BRACKETS[sign]}"
    )


def _no_colon(here: str, before: _Before) -> str:
    if here == "=":
        return "write a colon (:) for the equals sign"
    if here in ",}":
        return "a key has no value: write a colon and the value, or [...] for a list"
    return "a colon is missing between the key and its value"


def _no_comma(text: str, before: _Before, at: int, word: str) -> str:
    here = text[at : at + 1]
    line = _line(text, before.last)
    if text[at - 1 : at].isdigit() and not here.isspace() and here not in '"[{:;':
        begin = _NUMBER_BEFORE.search(text, 0, at)
        whole = (begin[0] if begin else "") + (_NUMBER_AFTER.match(text, at) or [""])[0]
        return (
            f"write the number {whole} as JSON has it: no zero in front, digits alone, and on "
            "both sides of a dot"
        )
    if here == ":":
        return "a key and its value need braces around them: { for [; or a quote is missing before"
    if here == '"' or here in "{[-" or word[:1].isdigit():
        return f"a comma is missing at the end of line {line}"
    if word:
        return f"a quote is missing or one too many before {word}, or a comma is missing"
    if here == ";":
        return "write a comma for the semicolon"
    return "a comma is missing, or something is there that is not JSON"


def line_of(text: str, literal: str) -> int:
    """The line of the first number, or word, of a text that is not in quotes; 1 if there is none.

    Parameters
    ----------
    text, literal : str
    """
    pattern = re.compile(rf'"(?:\\.|[^"\\])*"|(?<![\w.+-])({re.escape(literal)})(?![\w.+-])')
    place = next((found.start() for found in pattern.finditer(text) if found[1]), 0)
    return _line(text, place)
