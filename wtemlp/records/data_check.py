"""The initial data held against the reference, as ``reference.check/result.json`` keeps it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from wtemlp.core.atomic_io import read_json, write_json
from wtemlp.core.errors import WtemlpError

FOLDER = "reference.check"  #: of a run, or of a sweep
RESULT = "result.json"


@dataclass(frozen=True)
class Held:
    """A stored label held against the reference."""

    system: str
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    energy_meV_atom: float | None = None  #: stored less reference; None: no label
    force_meV_A: float | None = None  #: root mean square difference
    failed: bool = False  #: the reference gave no label


def save(folder: Path, found: Sequence[Held]) -> None:
    """Write what was found into the folder of the check."""
    write_json(folder / RESULT, [asdict(one) for one in found])


def load(folder: Path) -> list[Held]:
    """Read what :func:`save` wrote; empty where it is missing or damaged."""
    try:
        rows = read_json(folder / RESULT, "", list)
        texts = [{name: tuple(row[name]) for name in ("problems", "notes")} for row in rows]
        return [Held(**{**row, **each}) for row, each in zip(rows, texts, strict=True)]
    except (OSError, WtemlpError, TypeError, KeyError):
        return []
