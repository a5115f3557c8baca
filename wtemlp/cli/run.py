"""What ``wtemlp run`` does."""

from pathlib import Path

from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.preflight.before import Begin, require
from wtemlp.records.summary import summaries, total_time
from wtemlp.report.table import format_table
from wtemlp.session.live_report import LivePage, write_run_page
from wtemlp.session.session import at_work, find_input, run_folder
from wtemlp.stages.context import RunContext
from wtemlp.workflow.loop import Loop


def run_command(param: Path, machine: Path, root: Path) -> None:
    """Do ``wtemlp run``."""
    root = run_folder(root)
    param, machine = find_input(param, root), find_input(machine, root)
    params = load_params(param, root)
    machines = load_machines(machine, root)
    require(Begin(root, machines, params=params, explores=True, goes_on=True))
    paths = RunPaths(root)
    page = LivePage(root)
    with at_work(paths, "run", param, machine) as reporter:
        try:
            loop = Loop.open(RunContext(params, machines, paths), reporter, page.keep)
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
