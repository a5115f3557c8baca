"""Where a run stands, from its files alone."""

import os
import socket
import time
from pathlib import Path

from wtemlp import state as states
from wtemlp.errors import InputError
from wtemlp.loop import summaries
from wtemlp.paths import RunPaths
from wtemlp.progress import read_live
from wtemlp.report.table import format_table
from wtemlp.text import duration

STEP_WORDS = {
    "MAKE": "about to be prepared",
    "RUN": "running",
    "POST": "results being read",
}


def describe(root: Path) -> str:
    """The text of ``wtemlp status``.

    Raises
    ------
    InputError
        If there is no run in the folder.
    """
    paths = RunPaths(root)
    state = states.load(paths)
    if state is None:
        raise InputError(str(root), "there is no run here",
                         "start one with: wtemlp run PARAM MACHINE")
    live = read_live(paths.live)
    lines = [f"run in {root}, seed {state.seed}"]
    if state.finished:
        lines.append(f"finished: {state.finished}")
    else:
        verb, _ = state.step.name.split("_")
        lines.append(
            f"iteration {state.iteration} of {state.n_iterations}, {state.step.stage}: "
            f"{STEP_WORDS[verb]}"
        )
        lines.append(_client(live, state))
    return "\n".join([*lines, "", format_table(summaries(paths))])


def _client(live: dict, state: states.RunState) -> str:
    """Whether a wtemlp is at work on the run, and how far it is."""
    again = f"go on with: wtemlp run {state.params} {state.machine}"
    if not live:
        return f"no wtemlp is at work on it; {again}"
    ago = duration(max(0.0, time.time() - live["time"]))
    where = f"process {live['pid']} on {live['host']}"
    if live["host"] == socket.gethostname() and not _alive(live["pid"]):
        return f"no wtemlp is at work on it (the last, {where}, has ended); {again}"
    return f"{live['line']} ({ago} ago, {where})"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
