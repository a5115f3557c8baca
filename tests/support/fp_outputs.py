"""Outputs as the DFT programs write them, made up from a law: what DP-GEN's readers look at.

Run as a program in a task's folder (``fp_outputs.py STYLE``) it is a DFT engine that costs nothing.
"""

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HARTREE, RYDBERG, BOHR = 27.211386245988, 13.605693122994, 0.529177210903
NUMBERS = {"H": 1, "O": 8}


@dataclass(frozen=True)
class Sample:
    """A frame with atoms in the order of ``POSCAR``, and its label."""

    names: list[str]  #: of the elements that are there
    counts: list[int]
    cell: np.ndarray  #: (3, 3), Angstrom
    coords: np.ndarray  #: (n, 3), Angstrom
    energy: float  #: eV
    forces: np.ndarray  #: (n, 3), eV/Angstrom

    @property
    def symbols(self) -> list[str]:
        return np.repeat(self.names, self.counts).tolist()


def law(coords: np.ndarray) -> tuple[float, np.ndarray]:
    """Energy (eV) and forces (eV/Angstrom) that are a function of the positions only."""
    moved = coords - coords.round()
    return float(-10 * len(coords) + (moved**2).sum()), -2 * moved


def sample(poscar: Path) -> Sample:
    """The frame of a ``POSCAR``; read here, for the readers' imports take seconds a label."""
    lines = poscar.read_text().splitlines()
    cell = float(lines[1]) * np.array([line.split()[:3] for line in lines[2:5]], float)
    assert not np.triu(cell, 1).any() and not lines[7].strip().lower().startswith("s")
    there = [(name, int(n)) for name, n in zip(*map(str.split, lines[5:7]), strict=True) if int(n)]
    names, counts = zip(*there, strict=True)
    coords = np.array([line.split()[:3] for line in lines[8 : 8 + sum(counts)]], float)
    coords = coords @ cell if lines[7].strip().lower().startswith("d") else coords * float(lines[1])
    energy, forces = law(coords)
    return Sample(list(names), list(counts), cell, coords, energy, forces)


def rows(values: np.ndarray, form: str = "%.8f") -> str:
    return "".join(" ".join(form % x for x in row) + "\n" for row in values)


def vasp(folder: Path, s: Sample, converged: bool = True) -> None:
    steps = range(1, 4 if converged else 61)
    text = "".join(f" POTCAR:    PAW_PBE {name} 08Apr2002\n" for name in 2 * s.names)
    text += "".join(f"   TITEL  = PAW_PBE {name} 08Apr2002\n" for name in s.names)
    text += f"   ions per type = {' '.join(map(str, s.counts))}\n   NELM   =     60;\n"
    text += "".join(f"----- Iteration      1({i:4d})  -----\n" for i in steps)
    text += "  FORCE on cell =-STRESS in cart. coord.  units (eV):\n" + 13 * "  -\n"
    text += "  in kB       1.00000     2.00000     3.00000     0.10000     0.20000     0.30000\n"
    text += " VOLUME and BASIS-vectors are now :\n" + 4 * " -\n" + rows(s.cell, "%.9f")
    text += " POSITION                             TOTAL-FORCE (eV/Angst)\n -----------\n"
    text += rows(np.hstack([s.coords, s.forces]), "%.5f") + " -----------\n"
    text += f"  free  energy   TOTEN  =  {s.energy:.8f} eV\n"
    (folder / "OUTCAR").write_text(text)
    (folder / "vasprun.xml").write_text("")


def pwscf(folder: Path, s: Sample, converged: bool = True) -> None:
    text = f"!    total energy              =   {s.energy / RYDBERG:.8f} Ry\n"
    if not converged:
        text = "     convergence NOT achieved after 100 iterations: stopping\n"
    text += "     Forces acting on atoms (cartesian axes, Ry/au):\n\n"
    for i, force in enumerate(s.forces / RYDBERG * BOHR):
        numbers = " ".join(f"{x:.8f}" for x in force)
        text += f"     atom {i + 1:4d} type  1   force = {numbers}\n"
    text += "\n     total   stress  (Ry/bohr**3)        (kbar)     P=  2.0\n"
    for stress in ("1.0 0.1 0.2", "0.1 2.0 0.3", "0.2 0.3 3.0"):
        text += f"   0.0 0.0 0.0   {stress}\n"
    (folder / "output").write_text(text + "\n   JOB DONE.\n")


def abacus(folder: Path, s: Sample, converged: bool = True, layout: str = "2023") -> None:
    """Tables with titles and other words for what has converged since 2025."""
    out = folder / "OUT.ABACUS"
    out.mkdir(exist_ok=True)
    if layout == "2025":
        forces = "".join(
            f"{name + str(i + 1):>10}" + "".join(f"{x:20.10f} " for x in force) + "\n"
            for i, (name, force) in enumerate(zip(s.symbols, s.forces, strict=True))
        )
        stress = "".join("".join(f"{x:20.10f} " for x in row) + "\n" for row in GPA)
        ended = f" #SCF IS CONVERGED#\n #TOTAL ENERGY# {s.energy:.11g} eV\n"
        text = ended if converged else " !!SCF IS NOT CONVERGED!!\n"
        tables = (
            ("TOTAL-FORCE (eV/Angstrom)", "Atoms  Force_x  Force_y  Force_z", forces),
            ("TOTAL-STRESS (KBAR)", "Stress_x  Stress_y  Stress_z", stress),
        )
        for title, columns, body in tables:
            text += f"\n #{title}#\n {64 * '-'}\n   {columns} \n {64 * '-'}\n{body} {64 * '-'}\n"
        text += " #TOTAL-PRESSURE# (EXCLUDE KINETIC PART OF IONS): 2.000000 KBAR\n"
        (out / "running_scf.log").write_text(text)
        (folder / "output").write_text("")
        return
    text = f" TOTAL ENERGY = {s.energy:.10f} eV\n"
    if not converged:
        text = " convergence has NOT been achieved!\n"
    text += " TOTAL-FORCE (eV/Angstrom)\n ------\n"
    for i, (name, force) in enumerate(zip(s.symbols, s.forces, strict=True)):
        text += f" {name}{i + 1}  {force[0]:.8f}  {force[1]:.8f}  {force[2]:.8f}\n"
    text += " ------\n TOTAL-STRESS (KBAR)\n ------\n"
    text += rows(np.array([[1.0, 0.1, 0.2], [0.1, 2.0, 0.3], [0.2, 0.3, 3.0]])) + " ------\n"
    (out / "running_scf.log").write_text(text)
    (folder / "output").write_text("")


def siesta(folder: Path, s: Sample, converged: bool = True) -> None:
    kinds = np.repeat(np.arange(len(s.names)), s.counts) + 1
    text = f"redata: Number of Atomic Species = {len(s.names)}\n"
    for i, name in enumerate(s.names):
        text += f"Species number: {i + 1} Atomic number: {NUMBERS[name]} Label: {name}\n"
    text += f"Number of atoms, orbitals, and projectors:   {len(s.coords)}   {9} {9}\n"
    text += "" if converged else "WARNING: SCF_NOT_CONV: SCF did not converge\n"
    text += "outcoor: Atomic coordinates (Ang):\n"
    for i, (at, kind) in enumerate(zip(s.coords, kinds, strict=True)):
        text += f" {at[0]:.8f} {at[1]:.8f} {at[2]:.8f} {kind} {i + 1} {s.names[kind - 1]}\n"
    text += "\noutcell: Unit cell vectors (Ang):\n" + rows(s.cell) + "\n"
    text += f"siesta: E_KS(eV) =  {s.energy:.6f}\n\nsiesta: Atomic forces (eV/Ang):\n"
    for i, force in enumerate(s.forces):
        text += f"{i + 1} {force[0]:.6f} {force[1]:.6f} {force[2]:.6f}\n"
    text += "\nsiesta: Stress tensor (static) (eV/Ang**3):\n"
    text += "siesta: 0.01 0.0 0.0\nsiesta: 0.0 0.02 0.0\nsiesta: 0.0 0.0 0.03\n\n>> End of run\n"
    (folder / "output").write_text(text)


def gaussian(folder: Path, s: Sample, converged: bool = True) -> None:
    line = " " + 69 * "-" + "\n"
    text = 26 * " " + "Input orientation:\n" + line + " Center\n Number\n" + line
    for i, (name, at) in enumerate(zip(s.symbols, s.coords, strict=True)):
        text += f"{i + 1:7d}{NUMBERS[name]:11d}{0:12d}    {at[0]:12.6f}{at[1]:12.6f}{at[2]:12.6f}\n"
    text += line + f" SCF Done:  E(RB3LYP) =  {s.energy / HARTREE:.9f}     A.U. after    9 cycles\n"
    text += "" if converged else " Convergence failure -- run terminated.\n"
    text += " Center     Atomic                   Forces (Hartrees/Bohr)\n Number\n" + line
    for i, (name, force) in enumerate(zip(s.symbols, s.forces / HARTREE * BOHR, strict=True)):
        numbers = "".join(f"{x:15.9f}" for x in force)
        text += f"{i + 1:7d}{NUMBERS[name]:9d}".ljust(23) + numbers + "\n"
    (folder / "output").write_text(text + line + " Normal termination of Gaussian 16\n")


GPA = ((1.0, 0.1, 0.2), (0.1, 2.0, 0.3), (0.2, 0.3, 3.0))  #: the stress of a sample
LAYOUTS = {"2023": "[a.u.]:", "2025": "[hartree]"}


def cp2k(
    folder: Path,
    s: Sample,
    converged: bool = True,
    layout: str = "2023",
    unit: str = "GPa",
    scale: float = 1.0,
) -> None:
    """Three decimals in the cell; the layouts of 2023 and 2025, the stress in any unit."""

    def said(key: str, value: str) -> str:
        return f" {key}".ljust(80 - len(value)) + value + "\n"

    text = said("CP2K| version string:", f"CP2K version {layout}.1")
    text += said("GLOBAL| Run type", "ENERGY_FORCE")
    text += said("GLOBAL| Global print level", "MEDIUM")
    text += said("DBCSR| Multiplication driver", "BLAS")
    for name, vector in zip("abc", s.cell, strict=True):
        length = np.linalg.norm(vector)
        text += f" CELL| Vector {name} [angstrom]: " + "".join(f"{x:14.3f}" for x in vector)
        text += f"    |{name}| = {length:12.6f}\n"
    text += "\n" + said("DFT| Spin restricted Kohn-Sham (RKS) calculation", "RKS")
    text += said("DFT| Multiplicity", "1") + f"\n  - Atomic kinds: {len(s.names):20d}\n\n"
    for i, (name, count) in enumerate(zip(s.names, s.counts, strict=True)):
        text += f"  {i + 1}. Atomic kind: {name}          Number of atoms: {count:5d}\n\n"
    text += " MODULE QUICKSTEP: ATOMIC COORDINATES IN ANGSTROM\n\n   Atom Kind Element         X"
    text += "             Y             Z       Z(eff)     Mass\n"
    for i, (name, at) in enumerate(zip(s.symbols, s.coords, strict=True)):
        text += f"{i + 1:7d}{s.names.index(name) + 1:6d} {name:<2s}{NUMBERS[name]:4d}"
        text += "".join(f"{x:15.6f}" for x in at) + "    6.0000     15.9994\n"
    ended = "run converged in    12 steps" if converged else "run NOT converged"
    text += f"\n\n  *** SCF {ended} ***\n\n"
    text += f" ENERGY| Total FORCE_EVAL ( QS ) energy {LAYOUTS[layout]}"
    text += f"  {s.energy / HARTREE:.12f}\n\n"
    forces = s.forces / HARTREE * BOHR
    if layout == "2025":
        text += " FORCES| Atomic forces [hartree/bohr]\n FORCES|   Atom   x    y    z   |f|\n"
        for i, force in enumerate(forces):
            numbers = "".join(f" {x:15.8E}" for x in (*force, np.linalg.norm(force)))
            text += f" FORCES|{i + 1:7d}{numbers}\n"
        text += " FORCES| Sum      0.0  0.0  0.0  0.0\n"
    else:
        text += " ATOMIC FORCES in [a.u.]\n\n # Atom   Kind   Element        X        Y        Z\n"
        for i, (name, force) in enumerate(zip(s.symbols, forces, strict=True)):
            text += f"{i + 1:7d}{s.names.index(name) + 1:7d}      {name:<2s}"
            text += "".join(f"{x:15.8f}" for x in force) + "\n"
        text += " SUM OF ATOMIC FORCES          0.0            0.0            0.0     0.0\n"
    text += f"\n STRESS| Analytical stress tensor [{unit}]\n STRESS|        x        y        z\n"
    for name, row in zip("xyz", GPA, strict=True):
        text += f" STRESS|      {name}" + "".join(f"{scale * x:20.11E}" for x in row) + "\n"
    text += f" STRESS| 1/3 Trace{scale * 2:20.11E}\n\n PROGRAM ENDED AT\n"
    (folder / "output").write_text(text)


def pwmat(folder: Path, s: Sample, converged: bool = True) -> None:
    steps = 20 if converged else 100
    text = f" {len(s.coords)} atoms,Iteration (fs) =  0.0, Etot,Ep,Ek (eV) =  {s.energy:.8E} "
    text += f"{s.energy:.8E}  0.0E+00, SCF = {steps}\n"
    text += " Lattice vector (Angstrom), stress(eV/natom)\n"
    for vector, stress in zip(s.cell, np.diag([0.1, 0.2, 0.3]), strict=True):
        numbers = " ".join(f"{x:.6f}" for x in stress)
        text += " ".join(f"{x:.10E}" for x in vector) + f"     stress (eV): {numbers}\n"
    order = sorted(range(len(s.coords)), key=lambda i: NUMBERS[s.symbols[i]])
    for title, values in (
        (" Position (normalized), move_x, move_y, move_z", s.coords @ np.linalg.inv(s.cell)),
        (" Force (-force, eV/Angstrom)", -s.forces),
    ):
        text += title + "\n"
        for i in order:
            text += f"{NUMBERS[s.symbols[i]]:4d} " + " ".join(f"{x:.12f}" for x in values[i])
            text += " 1 1 1\n" if "Position" in title else "\n"
    (folder / "OUT.MLMD").write_text(text + " -------------------------------------------------\n")
    (folder / "REPORT").write_text("time\n")
    (folder / "output").write_text("")


def cpx(folder: Path, s: Sample, converged: bool = True) -> None:
    """The first step is the frame that was sent, the second one has moved."""
    moved = {"0": s.coords, "10": s.coords + 0.05}
    for ending, unit, values in (
        (".pos", BOHR, moved),
        (".for", HARTREE / BOHR, dict.fromkeys(moved, s.forces)),
        (".cel", BOHR, dict.fromkeys(moved, s.cell.T)),
        (".str", 1.0, dict.fromkeys(moved, np.diag([0.1, 0.2, 0.3]))),
    ):
        text = "".join(f"{k} 0.0\n" + rows(v / unit, "%.12f") for k, v in values.items())
        (folder / f"cp{ending}").write_text(text)
    lines = ["# nfi time ekinc Tcell Tion etot enthal econs econt\n"]
    lines += [f"{k} 0.0 0 300 300 {s.energy / HARTREE:.10f} 0 0 0\n" for k in moved]
    (folder / "cp.evp").write_text("".join(lines))
    (folder / "output").write_text("JOB DONE\n")


def custom(folder: Path, s: Sample, converged: bool = True) -> None:
    import dpdata

    data = {
        "atom_names": s.names,
        "atom_numbs": s.counts,
        "orig": np.zeros(3),
        "atom_types": np.repeat(np.arange(len(s.names)), s.counts),
        "cells": s.cell[None],
        "coords": s.coords[None],
        "energies": np.array([s.energy]),
        "forces": s.forces[None],
    }
    if not converged:
        data["energies"] = np.array([np.nan])
    dpdata.LabeledSystem(data=data).to("deepmd/npy", str(folder / "labelled"))


STYLES = {
    "vasp": vasp,
    "pwscf": pwscf,
    "abacus": abacus,
    "siesta": siesta,
    "gaussian": gaussian,
    "cp2k": cp2k,
    "pwmat": pwmat,
    "cpx": cpx,
    "custom": custom,
}


def main() -> None:
    """Label the frame of the working directory; some environment variables spoil it."""
    name = Path.cwd().name
    with Path(os.environ.get("FAKE_DFT_COUNT", os.devnull)).open("a") as count:
        count.write(name + "\n")
    time.sleep(float(os.environ.get("FAKE_DFT_SLEEP", "0")))
    print(f"fake {sys.argv[1]} in {name}")
    if name in os.environ.get("FAKE_DFT_CRASHES", "").split():
        sys.exit("FATAL ERROR: the fake program has crashed")
    converged = name not in os.environ.get("FAKE_DFT_UNCONVERGED", "").split()
    STYLES[sys.argv[1]](Path(), sample(Path("POSCAR")), converged)


if __name__ == "__main__":
    main()
