"""GROMACS's structure files, whose atoms have labels and no elements."""

import re
from collections.abc import Sequence

import numpy as np

from wtemlp.structures.elements import STANDARD_MASSES, elements_of_label
from wtemlp.structures.record import Raw
from wtemlp.structures.text import Unreadable, three

FORMATS = ("gromacs/gro", "gro", "gromacs")  #: dpdata's names and ASE's
SUFFIX = ".gro"
_NAMES, _NUMBERS = slice(5, 15), 20  #: residue and atom; where the coordinates begin
_NM_A = 10.0
_REMEDY = (
    "call atoms by their elements and leave virtual sites out, or give a format that has elements, "
    "as extended XYZ"
)
#: Of the nine numbers of a box: where the components of the three vectors are.
_BOX = ((0, 3, 4), (5, 1, 6), (7, 8, 2))


def read_gro(lines: Sequence[str], type_map: Sequence[str] = ()) -> Raw:
    """Read the first frame of a file.

    An atom that is called as its residue is an ion, as ``NA`` and ``CL``; else the label must be of
    one element, or of one in `type_map`: ``CA`` is a carbon where there is no calcium.

    Parameters
    ----------
    lines : sequence of str
    type_map : sequence of str, optional
        Elements that there may be; none: any.

    Raises
    ------
    Unreadable
        If it is no such file, or an atom's element is not clear.
    """
    try:
        count = int(lines[1])
    except (IndexError, ValueError):
        raise Unreadable("has no number of atoms in line 2: it is no GRO file") from None
    rows = lines[2 : 2 + count]
    if count < 0 or len(lines) < 3 + count or not lines[2 + count].split():
        raise Unreadable(f"ends before its {count} atoms and the box do")
    labels = [(row[_NAMES][:5].strip(), row[_NAMES][5:].strip()) for row in rows]
    element = {label: element_in(*label, type_map) for label in dict.fromkeys(labels)}
    names = tuple(dict.fromkeys(element.values()))
    kinds = np.array([names.index(element[label]) for label in labels], dtype=np.int64)
    coords = [_coordinates(row, number) for number, row in enumerate(rows, 3)]
    notes = ("has several frames: MD starts from the first",) * any(
        line.strip() for line in lines[3 + count :]
    )
    box = _box(lines[2 + count].split(), 3 + count)
    return Raw(names, kinds, _NM_A * np.array(coords).reshape(-1, 3), box, notes)


def element_in(residue: str, label: str, type_map: Sequence[str]) -> str:
    """The element of an atom that has a label in a residue, as in :func:`read_gro`.

    Raises
    ------
    Unreadable
        If it is not clear.
    """
    ion = label.rstrip("+-0123456789").capitalize()
    if residue.rstrip("+-0123456789").capitalize() == ion and ion in STANDARD_MASSES:
        return ion
    found = elements_of_label(label.lstrip("0123456789"), type_map)
    if len(found) > 1:
        found = [name for name in found if name in type_map] or found
    if len(found) != 1:
        may = f"may be {' or '.join(found)}" if found else "is called after no element"
        raise Unreadable(f"has an atom {label} in {residue}, which {may}", _REMEDY)
    return found[0]


def _coordinates(row: str, line: int) -> list[float]:
    """As GROMACS reads them: the distance of the points is the width of a number."""
    points = [found.start() for found in re.finditer(r"\.", row[_NUMBERS:])]
    width = points[1] - points[0] if len(points) > 1 else 8
    words = [row[_NUMBERS + k * width : _NUMBERS + (k + 1) * width].strip() for k in range(3)]
    return three(words, line, "coordinates")


def _box(words: Sequence[str], line: int) -> np.ndarray:
    if len(words) not in (3, 9):
        raise Unreadable(f"line {line}: a box has three or nine numbers, not {len(words)}")
    values = [*three(words, line, "box"), *(0.0,) * 6]
    for k in range(3, len(words), 3):
        values[k : k + 3] = three(words[k : k + 3], line, "box")
    return _NM_A * np.array([[values[k] for k in vector] for vector in _BOX])
