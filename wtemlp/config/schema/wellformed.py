"""Whether a parameter file is well-formed, and whether a run can be made of it: two questions."""

from dataclasses import dataclass
from pathlib import Path

from wtemlp.config.params import load_params
from wtemlp.config.records import Params
from wtemlp.config.schema.plugin_keys import read_run_file
from wtemlp.config.schema.unsupported import unsupported
from wtemlp.core.errors import NotRunnable


@dataclass(frozen=True)
class Examined:
    """A well-formed parameter file."""

    params: Params | None  #: None: no run can be made of it
    problems: tuple[NotRunnable, ...] = ()  #: why not


def examine_params(path: Path, root: Path) -> Examined:
    """Look at a parameter file alone: its keys, their types and their values.

    Parameters
    ----------
    path : Path
        The file.
    root : Path
        The run's folder.

    Returns
    -------
    Examined
        The values are looked at where every feature is one that this version has.

    Raises
    ------
    InputError
        At the first mistake.
    """
    params = read_run_file(path)
    if features := tuple(unsupported(params)):
        return Examined(None, features)
    try:
        return Examined(load_params(path, root, check_files=False))
    except NotRunnable as error:
        return Examined(None, (error,))
