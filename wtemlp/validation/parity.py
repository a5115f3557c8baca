"""The models' errors on data that they were not trained on, from what ``dp test`` has left."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wtemlp.analysis.parity import energy_bins, energy_errors, errors_by_energy, thinned
from wtemlp.config.records import Params
from wtemlp.core.errors import CalculationError
from wtemlp.core.seeds import derive_seed
from wtemlp.core.shell_hints import kept
from wtemlp.records.validation_record import BinError, Parity
from wtemlp.validation.jobs import ParityJob, detail_files

MAX_ENERGIES = 500  #: points of a plot that the record keeps
MAX_FORCES = 1000


@dataclass(frozen=True)
class Tested:
    """Frames of one system, by the reference and by a model."""

    energies_eV: NDArray[np.float64]  #: (n_frames, 2): reference, model; of the box
    forces_eV_A: NDArray[np.float64]  #: (n_frames, n_atoms, 3, 2): likewise


def read_parity(job: ParityJob, params: Params, n_models: int, root: Path) -> tuple[Parity, ...]:
    """The errors of each model on each data set.

    Raises
    ------
    CalculationError
        If a file of ``dp test`` cannot be read.
    """
    return tuple(
        _parity(job, params, model, index, kept(data, root))
        for index, data in enumerate(params.validation_data_sys)
        for model in range(n_models)
    )


def _parity(job: ParityJob, params: Params, model: int, index: int, name: str) -> Parity:
    systems = read_details(*(job.folder / file for file in detail_files(model, index)))
    n_atoms = np.concatenate([np.full(len(s.energies_eV), s.forces_eV_A.shape[1]) for s in systems])
    energies = np.concatenate([s.energies_eV for s in systems])
    per_atom = energies / n_atoms[:, None]
    errors = energy_errors(energies[:, 0], energies[:, 1], n_atoms)
    components = np.concatenate([s.forces_eV_A.reshape(-1, 2) for s in systems])
    rmse = float(np.sqrt(np.mean((components[:, 1] - components[:, 0]) ** 2))) * 1e3
    bins: tuple[BinError, ...] = ()
    if len({s.forces_eV_A.shape[1] for s in systems}) == 1:
        # Energies per atom of other compositions cannot be compared.
        forces = np.concatenate([s.forces_eV_A for s in systems])
        edges = energy_bins(per_atom[:, 0], params.validation.energy_bins)
        found = errors_by_energy(
            per_atom[:, 0], per_atom[:, 1], forces[..., 0], forces[..., 1], edges
        )
        bins = tuple(
            BinError(
                one.low_eV_atom,
                one.high_eV_atom,
                one.n_frames,
                one.energy_rmse_shifted_meV_atom,
                one.force_rmse_meV_A,
            )
            for one in found
        )
    points = thinned(len(per_atom), MAX_ENERGIES, derive_seed(params.seed, "parity", "energies"))
    parts = thinned(len(components), MAX_FORCES, derive_seed(params.seed, "parity", "forces"))
    return Parity(
        data=name,
        model=model,
        n_frames=len(energies),
        energy_rmse_meV_atom=errors.as_it_is.rmse,
        energy_rmse_shifted_meV_atom=errors.shifted.rmse,
        force_rmse_meV_A=rmse,
        bins=bins,
        energies_eV_atom=_pairs(per_atom[points]),
        forces_eV_A=_pairs(components[parts]),
        energy_offset_meV_atom=errors.offset_meV_atom,
    )


def _pairs(values: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    return tuple((float(f"{a:.7g}"), float(f"{b:.7g}")) for a, b in values)


def read_details(energies: Path, forces: Path) -> list[Tested]:
    """The frames in the detail files of ``dp test``, system by system.

    Parameters
    ----------
    energies, forces : Path
        ``*.e.out`` and ``*.f.out``; both have a line of comment before each system.

    Raises
    ------
    CalculationError
        If they are not whole.
    """
    found = []
    try:
        for e, f in zip(_sections(energies, 2), _sections(forces, 6), strict=True):
            n_atoms, rest = divmod(len(f), len(e))
            if rest or not n_atoms:
                raise ValueError(f"{len(f)} forces of {len(e)} frames")
            both = f.reshape(len(e), n_atoms, 2, 3).transpose(0, 1, 3, 2)
            if not np.isfinite(e).all() or not np.isfinite(both).all():
                raise ValueError("a number that is not finite")
            found.append(Tested(e, both))
    except (OSError, ValueError, ZeroDivisionError) as error:
        raise CalculationError(
            f"{energies}: the errors of the model cannot be read ({error}); remove its folder and "
            "give the command again"
        ) from error
    if not found:
        raise CalculationError(f"{energies}: dp test has left no frame")
    return found


def _sections(path: Path, columns: int) -> Iterator[NDArray[np.float64]]:
    """The tables of a file, each after its line of comment."""
    rows: list[list[str]] = []
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            if rows:
                yield np.array(rows, dtype=float).reshape(-1, columns)
            rows = []
        elif line.strip():
            rows.append(line.split())
    if rows:
        yield np.array(rows, dtype=float).reshape(-1, columns)
