"""Which runs are compared: the folders that a user names, sweeps taken apart."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wtemlp.comparison import records
from wtemlp.comparison.reading import read_run, summaries_of
from wtemlp.config.keys.labels import Picking
from wtemlp.core import shell_hints
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.records import state as states
from wtemlp.records import sweep_record
from wtemlp.records.state import RunState
from wtemlp.records.summary import Summary
from wtemlp.report.figures.style import gamma
from wtemlp.report.sampling import samplings


@dataclass(frozen=True)
class Sources:
    """The runs, and what is not among them."""

    runs: tuple[records.Run, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    """A folder with a run in it."""

    folder: Path
    name: str
    state: RunState
    arm: records.ComparedArm | None  #: of a sweep; None: to be told from the run


def read_sources(
    directories: Sequence[Path], say: Callable[[str], object] = lambda line: None
) -> Sources:
    """Read all runs in the folders.

    Parameters
    ----------
    directories : sequence of Path
        Folders of runs and of sweeps.
    say : callable
        Takes a line on how far it is.

    Returns
    -------
    Sources

    Raises
    ------
    InputError
        If one of them has neither, or none of them has a run that has begun.
    """
    found: list[_Found] = []
    notes: list[str] = []
    for directory in directories:
        folder = directory.resolve()
        if (folder / sweep_record.FILE).is_file():
            found += _of_sweep(folder, shell_hints.shown(directory), notes)
        else:
            found.append(_Found(folder, folder.name, _state(folder, directory), None))
    found = list({one.folder: one for one in found}.values())
    if not found:
        where = " ".join(shell_hints.shown(one) for one in directories)
        raise InputError(
            where, "no run has begun there", "start them with: wtemlp sweep PARAM MACHINE"
        )
    runs = []
    for number, one in enumerate(_with_own_names(found), 1):
        say(f"reading {one.name} ({number} of {len(found)})")
        arm = one.arm or _own_arm(one, notes)
        runs.append(read_run(one.folder, one.name, arm, one.state))
    return Sources(tuple(_with_labels(_with_high_t(runs))), tuple(notes))


def _state(folder: Path, named: Path) -> RunState:
    shown = shell_hints.shown(named)
    if not folder.is_dir():
        raise InputError(shown, "there is no such folder", "give the folders of runs or sweeps")
    state = states.load(RunPaths(folder))
    if state is None:
        raise InputError(
            shown,
            "there is no run in it, and no sweep",
            f"give the folder of one (that with {RunPaths(folder).state.name} "
            f"or {sweep_record.FILE})",
        )
    return state


def _of_sweep(folder: Path, shown: str, notes: list[str]) -> list[_Found]:
    file = folder / sweep_record.FILE
    try:
        sweep = sweep_record.load(file)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{shown}/{file.name}", f"is damaged ({error})", "give the runs' folders themselves"
        ) from error
    seeds = Counter(arm.name for arm in sweep.arms)
    found = []
    for arm in sweep.arms:
        name = arm.name if seeds[arm.name] == 1 else f"{arm.name}, seed {arm.seed}"
        place = (folder / arm.folder).resolve()
        state = states.load(RunPaths(place))
        if state is None:
            notes.append(f"{name} is left out: it has not begun.")
            continue
        common = records.ComparedArm(
            key=f"{folder}:{arm.name}",
            name=arm.name,
            label=gamma(arm.label.replace("g = ", "g=")),
            biasfactors=(float(arm.biasfactor),),
            temperature_K=float(arm.temperature_K),
            selection=arm.selection,
            baseline=arm.baseline,
        )
        found.append(_Found(place, name, state, common))
    return found


def _own_arm(one: _Found, notes: list[str]) -> records.ComparedArm:
    """What a run of its own has in common with those of other seeds: its parameters."""
    rows = summaries_of(one.folder)
    factors, temperatures = _conditions(rows)
    selection = rows[-1].selection if rows else Picking.DEVIATION
    unbiased = factors == (1.0,)
    content = _parameters(one.folder, one.state)
    if content is None:
        notes.append(
            f"{one.name}: its parameter file ({one.state.params}) cannot be read, so it "
            "stands alone, not with runs of other seeds."
        )
    key = str(one.folder) if content is None else _digest(content)
    baseline = records.UNBIASED if unbiased else records.BIASED
    return records.ComparedArm(
        key=key,
        name=one.name,
        label=_label(rows, factors, selection),
        biasfactors=factors,
        temperature_K=temperatures[0] if len(temperatures) == 1 else None,
        selection=selection,
        baseline=records.RANDOM_PICKS if selection == Picking.RANDOM else baseline,
    )


def _conditions(rows: Sequence[Summary]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Bias factors asked for, and temperatures; of windows only those that came out."""
    factors: set[float] = set()
    temperatures: set[float] = set()
    for walker in (walker for row in rows for walker in row.walkers):
        if walker.window_K is None and walker.asked is not None:
            factors.add(walker.asked)
        if walker.temperature_K is not None:
            temperatures.add(walker.temperature_K)
    return tuple(sorted(factors)), tuple(sorted(temperatures))


def _label(rows: Sequence[Summary], factors: tuple[float, ...], selection: str) -> str:
    random = ", random picks" if selection == Picking.RANDOM else ""
    if factors == (1.0,):
        return f"unbiased MD{random}"
    if factors:
        return "γ = " + ", ".join(f"{one:g}" for one in factors) + random
    found = samplings(walker for row in rows for walker in row.walkers)
    return ", ".join(gamma(one.name(given)) for one, given in found.items()) + random


def _parameters(folder: Path, state: RunState) -> Any:
    """A run's parameter file; None where it has gone."""
    try:
        return json.loads((folder / state.params).read_text())
    except (OSError, ValueError):
        return None


def _digest(content: Any) -> str:
    """The same for parameters that differ by seeds and comments alone."""
    text = json.dumps(_without_seeds(content), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _without_seeds(content: Any) -> Any:
    if isinstance(content, dict):
        return {
            key: _without_seeds(value)
            for key, value in content.items()
            if key != "seed" and not key.startswith("_comment")
        }
    return [_without_seeds(one) for one in content] if isinstance(content, list) else content


def _with_own_names(found: list[_Found]) -> list[_Found]:
    """Runs of one name are told apart by the folders above them."""
    names = Counter(one.name for one in found)
    result = []
    for one in found:
        depth = 2
        alike = [other for other in found if other.name == one.name]
        while names[one.name] > 1 and depth < len(one.folder.parts):
            tails = Counter(other.folder.parts[-depth:] for other in alike)
            if max(tails.values()) == 1:
                break
            depth += 1
        own = "/".join(one.folder.parts[-depth:])
        result.append(replace(one, name=own) if names[one.name] > 1 else one)
    return result


def _with_labels(runs: Sequence[records.Run]) -> list[records.Run]:
    """Arms of one label are told apart by the names of their runs."""
    first: dict[str, records.Run] = {}
    for run in runs:
        first.setdefault(run.arm.key, run)
    shared = Counter(run.arm.label for run in first.values())
    result = []
    for run in runs:
        name, arm = first[run.arm.key].name, first[run.arm.key].arm
        label = arm.label
        if not label or shared[label] > 1:
            label = f"{label} ({name})" if label else name
        result.append(replace(run, arm=replace(arm, label=label)))
    return result


def _with_high_t(runs: Sequence[records.Run]) -> list[records.Run]:
    """Unbiased runs hotter than the biased ones are the baseline of a higher temperature."""
    biased = [run.arm.temperature_K for run in runs if run.arm.baseline == records.BIASED]
    known = [one for one in biased if one is not None]
    result = []
    for run in runs:
        arm = run.arm
        hot = known and arm.temperature_K is not None and arm.temperature_K > max(known)
        if arm.baseline == records.UNBIASED and hot:
            label = arm.label.replace("unbiased MD", f"unbiased MD at {arm.temperature_K:g} K")
            arm = replace(arm, baseline=records.HIGH_T, label=label)
        result.append(replace(run, arm=arm))
    return result
