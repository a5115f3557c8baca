"""Shared by tests: label inputs."""

import json
from pathlib import Path

import numpy as np

from tests.support.loop_runs import PARAM, machine
from tests.support.waters import water_box
from wtemlp.analysis.frames import Decision, FrameTable
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.core.paths import RunPaths
from wtemlp.md.dump import write_dump
from wtemlp.md.topology import whole_cluster
from wtemlp.stages import label
from wtemlp.stages.context import RunContext

PP = {"fp_pp_path": "pp", "fp_pp_files": ["O.pp", "H.pp"]}


STYLES = {
    "vasp": {**PP, "fp_incar": "INCAR"},
    "pwscf": {
        **PP,
        "fp_params": {
            "ecut": 30,
            "ediff": 1e-6,
            "smearing": "gauss",
            "sigma": 0.1,
            "kspacing": 2.0,
        },
    },
    "abacus": {
        **PP,
        "fp_orb_files": ["O.orb", "H.orb"],
        "k_points": [1, 1, 1, 0, 0, 0],
        "user_fp_params": {"basis_type": "lcao", "ecutwfc": 50, "cal_force": 1, "cal_stress": 1},
    },
    "siesta": {
        **PP,
        "fp_params": {
            "ecut": 300,
            "ediff": 1e-4,
            "kspacing": 1.0,
            "mixingWeight": 0.05,
            "NumberPulay": 5,
        },
    },
    "gaussian": {
        "fp_params": {"keywords": "force b3lyp/6-31g", "multiplicity": 1, "nproc": 2},
    },
    "cp2k": {
        **PP,
        "fp_params": {
            "FORCE_EVAL": {
                "DFT": {"BASIS_SET_FILE_NAME": "O.pp", "POTENTIAL_FILE_NAME": "H.pp"},
                "SUBSYS": {
                    "KIND": {"_": ["O", "H"], "BASIS_SET": ["a", "b"], "POTENTIAL": ["c", "d"]}
                },
            }
        },
    },
    "pwmat": {**PP, "fp_incar": "etot.input"},
    "cpx": {"fp_params": {"input_fn": "cp", "template_fn": "cp.template"}},
    "custom": {
        "fp_params": {
            "input_fmt": "vasp/poscar",
            "input_fn": "frame.vasp",
            "output_fmt": "deepmd/npy",
            "output_fn": "labelled",
        },
    },
}


CP_TEMPLATE = """&SYSTEM
  ibrav = 0,
  nat = 24,
  ntyp = 2,
/
ATOMIC_SPECIES
O 16.0 O.pp
H 1.0 H.pp
CELL_PARAMETERS angstrom
%CELL%
ATOMIC_POSITIONS angstrom
%POSITIONS%
"""


N_FRAMES = 3


def write_input(
    root: Path, style: str, keys: dict | None = None, command: str = "sh engine.sh"
) -> None:
    """The input of a run with a style, and the files that it names."""
    (root / "pp").mkdir(parents=True)
    for name in ("O.pp", "H.pp", "O.orb", "H.orb"):
        (root / "pp" / name).write_text(f"of {name}\n")
    (root / "INCAR").write_text("ENCUT = 400\nKSPACING = 0.5\nKGAMMA = .TRUE.\nNSW = 0\n")
    (root / "etot.input").write_text("8 1\nin.atom=atom.config\nmp_n123=1 1 1 0 0 0\n")
    (root / "cp.template").write_text(CP_TEMPLATE)
    content = {k: v for k, v in PARAM.items() if k != "fp_params"}
    content |= {"fp_style": style, **(keys or STYLES[style])}
    (root / "param.json").write_text(json.dumps(content))
    sections = {name: machine(command) for name in ("train", "model_devi", "fp")}
    content = {"api_version": "1.0", "deepmd_version": "3.2.0", **sections}
    (root / "machine.json").write_text(json.dumps(content))


def waters() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Types, frames and cell: the atoms are not sorted, the cell is skew."""
    frames = [water_box(2, 6.4, seed=1, noise=0.01 * (k + 1)) for k in range(N_FRAMES)]
    cell = np.array([[6.4, 0, 0], [0.3, 6.4, 0], [0.2, 0.1, 6.4]])
    return frames[0][0], np.array([frame[1] for frame in frames]), cell


def explore(
    root: Path, types: np.ndarray, frames: np.ndarray, cell: np.ndarray, system: int = 0
) -> FrameTable:
    """Explored frames of one task of a system, all of them chosen."""
    task = root / f"iter.000000/01.model_devi/task.{system:03d}.000000"
    (task / "traj").mkdir(parents=True)
    (task / "job.json").write_text("{}\n")
    lines = ["# step v v v max_devi_f f f"]
    for step, coords in enumerate(frames):
        file = task / "traj" / f"{10 * step}.lammpstrj"
        write_dump(file, [10 * step], cell[None], types + 1, coords[None])
        lines.append(f"{10 * step} 0 0 0 0.5 0 0")
    (task / "model_devi.out").write_text("\n".join(lines) + "\n")
    n = len(frames)
    zeros, ones = np.zeros(n), np.ones(n)
    return FrameTable(
        system=zeros.astype(int) + system,
        task=zeros.astype(int),
        walker=zeros.astype(int),
        biasfactor=16 * ones,
        temperature_K=300 * ones,
        phase=ones.astype(int),
        step=10 * np.arange(n),
        energy_eV=zeros,
        bias_eV=zeros,
        max_devi_f=0.5 * ones,
        decision=np.full(n, Decision.SELECTED),
    )


def prepared(root: Path, style: str, keys: dict | None = None) -> RunContext:
    """An iteration whose frames are ready to be labelled."""
    write_input(root, style, keys)
    types, frames, cell = waters()
    if style == "gaussian":  # without a cell: a cluster in the middle of a wide box
        whole, cell = whole_cluster(frames[0], cell), 2.5 * cell
        frames = frames - frames[0] + whole + (cell.sum(axis=0) / 2 - whole.mean(axis=0))
    table = explore(root, types, frames, cell)
    context = RunContext(
        load_params(root / "param.json", root, check_files=False),
        load_machines(root / "machine.json", root),
        RunPaths(root),
    )
    label.prepare(context, 0, table)
    return context


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def arrays(folder: Path) -> dict[str, np.ndarray]:
    """What is trained on; one folder of data, whatever it is called."""
    (raw,) = {path.parent for path in folder.rglob("type.raw")}
    names = (raw / "type_map.raw").read_text().split()
    kinds = [names[int(kind)] for kind in (raw / "type.raw").read_text().split()]
    names = {file.name for file in raw.glob("set.000/*.npy")}
    sets = sorted(raw.glob("set.*"))
    found = {Path(n).stem: np.concatenate([np.load(s / n) for s in sets]) for n in names}
    return {**found, "elements": np.array(kinds), "nopbc": np.array((raw / "nopbc").exists())}


def loaded(root: Path, check_files: bool = False):
    return (
        load_params(root / "param.json", root, check_files=check_files),
        load_machines(root / "machine.json", root),
    )


def by_lammps(entry: dict | None = None, **changes: object) -> dict:
    """Changes of a parameter file: plain MD, with some keys of its entry and of the file."""
    job = {"sys_idx": [0], "temps": [300], "ensemble": "nvt", "nsteps": 100, "trj_freq": 10}
    return {"model_devi_engine": "lammps", "model_devi_jobs": [job | (entry or {})]} | changes
