"""A part of an input file together with where it is, so that every complaint can say so."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wtemlp.config.keys.declare import COUNT, POSITIVE, Range
from wtemlp.core.errors import InputError

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


def is_number(value: object) -> bool:
    """Whether a JSON value is a number; unlike for Python, true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


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

    def number(self, key: str, within: Range = POSITIVE) -> float:
        """A number within a range."""
        if remedy := within.remedy(self.data[key]):
            raise self.wrong(key, remedy)
        return float(self.data[key])

    def integer(self, key: str, within: Range = COUNT) -> int:
        """An integer within a range."""
        self.number(key, within)
        return int(self.data[key])
