"""What must not change unseen while a run goes on: the reference, by the content of what it names.

A pin is a flat mapping of names to short texts, kept in the run's state.  A file is pinned by its
name and a hash of what is in it, so that the run's folder may be moved.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wtemlp.config.label_files import FILES, FOLDER, IN_FOLDER
from wtemlp.config.records import Machines, Params
from wtemlp.config.reference.reading import reference_files

Pins = Mapping[str, str]

#: Keys that make a label what it is; of the files among them the content counts.
KEYS = (
    "fp_style",
    "fp_params",
    "user_fp_params",
    "k_points",
    "fp_aniso_kspacing",
    "high_level",
    "use_ele_temp",
)
#: Keys of ``fp_params`` that say how a label is calculated, and not what it is.
NO_PHYSICS = ("nproc", "mem")
_ABSENT = ("null", "false", "0", "0.0", '""', "{}", "[]")  #: as good as no key at all
_CHUNK = 1 << 20


def reference_pins(params: Params, machines: Machines | None, root: Path) -> dict[str, str]:
    """The reference that labels, by content.

    Parameters
    ----------
    params : Params
    machines : Machines or None
        Whose ``fp.user_forward_files`` may hold the program that labels; None: they do not count.
    root : Path
        The run's folder.
    """
    jdata, found = params.jdata, dict[str, str]()
    for key in KEYS:
        if key in jdata:
            found |= dict(_flat(key, jdata[key], root))
    if params.fp_by_system:
        found |= dict(_flat("fp_by_system", params.fp_by_system, root))
    for key in (key for key in FILES if isinstance(jdata.get(key), str)):
        found[key] = _file(root / jdata[key])
    for key in (key for key in IN_FOLDER if key in jdata):
        names = jdata[key] if isinstance(jdata[key], list) else [jdata[key]]
        for name in names:
            found[f"{key}: {name}"] = _file(root / jdata.get(FOLDER, "") / str(name))
    for word, file in reference_files(params.reference, root).items():
        found[f"fp_params: {word}"] = _file(file)
    for pattern in machines.fp.user_forward_files if machines is not None else ():
        for file in sorted(root.glob(pattern)) if not Path(pattern).is_absolute() else ():
            if file.is_file():
                found[f"fp.user_forward_files: {file.name}"] = _file(file)
    return found


def differences(old: Pins, new: Pins) -> dict[str, tuple[str, str]]:
    """What two pins differ in: of each name the old and the new text, "" where there is none.

    A key that only one of them has, with a value that says nothing, is no difference: it may be
    that another version of wtemlp knows it.
    """
    found = {}
    for name in sorted(old.keys() | new.keys()):
        before, now = old.get(name, ""), new.get(name, "")
        if before != now and {before, now} - {""} - set(_ABSENT):
            found[name] = (before, now)
    return found


def in_words(changes: Mapping[str, tuple[str, str]], most: int = 3) -> str:
    """Differences, for people: ``fp_params.cutoff_A: 6.0, was 4.5``."""
    parts = [
        f"{name}: {now or 'not there'}, was {before or 'not there'}"
        for name, (before, now) in list(changes.items())[:most]
    ]
    more = len(changes) - len(parts)
    return "; ".join(parts) + (f"; and {more} more" if more > 0 else "")


def digest(pins: Pins) -> str:
    """A short name of a pin."""
    return hashlib.sha256(json.dumps(dict(sorted(pins.items()))).encode()).hexdigest()[:12]


def content_of(folders: Mapping[str, Path]) -> dict[str, str]:
    """Of each folder or file of data a hash of all that is in it, by the names that are given."""
    return {name: _folder(path) for name, path in folders.items()}


def _folder(path: Path) -> str:
    if not path.is_dir():
        return _file(path)
    whole = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.suffix in (".npy", ".raw", ".hdf5", ".h5") and file.is_file():
            whole.update(f"{file.relative_to(path)} {_hash(file)}\n".encode())
    return whole.hexdigest()[:12]


def _flat(name: str, value: Any, root: Path) -> Iterator[tuple[str, str]]:
    """The leaves of a value, by dotted names."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            if key not in NO_PHYSICS:
                yield from _flat(f"{name}.{key}", inner, root)
    elif isinstance(value, list | tuple) and any(_named(one, root) for one in value):
        for index, inner in enumerate(value):
            yield from _flat(f"{name}[{index}]", inner, root)
    elif (file := _named(value, root)) is not None:
        yield name, _file(file)
    else:
        yield name, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 6 and 6.0 are one number
    return json.dumps(value, sort_keys=True, default=str)


def _named(value: Any, root: Path) -> Path | None:
    """The file that a text names, if it does."""
    if not isinstance(value, str) or not value or len(value) > 255 or "\n" in value:
        return None
    file = root / value
    try:
        return file if file.is_file() else None
    except (OSError, ValueError):
        return None


def _file(path: Path) -> str:
    return f"{path.name} ({_hash(path) if path.is_file() else 'missing'})"


def _hash(path: Path) -> str:
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_CHUNK):
            whole.update(part)
    return whole.hexdigest()[:12]
