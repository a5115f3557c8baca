"""A sweep's folder made of synthetic runs: for tests of what compares them."""

import json
from pathlib import Path

import numpy as np

from tests.support.synthetic import TRUST, TYPE_MAP, write_run
from wtemlp.core.paths import RunPaths
from wtemlp.records import state, sweep_record
from wtemlp.records import validation_record as validations
from wtemlp.records.sweep_record import Arm, Sweep
from wtemlp.records.validation_record import (
    GOOD,
    BinError,
    Diffusion,
    Estimate,
    MdRun,
    Parity,
    Validation,
)

LABELS = 24  #: of each iteration
ARMS = (
    Arm("g1", "g1-s1", 1.0, 300.0, "deviation", 1, "unbiased"),
    Arm("g16", "g16-s1", 16.0, 300.0, "deviation", 1),
    Arm("g16", "g16-s2", 16.0, 300.0, "deviation", 2),
    Arm("g16-random", "random-s1", 16.0, 300.0, "random", 1, "random"),
)
#: By which their errors fall from one iteration to the next.
FALL = {"g1": 0.9, "g16": 0.6, "g16-random": 0.7}


def write_sweep(root: Path, iterations: int = 2) -> Sweep:
    """Write a sweep with runs, a training of 80 frames with 3000 steps of one, and validations.

    The force errors of model ``m`` in iteration ``i`` are ``(100 + m) FALL ** i + seed`` meV/A.
    """
    for arm in ARMS:
        write_arm(root / arm.folder, arm, iterations)
    sweep = Sweep("param.json", "machine.json", LABELS, ARMS)
    sweep_record.save(root / sweep_record.FILE, sweep)
    return sweep


def write_arm(folder: Path, arm: Arm, iterations: int = 2) -> None:
    """Write one run of a sweep."""
    folder.mkdir(parents=True)
    write_run(folder, iterations, seed=arm.seed)
    run = RunPaths(folder)
    for file in (folder / "data" / "training").glob("set.*"):
        np.save(file / "energy.npy", np.zeros(len(np.load(file / "coord.npy"))))
    for index in range(iterations + 1):
        _change_summary(run.summary(index), arm, index)
        (run.train(index) / "data.init").symlink_to(folder / "data")
        (run.train(index) / "data.valid").mkdir()
        (run.train(index) / "data.valid" / "000").symlink_to(folder / "data" / "training")
        training = {"training_data": {"systems": ["../data.init/training"], "batch_size": [1]}}
        (run.model(index, 0) / "input.json").write_text(json.dumps({"training": training}))
    state.save(
        run,
        state.RunState(
            seed=arm.seed,
            type_map=TYPE_MAP,
            numb_models=4,
            trust=(TRUST,),
            params="param.json",
            machine="machine.json",
            n_iterations=iterations,
            iteration=iterations,
            step=state.Step.POST_TRAIN,
            finished="all iterations are done",
        ),
    )
    (folder / validations.FOLDER).mkdir()
    validations.save(folder / validations.FOLDER / validations.FILE, _validation(arm))


def _change_summary(file: Path, arm: Arm, index: int) -> None:
    summary = json.loads(file.read_text())
    forces = [(100 + model) * FALL[arm.name] ** index + arm.seed for model in range(4)]
    summary |= {
        "force_rmse_models": forces,
        "force_rmse_meV_A": float(np.mean(forces)),
        "energy_rmse_models": [one / 50 + 3 for one in forces],
        "energy_shifted_models": [one / 50 for one in forces],
        "energy_one_minus_r_models": [one / 1e4 for one in forces],
        "energy_offset_models": [3.0 for one in forces],
        "energy_rmse_meV_atom": float(np.mean(forces)) / 50 + 3,
        "n_train_frames": 80 + LABELS * index,
        "selection": arm.selection,
        "core_hours": dict.fromkeys(summary["seconds"], 2.0),
    }
    for walker in summary["walkers"]:
        width = walker["sigma_wte_eV"] / walker["sigma_nvt_eV"] / walker["biasfactor"] ** 0.5
        walker["biasfactor"] = arm.biasfactor
        walker["sigma_wte_eV"] = width * walker["sigma_nvt_eV"] * arm.biasfactor**0.5
    file.write_text(json.dumps(summary))


def _validation(arm: Arm) -> Validation:
    fall = FALL[arm.name]
    bins = tuple(
        BinError(-60 + 0.01 * b, -59.99 + 0.01 * b, 20, 1 + 0.3 * b, 30 + 10 * b * fall)
        for b in range(4)
    )
    md = tuple(
        MdRun(
            potential,
            model,
            "nve",
            300.0,
            "md",
            0.5,
            81,
            1000,
            1000,
            diffusion=(Diffusion("O", Estimate(value, 0.1), None, None, (2.0, 10.0)),),
        )
        for potential, model, value in (("reference", None, 5.0), ("model", 0, 5 * fall))
    )
    return Validation(
        iteration=2,
        models=(0, 1),
        reference="TIP3P",
        verdict="the models hold",
        answer=GOOD,
        md=md,
        parity=tuple(Parity("held-out", m, 80, 2.0, 1.5, 50.0, bins) for m in range(2)),
        rdf_distance={"O-O 300 K": Estimate(0.03, 0.004)},
        rdf_noise={"O-O 300 K": 0.02},
    )
