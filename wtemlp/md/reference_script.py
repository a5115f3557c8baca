"""LAMMPS scripts of the waters that are known by name: plain stock LAMMPS, ``units real``.

Flexible TIP3P is the original TIP3P (Jorgensen et al., J. Chem. Phys. 79, 926, 1983: charges
-0.834 and 0.417 e, Lennard-Jones on the oxygens only, epsilon 0.1521 kcal/mol, sigma 3.1507
Angstrom) with the harmonic bonds and angles that the LAMMPS manual ("TIP3P water model") gives
for a flexible one.  It is not CHARMM's TIP3P (Lennard-Jones on the hydrogens too), nor Price and
Brooks's for Ewald sums (charges -0.830, epsilon 0.102, sigma 3.188).

There are no long-range corrections to Lennard-Jones (``pair_modify tail no``).  At constant volume
they are a constant of the energy.  At constant pressure they would matter: without them the
pressure of water misses 871 atm at a cut-off of 6 Angstrom and 261 atm at 9, and NPT finds a
density that is 4.4 or 1.3 % too low; but labels, exploration and validation are of one potential.

Rigid TIP3P is the original, and SPC/E that of Berendsen et al. (J. Phys. Chem. 91, 6269, 1987);
SHAKE keeps their bonds and angles.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wtemlp.config.keys.labels import ForceField
from wtemlp.core.atomic_io import last_line, leading_int
from wtemlp.md.topology import WaterTopology

SCRIPT = "in.lammps"  #: name of a reference job's script
LOG = "log.lammps"


@dataclass(frozen=True)
class WaterModel:
    """Parameters of a flexible three-site water, in LAMMPS's ``units real``."""

    charge_O: float  #: e
    charge_H: float  #: e
    mass_O: float  #: g/mol
    mass_H: float  #: g/mol
    epsilon_O: float  #: kcal/mol
    sigma_O: float  #: Angstrom
    bond_k: float  #: kcal/mol/Angstrom^2, of E = K (r - r0)^2
    bond_r0: float  #: Angstrom
    angle_k: float  #: kcal/mol/rad^2, of E = K (theta - theta0)^2
    angle_theta0: float  #: degrees
    rigid: bool = False  #: whether SHAKE keeps bonds and angles


_TIP3P = WaterModel(
    charge_O=-0.834,
    charge_H=0.417,
    mass_O=15.9994,
    mass_H=1.008,
    epsilon_O=0.1521,
    sigma_O=3.1507,
    bond_k=450.0,
    bond_r0=0.9572,
    angle_k=55.0,
    angle_theta0=104.52,
)
WATER_MODELS = {
    "tip3p-flexible": _TIP3P,
    "tip3p-rigid": replace(_TIP3P, rigid=True),
    "spce": replace(
        _TIP3P,
        charge_O=-0.8476,
        charge_H=0.4238,
        epsilon_O=0.1553,
        sigma_O=3.166,
        bond_r0=1.0,
        angle_theta0=109.47,
        rigid=True,
    ),
}
"""The force fields of ``fp_params.force_field``; their LAMMPS types are 1 for O and 2 for H."""


def force_field_commands(force_field: ForceField, data: str) -> str:
    """The part of a script that reads a system and sets its force field.

    Parameters
    ----------
    force_field : ForceField
    data : str
        The data file, as :func:`water_data` writes it.

    Returns
    -------
    str
        LAMMPS commands.
    """
    m = WATER_MODELS[force_field.name]
    return f"""\
units           real
atom_style      full
boundary        p p p
pair_style      lj/cut/coul/long {force_field.cutoff_A:.12g}
bond_style      harmonic
angle_style     harmonic
special_bonds   lj/coul 0 0 0
read_data       {data}
kspace_style    pppm {force_field.kspace_accuracy:.12g}
pair_coeff      1 1 {m.epsilon_O} {m.sigma_O}
pair_coeff      1 2 0.0 1.0
pair_coeff      2 2 0.0 1.0
pair_modify     tail no
bond_coeff      1 {m.bond_k} {m.bond_r0}
angle_coeff     1 {m.angle_k} {m.angle_theta0}
neighbor        1.0 bin
neigh_modify    every 1 delay 0 check yes
"""


def constraint_commands(force_field: ForceField) -> str:
    """The part of a script that keeps molecules rigid; "" where they are flexible.

    It comes behind every fix that adds forces or changes them: SHAKE corrects what these do.
    """
    rigid = WATER_MODELS[force_field.name].rigid
    return "fix             rigid all shake 1e-6 200 0 b 1 a 1\n" if rigid else ""


def water_data(
    force_field: ForceField, coords: np.ndarray, cell: np.ndarray, topology: WaterTopology
) -> str:
    """A LAMMPS data file of a water box, atom ids being the places in `coords`, from 1.

    Parameters
    ----------
    force_field : ForceField
    coords : (n_atoms, 3) float
        Positions, Angstrom, molecules whole.
    cell : (3, 3) float
        Cell vectors as rows, lower triangular, Angstrom.
    topology : WaterTopology

    Returns
    -------
    str
        The text of the file.
    """
    model = WATER_MODELS[force_field.name]
    n = topology.n_molecules
    molecule = np.empty(topology.n_atoms, dtype=int)
    molecule[topology.oxygens] = np.arange(1, n + 1)
    molecule[topology.hydrogens] = np.arange(1, n + 1)[:, None]
    is_oxygen = np.zeros(topology.n_atoms, dtype=bool)
    is_oxygen[topology.oxygens] = True
    atoms = "".join(
        f"{i + 1} {molecule[i]} {1 if oxygen else 2} {model.charge_O if oxygen else model.charge_H}"
        f" {x:.17g} {y:.17g} {z:.17g}\n"
        for i, (oxygen, (x, y, z)) in enumerate(zip(is_oxygen, coords, strict=True))
    )
    o, (h1, h2) = topology.oxygens + 1, (topology.hydrogens + 1).T
    bonds = "".join(
        f"{2 * m + 1} 1 {o[m]} {h1[m]}\n{2 * m + 2} 1 {o[m]} {h2[m]}\n" for m in range(n)
    )
    angles = "".join(f"{m + 1} 1 {h1[m]} {o[m]} {h2[m]}\n" for m in range(n))
    tilt = f"{cell[1, 0]:.17g} {cell[2, 0]:.17g} {cell[2, 1]:.17g} xy xz yz\n"
    return (
        f"{n} water molecules\n\n{3 * n} atoms\n{2 * n} bonds\n{n} angles\n"
        "2 atom types\n1 bond types\n1 angle types\n\n"
        f"0 {cell[0, 0]:.17g} xlo xhi\n0 {cell[1, 1]:.17g} ylo yhi\n0 {cell[2, 2]:.17g} zlo zhi\n"
        f"{tilt if np.tril(cell, -1).any() else ''}"
        f"\nMasses\n\n1 {model.mass_O}\n2 {model.mass_H}\n"
        f"\nAtoms # full\n\n{atoms}\nBonds\n\n{bonds}\nAngles\n\n{angles}"
    )


def lammps_command(program: str) -> str:
    """The command line that runs :data:`SCRIPT`.

    Parameters
    ----------
    program : str
        A machine section's command: the program, as ``wtemlp lmp`` or ``mpirun -n 4 lmp``, with
        ``-in in.lammps`` after it or without.
    """
    return program if {"-in", "-i"} & set(program.split()) else f"{program} -in {SCRIPT}"


def done_steps(folder: Path) -> int:
    """MD steps that a task has behind it, from its log."""
    return leading_int(last_line(folder / LOG))
