"""A run's folder made of numbers with known properties: for tests of what reads one."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from wtemlp.analysis.deviation import classify
from wtemlp.analysis.frames import Decision, FrameTable, Phase, save_frames
from wtemlp.analysis.reweighting import distributions
from wtemlp.core import paths
from wtemlp.core.units import KB_EV
from wtemlp.md import energy_file
from wtemlp.md.walker_record import WalkerRecord, write_record
from wtemlp.records.summary import Summary

SIGMA_NVT_EV = 0.45
TRUST = (0.05, 0.20)
TYPE_MAP = ("H", "O")


@dataclass(frozen=True)
class SyntheticRun:
    """Where the run is and what belongs to it."""

    root: Path
    init_data: tuple[Path, ...]


def ar1(rng: np.random.Generator, n: int, sigma: float, decay: float) -> np.ndarray:
    """A Gaussian series of autocorrelation ``decay ** t`` and standard deviation ``sigma``."""
    noise = rng.normal(size=n) * np.sqrt(1 - decay**2)
    series = np.empty(n)
    series[0] = rng.normal()
    for i in range(1, n):
        series[i] = decay * series[i - 1] + noise[i]
    return sigma * series


def write_lcurve(path: Path, rng: np.random.Generator, final_force: float, rows: int = 60) -> None:
    """A learning curve as DeePMD-kit writes it."""
    steps = np.linspace(0, 3000, rows).astype(int)
    fall = (1 + steps / 40.0) ** -0.75
    force = final_force + (1.2 - final_force) * fall
    energy = final_force / 40 + 0.6 * fall**1.5
    noise = np.exp(0.08 * rng.normal(size=(4, rows)))
    columns = np.column_stack(
        [
            steps,
            20 * force * noise[0],
            18 * force * noise[1],
            energy * noise[0],
            0.9 * energy * noise[1],
            force * noise[2],
            0.92 * force * noise[3],
            1e-3 * 10 ** (-2.5 * steps / steps[-1]),
        ]
    )
    names = [
        "step",
        "rmse_val",
        "rmse_trn",
        "rmse_e_val",
        "rmse_e_trn",
        "rmse_f_val",
        "rmse_f_trn",
        "lr",
    ]
    lines = ["# " + "   ".join(names)]
    lines.append("# If there is no available reference data, rmse_*_{val,trn} will print nan")
    lines += [f"{int(row[0]):7d} " + " ".join(f"{v:.2e}" for v in row[1:]) for row in columns]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def write_water(folder: Path, rng: np.random.Generator, frames: int, spread: float) -> Path:
    """Water-like frames on a perturbed lattice, in two sets, as deepmd/npy."""
    side, edge = 3, 9.86
    n_molecules = side**3
    grid = (np.stack(np.meshgrid(*[np.arange(side)] * 3), axis=-1).reshape(-1, 3) + 0.5) / side
    oxygen = grid[None] * edge + spread * rng.normal(size=(frames, n_molecules, 3))
    angle, bond = np.deg2rad(104.52), 0.9572
    local = bond * np.array([[1, 0, 0], [np.cos(angle), np.sin(angle), 0]])
    turns = np.linalg.qr(rng.normal(size=(frames, n_molecules, 3, 3)))[0]
    hydrogen = oxygen[:, :, None] + np.einsum("fmij,hj->fmhi", turns, local)
    hydrogen += 0.02 * rng.normal(size=hydrogen.shape)
    coords = np.concatenate([oxygen[:, :, None], hydrogen], axis=2).reshape(frames, -1)
    folder.mkdir(parents=True, exist_ok=True)
    types = np.tile([1, 0, 0], n_molecules)
    (folder / "type.raw").write_text("\n".join(map(str, types)) + "\n")
    (folder / "type_map.raw").write_text("\n".join(TYPE_MAP) + "\n")
    cells = np.tile((edge * np.eye(3)).ravel(), (frames, 1))
    for i, part in enumerate(np.array_split(np.arange(frames), 2)):
        target = folder / f"set.{i:03d}"
        target.mkdir(exist_ok=True)
        np.save(target / "coord.npy", coords[part])
        np.save(target / "box.npy", cells[part])
    return folder


def _write_colvar(path: Path, time: np.ndarray, columns: dict[str, np.ndarray]) -> None:
    lines = ["#! FIELDS time " + " ".join(columns)]
    rows = np.column_stack([time, *columns.values()])
    lines += [" " + " ".join(f"{value:.9f}" for value in row) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def _walker(
    run: paths.RunPaths, rng: np.random.Generator, iteration: int, task: int, factor: float
) -> tuple[FrameTable, dict]:
    folder = run.explore_task(iteration, 0, task)
    offset = -14700.0 + 3.0 * iteration
    n_nvt, n_wte, stride = 800, 2400, 20
    # the first model's walker at the largest bias factor falls into a hole
    stopped = "step 8400: force deviation 0.91 eV/A above 0.6 eV/A, three times in a row"
    stopped = stopped if iteration == 0 and factor == 64 else ""
    if stopped:
        n_wte = 700
    reached = np.sqrt(factor) * (0.8 + 0.17 * iteration)
    nvt = offset + ar1(rng, n_nvt, SIGMA_NVT_EV, 0.9)
    wte = offset + ar1(rng, n_wte, reached * SIGMA_NVT_EV, 0.97)
    if stopped:
        wte[-60:] -= np.linspace(0, 60, 60)
    bias = np.maximum(0, 0.5 * factor * 0.02585 - (wte - offset) ** 2 / (2 * factor))
    _write_colvar(folder / paths.COLVAR_NVT, 0.005 * np.arange(n_nvt), {"ene": nvt})
    write_record(folder, WalkerRecord(temperature_K=300.0))
    time = 0.005 * (n_nvt + np.arange(n_wte))
    _write_colvar(folder / paths.COLVAR_WTE, time, {"ene": wte, "metad.bias": bias})
    half, kt = len(wte) // 2, KB_EV * 300.0
    # What takes a Gaussian as wide as the walker's to NVT; the files of one walker lack it.
    exact = -kt * (wte - offset) ** 2 / 2 * (1 - 1 / reached**2) / SIGMA_NVT_EV**2
    found = distributions(nvt[n_nvt // 4 :], wte[half:], exact[half:], 300.0, factor)
    if task != 2 or iteration != 1:
        energy_file.write(folder / paths.P_ENERGY, found, 300.0, factor, bool(stopped))
    if stopped:
        (folder / paths.STOPPED).write_text(stopped + "\n")

    phase = np.repeat([int(Phase.NVT), int(Phase.WTE)], [n_nvt // stride, n_wte // stride])
    energy = np.concatenate([nvt[::stride], wte[::stride]])
    n = len(energy)
    excess = np.abs(energy - offset) / SIGMA_NVT_EV
    level = 0.055 if iteration == 0 else 0.033
    deviation = level * np.exp(0.3 * rng.normal(size=n) + 0.12 * excess)
    deviation[0] = np.nan if task == 0 else deviation[0]
    decision = classify(deviation, *TRUST)
    picks = np.flatnonzero(decision == int(Decision.CANDIDATE))
    decision[picks[:: max(1, len(picks) // 12)]] = int(Decision.SELECTED)
    decision[-3:] = int(Decision.FAILED) if stopped else decision[-3:]
    table = FrameTable(
        system=np.zeros(n, int),
        task=np.full(n, task),
        walker=np.zeros(n, int),
        biasfactor=np.full(n, factor),
        temperature_K=np.full(n, 300.0),
        phase=phase,
        step=10 * stride * np.arange(n),
        energy_eV=energy,
        bias_eV=np.concatenate([np.zeros(n_nvt // stride), bias[::stride]]),
        max_devi_f=deviation,
        decision=decision,
    )
    kept = nvt[n_nvt // 4 :]
    row = {
        "name": folder.name,
        "system": 0,
        "biasfactor": factor,
        "temperature_K": 300.0,
        "walker": 0,
        "sigma_nvt_eV": float(kept.std()),
        "mean_nvt_eV": float(kept.mean()),
        "sigma_wte_eV": float(wte.std()),
        "mean_wte_eV": float(wte.mean()),
        "n_nvt": len(kept),
        "n_wte": len(wte),
        "statistical_inefficiency": 19.0,
        "stopped": stopped,
    }
    return table, row


def write_run(root: Path, iterations: int = 2, seed: int = 7) -> SyntheticRun:
    """Write a run: some iterations and a final training."""
    rng = np.random.default_rng(seed)
    run = paths.RunPaths(root)
    initial = root / "data" / "training"
    write_water(initial, rng, 80, 0.28)
    n_train = 80
    for index in range(iterations + 1):
        forces = [130.0 * 0.72**index * np.exp(0.03 * rng.normal()) for _ in range(4)]
        for model, force in enumerate(forces):
            write_lcurve(run.model(index, model) / paths.LCURVE, rng, force / 1000)
        energies = [force / 60 for force in forces]
        summary = Summary(
            iteration=index,
            n_train_frames=n_train,
            energy_rmse_meV_atom=float(np.mean(energies)),
            force_rmse_meV_A=float(np.mean(forces)),
            energy_rmse_models=energies,
            force_rmse_models=forces,
            seconds={"train": 118.0 + 9 * index},
            core_hours={"train": 0.061 + 0.004 * index},
            gpu_hours={"train": 0.0},
        )
        if index < iterations:
            n_train += _explore(run, rng, index, summary)
        run.summary(index).write_text(json.dumps(asdict(summary)))
    return SyntheticRun(root, (initial,))


def _explore(run: paths.RunPaths, rng: np.random.Generator, index: int, summary: Summary) -> int:
    tables = []
    for task, factor in enumerate((1.0, 16.0, 64.0)):
        table, row = _walker(run, rng, index, task, factor)
        tables.append(table)
        summary.walkers.append(row)
    table = FrameTable.concatenate(tables)
    save_frames(run.explored(index), table)
    summary.explored = len(table)
    summary.accurate = table.count(Decision.ACCURATE)
    summary.candidate = table.count(Decision.CANDIDATE, Decision.SELECTED)
    summary.failed = table.count(Decision.FAILED)
    summary.selected = table.count(Decision.SELECTED)
    summary.label_failures = 1 if index == 0 else 0
    summary.labelled = summary.selected - summary.label_failures
    write_water(run.label_data(index, 0), rng, summary.labelled, 0.42)
    summary.seconds |= {"explore": 64.0 + index, "label": 8.5}
    summary.core_hours |= {"explore": 0.033, "label": 0.002}
    summary.gpu_hours |= {"explore": 0.0, "label": 0.0}
    return summary.labelled
