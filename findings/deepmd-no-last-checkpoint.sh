#!/usr/bin/env bash
# DeePMD-kit 3.2.0 (TensorFlow): a training can end with success and leave no model, or not its last one.
#
# Checkpoints are saved in the block that prints the learning curve: at steps that are multiples of `save_freq` and of `disp_freq`.
# At the end one more is saved, but only if the last step is no multiple of `save_freq`, as if the loop had saved that. So with
# `numb_steps` a multiple of `save_freq` and not of `disp_freq` the last state is lost; where no step is a multiple of both,
# there is no checkpoint at all. `dp train` ends with 0 and without a word; `dp freeze` then finds no checkpoint.
#
# Seen: `save_freq 10, disp_freq 10: 10 20; save_freq 7, disp_freq 15: 20; save_freq 10, disp_freq 15: none`.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check "deepmd-kit[cpu]==3.2.0" tensorflow-cpu==2.21.0 numpy==2.4.6
cd "$dir"
export PATH="$dir/venv/bin:$PATH" TF_CPP_MIN_LOG_LEVEL=3 OMP_NUM_THREADS=1
export DP_INTRA_OP_PARALLELISM_THREADS=1 DP_INTER_OP_PARALLELISM_THREADS=1
cat > work.py <<'PY'
import json
import re
import subprocess
from pathlib import Path

import numpy as np

rng, data = np.random.default_rng(0), Path("data")
(data / "set.000").mkdir(parents=True)
coords = np.array([[0, 0, 0], [2.5, 0, 0], [0, 2.5, 0], [0, 0, 2.5]]) + 0.1 * rng.normal(size=(4, 4, 3))
arrays = {"coord": coords, "force": rng.normal(size=(4, 4, 3)), "energy": -10.0 - np.arange(4.0)}
arrays["box"] = np.tile(np.eye(3) * 9, (4, 1, 1))
for name, values in arrays.items():
    np.save(data / "set.000" / f"{name}.npy", values.reshape(4, -1))
(data / "type.raw").write_text("0\n" * 4)
(data / "type_map.raw").write_text("Cu\n")
descriptor = {"type": "se_e2_a", "rcut": 4.0, "rcut_smth": 1.0, "sel": [8], "neuron": [2], "axis_neuron": 1, "seed": 1}
said = []
for save_freq, disp_freq in ((10, 10), (7, 15), (10, 15)):
    folder = Path(f"{save_freq}-{disp_freq}")
    folder.mkdir()
    training = {"training_data": {"systems": ["../data"]}, "numb_steps": 20, "seed": 1}
    training |= {"save_freq": save_freq, "disp_freq": disp_freq}
    content = {
        "model": {"type_map": ["Cu"], "descriptor": descriptor, "fitting_net": {"neuron": [2], "seed": 1}},
        "learning_rate": {"type": "exp", "start_lr": 1e-3, "stop_lr": 1e-5, "decay_steps": 5},
        "loss": {"type": "ener"},
        "training": training,
    }
    (folder / "input.json").write_text(json.dumps(content))
    done = subprocess.run(["dp", "train", "--skip-neighbor-stat", "input.json"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    steps = {int(step) for file in folder.glob("model.ckpt-*") if (step := re.match(r"model.ckpt-(\d+)", file.name)[1])}
    said.append(f"save_freq {save_freq}, disp_freq {disp_freq}: {' '.join(map(str, sorted(steps))) or 'none'}")
print("; ".join(said))
seen = "save_freq 10, disp_freq 10: 10 20; save_freq 7, disp_freq 15: 20; save_freq 10, disp_freq 15: none"
assert "; ".join(said) == seen, "checkpoints are saved at other steps now"
PY
python work.py
