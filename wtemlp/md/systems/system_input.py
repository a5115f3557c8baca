"""A system with its reference, as the scripts of its runs take it, whichever reference it is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from filecmp import cmp
from pathlib import Path
from shutil import copyfile

from wtemlp.core.atomic_io import write_text
from wtemlp.md.systems.units import Units

#: A section of coefficients of a data file.
_COEFFS = re.compile(r"^[A-Za-z ]+ Coeffs.*\n\n(?:.+\n)+", re.MULTILINE)


@dataclass(frozen=True)
class SystemInput:
    """What the scripts of runs need of a reference.

    Parameters
    ----------
    lines : str
        LAMMPS commands from ``units`` to the whole force field, with ``read_data``.
    units : Units
        Those of the commands.
    elements : tuple of str
        Elements of LAMMPS's types 1, 2 and so on.
    data : str
        Name of the data file that the commands read.
    files : mapping of str to str or Path
        The files that the commands read, the data file among them, by their names: text, or a
        file to be copied.
    constraints : str
        Commands that come behind every fix that changes forces.
    """

    lines: str
    units: Units
    elements: tuple[str, ...]
    data: str
    files: Mapping[str, str | Path]
    constraints: str = ""

    def from_end(self, data: str, end: str) -> "SystemInput":
        """The same, from where another run has ended.

        Parameters
        ----------
        data : str
            Name of the data file that it is read from.
        end : str
            What that run has left by ``write_data ... nocoeff``.  Of some styles LAMMPS would
            write no coefficients, or such as it does not read: those of this system's own data
            file are put in, and the others are set by the commands.
        """
        own = self.files[self.data]
        assert isinstance(own, str)
        coeffs = "".join(f"{section}\n" for section in _COEFFS.findall(own))
        files = {name: file for name, file in self.files.items() if name != self.data}
        files[data] = end.replace("\nAtoms", f"\n{coeffs}Atoms", 1)
        lines = "\n".join(
            line.replace(self.data, data) if line.startswith("read_data") else line
            for line in self.lines.split("\n")
        )
        return replace(self, lines=lines, data=data, files=files)


def write_files(folder: Path, files: Mapping[str, str | Path]) -> None:
    """Write the files of a system into a folder; copies that are there stay.

    Parameters
    ----------
    folder : Path
        It is there.
    files : mapping of str to str or Path
        As :attr:`SystemInput.files`.
    """
    for name, file in files.items():
        to = folder / name
        if isinstance(file, str):
            write_text(to, file)
        elif not (to.is_file() and cmp(file, to, shallow=False)):
            copyfile(file, to.with_name(f"{name}.tmp"))
            to.with_name(f"{name}.tmp").replace(to)


def is_another(folder: Path, files: Mapping[str, str | Path]) -> bool:
    """Whether a folder has a run of other files: its results would be taken for ours."""
    return folder.is_dir() and not all(
        (folder / name).is_file()
        and (
            (folder / name).read_text() == file
            if isinstance(file, str)
            else cmp(folder / name, file, shallow=False)
        )
        for name, file in files.items()
    )
