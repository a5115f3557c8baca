"""Reading the machine file: where and how the tasks run."""

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dargs import Argument

from wtemlp import dpgen_adapter
from wtemlp.config.files import Kind, read_object
from wtemlp.config.messages import validated
from wtemlp.config.records import Machines, MachineSection
from wtemlp.config.schema import HOST_KEY_CHECKING, STAGES, WORDS, machine_schema
from wtemlp.config.section import Section, wrong_value

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
    schema = machine_schema()
    given = _prepared(read_object(path, Kind.MACHINE), path.name, schema)
    data = Section(path.name, validated(schema, given, path.name))
    _check_versions(data)
    train, model_devi, fp = (_read_stage(data.section(stage), stage) for stage in STAGES)
    return Machines(
        source=path,
        train=train,
        model_devi=model_devi,
        fp=fp,
        deepmd_version=data["deepmd_version"],
        mdata=dpgen_adapter.flat_mdata(_without_user_files(data.data)),
    )


def _without_user_files(data: Mapping[str, Any]) -> dict[str, Any]:
    """wtemlp hands the user's files on itself, in the same way for all stages."""
    return {
        key: {k: v for k, v in value.items() if k not in USER_FILES} if key in STAGES else value
        for key, value in data.items()
    }


def _prepared(data: Mapping[str, Any], file: str, schema: Argument) -> dict[str, Any]:
    """The file's content in the one shape that the schema knows, of those that DP-GEN accepts."""
    result = copy.deepcopy(dict(data))
    for stage in STAGES:
        section = result.get(stage)
        if isinstance(section, list):
            # DP-GEN's older files list the machines to choose from; the first is taken.
            if not section:
                raise wrong_value(file, (stage,), section, "must have one machine")
            section = result[stage] = section[0]
        if not isinstance(section, dict):
            continue
        result[stage] = section = {k: v for k, v in section.items() if "comments" not in k}
        machine, resources = section.get("machine"), section.get("resources")
        if isinstance(machine, dict):
            machine.setdefault("local_root", "./")
            _check_batch_type(Section(file, machine, (stage, "machine")), schema, stage)
            if isinstance(resources, dict):
                # dpdispatcher's strict schema chooses the batch system here.
                resources.setdefault("batch_type", machine["batch_type"])
    return result


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


def _check_versions(data: Section) -> None:
    for key, lowest, highest, allowed in (
        ("api_version", 1, None, "must be 1.0"),
        ("deepmd_version", 2, 3, "must be a version 2 or 3 of DeePMD-kit, as 3.2.0"),
    ):
        match = re.match(r"(\d+)(\.|$)", data[key])
        major = int(match[1]) if match else 0
        if major < lowest or (highest is not None and major > highest):
            raise data.wrong(key, allowed)


def _read_stage(section: Section, stage: str) -> MachineSection:
    if not section["command"].strip():
        raise section.wrong("command", "must be the command of the program")
    _check_machine(section.section("machine"))
    _check_resources(section.section("resources"))
    return MachineSection(
        stage=stage,
        command=section["command"].strip(),
        machine=section["machine"],
        resources=section["resources"],
        user_forward_files=tuple(section.get("user_forward_files", ())),
        user_backward_files=tuple(section.get("user_backward_files", ())),
    )


def _check_machine(machine: Section) -> None:
    if machine["local_root"] not in ("./", "."):
        raise machine.wrong("local_root", 'must be "./": the run\'s folder')
    machine.integer("retry_count", 0)
    for key in ("poll_seconds", "outage_seconds"):
        if key in machine and not 0 <= machine[key] < float("inf"):
            raise machine.wrong(key, "must be 0 or more (s)")
    checking = machine.get("strict_host_key_checking", HOST_KEY_CHECKING[0])
    if checking not in HOST_KEY_CHECKING:
        raise machine.wrong("strict_host_key_checking", f"must be one of {WORDS}")
    context = machine["context_type"].lower().removesuffix("context")
    remote = machine.get("remote_root")
    if context in ("local", "ssh"):
        if not remote:
            raise machine.missing("remote_root", "add it: the folder that the tasks run in")
        if context == "ssh" and not remote.startswith("/"):
            raise machine.wrong("remote_root", "must be an absolute path on the remote machine")


def _check_resources(resources: Section) -> None:
    for key in ("number_node", "cpu_per_node", "para_deg"):
        resources.integer(key)
    for key in ("gpu_per_node", "group_size"):
        resources.integer(key, 0)
    if resources.get("strategy", {}).get("if_cuda_multi_devices") is True:
        if resources["gpu_per_node"] < 1:
            raise resources.wrong("gpu_per_node", "must be 1 or more with if_cuda_multi_devices")
        if resources["number_node"] != 1:
            raise resources.wrong("number_node", "must be 1 with if_cuda_multi_devices")
    if resources["wait_time"] < 0:
        raise resources.wrong("wait_time", "must be 0 or more (s)")
    for name, value in resources["envs"].items():
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            remedy = f"{name!r} is not the name of an environment variable"
            raise resources.wrong("envs", remedy)
        scalars = value if isinstance(value, list) else [value]
        if not all(isinstance(item, (str, int, float)) for item in scalars):
            raise resources.wrong("envs", f"the value of {name} must be a string")
