"""What to type next: command lines that can be pasted into the shell that the user is in."""

import os
import shlex
from pathlib import Path


def command(name: str, root: Path, *files: Path | str) -> str:
    """A command of wtemlp for a run's folder, as seen from the working directory.

    Parameters
    ----------
    name : str
        As ``"run"``.
    root : Path
        The run's folder, absolute; ``-C`` is written where it is not the working directory.
    *files : Path or str
        Its parameter and machine file, absolute or relative to `root`; none: the words
        ``PARAM MACHINE``.

    Returns
    -------
    str
        With quotes around what a shell would take apart.
    """
    named = [shown(root / file) for file in files] or ["PARAM", "MACHINE"]
    return there(name, root, *named)


def there(name: str, root: Path, *words: str) -> str:
    """A command that takes a run's folder as ``-C``, with words of its own, as ``rewind``."""
    folder = [] if root.resolve() == Path().resolve() else ["-C", shown(root)]
    return shlex.join(["wtemlp", *name.split(), *folder, *words])


def status(root: Path) -> str:
    """The command that shows where the run in a folder stands."""
    return shlex.join(["wtemlp", "status", shown(root)])


def alone(name: str, root: Path) -> str:
    """A command that takes a run's folder and nothing else, as ``export`` or ``cancel``."""
    folder = [] if root.resolve() == Path().resolve() else [shown(root)]
    return shlex.join(["wtemlp", name, *folder])


def labels(what: str, root: Path, place: Path | None = None) -> str:
    """The command that writes frames to label out (``"export"``), or takes labels in.

    Parameters
    ----------
    what : str
    root : Path
        The run's folder, absolute.
    place : Path, optional
        The folder of the frames; by default the word ``FOLDER``.
    """
    return there(f"labels {what}", root, "FOLDER" if place is None else shown(place))


def shown(path: Path) -> str:
    """A path from the working directory or from the root, whichever is shorter."""
    return min(os.path.relpath(path), os.path.normpath(path.absolute()), key=len)


def kept(path: Path, root: Path) -> str:
    """How a run keeps the name of an input file: relative to its folder, which may be moved."""
    return os.path.relpath(path.absolute(), root)
