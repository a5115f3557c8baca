"""Shared by tests: structures."""

import numpy as np

TYPE_MAP, MASSES = ("O", "H", "C"), (15.9994, 1.008, 12.011)


SYMBOLS = "OHHC"


#: Skew, of four atoms that are no mirror image of themselves; Angstrom.
CELL = np.array([[6.0, 0.0, 0.0], [1.0, 7.0, 0.0], [-0.5, 0.8, 8.0]])


INSIDE = np.array([[0.1, 0.2, 0.3], [0.25, 0.2, 0.3], [0.1, 0.35, 0.32], [0.9, 0.1, 0.45]])


def rows(matrix, *more: str) -> str:
    lines = [" ".join(f"{x:.12g}" for x in row) for row in np.atleast_2d(matrix)]
    return "\n".join(
        f"{line} {word}".rstrip()
        for line, word in zip(lines, more or [""] * len(lines), strict=True)
    )


def poscar(
    *,
    scale="1.0",
    cell=CELL,
    species="O H C",
    counts="1 2 1",
    mode="Direct",
    at=INSIDE,
    more=(),
    after="\n",
    title="water",
) -> str:
    return "\n".join([title, scale, rows(cell), species, counts, mode, rows(at, *more)]) + after


POSITIONS_A = INSIDE @ CELL


TYPES = {"O": 1, "H": 2, "C": 3}


#: The same elements under other numbers.
OTHER = {"H": 1, "C": 2, "O": 3}


def gro_file(labels, digits=3, more="") -> str:
    """GROMACS's file of the structure; `labels`: residue and atom, by atom."""
    lines = ["title", "4"]
    for k, (residue, label) in enumerate(labels):
        x = "".join(f"{value / 10:{digits + 5}.{digits}f}" for value in POSITIONS_A[k])
        lines.append(f"{1:5d}{residue:<5s}{label:>5s}{k + 1:5d}{x}{more}")
    box = [*np.diag(CELL), *CELL[~np.eye(3, dtype=bool)]]
    return "\n".join([*lines, " ".join(f"{value / 10:.5f}" for value in box)]) + "\n"


BOX = "0.0 6.0 xlo xhi\n0.0 7.0 ylo yhi\n0.0 8.0 zlo zhi\n1.0 -0.5 0.8 xy xz yz"


def data_file(
    types=TYPES,
    masses=None,
    labels=None,
    style="atomic",
    row="{id} {type} {x}",
    head="Atoms # {}",
    title="LAMMPS data file",
    n_types=3,
    box=BOX,
    shift=(0, 0, 0),
    order=range(4),
    more="",
    names=None,
    words=("", "", "", ""),
) -> str:
    """A file of the structure.  `masses`, `labels`: by element."""
    sections = [title, "", "4 atoms", f"{n_types} atom types{names or ''}", box, ""]
    if labels:
        sections += ["Atom Type Labels", "", *(f"{types[s]} {w}" for s, w in labels.items()), ""]
    if masses:
        sections += ["Masses", "", *(f"{types[s]} {m}" for s, m in masses.items()), ""]
    sections += [head.format(style), ""]
    for k in order:
        x = rows(POSITIONS_A[k] + shift)
        kind = labels[SYMBOLS[k]] if labels and "{label}" in row else types[SYMBOLS[k]]
        line = row.replace("{label}", "{type}").format(id=k + 1, type=kind, x=x, mol=1 + k // 3)
        sections.append(f"{line} {words[k]}".rstrip())
    return "\n".join(sections) + "\n" + more


U = {"O": "15.9994", "H": "1.008", "C": "12.011"}


VELOCITIES_SECTION = "\nVelocities\n\n" + "\n".join(f"{k} 0 0 0" for k in (1, 2, 3, 4)) + "\n"


TOPOLOGY = "\nBonds\n\n1 1 1 2\n\nPair Coeffs # lj/cut\n\n1 0.1 3\n"


TOPOTOOLS = "# Pair Coeffs\n#\n# 1  HW1\n# 2  C\n# 3  OW\n\n"


SAME_DATA = {
    "masses": (data_file(OTHER, U), True),
    "rounded masses": (data_file(OTHER, {"O": "16", "H": "1.0", "C": "12"}), False),
    "masses with comments": (data_file(OTHER, {s: f"{m} # {s}" for s, m in U.items()}), True),
    "masses with names of a force field": (
        data_file(OTHER, {"O": "15.9994 # OW", "H": "1.008 # HO", "C": "12.011 # CA"}),
        True,
    ),
    "masses of placeholders, comments": (
        data_file(OTHER, {s: f"1.0 # {s}" for s in SYMBOLS}),
        False,
    ),
    "labels": (data_file(OTHER, labels={s: s for s in "OHC"}), True),
    "labels in the lines of atoms": (
        data_file(OTHER, labels={s: s for s in "OHC"}, row="{id} {label} {x}"),
        False,
    ),
    "labels of a force field": (
        data_file(OTHER, labels={"O": "OW", "H": "HW1", "C": "CT"}, row="{id} {label} {x}"),
        False,
    ),
    "labels of a force field and masses": (
        data_file(OTHER, U, labels={"O": "oh", "H": "ho", "C": "CA"}),
        True,
    ),
    "elements behind the number of types": (data_file(OTHER, names=" # H C O"), False),
    "elements behind the atoms": (data_file(OTHER, words=[f"# {s}" for s in SYMBOLS]), False),
    "elements in comments of TopoTools": (
        data_file(OTHER, title=f"LAMMPS data file. CGCMM style\n{TOPOTOOLS}"),
        False,
    ),
    "prose in comments": (data_file(OTHER, {s: f"{m} # Atom {s}" for s, m in U.items()}), True),
    "nothing but prose": (data_file(words=["# Atom 1", "# Ion", "# WATER", "# a carbon"]), False),
    "nothing, in the order of type_map": (data_file(), False),
    "full": (data_file(OTHER, U, style="full", row="{id} {mol} {type} -0.4 {x}"), True),
    "full, labels": (
        data_file(
            OTHER, labels={s: s for s in "OHC"}, style="full", row="{id} {mol} {label} -0.4 {x}"
        ),
        False,
    ),
    "charge": (data_file(OTHER, U, style="charge", row="{id} {type} 0.0 {x}"), True),
    "molecular": (data_file(OTHER, U, style="molecular", row="{id} {mol} {type} {x}"), True),
    "bond/kk": (data_file(OTHER, U, style="bond/kk", row="{id} {mol} {type} {x}"), False),
    "sphere": (
        data_file(
            OTHER, style="sphere", row="{id} {type} 1.0 2.0 {x}", words=[f"# {s}" for s in SYMBOLS]
        ),
        False,
    ),
    "dipole": (data_file(OTHER, U, style="dipole", row="{id} {type} 0.1 {x} 0 0 1"), False),
    "spin": (data_file(OTHER, U, style="spin", row="{id} {type} {x} 0 0 1 2.2"), False),
    "hybrid": (data_file(OTHER, U, style="hybrid sphere bond", row="{id} {type} {x} 1 2 3"), False),
    "no style": (data_file(OTHER, U, head="Atoms"), True),
    "no style, full": (data_file(OTHER, U, head="Atoms", row="{id} {mol} {type} -0.4 {x}"), True),
    "no style, charge": (data_file(OTHER, U, head="Atoms", row="{id} {type} -0.4 {x}"), False),
    "no style, whole charges": (data_file(OTHER, U, head="Atoms", row="{id} {type} 0 {x}"), False),
    "no style, molecular": (data_file(OTHER, U, head="Atoms", row="{id} {mol} {type} {x}"), False),
    "no style, image flags": (data_file(OTHER, U, head="Atoms", row="{id} {type} {x} 0 0 0"), True),
    "image flags": (data_file(OTHER, U, row="{id} {type} {x} 1 -2 0"), True),
    "image flags, full": (
        data_file(OTHER, U, style="full", row="{id} {mol} {type} 0.1 {x} 0 1 0"),
        True,
    ),
    "a corner elsewhere": (
        data_file(
            OTHER,
            U,
            shift=(-3, 1, 2),
            box="-3 3 xlo xhi\n1 8 ylo yhi\n2 10 zlo zhi\n1.0 -0.5 0.8 xy xz yz",
        ),
        False,
    ),
    "general triclinic": (
        data_file(OTHER, U, box="6 0 0 avec\n1 7 0 bvec\n-0.5 0.8 8 cvec\n0 0 0 abc origin"),
        True,
    ),
    "Atoms in the title": (data_file(OTHER, U, title="Atoms of a box, # 1 atoms"), True),
    "more types than elements": (
        data_file(
            {"O": 1, "a": 2, "b": 3, "H": 4, "C": 5}, U | {"a": "1.008", "b": "15.999"}, n_types=5
        ),
        True,
    ),
    "velocities": (data_file(OTHER, U, more=VELOCITIES_SECTION), True),
    "topology": (data_file(OTHER, U, more=TOPOLOGY), True),
    "IDs in another order": (data_file(OTHER, U, order=(2, 0, 3, 1)), True),
    "written by write_data": (
        data_file(OTHER, U, title="via write_data, version 22 Jul 2025, units = real"),
        True,
    ),
    "CRLF": (data_file(OTHER, U).replace("\n", "\r\n"), False),
}


BOHR = 1.8897261246257702


def stru(
    *,
    species="O H C",
    vectors="LATTICE_VECTORS",
    cell=CELL,
    at=INSIDE,
    mode="Direct",
    more=("1 1 1",) * 4,
) -> str:
    names = species.split()
    lines = [
        "ATOMIC_SPECIES",
        *(f"{name} 1.0 {name}.upf" for name in names),
        "",
        "LATTICE_CONSTANT",
        str(BOHR),
        "",
        vectors,
        rows(cell),
        "",
        "ATOMIC_POSITIONS",
        mode,
    ]
    for name, places in zip(names, ([0], [1, 2], [3]), strict=True):
        lines += ["", name, "0.0", str(len(places)), rows(at[places], *[more[k] for k in places])]
    return "\n".join(lines) + "\n"
