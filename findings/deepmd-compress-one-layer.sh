#!/usr/bin/env bash
# DeePMD-kit 3.2.0 (TensorFlow): `dp compress` fails on embeddings of one layer, and on the activation "silu", which train and freeze well.
#
# The table of an embedding net is made layer by layer; with one layer its result is never assigned. Of the activations that the schema allows,
# those without derivatives in the table's code ("silu", "silut", "linear", "none") are refused there, too, after the training.
#
# Seen: `neuron [4]: UnboundLocalError: cannot access local variable 'zz' where it is not associated with a value`,
# `neuron [4, 4]: compressed`, and `neuron [4, 8], silu: RuntimeError: Unknown activation function type!`.
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


def compressed(name, keys):
    """Train and freeze, which must go well; what compressing says last."""
    folder = Path(name)
    folder.mkdir()
    descriptor = {"type": "se_e2_a", "rcut": 4.5, "rcut_smth": 2.0, "sel": [12], "axis_neuron": 2, "resnet_dt": False, "seed": 1, **keys}
    content = {
        "model": {"type_map": ["Cu"], "descriptor": descriptor, "fitting_net": {"neuron": [8, 8], "seed": 1}},
        "learning_rate": {"type": "exp", "start_lr": 0.01, "stop_lr": 1e-4, "decay_steps": 10},
        "loss": {"type": "ener"},
        "training": {"training_data": {"systems": ["../data"]}, "numb_steps": 20, "disp_freq": 10, "save_freq": 10, "seed": 1},
    }
    (folder / "input.json").write_text(json.dumps(content))
    for words in ("train input.json", "freeze -o model.pb", "compress -i model.pb -o compressed.pb"):
        done = subprocess.run(["dp", *words.split()], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0 or words.startswith("compress"), done.stderr[-2000:]
    errors = [line for line in done.stderr.splitlines() if "Error: " in line]
    return "compressed" if done.returncode == 0 else errors[-1]


cases = {
    "neuron [4]": ({"neuron": [4]}, "UnboundLocalError"),
    "neuron [4, 4]": ({"neuron": [4, 4]}, "compressed"),
    "neuron [4, 8], silu": ({"neuron": [4, 8], "activation_function": "silu"}, "Unknown activation function"),
}
for number, (what, (keys, expected)) in enumerate(cases.items()):
    said = compressed(f"run.{number}", keys)
    print(f"{what}: {said}")
    assert expected in said, "it is another one now"
PY
python work.py 2>/dev/null
