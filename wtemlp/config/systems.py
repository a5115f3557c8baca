"""The files that a parameter file names: labelled data and starting structures."""

import glob
from collections.abc import Iterator
from pathlib import Path

from wtemlp.config.schema.section import Section
from wtemlp.core.errors import InputError

TYPE_INDEX, TYPE_NAMES = "type.raw", "type_map.raw"
POSCAR_FORMATS = ("vasp/poscar", "poscar", "vasp/contcar", "contcar")


def data_folders(params: Section, key: str, root: Path) -> tuple[Path, ...]:
    """The folders of ``init_data_sys`` or ``validation_data_sys``, prefix applied.

    Each may hold several systems in its sub-folders.
    """
    prefix = params.get("init_data_prefix", "")
    return tuple(root / prefix / name for name in params[key])


def data_problems(
    params: Section, key: str, root: Path, type_map: tuple[str, ...]
) -> Iterator[InputError]:
    """What is wrong with the data of ``init_data_sys`` or ``validation_data_sys``, by folder.

    Parameters
    ----------
    params : Section
        The parameter file.
    key : str
        The list.
    root : Path
        Folder that relative paths are relative to.
    type_map : tuple of str
        Elements that the data may have.
    """
    for index, path in enumerate(data_folders(params, key, root)):
        try:
            for system in _systems_in(params, key, index, path):
                _check_system(params, key, index, system, type_map)
        except InputError as error:
            yield error


def structure_problems(
    params: Section, root: Path, used: set[int], type_map: tuple[str, ...]
) -> Iterator[InputError]:
    """What is wrong with the structures of ``sys_configs``, by system.

    Parameters
    ----------
    params, root, used
        As for :func:`read_sys_configs`.
    type_map : tuple of str
        Elements that they may have.
    """
    for index in sorted(used):
        try:
            systems = read_sys_configs(params, root, {index}, check_files=True)
            check_structures(params, (systems[index],), type_map)
        except InputError as error:
            yield error


def _systems_in(params: Section, key: str, index: int, path: Path) -> Iterator[Path]:
    """The deepmd systems in a folder, itself included; none of an HDF5 file."""
    if path.is_file():
        if path.suffix not in (".h5", ".hdf5"):
            raise params.wrong(key, f"{path} is a file: must be a folder, or an HDF5 file", index)
        return
    if not path.is_dir():
        raise params.wrong(key, f"no such folder: {path}", index)
    found = sorted(file.parent for file in path.rglob(TYPE_INDEX))
    if not found:
        remedy = f"{path} holds no deepmd/npy system (no {TYPE_INDEX})"
        raise params.wrong(key, remedy, index)
    yield from found


def _check_system(
    params: Section, key: str, index: int, system: Path, type_map: tuple[str, ...]
) -> None:
    """Check that a system has labelled frames of known elements."""
    sets = sorted(system.glob("set.*"))
    if not sets and (system / "coord.raw").is_file():
        remedy = f"{system} is deepmd/raw, which dp train does not read: convert it to deepmd/npy"
        raise params.wrong(key, remedy, index)
    electrons = {1: ("fparam",), 2: ("aparam",)}.get(params.get("use_ele_temp"), ())
    for quantity in ("coord", "energy", "force", *electrons):
        if not any((folder / f"{quantity}.npy").is_file() for folder in sets):
            remedy = f"{system} has no {quantity} labels (set.*/{quantity}.npy)"
            raise params.wrong(key, remedy, index)
    names = system / TYPE_NAMES
    if names.is_file():
        elements = names.read_text().split()
        if unknown := [name for name in elements if name not in type_map]:
            remedy = f"must have every element of the data in {system}: lacks {', '.join(unknown)}"
            raise params.wrong("type_map", remedy)
        return
    try:
        highest = max(int(word) for word in (system / TYPE_INDEX).read_text().split())
    except ValueError:
        remedy = f"{system / TYPE_INDEX} must hold one integer per atom"
        raise params.wrong(key, remedy, index) from None
    if highest >= len(type_map):
        remedy = f"the data in {system} has {highest + 1} types: name them all"
        raise params.wrong("type_map", remedy)


def read_sys_configs(
    params: Section, root: Path, used: set[int], check_files: bool
) -> tuple[tuple[Path, ...], ...]:
    """The structure files of each system of ``sys_configs``, globs expanded.

    Parameters
    ----------
    params : Section
        The parameter file.
    root : Path
        Folder that relative paths are relative to.
    used : set of int
        Systems that are explored: their files must exist.
    check_files : bool
        Whether files must exist.
    """
    systems = []
    for index, patterns in enumerate(params["sys_configs"]):
        files: list[Path] = []
        for pattern in patterns:
            full = str(Path(params.get("sys_configs_prefix", "")) / pattern)
            # glob and not Path.glob: as DP-GEN, absolute patterns and no hidden files.
            found = sorted(glob.glob(full, root_dir=root))  # noqa: PTH207
            if not found and check_files and index in used:
                raise params.wrong("sys_configs", f"no file matches {root / full}", index)
            files += [root / name for name in found]
        if not patterns and index in used:
            raise params.wrong("sys_configs", "must name one structure or more", index)
        systems.append(tuple(files))
    return tuple(systems)


def check_structures(
    params: Section,
    systems: tuple[tuple[Path, ...], ...],
    type_map: tuple[str, ...],
) -> None:
    """Check the elements of starting structures in POSCAR format.

    Parameters
    ----------
    params : Section
        The parameter file.
    systems : tuple of tuple of Path
        Files of each system.
    type_map : tuple of str
        Elements that they may have.
    """
    if params["sys_format"] not in POSCAR_FORMATS:
        return
    for path in (file for files in systems for file in files):
        try:
            elements = read_poscar_elements(path)
        except (OSError, ValueError, UnicodeDecodeError):
            remedy = f"{path} is not a VASP 5 POSCAR; give its format as sys_format"
            raise params.wrong("sys_format", remedy) from None
        if unknown := sorted(set(elements) - set(type_map)):
            remedy = f"must have every element of {path}: lacks {', '.join(unknown)}"
            raise params.wrong("type_map", remedy)


def read_poscar_elements(path: Path) -> list[str]:
    """The elements of a POSCAR file, in its order.

    Raises
    ------
    ValueError
        If the file is not in the format of VASP 5.
    """
    with path.open() as file:
        head = [next(file, "") for _ in range(7)]
    float(head[1].split()[0] if head[1].split() else "")
    for line in head[2:5]:
        if len([float(word) for word in line.split()[:3]]) != 3:
            raise ValueError("no cell")
    elements = head[5].split()
    if not elements or not all(name.isalpha() for name in elements):
        raise ValueError("no element names")
    return elements
