"""Errors on newly labelled frames before they are trained on.

The training of an iteration has the models of the one before tested on that one's labels, which
they have not seen, in its own jobs: DeePMD-kit is there, and no queue is waited for.  A test that
fails costs nothing but itself.
"""

import re
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wtemlp.analysis.deviation import largest_force_errors
from wtemlp.core.paths import RunPaths
from wtemlp.records.label_errors import (
    FrameError,
    LabelErrors,
    read_errors,
    summed_up,
    write_errors,
)
from wtemlp.records.labels import LabelOutcome, read_outcomes
from wtemlp.stages.context import RunContext

FOLDER = "new_labels"  #: in ``00.train``: links to the models and labels of the iteration before
PREFIX = "new_labels"  #: of what ``dp test`` leaves in each model's folder
OUTPUTS = (f"{PREFIX}.e_peratom.out", f"{PREFIX}.f.out")
MILLI = 1000.0


def link(context: RunContext, iteration: int) -> None:
    """Link the models and labels of the iteration before into a training's folder."""
    folder = context.paths.train(iteration) / FOLDER
    if folder.exists():
        shutil.rmtree(folder)
    models = _models(context, iteration - 1)
    systems = _systems(context.paths, iteration - 1) if iteration else []
    if not models or not systems:
        return
    folder.mkdir()
    for model in models:
        (folder / model.name).symlink_to(model.resolve())
    (folder / "data").mkdir()
    for number, system in enumerate(systems):
        (folder / "data" / f"{number:03d}").symlink_to(system.resolve())


def _models(context: RunContext, iteration: int) -> list[Path]:
    """The models that explored; none where one is missing, or is a folder (JAX)."""
    if iteration < 0:
        return []
    params, folder = context.params, context.paths.train(iteration)
    files = [folder / f"graph.{m:03d}{params.model_suffix}" for m in range(params.numb_models)]
    return files if all(file.is_file() for file in files) else []


def _systems(run: RunPaths, iteration: int) -> list[Path]:
    """The systems of an iteration's labelled frames."""
    found = run.label(iteration).glob("data.*/**/type.raw")
    return sorted(file.parent for file in found if any(file.parent.glob("set.*/energy.npy")))


def command(context: RunContext, iteration: int, model: int) -> str:
    """The words of ``dp`` that test a model; "" where there is nothing to test."""
    if not (context.paths.train(iteration) / FOLDER).is_dir():
        return ""
    name = f"../{FOLDER}/graph.{model:03d}{context.params.model_suffix}"
    return f"test -m {name} -s ../{FOLDER}/data -n 0 -l {PREFIX}.log -d {PREFIX}"


def clean() -> str:
    """Shell command that removes what nobody reads."""
    return f"rm -f {' '.join(f'{PREFIX}.{kind}.out' for kind in ('e', 'v', 'v_peratom'))}"


def files(context: RunContext, iteration: int) -> list[str]:
    """What the tests need, relative to the stage's folder."""
    folder = context.paths.train(iteration)
    here = folder / FOLDER
    if not here.is_dir():
        return []
    data = [
        path
        for system in sorted((here / "data").iterdir())
        for pattern in ("nopbc", "set.*", "type*.raw")
        for path in sorted(system.glob(pattern))
    ]
    return [str(path.relative_to(folder)) for path in (*sorted(here.glob("graph.*")), *data)]


def collect(context: RunContext, iteration: int) -> LabelErrors | None:
    """Read the tests of a training: errors on the labels of the iteration before.

    What ``dp test`` has written of every force is removed then.

    Parameters
    ----------
    context : RunContext
    iteration : int
        Whose training has tested.

    Returns
    -------
    LabelErrors or None
        None: there are no such tests, or they cannot be read.
    """
    run = context.paths
    folders = [run.model(iteration, model) for model in range(context.params.numb_models)]
    before = run.label(iteration - 1)
    if all((folder / name).is_file() for folder in folders for name in OUTPUTS):
        try:
            found = _read(context, iteration, folders)
        except (OSError, ValueError, IndexError):
            return None
        write_errors(before, found)
    elif not (run.train(iteration) / FOLDER).is_dir():
        return None
    for file in (folder / name for folder in folders for name in OUTPUTS):
        file.unlink(missing_ok=True)  # also of a model that alone was trained again
    errors = read_errors(before)
    return summed_up(errors) if errors else None


def _read(context: RunContext, iteration: int, folders: list[Path]) -> list[FrameError]:
    energies = [_tables(folder / OUTPUTS[0], 2) for folder in folders]
    forces = [_tables(folder / OUTPUTS[1], 6) for folder in folders]
    outcomes = _outcomes(context.paths, iteration - 1)
    links = sorted((context.paths.train(iteration) / FOLDER / "data").iterdir())
    found: list[FrameError] = []
    for number, link_ in enumerate(links):
        system = link_.resolve()
        of = [tables[number] for tables in energies]
        n = len(of[0])
        both = np.array([tables[number].reshape(n, -1, 2, 3) for tables in forces])
        reference, models = both[0, :, :, 0], both[:, :, :, 1]
        largest = largest_force_errors(models, reference) * MILLI
        rms = np.sqrt(np.square(models - reference).mean(axis=(0, 2, 3))) * MILLI
        differences = np.array([table[:, 1] - table[:, 0] for table in of]).T * MILLI
        index, composition = _index(context.paths, iteration - 1, system), _composition(system)
        origins = _match(outcomes.get((index, composition), []), of[0][:, 0])
        for k in range(n):
            origin = origins[k].origin if origins else None
            devi = None if origin is None else origin.max_devi_f
            found.append(
                FrameError(
                    frame=origins[k].frame if origins else "",
                    system=index,
                    composition=composition,
                    energy_meV_atom=tuple(float(x) for x in differences[k]),
                    force_meV_A=float(rms[k]),
                    largest_meV_A=float(largest[k]),
                    deviation_meV_A=None if devi is None else devi * MILLI,
                    walker=None if origin is None else origin.walker,
                    biasfactor=None if origin is None else origin.biasfactor,
                    temperature_K=None if origin is None else origin.temperature_K,
                )
            )
    return found


def _tables(file: Path, columns: int) -> list[NDArray[np.float64]]:
    """The table of each system in a file of ``dp test``, in its order."""
    parts = re.split(r"^#[^\n]*\n", file.read_text(), flags=re.MULTILINE)[1:]
    return [np.array(part.split(), dtype=float).reshape(-1, columns) for part in parts]


def _index(run: RunPaths, iteration: int, system: Path) -> int:
    """The index in ``sys_configs`` of a folder of labelled frames."""
    relative = system.relative_to(run.label(iteration).resolve())
    return int(relative.parts[0].split(".")[1])


def _composition(system: Path) -> str:
    names = (system / "type_map.raw").read_text().split()
    kinds = [names[int(kind)] for kind in (system / "type.raw").read_text().split()]
    return " ".join(f"{name}{kinds.count(name)}" for name in sorted(set(kinds)))


def _outcomes(run: RunPaths, iteration: int) -> dict[tuple[int, str], list[LabelOutcome]]:
    """The labelled frames by system and composition."""
    found: dict[tuple[int, str], list[LabelOutcome]] = defaultdict(list)
    try:
        outcomes = read_outcomes(run.label(iteration))
    except (OSError, ValueError):
        return found
    for one in outcomes:
        if one.labelled and one.atoms and one.label_eV is not None:
            words = " ".join(f"{name}{count}" for name, count in sorted(one.atoms.items()))
            found[one.system, words].append(one)
    return found


def _match(
    outcomes: list[LabelOutcome], energies_eV_atom: NDArray[np.float64]
) -> list[LabelOutcome]:
    """The frame of each tested energy, by the labels; empty where they are not the same frames.

    Data are in single precision, so the energies are matched in their order; two frames whose
    energies are that close may change places.
    """
    if len(outcomes) != len(energies_eV_atom):
        return []
    ranked = sorted(outcomes, key=lambda one: one.label_eV or 0.0)
    found = list(outcomes)
    for rank, place in enumerate(np.argsort(energies_eV_atom, kind="stable")):
        found[int(place)] = ranked[rank]
    return found
