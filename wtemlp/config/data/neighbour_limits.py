"""How many neighbours the descriptors take (``sel``), and what has more.

Those beyond it are left out, by trainings with a warning in their log, by LAMMPS without a word.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wtemlp.analysis.neighbours import most_neighbours
from wtemlp.config.schema.section import Section, key_path
from wtemlp.config.training import PLAIN, descriptors
from wtemlp.structures.record import Structure

MOST_ATOMS = 20_000  #: of a structure whose neighbours are counted


class SelFrame(NamedTuple):
    """A frame whose neighbours are counted."""

    coords: NDArray[np.float64]  #: (n_atoms, 3), Angstrom
    cell: NDArray[np.float64] | None  #: (3, 3), Angstrom; None: no images
    types: NDArray[np.int64]  #: (n_atoms,), of ``type_map``


def beyond_sel(params: Section, frames: Iterable[SelFrame]) -> list[tuple[Section, str]]:
    """Where atoms have more neighbours within the cut-off than a descriptor takes.

    Parameters
    ----------
    params : Section
        The parameter file.
    frames : iterable of SelFrame

    Returns
    -------
    list of (Section, str)
        Descriptors whose ``sel`` is too small, with the neighbours in words, as ``up to 40 O, 80 H
        neighbours within rcut (6 Angstrom)``.  Nothing is known of ``"auto"``.
    """
    wanted = [(one, *limits) for one in descriptors(params) if (limits := _limits(one))]
    type_map, all_frames = params["type_map"], list(frames)
    found = []
    for rcut in dict.fromkeys(rcut for _, rcut, _ in wanted):
        most = np.zeros(len(type_map) + 1, dtype=np.int64)
        for frame in all_frames:
            most = np.maximum(most, most_neighbours(*frame, len(type_map), rcut))
        for descriptor, its_rcut, sel in wanted:
            if its_rcut == rcut and (words := _more(sel, most, type_map)):
                found.append((descriptor, f"up to {words} within rcut ({rcut:g} Angstrom)"))
    return found


def denser_structures(params: Section, structures: Iterable[Structure]) -> Iterator[str]:
    """Lines of the starting structures that are denser than the models' descriptors take."""
    frames = (
        SelFrame(one.coords, one.cell, one.types) for one in structures if one.n_atoms <= MOST_ATOMS
    )
    for descriptor, words in beyond_sel(params, frames):
        where = f"{params.file}: {key_path((*descriptor.path, 'sel'))}"
        yield f"{where}: starting structures have {words}: those beyond sel are left out; give more"


def _more(sel: int | list[int], most: NDArray[np.int64], type_map: list[str]) -> str:
    if isinstance(sel, int):
        return f"{most[-1]} neighbours" if most[-1] > sel else ""
    if not np.any(most[:-1] > np.asarray(sel)):
        return ""
    return ", ".join(f"{n} {name}" for n, name in zip(most, type_map, strict=False)) + " neighbours"


def _limits(descriptor: Section) -> tuple[float, int | list[int]] | None:
    """Cut-off and ``sel`` of a descriptor, one number where all types count together."""
    rcut, sel = descriptor.get("rcut"), descriptor.get("sel")
    if not isinstance(rcut, (int, float)) or not isinstance(sel, (int, list)):
        return None
    if isinstance(sel, list):
        if not sel or not all(isinstance(n, int) for n in sel):
            return None
        if descriptor.get("type") not in PLAIN:
            sel = sum(sel)
    return float(rcut), sel
