"""Topologies: LAMMPS data files whose bonds, angles and charges a structure takes over.

A file is of a whole system or of a molecule.  The atoms of a structure, in their order, are the
atoms of one file after another, each as often as it fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from numpy.typing import NDArray

from wtemlp.core.errors import InputError
from wtemlp.structures.lammps_data import STYLES, DataSection, split_sections
from wtemlp.structures.lammps_data import read_data as read_data_file
from wtemlp.structures.lammps_elements import elements_of_atoms
from wtemlp.structures.text import Unreadable, read_lines

#: Sections of interactions, with the number of atoms of each.
INTERACTIONS = {"Bonds": 2, "Angles": 3, "Dihedrals": 4, "Impropers": 4}
#: A bond that is longer than so many times the sum of its atoms' covalent radii is none.
LONGEST = 2.0
_NOT_TAKEN = ("Ellipsoids", "Lines", "Triangles", "Bodies")


@dataclass(frozen=True)
class Topology:
    """What a data file says of its atoms, but where they are."""

    file: Path
    elements: tuple[str, ...]  #: of each atom, in the order of the IDs
    #: The words of each atom before x and behind z, image flags left out; the ID is not right.
    before: tuple[tuple[str, ...], ...]
    behind: tuple[tuple[str, ...], ...]
    types: NDArray[np.int64]  #: (n_atoms,), LAMMPS's
    type_elements: tuple[str, ...]  #: of LAMMPS's types 1, 2 and so on; "" of one without atoms
    molecular: bool  #: whether the second word is a molecule's number
    n_types: dict[str, int]  #: of "atom", "bond", "angle", "dihedral", "improper"
    #: By section: (n, 1 + k), the type and the atoms, these from 0
    interactions: dict[str, NDArray[np.int64]]
    masses: dict[int, str]  #: u, by type
    coeffs: tuple[str, ...]  #: sections of coefficients, as they are

    @property
    def n_atoms(self) -> int:
        """The number of atoms."""
        return len(self.elements)


def read_topology(file: Path, atom_style: str, type_map: Sequence[str]) -> Topology:
    """Read a LAMMPS data file as a topology.

    Parameters
    ----------
    file : Path
    atom_style : str
        Of its section Atoms.
    type_map : sequence of str
        Elements that it may have.

    Raises
    ------
    InputError
        If it cannot be read or is none.
    """
    try:
        lines = read_lines(file)
        header, sections = split_sections(lines)
        if sections.get("Atoms") is not None and not sections["Atoms"].comment:
            at = next(k for k, line in enumerate(lines) if line.split()[:1] == ["Atoms"])
            lines[at] = f"Atoms # {atom_style}"
        data = read_data_file(lines)
        names, kinds = elements_of_atoms(data, type_map, [0.0] * len(type_map))
        return _topology(file, atom_style, header, sections, [names[kind] for kind in kinds])
    except Unreadable as error:
        raise InputError(str(file), error.problem, error.remedy or "correct it") from error
    except OSError as error:
        said = error.strerror or type(error).__name__
        raise InputError(str(file), f"cannot be read ({said})", "correct topology") from error


def _topology(
    file: Path,
    atom_style: str,
    header: list[str],
    sections: dict[str, DataSection],
    elements: list[str],
) -> Topology:
    for name in _NOT_TAKEN:
        if name in sections:
            raise Unreadable(f"has a section {name}", "use a topology of point atoms")
    named = sections["Atoms"].comment.split()[:1]
    if named and named != [atom_style]:
        raise Unreadable(f'is of atom style "{named[0]}"', f'atom_style is "{atom_style}"')
    if "Atom Type Labels" in sections:
        raise Unreadable("has type labels", "write the types as numbers")
    kind, x, n_columns = STYLES[atom_style]
    rows = sorted((words for _, words, _ in sections["Atoms"].rows), key=lambda row: int(row[0]))
    place = {row[0]: k for k, row in enumerate(rows)}
    types = np.array([int(row[kind]) for row in rows])
    found = {int(t): element for t, element in zip(types, elements, strict=True)}
    counts = dict.fromkeys(("atom", "bond", "angle", "dihedral", "improper"), 0)
    for line in header:
        words = line.split()
        if len(words) == 3 and words[2] == "types" and words[1] in counts:
            counts[words[1]] = int(words[0])
    counts["atom"] = max([counts["atom"], *found])
    return Topology(
        file=file,
        elements=tuple(elements),
        before=tuple(tuple(row[:x]) for row in rows),
        behind=tuple(tuple(row[x + 3 : n_columns or None]) for row in rows),
        types=types,
        type_elements=tuple(found.get(t, "") for t in range(1, counts["atom"] + 1)),
        molecular=kind == 2,
        n_types=counts,
        interactions={
            name: _interactions(sections[name], size, place)
            for name, size in INTERACTIONS.items()
            if name in sections
        },
        masses={int(w[0]): w[1] for _, w, _ in sections.get("Masses", DataSection("")).rows},
        coeffs=tuple(
            _as_it_is(name, one) for name, one in sections.items() if name.endswith("Coeffs")
        ),
    )


def _as_it_is(name: str, section: DataSection) -> str:
    rows = "".join(f"{' '.join(words)}\n" for _, words, _ in section.rows)
    return f"{name}{f' # {section.comment}' * bool(section.comment)}\n\n{rows}"


def _interactions(section: DataSection, size: int, place: dict[str, int]) -> NDArray[np.int64]:
    found = []
    for line, words, _ in section.rows:
        if len(words) != size + 2 or not set(words[2:]) <= set(place):
            raise Unreadable(f"line {line}: does not name {size} atoms that are there")
        found.append([int(words[1]), *(place[word] for word in words[2:])])
    return np.array(found, dtype=np.int64).reshape(-1, size + 1)


@dataclass(frozen=True)
class Composed:
    """The topologies that a structure's atoms are of, one after another."""

    parts: tuple[Topology, ...]

    @property
    def starts(self) -> list[int]:
        """The first atom of each, from 0."""
        return [0, *accumulate(part.n_atoms for part in self.parts)][:-1]

    @property
    def types(self) -> NDArray[np.int64]:
        """(n_atoms,), LAMMPS's."""
        return np.concatenate([part.types for part in self.parts])

    def interactions(self, name: str) -> NDArray[np.int64]:
        """(n, 1 + k): the types and the atoms, these from 0, of a section."""
        none = np.zeros((0, INTERACTIONS[name] + 1), dtype=np.int64)
        found = [none]
        for start, part in zip(self.starts, self.parts, strict=True):
            rows = part.interactions.get(name, none).copy()
            rows[:, 1:] += start
            found.append(rows)
        return np.concatenate(found)

    def check_bonds(
        self, symbols: Sequence[str], coords: NDArray[np.float64], cell: NDArray[np.float64]
    ) -> None:
        """See that bonded atoms are near each other, at their nearest images.

        Raises
        ------
        ValueError
            With the two that are not, from 1 as in LAMMPS.
        """
        pairs = self.interactions("Bonds")[:, 1:]
        vectors = coords[pairs[:, 1]] - coords[pairs[:, 0]]
        vectors -= np.rint(vectors @ np.linalg.inv(cell)) @ cell
        radii = np.array([covalent_radii[atomic_numbers.get(name, 0)] for name in symbols])
        lengths = np.linalg.norm(vectors, axis=1)
        long = np.flatnonzero(~(lengths <= LONGEST * radii[pairs].sum(axis=1)))
        if len(long):
            i, j = pairs[long[0]]
            raise ValueError(
                f"atoms {i + 1} ({symbols[i]}) and {j + 1} ({symbols[j]}) are bonded in the "
                f"topology, and {lengths[long[0]]:.3f} Angstrom apart"
            )


def _misfit(topologies: Sequence[Topology], symbols: tuple[str, ...], begin: int) -> str:
    """Where atoms stop to be those of the topology that is most like them."""
    alike = 0
    for one in topologies:
        pairs = zip(one.elements, symbols[begin:], strict=False)
        same = next((k for k, (a, b) in enumerate(pairs) if a != b), len(symbols) - begin)
        if same >= alike:
            alike, wanted = same, one
    files = ", ".join(one.file.name for one in topologies)
    found = symbols[begin + alike] if begin + alike < len(symbols) else "missing"
    return (
        f"its {len(symbols)} atoms are not those of the topology ({files}) in their order: atom "
        f"{begin + alike + 1} is {found}, and {wanted.file.name} has {wanted.elements[alike]} there"
    )


def compose(topologies: Sequence[Topology], symbols: Sequence[str]) -> Composed:
    """Find the topologies that a structure's atoms are of, the longest that fits first.

    Parameters
    ----------
    topologies : sequence of Topology
    symbols : sequence of str
        The element of each atom.

    Raises
    ------
    ValueError
        If there are none, with the first atom that does not fit, from 1.
    """
    symbols = tuple(symbols)
    ordered = sorted(topologies, key=lambda one: -one.n_atoms)
    choices: list[int] = []  # which of `ordered` has been taken
    at, furthest, begin = 0, 0, 0
    while at < len(symbols):
        for number in range(begin, len(ordered)):
            one = ordered[number]
            if symbols[at : at + one.n_atoms] == one.elements:
                choices.append(number)
                at, begin = at + one.n_atoms, 0
                break
        else:
            furthest = max(furthest, at)
            if not choices:
                raise ValueError(_misfit(topologies, symbols, furthest))
            begin = choices.pop() + 1
            at -= ordered[begin - 1].n_atoms
    return Composed(tuple(ordered[number] for number in choices))
