"""Reading the machine file: where and how the tasks run."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wtemlp.config.keys.machine import Stage
from wtemlp.config.machine.shapes import in_one_shape
from wtemlp.config.records import Machines, MachineSection
from wtemlp.config.schema.dpgen_schema import machine_schema
from wtemlp.config.schema.messages import validated
from wtemlp.config.schema.read_files import Kind, read_object
from wtemlp.config.schema.section import Section
from wtemlp.core.errors import InputError, NotRunnable
from wtemlp.dpgen import adapter

USER_FILES = ("user_forward_files", "user_backward_files")


def load_machines(path: Path, root: Path) -> Machines:
    """Read and check a machine file.

    Parameters
    ----------
    path : Path
        The file.
    root : Path
        The run's folder: relative paths in the file are relative to it.

    Returns
    -------
    Machines
        What the file says, dpdispatcher's defaults filled in.

    Raises
    ------
    InputError
        At the first mistake.  Nothing is written.
    """
    machines, _, problems = examine_machines(path)
    for problem in problems:
        raise problem
    return machines


def examine_machines(
    path: Path,
) -> tuple[Machines, tuple[InputError, ...], list[NotRunnable]]:
    """Read a machine file, and tell what is well-formed but of no use.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Machines
        What the file says.
    tuple of InputError
        What is there without any effect.
    list of NotRunnable
        Why no task can be run with it.

    Raises
    ------
    InputError
        At the first mistake.
    """
    schema = machine_schema()
    shape = in_one_shape(read_object(path, Kind.MACHINE), path.name, schema)
    try:
        data = Section(path.name, validated(schema, shape.data, path.name))
        problems = list(_problems_with_versions(data))
        for stage in Stage:
            _check_envs(data.section(stage).section("resources"))
    except InputError as error:
        raise shape.as_written(error) from None
    for stage in Stage:
        problems += map(shape.as_written, _problems(data.section(stage)))
    train, model_devi, fp = (_record(data.section(stage), stage) for stage in Stage)
    machines = Machines(
        source=path,
        train=train,
        model_devi=model_devi,
        fp=fp,
        deepmd_version=data["deepmd_version"],
        mdata=adapter.flat_mdata(_without_user_files(data.data)),
    )
    return machines, shape.ignored, problems


def _without_user_files(data: Mapping[str, Any]) -> dict[str, Any]:
    """wtemlp hands the user's files on itself, in the same way for all stages."""
    result = dict(data)
    for stage in Stage:
        result[stage] = {k: v for k, v in data[stage].items() if k not in USER_FILES}
    return result


def _problems_with_versions(data: Section) -> Iterator[NotRunnable]:
    for key, lowest, highest, allowed in (
        ("api_version", 1, None, "must be 1.0"),
        ("deepmd_version", 2, 3, "must be a version 2 or 3 of DeePMD-kit, as 3.2.0"),
    ):
        match = re.match(r"(\d+)(\.|$)", data[key])
        if match is None:
            raise data.wrong(key, allowed)
        if int(match[1]) < lowest or (highest is not None and int(match[1]) > highest):
            yield NotRunnable.of(data.wrong(key, allowed))
    if data.get("handlers"):
        remedy = "not supported by this version of wtemlp, remove it"
        yield NotRunnable.of(data.wrong("handlers", remedy))


def _record(section: Section, stage: Stage) -> MachineSection:
    return MachineSection(
        stage=stage,
        command=section["command"].strip(),
        machine=section["machine"],
        resources=section["resources"],
        user_forward_files=tuple(section.get("user_forward_files", ())),
        user_backward_files=tuple(section.get("user_backward_files", ())),
    )


def _problems(section: Section) -> Iterator[NotRunnable]:
    """What DP-GEN's schema lets pass, and no task can be run with."""
    if not section["command"].strip():
        yield NotRunnable.of(section.wrong("command", "must be the command of the program"))
    machine = section.section("machine")
    context = machine["context_type"].lower().removesuffix("context")
    remote = machine.get("remote_root")
    if context in ("local", "ssh") and not remote:
        remedy = "add it: the folder that the tasks run in"
        yield NotRunnable.of(machine.missing("remote_root", remedy))
    elif context == "ssh" and not remote.startswith("/"):
        remedy = "must be an absolute path on the remote machine"
        yield NotRunnable.of(machine.wrong("remote_root", remedy))
    resources = section.section("resources")
    if resources.get("strategy", {}).get("if_cuda_multi_devices"):
        for key, good, words in (
            ("gpu_per_node", resources["gpu_per_node"] >= 1, "1 or more"),
            ("number_node", resources["number_node"] == 1, "1"),
        ):
            if not good:
                remedy = f"must be {words} with if_cuda_multi_devices"
                yield NotRunnable.of(resources.wrong(key, remedy))


def _check_envs(resources: Section) -> None:
    for name, value in resources["envs"].items():
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            remedy = f"{name!r} is not the name of an environment variable"
            raise resources.wrong("envs", remedy)
        scalars = value if isinstance(value, list) else [value]
        if not all(isinstance(item, (str, int, float)) for item in scalars):
            raise resources.wrong("envs", f"the value of {name} must be a string")
