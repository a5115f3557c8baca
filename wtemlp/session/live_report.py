"""The page of a run, written from its files by its own commands."""

import contextlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wtemlp.config.schema.read_files import Kind
from wtemlp.core import shell_hints
from wtemlp.core.paths import RunPaths
from wtemlp.records import state as states
from wtemlp.records.init_result import PARAMETERS
from wtemlp.records.pins import differences, digest, in_words
from wtemlp.records.state import RunState
from wtemlp.report.data import Known
from wtemlp.report.input_files import read_input
from wtemlp.report.page import RunFacts, all_figures, read, write_report
from wtemlp.session.lock import is_held
from wtemlp.session.progress import read_live

REFRESH_S = 60  #: a page of a run that goes on loads itself again after so long
STAMP = "%Y-%m-%d %H:%M:%S"


def write_run_page(
    root: Path,
    *,
    target: Path | None = None,
    figures: Path | None = None,
    at_work: bool | None = None,
    error: str = "",
    known: Known | None = None,
) -> list[Path]:
    """Write the page of a run, from its files alone.

    Parameters
    ----------
    root : Path
        The run's folder, absolute.
    target : Path, optional
        By default ``report.html`` in it.
    figures : Path, optional
        A folder for each figure as PNG and PDF, with its data as CSV.
    at_work : bool, optional
        Whether a wtemlp is at work on the run; by default its lock is asked.
    error : str
        Why it has just stopped.
    known : Known, optional
        What was read for the page before.

    Returns
    -------
    list of Path
        What was written, the page first.

    Raises
    ------
    InputError
        If there is no run in the folder.
    """
    paths = RunPaths(root)
    state = states.of_run(paths)
    if at_work is None:
        at_work = is_held(paths)
    facts = _facts(paths, state, bool(at_work), error)
    written = [write_report(root, facts, target, known)]
    if figures is not None:
        from wtemlp.report.paper.export import export_figures  # Matplotlib, which takes its time

        written += export_figures(all_figures(read(root, facts), facts.trust), figures)
    return written


def _facts(paths: RunPaths, state: RunState, at_work: bool, error: str) -> RunFacts:
    root = paths.root
    init_data = [root / system for system in state.init_data]
    goes_on = at_work and not state.finished and not error
    return RunFacts(
        title=f"{root.name}: {Path(state.params).name}",
        root=root,
        trust=state.trust,
        init_data=init_data,
        type_map=state.type_map,
        versions=state.versions,
        facts=_provenance(paths, state),
        inputs=[
            read_input(root, state.params, Kind.RUN),
            read_input(root, state.machine, Kind.MACHINE),
        ],
        final=state.n_iterations if state.final is None else state.final,
        initial=_initial(root, init_data),
        status=_status(paths, state, goes_on, error),
        refresh_s=REFRESH_S if goes_on else None,
    )


def _initial(root: Path, init_data: Sequence[Path]) -> Mapping[str, Any]:
    """What the folder of ``wtemlp init`` was made with that initial data are from."""
    files = dict.fromkeys(
        folder / PARAMETERS
        for data in init_data
        for folder in data.parents
        if folder != root and root in folder.parents
    )
    for file in files:
        with contextlib.suppress(OSError, ValueError):
            made = json.loads(file.read_bytes())
            return made if isinstance(made, Mapping) else {}
    return {}


def _provenance(paths: RunPaths, state: RunState) -> dict[str, str]:
    known = {
        "seed": str(state.seed),
        "command": f"wtemlp run {state.params} {state.machine}",
        "began": state.began,
        "finished": _stamp(paths.state.stat().st_mtime) if state.finished else "",
        "page written": _stamp(time.time()),
        "platform": state.platform,
        "reference": _references(state),
        "trained again, with another seed": ", ".join(
            f"model {model} of iteration {iteration}" for iteration, model in state.retrained
        ),
    }
    return {name: value for name, value in known.items() if value}


def _references(state: RunState) -> str:
    """What labels, and from which iteration on where that changed."""
    if not state.references:
        return ""
    names = [json.loads(pins.get("fp_style", '""')) for _, pins in state.references]
    parts = [f"fp_style {names[0]} ({digest(state.references[0][1])})"]
    for (_, before), (since, pins), name in zip(
        state.references, state.references[1:], names[1:], strict=False
    ):
        changed = in_words(differences(before, pins))
        parts.append(f"from iteration {since} on fp_style {name} ({digest(pins)}): {changed}")
    return "; ".join(parts)


def _stamp(seconds: float) -> str:
    return time.strftime(STAMP, time.localtime(seconds))


def _status(paths: RunPaths, state: RunState, goes_on: bool, error: str) -> str:
    """One line: where the run stands, and when that was."""
    live = read_live(paths.live)
    if state.finished:
        potential = (
            f"The potential with its card and data: {shell_hints.alone('export', paths.root)}"
        )
        return f"Finished: {state.finished}. {potential}"
    where = f"iteration {state.iteration} of {state.n_iterations}, {state.step.stage}"
    if goes_on:
        line = live.get("line", "")
        doing = line if line.startswith("iteration") else where
        return f"Running: {doing}. As of {_stamp(time.time())}; this page follows the run."
    why = (error or live.get("error", "")).splitlines()
    again = shell_hints.command("run", paths.root, state.params, state.machine)
    return f"Stopped in {where}{': ' + why[0] if why else ''}. To go on: {again}"
