"""Shared by tests: ase labels."""

import os
import subprocess
import sys

from tests.support.label_inputs import explore, loaded, waters, write_input
from wtemlp.core.paths import RunPaths
from wtemlp.stages import label
from wtemlp.stages.context import RunContext


def labelled(root, keys, own=""):
    """An iteration whose job has run."""
    write_input(root, "ase", keys, sys.executable)
    context = RunContext(*loaded(root), RunPaths(root))
    label.prepare(context, 0, explore(root, *waters()))
    (task,), common = label.tasks(context, 0)
    assert not common and not label.may_fail(context, 0)
    if own:
        (task.folder / "own.py").write_text(own)
    # Nothing of wtemlp is needed where the job runs.
    done = subprocess.run(
        ["bash", "-c", task.command], cwd=task.folder, env=os.environ | {"PYTHONPATH": ""}
    )
    assert done.returncode == 0, (task.folder / task.logs[0]).read_text()
    return context
