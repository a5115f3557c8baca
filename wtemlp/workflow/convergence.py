"""When a run ends before its last iteration (``convergence``)."""

from wtemlp.analysis.frames import load_frames
from wtemlp.records.summary import Summary, read_summary
from wtemlp.stages import select
from wtemlp.stages.context import RunContext
from wtemlp.stages.exploration import explore
from wtemlp.stages.exploration.biasfactor_limits import held_back


def converged(context: RunContext, iteration: int) -> bool:
    """Whether the worst part's accurate fraction has been high for long enough.

    Parameters
    ----------
    context : RunContext
    iteration : int
        The last whose labels are there.
    """
    rule, paths = context.params.convergence, context.paths
    if rule is None or iteration + 1 < rule.iterations:
        return False
    for index in range(iteration + 1 - rule.iterations, iteration + 1):
        walkers = (read_summary(paths.summary(index)) or Summary(index)).walkers
        if not (file := paths.explored(index)).exists() or held_back(walkers):
            return False  # a dpgen run that was taken over; not explored as asked
        asked = explore.frames_asked(context, index)
        if select.accurate_ratio(load_frames(file), walkers, asked) < rule.accurate_ratio:
            return False
    return True
