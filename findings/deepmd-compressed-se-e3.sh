#!/usr/bin/env bash
# DeePMD-kit 3.2.0 (TensorFlow): a compressed model of the descriptor se_e3 is another one in a thin shell of distances.
#
# `dp compress` tabulates the embedding nets, finely for what the training data hold, coarsely beyond. Of `se_e2_a` the tabulated model is the
# model everywhere. Of `se_e3` it is so on the data and far from them; a little below their shortest distance, in a shell of some hundredths of an
# Angstrom, its energy jumps and its forces are off by hundreds of eV/Angstrom. `dp test` on data does not see it; MD comes there sooner
# or later, and explodes from one step to the next, with a small model deviation a few steps before.
#
# Seen: `se_e2_a: forces differ by up to 6e-14 eV/A`, and `se_e3: forces differ by up to 4e+02 eV/A, 0.05 A below the nearest of the data, where
# the model's are 1.5`.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check "deepmd-kit[cpu]==3.2.0" tensorflow-cpu==2.21.0 numpy==2.4.6
cd "$dir"
export PATH="$dir/venv/bin:$PATH" TF_CPP_MIN_LOG_LEVEL=3 OMP_NUM_THREADS=1
export DP_INTRA_OP_PARALLELISM_THREADS=1 DP_INTER_OP_PARALLELISM_THREADS=1
cat > work.py <<'PY'
import json
import subprocess
from pathlib import Path

import numpy as np
from deepmd.infer import DeepPot

rng, data = np.random.default_rng(0), Path("data")
(data / "set.000").mkdir(parents=True)
corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * 2.6
coords = corners + rng.uniform(-0.15, 0.15, size=(20, 8, 3))
pulls = corners.mean(axis=0) - coords
arrays = {"coord": coords, "force": pulls, "energy": 0.5 * (pulls**2).sum(axis=(1, 2))}
arrays["box"] = np.tile(np.eye(3) * 20, (20, 1, 1))
for name, values in arrays.items():
    np.save(data / "set.000" / f"{name}.npy", values.reshape(20, -1))
(data / "type.raw").write_text("0\n" * 8)
(data / "type_map.raw").write_text("Cu\n")
pairs = np.linalg.norm(coords[:, :, None] - coords[:, None], axis=-1) + 9 * np.eye(8)
nearest = pairs.min()


def worst(kind, keys):
    """Train, freeze, compress; the largest difference of the forces in a scan of one distance, and where."""
    folder = Path(kind)
    folder.mkdir()
    descriptor = {"type": kind, "rcut": 4.5, "rcut_smth": 2.0, "sel": [12], "neuron": [4, 8], "resnet_dt": False, "seed": 1, **keys}
    content = {
        "model": {"type_map": ["Cu"], "descriptor": descriptor, "fitting_net": {"neuron": [8, 8], "seed": 1}},
        "learning_rate": {"type": "exp", "start_lr": 0.01, "stop_lr": 1e-4, "decay_steps": 50},
        "loss": {"type": "ener"},
        "training": {"training_data": {"systems": ["../data"]}, "numb_steps": 200, "disp_freq": 100, "save_freq": 100, "seed": 1},
    }
    (folder / "input.json").write_text(json.dumps(content))
    for words in ("train input.json", "freeze -o model.pb", "compress -i model.pb -o compressed.pb"):
        done = subprocess.run(["dp", *words.split()], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
    models = [DeepPot(str(folder / name)) for name in ("model.pb", "compressed.pb")]
    found = []
    for distance in np.arange(nearest - 0.2, nearest + 0.2, 0.001):
        atoms = np.array([[0, 0, 0], [distance, 0, 0], [0, 2.6, 0], [0, 0, 2.7]])
        forces = [model.eval(atoms.reshape(1, -1), np.eye(3).reshape(1, 9) * 20, [0] * 4)[1] for model in models]
        found.append((np.abs(forces[0] - forces[1]).max(), distance, np.abs(forces[0]).max()))
    return max(found)


for kind, keys in (("se_e2_a", {"axis_neuron": 2}), ("se_e3", {})):
    apart, distance, force = worst(kind, keys)
    print(f"{kind}: forces differ by up to {apart:.1g} eV/A, {nearest - distance:.2f} A below the nearest of the data, where the model's are {force:.1f}")
    assert apart > 10 if kind == "se_e3" else apart < 1e-3, "compressed models are others now"
PY
python work.py 2>/dev/null
