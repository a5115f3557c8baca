"""Shared by tests: initial data."""

from pathlib import Path

import numpy as np

from tests.support.params import GOOD, POSCAR, WATER, changed, load, root  # noqa: F401

N = 4


BOX = np.diag([9.0, 9.5, 10.0])


def arrays(n: int = N, shift: float = 0.0) -> dict[str, np.ndarray]:
    """Labelled frames of one water, no two alike."""
    rng = np.random.default_rng(5)
    coords = np.ravel(WATER) + 0.02 * rng.standard_normal((n, 9)) + shift
    return {
        "coord": coords,
        "box": np.tile(BOX.ravel(), (n, 1)),
        "energy": -30 - 0.1 * np.arange(n) - shift,
        "force": rng.standard_normal((n, 9)),
        "virial": rng.standard_normal((n, 9)),
    }


def write(
    folder: Path,
    data: dict[str, np.ndarray] | None = None,
    name: str = "set.000",
    types: str = "0\n1\n1\n",
    names: str | None = "O\nH\n",
) -> Path:
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "type.raw").write_text(types)
    if names is not None:
        (folder / "type_map.raw").write_text(names)
    for key, array in (arrays() if data is None else data).items():
        np.save(folder / name / f"{key}.npy", array)
    return folder
