"""Reading the machine file: where and how the tasks run."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from wtemlp.config.keys.machine import Stage
from wtemlp.config.machine.own_programs import with_front_ends
from wtemlp.config.machine.queue_flags import idle_flags, refuse_flags
from wtemlp.config.machine.shapes import in_one_shape
from wtemlp.config.machine.shell_command import (
    dash_or_comment,
    drops_arguments,
    parts_of,
    program_words,
    syntax_error,
    take_apart,
)
from wtemlp.config.records import Machines, MachineSection
from wtemlp.config.schema.dpgen_schema import machine_schema
from wtemlp.config.schema.messages import validated
from wtemlp.config.schema.read_files import Kind, read_object
from wtemlp.config.schema.section import Section, wrong_value
from wtemlp.core.errors import InputError, NotRunnable, together
from wtemlp.dpgen import adapter

USER_FILES = ("user_forward_files", "user_backward_files")
#: Lists of words that dpdispatcher takes as they are, and what they are to the shell.
_STATIC = {
    "source_list": "source",
    "module_list": "module load",
    "module_unload_list": "module unload",
}
#: In a value that a shell would expand, and that dpdispatcher hands on as it is.
_EXPANDED = re.compile(r"\$(\w|\{|\()|`")
#: A user, a port or a protocol beside the name of a host; an IPv6 address has several colons.
_NO_HOST = re.compile(r"[@\s/]|^[^:]*:[^:]*$|^-|^$")
_HOME = re.compile(r"(^|:)~(/|:|$)")


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
        What the file says, dpdispatcher's defaults filled in; wtemlp's front ends of ``dp`` and
        ``lmp`` where they do the same.

    Raises
    ------
    InputError
        At the first mistake.  Nothing is written.
    """
    machines, ignored, problems = examine_machines(path)
    for problem in problems:
        raise problem
    return replace(machines, warnings=tuple(map(str, ignored)))


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
        With all that is wrong, one line each.
    """
    schema = machine_schema()
    shape = in_one_shape(read_object(path, Kind.MACHINE), path.name, schema)
    wrong = list(shape.wrong)
    try:
        data = Section(path.name, validated(schema, shape.data, path.name))
    except InputError as error:
        raise together([*wrong, *map(shape.as_written, error.each)]) from None
    if wrong:
        raise together(wrong)
    problems: list[NotRunnable] = []
    try:
        problems += _problems_with_versions(data)
    except InputError as error:
        wrong.append(error)
    for stage in Stage:
        try:
            _check_values(data.section(stage))
            _prepare_in_the_job(data.data[stage])
            _refuse_several_programs(data.section(stage))
        except InputError as error:
            wrong += map(shape.as_written, error.each)
    if wrong:
        raise together(wrong)
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
    machines = with_front_ends(machines)
    idle = [e for stage in Stage for e in idle_flags(data.section(stage).section("resources"))]
    return machines, (*shape.ignored, *map(shape.as_written, idle)), problems


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
        command=section["command"],
        machine=section["machine"],
        resources=section["resources"],
        user_forward_files=tuple(section.get("user_forward_files", ())),
        user_backward_files=tuple(section.get("user_backward_files", ())),
    )


def _check_values(section: Section) -> None:
    _refuse_zero_bytes(section)
    try:
        shlex.split(section["command"])
    except ValueError as error:
        raise section.wrong("command", f"correct its quotes ({error})") from error
    resources, machine = section.section("resources"), section.section("machine")
    _refuse_what_no_shell_reads(section)
    _check_resources(resources)
    refuse_flags(resources)
    host = (machine.get("remote_profile") or {}).get("hostname")
    if isinstance(host, str) and _NO_HOST.search(host):
        profile = machine.section("remote_profile")
        remedy = "must be the host alone: the user is username, the port is port"
        raise profile.wrong("hostname", remedy)


def _refuse_what_no_shell_reads(section: Section) -> None:
    """A job script with a mistake in it fails whole, and only in the queue."""
    if said := syntax_error(section["command"].strip()):
        raise section.wrong("command", f"no shell can read it: {said}")
    resources = section.section("resources")
    before, after = ("\n".join(resources.get(f"{when}pend_script") or ()) for when in ("pre", "ap"))
    tasks = "" if before.endswith("\\") else f"\n:\n{after}"
    if said := syntax_error(before + tasks):
        key = "prepend_script" if syntax_error(before) else "append_script"
        raise resources.wrong(key, f"no shell can read it: {said}")


def _refuse_zero_bytes(section: Section) -> None:
    """No shell, file name or queue takes them."""

    def look(value: Any, path: tuple[str | int, ...]) -> None:
        if isinstance(value, str) and "\0" in value:
            raise wrong_value(section.file, path, value, "must not have a NUL character")
        items = (
            ()
            if isinstance(value, str)
            else (value.items() if isinstance(value, Mapping) else enumerate(value))
        )
        for key, item in items:
            if isinstance(item, str | list | Mapping):
                look(item, (*path, key))

    look(section.data, section.path)


def _problems(section: Section) -> Iterator[NotRunnable]:
    """What DP-GEN's schema lets pass, and no task can be run with."""
    if not program_words(section["command"]):
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


def _prepare_in_the_job(section: dict[str, Any]) -> None:
    """Move what a command prepares into the job script, which runs it once and before all."""
    lines, rest = take_apart(section["command"])
    section["command"] = rest.strip() or section["command"]
    if lines:
        resources = section["resources"]
        resources["prepend_script"] = [*resources.get("prepend_script", ()), *lines]


def _refuse_several_programs(section: Section) -> None:
    """Arguments are put behind the commands of these stages, and more than once."""
    stage, command = section.path[-1], section["command"]
    parts = parts_of(command)
    if found := dash_or_comment(command, comments=stage != "fp"):
        raise section.wrong("command", found)
    if parts and parts[-1].operator == "&":
        raise section.wrong("command", "runs behind the shell's back: remove the &")
    if stage != "fp" and drops_arguments(command):
        remedy = (
            'drops the arguments that are put behind it: write "$@" behind the program, and a word '
            "behind the quotes, as bash -c 'dp \"$@\"' bash"
        )
        raise section.wrong("command", remedy)
    several = len(parts) > 1 or (parts and parts[-1].operator)
    if stage != "fp" and (several or syntax_error(f"{command} x")):
        remedy = (
            "must be one program, arguments are put behind it: write what comes before it into "
            f"{stage}.resources.prepend_script, or all of it into a script of your own"
        )
        raise section.wrong("command", remedy)


def _check_resources(resources: Section) -> None:
    for key, command in _STATIC.items():
        for index, word in enumerate(resources.get(key) or ()):
            if adapter.refused_in_job_script({key: [word]}):
                line = json.dumps(f"{command} {word}", ensure_ascii=False)
                remedy = (
                    "dpdispatcher takes plain words only, with quotes in pairs: write what the "
                    f"shell is to read into prepend_script, as {line}"
                )
                raise resources.wrong(key, remedy, index)
    for name, value in resources["envs"].items():
        _check_variable(resources, name, value)


def _check_variable(resources: Section, name: str, value: Any) -> None:
    """A variable of ``envs``, whose value may be secret."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        remedy = f"{name!r} is not the name of an environment variable"
        raise resources.wrong("envs", remedy)
    scalars = value if isinstance(value, list) else [value]
    if not all(isinstance(item, (str, int, float)) for item in scalars):
        raise resources.wrong("envs", f"the value of {name} must be a string")
    for text in map(str, scalars):
        home = name.endswith("PATH") and _HOME.search(text)
        if home or _EXPANDED.search(text):
            what = "a ~" if home else "a variable or command of the shell"
            remedy = (
                f"the value of {name} has {what}, which stays as it is written: put it into "
                f'prepend_script, as "export {name}=..." with double quotes about the value'
            )
            raise resources.wrong("envs", remedy)
        if reason := adapter.refused_in_job_script({"envs": {name: text}}):
            raise resources.wrong("envs", f"the value of {name}: {reason}")
