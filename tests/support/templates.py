"""Shared by tests: templates."""

import json
from pathlib import Path

from wtemlp.config.machine.sections import load_machines
from wtemlp.core.paths import RunPaths
from wtemlp.stages.context import RunContext

EV = "UNITS LENGTH=A TIME=ps ENERGY=eV\n"


LMP = """units metal
read_data conf.lmp
pair_style deepmd
pair_coeff
timestep V_DT
dump dpgen_dump
velocity all create V_TEMP V_VELOCITY_SEED
fix dpgen_plm
fix_modify dpgen_plm energy no
run $(V_NVT_STEPS+V_NSTEPS)
# V_UNUSED
"""


DPGEN_LMP = LMP.replace("$(V_NVT_STEPS+V_NSTEPS)", "V_NSTEPS").replace("V_DT", "0.001")


DPGEN_PLM = EV + "ene: ENERGY\nMETAD ARG=ene SIGMA=V_W FILE=H.V_TEMP\n"


SEEDS = {"0": {"lmp": {"V_VELOCITY_SEED": [1, 2, 3]}}, "1": {"lmp": {"V_VELOCITY_SEED": [4]}}}


DPGEN_JOB = {
    "model_devi_engine": "lammps",
    "model_devi_plumed": True,
    "model_devi_jobs": [
        {
            "sys_idx": [0, 1],
            "traj_freq": 10,
            "template": {"lmp": "in.lammps", "plm": "in.plumed"},
            "rev_mat": {
                "lmp": {"V_NSTEPS": [1000, 2000], "V_TEMP": [300]},
                "plm": {"V_W": [0.5, "0.25"]},
            },
            "sys_rev_mat": SEEDS,
        }
    ],
}


def make_context(root: Path, params) -> RunContext:
    machine = {
        "command": "lmp",
        "machine": {"batch_type": "Shell", "local_root": "./", "context_type": "LazyLocalContext"},
        "resources": {"group_size": 1},
    }
    (root / "machine.json").write_text(
        json.dumps(
            {
                "api_version": "1.0",
                "deepmd_version": "3.2.0",
                **dict.fromkeys(("train", "model_devi", "fp"), machine),
            }
        )
    )
    train = root / "iter.000000/00.train"
    train.mkdir(parents=True, exist_ok=True)
    for model in range(4):
        (train / f"graph.{model:03d}.pb").touch()
    return RunContext(params, load_machines(root / "machine.json", root), RunPaths(root))
