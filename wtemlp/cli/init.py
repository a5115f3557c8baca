"""What ``wtemlp init`` does."""

from pathlib import Path

from wtemlp.config.init_params import load_init_params
from wtemlp.config.machine.sections import load_machines
from wtemlp.core import shell_hints
from wtemlp.core.paths import RunPaths
from wtemlp.initialize.checks import check_init
from wtemlp.initialize.reference import section_for
from wtemlp.initialize.workflow import run_init
from wtemlp.preflight.before import Begin, require
from wtemlp.session.session import at_work, find_input, run_folder


def run_init_command(param: Path, machine: Path, root: Path) -> None:
    """Do ``wtemlp init``."""
    root = run_folder(root)
    param, machine = find_input(param, root), find_input(machine, root)
    params = load_init_params(param, root)
    machines = load_machines(machine, root)
    plans = check_init(params, root)
    sampled = [plan for plan in plans if plan.input is not None]
    stages = {"fp", *(section_for(plan.params, machines).stage for plan in sampled)}
    require(Begin(root, machines, tuple(sorted(stages))))
    with at_work(RunPaths(root), "init", param, machine) as reporter:
        result = run_init(params, machines, root, reporter, plans)
        reporter.table(result.describe())
        reporter.say(f"go on with: {shell_hints.command('run', root)}")
