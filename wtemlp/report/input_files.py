"""The input files of a run, as its page shows them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wtemlp.config.schema.read_files import Kind, read_object
from wtemlp.config.schema.section import without_secrets
from wtemlp.core.errors import InputError


@dataclass(frozen=True)
class InputFile:
    """An input file, with stars in place of secrets."""

    name: str  #: as the user named it
    content: Mapping[str, Any]  #: empty where it cannot be read
    problem: str = ""  #: why it cannot

    @property
    def text(self) -> str:
        """JSON, short lists on one line."""
        return _text(self.content)


def read_input(root: Path, name: str, kind: Kind) -> InputFile:
    """Read an input file as it is now.

    Parameters
    ----------
    root : Path
        The run's folder.
    name : str
        As the run's state has it: relative to the folder.
    kind : Kind
    """
    try:
        return InputFile(name, without_secrets(read_object(root / name, kind)))
    except InputError as error:
        return InputFile(name, {}, str(error))


def _text(value: Any, indent: int = 0) -> str:
    line = json.dumps(value, ensure_ascii=False, default=str)
    if len(line) + indent <= 88 or not isinstance(value, Mapping | list) or not value:
        return line
    pad, close = " " * (indent + 2), " " * indent
    if isinstance(value, Mapping):
        parts = [f"{json.dumps(key)}: {_text(item, indent + 2)}" for key, item in value.items()]
        return "{\n" + ",\n".join(pad + part for part in parts) + f"\n{close}}}"
    return "[\n" + ",\n".join(pad + _text(item, indent + 2) for item in value) + f"\n{close}]"
