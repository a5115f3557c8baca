"""What a rewind moves, written down before the first move: one that was killed is finished."""

from dataclasses import dataclass
from pathlib import Path

from wtemlp.core.atomic_io import read_record, write_json
from wtemlp.core.paths import RunPaths
from wtemlp.records.state import Step

FOLDER = "rewound"  #: in a run's folder
INTENT = "wtemlp.rewind.json"  #: while what is moved is not all moved


@dataclass(frozen=True)
class Rewind:
    """Where a run goes back to, and what is moved."""

    iteration: int
    step: Step
    aside: Path  #: where it is moved, relative to the run's folder
    moved: tuple[str, ...]  #: relative to the run's folder
    model: int | None = None  #: that is trained again with another seed; None: none
    times: int = 0  #: how often this one has been, then

    @property
    def where(self) -> str:
        """The next step, for people."""
        return f"iteration {self.iteration}, {self.step.words}"


def intend(paths: RunPaths, rewind: Rewind) -> None:
    """Write down what is about to be moved."""
    write_json(
        paths.root / INTENT,
        {
            "iteration": rewind.iteration,
            "step": int(rewind.step),
            "aside": str(rewind.aside),
            "moved": rewind.moved,
            "model": rewind.model,
            "times": rewind.times,
        },
    )


def unfinished(paths: RunPaths) -> Rewind | None:
    """A rewind that was killed on its way; None: there is none.

    Raises
    ------
    InputError
        If what it has written down is damaged.
    """
    file = paths.root / INTENT
    if not file.exists():
        return None
    content = read_record(file, f"move it away, and what is in {FOLDER}/ back to where it was")
    step, moved = Step(content["step"]), tuple(content["moved"])
    more = {key: content[key] for key in ("model", "times") if key in content}
    return Rewind(content["iteration"], step, Path(content["aside"]), moved, **more)
