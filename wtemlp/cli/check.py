"""What ``wtemlp check`` does."""

from collections.abc import Callable
from pathlib import Path

from wtemlp.preflight.checks import check_everything
from wtemlp.preflight.findings import Findings
from wtemlp.session.session import find_input, run_folder


def check_command(
    param: Path,
    machine: Path | None,
    root: Path,
    say: Callable[[str], object],
    *,
    schema_only: bool,
    submit: bool,
) -> int:
    """Do ``wtemlp check``.

    Parameters
    ----------
    param, machine, root : Path
        As for ``wtemlp run``; without a machine file the parameter file alone is looked at.
    say : callable
        Takes a line for the user.
    schema_only, submit : bool
        As :func:`wtemlp.preflight.checks.check_everything` wants them.

    Returns
    -------
    int
        The exit code.
    """
    root, findings = run_folder(root), Findings(lambda finding: say(finding.line))
    param, machine = find_input(param, root), machine and find_input(machine, root)
    check_everything(param, machine, root, findings, schema_only=schema_only, submit=submit)
    say(findings.summary)
    return findings.exit_code
