"""Starting structures, as far as they are looked at before a run."""

from pathlib import Path

import dpdata

from wtemlp.config.systems import POSCAR_FORMATS
from wtemlp.core.errors import InputError


def count_atoms(path: Path, fmt: str) -> int:
    """The number of atoms of a structure.

    Parameters
    ----------
    path : Path
    fmt : str
        dpdata's name of its format (``sys_format``).

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        if fmt in POSCAR_FORMATS:
            with path.open() as file:
                counts = [next(file, "") for _ in range(7)][6].split()
            return sum(int(count) for count in counts)
        return int(dpdata.System(str(path), fmt=fmt).get_natoms())
    except Exception as error:  # dpdata's readers raise whatever they meet
        raise InputError(
            str(path),
            f"cannot be read as {fmt} ({error})",
            "mend it, or give its format as sys_format",
        ) from None
