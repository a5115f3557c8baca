"""A small run with real engines: 32 waters, one iteration."""

import json
import shutil
from pathlib import Path

from tests.support import program
from tests.support.engines import engine_environment
from tests.support.loop_runs import PARAM, ROOT, Run, job
from wtemlp.config.keys.labels import ForceField

FORCE_FIELD = ForceField(cutoff_A=6.0, kspace_accuracy=1e-5)

INIT = {
    "seed": 3,
    "type_map": ["O", "H"],
    "n_molecules": 32,
    "force_field": {"name": "tip3p-flexible", "cutoff_A": 6.0, "kspace_accuracy": 1e-5},
    "temperature_K": 300,
    "pressure_bar": 1.0,
    "timestep_fs": 0.5,
    "npt_steps": 2000,
    "nvt_steps": 8000,
    "frames_per_ensemble": 24,
    "validation_fraction": 0.09,
    "starting_structures": 1,
    "output": "init",
}


def write_input(folder: Path) -> None:
    folder.mkdir()
    param = PARAM | {
        "init_data_prefix": "init/data",
        "sys_configs": [["init/conf/*.POSCAR"]],
        "reference_check": "refuse",
        "numb_models": 2,  # four are those of the quickstart: `make run`
        "fp_task_max": 12,
        "fp_params": {"force_field": "tip3p-flexible", "cutoff_A": 6.0, "kspace_accuracy": 1e-5},
        "model_devi_f_trust_lo": 0.05,
        "model_devi_f_trust_hi": 2.0,
        "model_devi_jobs": [
            job()
            | {
                "nsteps": 600,
                "trj_freq": 20,
                "wte": {
                    "biasfactor": [9],
                    "nvt_steps": 600,
                    "pace": 20,
                    "guard": {"temp_factor": 6},
                },
            }
        ],
        "default_training_param": {
            "model": {
                "descriptor": {
                    "type": "se_e2_a",
                    "rcut": 4.0,
                    "rcut_smth": 0.5,
                    "sel": [20, 40],
                    "neuron": [4, 8, 16],
                    "axis_neuron": 4,
                },
                "fitting_net": {"neuron": [16, 16], "resnet_dt": True},
            },
            "learning_rate": {"type": "exp", "start_lr": 0.02, "stop_lr": 1e-3, "decay_steps": 20},
            "loss": {
                "type": "ener",
                "start_pref_e": 0.02,
                "limit_pref_e": 1,
                "start_pref_f": 1000,
                "limit_pref_f": 20,
            },
            "training": {"numb_epoch": 28, "disp_freq": 50, "save_freq": 1000},
        },
    }
    (folder / "param.json").write_text(json.dumps(param))
    (folder / "init_param.json").write_text(json.dumps(INIT))
    (folder / "machine.json").write_text((ROOT / "machines/local.json").read_text())


def make_run(folder: Path) -> Run:
    """``wtemlp init`` and ``wtemlp run`` in a new folder, undisturbed."""
    write_input(folder)
    words = ("init", "init_param.json", "machine.json")
    done = program.run(*words, cwd=folder, timeout=600, **engine_environment())
    assert done.returncode == 0, done.stderr
    run = Run(folder)
    run.finish()
    return run


def with_models_of(run: Run, folder: Path, **changes: object) -> Run:
    """Another run whose first training is done: its models are those of a run that is there.

    ``wtemlp run`` takes it over, as from a ``dpgen run`` that has come that far.
    """
    write_input(folder)
    param = json.loads((folder / "param.json").read_text()) | changes
    (folder / "param.json").write_text(json.dumps(param))
    (folder / "init").symlink_to(run.folder / "init")
    trained = "iter.000000/00.train"
    shutil.copytree(run.folder / trained, folder / trained, symlinks=True)
    (folder / "record.dpgen").write_text("0 0\n0 1\n0 2\n")
    return Run(folder)
