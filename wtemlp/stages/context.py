"""What every stage gets: the input records and the paths of the run."""

import os
from dataclasses import dataclass
from pathlib import Path

from wtemlp.config.records import Machines, Params
from wtemlp.core.paths import DPGEN_DUMP, JOB, RunPaths
from wtemlp.core.seeds import derive_seed

#: Links of a frame to label that tell where it is from: nothing needs them.
ORIGINS = (DPGEN_DUMP, JOB)


@dataclass(frozen=True)
class RunContext:
    """A run's input and paths."""

    params: Params
    machines: Machines
    paths: RunPaths

    @classmethod
    def of(cls, params: Params, machines: Machines, root: Path) -> "RunContext":
        """That of a folder, which exists."""
        return cls(params, machines, RunPaths(root.resolve()))

    def seed(self, *purpose: object) -> int:
        """The seed of a purpose, from the run's."""
        return derive_seed(self.params.seed, *purpose)


def links_in(*folders: Path) -> list[Path]:
    """All links in some folders, but those that only say where something is from."""
    found = [folder for folder in folders if folder.is_symlink()]
    return found + [
        Path(parent) / name
        for folder in folders
        if folder not in found
        for parent, subfolders, files in os.walk(folder)
        for name in (*subfolders, *files)
        if name not in ORIGINS and (Path(parent) / name).is_symlink()
    ]
