"""Lines and numbers of a structure file, with errors that say where."""

import re
from collections.abc import Sequence
from pathlib import Path

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?$")

_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip"}


class Unreadable(ValueError):
    """A file is not what its format asks for.

    Parameters
    ----------
    problem : str
        What is wrong, and in which line.
    remedy : str
        What to do about it.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem, self.remedy = problem, remedy
        super().__init__(problem)


def read_lines(file: Path) -> list[str]:
    """The lines of a text file, whatever their ends; titles may be in any encoding.

    Raises
    ------
    OSError
        If it cannot be read.
    Unreadable
        If it is compressed.
    """
    content = file.read_bytes()
    for mark, name in _COMPRESSED.items():
        if content.startswith(mark):
            raise Unreadable(f"is compressed ({name})", "unpack it")
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")  # of editors on Windows
    text = content.decode("utf-16" if wide else "utf-8-sig", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def is_number(word: str) -> bool:
    """Whether a word is a number as Fortran and C write it; NaN and infinity are none."""
    return _NUMBER.match(word) is not None


def number(word: str, line: int) -> float:
    """The number that a word is.

    Raises
    ------
    Unreadable
        If it is none.
    """
    if not is_number(word):
        raise Unreadable(f'line {line}: "{word[:20]}" is not a number', "correct it")
    return float(word.lower().replace("d", "e"))


def three(words: Sequence[str], line: int, what: str) -> list[float]:
    """The first three words as numbers.

    Raises
    ------
    Unreadable
        If there are not three numbers.
    """
    if len(words) < 3:
        raise Unreadable(f"line {line} has not three numbers ({what})", "correct it")
    return [number(word, line) for word in words[:3]]
