"""dpdispatcher, with its side effects contained.

The rest of the room takes dpdispatcher's names from here.  On import it opens
``dpdispatcher.log`` in the working directory and prints to standard output; its submissions seed
Python's global random generator.  Here its log goes to a file of the stage, with the machine
file's secrets blanked out, and the generator is given back as it was.
"""

import logging
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wtemlp.core.atomic_io import LogFile
from wtemlp.core.imports import quiet_imports

SECRET_KEYS = ("password", "passphrase", "totp_secret", "access_key", "app_key", "token", "ticket")
#: Whose messages are kept apart: dpdispatcher's, and those of what it speaks through.
_LOGGERS = ("dpdispatcher", "paramiko", "bohrium", "httpx", "httpcore", "urllib3", "oss2")

with quiet_imports("dpdispatcher"):
    from dargs.dargs import ArgumentError
    from dpdispatcher import Job, Machine, Resources, Submission, Task
    from dpdispatcher.contexts.ssh_context import SSHContext as DispatcherSSHContext
    from dpdispatcher.contexts.ssh_context import SSHSession
    from dpdispatcher.file_manager import RemoteManifestBuilder
    from dpdispatcher.utils.job_status import JobStatus

__all__ = [
    "ArgumentError",
    "DispatcherSSHContext",
    "Job",
    "JobStatus",
    "Machine",
    "RemoteManifestBuilder",
    "Resources",
    "SSHSession",
    "Submission",
    "Task",
    "contained",
    "redact",
    "secrets_of",
]


def secrets_of(machine: Mapping[str, Any]) -> tuple[str, ...]:
    """The values in a machine dictionary that no log may show, the longest first."""
    found: list[str] = []
    for key, value in machine.items():
        if isinstance(value, Mapping):
            found += secrets_of(value)
        elif any(word in str(key).lower() for word in SECRET_KEYS) and isinstance(value, str):
            found.append(value)
    return tuple(sorted(filter(None, found), key=len, reverse=True))


def redact(text: str, secrets: Sequence[str]) -> str:
    """A text without secrets."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


class _Redacted(logging.Formatter):
    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__("%(asctime)s %(name)s %(levelname)s: %(message)s")
        self.secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record), self.secrets)


@contextmanager
def contained(log: Path, secrets: Sequence[str] = ()) -> Iterator[None]:
    """Send dpdispatcher's and paramiko's messages to a file; give the random generator back.

    Parameters
    ----------
    log : Path
        The file; it is made at the first message.
    secrets : sequence of str
        Strings to blank out.
    """
    handler = LogFile(log, delay=True)
    handler.setFormatter(_Redacted(secrets))
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.propagate for logger in loggers]
    state = random.getstate()
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    try:
        yield
    finally:
        random.setstate(state)
        for logger, propagate in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagate
        handler.close()
