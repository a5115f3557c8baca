"""What ``wtemlp run`` does."""

from pathlib import Path

from wtemlp.at_work import at_work, find_input, run_folder
from wtemlp.config.machine import load_machines
from wtemlp.config.params import load_params
from wtemlp.errors import InputError
from wtemlp.first import check_run
from wtemlp.loop_dpgen import loop_of
from wtemlp.paths import RunPaths
from wtemlp.plumed_lines import check_plumed_lines
from wtemlp.preflight import check_backend, check_machines
from wtemlp.rehearsal import check_labels
from wtemlp.report.table import format_table
from wtemlp.run_page import LivePage, write_run_page
from wtemlp.stages.context import RunContext
from wtemlp.summary import summaries, total_time
from wtemlp.user_files import check_user_files


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
