"""The starting structures that a parameter file names."""

import glob
from collections.abc import Iterator
from pathlib import Path

from wtemlp.config.schema.section import Section
from wtemlp.core.errors import InputError


def missing_structures(params: Section, root: Path, used: set[int]) -> Iterator[InputError]:
    """Patterns of ``sys_configs`` that match no file, the first of each system.

    Parameters
    ----------
    params, root, used
        As for :func:`read_sys_configs`.
    """
    for index in sorted(used):
        try:
            read_sys_configs(params, root, {index}, check_files=True)
        except InputError as error:
            yield error


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
