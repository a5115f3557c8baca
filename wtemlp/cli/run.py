"""What ``wtemlp run`` does."""

from pathlib import Path

from wtemlp.config.keys.machine import Stage
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.preflight.fp_inputs import check_labels
from wtemlp.preflight.installed_engines import check_backend, check_machines, check_ranks
from wtemlp.preflight.plumed_lines import check_plumed_lines
from wtemlp.preflight.reference_trial import try_reference
from wtemlp.preflight.user_files import check_included, check_user_files
from wtemlp.records.compatibility import check_run
from wtemlp.records.summary import summaries, total_time
from wtemlp.report.table import format_table
from wtemlp.session.live_report import LivePage, write_run_page
from wtemlp.session.session import at_work, find_input, run_folder
from wtemlp.stages.context import RunContext
from wtemlp.workflow.dpgen_loop import loop_of


def run_command(param: Path, machine: Path, root: Path) -> None:
    """Do ``wtemlp run``."""
    root = run_folder(root)
    param, machine = find_input(param, root), find_input(machine, root)
    params = load_params(param, root)
    machines = load_machines(machine, root)
    check_machines(machines, Stage, root)
    check_backend(params, machines)
    check_ranks(params, machines)
    check_user_files(machines, root)
    check_included(params, machines, root)
    check_plumed_lines(params, machines, root)
    check_labels(params, machines, root)
    paths = RunPaths(root)
    check_run(params, machines, paths)
    notes = [] if paths.state.exists() else try_reference(params, machines, root)
    page = LivePage(root)
    with at_work(paths, "run", param, machine) as reporter:
        for note in notes:
            reporter.say(f"warning: {note}")
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
