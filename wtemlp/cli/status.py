"""Where a run stands, from its files alone."""

import json
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wtemlp.config.schema.read_files import Kind, read_object
from wtemlp.core import shell_hints
from wtemlp.core.atomic_io import UNREADABLE
from wtemlp.core.errors import InputError
from wtemlp.core.formatting import duration
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch.journal import JOURNAL, JobEntry
from wtemlp.records import rewinds, validation_record
from wtemlp.records import state as states
from wtemlp.records.init_result import PARAMETERS, RESULT, load_result
from wtemlp.records.state import EXHAUSTED, FURTHER, dpgen_came_to
from wtemlp.records.summary import Summary, summaries
from wtemlp.records.sweep_record import load_sweep
from wtemlp.report.cost import cost_in_words
from wtemlp.report.findings import findings
from wtemlp.report.table import format_table
from wtemlp.session.lock import is_held
from wtemlp.session.progress import read_live

STEP_WORDS = {
    "MAKE": ("about to be prepared", "being prepared"),
    "RUN": ("running", "running"),
    "POST": ("results to be read", "results being read"),
}
VALIDATE = "validate"
MOST_JOBS = 5  #: that are named
MOST_FINDINGS = 6  #: of the newest iterations; the page has all
#: Where the output folders of `wtemlp init` are looked for.
OUTPUTS = (f"*/{PARAMETERS}", f"*/*/{PARAMETERS}")


def describe(root: Path) -> str:
    """The text of ``wtemlp status``.

    Raises
    ------
    InputError
        If there is no run in the folder.
    """
    paths = RunPaths(root)
    state, live = states.load(paths), read_live(paths.live)
    at_work, came = is_held(paths), dpgen_came_to(paths, state)
    if (begun := rewinds.unfinished(paths)) is not None:
        return (
            f"a rewind to {begun.where} was interrupted in {root}\nfinish it with: "
            f"{shell_hints.command('run', root, *((state.params, state.machine) if state else ()))}"
        )
    if state is None and came is None:
        states.check_recorded(paths, None)
    if state is None and came is not None and not live:
        return f"dpgen run in {root}: {_step(came)} is done\n{_takes_over(root)}"
    if state is None:
        return "\n".join(_before(root, live, at_work))
    lines = [f"run in {root}, seed {state.seed}"]
    taken = [states.Done(iteration, states.Step(step)) for iteration, step in state.taken_over]
    lines += [f"taken over from dpgen run after {_step(done)}" for done in taken]
    if came is not None:
        files = (state.params, state.machine)
        lines.append(f"dpgen run has gone on: {_step(came)} is done")
        return "\n".join([*lines, _takes_over(root, *files), "", format_table(summaries(paths))])
    if state.finished:
        more = f" ({FURTHER})" if state.finished == EXHAUSTED else ""
        lines.append(f"finished: {state.finished}{more}")
    else:
        verb, _ = state.step.name.split("_")
        running = bool(at_work) and live.get("command") != VALIDATE
        where = f"iteration {state.iteration} of {state.n_iterations}, {state.step.stage}"
        if waits := _waits_for_labels(paths, state, running):
            lines += [f"{where}: waits for labels that are made by hand", *waits]
        else:
            lines.append(f"{where}: {STEP_WORDS[verb][running]}")
    if at_work or not state.finished or live.get("error"):
        again = shell_hints.command("run", root, state.params, state.machine)
        if live.get("command") == VALIDATE and (at_work or state.finished):
            again = shell_hints.command(VALIDATE, root, *live["files"])
        lines += _client(live, at_work, again)
    rows = summaries(paths)
    lines += _places(paths, state)
    if not state.finished and (left := seconds_left(rows, state)):
        lines.append(f"about {duration(left)} to the end, if stages take as long as their last")
    if sizes := [row.disk_MB for row in rows if row.disk_MB is not None]:
        took = f"disk: {sum(sizes):.1f} MB in {len(sizes)} iterations"
        lines.append(f"{took}; what can go tells: {shell_hints.alone('clean', root)}")
    for one in _left(paths):
        why = f"{one['failed']} of its tasks failed"
        lines.append(f"left on {one['where']}: {one['folder']} ({one['stage']}; {why})")
    cost = cost_in_words(rows)
    lines += _validation(root)
    lines += [one.line for one in findings(rows, root)[:MOST_FINDINGS]]
    return "\n".join([*lines, "", format_table(rows), *[f"cost: {cost}"] * bool(cost)])


def _validation(root: Path) -> list[str]:
    """What the last validation has found."""
    try:
        found = validation_record.load(root / validation_record.FOLDER / validation_record.FILE)
    except (OSError, ValueError, TypeError, KeyError):
        return []
    return [f"validation of iteration {found.iteration}: {found.verdict}"]


def _waits_for_labels(paths: RunPaths, state: states.RunState, running: bool) -> list[str]:
    """What to do about labels that a run waits for; empty if it does not wait."""
    if running or state.step is not states.Step.RUN_LABEL:
        return []
    try:
        by_hand = read_object(paths.root / state.params, Kind.RUN).get("labels_by_hand")
    except InputError:
        return []
    commands = (shell_hints.labels(what, paths.root) for what in ("export", "import"))
    return [f"write them out and take them in with: {'; '.join(commands)}"] if by_hand else []


def _step(done: states.Done) -> str:
    return f"iteration {done.iteration}, {done.step.words}"


def _takes_over(root: Path, *files: str) -> str:
    return f"take it over with: {shell_hints.command('run', root, *files)}"


def _before(root: Path, live: dict[str, Any], at_work: bool | None) -> list[str]:
    """What there is in a folder without a run: its beginning, or that of its data."""
    start = shell_hints.command("run", root)
    outputs = [file.parent for depth in OUTPUTS for file in sorted(root.glob(depth))]
    if live.get("command") == "run" and not outputs:
        head = [f"run in {root}: nothing is done yet"]
        return head + _client(live, at_work, shell_hints.command("run", root, *live["files"]))
    if live.get("command") != "init" and not outputs:
        raise states.no_run(root)
    done = [output for output in outputs if (output / RESULT).is_file()]
    if not done or at_work or (live.get("command") == "init" and live["error"]):
        files = live.get("files", [])
        again = shell_hints.command("init", root, *files)
        return [f"wtemlp init in {root}", *_client(live, at_work, again)]
    results = [f"wtemlp init in {root} is done", *(load_result(one).describe() for one in done)]
    if live.get("command") == "run":
        return results + _client(live, at_work, shell_hints.command("run", root, *live["files"]))
    return [*results, f"go on with: {start}"]


def _client(live: dict[str, Any], at_work: bool | None, again: str) -> list[str]:
    """Whether a wtemlp is at work in the folder, how far it is, or why it stopped."""
    again = f"go on with: {again}"
    if not live:
        return ["a wtemlp is at work"] if at_work else [f"no wtemlp is at work on it; {again}"]
    ago = f"{duration(max(0.0, time.time() - live['time']))} ago"
    where = f"process {live['pid']} on {live['host']}"
    if live["ended"]:
        if at_work:
            return ["a wtemlp is at work, which has not said anything yet"]
        why = f": {live['error']}" if live["error"] else ""
        return [f"the last wtemlp stopped {ago}{why}", again]
    if at_work:
        return [f"{live['line']} ({ago}, {where})"]
    if at_work is None or live["host"] != socket.gethostname():
        # The lock of another user, or a file system that does not know the locks of other hosts.
        return [f"{live['line']} ({ago}, {where})", f"if that has ended, {again}"]
    return [f"no wtemlp is at work on it (the last, {where}, has ended); {again}"]


def as_json(root: Path) -> dict[str, Any]:
    """What ``wtemlp status --json`` prints of a run.

    Raises
    ------
    InputError
        If there is no run in the folder.
    """
    paths = RunPaths(root)
    state = states.load(paths)
    came = dpgen_came_to(paths, state)
    known = {
        "state": None if state is None else asdict(state) | {"step": state.step.name.lower()},
        "dpgen": came and {"iteration": came.iteration, "step": came.step.name.lower()},
        "at_work": is_held(paths),
        "live": read_live(paths.live),
    }
    if state is None:  # a run of DP-GEN's, one that has just begun, or data of `wtemlp init`
        return known | {"lines": describe(root).splitlines()}
    rows = summaries(paths)
    return known | {
        "seconds_left": None if state.finished else seconds_left(rows, state),
        "jobs": _jobs(paths, state),
        "folder": str(_stage_folder(paths, state)),
        "log": str(paths.log),
        "left": _left(paths),
        "iterations": [asdict(row) for row in rows],
        "findings": [asdict(one) | {"severity": one.severity.name} for one in findings(rows, root)],
    }


def sweep_as_json(folder: Path) -> dict[str, Any]:
    """What ``wtemlp status --json`` prints of a sweep: its runs by name, null for those to come."""
    sweep = load_sweep(folder)
    arms = {} if sweep is None else {arm.folder: folder / arm.folder for arm in sweep.arms}
    begun = {name: RunPaths(root).state.exists() for name, root in arms.items()}
    return {"runs": {name: as_json(arms[name]) if there else None for name, there in begun.items()}}


def _stage_folder(paths: RunPaths, state: states.RunState) -> Path:
    folder = {"train": paths.train, "explore": paths.explore, "label": paths.label}
    return folder[state.step.stage](state.iteration)


def _jobs(paths: RunPaths, state: states.RunState) -> list[dict[str, Any]]:
    """The jobs of the current stage that may be alive."""
    try:
        entries = _journal(_stage_folder(paths, state)).get("jobs", {})
        jobs = [JobEntry(**entry) for entry in entries.values()]
    except UNREADABLE:
        return []
    return [{"id": job.queue_id, "where": job.where, "tasks": job.tasks} for job in jobs]


def _journal(stage: Path) -> dict[str, Any]:
    """A stage's journal as it is, for it may be in use; empty if there is none to be read."""
    try:
        content = json.loads((stage / JOURNAL).read_text())
    except (OSError, *UNREADABLE):
        return {}
    return content if isinstance(content, dict) else {}


def _left(paths: RunPaths) -> list[dict[str, Any]]:
    """Stages that still have a folder on another machine: tasks of theirs have failed for good."""
    found = []
    for index in states.iterations(paths):
        for stage in (paths.train(index), paths.explore(index), paths.label(index)):
            journal = _journal(stage)
            where, failed = str(journal.get("uploaded", "")), journal.get("failed")
            if failed and " on " in where:
                place = {"where": where, "folder": str(journal.get("identity"))}
                name = str(stage.relative_to(paths.root))
                found.append({"stage": name, **place, "failed": len(failed)})
    return found


def _places(paths: RunPaths, state: states.RunState) -> list[str]:
    """Where the current stage is, its jobs, and the log."""
    if state.finished:
        return []
    folder = _stage_folder(paths, state).relative_to(paths.root)
    jobs = _jobs(paths, state)
    named = ", ".join(f"{job['id'] or '?'} ({len(job['tasks'])} tasks)" for job in jobs[:MOST_JOBS])
    more = f" and {len(jobs) - MOST_JOBS} more" if jobs[MOST_JOBS:] else ""
    said = f"; jobs {named}{more}" if jobs else ""
    return [f"in {folder}{said}; log: {paths.log.name}"]


def seconds_left(rows: Sequence[Summary], state: states.RunState) -> float | None:
    """Wall time to the end of a run, if each stage takes as long as it last did.

    What the current stage has behind it is not known here, so it counts whole.

    Returns
    -------
    float or None
        None: a stage that is to come has not been done yet.
    """
    last: dict[str, float] = {}
    for row in rows:
        if row.iteration < state.iteration:
            last |= row.seconds
    final = state.n_iterations if state.final is None else state.final
    stages = ("train", "explore", "label")
    total, first = 0.0, state.step // 3
    for iteration in range(state.iteration, final + 1):
        for place, stage in enumerate(stages):
            if (iteration == state.iteration and place < first) or (
                iteration == final and place > 0
            ):
                continue
            if stage not in last:
                return None
            total += last[stage]
    return total
