"""What a run has left on this disk that no later step reads."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wtemlp.core import paths as names
from wtemlp.core import shell_hints
from wtemlp.core.atomic_io import size_of
from wtemlp.core.paths import RunPaths
from wtemlp.records import state as states
from wtemlp.records.rewinds import FOLDER as REWOUND
from wtemlp.records.state import RunState
from wtemlp.session.lock import locked
from wtemlp.session.told import Told
from wtemlp.workflow.export import final_iteration

CHECKPOINTS = ("model.ckpt*", "checkpoint", "model-compression", "input_v2_compat.json")
KINDS = {
    "trajectories": "trajectories of iterations that are labelled; the frames that were chosen are "
    "kept beside their labels (wtemlp rewind N.label then explores again)",
    "checkpoints": "checkpoints of trainings before the last; the models stay",
    "rewound": "what wtemlp rewind has moved aside",
}


@dataclass(frozen=True)
class Leftover:
    """A file or folder that can go."""

    kind: str  #: of :data:`KINDS`
    path: Path
    size: int  #: bytes


def leftovers(paths: RunPaths, state: RunState) -> list[Leftover]:
    """All that no later step of a run reads; its labels, tables, logs and models are not in it."""
    return [Leftover(kind, path, size_of(path)) for kind, path in _found(paths, state)]


def _found(paths: RunPaths, state: RunState) -> Iterator[tuple[str, Path]]:
    for index in range(state.iteration):
        for task in sorted(paths.explore(index).glob("task.*")):
            for name in (names.TRAJ, names.ALL_FRAMES):
                if (task / name).exists():
                    yield "trajectories", task / name
    # The next training may go on from the checkpoints of the last.
    last = final_iteration(paths, state)
    for index in range(last or 0):
        for model in sorted(paths.train(index).glob("[0-9][0-9][0-9]")):
            for pattern in CHECKPOINTS:
                for file in sorted(model.glob(pattern)):
                    if not _is_linked(paths, index, file):
                        yield "checkpoints", file
    if (paths.root / REWOUND).is_dir():
        yield "rewound", paths.root / REWOUND


def _is_linked(paths: RunPaths, index: int, file: Path) -> bool:
    """Whether a model is that file (PyTorch's checkpoints are models)."""
    links = (link.resolve() for link in paths.train(index).glob("graph.*"))
    return file.resolve() in links


def clean(root: Path, dry: bool) -> Told:
    """Do ``wtemlp clean``, or say what it would do.

    Parameters
    ----------
    root : Path
        The run's folder, absolute.
    dry : bool
        Whether nothing is removed.

    Returns
    -------
    Told

    Raises
    ------
    InputError
        If there is no run.
    WtemlpError
        If a wtemlp is at work on it.
    """
    paths = RunPaths(root)
    if dry:
        again = f"{shell_hints.alone('clean', root)} --yes"
        found = leftovers(paths, states.of_run(paths))
        return _told(paths, found, f"nothing is removed yet; do it with: {again}", dry)
    with locked(paths):
        found = leftovers(paths, states.of_run(paths))
        told = _told(paths, found, "removed", dry)
        for one in found:
            if one.path.is_dir() and not one.path.is_symlink():
                shutil.rmtree(one.path)
            else:
                one.path.unlink(missing_ok=True)
    return told


def _told(paths: RunPaths, found: Sequence[Leftover], end: str, dry: bool) -> Told:
    lines = []
    for kind, words in KINDS.items():
        own = [one for one in found if one.kind == kind]
        if own:
            size = sum(one.size for one in own)
            lines.append(f"{size / 1e6:.1f} MB in {len(own)} places: {words}")
    whole, all_of_run = sum(one.size for one in found), size_of(paths.root)
    lines += [f"{whole / 1e6:.1f} MB of {all_of_run / 1e6:.1f} MB can go", end]
    places = [
        {"path": str(one.path.relative_to(paths.root)), "kind": one.kind, "bytes": one.size}
        for one in found
    ]
    return Told(lines, {"done": not dry, "places": places, "bytes": whole, "run_bytes": all_of_run})
