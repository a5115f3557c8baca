"""Shared by tests: damage."""

from pathlib import Path


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "wtemlp.session.lock"
    }
