"""Files that a script of the user's own includes, put in the place of the line that names them.

So what is looked at, what travels and what runs are one text.  Two comment lines around each file
say where it is from: :func:`origin` reads them, and so can the user.
"""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wtemlp.core.errors import InputError

#: Where a script runs, relative to the run's folder: ``../`` in a name is relative to it.
TASK = Path("iter.000000/01.model_devi/task.000.000000")
DEEPEST = 20
_BEGIN, _END = "# >>> ", "# <<< "
_NEXT = re.compile(r"# <<< .* \(line (\d+) follows\)")
_VARIABLE = re.compile(r"\$|(?<![A-Za-z0-9])V_\w")


@dataclass(frozen=True)
class Include:
    """A statement that includes a file."""

    first: int  #: its lines, from 0
    end: int  #: the line after it
    name: str  #: as it is written


@dataclass(frozen=True)
class Grammar:
    """How a language includes files."""

    find: Callable[[str], Sequence[Include]]
    cut: Callable[[str], str]  #: what of an included file is read


def expanded(
    text: str,
    root: Path,
    grammar: Grammar,
    wrong: Callable[[str], InputError],
    above: tuple[Path, ...] = (),
) -> str:
    """A script with the files that it includes, at any depth, in the place of those lines.

    Parameters
    ----------
    text : str
    root : Path
        The run's folder, which names are relative to; those that begin with ``../`` are relative
        to a task's folder, as for the program that reads them.
    grammar : Grammar
        Of the script's language.
    wrong : callable
        Makes the error, of the key that names the script, from what is wrong.
    above : tuple of Path
        The files that this text is in.

    Raises
    ------
    InputError
        If a file cannot be read, or includes itself.
    """
    found = grammar.find(text)
    if not found:
        return text
    lines = text.splitlines()
    made: list[str] = []
    done = 0
    for include in found:
        made += lines[done : include.first]
        place = f"line {include.first + 1}"
        if above:
            place = f"{above[-1].name}, {place}"
        file = _located(include.name, root, _at(place, wrong))
        if file in above or len(above) >= DEEPEST:
            raise wrong(f"{place}: {include.name} includes itself, remove that")
        inner = grammar.cut(_text(file, _at(place, wrong), include.name))
        inner = expanded(inner, root, grammar, wrong, (*above, file))
        made += [
            f"{_BEGIN}{include.name}",
            *inner.splitlines(),
            f"{_END}{include.name} (line {include.end + 1} follows)",
        ]
        done = include.end
    return "".join(f"{line}\n" for line in [*made, *lines[done:]])


def _at(where: str, wrong: Callable[[str], InputError]) -> Callable[[str], InputError]:
    return lambda why: wrong(f"{where}: {why}")


def _located(name: str, root: Path, wrong: Callable[[str], InputError]) -> Path:
    if _VARIABLE.search(name):
        raise wrong(f"the file {name} cannot be looked at: write its name without variables")
    return path_of(name, root)


def path_of(name: str, root: Path) -> Path:
    """The file that a name in a script means."""
    start = root / TASK if name.startswith("../") else root
    return Path(os.path.normpath(start / name))


def _text(file: Path, wrong: Callable[[str], InputError], name: str) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not a text file"
        raise wrong(
            f"the file {name} cannot be looked at ({why}): give its path relative to the run's "
            "folder, it goes along by itself"
        ) from None


def is_expanded(text: str) -> bool:
    """Whether files were included in a text."""
    return bool(included(text))


def included(text: str) -> set[str]:
    """Names of the files that were included in a text, as they were written."""
    return {line.removeprefix(_BEGIN) for line in text.splitlines() if line.startswith(_BEGIN)}


def origin(text: str, index: int) -> tuple[str, int]:
    """Where a line of an expanded script is from.

    Parameters
    ----------
    text : str
        What :func:`expanded` returned.
    index : int
        The line, from 0.

    Returns
    -------
    (str, int)
        Name of the included file, "" for the script itself, and the number of the line there,
        from 1.
    """
    names, number = [""], 0
    numbers: list[int] = []
    for line in text.splitlines()[: index + 1]:
        number += 1
        if line.startswith(_BEGIN):
            names.append(line.removeprefix(_BEGIN))
            numbers.append(number)
            number = 0
        elif len(names) > 1 and (match := _NEXT.fullmatch(line)):
            names.pop()
            numbers.pop()
            number = int(match[1]) - 1
    return names[-1], number


def place(text: str, index: int) -> str:
    """The same in words: ``line 2``, or ``mine.dat, line 2``."""
    name, number = origin(text, index)
    return f"{name}, line {number}" if name else f"line {number}"
