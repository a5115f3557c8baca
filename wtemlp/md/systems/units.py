"""What LAMMPS's unit styles make of ours (eV, Angstrom, ps, bar)."""

import re
from dataclasses import dataclass
from pathlib import Path

from wtemlp.core.units import KCAL_MOL_IN_EV

ATM_IN_BAR = 1.01325


@dataclass(frozen=True)
class Units:
    """One of LAMMPS's unit styles; lengths are in Angstrom in all of them."""

    name: str
    time: float  #: its unit of time in 1 ps
    energy_eV: float  #: its unit of energy, eV
    pressure_bar: float  #: its unit of pressure, bar
    nktv2p: float  #: its unit of pressure in 1 unit of energy/Angstrom^3 (``src/update.cpp``)

    @property
    def fs(self) -> float:
        """1 fs in its unit of time."""
        return self.time / 1000.0


METAL = Units("metal", 1.0, 1.0, 1.0, 1.6021765e6)
REAL = Units("real", 1000.0, KCAL_MOL_IN_EV, ATM_IN_BAR, 68568.415)
UNITS = {units.name: units for units in (METAL, REAL)}


def units_of_script(script: Path) -> Units:
    """The units of a script that wtemlp has written.

    Raises
    ------
    ValueError
        If it does not say them.
    """
    found = re.search(r"^units\s+(\w+)", script.read_text(), re.MULTILINE)
    if found is None or found[1] not in UNITS:
        raise ValueError(f"{script} does not say its units")
    return UNITS[found[1]]
