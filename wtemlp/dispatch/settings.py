"""A machine section, made ready for dpdispatcher: absolute paths, our own keys taken out."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wtemlp.config.keys.machine import Trust, Waiting
from wtemlp.config.records import MachineSection
from wtemlp.config.schema.own_keys import arguments, names, read
from wtemlp.config.schema.section import Section
from wtemlp.core.errors import InputError
from wtemlp.dispatch.ssh.config import options_of

OWN_KEYS = names(Waiting)
HOST_KEYS = names(Trust)  #: for `dispatch.ssh`
DAY = 86_400.0
#: Contexts whose folders can be asked and whose commands can be run.
CONTEXTS = ("lazylocal", "local", "ssh")
#: Batch systems that dpdispatcher drives through its other contexts only.
ELSEWHERE = ("bohrium", "dpcloudserver", "lebesgue", "openapi", "distributedshell")


@dataclass(frozen=True)
class Settings:
    """What the dispatcher needs to know of a machine section."""

    machine: dict[str, Any]  #: for dpdispatcher
    resources: dict[str, Any]  #: for dpdispatcher
    poll_s: tuple[float, float]  #: shortest and longest time between two looks at the jobs
    outage_s: float  #: how long to wait for a host or queue that does not answer
    attempts: int  #: per task

    @property
    def context(self) -> str:
        """The context's name in lower case, without the word "context"."""
        return plain_name(self.machine)

    @property
    def local(self) -> bool:
        """Whether the jobs' files are on this machine."""
        return self.context in ("local", "lazylocal")

    @property
    def service(self) -> bool:
        """Whether no command can be run beside a task there, nor its folder be asked."""
        return self.context not in CONTEXTS or self.batch.lower() in ELSEWHERE

    @property
    def shell(self) -> bool:
        """Whether jobs are plain background processes, without a queue."""
        return self.batch.lower() == "shell"

    @property
    def batch(self) -> str:
        """The batch system."""
        return str(self.machine["batch_type"])

    @property
    def where(self) -> str:
        """Batch system and host, for people and to know an old job's place again."""
        host = self.machine.get("remote_profile", {}).get("hostname", "")
        return self.batch + (f" on {host}" if host else "")


def plain_name(machine: Mapping[str, Any]) -> str:
    """The context's name in lower case, without the word "context"."""
    return str(machine["context_type"]).lower().replace("context", "")


def read_section(section: MachineSection, root: Path) -> Settings:
    """Take a machine section apart.

    Parameters
    ----------
    section : MachineSection
        One of the machine file's sections.
    root : Path
        The run's folder: relative local paths are relative to it.

    Raises
    ------
    InputError
        A file that it names is missing, or a key of ours has a value that makes no sense.
    """
    machine = {key: value for key, value in section.machine.items() if key not in OWN_KEYS}
    machine["local_root"] = str(root)
    settings = Settings(machine, dict(section.resources), (0.0, 0.0), 0.0, _attempts(machine))
    if settings.context != "ssh":
        machine = {key: value for key, value in machine.items() if key not in HOST_KEYS}
        settings = replace(settings, machine=machine)
    profile = dict(machine.get("remote_profile") or {})
    if profile.get("key_filename"):
        key = root / Path(str(profile["key_filename"])).expanduser()
        if not key.is_file():
            raise InputError(
                f"machine file: {section.stage}.machine.remote_profile.key_filename",
                f"{key} does not exist",
                "give the path of a private SSH key",
            )
        profile["key_filename"] = str(key)
    if settings.context == "ssh" and profile.get("hostname") and not profile.get("username"):
        profile["username"] = options_of(profile).username  # dpdispatcher asks for it
    machine["remote_profile"] = profile
    if machine.get("known_hosts_file"):
        machine["known_hosts_file"] = str(root / Path(machine["known_hosts_file"]).expanduser())
    if settings.local and settings.context != "lazylocal":
        machine["remote_root"] = str(root / str(machine.get("remote_root") or "remote"))
    _resolve_template(settings.resources, root)
    waiting = _waiting(section)
    outage_s = waiting.outage_s
    if outage_s is None:
        outage_s = 0.0 if settings.local and settings.shell else DAY
    poll_s = _poll(waiting, settings)
    return Settings(machine, settings.resources, poll_s, outage_s, settings.attempts)


def _attempts(machine: Mapping[str, Any]) -> int:
    """How often a task is tried, with dpdispatcher's meaning of ``retry_count``."""
    retries = int(machine.get("retry_count", 3))
    return retries + 1 if retries >= 0 else 3


def _waiting(section: MachineSection) -> Waiting:
    """How patient to be; the section may not be from a file that was checked."""
    from dargs import Argument

    from wtemlp.config.schema.messages import validated

    given = {key: section.machine[key] for key in OWN_KEYS if key in section.machine}
    where = f"machine file: {section.stage}.machine"
    schema = Argument("machine", dict, arguments(Waiting))
    return read(Waiting, Section(where, validated(schema, given, where)))


def _poll(waiting: Waiting, settings: Settings) -> tuple[float, float]:
    at_hand = settings.local and settings.shell
    if waiting.poll_s is None:
        return (0.02, 0.5) if at_hand else (10.0, 30.0)
    return (min(0.02, waiting.poll_s) if at_hand else waiting.poll_s), waiting.poll_s


def _resolve_template(resources: dict[str, Any], root: Path) -> None:
    strategy = dict(resources.get("strategy") or {})
    template = strategy.get("customized_script_header_template_file")
    if template:
        strategy["customized_script_header_template_file"] = str(root / template)
        resources["strategy"] = strategy


def run_folder(work_dir: Path) -> Path:
    """The run's folder of a stage's folder: the one that holds ``iter.NNNNNN``, or the parent."""
    for folder in work_dir.parents:
        if folder.name.startswith("iter."):
            return folder.parent
    return work_dir.parent


def cores_at_hand() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))
