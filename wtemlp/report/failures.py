"""What went wrong in a run and was dealt with, in words."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wtemlp.core import paths
from wtemlp.core.formatting import some
from wtemlp.dispatch.journal import JOURNAL
from wtemlp.records.labels import LabelOutcome
from wtemlp.records.summary import Summary

STAGES = ("train", "explore", "label")


@dataclass(frozen=True)
class Trouble:
    """What an iteration's files say of failures, beside its summary."""

    labels: Mapping[str, str] = field(default_factory=dict)  #: reason of each frame without one
    retried: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Failed attempts of tasks that came through in the end, by stage."""
    given_up: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What the tasks said that did not, by stage."""


def read_trouble(run: paths.RunPaths, index: int, outcomes: Sequence[LabelOutcome]) -> Trouble:
    """Read what is there; what cannot be read says nothing."""
    folders = (run.train(index), run.explore(index), run.label(index))
    retried: dict[str, dict[str, int]] = {}
    given_up: dict[str, dict[str, str]] = {}
    for stage, folder in zip(STAGES, folders, strict=True):
        journal = _read(folder / JOURNAL)
        lost = {str(k): str(v) for k, v in _dict(journal.get("failed")).items()}
        tried = {
            str(name): times
            for name, times in _dict(journal.get("failures")).items()
            if isinstance(times, int) and times > 0 and name not in lost
        }
        retried |= {stage: tried} if tried else {}
        given_up |= {stage: lost} if lost else {}
    labels = {one.frame: one.reason or "no reason is known" for one in outcomes if not one.labelled}
    return Trouble(labels, retried, given_up)


def _read(file: Path) -> dict[str, Any]:
    try:
        return _dict(json.loads(file.read_text()))
    except (OSError, ValueError):
        return {}


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def failures(
    summaries: Sequence[Summary], troubles: Mapping[int, Trouble] | None = None
) -> list[str]:
    """A line for each thing that went wrong and was dealt with.

    Parameters
    ----------
    summaries : sequence of Summary
    troubles : mapping of int to Trouble, optional
        By iteration.
    """
    lines = []
    for summary in summaries:
        trouble = (troubles or {}).get(summary.iteration, Trouble())
        found = [
            *_tasks(trouble),
            *_walkers(summary),
            *_lowered(summary),
            *_labels(summary, trouble),
        ]
        lines += [f"Iteration {summary.iteration}: {text}" for text in found]
    return lines


def _tasks(trouble: Trouble) -> list[str]:
    lines = []
    for stage, tasks in trouble.retried.items():
        times = sum(tasks.values())
        attempts = "1 attempt" if times == 1 else f"{times} attempts"
        named = some([f"{name}" for name in tasks])
        lines.append(f"{stage}: {attempts} failed and the task was run again ({named}).")
    for stage, lost in trouble.given_up.items():
        first = next(iter(lost.values())).splitlines()[0]
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        lines.append(f"{stage}: {first}{more}.")
    return lines


def _walkers(summary: Summary) -> list[str]:
    ended = [walker for walker in summary.walkers if walker.stopped]
    left = [walker for walker in ended if walker.left_grid]
    lines = []
    if left:
        lines.append(
            f"{len(left)} of {len(summary.walkers)} walkers ended early, their frames are kept; "
            f"{left[0].name}: {left[0].stopped}."
        )
    guarded = [walker for walker in ended if not walker.left_grid]
    if guarded:
        reasons = some([f"{walker.name}: {walker.stopped}" for walker in guarded], between="; ")
        lines.append(
            f"the guard stopped {len(guarded)} of {len(summary.walkers)} walkers; their last "
            f"frames count as failed and were not labelled ({reasons})."
        )
    alone = [walker for walker in summary.walkers if walker.alone]
    if alone:
        n, names = sum(walker.alone for walker in alone), some([walker.name for walker in alone])
        lines.append(
            f"{n} frames of {names} have an atom without neighbours within the models' cut-off, on "
            "which all models agree: they count as failed and were not labelled."
        )
    return lines


def _lowered(summary: Summary) -> list[str]:
    return [f"{note.text}." for note in summary.lowered]


def _labels(summary: Summary, trouble: Trouble) -> list[str]:
    if not summary.label_failures:
        return []
    by_reason: dict[str, int] = Counter(trouble.labels.values())
    reasons = some([f"{count} × {reason}" for reason, count in by_reason.items()], between="; ")
    return [
        f"{summary.label_failures} of {summary.selected or 0} labels failed and were left out"
        + (f" ({reasons})." if reasons else ".")
    ]
