"""``wtemlp lmp`` with ``pair_style deepmd`` and ``fix plumed`` in one process."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.argon import (
    ARGON,
    BIAS,
    FORCES,
    N_ATOMS,
    WATCH,
    cells,
    crystal,
    dump_frames,
)
from tests.support.engines import Run, engine_environment, require_engine, table

pytestmark = pytest.mark.engines


def training_input(seed: int) -> dict:
    """DeePMD-kit's input for a network that learns next to nothing in next to no time."""
    descriptor = {
        "type": "se_e2_a",
        "sel": [60],
        "rcut_smth": 3.0,
        "rcut": 6.0,
        "neuron": [4, 8],
        "axis_neuron": 4,
        "seed": seed,
    }
    return {
        "model": {
            "type_map": ["Ar"],
            "descriptor": descriptor,
            "fitting_net": {"neuron": [8, 8], "seed": seed},
        },
        "learning_rate": {"type": "exp", "start_lr": 0.01, "stop_lr": 1e-5, "decay_steps": 5},
        "loss": {
            "type": "ener",
            "start_pref_e": 0.02,
            "limit_pref_e": 1,
            "start_pref_f": 1000,
            "limit_pref_f": 1,
        },
        "training": {
            "training_data": {"systems": ["../data"], "batch_size": 1},
            "numb_steps": 10,
            "seed": seed,
            "disp_freq": 10,
            "save_freq": 10,
        },
    }


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two frozen DeePMD models of argon that differ by their seed."""
    require_engine("lammps", "deepmd")
    folder = tmp_path_factory.mktemp("models")
    (folder / "in.lammps").write_text(
        crystal(folder, "metal", random=0.03)
        + "dump x all custom 20 x id x y z fx fy fz\n"
        + 'dump_modify x sort id format float "%.17g"\n'
        + 'fix watch all print 20 "$(pe:%.17g)" file pe screen no\nrun 100\n'
    )
    lmp = [sys.executable, "-m", "wtemlp.lammps_plumed.lmp", "-in", "in.lammps", "-screen", "none"]
    subprocess.run(lmp, cwd=folder, env=engine_environment(), check=True, capture_output=True)
    frames, cell = dump_frames(folder / "x", 7), cells(folder / "x")
    data = folder / "data" / "set.000"
    data.mkdir(parents=True)
    np.save(data / "coord.npy", frames[:, :, 1:4].reshape(len(frames), -1))
    np.save(data / "force.npy", frames[:, :, 4:].reshape(len(frames), -1))
    np.save(data / "energy.npy", np.loadtxt(folder / "pe"))
    np.save(data / "box.npy", np.tile(cell.ravel(), (len(frames), 1)))
    (folder / "data" / "type.raw").write_text("0\n" * N_ATOMS)
    (folder / "data" / "type_map.raw").write_text("Ar\n")
    return [_train(folder, seed) for seed in (1, 2)]


def _train(folder: Path, seed: int) -> Path:
    model = folder / f"model{seed}"
    model.mkdir()
    (model / "input.json").write_text(json.dumps(training_input(seed)))
    command = ["train", "input.json", "+", "freeze", "-o", "graph.pb"]
    done = subprocess.run(
        [sys.executable, "-m", "wtemlp.md.dp", *command],
        cwd=model,
        env=engine_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return model / "graph.pb"


def test_four_models_under_a_bias(lmp: Run, tmp_path: Path, tiny_models: list[Path]) -> None:
    require_engine("lammps", "plumed", "deepmd")
    graphs = " ".join(map(str, tiny_models * 2))
    a = ARGON["metal"]
    text = crystal(tmp_path, "metal", random=0.03)
    start, end = text.index("pair_style"), text.index("neighbor")
    committee = f"pair_style deepmd {graphs} out_freq 10 out_file devi\npair_coeff * * Ar\n"
    system = text[:start] + committee + text[end:]
    (tmp_path / "plumed.dat").write_text(
        f"{a.plumed_units}\ne: ENERGY\nr: RESTRAINT ARG=e AT=0 SLOPE=-0.25 KAPPA=0\n"
        "PRINT ARG=e,r.bias FILE=COLVAR FMT=%.17g\n"
    )
    lmp(system + FORCES + "run 0\n")
    bare = dump_frames(tmp_path / "forces", 4)[0]
    lmp(system + BIAS + "fix_modify bias energy no\n" + WATCH + FORCES + "run 30\n")
    biased = dump_frames(tmp_path / "forces", 4)[0]
    assert abs(bare[:, 1:]).max() > 1e-3
    # DeePMD-kit's threads sum in another order each time.
    np.testing.assert_allclose(biased[:, 1:], 0.75 * bare[:, 1:], rtol=1e-8, atol=1e-12)
    colvar, watch = table(tmp_path / "COLVAR"), table(tmp_path / "watch")
    np.testing.assert_allclose(colvar[:, 1], watch[:, 1], rtol=1e-12)
    deviation = table(tmp_path / "devi")
    assert [row[0] for row in deviation] == [0, 10, 20, 30]
    assert deviation[:, 4].min() > 0  # the committee disagrees
