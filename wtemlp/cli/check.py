"""What ``wtemlp check`` does."""

import json
from collections.abc import Callable
from dataclasses import asdict
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
    as_json: bool = False,
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
    as_json : bool
        Whether to say all at the end, as JSON.

    Returns
    -------
    int
        The exit code.
    """
    root, findings = (
        run_folder(root),
        Findings(lambda finding: None if as_json else say(finding.line)),
    )
    param, machine = find_input(param, root), machine and find_input(machine, root)
    check_everything(param, machine, root, findings, schema_only=schema_only, submit=submit)
    if as_json:
        found = [asdict(one) | {"level": one.level.value} for one in findings.all]
        say(json.dumps({"findings": found, "exit_code": findings.exit_code}, indent=1))
        return findings.exit_code
    say(findings.summary)
    return findings.exit_code
