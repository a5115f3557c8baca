"""wtemlp's own keys of a machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from wtemlp.config.keys.declare import Choice, Key, Range

SECONDS = Range(ge=0, unit="s")


class Stage(Choice):
    """Sections of a machine file."""

    TRAIN = "train"
    MODEL_DEVI = "model_devi"
    FP = "fp"


class Trusted(Choice):
    """SSH hosts that are trusted, in the words of ssh_config."""

    YES = "yes"
    ACCEPT_NEW = "accept-new"
    NO = "no"


@dataclass(frozen=True)
class Waiting:
    """How often jobs are looked at, and for how long nothing need answer.

    Parameters
    ----------
    poll_s
        Time between two looks at the jobs.
    outage_s
        How long to wait for a host or queue that does not answer.
    """

    poll_s: Annotated[float | None, Key(SECONDS, name="poll_seconds")] = None
    outage_s: Annotated[float | None, Key(SECONDS, name="outage_seconds")] = None


@dataclass(frozen=True)
class Trust:
    """Which host keys are trusted.

    Parameters
    ----------
    checking
        Which SSH hosts are trusted, with the words of ssh_config.
    file
        File of the known SSH host keys.
    """

    checking: Annotated[Trusted, Key(name="strict_host_key_checking", otherwise='"yes"')] = (
        Trusted.YES
    )
    file: Annotated[Path | None, Key(name="known_hosts_file")] = None
