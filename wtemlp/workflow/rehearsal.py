"""What ``wtemlp run`` would do, said without doing it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wtemlp.config.records import ExploreJob, Machines, Params
from wtemlp.core.paths import RunPaths
from wtemlp.preflight.before import Begin, require
from wtemlp.records import state as states
from wtemlp.records.compatibility import first_state, moved_to
from wtemlp.records.state import EXHAUSTED, FURTHER, RunState, Step, dpgen_came_to
from wtemlp.records.summary import summaries
from wtemlp.session.told import Told
from wtemlp.workflow import rewind
from wtemlp.workflow.notes import stops


def rehearse(params: Params, machines: Machines, root: Path) -> Told:
    """Look at everything that ``wtemlp run`` looks at before it begins, and say what it would do.

    Nothing is written or submitted.

    Parameters
    ----------
    params : Params
    machines : Machines
    root : Path
        The run's folder, absolute.

    Returns
    -------
    Told
        Its facts: the step that comes next, or why the run has finished; the finding that would
        stop it; and how many tasks each stage that is to come has, or has at most.

    Raises
    ------
    InputError, MissingEngine
        What the run would be refused with.
    """
    paths = RunPaths(root)
    begin = Begin(root, machines, params=params, explores=True, goes_on=True)
    lines = [f"warning: {found.where}: {found.what}" for found in require(begin)]
    fresh, old = first_state(params, machines, paths), states.load(paths)
    came = dpgen_came_to(paths, old)
    if old is not None and came is None and (found := rewind.by_hand(paths, old)) is not None:
        back, why = found
        lines += [f"{why}:", *rewind.describe(paths, back)]
        state = RunState(**{**vars(fresh), "iteration": back.iteration, "step": back.step})
    else:
        state = moved_to(old or fresh, came, len(params.jobs))
        lines.append(_where(state, old is None and came is None, len(params.jobs)))
        if not state.finished and (known := stops(params, state, summaries(paths), paths.root)):
            lines.append(f"it would be stopped, unless with --go-on: {known[0].line}")
            return Told(lines, _facts(state, stopped_by=known[0].line))
    to_do: list[dict[str, Any]] = []
    if not state.finished or len(params.jobs) > state.iteration:
        to_do = list(_to_do(params, state))
    return Told([*lines, *map(_in_words, to_do)], _facts(state, to_do=to_do))


def _facts(state: RunState, **more: object) -> dict[str, object]:
    where = {"iteration": state.iteration, "step": state.step.name.lower()}
    return {**where, "finished": state.finished, "stopped_by": "", "to_do": [], **more}


def _where(state: RunState, begins: bool, jobs: int) -> str:
    if begins:
        return "it would begin: iteration 0, make train"
    if state.finished:
        more = f"; {FURTHER}" if state.finished == EXHAUSTED else ""
        more = ", but there are more jobs now" if jobs > state.iteration else more
        return f"finished: {state.finished}{more}"
    return f"it would go on: iteration {state.iteration}, {state.step.words}"


def _in_words(stage: dict[str, Any]) -> str:
    tasks = {
        "train": "{tasks} trainings",
        "explore": "up to {tasks} walkers of {steps} steps",
        "label": "up to {tasks} labels ({reference})",
    }[stage["stage"]]
    return f"iteration {stage['iteration']}: {tasks.format_map(stage)}"


def _to_do(params: Params, state: RunState) -> Iterator[dict[str, Any]]:
    """Each stage that is to come."""
    final = len(params.jobs)
    for iteration in range(state.iteration, final + 1):
        current = iteration == state.iteration and not state.finished
        step = state.step if current else Step.MAKE_TRAIN
        if step <= Step.POST_TRAIN and not (state.finished and iteration == state.iteration):
            yield {"iteration": iteration, "stage": "train", "tasks": params.numb_models}
        if iteration == final:
            return
        job, most = params.jobs[iteration], params.criteria[iteration].task_max
        systems = len(set(job.sys_idx))
        if step <= Step.POST_EXPLORE and job.nsteps:
            walkers, steps = _walkers(params, job), job.nsteps + job.wte.nvt_steps
            explore = {"iteration": iteration, "stage": "explore"}
            yield {**explore, "tasks": walkers, "steps": steps}
        label = {"iteration": iteration, "stage": "label"}
        yield {**label, "tasks": most * systems, "reference": params.fp_style}


def _walkers(params: Params, job: ExploreJob) -> int:
    """How many walkers an entry asks for, before any bias factor is lowered."""
    structures = sum(len(params.sys_configs[index]) for index in job.sys_idx)
    revisions = 1
    if job.template is not None:
        revisions = max(map(len, job.template.revisions.values()), default=1)
    conditions = max(len(job.temps_K), 1) * max(len(job.press_bar), 1)
    return structures * conditions * max(len(job.wte.biasfactors), 1) * revisions * job.wte.walkers
