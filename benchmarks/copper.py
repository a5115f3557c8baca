"""Copper from its crystal by ``wtemlp init``: the data of several benchmarks."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wtemlp.core.atomic_io import write_json

MACHINE = Path(__file__).parents[1] / "machines" / "local.json"
CRYSTAL = {"bulk": "Cu", "crystal": "fcc", "a_A": 3.68, "supercell": [3, 3, 3]}  #: 108 atoms


def md(kelvin: float, steps: int, frames: int, **more: Any) -> dict[str, Any]:
    """A run of an init file, at zero pressure if nothing else is said."""
    shape = {"ensemble": "npt", "temperature_K": kelvin, "pressure_bar": 0}
    return {**shape, "steps": steps, "frames": frames, **more}


def init(
    folder: Path, seed: int, systems: Sequence[Mapping[str, Any]], timestep_fs: float = 4
) -> Path:
    """The folder that ``wtemlp init`` writes, which goes on where it was killed."""
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        none = {"n_lengths": 0, "single_atoms": False}
        content = {
            "seed": seed,
            "type_map": ["Cu"],
            "fp_style": "lammps",
            "fp_params": {"force_field": "eam-copper"},
            "timestep_fs": timestep_fs,
            "systems": [{"structure": CRYSTAL, "copies": none, **one} for one in systems],
            "validation_fraction": 0.0,
        }
        write_json(folder / "init.json", content)
        words = [sys.executable, "-m", "wtemlp", "init", "-C", str(folder), "init.json"]
        with (folder / "init.out").open("a") as out:
            done = subprocess.run([*words, str(MACHINE)], stdout=out, stderr=subprocess.STDOUT)
        if done.returncode:
            raise SystemExit(f"wtemlp init ended with {done.returncode}: {folder / 'init.out'}")
        (folder / "done").touch()
    return folder / "init"
