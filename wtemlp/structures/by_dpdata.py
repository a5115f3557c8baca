"""Structures of the formats that dpdata reads."""

import difflib
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from itertools import takewhile
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
from dpdata import System  # now, with all plug-ins: it registers the formats
from dpdata.format import Format
from dpdata.formats.abacus import stru

from wtemlp.core.formatting import first_line
from wtemlp.structures.lammps_data import UNITS, DataFile
from wtemlp.structures.lammps_elements import elements_of_atoms
from wtemlp.structures.record import Raw
from wtemlp.structures.text import Unreadable, read_lines

_FORMATS: Any = Format  # these have no types
_stru: Any = stru
STRU = ("abacus/stru", "stru")
DUMP = ("lammps/dump", "dump")
_NO_NAME = re.compile(r"(?i)type_\d+$")  #: dpdata's, of a file that has numbers only


def nearest_format(name: str) -> str | None:
    """None if dpdata has a format of that name; else the nearest that it has, or "".

    Parameters
    ----------
    name : str
        ``auto``: by the end of a file's name.
    """
    known = [*_FORMATS.get_formats(), "auto"]
    if name.lower() in known:
        return None
    return next(iter(difflib.get_close_matches(name.lower(), known, 1)), "")


def read_by_dpdata(file: Path, fmt: str, type_map: Sequence[str], masses: Sequence[float]) -> Raw:
    """Read a structure with dpdata: the first frame of a file that has several.

    Parameters
    ----------
    file : Path
    fmt : str
        dpdata's name of its format.
    type_map : sequence of str
        What numbers mean in a file that has no names.
    masses : sequence of float
        Of `type_map`, u.

    Raises
    ------
    Unreadable
        If dpdata cannot read it, with the reason that it gives.
    """
    stru_lines = _stru_lines(file) if fmt in STRU else []
    if fmt in STRU:
        _check_stru(stru_lines)
    elif fmt in DUMP:
        _check_dump(read_lines(file))
    try:
        with (
            warnings.catch_warnings(),
            redirect_stdout(StringIO()),
            NamedTemporaryFile("w", prefix="wtemlp.") as shown,
        ):
            warnings.simplefilter("ignore")
            print("\n".join(stru_lines), file=shown, flush=True)
            data = System(shown.name if fmt in STRU else str(file), fmt=fmt).data
    except Exception as error:  # dpdata's readers raise whatever they meet
        raise Unreadable(f"cannot be read as {fmt} ({first_line(error)[:120]})") from error
    coords = np.asarray(data["coords"], dtype=float)
    if not coords.size:
        raise Unreadable(f"has no frame that can be read as {fmt}")
    cell, first = np.asarray(data["cells"], dtype=float)[0], coords[0] - np.asarray(data["orig"])
    if fmt in STRU:
        first = first if _right_handed(stru_lines) else cell.sum(axis=0) - first
    kinds = np.asarray(data["atom_types"], dtype=np.int64)
    names = tuple(map(str, data["atom_names"]))
    if names and all(map(_NO_NAME.match, names)):
        told = dump_tells(read_lines(file)) if fmt in DUMP else {}
        numbered = DataFile(
            kinds + 1,
            first,
            cell,
            int(kinds.max(initial=0)) + 1,
            masses=told.get("masses", {}),
            labels=told.get("labels", {}),
        )
        names, kinds = elements_of_atoms(numbered, type_map, masses)
    return Raw(names, kinds, first, cell, tuple(_notes(data, len(coords))))


def _notes(data: Mapping[str, object], n_frames: int) -> list[str]:
    """What dpdata has read that MD does not get."""
    found = []
    if n_frames > 1:
        found.append(f"has {n_frames} frames: MD starts from the first")
    if "spins" in data:
        found.append("has magnetic moments: they are dropped, MD has none")
    if data.get("nopbc"):
        found.append("has no cell: it is put into the one that dpdata makes")
    return found


def _check_dump(lines: list[str]) -> None:
    """What dpdata would misread of a LAMMPS dump's first frame."""
    head = [line.strip() for line in lines[:20]]
    if "ITEM: BOX BOUNDS abc origin" in head:
        raise Unreadable(
            "has a general triclinic box, which dpdata does not read",
            "write it without triclinic/general, or as a data file",
        )
    units = head[head.index("ITEM: UNITS") + 1] if "ITEM: UNITS" in head[:-1] else UNITS[0]
    if units not in UNITS:
        raise Unreadable(f'is in LAMMPS\'s units "{units}"', "write it in metal units (Angstrom)")
    columns, rows = _first_frame(lines)
    places = ({f"{axis}{how}" for axis in "xyz"} for how in ("", "u", "s", "su"))
    if columns and not ({"id", "type"} <= {*columns} and any(one <= {*columns} for one in places)):
        raise Unreadable(
            f"has the columns {' '.join(columns)}, and needs id, type, x y z (or xs, xu, xsu ...)",
            "write them with dump custom, or give the structure as extended XYZ",
        )
    if "id" in columns:
        ids = Counter(words[columns.index("id")] for words in rows)
        if twice := [name for name, count in ids.items() if count > 1]:
            raise Unreadable(f"has the atom ID {twice[0]} twice")


def _first_frame(lines: list[str]) -> tuple[list[str], list[list[str]]]:
    """The names of a LAMMPS dump's columns, and the words of its first frame's atoms."""
    start = next((k for k, line in enumerate(lines) if line.startswith("ITEM: ATOMS")), len(lines))
    columns = lines[start].split()[2:] if start < len(lines) else []
    whole = takewhile(
        lambda words: len(words) >= len(columns) and words[:1] != ["ITEM:"],
        map(str.split, lines[start + 1 :]),
    )
    return columns, list(whole)


def dump_tells(lines: list[str]) -> dict[str, dict[int, str]]:
    """The labels and masses of the types of a LAMMPS dump's first frame, if it has such columns."""
    columns, rows = _first_frame(lines)
    if "type" not in columns:
        return {}
    told: dict[str, dict[int, str]] = {}
    for column, what in (("typelabel", "labels"), ("element", "labels"), ("mass", "masses")):
        if column not in columns or what in told:
            continue
        found: dict[int, str] = {}
        for words in rows:
            kind, said = int(words[columns.index("type")]), words[columns.index(column)]
            if found.setdefault(kind, said) != said:
                what_else = f"{found[kind]} and {said}"
                raise Unreadable(f"has atoms of type {kind} of the {column} {what_else}")
        if not (len(found) > 1 and set(found.values()) == {"C"}):  # LAMMPS's, where none is given
            told[what] = found
    return told


def _stru_lines(file: Path) -> list[str]:
    """The lines of a STRU file, without the comments of ABACUS that dpdata does not know."""
    return [line.partition("//")[0] for line in read_lines(file)]


def _check_stru(lines: list[str]) -> None:
    """What dpdata would misread of a STRU file, or not say."""
    blocks = _stru.split_stru_block(lines)
    if any(line.split()[:1] == ["LATTICE_PARAMETERS"] for line in lines):
        raise Unreadable(
            "has LATTICE_PARAMETERS, which mean nothing without latname of INPUT",
            "write LATTICE_VECTORS instead",
        )
    for key in ("ATOMIC_SPECIES", "LATTICE_CONSTANT", "LATTICE_VECTORS", "ATOMIC_POSITIONS"):
        if not blocks[key]:
            raise Unreadable(f"has no {key}: it is no STRU, or not a whole one")


def _right_handed(lines: list[str]) -> bool:
    """Whether the cell is; else dpdata has mirrored the atoms with it, and not only the cell."""
    block = _stru.split_stru_block(lines)["LATTICE_VECTORS"]
    return bool(np.linalg.det(_stru.parse_lattice_vectors_block(block)) > 0)
