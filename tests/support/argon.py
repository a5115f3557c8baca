"""A Lennard-Jones crystal for the engine tests, and what LAMMPS writes about it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

N_ATOMS = 108


@dataclass(frozen=True)
class Argon:
    """A Lennard-Jones crystal of 108 atoms in one of LAMMPS's unit styles."""

    units: str
    lattice: float  #: length unit
    epsilon: float
    sigma: float
    mass: float
    temperature: float
    kT: float  #: energy unit
    timestep: float
    plumed_units: str


ARGON = {
    "lj": Argon("lj", 1.71, 1.0, 1.0, 1.0, 0.5, 0.5, 0.004, ""),
    "metal": Argon("metal", 5.5, 0.0103, 3.405, 39.948, 60, 0.00517, 0.004, "UNITS ENERGY=eV"),
    "real": Argon("real", 5.5, 0.238, 3.405, 39.948, 60, 0.1192, 4.0, "UNITS ENERGY=kcal/mol"),
}


def identifiers(kind: str) -> np.ndarray:
    """The IDs of the crystal's atoms, in the order of its file."""
    number = np.arange(1, N_ATOMS + 1)
    return {"sorted": number, "unsorted": number * 37 % 109, "gaps": (number * 37 % 109) * 3 + 5}[
        kind
    ]


def crystal(
    folder: Path,
    units: str = "lj",
    *,
    ids: str = "sorted",
    tilt: float = 0.0,
    random: float = 0.0,
    scale: float = 1.0,
    sort: str = "0 0",
) -> str:
    """Write the crystal and return the commands that read it and set its force field.

    `tilt` (xy, and -tilt/2 for xz) and `random` (displacements) are in units of sigma; `scale`
    multiplies the cell and the positions.
    """
    a = ARGON[units]
    edge = 3 * a.lattice * scale
    xy, xz = tilt * a.sigma * scale, -tilt / 2 * a.sigma * scale
    cell = np.array([[edge, 0, 0], [xy, edge, 0], [xz, 0, edge]])
    basis = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
    sites = np.stack(np.meshgrid(*[np.arange(3)] * 3), -1).reshape(-1, 1, 3)
    x = ((sites + basis).reshape(-1, 3) / 3) @ cell
    x += np.random.default_rng(1).normal(scale=random * a.sigma * scale, size=x.shape)
    rows = "".join(
        "{} 1 {:.17g} {:.17g} {:.17g}\n".format(i, *r)
        for i, r in zip(identifiers(ids), x, strict=True)
    )
    bounds = "".join(f"0 {edge:.17g} {axis}lo {axis}hi\n" for axis in "xyz")
    tilts = f"{xy:.17g} {xz:.17g} 0 xy xz yz\n" if tilt else ""
    (folder / "crystal.data").write_text(
        f"argon\n\n{N_ATOMS} atoms\n1 atom types\n\n{bounds}{tilts}\nAtoms # atomic\n\n{rows}"
    )
    return f"""\
units {units}
atom_modify map array sort {sort}
read_data crystal.data
mass 1 {a.mass}
pair_style lj/cut {2.3 * a.sigma}
pair_modify shift yes
pair_coeff 1 1 {a.epsilon} {a.sigma}
neighbor {0.3 * a.sigma} bin
velocity all create {2 * a.temperature} 12345 loop geom
timestep {a.timestep}
fix nve all nve
thermo_modify norm no
"""


BIAS = "fix bias all plumed plumedfile plumed.dat outfile plumed.log\n"
WATCH = (
    "variable u equal pe\nvariable t equal etotal\n"
    'fix watch all print 1 "$(step) $(v_u:%.17g) $(f_bias:%.17g) $(v_t:%.17g)" file watch'
    " screen no\n"
)
FORCES = (
    'dump forces all custom 1 forces id fx fy fz\ndump_modify forces sort id format float "%.17g"\n'
)


def dump_frames(path: Path, n_columns: int) -> np.ndarray:
    """The per-atom columns of a LAMMPS dump, (n_frames, n_atoms, n_columns)."""
    lines = path.read_text().split("ITEM: TIMESTEP\n")[1:]
    rows = [frame.split("ITEM: ATOMS")[1].splitlines()[1:] for frame in lines]
    return np.array([[r.split()[:n_columns] for r in frame] for frame in rows], dtype=float)


def cells(path: Path) -> np.ndarray:
    """The cell of a LAMMPS dump's first frame, rows are vectors."""
    lines = path.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if "BOX BOUNDS" in line)
    bounds = np.array([line.split() for line in lines[start + 1 : start + 4]], dtype=float)
    cell = np.diag(bounds[:, 1] - bounds[:, 0])
    if bounds.shape[1] == 3:
        xy, xz, yz = bounds[:, 2]
        cell[0, 0] -= max(0, xy, xz, xy + xz) - min(0, xy, xz, xy + xz)
        cell[1, 1] -= max(0, yz) - min(0, yz)
        cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
    return cell
