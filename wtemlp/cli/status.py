"""Where a run stands, from its files alone."""

import socket
import time
from pathlib import Path
from typing import Any

from wtemlp.core import shell_hints
from wtemlp.core.errors import InputError
from wtemlp.core.formatting import duration
from wtemlp.core.paths import RunPaths
from wtemlp.records import state as states
from wtemlp.records import validation_record
from wtemlp.records.compatibility import dpgen_came_to
from wtemlp.records.init_result import PARAMETERS, RESULT, load_result
from wtemlp.records.summary import summaries
from wtemlp.report.cost import cost_in_words
from wtemlp.report.findings import findings
from wtemlp.report.table import format_table
from wtemlp.session.lock import is_held
from wtemlp.session.progress import read_live
from wtemlp.workflow import rewind

STEP_WORDS = {
    "MAKE": ("about to be prepared", "being prepared"),
    "RUN": ("running", "running"),
    "POST": ("results to be read", "results being read"),
}
VALIDATE = "validate"
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
    if (begun := rewind.unfinished(paths)) is not None:
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
        lines.append(f"finished: {state.finished}")
    else:
        verb, _ = state.step.name.split("_")
        running = bool(at_work) and live.get("command") != VALIDATE
        lines.append(
            f"iteration {state.iteration} of {state.n_iterations}, {state.step.stage}: "
            f"{STEP_WORDS[verb][running]}"
        )
    if at_work or not state.finished or live.get("error"):
        again = shell_hints.command("run", root, state.params, state.machine)
        if live.get("command") == VALIDATE and (at_work or state.finished):
            again = shell_hints.command(VALIDATE, root, *live["files"])
        lines += _client(live, at_work, again)
    rows = summaries(paths)
    cost = cost_in_words(rows)
    lines += _validation(root)
    lines += [one.line for one in findings(rows)[:MOST_FINDINGS]]
    return "\n".join([*lines, "", format_table(rows), *[f"cost: {cost}"] * bool(cost)])


def _validation(root: Path) -> list[str]:
    """What the last validation has found."""
    try:
        found = validation_record.load(root / validation_record.FOLDER / validation_record.FILE)
    except (OSError, ValueError, TypeError, KeyError):
        return []
    return [f"validation of iteration {found.iteration}: {found.verdict}"]


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
        raise InputError(str(root), "there is no run here", f"start one with: {start}")
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
