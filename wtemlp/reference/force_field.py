"""Force fields that LAMMPS evaluates: what a structure is with them, as commands and a data file.

A :class:`Layout` is how a structure's atoms are those of a force field: their LAMMPS types and,
where there are some, their bonds.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from wtemlp.config.keys.labels import AseMethod, DeepPotential, ForceField, Method, OwnForceField
from wtemlp.config.keys.values import calculator_of
from wtemlp.config.reference import force_fields as words
from wtemlp.md import reference_script as water
from wtemlp.md.systems.units import METAL, REAL, UNITS, Units
from wtemlp.md.topology import WaterTopology, make_whole, water_topology
from wtemlp.structures.elements import STANDARD_MASSES
from wtemlp.structures.topology import Composed, Topology, compose, read_topology

CALCULATOR = "calculator.json"  #: what ``fix ase`` reads


@dataclass(frozen=True)
class Layout:
    """A structure's atoms as those of a force field."""

    types: np.ndarray  #: (n_atoms,), LAMMPS's
    key: bytes = b""  #: what tells structures apart that are not one system
    water: WaterTopology | None = None
    composed: Composed | None = None


class Potential(Protocol):
    """A force field."""

    @property
    def units(self) -> Units:
        """Of its commands."""

    @property
    def elements(self) -> tuple[str, ...]:
        """Of LAMMPS's types 1, 2 and so on."""

    @property
    def boundary(self) -> str:
        """LAMMPS's, as ``p p p``."""

    @property
    def mesh(self) -> bool:
        """Whether the energy hangs on what is set up for a cell: a mesh of long-range forces."""

    @property
    def files(self) -> Mapping[str, str | Path]:
        """The files that the commands name: text, or a file to be copied."""

    @property
    def constraints(self) -> str:
        """Commands that come behind every fix that changes forces."""

    def layout(self, symbols: Sequence[str], coords: np.ndarray, cell: np.ndarray) -> Layout:
        """The layout of a structure; a ValueError says why it has none."""

    def commands(self, data: str) -> str:
        """Commands from ``units`` to the whole force field, which read a data file."""

    def data(self, layout: Layout, coords: np.ndarray, cell: np.ndarray) -> str:
        """The data file of a structure whose cell is lower triangular."""


@dataclass(frozen=True)
class Water:
    """A water by name; its types are 1 for O and 2 for H."""

    force_field: ForceField
    units: Units = REAL
    elements: tuple[str, ...] = ("O", "H")
    boundary: str = "p p p"
    mesh: bool = True
    files: Mapping[str, str | Path] = field(default_factory=dict)

    @property
    def constraints(self) -> str:
        """SHAKE of rigid ones."""
        return water.constraint_commands(self.force_field)

    def layout(self, symbols: Sequence[str], coords: np.ndarray, cell: np.ndarray) -> Layout:
        """The molecules."""
        names = tuple(dict.fromkeys(symbols))
        kinds = np.array([names.index(symbol) for symbol in symbols])
        found = water_topology(kinds, coords, cell, names)
        types = np.full(found.n_atoms, 2)
        types[found.oxygens] = 1
        return Layout(types, found.hydrogens.tobytes(), water=found)

    def commands(self, data: str) -> str:
        """Those of :func:`wtemlp.md.reference_script.force_field_commands`."""
        return water.force_field_commands(self.force_field, data)

    def data(self, layout: Layout, coords: np.ndarray, cell: np.ndarray) -> str:
        """Molecules whole."""
        assert layout.water is not None
        whole = make_whole(coords[None], cell[None], layout.water)[0]
        return water.water_data(self.force_field, whole, cell, layout.water)


@dataclass(frozen=True)
class Lines:
    """A force field in LAMMPS's own words.

    Parameters
    ----------
    force_field : OwnForceField
    type_map : tuple of str
        The run's elements.
    root : Path
        What paths are relative to.
    """

    force_field: OwnForceField
    type_map: tuple[str, ...]
    root: Path
    texts: Mapping[str, str] = field(default_factory=dict)  #: files that are written
    constraints: str = ""

    @property
    def units(self) -> Units:
        """Of its commands."""
        return UNITS[self.force_field.units]

    @property
    def boundary(self) -> str:
        """As its key says."""
        return self.force_field.boundary

    @cached_property
    def _lines(self) -> tuple[str, ...]:
        return words.commands(self.force_field, self.root)

    @cached_property
    def _named(self) -> dict[str, Path]:
        return words.named_files(self.force_field, self._lines, self.root)

    @cached_property
    def _topologies(self) -> list[Topology]:
        style = self.force_field.atom_style
        files = (self.root / name for name in self.force_field.topology)
        return [read_topology(file, style, self.type_map) for file in files]

    @property
    def files(self) -> Mapping[str, str | Path]:
        """Those that are named and there, and those that are made."""
        texts = {**words.TEXTS, **self.texts}
        used = {word for line in self._lines for word in line.split()}
        own = {name: text for name, text in texts.items() if name in used or name in self.texts}
        return {**{file.name: file for file in self._named.values()}, **own}

    @cached_property
    def elements(self) -> tuple[str, ...]:
        """As its key says, else the topologies' or the run's."""
        if self.force_field.elements:
            return self.force_field.elements
        if not self.force_field.topology:
            return self.type_map
        found: dict[int, str] = {}
        for one in self._topologies:
            for kind, element in enumerate(one.type_elements, 1):
                found[kind] = found.get(kind) or element
        return tuple(found.values())

    @property
    def mesh(self) -> bool:
        """Whether there is a ``kspace_style``."""
        return any(line.split()[0] == "kspace_style" for line in self._lines)

    def layout(self, symbols: Sequence[str], coords: np.ndarray, cell: np.ndarray) -> Layout:
        """Types by elements, or from the topologies."""
        if not np.isfinite(coords).all():
            raise ValueError("a position is not a finite number")
        if self.force_field.topology:
            composed = compose(self._topologies, symbols)
            composed.check_bonds(symbols, coords, cell)
            return Layout(composed.types, composed=composed)
        if lacking := sorted(set(symbols) - set(self.elements)):
            raise ValueError(f"the force field has no {', '.join(lacking)}")
        return Layout(np.array([self.elements.index(symbol) + 1 for symbol in symbols]))

    def commands(self, data: str) -> str:
        """Commands that come before the atoms, the atoms, and the others."""
        lines = [self._with_names(line) for line in self._lines]
        before = [line for line in lines if line.split()[0] in words.BEFORE]
        after = [line for line in lines if line.split()[0] not in words.BEFORE]
        head = [
            f"units           {self.force_field.units}",
            f"atom_style      {self.force_field.atom_style}",
            f"boundary        {self.force_field.boundary}",
        ]
        return "\n".join(
            [
                *head,
                *before,
                "box             tilt large",
                f"read_data       {data}",
                *after,
                *map(self._with_names, self.force_field.fixes),
                "",
            ]
        )

    def _with_names(self, line: str) -> str:
        """A command that names files by their names alone."""
        named = self._named
        return " ".join(named[word].name if word in named else word for word in line.split())

    def data(self, layout: Layout, coords: np.ndarray, cell: np.ndarray) -> str:
        """Atoms, and bonds where there is a topology."""
        kinds = {"atom": len(self.elements)}
        masses = {i: f"{self._mass(name):.10g}" for i, name in enumerate(self.elements, 1)}
        sections, counts, coeffs = "", "", ""
        composed = layout.composed
        if composed is not None:
            for part in composed.parts:
                for what, number in part.n_types.items():
                    kinds[what] = max(kinds.get(what, 0), number)
                masses |= {i: m for i, m in part.masses.items() if not self._has_mass(i)}
            parts = {part.file: part for part in self._topologies}
            for name in ("Bonds", "Angles", "Dihedrals", "Impropers"):
                rows = composed.interactions(name)
                if len(rows):
                    counts += f"{len(rows)} {name.lower()}\n"
                    sections += f"\n{name}\n\n" + "".join(
                        f"{i} {row[0]} {' '.join(str(atom + 1) for atom in row[1:])}\n"
                        for i, row in enumerate(rows, 1)
                    )
            coeffs = "".join(f"\n{text}" for text in next(iter(parts.values())).coeffs)
        types = "".join(f"{number} {what} types\n" for what, number in kinds.items() if number)
        box = "".join(f"0 {cell[k, k]:.17g} {x}lo {x}hi\n" for k, x in enumerate("xyz"))
        if np.tril(cell, -1).any():
            box += f"{cell[1, 0]:.17g} {cell[2, 0]:.17g} {cell[2, 1]:.17g} xy xz yz\n"
        return (
            f"a system of {len(coords)} atoms\n\n{len(coords)} atoms\n{counts}{types}\n{box}"
            f"\nMasses\n\n{''.join(f'{i} {m}{chr(10)}' for i, m in sorted(masses.items()))}{coeffs}"
            f"\nAtoms # {self.force_field.atom_style}\n\n{self._atoms(layout, coords)}{sections}"
        )

    def _has_mass(self, kind: int) -> bool:
        """Whether the user gives the mass of a type's element."""
        return self.elements[kind - 1] in self.force_field.masses

    def _mass(self, element: str) -> float:
        return self.force_field.masses.get(element, STANDARD_MASSES.get(element, 1.0))

    def _atoms(self, layout: Layout, coords: np.ndarray) -> str:
        """The lines of the section Atoms."""
        heads, tails = [], []
        if layout.composed is not None:
            molecule = 0
            for part in layout.composed.parts:
                highest = 0
                for before, behind in zip(part.before, part.behind, strict=True):
                    own = list(before[1:])
                    if part.molecular:
                        highest = max(highest, int(own[0]))
                        own[0] = str(int(own[0]) + molecule)
                    heads.append(" ".join(own))
                    tails.append(" ".join(behind))
                molecule += highest
        else:
            style = self.force_field.atom_style
            for kind in layout.types:
                charge = self.force_field.charges.get(self.elements[kind - 1], 0.0)
                molecular = "0 " * (style in ("full", "molecular", "bond", "angle"))
                charged = f" {charge:.17g}" * (style in ("charge", "full"))
                heads.append(f"{molecular}{kind}{charged}")
                tails.append("")
        return "".join(
            f"{i} {head} {x:.17g} {y:.17g} {z:.17g} {tail}".rstrip() + "\n"
            for i, (head, (x, y, z), tail) in enumerate(zip(heads, coords, tails, strict=True), 1)
        )


def potential_of(method: Method, type_map: Sequence[str], root: Path) -> Potential:
    """The force field of a method, for LAMMPS.

    Parameters
    ----------
    method : Method
    type_map : sequence of str
        The run's elements.
    root : Path
        What paths in it are relative to.
    """
    elements = tuple(type_map)
    if isinstance(method, ForceField):
        return Water(method)
    if isinstance(method, OwnForceField):
        return Lines(method, elements, root)
    if isinstance(method, DeepPotential):
        name = Path(method.model).name
        lines = (f"pair_style deepmd {name}", f"pair_coeff * * {' '.join(elements)}")
        own = OwnForceField(units=METAL.name, lines=lines, files=(method.model,), name=name)
        return Lines(own, elements, root)
    return _calculator(method, elements, root)


def settings_of(method: AseMethod) -> dict[str, Any]:
    """What makes a calculator (:func:`wtemlp.md.systems.ase_program.made`)."""
    calculator, arguments = calculator_of(method.calculator, method.arguments)
    return {
        "calculator": calculator,
        "arguments": arguments,
        "charge": method.charge,
        "spin": method.spin,
    }


def _calculator(method: AseMethod, elements: tuple[str, ...], root: Path) -> Lines:
    """A calculator of ASE behind LAMMPS: ``fix ase`` of ``wtemlp lmp`` asks it for forces."""
    settings = {**settings_of(method), "elements": elements}
    own = OwnForceField(
        units=METAL.name,
        lines=("pair_style zero 1.0 nocoeff", "pair_coeff * *"),
        boundary="p p p" if method.periodic else "f f f",
        fixes=(
            f"fix ase all ase {CALCULATOR}",
            "fix_modify ase energy yes virial yes",
        ),
        name=method.calculator,
    )
    return Lines(own, elements, root, texts={CALCULATOR: json.dumps(settings, indent=1) + "\n"})
