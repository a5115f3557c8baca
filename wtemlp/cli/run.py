"""What ``wtemlp run`` does."""

from pathlib import Path

from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.session.session import find_input, run_folder
from wtemlp.session.told import Told
from wtemlp.workflow.rehearsal import rehearse
from wtemlp.workflow.run import run


def run_command(param: Path, machine: Path, root: Path, **how: bool) -> None:
    """Do ``wtemlp run``; `how` are options of :func:`wtemlp.workflow.run.run`."""
    root = run_folder(root)
    param, machine = find_input(param, root), find_input(machine, root)
    params, machines = load_params(param, root), load_machines(machine, root)
    run(params, machines, root, **how)


def rehearse_command(param: Path, machine: Path, root: Path) -> Told:
    """Do ``wtemlp run --dry-run``."""
    root = run_folder(root)
    param, machine = find_input(param, root), find_input(machine, root)
    return rehearse(load_params(param, root), load_machines(machine, root), root)
