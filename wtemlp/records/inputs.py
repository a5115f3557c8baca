"""What each stage of each iteration was run with: ``iter.*/parameters.json``.

The parameter file may change while a run goes on; what it was when a stage was prepared is kept
with the iteration, and with it, by content, the data that were trained on and the reference.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from wtemlp.config.records import Params
from wtemlp.config.schema.read_files import Kind, read_object
from wtemlp.config.schema.section import without_secrets
from wtemlp.core.atomic_io import write_json
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.records.pins import Pins, content_of

STAGES = ("train", "explore", "label")
TRAINING_KEY = "default_training_param"
_LONGEST = 60  #: characters of a value in a line


@dataclass(frozen=True)
class StageInput:
    """What a stage was prepared with."""

    keys: Mapping[str, Any] = field(default_factory=dict)  #: the parameter file, as it was
    pins: Pins = field(default_factory=dict)  #: content: initial data (train), reference (label)


@dataclass(frozen=True)
class Change:
    """A key of the parameter file that is not what it was."""

    iteration: int
    stage: str
    key: str
    before: str  #: JSON; "" where it was not there
    after: str


def written(params: Params) -> dict[str, Any]:
    """The parameter file as its user wrote it; empty if it is not there any more."""
    try:
        found: dict[str, Any] = without_secrets(read_object(params.source, Kind.RUN))
    except InputError:
        return {}
    return found


def data_pins(params: Params, paths: RunPaths) -> dict[str, str]:
    """The initial data, by content."""
    folders = [paths.root / name for name in params.init_data_sys]
    return content_of({os.path.relpath(folder, paths.root): folder for folder in folders})


def keep(paths: RunPaths, iteration: int, stage: str, given: StageInput) -> None:
    """Note what a stage of an iteration is prepared with; its folder must exist."""
    known = {name: asdict(one) for name, one in read(paths, iteration).items()}
    write_json(paths.parameters(iteration), known | {stage: asdict(given)})


def read(paths: RunPaths, iteration: int) -> dict[str, StageInput]:
    """What the stages of an iteration were prepared with; none of what is missing or damaged."""
    try:
        content = json.loads(paths.parameters(iteration).read_bytes())
        return {name: StageInput(**one) for name, one in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def forget(paths: RunPaths, iteration: int, stages: Sequence[str]) -> None:
    """Forget what some stages of an iteration were prepared with."""
    known = {name: asdict(one) for name, one in read(paths, iteration).items()}
    if known:
        left = {name: one for name, one in known.items() if name not in stages}
        write_json(paths.parameters(iteration), left)


def training_changes(old: StageInput, new: StageInput) -> list[str]:
    """What a training would have another way now: data by content, and keys; for people."""
    olds, news = set(old.pins.values()), set(new.pins.values())  # whatever they are called now
    found = [f"the data {name}" for name, content in new.pins.items() if content not in olds]
    found += [f"the data {name}" for name, content in old.pins.items() if content not in news]
    key = TRAINING_KEY
    first, second = (dict(_flat(key, one.keys.get(key, {}))) for one in (old, new))
    keys = [name for name in sorted({*first, *second}) if first.get(name) != second.get(name)]
    return [*dict.fromkeys(found), *keys]


def changed_job(old: StageInput, new: StageInput, iteration: int) -> bool:
    """Whether an iteration's entry of ``model_devi_jobs`` is not what it explored with."""
    jobs = [one.keys.get("model_devi_jobs") or [] for one in (old, new)]
    if any(len(each) <= iteration for each in jobs):
        return False
    first, second = (dict(_flat("", each[iteration])) for each in jobs)
    return any(
        first.get(key) != second.get(key)
        for key in first.keys() | second.keys()
        if not key.rpartition(".")[2].startswith("_")
    )


def changes(paths: RunPaths, iterations: int) -> list[Change]:
    """All that has changed in the parameter file from stage to stage of a run.

    Parameters
    ----------
    paths : RunPaths
    iterations : int
        How many have begun.
    """
    found: list[Change] = []
    last: dict[str, str] | None = None
    for iteration in range(iterations):
        kept = read(paths, iteration)
        for stage in (stage for stage in STAGES if stage in kept):
            now = dict(_flat("", kept[stage].keys)) if kept[stage].keys else last
            if last is not None and now is not None:
                found += [
                    Change(iteration, stage, key, _short(last.get(key)), _short(now.get(key)))
                    for key in sorted(last.keys() | now.keys())
                    if last.get(key) != now.get(key)
                ]
            last = now
    return found


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        for index, inner in enumerate(value):
            yield from _flat(f"{name}[{index}]", inner)
    else:
        yield name, json.dumps(value, sort_keys=True, default=str)


def _short(text: str | None) -> str:
    if text is None:
        return ""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
