"""What ``wtemlp compare`` does, from folders to the files that it leaves."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wtemlp.comparison import page, table
from wtemlp.comparison.compare import compare as compare_folders
from wtemlp.core import paths, shell_hints
from wtemlp.core.atomic_io import write_text
from wtemlp.core.errors import InputError
from wtemlp.records import sweep_record
from wtemlp.report.figures.figure import Figure
from wtemlp.report.paper.export import FORMATS, export_figures

OUTPUT = "compare"  #: the folder that is written, unless another is named
TABLE_CSV, TABLE_JSON = "table.csv", "table.json"
FIGURES = "figures"  #: folder of the figures as files


def compare(
    directories: Sequence[Path], out: Path, say: Callable[[str], object] = lambda line: None
) -> str:
    """Compare runs, and write the page, the tables and the figures.

    Nothing is started, and nothing but `out` is written.

    Parameters
    ----------
    directories : sequence of Path
        Folders of runs and of sweeps.
    out : Path
        Folder for what is written; made if it is not there.
    say : callable
        Takes a line on how far it is.

    Returns
    -------
    str
        What a terminal shows.

    Raises
    ------
    InputError
        If a folder holds no run, or `out` is one of a run; nothing is written then.
    """
    _check_out(out)
    comparison = compare_folders(directories, say)
    out.mkdir(parents=True, exist_ok=True)
    drawn = page.figures(comparison)
    content = table.as_json(comparison) | {
        "directories": [os.path.relpath(one.resolve(), out.resolve()) for one in directories]
    }
    for run in content["runs"]:
        run["folder"] = os.path.relpath(run["folder"], out.resolve())
    write_text(out / TABLE_JSON, table.dump(content))
    write_text(out / TABLE_CSV, table.as_csv(comparison))
    say("drawing the figures")
    _export(drawn, out / FIGURES)
    target = out / paths.REPORT
    write_text(target, page.render(comparison, _title(directories), drawn))
    return f"{table.describe(comparison)}\n\nwrote {shell_hints.shown(target)}"


def compared(folder: Path) -> tuple[list[Path], Path] | None:
    """What is to be compared again for the page of a folder, and where that goes.

    Parameters
    ----------
    folder : Path
        Of a sweep, or one that :func:`compare` wrote.

    Returns
    -------
    (list of Path, Path) or None
        Arguments for :func:`compare`; None where the folder is neither.
    """
    if (folder / paths.STATE).is_file():
        return None
    if (folder / sweep_record.FILE).is_file():
        return [folder], folder / OUTPUT
    if not (folder / TABLE_JSON).is_file():
        return None
    try:
        content: dict[str, Any] = json.loads((folder / TABLE_JSON).read_text())
        return [folder / one for one in content["directories"]], folder
    except (OSError, ValueError, KeyError, TypeError):
        return None


def compared_again(folder: Path, say: Callable[[str], object] = lambda line: None) -> Path:
    """Compare what belongs to a folder anew, as :func:`compared` has it.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        As :func:`compare`; or the folder is neither a sweep's nor a comparison's.
    """
    known = compared(folder)
    if known is None:
        raise InputError(
            shell_hints.shown(folder),
            "is no sweep and no comparison",
            "compare runs with: wtemlp compare DIR...",
        )
    directories, out = known
    compare(directories, out, say)
    return out / paths.REPORT


def _check_out(out: Path) -> None:
    shown = shell_hints.shown(out)
    if out.exists() and not out.is_dir():
        raise InputError(f"-o {shown}", "is a file", "name a folder")
    for name, what in ((paths.STATE, "a run"), (sweep_record.FILE, "a sweep")):
        if (out / name).exists():
            raise InputError(f"-o {shown}", f"is the folder of {what}", "name one of its own")


def _export(drawn: Sequence[Figure], folder: Path) -> None:
    """Write the figures' files; those of an earlier comparison that have no data now go."""
    for figure in drawn:
        if not figure.plots:
            for ending in (*FORMATS, "csv"):
                (folder / f"{figure.key}.{ending}").unlink(missing_ok=True)
    export_figures(drawn, folder)


def _title(directories: Sequence[Path]) -> str:
    names = [one.resolve().name for one in directories]
    return names[0] if len(names) == 1 else f"{len(names)} folders: {', '.join(names[:6])}"
