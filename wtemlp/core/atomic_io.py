"""Files that are read while they are written: replaced whole, never half of one."""

import json
from pathlib import Path
from typing import Any

from wtemlp.core.errors import InputError


def temporary(path: Path) -> Path:
    """Where a file is written before it takes its place."""
    return path.with_name(path.name + ".tmp")


def write_text(path: Path, text: str) -> None:
    """Write a file so that a reader, or a killed writer, leaves the old one or the new one."""
    new = temporary(path)
    new.write_text(text)
    new.replace(path)


def write_json(path: Path, content: Any) -> None:
    """Write JSON with :func:`write_text`."""
    write_text(path, json.dumps(content, indent=1) + "\n")


def read_record(path: Path, remedy: str) -> dict[str, Any]:
    """Read a JSON object that wtemlp wrote.

    Parameters
    ----------
    path : Path
    remedy : str
        What to do about a damaged file.

    Raises
    ------
    InputError
        If it is not there, or holds something else.
    """
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise InputError(str(path), f"cannot be read ({error.strerror})", remedy) from None
    except (ValueError, RecursionError):
        raise InputError(str(path), "is damaged: it is not JSON", remedy) from None
    if not isinstance(content, dict):
        raise InputError(str(path), "is damaged: it holds no object", remedy)
    return content


def last_line(path: Path) -> str:
    """The last complete line of a text file that may be growing; "" if there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        lines = file.read().decode(errors="replace").split("\n")
    return lines[-2] if len(lines) > 1 else ""


def leading_int(line: str) -> int:
    """The integer that a line of a table begins with; 0 if it begins with something else."""
    words = line.split()
    return int(words[0]) if words and words[0].isdigit() else 0
