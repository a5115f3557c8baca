"""Where a validation is, and the models that it is of."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from wtemlp.core import shell_hints
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.records import state as states
from wtemlp.records.state import Step
from wtemlp.records.validation_record import FILE, FOLDER

MODELS, PARITY, REFERENCE = "md.models", "parity", "md.reference"
#: Folders in which jobs are dispatched, each with the section of the machine file for it.
SECTIONS = {MODELS: "model_devi", PARITY: "train", REFERENCE: "fp"}
CHUNK_BYTES = 2**24


@dataclass(frozen=True)
class Places:
    """Folders and files of the validation of an iteration's models.

    The reference's MD knows no iteration: it is done once for all of them.
    """

    root: Path  #: the run's folder
    iteration: int

    @property
    def folder(self) -> Path:
        return self.root / FOLDER

    @property
    def record(self) -> Path:
        """The newest validation."""
        return self.folder / FILE

    @property
    def of_iteration(self) -> Path:
        return self.folder / f"iter.{self.iteration:06d}"

    @property
    def own_record(self) -> Path:
        """The newest validation of this iteration's models."""
        return self.of_iteration / FILE

    @property
    def models(self) -> Path:
        return self.of_iteration / MODELS

    @property
    def parity(self) -> Path:
        return self.of_iteration / PARITY

    @property
    def reference(self) -> Path:
        return self.folder / REFERENCE


def find_models(root: Path, iteration: int | None, numb_models: int) -> tuple[int, list[Path]]:
    """The models to validate.

    Parameters
    ----------
    root : Path
        The run's folder.
    iteration : int, optional
        By default the last whose training is done.
    numb_models : int

    Returns
    -------
    int, list of Path
        The iteration, and its model files, by their numbers.

    Raises
    ------
    InputError
        If there are none.
    """
    run = RunPaths(root)
    state = states.load(run)
    trained = [
        index
        for folder in sorted(root.glob("iter.[0-9]*"))
        if (index := _number(folder)) is not None and len(_graphs(run, index)) >= numb_models
    ]
    if state is not None:
        done = state.finished or state.step > Step.POST_TRAIN
        last = state.iteration if done else state.iteration - 1
        trained = [index for index in trained if index <= last]
    if not trained:
        raise InputError(
            str(root),
            "there are no trained models here",
            f"train some with: {shell_hints.command('run', root)}",
        )
    if iteration is None:
        iteration = trained[-1]
    if iteration not in trained:
        known = ", ".join(map(str, trained))
        raise InputError(
            "--iteration", f"{iteration} has no trained models", f"those that have: {known}"
        )
    return iteration, _graphs(run, iteration)[:numb_models]


def _number(folder: Path) -> int | None:
    word = folder.name.partition(".")[2]
    return int(word) if word.isdigit() and len(word) == 6 else None


def _graphs(run: RunPaths, iteration: int) -> list[Path]:
    return sorted(path for path in run.train(iteration).glob("graph.*") if path.exists())


def digest(*files: Path) -> str:
    """What tells the contents of files apart from others'."""
    found = hashlib.sha256()
    for file in files:
        own = hashlib.sha256()
        with file.open("rb") as stream:
            while block := stream.read(CHUNK_BYTES):
                own.update(block)
        found.update(own.digest())
    return found.hexdigest()
