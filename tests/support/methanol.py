"""Shared by tests: methanol in the words of a LAMMPS data file, and OPLS for it."""

import numpy as np

METHANOL = """\
methanol

6 atoms
5 bonds
7 angles
3 dihedrals
4 atom types
3 bond types
4 angle types
1 dihedral types

0 12 xlo xhi
0 12 ylo yhi
0 12 zlo zhi

Masses

1 12.011
2 1.008
3 15.999
4 1.008

Bond Coeffs

1 340.0 1.09
2 320.0 1.41
3 553.0 0.945

Atoms # full

{atoms}

Bonds

1 1 1 2
2 1 1 3
3 1 1 4
4 2 1 5
5 3 5 6

Angles

1 1 2 1 3
2 1 2 1 4
3 1 3 1 4
4 2 2 1 5
5 2 3 1 5
6 2 4 1 5
7 3 1 5 6

Dihedrals

1 1 2 1 5 6
2 1 3 1 5 6
3 1 4 1 5 6
"""
PLACES = np.array(
    [
        [0.0, 0.0, 0.0],
        [1.02, 0.0, 0.38],
        [-0.51, 0.88, 0.38],
        [-0.51, -0.88, 0.38],
        [0.0, 0.0, -1.41],
        [0.9, 0.0, -1.7],
    ]
)
KINDS, CHARGES = (1, 2, 2, 2, 3, 4), (0.145, 0.04, 0.04, 0.04, -0.683, 0.418)
OPLS = [
    "bond_style harmonic",
    "angle_style harmonic",
    "dihedral_style opls",
    "special_bonds lj/coul 0.0 0.0 0.5",
    "{pair}",
    "pair_coeff 1 1 0.066 3.5",
    "pair_coeff 2 2 0.03 2.5",
    "pair_coeff 3 3 0.17 3.12",
    "pair_coeff 4 4 0.0 1.0",
    "angle_coeff 1 33.0 107.8",
    "angle_coeff 2 35.0 109.5",
    "angle_coeff 3 55.0 108.5",
    "angle_coeff 4 55.0 108.5",
    "dihedral_coeff 1 0.0 0.0 0.45 0.0",
]


def opls(pair, *more):
    return [line.format(pair=pair) for line in OPLS] + list(more)


def methanol(places, molecules=1):
    """The data file of one or more molecules, one after another."""
    rows = "".join(
        f"{i + 1} {i // 6 + 1} {KINDS[i % 6]} {CHARGES[i % 6]} {x:.16g} {y:.16g} {z:.16g}\n"
        for i, (x, y, z) in enumerate(places)
    )
    head, _, rest = METHANOL.partition("{atoms}")
    out = []
    section = ""
    for line in (head + "@" + rest).splitlines():
        words = line.split()
        if line == "@":
            out.append(rows)
        elif words and words[0] in ("Bonds", "Angles", "Dihedrals"):
            section = words[0]
            out.append(line)
        elif section and words:
            n = {"Bonds": 5, "Angles": 7, "Dihedrals": 3}[section]
            out += [
                " ".join(
                    [
                        str(int(words[0]) + m * n),
                        words[1],
                        *(str(int(w) + 6 * m) for w in words[2:]),
                    ]
                )
                for m in range(molecules)
            ]
        elif len(words) == 2 and words[1] in ("atoms", "bonds", "angles", "dihedrals"):
            out.append(f"{int(words[0]) * molecules} {words[1]}")
        else:
            out.append(line)
    return "\n".join(out) + "\n"
