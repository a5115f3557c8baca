"""Runs that ``dpgen run`` and ``wtemlp run`` do with the same files: 27 waters, and very little."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.engines import engine_environment
from tests.support.loop_runs import PARAM, write_data
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.core.paths import RunPaths
from wtemlp.records.state import Done, Step
from wtemlp.session.progress import Reporter
from wtemlp.stages.context import RunContext
from wtemlp.workflow.loop import Loop

HERE = Path(__file__).parents[1] / "engines"
OURS = ("seed", "validation_data_sys", "reference_check")
TEMPLATE = """units metal
boundary p p p
atom_style atomic
neighbor 1.0 bin
box tilt large
if "${restart} > 0" then "read_restart dpgen.restart.*" else "read_data conf.lmp"
change_box all triclinic
mass 1 15.9994
mass 2 1.008
pair_style deepmd
pair_coeff * * O H
thermo 10
velocity all create V_TEMP V_SEED mom yes rot no dist gaussian
fix 1 all nvt temp V_TEMP V_TEMP 0.1
timestep 0.0001
dump dpgen_dump
variable TEMP equal V_TEMP
variable PRES equal -1
run V_NSTEPS
"""


def job(**changes: object) -> dict:
    return {
        "sys_idx": [0, 1],
        "trj_freq": 5,
        "template": {"lmp": "lmp.in"},
        "rev_mat": {"lmp": {"V_NSTEPS": [20], "V_TEMP": [330], "V_SEED": [7]}},
    } | changes


def machine(command: str) -> dict:
    return {
        "command": command,
        "machine": {
            "batch_type": "Shell",
            "context_type": "LocalContext",
            "local_root": "./",
            "remote_root": "./.work",
        },
        "resources": {
            "number_node": 1,
            "cpu_per_node": 1,
            "gpu_per_node": 0,
            "group_size": 1,
            "queue_name": "",
            "envs": {
                "OMP_NUM_THREADS": "1",
                "DP_INTRA_OP_PARALLELISM_THREADS": "1",
                "DP_INTER_OP_PARALLELISM_THREADS": "1",
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
        },
    }


def write_input(folder: Path, **changes: object) -> Path:
    """Write the files of a run that DP-GEN takes as well."""
    folder.mkdir(parents=True)
    write_data(folder)
    (folder / "lmp.in").write_text(TEMPLATE)
    param = (
        {key: value for key, value in PARAM.items() if key not in OURS}
        | {
            "sys_configs": [["conf/0.POSCAR"], ["conf/1.POSCAR"]],
            "numb_models": 2,
            "dp_compress": False,
            "dp_train_skip_neighbor_stat": True,
            "default_training_param": {
                **PARAM["default_training_param"],
                "training": {"numb_steps": 2, "disp_freq": 1, "save_freq": 2},
            },
            "model_devi_engine": "lammps",
            "model_devi_f_trust_lo": 0.0,
            "model_devi_f_trust_hi": 1000.0,
            "model_devi_clean_traj": False,
            "model_devi_jobs": [job(), job()],
            "fp_style": "custom",
            "fp_params": {
                "input_fmt": "vasp/poscar",
                "input_fn": "POSCAR_in",
                "output_fmt": "deepmd/npy",
                "output_fn": "labeled",
            },
            "fp_task_max": 2,
            "fp_task_min": 1,
            "ratio_failed": 0.0,
        }
        | changes
    )
    param = {key: value for key, value in param.items() if value is not ...}
    (folder / "param.json").write_text(json.dumps(param, indent=1))
    sections = {
        "train": machine("wtemlp dp"),
        "model_devi": machine("wtemlp lmp"),
        "fp": machine(f"{sys.executable} {HERE / 'tip3p_label.py'}"),
    }
    (folder / "machine.json").write_text(
        json.dumps({"api_version": "1.0", "deepmd_version": "3.2.0", **sections}, indent=1)
    )
    return folder


def environment() -> dict[str, str]:
    programs = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return engine_environment(PATH=programs, TF_CPP_MIN_LOG_LEVEL="3")


def dpgen(*runs: tuple[Path, int, Path | str]) -> dict[str, str]:
    """Let DP-GEN do some steps in some folders; how each ended, by folder."""
    given = [[str(folder), n_steps, str(snapshots)] for folder, n_steps, snapshots in runs]
    done = subprocess.run(
        [sys.executable, str(HERE / "dpgen_program.py"), json.dumps(given)],
        env=environment(),
        cwd=runs[0][0],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


class Ours:
    """``wtemlp run`` in a folder, step by step, in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.said = folder, []
        root = RunPaths(folder)
        params = load_params(folder / "param.json", folder)
        machines = load_machines(folder / "machine.json", folder)
        reporter = Reporter(root.live, command="run", files=["param.json", "machine.json"])
        reporter.say = self.said.append
        self.loop = Loop.open(RunContext(params, machines, root), reporter)

    @property
    def next(self) -> tuple[int, Step]:
        return self.loop.state.iteration, self.loop.state.step

    def go_on(self, n_steps: int = 1) -> None:
        for _ in range(n_steps):
            self.loop.step()


def after(folder: Path) -> Done:
    """The last step in a folder's record."""
    iteration, step = (folder / "record.dpgen").read_text().splitlines()[-1].split()
    return Done(int(iteration), Step(int(step)))
