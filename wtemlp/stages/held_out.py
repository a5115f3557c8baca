"""The test of each model on the validation data: ``dp test``, and what is kept of it."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wtemlp.analysis.parity import relative_energies
from wtemlp.core.errors import CalculationError

LOG = "validation.log"
ENERGIES = "validation.e_peratom.out"  #: eV/atom, by the reference and by the model
#: What else ``dp test`` writes: text of every force, which may be gigabytes.
_REST = "validation.f.out validation.v.out validation.v_peratom.out validation.e.out"


def command(model_file: str, data: str) -> str:
    """The words of ``dp`` that test a model on the systems in a folder."""
    return f"test -m {model_file} -s {data} -n 0 -l {LOG} -d validation"


def clean() -> str:
    """Shell command that removes what nobody reads."""
    return f"rm -f {_REST}"


def read_errors(folder: Path) -> dict[str, float]:
    """Errors of a model over all validation systems.

    Parameters
    ----------
    folder : Path
        Of its training.

    Returns
    -------
    dict
        ``energy_rmse_meV_atom`` (as it is) and ``force_rmse_meV_A``; and, unless an earlier
        version has tested it, ``energy_rmse_shifted_meV_atom``, ``energy_one_minus_r`` and
        ``energy_offset_meV_atom`` (:func:`wtemlp.analysis.parity.relative_energies`).

    Raises
    ------
    CalculationError
        If ``dp test`` has left no errors.
    """
    log = folder / LOG
    text = log.read_text()
    energy = re.findall(r"Energy RMSE/Natoms\s*:\s*(\S+) eV", text)
    force = re.findall(r"Force\s+RMSE\s*:\s*(\S+) eV", text)
    if not energy or not force:
        raise CalculationError(f"{log}: no errors in the output of dp test")
    found = {
        "energy_rmse_meV_atom": 1e3 * float(energy[-1]),
        "force_rmse_meV_A": 1e3 * float(force[-1]),
    }
    file = folder / ENERGIES
    return found | (_relative(folder, file) if file.is_file() else {})


@dataclass(frozen=True)
class HeldOutEnergies:
    """Energies of the validation data, eV/atom; arrays of shape (n_frames,)."""

    reference: NDArray[np.float64]
    model: NDArray[np.float64]
    composition: NDArray[np.str_]  #: what each frame's composition is called

    @property
    def without_offset(self) -> NDArray[np.float64]:
        """Model less reference, less the mean over its composition."""
        difference: NDArray[np.float64] = self.model - self.reference
        _, group, counts = np.unique(self.composition, return_inverse=True, return_counts=True)
        means: NDArray[np.float64] = np.bincount(group, difference)[group] / counts[group]
        return difference - means


def read_energies(folder: Path) -> HeldOutEnergies | None:
    """What ``dp test`` has written of the energies; None: nothing that can be read.

    Parameters
    ----------
    folder : Path
        Of a model's training.
    """
    try:
        return _energies(folder, folder / ENERGIES)
    except (OSError, ValueError):
        return None


def _energies(folder: Path, file: Path) -> HeldOutEnergies:
    sections = list(_sections(file))
    energies = np.concatenate([table for _, table in sections])
    composition = np.repeat(
        [_composition(folder, system) for system, _ in sections],
        [len(table) for _, table in sections],
    )
    return HeldOutEnergies(energies[:, 0], energies[:, 1], composition)


def _relative(folder: Path, file: Path) -> dict[str, float]:
    try:
        both = _energies(folder, file)
        found = relative_energies(both.reference, both.model, both.composition)
    except (OSError, ValueError) as error:
        raise CalculationError(
            f"{file}: the energies of dp test cannot be read ({error})"
        ) from error
    errors = {
        "energy_rmse_shifted_meV_atom": found.rmse_meV_atom,
        "energy_one_minus_r": found.one_minus_r,
        "energy_offset_meV_atom": found.offset_meV_atom,
    }
    return {key: value for key, value in errors.items() if math.isfinite(value)}


def _sections(file: Path) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """The tables of a file of ``dp test``, each with the system that its line of comment names."""
    for part in re.split(r"^# ?", file.read_text(), flags=re.MULTILINE)[1:]:
        head, _, rows = part.partition("\n")
        table = np.array(rows.split(), dtype=float).reshape(-1, 2)
        yield head.rpartition(":")[0], table


def _composition(folder: Path, system: str) -> str:
    """What a system of data is made of, as "H H O"; where that cannot be seen, its name."""
    names, types = folder / system / "type_map.raw", folder / system / "type.raw"
    if not types.is_file() or list(types.parent.glob("set.*/real_atom_types.npy")):
        return system  # one file (HDF5), or a frame has atoms of its own
    known = names.read_text().split() if names.is_file() else None
    kinds = types.read_text().split()
    return " ".join(sorted(known[int(kind)] if known else kind for kind in kinds))
