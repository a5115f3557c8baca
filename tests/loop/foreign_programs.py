"""Stand-ins for GROMACS, Amber, CALYPSO and what labels their frames: the same files, no physics.

``foreign_programs.py NAME ARGUMENTS``; each reads what DP-GEN has prepared for it and refuses to
work if that is not there.
"""

import hashlib
import os
import re
import sys
from pathlib import Path

import numpy as np

N_FRAMES = 5


def rng_of(*texts: str) -> np.random.Generator:
    return np.random.default_rng(int(hashlib.sha256("".join(texts).encode()).hexdigest()[:12], 16))


# -- GROMACS, and DeePMD-kit's deviations of its frames
def gmx(args: list[str]) -> None:
    if args[0] == "grompp":
        assert re.search(r"nsteps\s*=\s*40", Path(args[args.index("-f") + 1]).read_text())
        assert Path(args[args.index("-p") + 1]).exists()
        Path(args[args.index("-o") + 1] + ".tpr").touch()
    elif args[0] == "mdrun":
        name = args[args.index("-deffnm") + 1]
        for end in ("trr", "log"):
            Path(f"{name}.{end}").write_text(Path("input.json").read_text())
    elif args[0] == "trjconv":
        conf = Path("npt.gro").read_text().splitlines()
        rng, text = rng_of(str(Path.cwd())), ""
        for _ in range(N_FRAMES):
            rows = []
            for line in conf[2:-1]:
                at = np.array([line[20:28], line[28:36], line[36:44]], float)
                rows.append(line[:20] + "".join(f"{x:8.3f}" for x in at + rng.normal(0, 0.01, 3)))
            text += "\n".join([*conf[:2], *rows, conf[-1]]) + "\n"
        Path(args[args.index("-o") + 1]).write_text(text)


def frames_of(data: Path) -> np.ndarray:
    """Positions (Angstrom) of all frames of data in DeePMD-kit's format, (n_frames, n_atoms, 3)."""
    coords = [np.load(file) for file in sorted(data.glob("set.*/coord.npy"))]
    return np.concatenate(coords).reshape(sum(map(len, coords)), -1, 3)


def model_devi(args: list[str]) -> None:
    models = args[args.index("-m") + 1 : args.index("-s")]
    assert len(models) == 4 and all(Path(model).exists() for model in models)
    every = int(args[args.index("-f") + 1])
    frames = len(frames_of(Path("traj_deepmd")))
    lines = ["# step max_devi_v min avg max_devi_f min avg"]
    devi = np.linspace(0.0, 1.0, frames)
    lines += [f"{every * i} 0.01 0 0 {devi[i]:.6f} 0.01 0" for i in range(frames)]
    Path("model_devi.out").write_text("\n".join(lines) + "\n")


def g16(args: list[str]) -> None:
    from tests.support import fp_outputs

    rows = [line.split() for line in Path("input").read_text().splitlines()]
    atoms = [row for row in rows if len(row) == 4 and row[0].isalpha()]
    coords = np.array([row[1:] for row in atoms], float)
    energy, forces = fp_outputs.law(coords)
    symbols = [row[0] for row in atoms]
    assert (
        symbols == sorted(symbols, key=["O", "H"].index)
        and symbols.count("O") * 2 == symbols.count("H") > 0
    )
    counts = [symbols.count("O"), symbols.count("H")]
    sample = fp_outputs.Sample(["O", "H"], counts, 50 * np.eye(3), coords, energy, forces)
    fp_outputs.gaussian(Path(), sample)


# -- Amber
def sander(args: list[str]) -> None:
    given = dict(zip(args[1::2], args[2::2], strict=True))
    mdin, top = Path(given["-i"]).read_text(), Path(given["-p"])
    assert top.read_text() == "topology\n" and "@" not in mdin and "%" not in mdin
    if "-y" in given:  # a label: the frame is computed again
        assert Path(given["-y"]).exists()
        for key in ("-o", "-x", "-frc", "-inf", "-r"):
            Path(given[key]).write_text(mdin)
        return
    from ase import Atoms
    from ase.io.netcdftrajectory import write_netcdftrajectory

    assert "../graph.003.pb" in mdin and "nstlim=100" in mdin
    rng = rng_of(str(Path.cwd()))
    frames = [Atoms("OHH", rng.random((3, 3))) for _ in range(N_FRAMES)]
    write_netcdftrajectory(given["-x"], frames)
    text = "     ntx     =       1\n"
    for value in (99.0, *np.linspace(0.0, 25.0, N_FRAMES)):  # kcal/mol/Angstrom
        text += f"Active learning frame written with max. frc. std.:  {value:.4f} kcal/mol/A\n"
    Path(given["-o"]).write_text(text)
    Path(given["-r"]).write_text("restart\n")


def dpamber(args: list[str]) -> None:
    from ase.io.netcdftrajectory import NetCDFTrajectory

    assert args[0] == "corr" and args[args.index("--qm_region") + 1] == ":1"
    positions = NetCDFTrajectory("rc.nc")[0].positions
    data = Path("dataset/O1H2")
    (data / "set.000").mkdir(parents=True)
    (data / "type_map.raw").write_text("O\nH\n")
    (data / "type.raw").write_text("0\n1\n1\n")
    arrays = {
        "box": 30 * np.eye(3),
        "coord": positions,
        "energy": np.array([positions.sum()]),
        "force": np.zeros(9),
    }
    for name, values in arrays.items():
        np.save(data / f"set.000/{name}.npy", values.reshape(1, -1))


# -- CALYPSO, and DP-GEN's scripts in DeePMD-kit's Python
def calypso(args: list[str]) -> None:
    text = Path("input.dat").read_text()
    population = int(re.search(r"PopSize\s*=\s*(\d+)", text)[1])
    step = int(Path("step").read_text()) if Path("step").exists() else 0
    Path("step").write_text(f"{step + 1}")
    rng = np.random.default_rng(step)
    for number in range(1, population + 1):
        rows = "\n".join(" ".join(f"{x:.6f}" for x in row) for row in rng.random((3, 3)))
        Path(f"POSCAR_{number}").write_text(
            f"s\n1.0\n6 0 0\n0 6 0\n0 0 6\nO H\n1 2\nDirect\n{rows}\n"
        )


def deepmd_python(args: list[str]) -> None:
    from ase import Atoms
    from ase.io import read, write
    from ase.io.trajectory import Trajectory

    if args[0] == "calypso_run_opt.py":
        assert Path(args[args.index("--model") + 1]).exists()
        atoms = read("POSCAR")
        with Trajectory("traj.traj", "w") as trajectory:
            for _ in range(3):
                atoms.positions += 0.01
                trajectory.write(atoms)
        for name in ("OUTCAR", "CONTCAR"):
            Path(name).write_text(Path("POSCAR").read_text())
        return
    assert args[0] == "calypso_run_model_devi.py", args
    models = args[args.index("--all_models") + 1 : args.index("--type_map")]
    assert len(models) == 4 and all(Path(model).exists() for model in models)
    header, whole = "# step max_devi_v min avg max_devi_f min avg min_dis\n", []
    for number, folder in enumerate(sorted(Path().glob("*.structures"))):
        frames = frames_of(folder)
        names = (folder / "type_map.raw").read_text().split()
        symbols = [names[int(kind)] for kind in (folder / "type.raw").read_text().split()]
        cells = np.concatenate([np.load(file) for file in sorted(folder.glob("set.*/box.npy"))])
        task, rows = Path(f"task.{number:03d}.000"), []
        (task / "traj").mkdir(parents=True)
        for index in range(len(frames)):
            atoms = Atoms(symbols, frames[index], cell=cells[index].reshape(3, 3), pbc=True)
            write(task / f"traj/{index}.poscar", atoms, format="vasp")
            devi = index / len(frames)
            rows.append(f"{index} 0 0 0 {devi:.6f} 0.01 0 1.5")
            whole.append(f"{len(whole)} 0 0 0 {devi:.6f} 0.01 0 1.5")
        (task / "model_devi.out").write_text(header + "\n".join(rows) + "\n")
    Path("Model_Devi.out").write_text(header + "\n".join(whole) + "\n")
    with Path("../record.calypso").open("a") as record:
        record.write("4")


def main() -> None:
    name, *args = sys.argv[1:]
    crash = os.environ.get("FOREIGN_CRASH", "")
    if crash and crash == name:
        sys.exit(f"FATAL ERROR: {name} has crashed")
    {
        "gmx": gmx,
        "model-devi": model_devi,
        "g16": g16,
        "sander": sander,
        "dpamber": dpamber,
        "calypso.x": calypso,
        "deepmd_python": deepmd_python,
    }[name](args)


if __name__ == "__main__":
    main()
