"""What a sweep's folder says, for a terminal: where its runs stand, and what they have come to."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wtemlp.core import shell_hints
from wtemlp.core.errors import InputError
from wtemlp.core.formatting import number
from wtemlp.core.paths import RunPaths
from wtemlp.records import state as states
from wtemlp.records import sweep_record
from wtemlp.records.summary import Summary, summaries
from wtemlp.records.sweep_record import Arm, Sweep, load_sweep
from wtemlp.session.lock import is_held
from wtemlp.session.progress import read_live
from wtemlp.sweep.folder import FOLDER, GIVEN, PARAM, START, Given, load_given

MISSING = "-"


def find_sweep(root: Path) -> Path | None:
    """The sweep in a folder, or in the one of its usual name below a folder without a run."""
    for folder in (root, root / FOLDER):
        if (folder / GIVEN).is_file() or (folder / sweep_record.FILE).is_file():
            return folder
        if RunPaths(root).state.exists():
            return None
    return None


def again(folder: Path, given: Given, sweep: Sweep) -> str:
    """The command that goes on with a sweep, as seen from the working directory."""
    param, machine = (shell_hints.shown(folder / file) for file in (sweep.param, sweep.machine))
    words = ["wtemlp", "sweep", param, machine, *given.options]
    if given.root.resolve() != Path().resolve():
        words += ["-C", shell_hints.shown(given.root)]
    if folder != given.root / FOLDER:
        words += ["-o", shell_hints.shown(folder)]
    return shlex.join(words)


@dataclass(frozen=True)
class _Row:
    """One run of a sweep."""

    what: str
    folder: str
    stand: str
    rows: Sequence[Summary]

    def cells(self) -> list[str]:
        labels = [row.labelled for row in self.rows if row.labelled is not None]
        errors = [row.force_rmse_meV_A for row in self.rows if row.force_rmse_meV_A is not None]
        course = MISSING
        if errors:
            course = number(errors[0])
            if len(errors) > 1:
                course += f" -> {number(errors[-1])}"
        return [self.what, self.folder, self.stand, str(sum(labels)), course]


def table(folder: Path, arms: Sequence[Arm]) -> str:
    """The arms with their labels and the force errors on the validation data, first to last."""
    rows = [_row(folder, arm.label, arm.folder) for arm in arms]
    head = ["arm", "folder", "stands", "labels", "RMSE F, meV/A"]
    return _aligned([head, *(row.cells() for row in rows)])


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    text = [
        "  ".join(
            cell.rjust(width) if place == 3 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    text.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
    return "\n".join(text)


def _row(folder: Path, what: str, name: str) -> _Row:
    paths = RunPaths(folder / name)
    try:
        state = states.load(paths)
    except InputError:
        return _Row(what, name, "cannot be read", ())
    live, held = read_live(paths.live), is_held(paths)
    if state is not None and state.finished and not held:
        stand = "finished"
    elif held:
        at = f"iteration {state.iteration}, {state.step.stage}" if state else "beginning"
        stand = f"{at}: running"
    elif live.get("error"):
        stand = "stopped" if live["error"] == "interrupted" else "failed"
    elif state is not None and read_live(paths.live):
        stand = f"iteration {state.iteration}, {state.step.stage}: stopped"
    else:
        stand = "not begun"
    return _Row(what, name, stand, summaries(paths))


def describe(folder: Path) -> str:
    """The text of ``wtemlp status`` of a sweep's folder.

    Raises
    ------
    InputError
        If its records are damaged.
    """
    sweep, given = load_sweep(folder), load_given(folder)
    paths = RunPaths(folder)
    held, live = is_held(paths), read_live(paths.live)
    if sweep is None:
        return f"sweep in {folder}: no run is made yet"
    rows = [_row(folder, arm.label, arm.folder) for arm in sweep.arms]
    done = sum(row.stand == "finished" for row in rows)
    lines = [f"sweep in {folder}: {done} of {len(rows)} runs finished"]
    if held:
        lines.append(f"a wtemlp is at work: {live.get('line', 'starting')}")
    elif done < len(rows):
        why = live.get("error", "").splitlines()
        lines.append(f"no wtemlp is at work on it{': ' + why[0] if why else ''}")
        lines.append(f"go on with: {again(folder, given, sweep)}")
    starts = sorted(one.parent.name for one in folder.glob(f"{START}*/{PARAM}"))
    begun = [_row(folder, "first training", name) for name in starts]
    begun = [row for row in begun if row.stand != "finished"]
    head = ["arm", "folder", "stands", "labels", "RMSE F, meV/A"]
    lines += ["", _aligned([head, *(row.cells() for row in (*begun, *rows))])]
    if done:
        lines.append(
            f"compare them with: {shlex.join(['wtemlp', 'compare', shell_hints.shown(folder)])}"
        )
    return "\n".join(lines)
