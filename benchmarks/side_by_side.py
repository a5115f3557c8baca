"""``dpgen run`` and ``wtemlp run`` with the same files, side by side, as a table.

    python benchmarks/side_by_side.py FOLDER OUT

FOLDER holds ``param.json``, ``machine.json`` and what they name; OUT is made.  Both programs do the
whole run, in ``OUT/dpgen`` and ``OUT/wtemlp``, one after the other (one that is there and finished
stays).  DP-GEN looks at its jobs every 0.5 s instead of every 30.  Then wtemlp sorts the frames of
DP-GEN's own explorations, in ``OUT/sorted.I``: the same models, the same trajectories.
"""

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import dpdata

from wtemlp.analysis.frames import Decision
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.core.paths import RunPaths
from wtemlp.session.progress import Reporter
from wtemlp.stages import select
from wtemlp.stages.context import RunContext
from wtemlp.stages.exploration import explore
from wtemlp.workflow.loop import Loop

DPGEN = """
import dpdispatcher
dpdispatcher.Submission.run_submission.__kwdefaults__["check_interval"] = 0.5
from dpgen.generator.run import run_iter
run_iter("param.json", "machine.json")
"""
WTEMLP = "from wtemlp.cli import main; main()"
PROGRAMS = {
    "dpgen": [sys.executable, "-c", DPGEN],
    "wtemlp": [sys.executable, "-c", WTEMLP, "run", "param.json", "machine.json"],
}
KINDS = {
    "candidate": (Decision.CANDIDATE, Decision.SELECTED),
    "accurate": (Decision.ACCURATE,),
    "failed": (Decision.FAILED,),
}


def run(name: str, source: Path, folder: Path) -> float:
    """Do the whole run; its wall time, s."""
    took = folder.with_suffix(".seconds")
    if not took.exists():
        if folder.exists():
            shutil.rmtree(folder)
        shutil.copytree(source, folder)
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        began = time.monotonic()
        with folder.with_suffix(".log").open("w") as log:
            subprocess.run(
                PROGRAMS[name],
                cwd=folder,
                check=True,
                stdout=log,
                stderr=log,
                env=os.environ | {"PATH": path},
            )
        took.write_text(str(time.monotonic() - began))
    return float(took.read_text())


def tree(folder: Path) -> set[str]:
    """Files of a run; frames and structures are drawn, so their numbers are left out."""
    files = (path.relative_to(folder) for path in folder.glob("iter.*/**/*") if not path.is_dir())
    return {str(file) for file in files if not any(p.startswith(".") for p in file.parts)}


def listed(folder: Path, iteration: int) -> dict[str, int]:
    """Frames in DP-GEN's lists."""
    found: Counter[str] = Counter()
    for file in folder.glob(f"iter.{iteration:06d}/02.fp/*.shuffled.*.out"):
        name = file.name.split(".")[0].removeprefix("rest_")
        found[name] += len(file.read_text().splitlines())
    return dict(found)


def sorted_by_wtemlp(dpgens: Path, iteration: int, folder: Path) -> dict[str, int]:
    """The same frames, sorted by wtemlp: it takes over DP-GEN's run before ``make_fp``."""
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(dpgens, folder, symlinks=True)
    record = folder / "record.dpgen"
    record.write_text(record.read_text().partition(f"{iteration} 6\n")[0])
    paths = RunPaths(folder)
    context = RunContext(
        load_params(folder / "param.json", folder),
        load_machines(folder / "machine.json", folder),
        paths,
    )
    loop = Loop(context, Reporter(None))
    frames, _ = explore.collect(context, iteration)
    decided = select.decide(context, iteration, frames)
    loop.step()
    found = {name: decided.count(*kinds) for name, kinds in KINDS.items()}
    assert found == {**dict.fromkeys(KINDS, 0), **listed(folder, iteration)}
    return found


def data(folder: Path) -> str:
    """Labelled frames as dpdata loads them."""
    found = [
        dpdata.LabeledSystem(str(file.parent), fmt="deepmd/npy")
        for file in sorted(folder.glob("iter.*/02.fp/data.*/**/type.raw"))
    ]
    kinds = {(one.formula, *sorted(map(str, one.data))) for one in found}
    frames = sum(map(len, found))
    return f"{frames} frames in {len(found)} systems: {'; '.join(kind[0] for kind in kinds)}"


def main(source: Path, out: Path) -> None:
    out.mkdir(exist_ok=True)
    seconds = {name: run(name, source, out / name) for name in PROGRAMS}
    theirs, ours = (tree(out / name) for name in PROGRAMS)
    rows = [
        ("wall time, s", *(f"{seconds[name]:.0f}" for name in PROGRAMS)),
        ("files", str(len(theirs)), str(len(ours))),
        ("labelled", *(data(out / name) for name in PROGRAMS)),
    ]
    for iteration in range(len(list((out / "dpgen").glob("iter.*/02.fp")))):
        counts = listed(out / "dpgen", iteration)
        same = sorted_by_wtemlp(out / "dpgen", iteration, out / f"sorted.{iteration}")
        text = (", ".join(f"{one[kind]} {kind}" for kind in KINDS) for one in (counts, same))
        rows.append((f"iteration {iteration} of dpgen's: frames", *text))
    print("| | `dpgen run` | `wtemlp run` |\n|---|---|---|")
    print("\n".join(f"| {' | '.join(row)} |" for row in rows))
    for title, names in (("dpgen's only", theirs - ours), ("wtemlp's only", ours - theirs)):
        kinds = Counter(Path(name).name for name in names)
        print(f"\n{title}: " + ", ".join(f"{kind} ({n})" for kind, n in sorted(kinds.items())))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
