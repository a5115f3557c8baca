"""The shapes that DP-GEN takes a machine file in, brought into the one that its schema knows."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from dargs import Argument

from wtemlp.config.keys.machine import Stage
from wtemlp.config.schema.section import Section, wrong_value
from wtemlp.config.schema.unknown_keys import is_foreign
from wtemlp.core.errors import InputError, together

E = TypeVar("E", bound=InputError)
FOREIGN = "has no effect: neither DP-GEN nor dpdispatcher nor wtemlp reads it; remove it"
OLD = "is of DP-GEN's dispatcher before api_version 1.0"
#: Keys of that dispatcher, and what is written now.
_OLD_MACHINE = {
    "machine_type": "write batch_type and context_type",
    "work_path": "write remote_root",
    "lazy_local": 'write "context_type": "LazyLocalContext"',
}
_OLD_RESOURCES = {
    "numb_node": "write number_node",
    "task_per_node": "write cpu_per_node",
    "numb_gpu": "write gpu_per_node",
    "partition": "write queue_name",
    "time_limit": 'write it into custom_flags, as "#SBATCH --time=1:00:00"',
    "with_mpi": "write mpirun into the command",
    "exclude_list": 'write it into custom_flags, as "#SBATCH --exclude=node1"',
}
_OLD_TOP = {
    "deepmd_path": "give the program in train.command",
    "python_path": "give the program in train.command",
}


@dataclass(frozen=True)
class OneShape:
    """A machine file's content with one object for each stage."""

    data: dict[str, Any]
    flat: frozenset[str]  #: stages that are written as ``train_machine``, not ``train.machine``
    ignored: tuple[InputError, ...]  #: what is there without any effect, to DP-GEN as here
    wrong: tuple[InputError, ...] = ()  #: batch systems that are not known

    def as_written(self, error: E) -> E:
        """An error with the names of the keys that are in the file."""
        for stage in self.flat:
            if error.problem.startswith(f"{stage}."):
                problem = f"{stage}_{error.problem.removeprefix(f'{stage}.')}"
                return type(error)(error.where, problem, error.remedy)
        return error


def in_one_shape(given: Mapping[str, Any], file: str, schema: Argument) -> OneShape:
    """Bring a machine file's content into the shape that the schema describes.

    DP-GEN also takes a list of machines for a stage, whose first it uses; keys as ``train_machine``
    without a section ``train``; keys with `comments` in them.

    Parameters
    ----------
    given : Mapping
        The file's content; not changed.
    file : str
        Its name, for messages.
    schema : Argument
        That of the machine file.

    Raises
    ------
    InputError
        If the file is for DP-GEN's old dispatcher.
    """
    data = copy.deepcopy(dict(given))
    ignored: list[InputError] = []
    flat = {stage for stage in Stage if _gather(data, stage)}
    for stage in Stage:
        section = data.get(stage)
        if isinstance(section, list):
            # The list is from times when the dispatcher chose among machines.
            if not section:
                raise wrong_value(file, (stage,), section, "must have one machine")
            if len(section) > 1:
                problem = f"{stage} has {len(section)} machines"
                ignored.append(InputError(file, problem, "the first is used: remove the others"))
            section = data[stage] = section[0]
        if isinstance(section, dict):
            data[stage] = {k: v for k, v in section.items() if "comments" not in k}
    shape = OneShape(data, frozenset(flat), ())
    if old := list(_old_keys(data, file)):
        raise together([shape.as_written(error) for error in old])
    wrong: list[InputError] = []
    ignored += _drop_foreign(data, file, schema)
    for stage in Stage:
        if isinstance(data.get(stage), dict):
            for part in ((), ("machine",), ("resources",)):
                there = data[stage].get(part[0]) if part else data[stage]
                ignored += _drop_foreign(there, file, schema, (stage, *part))
            ignored += _tidy(data[stage], file, schema, stage, wrong)
    ignored, wrong = ([shape.as_written(error) for error in errors] for errors in (ignored, wrong))
    return OneShape(data, frozenset(flat), tuple(ignored), tuple(wrong))


def _gather(data: dict[str, Any], stage: str) -> bool:
    """Move ``train_machine`` into ``train``, and so on; whether there was no such section."""
    prefix = f"{stage}_"
    names = [key for key in data if key.startswith(prefix)]
    section = data.get(stage, {})
    if isinstance(section, list):
        section = section[0] if section else None
    if not names or not isinstance(section, dict):
        return False
    for name in names:
        section.setdefault(name.removeprefix(prefix), data.pop(name))
    alone = stage not in data
    data.setdefault(stage, section)
    return alone


def _old_keys(data: Mapping[str, Any], file: str) -> Iterator[InputError]:
    for stage in Stage:
        section = data.get(stage)
        if not isinstance(section, dict):
            continue
        for part, keys in (("machine", _OLD_MACHINE), ("resources", _OLD_RESOURCES)):
            yield from _old_ones(section.get(part), keys, file, (stage, part))
    yield from _old_ones(data, _OLD_TOP, file, ())


def _old_ones(
    data: Any, keys: Mapping[str, str], file: str, path: tuple[str, ...]
) -> Iterator[InputError]:
    for key, instead in keys.items():
        if isinstance(data, Mapping) and key in data:
            remedy = f"{OLD}: {instead} (machines/ of wtemlp has examples)"
            yield wrong_value(file, (*path, key), data[key], remedy)


def _tidy(
    section: dict[str, Any], file: str, schema: Argument, stage: str, wrong: list[InputError]
) -> list[InputError]:
    """What dpdispatcher fills in, or leaves alone, where it loads the two parts of a section."""
    machine, resources = section.get("machine"), section.get("resources")
    if not isinstance(machine, dict):
        if isinstance(resources, dict):
            _as_shell(resources)
        return []
    machine.setdefault("local_root", "./")
    try:
        _check_batch_type(Section(file, machine, (stage, "machine")), schema, stage)
    except InputError as error:
        wrong.append(error)
        # So that the rest can be looked at, but for what depends on it.
        machine["batch_type"] = "Shell"
        if isinstance(resources, dict):
            _as_shell(resources)
    if not isinstance(resources, dict):
        return []
    # dpdispatcher's strict schema chooses the batch system here.
    resources.setdefault("batch_type", machine["batch_type"])
    fields = {part: set(schema[f"{stage}/{part}"].sub_fields) for part in ("machine", "resources")}
    return [
        *_drop_misplaced(machine, "machine", "resources", fields, file, stage),
        *_drop_misplaced(resources, "resources", "machine", fields, file, stage),
    ]


def _as_shell(resources: dict[str, Any]) -> None:
    """Have the rest of `resources` looked at, where its batch system is not known."""
    resources.pop("kwargs", None)
    resources["batch_type"] = "Shell"


def _drop_foreign(
    data: Any, file: str, schema: Argument, path: tuple[str, ...] = ()
) -> list[InputError]:
    """Keys that only other tools read, as forks of DP-GEN and dpgen2.

    One that is like a key of this place, or is known at another, is a slip, and stays: it is
    refused.
    """
    if not isinstance(data, dict):
        return []
    here = schema["/".join(path)] if path else schema
    fields = dict(here.sub_fields)
    names = [*here.sub_variants]
    for variant in here.sub_variants.values():
        for choice in variant.choice_dict.values():
            fields |= choice.sub_fields
    names += [*fields, *(alias for field in fields.values() for alias in field.alias)]
    return [
        wrong_value(file, (*path, key), data.pop(key), FOREIGN)
        for key in list(data)
        if key not in names and not key.startswith(("_", "$")) and is_foreign(key, names, schema)
    ]


def _drop_misplaced(
    data: dict[str, Any],
    part: str,
    other: str,
    fields: Mapping[str, set[str]],
    file: str,
    stage: str,
) -> list[InputError]:
    """Keys of the one part that are written in the other: nobody reads them there."""
    known = fields[part] | {"batch_type", "context_type"}
    remedy = f"has no effect here: it is a key of {stage}.{other}"
    return [
        wrong_value(file, (stage, part, key), data.pop(key), remedy)
        for key in list(data)
        if key not in known and key in fields[other]
    ]


def _check_batch_type(machine: Section, schema: Argument, stage: str) -> None:
    """The machine's schema takes any string; the batch systems are the choices of resources."""
    variant = schema[f"{stage}/resources"].sub_variants["batch_type"]
    names = ", ".join(f'"{name}"' for name in sorted(variant.choice_dict))
    if "batch_type" not in machine:
        raise machine.missing("batch_type", f"add it: one of {names}")
    given = machine["batch_type"]
    known = isinstance(given, str) and (
        given in variant.choice_dict or given in variant.choice_alias
    )
    if not known:
        raise machine.wrong("batch_type", f"must be one of {names}")
