"""Make the numbers of the copper study (design.md): data, models, errors, MD, into three CSV files.

    python benchmarks/evidence/copper/study.py smoke --out runs/evidence

Every step is a command of wtemlp's, so it goes on where it was when it is given again.  Models
that the tables of the folder hold are not made again, so it goes on from these on another machine.
"""

import argparse
import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wtemlp.core.atomic_io import write_json, write_text
from wtemlp.core.versions import installed_versions
from wtemlp.records import validation_record

HERE = Path(__file__).parent
MACHINE = HERE.parents[2] / "machines" / "local.json"
HOME_K = 1200
LADDER_K = (600, 900, 1200, 1500, 2000)
EDGES = (0.94, 0.98, 1.02, 1.06, 1.10)
CRYSTAL_K, MELT_K = (600, 1000, 1200, 1300), (1500, 2000, 2500)
MD_K = (1000, 1500, 2000)
QUANTILES = (10, 50, 90)  #: per cent
TEST_SEED = 1_000_003  #: of no replicate
REFERENCE: dict[str, Any] = {
    "type_map": ["Cu"],
    "fp_style": "lammps",
    "fp_params": {"force_field": "eam-copper"},
    "timestep_fs": 2.0,
}
CRYSTAL = {"bulk": "Cu", "crystal": "fcc", "a_A": 3.68, "supercell": [3, 3, 3]}
MELTED_K = 3500


@dataclass(frozen=True)
class Size:
    """How much is done."""

    arms: tuple[str, ...]
    replicates: int
    labels: tuple[int, ...]
    md_steps: int  #: of the sampling of an arm
    train_steps: int
    test_frames: int
    test_steps: int  #: of the MD of each test set
    stability_steps: int  #: of the MD with the models
    md_K: tuple[int, ...] = MD_K  #: its temperatures


CORE = ("unbiased", "strained", "ladder", "wte16")
ALL = (*CORE, "hot", "wte64", "opes", "unbiased_nvt", "wte16_nvt", "ladder_nvt", "densities")
_FULL = Size(ALL, 8, (60, 240), 200_000, 6000, 200, 200_000, 2_500)
SIZES = {
    "toy": Size(("unbiased", "wte16"), 1, (12,), 4000, 60, 4, 2000, 500, MD_K[:1]),
    "smoke": replace(_FULL, arms=("unbiased", "wte16"), replicates=4, labels=(60,)),
    "core": replace(_FULL, arms=CORE, labels=(60,)),
    **{arm: replace(_FULL, arms=(arm,), labels=(60,)) for arm in ("hot", "opes")},
    "longer": replace(_FULL, arms=("wte16",), labels=(60,), md_steps=400_000),
    "full": _FULL,
}


def run(kelvin: Any, steps: int, frames: int, ensemble: str = "npt", **more: Any) -> dict[str, Any]:
    """A run of an init file."""
    held = {"pressure_bar": 0.0} if ensemble == "npt" else {}
    shape = {"ensemble": ensemble, "temperature_K": kelvin, "steps": steps, "frames": frames}
    return shape | held | more


def runs_of(arm: str, labels: int, steps: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The MD of an arm, and its copies of the crystal."""
    name, _, nvt = arm.partition("_")
    ensemble = "nvt" if nvt or name == "densities" else "npt"
    # At constant volume in the crystal's mean cell at home.
    first = run(HOME_K, steps // 5, 0, ensemble)
    first |= {"npt_steps": steps // 10, "pressure_bar": 0.0} if ensemble == "nvt" else {}
    part, none = labels // 5, {"n_lengths": 0, "single_atoms": False}
    bias = {"height": 1.0, "pace": 20}
    kinds: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
        "unbiased": ([first, run(HOME_K, steps, labels, ensemble)], none),
        "strained": (
            [first, run(HOME_K, steps, labels - part, ensemble)],
            {"n_lengths": part // 2, "perturbed": part - part // 2, "single_atoms": False},
        ),
        "hot": ([run(1600, steps, labels)], none),
        "ladder": ([first, *(run(k, steps // 5, part, ensemble) for k in LADDER_K)], none),
        "opes": (
            [
                first,
                run(
                    HOME_K,
                    steps,
                    labels,
                    wte={
                        "biasfactor": {"window_K": [LADDER_K[0], LADDER_K[-1]]},
                        "method": "opes",
                        "pace": 20,
                    },
                ),
            ],
            none,
        ),
        "densities": ([first, run(HOME_K, steps // 5, part, "nvt", lengths=list(EDGES))], none),
    }
    for factor in (16, 64):
        biased = run(HOME_K, steps, labels, ensemble, wte={"biasfactor": factor} | bias)
        kinds[f"wte{factor}"] = ([first, biased], none)
    return kinds[name]


def init_file(arm: str, replicate: int, labels: int, size: Size) -> dict[str, Any]:
    """The init file of an arm's data."""
    runs, copies = runs_of(arm, labels, size.md_steps)
    system = {"name": "copper", "structure": CRYSTAL, "copies": copies, "runs": runs}
    return {**REFERENCE, "seed": replicate, "validation_fraction": 0.0, "systems": [system]}


def test_file(size: Size) -> dict[str, Any]:
    """The init file of the test sets, one system each."""
    none = {"n_lengths": 0, "single_atoms": False}
    steps, frames = size.test_steps, size.test_frames
    sets = {f"crystal{k}": [run(k, steps, frames)] for k in CRYSTAL_K}
    for kelvin in MELT_K:
        melting = run(MELTED_K, steps // 5, 0)
        sets[f"melt{kelvin}"] = [melting, run(kelvin, steps, frames)]
    bias = {"biasfactor": 16, "height": 1.0, "pace": 20}
    sets["between"] = [run(HOME_K, steps // 5, 0), run(HOME_K, steps, frames, wte=bias)]
    systems = [
        {"name": name, "structure": CRYSTAL, "copies": none, "runs": runs}
        for name, runs in sets.items()
    ]
    return {**REFERENCE, "seed": TEST_SEED, "validation_fraction": 0.0, "systems": systems}


def training(steps: int) -> dict[str, Any]:
    """DeePMD-kit's input."""
    return {
        "model": {
            "descriptor": {
                "type": "se_e2_a",
                "rcut": 5.0,
                "rcut_smth": 3.5,
                "sel": [90],
                "neuron": [8, 16, 32],
                "axis_neuron": 4,
                "resnet_dt": False,
                "precision": "float32",
            },
            "fitting_net": {"neuron": [32, 32, 32], "resnet_dt": True, "precision": "float32"},
        },
        "learning_rate": {"type": "cosine", "start_lr": 0.005, "stop_lr": 1e-5},
        "loss": {
            "start_pref_e": 0.1,
            "limit_pref_e": 10,
            "start_pref_f": 1000,
            "limit_pref_f": 10,
            "start_pref_v": 0,
            "limit_pref_v": 0,
        },
        "training": {"numb_steps": steps, "disp_freq": max(1, steps // 10), "save_freq": steps},
    }


def param_file(
    replicate: int, steps: int, data: list[Path], tests: list[Path], start: Path, size: Size
) -> dict[str, Any]:
    """The parameter file of a run that trains one model, and of its validation."""
    return {
        "seed": replicate,
        "type_map": REFERENCE["type_map"],
        "init_data_sys": [str(one) for one in data],
        "init_batch_size": [1] * len(data),
        "validation_data_sys": [str(one) for one in tests],
        "sys_configs": [[str(start)]],
        "numb_models": 1,
        "dp_compress": True,
        "default_training_param": training(steps),
        "model_devi_engine": "lammps",
        "model_devi_dt": REFERENCE["timestep_fs"] / 1000,
        "model_devi_jobs": [],
        "model_devi_skip": 0,
        "model_devi_f_trust_lo": 0.1,
        "model_devi_f_trust_hi": 1.0,
        "fp_task_max": 1,
        "fp_task_min": 1,
        "fp_style": REFERENCE["fp_style"],
        "fp_params": REFERENCE["fp_params"],
        "validation": {
            "sys_idx": 0,
            "temps": list(size.md_K),
            "ensembles": ["nvt"],
            "reference": False,
            "nvt_steps": size.stability_steps,
            "equil_steps": 0,
        },
    }


def wtemlp(command: str, folder: Path, content: dict[str, Any]) -> None:
    """Run ``wtemlp init``, ``run`` or ``validate`` on a file that is written first."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / ("init.json" if command == "init" else "param.json")
    write_json(file, content)
    words = [sys.executable, "-m", "wtemlp", command, "-C", str(folder), str(file), str(MACHINE)]
    with (folder / f"{command}.out").open("a") as out:
        done = subprocess.run(words, stdout=out, stderr=subprocess.STDOUT, env=os.environ)
    if done.returncode:
        last = (folder / f"{command}.out").read_text().strip().splitlines()[-1]
        raise SystemExit(f"{' '.join(words)}: status {done.returncode}: {last}")


def systems(folder: Path) -> list[Path]:
    """The data that ``wtemlp init`` has written, sorted."""
    return sorted(one.parent for one in (folder / "init" / "data").rglob("type.raw"))


@dataclass(frozen=True)
class Cell:
    """One model: an arm, a replicate, a number of labels, a length of the training."""

    arm: str
    replicate: int
    labels: int
    steps: int


def cells(size: Size) -> list[Cell]:
    """All models of a study, replicate by replicate."""
    return [
        Cell(arm, replicate, labels, steps)
        for replicate in range(1, size.replicates + 1)
        for labels in size.labels
        for arm in size.arms
        for steps in (size.train_steps, size.train_steps // 5)
    ]


def data_of(out: Path, cell: Cell) -> Path:
    """The folder of a model's data."""
    return out / f"data.{cell.labels}" / f"{cell.replicate:02d}.{cell.arm}"


def do_data(out: Path, cell: Cell, size: Size) -> Path:
    """Make an arm's data."""
    folder = data_of(out, cell)
    if not (folder / "done").exists():
        wtemlp("init", folder, init_file(cell.arm, cell.replicate, cell.labels, size))
        (folder / "done").touch()
    return folder


def do_cells(out: Path, group: Sequence[Cell], size: Size) -> None:
    """Train and test models of one data set, one after another."""
    for one in group:
        do_cell(out, one, size)


def do_cell(out: Path, cell: Cell, size: Size) -> None:
    """Train and test a model."""
    data = do_data(out, cell, size)
    folder = place(out, cell)
    if (folder / "done").exists():
        return
    tests = systems(out / "tests")
    start = next(iter(sorted((out / "tests" / "init" / "conf").rglob("*crystal1200*/*"))))
    content = param_file(cell.replicate, cell.steps, systems(data), tests, start, size)
    wtemlp("run", folder, content)
    wtemlp("validate", folder, content)
    (folder / "done").touch()


def place(out: Path, cell: Cell) -> Path:
    """The folder of a model's run."""
    return out / f"models.{cell.labels}" / f"{cell.replicate:02d}.{cell.arm}.{cell.steps}"


def error_rows(out: Path, cell: Cell) -> Iterator[dict[str, Any]]:
    """A model's errors on each test set."""
    found = validation_record.load(place(out, cell) / "validation" / "validation.json")
    for one in found.parity:
        yield {
            **vars(cell),
            "set": Path(one.data).parent.name,  # init/data/NAME/train
            "frames": one.n_frames,
            "force_rmse_meV_A": round(one.force_rmse_meV_A, 3),
            "energy_rmse_shifted_meV_atom": round(one.energy_rmse_shifted_meV_atom, 4),
            "energy_offset_meV_atom": round(float(one.energy_offset_meV_atom or 0), 4),
        }


def md_rows(out: Path, cell: Cell) -> Iterator[dict[str, Any]]:
    """What a model's MD did."""
    found = validation_record.load(place(out, cell) / "validation" / "validation.json")
    for one in found.md:
        mean = one.temperature_K
        yield {
            **vars(cell),
            "kelvin": one.target_K,
            "steps_asked": one.steps,
            "steps_done": one.steps_done,
            "failed": one.failed,
            "mean_K": "" if mean is None else round(mean.value, 2),
        }


def data_rows(out: Path, cell: Cell) -> Iterator[dict[str, Any]]:
    """What the frames are that a model was trained on: quantiles of energy and volume an atom."""
    sets = [one for data in systems(data_of(out, cell)) for one in sorted(data.glob("set.*"))]
    cells = np.concatenate([np.load(one / "box.npy").reshape(-1, 3, 3) for one in sets])
    atoms = np.concatenate([_atoms_of(one) for one in sets])
    energy = np.concatenate([np.load(one / "energy.npy").ravel() for one in sets]) / atoms
    volume = np.abs(np.linalg.det(cells)) / atoms
    yield {
        **vars(cell),
        "frames": len(energy),
        **{f"energy_{q}_eV_atom": round(float(np.quantile(energy, q / 100)), 4) for q in QUANTILES},
        **{f"volume_{q}_A3_atom": round(float(np.quantile(volume, q / 100)), 3) for q in QUANTILES},
    }


def _atoms_of(frames: Path) -> NDArray[np.float64]:
    """The number of atoms of each frame of a set."""
    coords = np.load(frames / "coord.npy")
    return np.full(len(coords), coords.shape[1] / 3)


class Tables:
    """The tables, which hold what has been found; a model in all of them is not made again.

    Parameters
    ----------
    out : Path
        The folder of ``data.csv``, ``errors.csv`` and ``md.csv``.
    """

    def __init__(self, out: Path) -> None:
        self._files = {"data.csv": data_rows, "errors.csv": error_rows, "md.csv": md_rows}
        self._out = out
        self._rows: dict[str, dict[Cell, list[dict[str, Any]]]] = {}
        for name in self._files:
            known = self._rows[name] = {}
            file = out / name
            for row in csv.DictReader(file.open()) if file.exists() else ():
                known.setdefault(cell_of(row), []).append(row)

    def have(self, cell: Cell) -> bool:
        """Whether a model is in all of them."""
        return all(cell in rows for rows in self._rows.values())

    def add(self, cells: list[Cell], order: list[Cell]) -> None:
        """Add models that are done, and write the tables, their rows in this order."""
        for name, of in self._files.items():
            rows = self._rows[name]
            rows |= {cell: list(of(self._out, cell)) for cell in cells if cell not in rows}
            write_rows(self._out / name, [row for one in order for row in rows.get(one, ())])


def cell_of(row: Mapping[str, Any]) -> Cell:
    """The model of a row."""
    return Cell(row["arm"], int(row["replicate"]), int(row["labels"]), int(row["steps"]))


def write_rows(file: Path, rows: list[dict[str, Any]]) -> None:
    """Write a table whole."""
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_text(file, text.getvalue())


def main() -> None:
    """Do what is asked for, and tell how far it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("--out", type=Path, default=Path("runs/evidence"))
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    given = parser.parse_args()
    size, out = SIZES[given.size], (given.out / given.size).resolve()
    todo, tables = cells(size), Tables(out)
    by_data: dict[tuple[int, int, str], list[Cell]] = {}
    for cell in todo:  # models of one data set one after another: they share it
        if not tables.have(cell):
            by_data.setdefault((cell.replicate, cell.labels, cell.arm), []).append(cell)
    if by_data and not (out / "tests" / "done").exists():
        print("test sets", flush=True)
        wtemlp("init", out / "tests", test_file(size))
        (out / "tests" / "done").touch()
    write_json(out / "versions.json", {"size": given.size, **installed_versions()})
    with ThreadPoolExecutor(given.workers) as pool:
        jobs = [pool.submit(do_cells, out, group, size) for group in by_data.values()]
        for job, group in zip(jobs, by_data.values(), strict=True):
            job.result()
            tables.add(group, todo)
            done = sum(map(tables.have, todo))
            print(
                f"{done} of {len(todo)} models: {group[0].arm}, replicate "
                f"{group[0].replicate}, {group[0].labels} labels",
                flush=True,
            )
    print(json.dumps({name: str(out / f"{name}.csv") for name in ("data", "errors", "md")}))


if __name__ == "__main__":
    main()
