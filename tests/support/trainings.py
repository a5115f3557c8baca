"""Shared by tests: trainings."""

import copy
import json
from pathlib import Path

from tests.support.params import GOOD, load, root, write_system  # noqa: F401 (a fixture)
from wtemlp.config.machine.sections import load_machines
from wtemlp.core.paths import RunPaths
from wtemlp.stages.context import RunContext


def context_of(root: Path, command: str = "dp", **changes: object) -> RunContext:  # noqa: F811
    data = copy.deepcopy(GOOD) | {"numb_models": 2, "validation_data_sys": []} | changes
    params = load(root, {key: value for key, value in data.items() if value is not ...})
    machine = {
        "command": command,
        "machine": {"batch_type": "Shell", "local_root": "./", "context_type": "LazyLocalContext"},
        "resources": {"group_size": 1},
    }
    (root / "machine.json").write_text(
        json.dumps(
            {
                "api_version": "1.0",
                "deepmd_version": "3.2.0",
                **dict.fromkeys(("train", "model_devi", "fp"), machine),
            }
        )
    )
    return RunContext(params, load_machines(root / "machine.json", root), RunPaths(root))
