"""A part of an input file together with where it is, so that every complaint can say so."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wtemlp.core.errors import InputError

MAX_INTEGER = 2**31 - 1  #: of LAMMPS's and PLUMED's strides and atom numbers
#: LAMMPS counts steps in 64 bits, but its variables and awk in doubles, exact up to here.
MAX_STEPS = 2**53
MAX_SEED = 2**63 - 1
MAX_NUMBER = 1e12  #: no quantity of a simulation is larger, in any unit of the files

_ABSENT = object()
_PRIVATE = ("remote_profile", "envs")
_SECRETS = ("pass", "pasw", "secret", "token", "private", "credential")
#: In a line of shell, as ``export WANDB_API_KEY=...`` or ``--token ...``.
_ASSIGNED = re.compile(
    r"(?i)((?<![a-z])[\w-]*(?:passw|secret|token|credential|(?:api|access)[_-]?key)[\w-]*[= ]\s*)"
    r"(?:\"[^\"]*\"|'[^']*'|\S+)"
)


def key_path(path: Sequence[str | int]) -> str:
    """``("model_devi_jobs", 0, "temps")`` as ``model_devi_jobs[0].temps``."""
    text = ""
    for part in path:
        if str(part).isdigit():
            text += f"[{part}]"
        else:
            text += f".{part}" if text else str(part)
    return text


def show(value: Any, limit: int = 60) -> str:
    """A value as JSON, without secrets, cut to `limit` characters."""
    text = json.dumps(without_secrets(value), ensure_ascii=False, default=str)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _is_secret(key: str | int) -> bool:
    """Whether the value of a key, or one below it, may be a password or the like."""
    name = str(key).lower()
    return name in _PRIVATE or any(word in name for word in _SECRETS)


def without_secrets(value: Any) -> Any:
    """A value of an input file with stars in place of what may be a password or the like."""
    if isinstance(value, Mapping):
        return {
            key: "***" if _is_secret(key) else without_secrets(item) for key, item in value.items()
        }
    if isinstance(value, str):
        return _ASSIGNED.sub(r"\1***", value)
    return [without_secrets(item) for item in value] if isinstance(value, list) else value


def wrong_value(file: str, path: Sequence[str | int], value: Any, remedy: str) -> InputError:
    """The error ``file: path = value; remedy``; a value that may be secret is left out."""
    hidden = any(_is_secret(part) for part in path)
    problem = key_path(path) if hidden else f"{key_path(path)} = {show(value)}"
    return InputError(file, problem, remedy)


@dataclass(frozen=True)
class Section:
    """An object of an input file, already checked against its schema.

    Parameters
    ----------
    file : str
        Name of the file, for messages.
    data : Mapping
        The object.
    path : tuple
        Keys and indices from the file's root to the object.
    """

    file: str
    data: Mapping[str, Any]
    path: tuple[str | int, ...] = ()

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or a default."""
        return self.data.get(key, default)

    def section(self, key: str, index: int | None = None) -> "Section":
        """The object at a key, or the object at an index of the list at a key."""
        if index is None:
            return Section(self.file, self.data[key], (*self.path, key))
        return Section(self.file, self.data[key][index], (*self.path, key, index))

    def sections(self, key: str) -> list["Section"]:
        """The objects of the list at a key."""
        return [self.section(key, index) for index in range(len(self.data[key]))]

    def wrong(
        self, key: str, remedy: str, index: int | None = None, value: Any = _ABSENT
    ) -> InputError:
        """The error of a wrong value; `index` and `value` point to one item of a list."""
        path = (*self.path, key) if index is None else (*self.path, key, index)
        if value is _ABSENT:
            value = self.data[key] if index is None else self.data[key][index]
        return wrong_value(self.file, path, value, remedy)

    def missing(self, key: str, remedy: str) -> InputError:
        """The error of a key that is not there."""
        return InputError(self.file, f"{key_path((*self.path, key))} is missing", remedy)

    def integer(self, key: str, minimum: int = 1, maximum: int = MAX_INTEGER) -> int:
        """An integer that is at least `minimum` and at most `maximum`."""
        value = self.data[key]
        if value > maximum:
            raise self.wrong(key, f"must be {maximum} or less")
        if value < minimum:
            kind = {0: "0 or more", 1: "a positive integer"}.get(minimum, f"{minimum} or more")
            raise self.wrong(key, f"must be {kind}")
        return int(value)

    def steps(self, key: str, minimum: int = 1) -> int:
        """A number of MD steps."""
        return self.integer(key, minimum, MAX_STEPS)

    def number(self, key: str, unit: str = "", maximum: float = MAX_NUMBER) -> float:
        """A positive number, at most `maximum`; `unit` is named in the message."""
        value = self.data[key]
        of = f" ({unit})" if unit else ""
        if not value > 0:
            raise self.wrong(key, f"must be a positive number{of}")
        if value > maximum:
            raise self.wrong(key, f"must be {maximum:g} or less{of}")
        return float(value)

    def fraction(self, key: str) -> float:
        """A number between 0 and 1, both included."""
        value = self.data[key]
        if not 0 <= value <= 1:
            raise self.wrong(key, "must be between 0 and 1")
        return float(value)
