"""What ``wtemlp init`` and ``wtemlp run`` do, from files to the last line on the screen."""

import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from wtemlp import hints
from wtemlp import state as states
from wtemlp.at_work import at_work, find_input, open_log, run_folder
from wtemlp.checking.everything import check_everything
from wtemlp.checking.findings import Findings
from wtemlp.config.init_params import load_init_params
from wtemlp.config.machine import load_machines
from wtemlp.config.params import load_params
from wtemlp.config.records import Machines, Params
from wtemlp.config.wte import MAX_BIASFACTOR, MAX_TEMPERATURE_K
from wtemlp.dispatch.cancel import cancel_tasks
from wtemlp.dispatch.journal import JOURNAL
from wtemlp.errors import InputError
from wtemlp.first import check_run
from wtemlp.initial import run_init
from wtemlp.initial_folder import check_init
from wtemlp.lock import locked
from wtemlp.loop import summaries, total_time
from wtemlp.loop_dpgen import loop_of
from wtemlp.paths import RunPaths
from wtemlp.planning import own_run, page, sources
from wtemlp.planning.plan import check_window, make_plan
from wtemlp.plumed_lines import check_plumed_lines
from wtemlp.preflight import check_backend, check_machines
from wtemlp.progress import reporter_on_stderr
from wtemlp.rehearsal import check_labels
from wtemlp.report.table import format_table
from wtemlp.run_page import LivePage, write_run_page
from wtemlp.stages.context import RunContext
from wtemlp.user_files import check_user_files
from wtemlp.validation import places


def run_init_command(param: Path, machine: Path, root: Path) -> None:
    """Do ``wtemlp init``."""
    root = run_folder(root)
    param, machine = find_input(param, root), find_input(machine, root)
    params = load_init_params(param, root)
    machines = load_machines(machine, root)
    check_machines(machines, ("fp",), root)
    check_user_files(machines, root)
    check_init(params, root)
    with at_work(RunPaths(root), "init", param, machine) as reporter:
        result = run_init(params, machines, root, reporter)
        reporter.table(result.describe())
        reporter.say(f"go on with: {hints.command('run', root)}")


def run_command(param: Path, machine: Path, root: Path) -> None:
    """Do ``wtemlp run``."""
    root = run_folder(root)
    param, machine = find_input(param, root), find_input(machine, root)
    params = load_params(param, root)
    machines = load_machines(machine, root)
    check_machines(machines, ("train", "model_devi", "fp"), root)
    check_backend(params, machines)
    check_user_files(machines, root)
    check_plumed_lines(params, machines, root)
    check_labels(params, machines, root)
    paths = RunPaths(root)
    check_run(params, machines, paths)
    page = LivePage(root)
    with at_work(paths, "run", param, machine) as reporter:
        try:
            loop = loop_of(RunContext(params, machines, paths), reporter, page.keep)
            state = loop.run()
        except InputError:
            raise
        except BaseException as error:
            page.write(str(error) or "interrupted")
            raise
        rows = summaries(paths)
        reporter.table(format_table(rows))
        reporter.say(f"finished ({state.finished}) in {total_time(rows)} of work")
        reporter.say(f"report: {write_run_page(root)[0]}")


def check_command(
    param: Path, machine: Path | None, root: Path, say: Callable[[str], object], *,
    schema_only: bool, submit: bool,
) -> int:
    """Do ``wtemlp check``.

    Parameters
    ----------
    param, machine, root : Path
        As for ``wtemlp run``; without a machine file the parameter file alone is looked at.
    say : callable
        Takes a line for the user.
    schema_only, submit : bool
        As :func:`wtemlp.checking.everything.check_everything` wants them.

    Returns
    -------
    int
        The exit code.
    """
    logging.getLogger().handlers[:] = [logging.NullHandler()]  # what matters is a finding
    root, findings = run_folder(root), Findings(lambda finding: say(finding.line))
    param, machine = find_input(param, root), machine and find_input(machine, root)
    check_everything(param, machine, root, findings, schema_only=schema_only, submit=submit)
    say(findings.summary)
    return findings.exit_code


#: Sections of the machine file, by the stage's folder; `wtemlp init` runs all with the last.
_SECTIONS = {
    "00.train": "train", "01.model_devi": "model_devi", "02.fp": "fp", **places.SECTIONS,
}  # fmt: skip


def cancel_command(root: Path, machine: Path | None, say: Callable[[str], object]) -> str:
    """Do ``wtemlp cancel``.

    Parameters
    ----------
    root : Path
        The run's folder.
    machine : Path, optional
        The machine file; by default the one that the run was last given.
    say : callable
        Takes a line for the user.

    Returns
    -------
    str
        What was done.

    Raises
    ------
    InputError
        There is no run in the folder, or no machine file.
    WtemlpError
        Another wtemlp is at work on the run: it would take the jobs for failed.
    TransportError
        The host or the queue did not answer.
    """
    root = run_folder(root)
    paths = RunPaths(root)
    state, journals = states.load(paths), list(_journals(root))
    if state is None and not journals:
        raise InputError(str(root), "there is no run here", "give the folder of one")
    machines = load_machines(machine or _recorded_machine(state, root), root)
    with locked(paths):
        open_log(paths, say)
        ended = sum(
            cancel_tasks(
                folder, getattr(machines, _SECTIONS.get(folder.name, "fp")), root
            )
            for folder in journals
        )
    jobs = {0: "this run had no jobs", 1: "1 job was ended"}.get(ended, f"{ended} jobs were ended")
    files = (state.params, state.machine) if state else ()
    again = f"; go on with: {hints.command('run', root, *files)}" if state else ""
    return jobs + again


def _journals(root: Path) -> Iterator[Path]:
    """The folders of a run in which jobs were dispatched."""
    for folder, subfolders, files in os.walk(root):
        if JOURNAL in files:
            subfolders.clear()  # only tasks are below
            yield Path(folder)


def _recorded_machine(state: states.RunState | None, root: Path) -> Path:
    if state is None:
        raise InputError(str(root), "no machine file is recorded", "give it with --machine FILE")
    file = root / state.machine
    if not file.is_file():
        raise InputError(
            str(file), "the machine file of this run is not there", "give it with --machine FILE"
        )
    return file


def plan_command(
    param: Path,
    machine: Path | None,
    root: Path,
    *,
    source: Path | None,
    unit: str | None,
    temperature_K: float | None,
    steps: int | None,
    biasfactors: Sequence[float],
    window_K: tuple[float, float] | None,
    as_json: bool,
) -> str:
    """Do ``wtemlp plan``.

    Parameters
    ----------
    param, machine, root : Path
    source : Path, optional
        The unbiased run; by default the newest in the run's folder.
    unit, temperature_K
        Of a file of energies; the temperature also of an own run.
    steps : int, optional
        Do a run of this length with the reference force field, whatever is there.
    biasfactors, window_K, as_json
        As :func:`wtemlp.planning.plan.make_plan` and the page want them.

    Returns
    -------
    str
        The page.
    """
    root = root.resolve()
    params = load_params(param, root, check_files=False)
    machines = load_machines(machine, root) if machine is not None else None
    if steps is not None and source is not None:
        raise InputError("--steps", "is the length of a run to be done, and --from names one",
                         "give one of them")  # fmt: skip
    wrong = next((g for g in biasfactors if not 1 <= g <= MAX_BIASFACTOR), None)
    if wrong is not None:
        raise InputError("--biasfactor", f"{wrong:g}",
                         f"must be 1 or more, and {MAX_BIASFACTOR:g} or less")
    if temperature_K is not None and not 0 < temperature_K <= MAX_TEMPERATURE_K:
        raise InputError("--temperature", f"{temperature_K:g}",
                         f"must be a positive number (K), {MAX_TEMPERATURE_K:g} or less")
    if source is not None:
        if not source.exists() and (root / source).exists():
            source = root / source
        runs = sources.read(source.absolute(), params, root, unit, temperature_K)
    else:
        runs = sources.find(params, root) if steps is None else []
    if not runs:
        own = own_run.OwnRun(params, root, steps or own_run.STEPS, temperature_K)
        check_window(window_K, own.temperature_K)
        runs = [_do_own_run(own, params, machines, root)]
    plans = [make_plan(run, params, biasfactors, window_K) for run in runs]
    if as_json:
        return json.dumps([page.as_record(plan) for plan in plans], indent=1)
    return "\n\n".join(page.as_text(plan) for plan in plans)


def _do_own_run(
    own: own_run.OwnRun, params: Params, machines: Machines | None, root: Path
) -> sources.UnbiasedRun:
    if machines is None:
        here = own_run.THIS_MACHINE
        machines = Machines(params.source, here, here, here, "3", {})
    check_machines(machines, ("fp",), root)
    check_user_files(machines, root)
    paths = RunPaths(root / own_run.FOLDER)
    paths.root.mkdir(parents=True, exist_ok=True)
    with locked(paths):
        reporter = reporter_on_stderr()
        open_log(paths, reporter.say)
        return own.do(machines.fp, reporter)
