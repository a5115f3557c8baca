"""LAMMPS data files, with the elements that they tell.

ASE's reader takes the type for the atomic number where there are no masses, knows neither masses
nor shuffled IDs of labelled types, and five atom styles; dpdata's knows neither labels, masses nor
image flags.  A test compares this reader with ASE's, and another with LAMMPS itself.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wtemlp.structures.text import Unreadable, is_number, number, three

#: The column of the type and that of x, and the number of columns without image flags, by style
#: (LAMMPS's page of read_data).  0: it may have more.
STYLES = {
    "amoeba": (2, 4, 7),
    "angle": (2, 3, 6),
    "apip": (1, 2, 5),
    "atomic": (1, 2, 5),
    "body": (1, 4, 7),
    "bond": (2, 3, 6),
    "bpm/sphere": (2, 5, 8),
    "charge": (1, 3, 6),
    "dielectric": (1, 3, 0),
    "dipole": (1, 3, 9),
    "dpd": (1, 3, 6),
    "edpd": (1, 4, 7),
    "electron": (1, 5, 8),
    "ellipsoid": (1, 4, 7),
    "full": (2, 4, 7),
    "hybrid": (1, 2, 0),
    "line": (2, 5, 8),
    "mdpd": (1, 3, 6),
    "molecular": (2, 3, 6),
    "peri": (1, 4, 7),
    "rheo": (1, 4, 7),
    "sph": (1, 5, 8),
    "sphere": (1, 4, 7),
    "spin": (1, 2, 9),
    "tdpd": (1, 2, 0),
    "template": (1, 5, 8),
    "tri": (2, 5, 8),
}
#: Units whose distances are Angstrom and masses g/mol, if a title says them (as write_data does).
UNITS = ("metal", "real")
_SECTIONS = re.compile(
    r"(Atoms|Velocities|Masses|Ellipsoids|Lines|Triangles|Bodies|Bonds|Angles|Dihedrals|Impropers"
    r"|(?:Atom|Bond|Angle|Dihedral|Improper) +Type +Labels|[A-Z][A-Za-z0-9]*(?: +[A-Z][A-Za-z]*)*"
    r" +Coeffs)$"
)
_BOUNDS = re.compile(r"^(\S+)\s+(\S+)\s+([xyz])lo\s+\3hi\b")
_TILT = re.compile(r"^(\S+)\s+(\S+)\s+(\S+)\s+xy\s+xz\s+yz\b")
_VECTOR = re.compile(r"^(\S+)\s+(\S+)\s+(\S+)\s+(avec|bvec|cvec|abc\s+origin)\b")
_CGCMM = re.compile(r"#\s*(\d+)\s+(\S+)\s*$")  #: of VMD's TopoTools, in comments before the header
_ADD_STYLE = "write the atom style behind the section's name, as: Atoms # full"


@dataclass(frozen=True)
class DataFile:
    """What a LAMMPS data file says."""

    types: NDArray[np.int64]  #: (n_atoms,), from 1, in the order of the atom IDs
    coords: NDArray[np.float64]  #: (n_atoms, 3), Angstrom, from the corner of the cell
    cell: NDArray[np.float64]  #: (3, 3), Angstrom
    n_types: int
    masses: dict[int, str] = field(default_factory=dict)  #: u, as they are written, by type
    labels: dict[int, str] = field(default_factory=dict)  #: by type
    comments: dict[int, tuple[str, ...]] = field(default_factory=dict)  #: first words, by type
    spins: bool = False  #: whether atoms have magnetic moments


@dataclass
class DataSection:
    """A section: its lines with their numbers, and the comment behind its name."""

    comment: str
    rows: list[tuple[int, list[str], str]] = field(default_factory=list)  #: line, words, comment


def read_data(lines: list[str]) -> DataFile:
    """Read a LAMMPS data file.  Velocities, topology and image flags are left.

    Raises
    ------
    Unreadable
        If it is none, with the line and what is wrong there.
    """
    header, parts = split_sections(lines)
    units = re.search(r"\bunits\s*=\s*(\w+)", lines[0])
    if units and units[1] not in UNITS:
        raise Unreadable(
            f'line 1: is in LAMMPS\'s units "{units[1]}"', "write it in metal units (Angstrom)"
        )
    if _count(header, "atoms") is None:  # LAMMPS would leave the first line out, dpdata does not
        header.insert(0, lines[0].partition("#")[0].strip())
    n_atoms, n_types = _count(header, "atoms"), _count(header, "atom types")
    if n_atoms is None or "Atoms" not in parts:
        lacking = 'line "N atoms"' if n_atoms is None else "section Atoms"
        raise Unreadable(f"is no LAMMPS data file: it has no {lacking}")
    labels = {
        _type_number(words[0], line): words[1]
        for line, words, _ in parts.get("Atom Type Labels", DataSection("")).rows
        if len(words) > 1
    }
    types_of = TypeNumbers(labels)
    atoms = parts["Atoms"]
    if len(atoms.rows) != n_atoms:
        problem = f"has {len(atoms.rows)} lines of atoms, and {n_atoms} atoms in its header"
        raise Unreadable(problem, "correct one of them")
    origin, cell = _cell(header)
    type_column, x_column = _columns(atoms, n_types or 0, types_of)
    ids = _ids(atoms)
    types, coords = [], []
    for line, words, _ in atoms.rows:
        types.append(types_of(words[type_column], line))
        coords.append(three(words[x_column : x_column + 3], line, "position"))
    order = np.argsort(ids, kind="stable")
    masses: dict[int, str] = {}
    for line, words, _ in parts.get("Masses", DataSection("")).rows:
        if len(words) < 2 or number(words[1], line) <= 0:
            raise Unreadable(f"line {line}: has no mass", "correct it")
        masses[types_of(words[0], line)] = words[1]
    found = np.array(types, dtype=np.int64)[order]
    return DataFile(
        types=found,
        coords=np.array(coords).reshape(-1, 3)[order] - origin,
        cell=cell,
        n_types=max([n_types or 0, *types, *types_of.labels]),
        masses=masses,
        labels=dict(types_of.labels),
        comments=_comments(lines, parts, types_of, type_column),
        spins=_style(atoms) == "spin",
    )


class TypeNumbers:
    """Numbers of types, of numbers and of labels."""

    def __init__(self, labels: dict[int, str]) -> None:
        self.labels = dict(labels)
        self._numbers = {label: kind for kind, label in labels.items()}

    def __call__(self, word: str, line: int) -> int:
        if word in self._numbers:
            return self._numbers[word]
        if not word.isdecimal() and not self.labels:
            problem = f'line {line}: type label "{word[:20]}", and there is no Atom Type Labels'
            raise Unreadable(problem, "add that section, or write numbers")
        if not word.isdecimal():
            raise Unreadable(f'line {line}: unknown type label "{word[:20]}"', "correct it")
        return _type_number(word, line)

    def known(self, word: str) -> bool:
        """Whether a word is a label."""
        return word in self._numbers


def _type_number(word: str, line: int) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise Unreadable(f'line {line}: "{word[:20]}" is no atom type', "correct it")
    return int(word)


def split_sections(lines: list[str]) -> tuple[list[str], dict[str, DataSection]]:
    """The header, without comments, and the sections.  LAMMPS ignores the first line."""
    header: list[str] = []
    parts: dict[str, DataSection] = {}
    part: DataSection | None = None
    for line, text in enumerate(lines[1:], 2):
        words, _, comment = text.partition("#")
        words = words.strip()
        if found := _SECTIONS.match(words):
            part = parts.setdefault(" ".join(found[1].split()), DataSection(comment.strip()))
        elif words and part is None:
            header.append(words)
        elif words and part is not None:
            part.rows.append((line, words.split(), comment.strip()))
    return header, parts


def _count(header: list[str], what: str) -> int | None:
    found = (re.match(rf"(\d+)\s+{what}$".replace(" ", r"\s+"), line) for line in header)
    return next((int(match[1]) for match in found if match), None)


def _cell(header: list[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The corner and the vectors of the cell."""
    vectors = {m[4].split()[0]: m.groups()[:3] for line in header if (m := _VECTOR.match(line))}
    bounds = {m[3]: m.groups()[:2] for line in header if (m := _BOUNDS.match(line))}
    tilt = next((m.groups() for line in header if (m := _TILT.match(line))), ("0", "0", "0"))
    words = [w for group in (*vectors.values(), *bounds.values(), tilt) for w in group]
    if wrong := [word for word in words if not is_number(word)]:
        raise Unreadable(f'the box has "{wrong[0][:20]}", which is not a number', "correct it")
    if {"avec", "bvec", "cvec"} <= set(vectors):
        rows = [[float(w) for w in vectors[key]] for key in ("avec", "bvec", "cvec")]
        return np.array([float(w) for w in vectors.get("abc", ("0", "0", "0"))]), np.array(rows)
    if missing := sorted({"x", "y", "z"} - set(bounds)):
        raise Unreadable(f"has no {missing[0]}lo {missing[0]}hi", "add the bounds of the box")
    low, high = np.array([[float(w) for w in bounds[key]] for key in "xyz"]).T
    if (high < low).any():
        axis = "xyz"[int(np.argmax(high < low))]
        raise Unreadable(f"has {axis}hi below {axis}lo", "correct the bounds of the box")
    xy, xz, yz = (float(word) for word in tilt)
    cell = np.diag(high - low)
    cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
    return low, cell


def _ids(atoms: DataSection) -> list[int]:
    ids: list[int] = []
    for line, words, _ in atoms.rows:
        if not words[0].isdecimal():
            raise Unreadable(f'line {line}: "{words[0][:20]}" is no atom ID', "correct it")
        ids.append(int(words[0]))
    if len(set(ids)) < len(ids):
        twice = next(one for one in ids if ids.count(one) > 1)
        raise Unreadable(f"has atom ID {twice} twice", "give each atom its own")
    return ids


def _style(atoms: DataSection) -> str:
    """The atom style that the comment behind the section's name begins with."""
    return atoms.comment.split()[0].strip(",;:").split("/kk")[0].lower() if atoms.comment else ""


def _columns(atoms: DataSection, n_types: int, types_of: TypeNumbers) -> tuple[int, int]:
    """The columns of the type and of x: of the style that is named, or the one that fits."""
    named = _style(atoms)
    rows = [words for _, words, _ in atoms.rows]
    if not rows:
        return STYLES["atomic"][:2]
    widths = {len(words) for words in rows}
    if named in STYLES:
        kind, x, n_columns = STYLES[named]
        if (n_columns and not widths <= {n_columns, n_columns + 3}) or min(widths) < x + 3:
            problem = f"has {sorted(widths)[0]} columns of atoms, not the {n_columns or x + 3} of "
            raise Unreadable(f'{problem}atom style "{named}"', "correct the style or the lines")
        return kind, x
    if len(widths) > 1:
        line = next(line for line, words, _ in atoms.rows if len(words) != len(rows[0]))
        raise Unreadable(f"line {line} has not the columns of the atoms before", "correct it")
    width = widths.pop()
    if all(_is_integer(word) for words in rows for word in words[-3:]) and width >= 8:
        width -= 3
    fitting = [
        name
        for name in ("atomic", "charge", "molecular", "full")
        if STYLES[name][2] == width and _fits(rows, name, n_types, types_of)
    ]
    if fitting == ["charge", "molecular"]:  # charges that are all types would add up
        fitting = ["molecular"]
    if len(fitting) != 1:
        problem = f"does not say its atom style, and {len(rows[0])} columns do not tell it"
        raise Unreadable(problem, _ADD_STYLE)
    return STYLES[fitting[0]][:2]


def _fits(rows: list[list[str]], style: str, n_types: int, types_of: TypeNumbers) -> bool:
    """Whether the columns before the positions can be those of a style."""
    kind = STYLES[style][0]
    most = n_types or np.inf
    if not all(
        types_of.known(w[kind])
        or (w[kind].isdecimal() and 1 <= int(w[kind]) <= most)
        or (style == "atomic" and not is_number(w[kind]))
        for w in rows
    ):
        return False
    return kind == 1 or all(_is_integer(words[1]) for words in rows)


def _is_integer(word: str) -> bool:
    return re.fullmatch(r"[+-]?\d+", word) is not None


def _comments(
    lines: list[str], parts: dict[str, DataSection], types_of: TypeNumbers, type_column: int
) -> dict[int, tuple[str, ...]]:
    """What comments call the types, by type."""
    found: dict[int, dict[str, None]] = {}
    for kind, comment in _commented(lines, parts, type_column):
        words = comment.split()
        if words and (kind.isdecimal() or types_of.known(kind)):
            found.setdefault(types_of(kind, 0), {})[words[0].strip(",;:()")] = None
    return {kind: tuple(words) for kind, words in found.items()}


def _commented(
    lines: list[str], parts: dict[str, DataSection], type_column: int
) -> Iterator[tuple[str, str]]:
    """Types as they are written, and comments on them."""
    for name, column in (("Masses", 0), ("Pair Coeffs", 0), ("Atoms", type_column)):
        for _, words, comment in parts.get(name, DataSection("")).rows:
            if comment:
                yield words[column], comment
    within = False
    for text in lines[1:]:
        count, _, comment = text.partition("#")
        if re.fullmatch(r"\s*(\d+)\s+atom\s+types\s*", count):
            names = comment.split()
            if len(names) == int(count.split()[0]):
                yield from ((str(k), name) for k, name in enumerate(names, 1))
        within = comment.strip() == "Pair Coeffs" if comment.strip().endswith("Coeffs") else within
        if within and (one := _CGCMM.match(text.strip())):
            yield one[1], one[2]
