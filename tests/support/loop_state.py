"""Shared by tests: loop state."""

import json

from wtemlp.core.paths import RunPaths
from wtemlp.records import state


def set_state(run, **changes):
    file = run.folder / "wtemlp.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    # A record that is ahead of the state would be DP-GEN's.
    state.record_back(RunPaths(run.folder), state.load(RunPaths(run.folder)))
