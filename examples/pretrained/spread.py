"""Hold the deviation of committees against their errors: ``python spread.py DATA TRAIN...``.

DATA is a folder of labelled frames (deepmd/npy), each TRAIN one of four models (``00.train``).
"""

import sys
from pathlib import Path

import dpdata
import numpy as np
from deepmd.infer import DeepPot

from wtemlp.analysis.deviation import calibrate, largest_force_errors

data, *committees = sys.argv[1:]
frames = dpdata.LabeledSystem(data, fmt="deepmd/npy")
n_frames, n_atoms = len(frames), frames.get_natoms()
known = frames["forces"]
for folder in committees:
    models = [DeepPot(str(file)) for file in sorted(Path(folder).glob("*/frozen_model.pth"))]
    of = [model.get_type_map().index(name) for model in models[:1] for name in frames["atom_names"]]
    types = np.array(of)[frames["atom_types"]]
    energies, forces = zip(
        *(model.eval(frames["coords"], frames["cells"], types)[:2] for model in models), strict=True
    )
    forces = np.array(forces)
    spread = forces - forces.mean(axis=0)
    deviation = np.sqrt((spread**2).sum(axis=-1).mean(axis=0)).max(axis=1)
    found = calibrate(deviation, largest_force_errors(forces, known))
    offset = (np.array(energies)[..., 0] - frames["energies"]).mean() / n_atoms
    rmse = np.sqrt(((forces - known) ** 2).mean())
    print(
        f"{folder}: {n_frames} frames, force error {1e3 * rmse:.0f} meV/A, energy offset "
        f"{1e3 * offset:.1f} meV/atom, deviation {1e3 * np.median(deviation):.0f} meV/A (median), "
        f"error over deviation {found.ratio:.2f} (x/ {found.scatter:.2f}), "
        f"rank correlation {found.rank_correlation:.2f}"
    )
