"""Files that are read while they are written: replaced whole, never half of one."""

import json
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> None:
    """Write a file so that a reader, or a killed writer, leaves the old one or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text)
    temporary.replace(path)


def write_json(path: Path, content: Any) -> None:
    """Write JSON with :func:`write_text`."""
    write_text(path, json.dumps(content, indent=1) + "\n")


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
