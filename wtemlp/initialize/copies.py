"""Perturbed and strained copies of a structure, and atoms alone: DP-GEN's ``init_bulk`` habit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wtemlp.config.keys.init import N_LENGTHS, Copies, InitSystem, MdHeld
from wtemlp.initialize.structure import SystemStart, molecules_of
from wtemlp.md.topology import whole_cluster
from wtemlp.structures.record import Structure

ALONE_A = 20.0  #: edge of the cell of an atom alone


@dataclass(frozen=True)
class CopyPlan:
    """Which copies of a system are made."""

    perturbed: int
    lengths: tuple[float, ...]
    single_atoms: tuple[str, ...]  #: elements
    molecules: tuple[np.ndarray, ...] | None  #: that keep their shape; None: there are none

    def __len__(self) -> int:
        return self.perturbed + len(self.lengths)


def plan_copies(system: InitSystem, start: SystemStart, by_dft: bool) -> CopyPlan:
    """Which copies of a system are made, where the file leaves it open.

    Where a run holds the pressure, early models are asked about cells of any density: they have to
    know sparse ones, or walkers evaporate unseen.

    Parameters
    ----------
    system : InitSystem
    start : SystemStart
    by_dft : bool
        Whether labels are by a program of DP-GEN's: of atoms alone, these need settings of
        their own (spins), so they are not made by default.
    """
    copies = system.copies
    held = start.periodic and any(run.ensemble == MdHeld.NPT for run in system.runs)
    groups = molecules_of(start.structure, start.periodic)
    molecular = groups is not None and any(len(group) > 1 for group in groups)
    number = (N_LENGTHS if held else 0) if copies.n_lengths is None else copies.n_lengths
    lengths = (
        np.linspace(copies.lengths[0], copies.lengths[1], number) if start.periodic else np.empty(0)
    )
    alone = copies.single_atoms
    if alone is None:
        alone = held and not molecular and not by_dft
    elements = sorted(set(start.structure.symbols)) if alone else []
    kept = tuple(groups) if molecular and groups is not None else None
    return CopyPlan(copies.perturbed, tuple(map(float, lengths)), tuple(elements), kept)


def make_copies(
    structure: Structure, periodic: bool, plan: CopyPlan, copies: Copies, seed: int
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The copies of a structure.

    Parameters
    ----------
    structure : Structure
        Its cell lower triangular.
    periodic : bool
    plan : CopyPlan
    copies : Copies
        Amplitudes.
    seed : int

    Returns
    -------
    coords : (n_copies, n_atoms, 3) float
        Angstrom.
    cells : (n_copies, 3, 3) float
        Lower triangular, Angstrom.
    names : list of str
    """
    rng = np.random.default_rng(seed)
    coords, cells, names = [], [], []
    for k in range(plan.perturbed):
        strain = np.zeros((3, 3))
        if periodic:
            strain[np.triu_indices(3)] = rng.uniform(-copies.strain, copies.strain, 6)
            # Symmetric: a rotation is none.
            strain = (strain + strain.T) / 2
        cell = structure.cell @ (np.eye(3) + strain)
        cell, turned = _lower(cell, _carried(structure, cell, None))
        coords.append(turned + _shifts(rng, copies, structure))
        cells.append(cell)
        names.append(f"perturbed.{k}")
    for length in plan.lengths:
        cell = structure.cell * length
        moved = _carried(structure, cell, plan.molecules)
        coords.append(moved + _shifts(rng, copies, structure))
        cells.append(cell)
        names.append(f"length.{length:.4g}")
    n = len(names)
    return (
        np.array(coords).reshape(n, structure.n_atoms, 3),
        np.array(cells).reshape(n, 3, 3),
        names,
    )


def _shifts(rng: np.random.Generator, copies: Copies, structure: Structure) -> np.ndarray:
    return rng.uniform(-copies.amplitude_A, copies.amplitude_A, (structure.n_atoms, 3))


def _carried(
    structure: Structure, cell: np.ndarray, molecules: Sequence[np.ndarray] | None
) -> np.ndarray:
    """Positions in another cell: each atom's are scaled, or each molecule's middle."""
    to_new = np.linalg.inv(structure.cell) @ cell
    if molecules is None:
        return np.asarray(structure.coords @ to_new)
    moved = np.array(structure.coords)
    for group in molecules:
        whole = whole_cluster(structure.coords[group], structure.cell)
        middle = whole.mean(axis=0)
        moved[group] = whole - middle + middle @ to_new
    return moved


def _lower(cell: np.ndarray, coords: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A cell and positions in LAMMPS's orientation."""
    q, r = np.linalg.qr(cell.T)
    signs = np.sign(np.diag(r))
    return np.tril(r.T * signs), coords @ (q * signs)
