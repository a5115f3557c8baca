"""How a run begins, and whether a command may go on with the run that is there."""

import platform
import time
from dataclasses import replace

from wtemlp import hints, state
from wtemlp.config.records import Machines, Params
from wtemlp.paths import RunPaths
from wtemlp.state import RunState
from wtemlp.versions import installed_versions


def first_state(params: Params, machines: Machines, paths: RunPaths) -> RunState:
    """The state of a run that has nothing behind it."""
    return RunState(
        seed=params.seed,
        type_map=params.type_map,
        numb_models=params.numb_models,
        trust=tuple(zip(params.f_trust_lo, params.f_trust_hi, strict=True)),
        params=hints.kept(params.source, paths.root),
        machine=hints.kept(machines.source, paths.root),
        n_iterations=len(params.jobs),
        init_data=tuple(map(str, params.init_data_sys)),
        versions=installed_versions(),
        began=time.strftime("%Y-%m-%d %H:%M:%S"),
        platform=f"{platform.platform()}, Python {platform.python_version()}",
    )


def check_run(params: Params, machines: Machines, paths: RunPaths) -> None:
    """Refuse input that does not go with the run in the folder, before anything is written.

    Raises
    ------
    InputError
        As :func:`wtemlp.state.load`, :func:`wtemlp.state.check_same` and
        :func:`wtemlp.state.check_iterations`.
    """
    old = state.load(paths)
    if old is None:
        return
    new = first_state(params, machines, paths)
    state.check_same(paths, old, new)
    if not old.finished:
        state.check_iterations(
            paths, replace(old, n_iterations=new.n_iterations, params=new.params)
        )
