"""Structures of the formats that ASE reads."""

from pathlib import Path
from typing import Any

from ase import Atoms

from wtemlp.structures import gro
from wtemlp.structures.text import read_lines


def read_atoms(file: Path, fmt: str | None = None, type_map: tuple[str, ...] = ()) -> Any:
    """Read a file with ASE, or what ASE misreads without it.

    ASE takes the labels of a GRO file for elements: ``CL`` for carbon, ``NA`` for nitrogen, the
    virtual site ``MW`` for tungsten.

    Parameters
    ----------
    file : Path
    fmt : str, optional
        ASE's name of its format; by default from the file.
    type_map : tuple of str, optional
        Elements that it may have.

    Returns
    -------
    Atoms or list of Atoms

    Raises
    ------
    Exception
        Whatever ASE's readers raise.
    """
    import ase.io  # it and its readers take a moment

    if fmt not in gro.FORMATS and (fmt is not None or file.suffix != gro.SUFFIX):
        return ase.io.read(file, format=fmt)
    raw = gro.read_gro(read_lines(file), type_map)
    symbols = [raw.names[kind] for kind in raw.kinds]
    return Atoms(symbols, raw.coords, cell=raw.cell, pbc=bool(raw.cell.any()))
