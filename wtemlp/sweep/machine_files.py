"""Files that a machine file names by paths relative to the run's folder: arms have their own."""

import glob
import os
from collections.abc import Iterator
from pathlib import Path, PurePath

from wtemlp.config.records import Machines, MachineSection
from wtemlp.core.errors import InputError

#: Names that are taken in a run's folder.
_TAKEN = ("param.json", "iter.", "wtemlp.", "record.dpgen", "report.html")


def relative_files(machines: Machines, root: Path) -> tuple[str, ...]:
    """The files, by their paths relative to the run's folder, to be linked into each arm's.

    Parameters
    ----------
    machines : Machines
    root : Path
        The run's folder.

    Raises
    ------
    InputError
        If a path leads out of the run's folder, so that it leads elsewhere from an arm's.
    """
    found: list[str] = []
    for section in (machines.train, machines.model_devi, machines.fp):
        for key, pattern in _named(section):
            path = Path(pattern).expanduser()
            if path.is_absolute():
                continue
            where = f"{machines.source.name}: {section.stage}.{key}"
            remedy = "give an absolute path: each run of a sweep has a folder of its own"
            if ".." in PurePath(os.path.normpath(path)).parts:
                raise InputError(where, pattern, remedy)
            names = sorted(glob.glob(str(path), root_dir=root))  # noqa: PTH207 (as elsewhere)
            if any(name.startswith(_TAKEN) for name in names):
                raise InputError(where, pattern, remedy)
            found += [os.path.normpath(name) for name in names if (root / name).is_file()]
    return tuple(dict.fromkeys(found))


def _named(section: MachineSection) -> Iterator[tuple[str, str]]:
    """Keys and the paths or patterns that they have."""
    for pattern in section.user_forward_files:
        yield "user_forward_files", pattern
    machine = section.machine
    profile = machine.get("remote_profile") or {}
    strategy = section.resources.get("strategy") or {}
    for key, holder, name in (
        ("machine.remote_profile.key_filename", profile, "key_filename"),
        ("machine.known_hosts_file", machine, "known_hosts_file"),
        (
            "resources.strategy.customized_script_header_template_file",
            strategy,
            "customized_script_header_template_file",
        ),
    ):
        if isinstance(holder.get(name), str) and holder[name]:
            yield key, holder[name]
