"""Shared by tests: loop state."""

import json
import os
import signal
from collections.abc import Callable

from wtemlp.core.paths import RunPaths
from wtemlp.records import state


def set_state(run, **changes):
    file = run.folder / "wtemlp.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    # A record that is ahead of the state would be DP-GEN's.
    state.record_back(RunPaths(run.folder), state.load(RunPaths(run.folder)))


def killed(after: int, places: list[tuple[object, str]], do: Callable[[], object]) -> bool:
    """Do something in a process that is killed at one call of some functions; whether it was.

    Parameters
    ----------
    after : int
        How many calls are done before.
    places : list of (object, str)
        The functions: where they are, and their names.
    do : callable
    """
    pid = os.fork()
    if pid:
        return os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    count = 0

    def dying(old):
        def new(*args, **keys):
            nonlocal count
            if count == after:
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1
            return old(*args, **keys)

        return new

    try:
        for place, name in places:
            setattr(place, name, dying(getattr(place, name)))
        do()
    finally:
        os._exit(0)


def files(folder):
    """All files of a run but those that each command writes."""
    ours = ("wtemlp.live.json", "wtemlp.log", "wtemlp.session.lock", "report.html")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and path.name not in ours
    }
