"""Labelled data as they lie on disk: the systems below a folder, their sets, their arrays."""

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wtemlp.config.schema.section import Section

TYPE_INDEX, TYPE_NAMES = "type.raw", "type_map.raw"
HDF5 = (".h5", ".hdf5")
_POINTERS = {
    b"version https://git-lfs": "git lfs pull",
    b"version https://hawser": "git lfs pull",
    b"/annex/objects/": "git annex get",
    b"../.git/annex/objects/": "git annex get",
    b".git/annex/objects/": "git annex get",
}


class DataFault(Exception):
    """What is wrong with a file of data; the text names the file."""


@dataclass(frozen=True)
class Entry:
    """A folder or HDF5 file of data that the parameter file names."""

    index: int  #: of the item of the list, which may be a pattern that several match
    name: str  #: as DP-GEN takes it: relative to the prefix, or absolute
    path: Path


def data_entries(params: Section, key: str, root: Path) -> tuple[Entry, ...]:
    """The data that a list of the parameter file names.

    An item that is a pattern (``*``, ``?``, ``[...]``) and no name stands for all that match it,
    sorted; for itself where nothing does.

    Parameters
    ----------
    params : Section
        The parameter file.
    key : str
        ``"init_data_sys"`` or ``"validation_data_sys"``.
    root : Path
        Folder that relative paths are relative to.
    """
    base = root / params.get("init_data_prefix", "")
    found: list[Entry] = []
    for index, name in enumerate(params[key]):
        names = [name]
        if glob.has_magic(name) and not (base / name).exists():
            names = sorted(glob.glob(name, root_dir=base)) or names  # noqa: PTH207 (absolute, too)
        found += [Entry(index, one, base / one) for one in names]
    return tuple(found)


@dataclass(frozen=True)
class System:
    """A system of labelled frames: a folder, or a group of an HDF5 file."""

    path: Path  #: the folder, or the file
    group: str | None = None  #: in the file

    @property
    def name(self) -> str:
        """For people, and for DeePMD-kit."""
        return str(self.path) if self.group is None else f"{self.path}#{self.group}"

    def words(self, name: str) -> list[str] | None:
        """The words of a ``.raw`` file; None if it is not there.

        Raises
        ------
        DataFault
            If it cannot be read, or a training reads a table from it: words in lines and columns.
        """
        if self.group is not None:
            values = _datasets(self).get(name)
            if values is None:
                return None
            flat = np.asarray(values).reshape(-1)
            return [one.decode() if isinstance(one, bytes) else str(one) for one in flat]
        file = self.path / name
        if not file.exists() and not file.is_symlink():
            return None
        refuse_no_file(file)
        try:
            text = file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise DataFault(f"{file} cannot be read ({_reason(error)})") from None
        if text.startswith("\ufeff"):
            raise DataFault(f"{file} begins with a byte-order mark: save it as text without one")
        rows = [line.split() for line in text.splitlines() if line.strip()]
        if name == TYPE_INDEX and len(rows) > 1 and max(map(len, rows)) > 1:
            raise DataFault(f"{file} has several columns: write one integer a line")
        return [word for row in rows for word in row]

    def has(self, name: str) -> bool:
        """Whether a file or data set of that name is there."""
        if self.group is not None:
            return name in _datasets(self)
        return (self.path / name).exists()

    def sets(self) -> dict[str, dict[str, Path | str]]:
        """The arrays of each ``set.*``, sorted, by name without ``.npy``.

        Raises
        ------
        DataFault
            If something that is no folder is called like a set: a training takes it for one.
        """
        found: dict[str, dict[str, Path | str]] = {}
        if self.group is not None:
            for name in _datasets(self):
                of, _, array = name.partition("/")
                if of.startswith("set.") and array.endswith(".npy"):
                    found.setdefault(of, {})[array.removesuffix(".npy")] = name
            return dict(sorted(found.items()))
        for folder in sorted(self.path.glob("set.*")):
            if not folder.is_dir():
                raise DataFault(
                    f"{folder} is no folder, and dp train takes all set.* for sets: rename it"
                )
            arrays: dict[str, Path | str] = {
                file.stem: file for file in sorted(folder.glob("*.npy"))
            }
            found[folder.name] = arrays
        return found

    def array(self, where: Path | str) -> np.ndarray:
        """An array, not yet read where that is possible.

        Parameters
        ----------
        where : Path or str
            As in :meth:`sets`.

        Raises
        ------
        DataFault
            If it is no array of numbers.
        """
        return _open_npy(where) if isinstance(where, Path) else _of_hdf5(self, where)


def systems_in(path: Path) -> tuple[System, ...]:
    """The systems that a training finds in a folder or an HDF5 file, itself included; sorted.

    As DP-GEN and DeePMD-kit look for them: a link to a system counts, a folder behind a link is
    not gone through.

    Raises
    ------
    DataFault
        If an HDF5 file cannot be read.
    """
    if not path.is_dir():
        return tuple(_groups(path))
    folders = [path, *sorted(path.rglob("*"))]
    return tuple(System(folder) for folder in folders if (folder / TYPE_INDEX).is_file())


def _groups(path: Path) -> Iterator[System]:
    refuse_no_file(path)
    import h5py

    names: list[str] = []
    try:
        with h5py.File(path, "r") as file:
            file.visit(names.append)
    except (OSError, RuntimeError) as error:
        raise DataFault(f"{path} is no HDF5 file, or damaged ({_reason(error)})") from None
    for name in sorted(names):
        if name.rpartition("/")[2] == TYPE_INDEX:
            yield System(path, "/" + name.rpartition("/")[0])


def _datasets(system: System) -> dict[str, Any]:
    """All data sets below a system's group, by their names there; small ones are read."""
    import h5py

    found: dict[str, Any] = {}
    try:
        with h5py.File(system.path, "r") as file:
            group = file[system.group]

            def note(name: str, item: Any) -> None:
                if isinstance(item, h5py.Dataset):
                    found[name] = None if name.endswith(".npy") else item[()]

            group.visititems(note)
    except (OSError, RuntimeError, KeyError) as error:
        raise DataFault(f"{system.name} cannot be read ({_reason(error)})") from None
    return found


def _of_hdf5(system: System, name: str) -> np.ndarray:
    import h5py

    try:
        with h5py.File(system.path, "r") as file:
            array = np.asarray(file[system.group][name])
    except (OSError, RuntimeError, KeyError) as error:
        raise DataFault(f"{system.name}/{name} cannot be read ({_reason(error)})") from None
    _refuse_dtype(array.dtype, f"{system.name}/{name}")
    return array


def _open_npy(file: Path) -> np.ndarray:
    refuse_no_file(file)
    try:
        with file.open("rb") as stream:
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0
            if version != (1, 0):
                read = np.lib.format.read_array_header_2_0
            shape, _, dtype = read(stream)
            first = stream.tell()
    except OSError as error:
        raise DataFault(f"{file} cannot be read ({_reason(error)})") from None
    except Exception:  # NumPy's reader of headers raises whatever it meets
        raise DataFault(f"{file} is no NumPy array, or damaged: write it again") from None
    _refuse_dtype(dtype, str(file))
    there, wanted = file.stat().st_size - first, int(np.prod(shape)) * dtype.itemsize
    if there < wanted:
        raise DataFault(f"{file} is cut off ({there} of {wanted} bytes): copy it again")
    if there > wanted:  # line ends that were changed on the way: all numbers are others
        raise DataFault(f"{file} is damaged ({there} bytes, must be {wanted}): copy it as binary")
    array: np.ndarray = np.load(file, mmap_mode="r" if wanted else None, allow_pickle=False)
    return array


def _refuse_dtype(dtype: np.dtype, name: str) -> None:
    if dtype.kind not in "fiu":
        what = "Python objects" if dtype.hasobject else f"values of type {dtype}"
        raise DataFault(f"{name} holds {what}, must be real numbers: write it as float64")


def refuse_no_file(file: Path) -> None:
    """Refuse a link into nowhere, an empty file, and what stands for a file kept elsewhere.

    Raises
    ------
    DataFault
        With the file's name.
    """
    try:
        if stat.S_ISFIFO(file.stat().st_mode):  # reading it would wait without end
            raise DataFault(f"{file} is a pipe, must be a file")
        with file.open("rb") as stream:
            head = stream.read(200)
    except FileNotFoundError:
        aim = file.readlink() if file.is_symlink() else None
        if aim is None:
            raise DataFault(f"{file} is missing") from None
        how = ": fetch its content (git annex get)" if "annex" in str(aim) else ""
        raise DataFault(f"{file} is a link to {aim}, which is missing{how}") from None
    except OSError as error:
        raise DataFault(f"{file} cannot be read ({_reason(error)})") from None
    if not head:
        raise DataFault(f"{file} is empty: write it again")
    for start, command in _POINTERS.items():
        if head.startswith(start):
            raise DataFault(
                f"{file} is a pointer to a large file kept elsewhere: fetch its content ({command})"
            )


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def below_a_prefix(found: Sequence[Entry], root: Path, prefix: str) -> tuple[str, list[str]]:
    """A prefix and names below it, for DP-GEN, which joins both as text.

    Parameters
    ----------
    found : sequence of Entry
    root : Path
        The run's folder, absolute.
    prefix : str
        ``init_data_prefix``.

    Returns
    -------
    prefix : str
        The one that was given, if all data lie below it; else the folder that all have in common.
    names : list of str
        One for each entry.
    """
    base = os.path.abspath(root / prefix)  # noqa: PTH100 (as DP-GEN: links stay)
    places = [os.path.normpath(entry.path) for entry in found]
    if all(Path(place).is_relative_to(base) for place in places):
        return prefix, [entry.name for entry in found]
    places = [str(entry.path.resolve()) for entry in found]
    common = os.path.commonpath(places)
    if common in places:
        common = str(Path(common).parent)
    return common, [os.path.relpath(place, common) for place in places]
