"""Ending the jobs of all runs of a sweep."""

from collections.abc import Callable
from pathlib import Path

from wtemlp.core.errors import CalculationError, WtemlpError
from wtemlp.core.paths import RunPaths
from wtemlp.records.sweep_record import load_sweep
from wtemlp.session.lock import locked
from wtemlp.session.told import Told
from wtemlp.sweep.folder import PARAM, load_given
from wtemlp.sweep.listing import again


def cancel_sweep(folder: Path, cancel: Callable[[Path], Told]) -> Told:
    """End the jobs of all runs.

    Parameters
    ----------
    folder : Path
        The sweep's.
    cancel : callable
        Ends those of the run in a folder, and says what it did.

    Returns
    -------
    Told
        What was done, a line for each run; its facts: those of each, by its name.

    Raises
    ------
    WtemlpError
        A wtemlp is at work on the sweep: it would take the jobs for failed.
    CalculationError
        The jobs of some runs could not be ended; those of the others are.
    """
    sweep, given = load_sweep(folder), load_given(folder)
    done: dict[str, Told] = {}
    failed = []
    with locked(RunPaths(folder)):
        for run in sorted(file.parent for file in folder.glob(f"*/{PARAM}")):
            if not RunPaths(run).state.exists():
                continue
            try:
                done[run.name] = cancel(run)
            except WtemlpError as error:
                failed.append(f"{run.name}: {error}")
    lines = [f"{name}: {told.lines[0].partition(';')[0]}" for name, told in done.items()]
    if failed:
        raise CalculationError("\n".join(["some jobs could not be ended", *failed, *lines]))
    if sweep is not None:
        lines.append(f"go on with: {again(folder, given, sweep)}")
    runs = {name: told.facts for name, told in done.items()}
    return Told(lines or ["no run of this sweep has begun"], {"runs": runs})
