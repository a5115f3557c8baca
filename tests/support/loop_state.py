"""Shared by tests: loop state."""

import json

from wtemlp.core.paths import RunPaths
from wtemlp.records import state


def set_state(run, **changes):
    file = run.folder / "wtemlp.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    # A record that is ahead of the state would be DP-GEN's.
    state.record_back(RunPaths(run.folder), state.load(RunPaths(run.folder)))


def files(folder):
    """All files of a run but those that each command writes."""
    ours = ("wtemlp.live.json", "wtemlp.log", "wtemlp.session.lock", "report.html")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and path.name not in ours
    }
