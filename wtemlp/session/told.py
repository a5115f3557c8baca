"""What a command that is done at once has to say, for people and for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Told:
    """What was done, or would be."""

    lines: Sequence[str]  #: for people
    facts: Mapping[str, object]  #: for programs: numbers, names and lists of them
