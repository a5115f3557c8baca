"""POSCAR and CONTCAR of VASP 5 and 6, as VASP reads them.

The readers of dpdata, ASE and pymatgen each refuse or misread some of what programs and people
write: words after the flags of selective dynamics (dpdata), three scale factors (dpdata,
pymatgen), species on several lines (ASE, dpdata), a volume as scale with Cartesian positions
(pymatgen) or with a left-handed cell (ASE).  A test compares this reader with ASE's where that
one is right.
"""

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from wtemlp.structures.record import Raw
from wtemlp.structures.text import Unreadable, is_number, number, three

_FIXED = "has fixed atoms (selective dynamics): MD moves all"
_VASP5 = "write the line of the elements above that of the numbers of atoms (line 6)"


def read_poscar(lines: list[str]) -> Raw:
    """Read a POSCAR.

    Parameters
    ----------
    lines : list of str
        The file.  What stands after the positions (velocities, predictor-corrector) is left.

    Raises
    ------
    Unreadable
        If it is none, with the line and what is wrong there.
    """
    if len(lines) < 8:
        raise Unreadable(f"has {len(lines)} lines, which is too few for a POSCAR")
    factors = _factors(lines[1])
    vectors = np.array([three(lines[k].split(), k + 1, "cell vector") for k in (2, 3, 4)])
    scale = _scale(factors, vectors)
    names, counts, place = _species(lines)
    selective = lines[place : place + 1] and lines[place].strip()[:1] in ("s", "S")
    place += bool(selective)
    cartesian = _is_cartesian(lines, place)
    kinds = np.repeat(np.arange(len(names)), counts)
    rows = _positions(lines, place + 1, [names[kind] for kind in kinds], 6 if selective else 3)
    cell = vectors * scale
    coords = rows * scale if cartesian else rows @ cell
    flags = (word for line in lines[place + 1 :][: len(kinds)] for word in line.split()[3:6])
    fixed = selective and any(flag.strip(".")[:1] in ("F", "f") for flag in flags)
    return Raw(tuple(names), kinds, coords, cell, (_FIXED,) if fixed else ())


def _factors(line: str) -> list[float]:
    """One scale factor, or three."""
    words = line.split()
    n = next((k for k, word in enumerate(words) if not is_number(word)), len(words))
    if n not in (1, 3) or (words[n:] and words[n].lower().lstrip("+-") in ("nan", "inf")):
        problem = f'line 2 must have one scale factor, or three: "{line.strip()[:40]}"'
        raise Unreadable(problem, "correct it")
    return [number(word, 2) for word in words[:n]]


def _scale(factors: list[float], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the x, y and z components are multiplied with; one negative factor is a volume."""
    if len(factors) == 3:
        if min(factors) <= 0:
            raise Unreadable("line 2: three scale factors must be positive", "correct it")
        return np.array(factors)
    if factors[0] > 0:
        return np.full(3, factors[0])
    volume = abs(float(np.linalg.det(vectors)))
    if factors[0] == 0 or volume == 0:
        what = "a scale factor of zero" if factors[0] == 0 else "a volume as scale of a flat cell"
        raise Unreadable(f"line 2: {what}", "correct line 2 or the cell (lines 3 to 5)")
    return np.full(3, (-factors[0] / volume) ** (1 / 3))


def _species(lines: list[str]) -> tuple[list[str], list[int], int]:
    """The species, the number of atoms of each, and the line after these.

    VASP writes more than twenty species on several lines.
    """
    names: list[str] = []
    place = 5
    while place < len(lines) and (words := _words(lines[place])) and not is_number(words[0]):
        names += words
        place += 1
    if not names:
        if _words(lines[5]):
            raise Unreadable("names no elements (a POSCAR of VASP 4)", _VASP5)
        raise Unreadable("line 6 is empty", _VASP5)
    counts: list[int] = []
    first = place
    while place < len(lines) and len(counts) < len(names):
        words = _words(lines[place])
        if not words or not all(word.isdecimal() for word in words):
            break
        counts += [int(word) for word in words]
        place += 1
    if len(counts) != len(names):
        problem = (
            f"line {first + 1} must have one number of atoms for each of the {len(names)} species "
            f'of line 6: "{lines[first].strip()[:40] if first < len(lines) else ""}"'
        )
        raise Unreadable(problem, "correct it")
    return names, counts, place


def _words(line: str) -> list[str]:
    """Words of a line up to a comment."""
    words = line.split()
    end = next((k for k, word in enumerate(words) if word[0] in "!#"), len(words))
    return words[:end]


def _is_cartesian(lines: list[str], place: int) -> bool:
    word = lines[place].strip() if place < len(lines) else ""
    if word[:1] not in tuple("cCkKdD"):
        problem = f'line {place + 1} must be Direct or Cartesian: "{word[:40]}"'
        raise Unreadable(problem, "correct it")
    return word[0] not in "dD"


def _positions(lines: list[str], first: int, names: list[str], n_words: int) -> NDArray[np.float64]:
    """The positions as they are written.

    Parameters
    ----------
    lines : list of str
    first : int
        Index of their first line.
    names : list of str
        The species of each atom.
    n_words : int
        Words of a line before those that are free, of which the first may name the element.
    """
    rows = []
    for k, name in enumerate(names):
        line = first + k
        words = lines[line].split() if line < len(lines) else []
        if not words or (
            k
            and not is_number(words[0])
            and words[0][:1].isalpha()
            and words[0].lower() not in ("nan", "inf", "infinity")
        ):
            problem = f"has positions of {k} atoms, and numbers of atoms for {len(names)}"
            raise Unreadable(problem, "correct the numbers, or add the positions")
        rows.append(three(words, line + 1, "position"))
        free = words[n_words:]
        if len(free) == 1 and free[0] in atomic_numbers and not _same(free[0], name):
            problem = f"line {line + 1} says {free[0]}, the species of that atom is {name}"
            raise Unreadable(problem, "correct the line of species, or that one")
    after = lines[first + len(names)].split() if first + len(names) < len(lines) else []
    if len(after) >= 3 and all(map(is_number, after[:3])):
        problem = f"has more positions than the {len(names)} atoms of its line of numbers"
        raise Unreadable(problem, "correct the numbers, or put an empty line before velocities")
    return np.array(rows).reshape(-1, 3)


def _same(symbol: str, name: str) -> bool:
    """Whether a word at the end of a position is what its species is called after."""
    rest = name[len(symbol) :]
    return name.startswith(symbol) and not rest[:1].islower()
