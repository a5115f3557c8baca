"""What systems start from: files, crystals, slabs, molecules, and mixtures by Packmol."""

import difflib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ase.build
import ase.io
import numpy as np
from ase import Atoms
from ase.collections import g2
from ase.data import chemical_symbols
from ase.io.formats import ioformats

from wtemlp.config.init_params import box_length_A, reference_params
from wtemlp.config.keys.init import InitParams, InitSystem, StructureSpec, WaterParams
from wtemlp.core.atomic_io import read_record, write_json
from wtemlp.core.errors import CalculationError, InputError
from wtemlp.core.formatting import first_line
from wtemlp.core.units import AMU_G
from wtemlp.initialize.by_ase import read_atoms
from wtemlp.initialize.packmol import WATER_A, Molecules, pack
from wtemlp.structures.bonds import bonds, molecules
from wtemlp.structures.read import check_raw, read_structure
from wtemlp.structures.record import Raw, Structure
from wtemlp.structures.text import Unreadable

VACUUM_A = 12.0  #: around a molecule that is not periodic
LAMMPS_DATA = (".lmp", ".data", ".lammps")  #: ends of names that ASE takes for something else
#: ASE's names of formats whose types it takes for atomic numbers, and dpdata's.
NUMBERED = {"lammps-data": "lammps/lmp", "lammps-dump-text": "lammps/dump"}
A3_IN_CM3 = 1e-24
WATER = "H2O"  #: of the geometry of TIP3P


@dataclass(frozen=True)
class SystemStart:
    """The structure that a system starts from, its cell in LAMMPS's orientation."""

    structure: Structure
    periodic: bool

    def save(self, file: Path) -> None:
        """Write it, to the last digit."""
        one = self.structure
        content = {
            "elements": list(one.elements),
            "types": one.types.tolist(),
            "coords_A": one.coords.tolist(),
            "cell_A": one.cell.tolist(),
            "periodic": self.periodic,
        }
        write_json(file, content)

    @classmethod
    def load(cls, file: Path) -> "SystemStart":
        """Read what :meth:`save` wrote."""
        found = read_record(file, "remove the folder of wtemlp init, and give the command again")
        structure = Structure(
            file,
            tuple(found["elements"]),
            np.array(found["types"], dtype=np.int64),
            np.array(found["coords_A"], dtype=float),
            np.array(found["cell_A"], dtype=float),
        )
        return cls(structure, bool(found["periodic"]))


def build(params: InitParams, system: InitSystem, root: Path, seed: int) -> SystemStart:
    """Build the structure of a system.

    Parameters
    ----------
    params : InitParams
    system : InitSystem
    root : Path
        What the paths of files are relative to.
    seed : int
        Packmol's.

    Raises
    ------
    InputError
        If it cannot be built, read, or run.
    """
    made = _Builder(params, system, root, seed).start()
    one = made.structure
    if made.periodic:
        turned = one.system()
        one = replace(one, coords=turned["coords"][0], cell=turned["cells"][0])
    return replace(made, structure=one)


@dataclass(frozen=True)
class _Builder:
    params: InitParams
    system: InitSystem
    root: Path
    seed: int

    @property
    def spec(self) -> StructureSpec:
        return self.system.structure

    @property
    def _masses(self) -> dict[str, float]:
        """Of the types, in their order, g/mol."""
        return dict(zip(self.params.type_map, reference_params(self.params).mass_map, strict=True))

    @property
    def where(self) -> str:
        number = self.params.systems.index(self.system)
        return f"{self.params.source.name}: systems[{number}].structure"

    def start(self) -> SystemStart:
        """The structure, of whatever the block names."""
        spec = self.spec
        if spec.file is not None and self._is_for_dpdata(spec.file):
            return self._by_dpdata(spec.file)
        if spec.mixture:
            atoms = self._mixture()
        elif spec.molecule is not None:
            atoms = self._molecule(spec.molecule)
        elif spec.bulk is not None:
            atoms = self._bulk()
        else:
            atoms = self._file()
        return self._checked(self._repeated(atoms))

    def _wrong(self, key: str, problem: str, remedy: str) -> InputError:
        return InputError(f"{self.where}.{key}", problem, remedy)

    # -- files

    def _is_for_dpdata(self, file: Path) -> bool:
        """Whether a format is dpdata's, in whose names there is a slash, or LAMMPS's data file."""
        if self.spec.format == "auto":
            return file.suffix in LAMMPS_DATA
        return self.spec.format in NUMBERED or self.spec.format not in ioformats

    def _by_dpdata(self, file: Path) -> SystemStart:
        fmt = NUMBERED.get(self.spec.format, self.spec.format)
        fmt = "lammps/lmp" if fmt == "auto" else fmt
        masses = self._masses
        found = read_structure(self.root / file, fmt, tuple(masses), tuple(masses.values()))
        if self.spec.supercell == (1, 1, 1) and self.spec.miller is None:
            return SystemStart(found, self.spec.periodic is not False)
        atoms = Atoms(found.symbols, found.coords, cell=found.cell, pbc=True)
        return self._checked(self._repeated(atoms))

    def _file(self) -> Atoms:
        assert self.spec.file is not None
        fmt = None if self.spec.format == "auto" else self.spec.format
        file = self.root / self.spec.file
        return self._read(file, fmt, "file")

    def _read(self, file: Path, fmt: str | None, key: str) -> Atoms:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = read_atoms(file, fmt, self.params.type_map)
        except Unreadable as error:
            raise self._wrong(key, f"{file} {error.problem}", error.remedy) from error
        except Exception as error:  # ASE's readers raise whatever they meet
            said = first_line(error)[:120] or type(error).__name__
            remedy = 'give "format", in the words of ASE or dpdata, as "vasp/poscar"'
            raise self._wrong(key, f"{file} cannot be read ({said})", remedy) from error
        return Atoms(found)

    # -- specs

    def _bulk(self) -> Atoms:
        spec = self.spec
        words = {"crystalstructure": spec.crystal, "a": spec.a_A, "c": spec.c_A}
        given: dict[str, Any] = {key: value for key, value in words.items() if value is not None}
        assert spec.bulk is not None
        for cubic in (True, False):
            try:
                return Atoms(ase.build.bulk(spec.bulk, cubic=cubic, **given))
            except Exception as error:  # (of a crystal that is not cubic, and of a wrong word)
                said = first_line(error)[:120] or type(error).__name__
        raise self._wrong("bulk", f'"{spec.bulk}": {said}', "see ase.build.bulk for its words")

    def _molecule(self, name: str, key: str = "molecule") -> Atoms:
        if name == WATER:
            return Atoms("OHH", WATER_A)
        if name in chemical_symbols[1:]:
            return Atoms(name, np.zeros((1, 3)))
        try:
            return Atoms(ase.build.molecule(name))
        except KeyError as error:
            near = difflib.get_close_matches(name, g2.names, 3)
            meant = f"did you mean {' or '.join(near)}? Or " if near else ""
            remedy = f"{meant}give a file of it as file"
            raise self._wrong(key, f'"{name}" is not in the collection of ASE', remedy) from error

    def _mixture(self) -> Atoms:
        parts = []
        for number, part in enumerate(self.spec.mixture):
            key = f"mixture[{number}]"
            if part.file is not None:
                atoms = self._read(self.root / part.file, None, f"{key}.file")
            else:
                assert part.molecule is not None
                atoms = self._molecule(part.molecule, f"{key}.molecule")
            self._known_elements(atoms, key)
            own = tuple(map(str, atoms.get_chemical_symbols()))
            parts.append(Molecules(own, atoms.positions, part.count))
        length = edge_A(parts, self.spec.density_g_cm3, self._masses)
        try:
            coords = pack(parts, length, self.seed)
        except CalculationError as error:
            remedy = "give a lower one: npt_steps or a run at constant pressure finds the right one"
            value = f"{self.spec.density_g_cm3:g} cannot be had ({str(error).partition(';')[0]})"
            raise self._wrong("density_g_cm3", value, remedy) from error
        symbols = [name for part in parts for name in part.symbols * part.count]
        return Atoms(symbols, coords, cell=np.eye(3) * length, pbc=True)

    def _known_elements(self, atoms: Atoms, key: str) -> None:
        lacking = sorted(set(atoms.get_chemical_symbols()) - set(self.params.type_map))
        if lacking:
            remedy = "add it to type_map"
            raise self._wrong(key, f"has {', '.join(lacking)}, which type_map lacks", remedy)

    # -- all

    def _repeated(self, atoms: Atoms) -> Atoms:
        """A slab and a supercell of it, where they are asked for."""
        spec = self.spec
        try:
            if spec.miller is not None:
                atoms = ase.build.surface(
                    atoms, spec.miller, spec.layers, vacuum=spec.vacuum_A, periodic=True
                )
            return Atoms(atoms.repeat(spec.supercell))
        except Exception as error:  # whatever ASE raises
            said = first_line(error)[:120] or type(error).__name__
            key = "miller" if spec.miller is not None else "supercell"
            raise self._wrong(key, f"ASE cannot make it ({said})", "correct it") from error

    def _checked(self, atoms: Atoms) -> SystemStart:
        spec = self.spec
        has_cell = atoms.cell.rank == 3
        periodic = bool(atoms.pbc.any() and has_cell) if spec.periodic is None else spec.periodic
        if periodic and spec.molecule is not None:
            atoms.set_cell(np.eye(3) * spec.cell_A)
            atoms.center()
        elif periodic and not has_cell:
            remedy = 'give a file that has one, or "periodic": false'
            raise self._wrong("periodic", "true, and there is no cell", remedy)
        elif not periodic:
            atoms = atoms.copy()
            atoms.set_pbc(False)
            atoms.set_cell(
                np.eye(3) * (float(np.ptp(atoms.positions, axis=0).max()) + 2 * VACUUM_A)
            )
            atoms.center()
        file = self.root / spec.file if spec.file is not None else Path(self.where)
        symbols = atoms.get_chemical_symbols()
        names = tuple(dict.fromkeys(symbols))
        kinds = np.array([names.index(one) for one in symbols], dtype=np.int64)
        raw = Raw(names, kinds, np.array(atoms.positions), np.array(atoms.cell.array))
        return SystemStart(check_raw(file, raw, self.params.type_map), periodic)


def edge_A(parts: Sequence[Molecules], density_g_cm3: float, masses: Mapping[str, float]) -> float:
    """Edge of the cubic box of molecules at a density, Angstrom; masses in g/mol."""
    mass_u = sum(one.count * sum(masses[name] for name in one.symbols) for one in parts)
    return float((mass_u * AMU_G / density_g_cm3 / A3_IN_CM3) ** (1 / 3))


def water_start(water: WaterParams, seed: int) -> SystemStart:
    """The box of an init file of water: the atoms are in the order of its `type_map`.

    Parameters
    ----------
    water : WaterParams
    seed : int
        Packmol's.
    """
    n, length_A = water.n_molecules, box_length_A(water.n_molecules, water.density_g_cm3)
    molecules = pack([Molecules(("O", "H", "H"), WATER_A, n)], length_A, seed).reshape(n, 3, 3)
    atoms = {"O": molecules[:, 0], "H": molecules[:, 1:].reshape(-1, 3)}
    structure = Structure(
        Path("box.data"),
        water.type_map,
        np.repeat(np.arange(2), [len(atoms[name]) for name in water.type_map]),
        np.concatenate([atoms[name] for name in water.type_map]),
        np.eye(3) * length_A,
    )
    return SystemStart(structure, True)


def molecules_of(structure: Structure, periodic: bool) -> list[np.ndarray] | None:
    """The places of the atoms of each molecule; None: the atoms are one network, as in a crystal.

    By covalent radii.  Atoms that are bonded to nothing are molecules of one atom.
    """
    return _molecules(Atoms(structure.symbols, structure.coords, cell=structure.cell), periodic)


def is_molecular(atoms: Atoms, periodic: bool) -> bool:
    """Whether there are molecules of several atoms, and no network."""
    groups = _molecules(atoms, periodic)
    return groups is not None and any(len(group) > 1 for group in groups)


def _molecules(atoms: Any, periodic: bool) -> list[np.ndarray] | None:
    bonded = bonds(atoms.get_chemical_symbols(), atoms.positions, atoms.cell.array, periodic)
    groups, n = molecules(len(atoms), bonded), len(atoms)
    largest = max(map(len, groups))
    if periodic and largest > max(1, n // 2):
        return None
    return groups
