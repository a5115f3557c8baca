"""Runs compared: read, and put beside each other."""

from collections.abc import Callable, Sequence
from pathlib import Path

from wtemlp.comparison.compute import compare_runs
from wtemlp.comparison.result import Comparison
from wtemlp.comparison.sources import read_sources


def compare(
    directories: Sequence[Path], say: Callable[[str], object] = lambda line: None
) -> Comparison:
    """Read runs and compare them; nothing is written.

    Parameters
    ----------
    directories : sequence of Path
        Folders of runs and of sweeps.
    say : callable, optional
        Takes a line on how far it is.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If a folder holds no run.
    """
    found = read_sources(directories, say)
    return compare_runs(found.runs, found.notes)
