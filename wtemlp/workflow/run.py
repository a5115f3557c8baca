"""A whole run: checked, its folder locked, the loop to its end, the report kept."""

from dataclasses import replace
from pathlib import Path

from wtemlp.config.keys.labels import ReferenceCheck
from wtemlp.config.records import Machines, Params
from wtemlp.core import shell_hints
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.preflight import data_trial
from wtemlp.preflight.before import Begin, require
from wtemlp.records import data_check
from wtemlp.records import state as states
from wtemlp.records.compatibility import has_labels
from wtemlp.records.state import EXHAUSTED, FURTHER, RunState, dpgen_came_to
from wtemlp.records.summary import summaries, total_time
from wtemlp.report.findings import findings
from wtemlp.report.table import format_table
from wtemlp.session.live_page import LivePage
from wtemlp.session.progress import Reporter
from wtemlp.session.session import at_work, run_folder
from wtemlp.session.stage import run_stage
from wtemlp.stages.context import RunContext
from wtemlp.workflow.loop import Loop


def hold_data(
    params: Params, machines: Machines, root: Path, reporter: Reporter, folder: Path | None = None
) -> None:
    """Before a run begins, hold its initial data against the reference.

    Parameters
    ----------
    params : Params
    machines : Machines
    root : Path
        What paths are relative to: the run's folder.
    reporter : Reporter
    folder : Path, optional
        Of a sweep, whose runs need not do so again.

    Raises
    ------
    InputError
        If they contradict each other, and ``reference_check`` is not "warn".
    CalculationError, TransportError
        If the reference cannot be asked.
    """
    place = (folder or root) / data_check.FOLDER
    by_hand = params.labels_by_hand
    if by_hand or not data_trial.is_held(params) or not (folder or _begins(RunPaths(root), place)):
        return
    stage = data_trial.prepare(params, machines, root, place)
    if not stage.tasks:
        return
    title = "initial data against the reference"
    failed = run_stage(stage, title, machines.fp, root, reporter, allowed=len(stage.tasks))
    found = data_trial.judge(params, machines, root, place, failed)
    for line in data_trial.lines(found):
        reporter.say(line)
    error = data_trial.refusal(params, found)
    if error is not None and params.reference_check == ReferenceCheck.REFUSE:
        raise error


def _begins(paths: RunPaths, place: Path) -> bool:
    """Whether a run begins, or has held its data and has no labels yet."""
    old = states.load(paths)
    if old is None:
        return dpgen_came_to(paths, old) is None
    return not has_labels(old) and place.is_dir()


def run(
    params: Params,
    machines: Machines,
    root: Path,
    *,
    quiet: bool = False,
    new_reference: bool = False,
    go_on: bool = False,
    one_stage: bool = False,
) -> RunState:
    """Run the active-learning loop in a folder; called again, go on where it was.

    As ``wtemlp run``: one call works on a folder at a time, and what it does is in
    ``wtemlp.log`` and ``report.html`` there.

    Parameters
    ----------
    params : Params
        Of :func:`wtemlp.load_params`.
    machines : Machines
        Of :func:`wtemlp.load_machines`.
    root : Path
        The run's folder; it exists.
    quiet : bool, optional
        Whether to print nothing.
    new_reference : bool, optional
        Whether to go on if the reference is another than that of the labels that are there.
    go_on : bool, optional
        Whether to go on with what ``stop_on`` in the parameter file has stopped the run at.
    one_stage : bool, optional
        Whether to stop after the next stage: train, explore, select or label.

    Returns
    -------
    RunState
        Its ``finished`` says why the run ended.

    Raises
    ------
    InputError
        If the input is wrong, or not that of the run in the folder; nothing is written.
    MissingEngine
        If a program is missing on this machine; nothing is written.
    CalculationError, TransportError
        If tasks failed, or a host or queue did, or at what ``stop_on`` names; the state is saved.
    """
    root = run_folder(root)
    begin = Begin(root, machines, params=params, explores=True, goes_on=True)
    warnings = require(replace(begin, new_reference=new_reference))
    paths, page = RunPaths(root), LivePage(root)
    with at_work(paths, "run", params.source, machines.source, quiet=quiet) as reporter:
        for found in warnings:
            reporter.say(f"warning: {found.where}: {found.what}")
        try:
            hold_data(params, machines, root, reporter)
            context = RunContext(params, machines, paths)
            loop = Loop.open(context, reporter, page.keep, new_reference, go_on)
            state = loop.run(one_stage)
        except InputError:
            raise
        except BaseException as error:
            page.fail(str(error) or "interrupted")
            raise
        finally:
            page.end()
        _tell_end(paths, state, page, reporter)
    return state


def _tell_end(paths: RunPaths, state: RunState, page: LivePage, reporter: Reporter) -> None:
    """Say where a run has come to, what was found in it, and what to do with it."""
    rows = summaries(paths)
    reporter.table(format_table(rows))
    if state.finished:
        for one in findings(rows, paths.root):
            reporter.say(one.line)
        more = f"; {FURTHER}" if state.finished == EXHAUSTED else ""
        reporter.say(f"finished ({state.finished}) in {total_time(rows)} of work{more}")
        potential = shell_hints.alone("export", paths.root)
        reporter.say(f"the potential with its card and data: {potential}")
    else:
        reporter.say(f"stopped before iteration {state.iteration}, {state.step.words}")
    reporter.say(f"report: {page.last()}")
