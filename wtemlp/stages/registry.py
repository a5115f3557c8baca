"""Which object explores in a run, by the names in its parameter file and in its folder."""

from wtemlp.config.records import Params
from wtemlp.core import plugins
from wtemlp.core.atomic_io import read_json
from wtemlp.core.paths import RunPaths
from wtemlp.stages.dpgen.explorer import DpgenExplorer
from wtemlp.stages.exploration.explore import EXPLORE_AGAIN, WALKERS
from wtemlp.stages.exploration.explorer import LammpsExplorer
from wtemlp.stages.protocols import Explorer


def explorer_of(params: Params) -> Explorer:
    """The explorer of ``model_devi_engine``."""
    found: Explorer = plugins.load(plugins.EXPLORERS, params.engine).of(params)
    return found


def explorer_that_made(run: RunPaths, iteration: int) -> Explorer | None:
    """The explorer that prepared an iteration's walkers; None if none has come to the end of it."""
    listed = run.explore(iteration) / WALKERS
    if not listed.exists():
        return None
    content = read_json(listed, EXPLORE_AGAIN)
    if name := content.get("explorer"):
        made: Explorer = plugins.load(plugins.EXPLORERS, name)()
        return made
    return DpgenExplorer() if "engine" in content else LammpsExplorer()
