"""What went wrong in a run and was dealt with, in words."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wtemlp.core import paths
from wtemlp.core.formatting import some
from wtemlp.dispatch.journal import JOURNAL
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


def read_trouble(run: paths.RunPaths, index: int) -> Trouble:
    """Read what is there; what cannot be read says nothing."""
    folders = (run.train(index), run.explore(index), run.label(index))
    retried, given_up = {}, {}
    for stage, folder in zip(STAGES, folders, strict=True):
        journal = _read(folder / JOURNAL, dict)
        lost = {str(k): str(v) for k, v in _dict(journal.get("failed")).items()}
        tried = {
            str(name): times
            for name, times in _dict(journal.get("failures")).items()
            if isinstance(times, int) and times > 0 and name not in lost
        }
        retried |= {stage: tried} if tried else {}
        given_up |= {stage: lost} if lost else {}
    outcomes = _read(run.label(index) / paths.LABELS, list)
    labels = {
        str(one.get("frame")): str(one.get("reason") or "no reason is known")
        for one in outcomes
        if isinstance(one, dict) and not one.get("labelled", True)
    }
    return Trouble(labels, retried, given_up)


def _read(file: Path, kind: type) -> object:
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError):
        return kind()
    return content if isinstance(content, kind) else kind()


def _dict(value: object) -> dict:
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
    for stage, tasks in trouble.given_up.items():
        first = next(iter(tasks.values())).splitlines()[0]
        more = f" and {len(tasks) - 1} more" if len(tasks) > 1 else ""
        lines.append(f"{stage}: {first}{more}.")
    return lines


def _walkers(summary: Summary) -> list[str]:
    ended = [walker for walker in summary.walkers if walker.get("stopped")]
    left = [walker for walker in ended if walker.get("left_grid")]
    lines = []
    if left:
        lines.append(
            f"{len(left)} of {len(summary.walkers)} walkers ended early, their frames are kept; "
            f"{left[0].get('name')}: {left[0]['stopped']}."
        )
    guarded = [walker for walker in ended if not walker.get("left_grid")]
    if guarded:
        reasons = some(
            [f"{walker.get('name')}: {walker['stopped']}" for walker in guarded], between="; "
        )
        lines.append(
            f"the guard stopped {len(guarded)} of {len(summary.walkers)} walkers; their last "
            f"frames count as failed and were not labelled ({reasons})."
        )
    return lines


def _lowered(summary: Summary) -> list[str]:
    return [
        f"{note['text']}." for note in summary.lowered if isinstance(note, dict) and "text" in note
    ]


def _labels(summary: Summary, trouble: Trouble) -> list[str]:
    if not summary.label_failures:
        return []
    by_reason: dict[str, int] = Counter(trouble.labels.values())
    reasons = some([f"{count} × {reason}" for reason, count in by_reason.items()], between="; ")
    return [
        f"{summary.label_failures} of {summary.selected or 0} labels failed and were left out"
        + (f" ({reasons})." if reasons else ".")
    ]
